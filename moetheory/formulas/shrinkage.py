"""What a coefficient keeps of the truth, and the moments on which it depends (docs §2, §10)."""

from __future__ import annotations

from typing import Any

import numpy as np

from moetheory.common.arrays import FloatArray


def shrinkage_denominator(variance: Any, penalty: Any) -> Any:
    r"""The denominator :math:`v+c` of the kept share :math:`v/(v+c)` and of the lost share.

    At :math:`v = c = 0` the denominator is 1: the kept share is 0.

    Parameters
    ----------
    variance, penalty : arrays or scalars
        :math:`v`, the clean variance or second moment; :math:`c`, the noise variance plus the
        ridge.
    """
    return shrinkage(variance, penalty)[0]


def lost_numerator(variance: Any, penalty: Any) -> Any:
    r"""The numerator :math:`c` of the lost share :math:`c/(v+c)`.

    At :math:`v = c = 0` the numerator is 1, as is `shrinkage_denominator`: all is lost. Arguments
    as for `shrinkage_denominator`.
    """
    if np.min(penalty) == 0.0:
        return np.where(np.equal(variance + penalty, 0.0), 1.0, penalty)
    return penalty


def shrinkage(variance: Any, penalty: Any) -> tuple[Any, Any]:
    """The `shrinkage_denominator` and the `lost_numerator`, at less cost than one by one."""
    total = variance + penalty
    if np.min(penalty) == 0.0:
        nothing = np.equal(total, 0.0)
        return np.where(nothing, 1.0, total), np.where(nothing, 1.0, penalty)
    return total, penalty


def second_moment(probability: Any, signal: Any, leakage: Any) -> FloatArray:
    r"""Clean second moment of a coordinate over the mixture, :math:`h = p\lambda + (1-p)\nu`.

    The arguments are :math:`p, \lambda, \nu`.
    """
    moment = probability * signal
    if np.any(leakage):
        moment = moment + (1.0 - probability) * leakage
    return np.asarray(moment)


def mean_noise(probability: Any, noise: Any, interference: Any) -> Any:
    r"""Noise variance of a coordinate over the mixture, :math:`\bar n = n + (1-p)\kappa`.

    The arguments are :math:`p, n, \kappa`.
    """
    if not np.any(interference):
        return noise
    return noise + (1.0 - probability) * interference


def with_ridge(noise: Any, ridge: Any) -> Any:
    r"""What shrinks a coefficient, :math:`n+\mu`; without ridge it is ``noise`` itself."""
    return noise + ridge if np.any(ridge) else noise

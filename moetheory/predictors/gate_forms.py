"""What each coordinate costs a mixture whose gate reads the input, given its square."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from moetheory.common.arrays import FloatArray, block_sums
from moetheory.formulas.population import expert_coefficients
from moetheory.predictors.coordinate_laws import CoordinateLaw
from moetheory.problem.model import BlockModel


class GateForms(NamedTuple):
    r"""Means of the parts of each coordinate in the forms Q of docs/theory.md §6, at test time.

    With :math:`\theta'` the best coefficients at test time, t those in use, and
    :math:`\theta^0 = b\nu/(\nu+n'+\kappa')` what leaks into an inactive block.

    Attributes
    ----------
    law : CoordinateLaw
        The variances of test inputs: idle :math:`\nu+n'+\kappa'`, active :math:`\lambda+n'`.
    missed, met, cross : (d,) arrays
        :math:`\theta'^2`, :math:`E(\theta'-t)^2` and :math:`\theta'(\theta'-Et)`, times ``active``.
    wrong : (d,) array
        :math:`Et^2 - 2\theta^0Et`, times ``idle``.
    infinite : (K,) mask
        Experts with coefficients of infinite variance, which the forms leave out.
    """

    law: CoordinateLaw
    missed: FloatArray
    met: FloatArray
    cross: FloatArray
    wrong: FloatArray
    infinite: Any

    @classmethod
    def of(
        cls, model: BlockModel, law: CoordinateLaw, mean: FloatArray, variance: Any = 0.0
    ) -> GateForms:
        """The forms of coefficients of this ``mean`` and ``variance``, (d,), for a test ``law``."""
        best = expert_coefficients(law.signal, model.coefficients, law.noise, 0.0)
        off, unbounded = best - mean, np.broadcast_to(np.isinf(variance), model.dim)
        infinite = block_sums(unbounded.astype(np.float64), model.block_of) > 0.0
        variance = np.where(unbounded, 0.0, variance)
        missed, met, cross = (
            law.active * each for each in (best**2, off**2 + variance, best * off)
        )
        wrong = (mean**2 + variance) * law.idle_variances
        wrong = wrong - 2.0 * model.coefficients * law.leakage * mean
        return cls(law, missed, met, cross, wrong, infinite)

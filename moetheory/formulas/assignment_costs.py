r"""What it costs that groups share an expert, in positive form (docs/theory.md §11).

An expert that is used with probability P adds :math:`F_g(P)` for each of its groups g to the excess
risk, without ridge

.. math:: F_g(P) = \sum_{m\in g} b^2\Big(\big(p\lambda + (P-p)\nu\big) :
          \big(Pn + (P-p)\kappa\big) + (1-P)\nu\Big), \qquad x : y = \frac{xy}{x+y},

in the notation of `population`. Only P depends on the other groups of the expert.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.formulas import shrinkage, sums


class SharingTerms(NamedTuple):
    r"""What `sharing_costs` needs of each coordinate, (d,) arrays.

    Attributes
    ----------
    spread : array
        :math:`b^2p\,(\lambda(n+\kappa)-\nu n)^2/((\lambda+n)(\nu+n+\kappa))`.
    alone : array
        :math:`p(\lambda+n)`; 1 where ``spread`` is 0.
    slope : array
        :math:`\nu+n+\kappa`.
    seen : array or scalar
        :math:`b^2\nu^2/(\nu+n+\kappa)`: what an expert gains that sees what leaks.
    """

    spread: FloatArray
    alone: FloatArray
    slope: FloatArray
    seen: Any


def sharing_terms(
    probability: FloatArray,
    signal: FloatArray,
    leakage: Any,
    coefficient: FloatArray,
    noise: Any,
    interference: Any,
) -> SharingTerms:
    r"""The `SharingTerms` of coordinates.

    Parameters
    ----------
    probability, signal, leakage, coefficient, noise, interference : arrays or scalars
        :math:`p, \lambda, \nu, b, n, \kappa` of each coordinate.
    """
    active = shrinkage.shrinkage_denominator(signal, noise)
    idle = shrinkage.shrinkage_denominator(leakage, noise + interference)
    contrast = signal * interference + noise * (signal - leakage)
    spread = np.square(coefficient) * probability * (contrast / active) * (contrast / idle)
    alone = np.where(spread > 0.0, probability * active, 1.0)
    slope = np.broadcast_to(leakage + noise + interference, spread.shape)
    seen = np.square(coefficient) * leakage * (leakage / idle) if np.any(leakage) else 0.0
    return SharingTerms(spread, alone, slope, seen)


def sharing_costs(others: FloatArray, block_of: IntArray, terms: SharingTerms) -> FloatArray:
    r"""What the groups of an expert lose by each other's company, shape (...).

    With u the probability of the other groups of the expert of g,

    .. math:: \sum_g F_g(p_g+u_g) - F_g(p_g) = \sum_m u\,b^2\Big(
              \frac{p\,(\lambda(n+\kappa)-\nu n)^2}{(\lambda+n)(\nu+n+\kappa)
              \big(p(\lambda+n)+u(\nu+n+\kappa)\big)} - \frac{\nu^2}{\nu+n+\kappa}\Big),

    for strict blocks a sum of positive terms. One expert for all groups, :math:`u = 1-p`, costs
    the `population.gap`.

    Parameters
    ----------
    others : (..., K) array
        :math:`u_g`; 0 for the groups of other experts, which are not in the sum.
    block_of : (d,) integer array
        The block of each coordinate.
    terms : SharingTerms
        The `sharing_terms` of all coordinates.
    """

    def term(u: Any, spread: Any, alone: Any, slope: Any, seen: Any) -> FloatArray:
        return np.asarray(u * (spread / (alone + u * slope) - seen))

    return sums.total(term, others, block_of, *terms)

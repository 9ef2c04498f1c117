r"""Gauss rules over the scores of blocks, with running integrals (docs/theory.md §6, The k best).

A score is :math:`a_j + z_j`, and near zero the density of :math:`z_j`, a sum of :math:`\nu`
weighted chi-squares, is :math:`z^{\nu/2-1}` times an analytic function: analytic in
:math:`\sqrt z`. So panels begin at all a, the first panel after each is ruled in
:math:`\sqrt z`, and no other is longer than twice its distance from the last a.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from moetheory.common.arrays import FloatArray
from moetheory.formulas import chisquares

LONGEST = 3.0  # of a panel: exp(-t exp(score)) is a step of width 1
MOST_FALL = 14.0  # of the logarithm of a density within a panel
FAR = 80.0  # a density so far below its peak, in logarithms, is no longer resolved
NEGLIGIBLE = 1e-17  # probability below which the first panel of a large block may end
SMALL = 20.0  # degrees up to which a panel that begins at an a resolves the density
LEAST = 1e-6  # length of a first panel, in units of twice the least weight
SHORT = 0.3  # of a panel: a rest that is shorter is no panel of its own
MOST_PANELS = 1 << 12


class Law(NamedTuple):
    """The laws of a score a + z: weights and degrees of the chi-squares in z, idle and active.

    Attributes
    ----------
    a : float
    weights : (2, I) array
    degrees : (I,) array
    """

    a: float
    weights: FloatArray
    degrees: FloatArray


class Panels(NamedTuple):
    """Nodes of a Gauss rule in each of P panels, in the order of the scores.

    Attributes
    ----------
    starts : (P,) array
        The last a at or below each panel.
    lefts : (P,) array
        How far above it the panel begins.
    offsets : (P, n) array
        How far above it the nodes are: nodes close to an a keep their digits.
    slopes : (P, n) array
        Derivatives of the scores by the variable of the rule, which goes from -1 to 1.
    """

    starts: FloatArray
    lefts: FloatArray
    offsets: FloatArray
    slopes: FloatArray


class Rule(NamedTuple):
    """Gauss-Legendre rule for the integral from -1 to 1, and those from and to each node.

    Attributes
    ----------
    nodes, weights : (n,) arrays
    above, below : (n, n) arrays
        Row i gives the integral of the interpolating polynomial from node i to 1, and from -1
        to node i.
    """

    nodes: FloatArray
    weights: FloatArray
    above: FloatArray
    below: FloatArray


def gauss_rule(number: int) -> Rule:
    r"""The `Rule` with this number of nodes.

    With :math:`P_m` the Legendre polynomials, the polynomial through values :math:`g_j` is
    :math:`\sum_m(m+\tfrac12)P_m\sum_jw_jP_m(u_j)g_j`, and :math:`\int_u^1P_m =
    (P_{m-1}(u)-P_{m+1}(u))/(2m+1)`.

    Interpolation errs by a multiple of :math:`P_n`, which is orthogonal to polynomials of lower
    degree. So the rule of a product of a function and a running integral is nearly as accurate as
    that of a single function.

    >>> rule = gauss_rule(5)
    >>> float(rule.weights @ (rule.nodes**3 * (rule.above @ rule.nodes**4))), -2 / 45
    (-0.044444, -0.044444)
    """
    nodes, weights = np.polynomial.legendre.leggauss(number)
    legendre = np.polynomial.legendre.legvander(nodes, number)
    orders = np.arange(1, number)
    integrals = np.column_stack(
        [1.0 - nodes, (legendre[:, :-2] - legendre[:, 2:]) / (2.0 * orders + 1.0)]
    )
    halves = np.arange(number) + 0.5
    above = (integrals * halves) @ (legendre[:, :-1].T * weights)
    return Rule(nodes, weights, above, weights - above)


def score_panels(
    laws: Sequence[Law],
    start: float,
    top: float,
    rule: Rule,
    share: float = 1.0,
    quantile: float = 1.0,
) -> Panels:
    """Panels from the score ``start``, one of the a, to ``top``.

    Parameters
    ----------
    laws : sequence of Law
    start, top : float
    rule : Rule
    share : float
        How much of its greatest length a panel has.
    quantile : float
        Probability of a lower score at which the first panel after each a is to end at most.

    Raises
    ------
    ArithmeticError
        More than 4096 panels would be needed.
    """
    ends = [
        [
            chisquares.exponent_point(FAR, weights, law.degrees, upper=True)
            for weights in law.weights
        ]
        for law in laws
    ]
    begins = sorted({law.a for law in laws if law.a >= start})
    found: list[tuple[float, float, float]] = []
    for begin, following in zip(begins, [*begins[1:], top], strict=True):
        left, end = 0.0, following - begin
        while left < end:
            length = share * min(
                _longest(law, (begin - law.a) + left, each, quantile)
                for law, each in zip(laws, ends, strict=True)
            )
            right = left + length if left + (1.0 + SHORT) * length < end else end
            found.append((begin, left, right))
            left = right
            if len(found) > MOST_PANELS:
                raise ArithmeticError(
                    f"the scores spread over more than {MOST_PANELS} panels of a quadrature"
                )
    starts, lefts, rights = (values[:, np.newaxis] for values in np.array(found).T)
    unit = 0.5 * (1.0 + rule.nodes)
    root = np.sqrt(rights) * unit
    first = lefts == 0.0
    offsets = np.where(first, root**2, lefts + (rights - lefts) * unit)
    slopes = np.where(first, np.sqrt(rights) * root, 0.5 * (rights - lefts))
    return Panels(starts[:, 0], lefts[:, 0], offsets, slopes)


def _longest(law: Law, z: float, ends: Sequence[float], quantile: float) -> float:
    """The length of a panel that begins at z of this law."""
    from scipy import special

    if z < 0.0:
        return LONGEST
    degrees = float(law.degrees.sum())
    if z == 0.0:
        scale = special.gammaincinv(0.5 * degrees, quantile if degrees <= SMALL else NEGLIGIBLE)
        return min(LONGEST, 2.0 * float(law.weights.min()) * min(max(float(scale), LEAST), 1.0))
    length = LONGEST
    for weights, end in zip(law.weights, ends, strict=True):
        if z < end:
            steepest = max(0.5 * degrees / z, 0.5 / float(weights.max()))
            length = min(length, 2.0 * z, MOST_FALL / steepest)
    return length

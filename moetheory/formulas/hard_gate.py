r"""Routing probabilities and excess risk of the hard gate (docs/theory.md §6, Hard routing).

A sample goes to the block with the largest score :math:`\log W_j = a_j + z_j`. Given the group the
scores are independent, so everything is an integral over the largest score :math:`\zeta`. With
:math:`F_l, f_l` the distribution function and density of the score of block l while inactive,
:math:`F^1_g, f^1_g` those while active, :math:`G^1_g(\zeta) = E[q_g;\,a_g+z_g\le\zeta]` while
active and :math:`g_j = f_j\,E[q_j \mid \zeta]` while inactive, for :math:`j \ne g`

.. math:: P(g \to j) = \int f_j\,F^1_g\prod_{l\ne g,j}F_l\,d\zeta, \quad
          E[q_g;\,g\to j] = \int f_j\,G^1_g\prod_{l\ne g,j}F_l\,d\zeta, \quad
          E[q_j;\,g\to j] = \int g_j\,F^1_g\prod_{l\ne g,j}F_l\,d\zeta .

A group is *signal-free* if its block has no signal, or if the group is never drawn: no block is
active for its samples. Groups that are recognised for certain are left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.formulas import chisquares
from moetheory.formulas.block_evidence import Block, sum_over_other_blocks

COARSE = 256  # nodes that look for where the integrands are
DROP = 45.0  # e^-45 is below the rounding of what it is added to
FAR = 800.0  # logarithm beyond which nothing is represented
WIDEST = 300.0  # in logarithms of a score: over which an integrand falls by e^-150 at least
FLOOR = -690.0  # logarithm of a probability beside which everything else vanishes
SMALLEST = 1e-250  # of which relative accuracy is asked
CLOSE = 1e-6  # largest relative change by the last halving of the step, which squares the error
MOST_NODES = 1 << 18
WRONG = 1e-8  # largest deviation from 1 of a sum of routing probabilities
ROUNDING = 1e-12  # relative


class HardRouting(NamedTuple):
    """Routing probabilities and excess risks by class of blocks with signal.

    Attributes
    ----------
    to_other : (C, C) array
        Probability that a sample of a group of class c goes to one given other block of class e.
    to_own, to_signal_free : (C,) arrays
        Probability that it goes to its own block, to the most probable group without signal.
    excess : (C,) array
        Its mean excess risk over oracle routing.
    signal_free_to_block, signal_free_to_signal_free : (C,) array and float
        Probability that a sample of a signal-free group goes to one given block of class e, to
        the most probable group without signal.
    signal_free_excess : float
        What the chosen experts add to the risk of a sample of a signal-free group.
    error : float
        Estimate of the largest relative error of all these numbers.
    """

    to_other: FloatArray
    to_own: FloatArray
    to_signal_free: FloatArray
    excess: FloatArray
    signal_free_to_block: FloatArray
    signal_free_to_signal_free: float
    signal_free_excess: float
    error: float


def union_bound(experts: ArrayLike, size: ArrayLike, ratio: ArrayLike) -> FloatArray:
    r"""Bound on the probability of misrouting, equal isotropic blocks and equal probabilities.

    .. math:: (K-1)\,I_{1/(1+\varrho)}(s/2, s/2), \qquad
              \varrho = \frac{\lambda+n}{n+\kappa} \ge 1,

    I the regularised incomplete beta function: K-1 times the probability that the energy of one
    inactive block exceeds that of the active one. Not capped at 1. The arguments are
    :math:`K, s, \varrho`.

    >>> union_bound(16, 16, 4.0)
    array(0.06359625)
    """
    from scipy import special

    half = np.asarray(size, dtype=np.float64) / 2.0
    one = special.betainc(half, half, 1.0 / (1.0 + np.asarray(ratio, dtype=np.float64)))
    return np.asarray((np.asarray(experts, dtype=np.float64) - 1.0) * one)


def hard_routing(blocks: Sequence[Block], counts: IntArray, constant: float = 0.0) -> HardRouting:
    r"""Routing probabilities and excess risk of the hard gate.

    The integrals are those of the module; :math:`P(g \to g) = \int f^1_g\prod_{l\ne g}F_l\,d\zeta`,
    and the excess of group g is :math:`\sum_{j\ne g}E[q_g + q_j;\,g\to j]`. Trapezoid rule in
    :math:`v = \log(\zeta - A)`, where A is the least value of the largest score.

    Parameters
    ----------
    blocks, counts : sequence of C Block, (C,) integer array
        The distinct blocks with signal, one for each class, and how many blocks are in the class.
    constant : float
        The largest probability of a drawn group without signal; 0 without such groups. Its
        score is constant, and a sample goes there where all other scores are below.
    """
    if counts.sum() == 1 and constant == 0.0:
        never, always = np.zeros(1), np.ones(1)
        q = float(blocks[0].inactive_q.sum())
        return HardRouting(never[np.newaxis], always, never, never, always, 0.0, q, 0.0)
    scores = _Scores(blocks, counts, math.log(constant) if constant > 0.0 else -math.inf)
    lower, upper = scores.window()
    number = scores.nodes(lower, upper)
    step = (upper - lower) / number
    total = scores.integrals(lower + step * np.arange(number + 1.0), step)
    change = math.inf
    while change > CLOSE:
        middle = np.arange(lower + 0.5 * step, upper, step)
        if len(middle) > MOST_NODES:
            raise ArithmeticError(
                f"routing probabilities are not found to within {CLOSE:g} by {len(middle)} nodes"
            )
        finer = [0.5 * (a + b) for a, b in zip(total, scores.integrals(middle, step), strict=True)]
        change = max(_relative_change(old, new) for old, new in zip(total, finer, strict=True))
        total, step = finer, 0.5 * step
    to_other, to_own, excess, signal_free_to_block, signal_free_excess = total
    below_constant = scores.below_constant()
    rows = to_other @ counts - np.diagonal(to_other) + to_own + below_constant.probability
    # every part has an integral of its own: rows sum to 1 only if all parts are right
    deviation = float(np.abs(rows - 1.0).max())
    if not deviation <= WRONG:
        raise ArithmeticError(f"routing probabilities sum to 1 only to within {deviation:.1g}")
    return HardRouting(
        to_other=to_other,
        to_own=to_own,
        to_signal_free=below_constant.probability,
        excess=excess + below_constant.excess,
        signal_free_to_block=signal_free_to_block,
        signal_free_to_signal_free=below_constant.signal_free_probability,
        signal_free_excess=float(signal_free_excess),
        error=change**2 + scores.error + deviation + ROUNDING,
    )


def _relative_change(old: FloatArray, new: FloatArray) -> float:
    """The largest relative change of numbers that are not negligible."""
    relevant = np.abs(new) > SMALLEST
    return float(np.max(np.abs(old - new)[relevant] / np.abs(new)[relevant], initial=0.0))


class _BelowConstant(NamedTuple):
    """Probability that all scores are below the constant one, and the excess risk there.

    The first two are for a sample of each class, (C,), the last for one of a signal-free group.
    """

    probability: FloatArray
    excess: FloatArray
    signal_free_probability: float


class _Scores:
    """The laws of all scores, and the integrands at given nodes.

    Arguments as for `hard_routing`, except that ``constant`` is the constant score, -inf without.
    """

    def __init__(self, blocks: Sequence[Block], counts: IntArray, constant: float) -> None:
        self.blocks, self.counts = blocks, counts
        priors = np.array([block.log_prior for block in blocks])
        offsets = np.array([block.offset for block in blocks])
        # A - a for each class: with equal priors tiny offsets keep their digits
        self.a_gaps = (constant - priors) - offsets
        self.is_constant_least = constant > -math.inf and bool(np.all(self.a_gaps >= 0.0))
        if not self.is_constant_least:
            top = int(np.argmax(priors + offsets))
            self.a_gaps = (priors[top] - priors) + (offsets[top] - offsets)
            self.a_gaps -= self.a_gaps.min()
        self.error = 0.0  # the largest relative one of all laws so far

    def _law(self, law: Callable[..., chisquares.Logs], *arguments: FloatArray) -> FloatArray:
        """The logarithms that ``law`` gives, with its error taken into account."""
        logs = law(*arguments)
        self.error = max(self.error, logs.error)
        return logs.values

    def cdfs(self, above: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        r"""Logarithms of :math:`F, F^1, G^1` at A + ``above``, each (C, N)."""
        inactive, active, with_q = [], [], []
        for block, a_gap in zip(self.blocks, self.a_gaps, strict=True):
            z, degrees = a_gap + above, block.degrees
            weights, q = block.active_weights, block.active_q
            inactive.append(self._law(chisquares.log_cdf, z, block.inactive_weights, degrees))
            active.append(self._law(chisquares.log_cdf, z, weights, degrees))
            with_q.append(self._law(chisquares.log_cdf, z, weights, degrees, q))
        return np.stack(inactive), np.stack(active), np.stack(with_q)

    def densities(self, above: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        r"""Logarithms of :math:`f, g, f^1` at A + ``above``, each (C, N)."""
        inactive, with_q, active = [], [], []
        for block, a_gap in zip(self.blocks, self.a_gaps, strict=True):
            z, degrees = a_gap + above, block.degrees
            weights = block.inactive_weights
            inactive.append(self._law(chisquares.log_pdf, z, weights, degrees))
            with_q.append(self._law(chisquares.log_pdf, z, weights, degrees, block.inactive_q))
            active.append(self._law(chisquares.log_pdf, z, block.active_weights, degrees))
        return np.stack(inactive), np.stack(with_q), np.stack(active)

    def factors(self, v: FloatArray) -> tuple[FloatArray, ...]:
        r"""The factors of the integrands at nodes :math:`\zeta = A + e^v`.

        .. math:: F^1_g\prod_{l\ne g}F_l, \quad G^1_g\prod_{l\ne g}F_l, \quad
                  e^v f^1_g\prod_{l\ne g}F_l, \quad e^v f_j/F_j, \quad e^v g_j/F_j, \quad
                  \prod_l F_l,

        the last (N,), all others (C, N), for a block of each class.
        """
        above = np.exp(v)
        log_cdf, log_cdf1, log_cdf1_q = self.cdfs(above)
        log_pdf, log_pdf_q, log_pdf1 = self.densities(above)
        # where the score of a block is hardly ever so low, all integrands vanish
        kept = np.all(log_cdf > FLOOR, axis=0)
        log_cdf = np.where(kept, log_cdf, 0.0)
        log_product = self.counts @ log_cdf
        rest = log_product - log_cdf
        own = rest + log_cdf1, rest + log_cdf1_q, rest + log_pdf1 + v
        other = log_pdf - log_cdf + v, log_pdf_q - log_cdf + v
        with np.errstate(under="ignore"):
            return tuple(np.where(kept, np.exp(log), 0.0) for log in (*own, *other, log_product))

    def integrals(self, v: FloatArray, step: float) -> list[FloatArray]:
        """Sums over nodes, in the order in which `hard_routing` unpacks them."""
        cdf1, cdf1_q, pdf1, hazard, hazard_q, product = self.factors(v)
        excess = cdf1_q * sum_over_other_blocks(hazard, self.counts)
        excess = excess + cdf1 * sum_over_other_blocks(hazard_q, self.counts)
        parts = (
            cdf1 @ hazard.T,
            pdf1.sum(axis=1),
            excess.sum(axis=1),
            hazard @ product,
            (self.counts @ hazard_q) @ product,
        )
        return [np.asarray(step * part) for part in parts]

    def below_constant(self) -> _BelowConstant:
        """The `_BelowConstant` of these scores; zeros unless A is the constant score."""
        if not self.is_constant_least:
            zeros = np.zeros(len(self.blocks))
            return _BelowConstant(zeros, zeros, 0.0)
        log_cdf, log_cdf1, log_cdf1_q = (logs[:, 0] for logs in self.cdfs(np.zeros(1)))
        with np.errstate(invalid="ignore"):
            log_product = np.where(np.isneginf(log_cdf).any(), -np.inf, self.counts @ log_cdf)
            rest = np.where(np.isneginf(log_product), -np.inf, log_product - log_cdf)
        signal_free = float(np.exp(log_product))
        return _BelowConstant(np.exp(rest + log_cdf1), np.exp(rest + log_cdf1_q), signal_free)

    def window(self) -> tuple[float, float]:
        """Ends of v beyond which all integrands are negligible."""
        highest = []
        for block, a_gap in zip(self.blocks, self.a_gaps, strict=True):
            for drop, weights in ((FAR, block.inactive_weights), (DROP, block.active_weights)):
                far = chisquares.exponent_point(drop, weights, block.degrees, upper=True)
                highest.append(far - a_gap)
        upper = math.log(max(*highest, 1e-300))
        # the scores of all other blocks start below A
        top = int(np.argmin(self.a_gaps))
        if self.is_constant_least:
            least = min(float(block.inactive_weights.min()) for block in self.blocks)
            lower = math.log(least) - DROP
        else:
            block = self.blocks[top]
            near = chisquares.exponent_point(FAR, block.inactive_weights, block.degrees)
            lower = math.log(max(near, 1e-300))
        lower = max(lower, upper - WIDEST)
        while True:
            v = np.linspace(lower, upper, self.nodes(lower, upper))
            relevant = self.relevant_nodes(v)
            if not relevant.size:
                return lower, upper
            first, last = max(int(relevant[0]) - 1, 0), min(int(relevant[-1]) + 1, len(v) - 1)
            narrow = last - first < len(v) // 4
            lower, upper = float(v[first]), float(v[last])
            if not narrow:
                return lower, upper

    def nodes(self, lower: float, upper: float) -> int:
        """The number of nodes for laws of log z, none narrower than that of a log chi-square."""
        narrowest = math.sqrt(2.0 / max(float(block.degrees.sum()) for block in self.blocks))
        return min(max(COARSE, math.ceil((upper - lower) / narrowest)), MOST_NODES)

    def relevant_nodes(self, v: FloatArray) -> IntArray:
        """Nodes at which any integrand is not negligible beside its own largest value."""
        cdf1, cdf1_q, pdf1, hazard, hazard_q, product = self.factors(v)
        found = np.zeros(len(v), dtype=bool)
        for row in (*cdf1, *cdf1_q, product):
            for part in (row * hazard, row * hazard_q):
                top = part.max(axis=1, keepdims=True)
                found |= np.any((part > math.exp(-DROP) * top) & (top > SMALLEST), axis=0)
        found |= np.any(pdf1 > math.exp(-DROP) * pdf1.max(axis=1, keepdims=True), axis=0)
        return np.flatnonzero(found)

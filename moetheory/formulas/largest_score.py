r"""The largest score of all blocks: the integrals behind the hard gate (docs/theory.md §6).

A sample goes to the block with the largest score :math:`\log W_j = a_j + z_j`. Given the group the
scores are independent, so everything is an integral over the largest score :math:`\zeta`. With
:math:`F_l, f_l` the distribution function and density of the score of block l while inactive,
:math:`F^1_g, f^1_g` those while active, :math:`G^1_g(\zeta) = E[Q_g;\,a_g+z_g\le\zeta]` while
active and :math:`g_j = f_j\,E[Q_j \mid \zeta]` while inactive, for :math:`j \ne g`

.. math:: P(g \to j) = \int f_j\,F^1_g\prod_{l\ne g,j}F_l\,d\zeta, \quad
          E[Q_g;\,g\to j] = \int f_j\,G^1_g\prod_{l\ne g,j}F_l\,d\zeta, \quad
          E[Q_j;\,g\to j] = \int g_j\,F^1_g\prod_{l\ne g,j}F_l\,d\zeta

for any form Q of the squares of a block, and
:math:`E[Q_g;\,g\to g] = \int f^1_g\,E[Q_g \mid \zeta]\prod_{l\ne g}F_l\,d\zeta`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.formulas import chisquares
from moetheory.formulas.block_evidence import Block
from moetheory.formulas.score_laws import GaussPanels, ScoreLaws, ScoreLogs

COARSE = 64  # points that look for where the integrands are
DROP = 45.0  # e^-45 is below the rounding of what it is added to
ROUGH = 47.0  # the same for integrands that are known within a small factor
FAR = 800.0  # logarithm beyond which nothing is represented
WIDEST = 300.0  # in logarithms of a score: over which an integrand falls by e^-150 at least
FLOOR = -690.0  # logarithm of a probability beside which everything else vanishes
SMALLEST = 1e-250  # of which relative accuracy is asked
LENGTH = 4.0  # of the first panels, in widths of the narrowest law
FEWEST = 8  # panels at first
CLOSE = 1e-8  # largest relative change by the last halving of the panels
GAIN = 1e-4  # at most what halving leaves of an error
MOST_NODES = 1 << 18


def integrated(
    scores: Scores, integrals: Callable[[Factors, FloatArray], list[FloatArray]]
) -> tuple[list[FloatArray], float]:
    r"""The sums ``integrals(factors, weights)`` over nodes close enough, and an error estimate.

    Gauss rules in panels of equal length in :math:`v = \log(\zeta - A)`, where A is the least value
    of the largest score. The panels are halved until nothing changes; the error is relative.
    """
    lower, upper = scores.window()
    scores.laws.tabulate(lower, upper)
    number = max(math.ceil((upper - lower) / (LENGTH * scores.narrowest)), FEWEST)
    total, change = _summed(scores, integrals, lower, upper, number), math.inf
    while change > CLOSE:
        number *= 2
        finer = _summed(scores, integrals, lower, upper, number)
        change = max(_relative_change(old, new) for old, new in zip(total, finer, strict=True))
        total = finer
    return total, GAIN * change


def _summed(
    scores: Scores,
    integrals: Callable[[Factors, FloatArray], list[FloatArray]],
    lower: float,
    upper: float,
    number: int,
) -> list[FloatArray]:
    """The integrals by this number of panels."""
    panels = GaussPanels.of(lower, upper, number)
    if len(panels.nodes) > MOST_NODES:
        raise ArithmeticError(
            f"routing probabilities are not found to within {CLOSE:g} by {MOST_NODES} nodes"
        )
    return integrals(scores.factors(panels.nodes, scores.laws.at(panels)), panels.weights)


def _relative_change(old: FloatArray, new: FloatArray) -> float:
    """The largest relative change of numbers that are not negligible."""
    relevant = np.abs(new) > SMALLEST
    return float(np.max(np.abs(old - new)[relevant] / np.abs(new)[relevant], initial=0.0))


class BelowConstant(NamedTuple):
    """Probability that all scores are below the constant one, and what a sample loses there.

    The first two are for a sample of each class, (C,), the last for one of a signal-free group.
    """

    probability: FloatArray
    missed: FloatArray
    signal_free_probability: float


class Factors(NamedTuple):
    r"""The factors of the integrands at nodes :math:`\zeta = A + e^v`, for a block of each class.

    Attributes
    ----------
    below, missed : (C, N) arrays
        :math:`F^1_g\prod_{l\ne g}F_l`, and the same with the first row of loads of the active
        block: :math:`G^1_g\prod_{l\ne g}F_l`.
    own : (1 + R, C, N) array
        :math:`e^vf^1_g\prod_{l\ne g}F_l`, without loads and times the mean of each row of the
        active block.
    hazards : (1 + R, C, N) array
        :math:`e^vf_j/F_j`, without loads and times the mean of each row of the inactive block.
    product : (N,) array
        :math:`\prod_lF_l`.
    """

    below: FloatArray
    missed: FloatArray
    own: FloatArray
    hazards: FloatArray
    product: FloatArray


class Scores:
    """The laws of all scores, and the integrands at given nodes.

    Parameters
    ----------
    blocks, counts
        As for `hard_routing`.
    constant : float
        The constant score, -inf without.
    idle_loads, active_loads
        As for `ScoreLaws`: at least one row.
    """

    def __init__(
        self,
        blocks: Sequence[Block],
        counts: IntArray,
        constant: float,
        idle_loads: Sequence[Sequence[FloatArray]],
        active_loads: Sequence[Sequence[FloatArray]],
    ) -> None:
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
        self.laws = ScoreLaws(blocks, self.a_gaps, idle_loads, active_loads)

    def factors(self, v: FloatArray, logs: ScoreLogs) -> Factors:
        """The factors of the integrands at nodes v, where the laws have these logarithms."""
        log_cdf, (log_cdf1, log_missed) = logs.below[0, 0], logs.below[1, :2]
        # where the score of a block is hardly ever so low, all integrands vanish
        kept = np.all(log_cdf > FLOOR, axis=0)
        log_cdf = np.where(kept, log_cdf, 0.0)
        log_product = self.counts @ log_cdf
        rest, turn = log_product - log_cdf, v - log_cdf
        found = (
            rest + log_cdf1,
            rest + log_missed,
            rest + v + logs.densities[1],
            turn + logs.densities[0],
            log_product,
        )
        with np.errstate(under="ignore", over="ignore"):
            return Factors(*(np.where(kept, np.exp(log), 0.0) for log in found))

    def below_constant(self) -> BelowConstant:
        """The `BelowConstant` of these scores; zeros unless A is the constant score."""
        if not self.is_constant_least:
            zeros = np.zeros(len(self.blocks))
            return BelowConstant(zeros, zeros, 0.0)
        found = self.laws.below(np.zeros(1))[..., 0]
        log_cdf, (log_cdf1, log_missed) = found[0, 0], found[1, :2]
        with np.errstate(invalid="ignore"):
            log_product = np.where(np.isneginf(log_cdf).any(), -np.inf, self.counts @ log_cdf)
            rest = np.where(np.isneginf(log_product), -np.inf, log_product - log_cdf)
        signal_free = float(np.exp(log_product))
        return BelowConstant(np.exp(rest + log_cdf1), np.exp(rest + log_missed), signal_free)

    def window(self) -> tuple[float, float]:
        """Ends of v beyond which all integrands are negligible."""
        upper = math.log(max(*(_far(block) for block in self.blocks), 1e-300))
        # the scores of all other blocks start below A
        if self.is_constant_least:
            least = min(float(block.inactive_weights.min()) for block in self.blocks)
            lower = math.log(least) - DROP
        else:
            top = self.blocks[int(np.argmin(self.a_gaps))]
            near = chisquares.exponent_point(FAR, top.inactive_weights, top.degrees)
            lower = math.log(max(near, 1e-300))
        lower = max(lower, upper - WIDEST)
        while True:
            v = np.linspace(lower, upper, COARSE)
            relevant = self.relevant_nodes(v)
            if not relevant.size:
                return lower, upper
            first, last = max(int(relevant[0]) - 1, 0), min(int(relevant[-1]) + 1, len(v) - 1)
            narrow = last - first < len(v) // 4
            lower, upper = float(v[first]), float(v[last])
            if not narrow:
                return lower, upper

    @property
    def narrowest(self) -> float:
        """A width of laws of log z, of which none is narrower than that of a log chi-square."""
        return math.sqrt(2.0 / max(float(block.degrees.sum()) for block in self.blocks))

    def relevant_nodes(self, v: FloatArray) -> IntArray:
        """Nodes at which an integrand is not negligible beside its own largest value.

        Of the loads the first two rows are considered.
        """
        found = self.factors(v, self.laws.approximate(v))
        relevant = np.zeros(len(v), dtype=bool)
        for row in (*found.below, *found.missed, found.product):
            for part in row * found.hazards[:3]:
                top = part.max(axis=1, keepdims=True)
                relevant |= np.any((part > math.exp(-ROUGH) * top) & (top > SMALLEST), axis=0)
        for part in found.own[:3]:
            top = part.max(axis=1, keepdims=True)
            relevant |= np.any(part > math.exp(-ROUGH) * top, axis=0)
        return np.flatnonzero(relevant)


def _far(block: Block) -> float:
    r"""An evidence that is exceeded with a probability below e^-FAR, active or not.

    By Chernoff's bound with :math:`\theta = 1/(4\max w)`.
    """
    found = []
    for weights in (block.inactive_weights, block.active_weights):
        most = float(weights.max())
        cumulant = -0.5 * float(block.degrees @ np.log1p(-0.5 * weights / most))
        found.append(4.0 * most * (FAR + cumulant))
    return max(found)

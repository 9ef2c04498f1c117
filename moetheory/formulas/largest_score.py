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

COARSE = 256  # nodes that look for where the integrands are
DROP = 45.0  # e^-45 is below the rounding of what it is added to
FAR = 800.0  # logarithm beyond which nothing is represented
WIDEST = 300.0  # in logarithms of a score: over which an integrand falls by e^-150 at least
FLOOR = -690.0  # logarithm of a probability beside which everything else vanishes
SMALLEST = 1e-250  # of which relative accuracy is asked
CLOSE = 1e-6  # largest relative change by the last halving of the step, which squares the error
MOST_NODES = 1 << 18


def integrated(
    scores: Scores, integrals: Callable[[FloatArray, float], list[FloatArray]]
) -> tuple[list[FloatArray], float]:
    r"""The sums ``integrals(v, step)`` over nodes close enough, and their last relative change.

    Trapezoid rule in :math:`v = \log(\zeta - A)`, where A is the least value of the largest score.
    """
    lower, upper = scores.window()
    number = scores.nodes(lower, upper)
    step = (upper - lower) / number
    total = integrals(lower + step * np.arange(number + 1.0), step)
    change = math.inf
    while change > CLOSE:
        middle = np.arange(lower + 0.5 * step, upper, step)
        if len(middle) > MOST_NODES:
            raise ArithmeticError(
                f"routing probabilities are not found to within {CLOSE:g} by {len(middle)} nodes"
            )
        finer = [0.5 * (a + b) for a, b in zip(total, integrals(middle, step), strict=True)]
        change = max(_relative_change(old, new) for old, new in zip(total, finer, strict=True))
        total, step = finer, 0.5 * step
    return total, change


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
        :math:`F^1_g\prod_{l\ne g}F_l` and :math:`G^1_g\prod_{l\ne g}F_l` of the missed forms.
    own, met : (C, N) arrays
        :math:`e^vf^1_g\prod_{l\ne g}F_l`, and the same times the mean of the met form.
    hazard, wrong, saved : (C, N) arrays
        :math:`e^vf_j/F_j`, and :math:`e^vg_j/F_j` of the positive and the negative part of the
        wrong form.
    product : (N,) array
        :math:`\prod_lF_l`.
    """

    below: FloatArray
    missed: FloatArray
    own: FloatArray
    met: FloatArray
    hazard: FloatArray
    wrong: FloatArray
    saved: FloatArray
    product: FloatArray


class Scores:
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

    def laws(
        self,
        law: Callable[..., chisquares.Logs],
        above: FloatArray,
        *,
        active: bool,
        loads: Sequence[FloatArray | None] | None = None,
    ) -> FloatArray:
        """The logarithms that ``law`` gives of scores at A + ``above``, (C, N).

        With ``loads`` for a block of each class; None is no load, and zeros are -inf.
        """
        found = np.empty((len(self.blocks), len(above)))
        for c, (block, a_gap) in enumerate(zip(self.blocks, self.a_gaps, strict=True)):
            load = None if loads is None else loads[c]
            if load is not None and not load.any():
                found[c] = -np.inf
                continue
            weights = block.active_weights if active else block.inactive_weights
            logs = law(a_gap + above, weights, block.degrees, load)
            self.error = max(self.error, logs.error)
            found[c] = logs.values
        return found

    def cdfs(self, above: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        r"""Logarithms of :math:`F, F^1, G^1` at A + ``above``, each (C, N)."""
        missed = [block.missed for block in self.blocks]
        law = chisquares.log_cdf
        return (
            self.laws(law, above, active=False),
            self.laws(law, above, active=True),
            self.laws(law, above, active=True, loads=missed),
        )

    def factors(self, v: FloatArray) -> Factors:
        """The factors of the integrands at nodes v."""
        above, law, blocks = np.exp(v), chisquares.log_pdf, self.blocks
        log_cdf, log_cdf1, log_missed = self.cdfs(above)
        # where the score of a block is hardly ever so low, all integrands vanish
        kept = np.all(log_cdf > FLOOR, axis=0)
        log_cdf = np.where(kept, log_cdf, 0.0)
        log_product = self.counts @ log_cdf
        rest, turn = log_product - log_cdf, v - log_cdf
        met = [block.met for block in blocks]
        wrong = [[np.maximum(sign * block.wrong, 0.0) for block in blocks] for sign in (1, -1)]
        logs = (
            rest + log_cdf1,
            rest + log_missed,
            rest + v + self.laws(law, above, active=True),
            rest + v + self.laws(law, above, active=True, loads=met),
            turn + self.laws(law, above, active=False),
            turn + self.laws(law, above, active=False, loads=wrong[0]),
            turn + self.laws(law, above, active=False, loads=wrong[1]),
            log_product,
        )
        with np.errstate(under="ignore"):
            return Factors(*(np.where(kept, np.exp(log), 0.0) for log in logs))

    def below_constant(self) -> BelowConstant:
        """The `BelowConstant` of these scores; zeros unless A is the constant score."""
        if not self.is_constant_least:
            zeros = np.zeros(len(self.blocks))
            return BelowConstant(zeros, zeros, 0.0)
        log_cdf, log_cdf1, log_missed = (logs[:, 0] for logs in self.cdfs(np.zeros(1)))
        with np.errstate(invalid="ignore"):
            log_product = np.where(np.isneginf(log_cdf).any(), -np.inf, self.counts @ log_cdf)
            rest = np.where(np.isneginf(log_product), -np.inf, log_product - log_cdf)
        signal_free = float(np.exp(log_product))
        return BelowConstant(np.exp(rest + log_cdf1), np.exp(rest + log_missed), signal_free)

    def window(self) -> tuple[float, float]:
        """Ends of v beyond which all integrands are negligible."""
        highest = []
        for block, a_gap in zip(self.blocks, self.a_gaps, strict=True):
            for weights in (block.inactive_weights, block.active_weights):
                far = chisquares.exponent_point(FAR, weights, block.degrees, upper=True)
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
        found = self.factors(v)
        relevant = np.zeros(len(v), dtype=bool)
        for row in (*found.below, *found.missed, found.product):
            for part in (row * found.hazard, row * found.wrong, row * found.saved):
                top = part.max(axis=1, keepdims=True)
                relevant |= np.any((part > math.exp(-DROP) * top) & (top > SMALLEST), axis=0)
        for part in (found.own, found.met):
            top = part.max(axis=1, keepdims=True)
            relevant |= np.any(part > math.exp(-DROP) * top, axis=0)
        return np.flatnonzero(relevant)

r"""Where the Bayes router sends a sample, and what its errors cost (docs/theory.md §6).

A sample goes to the block of the largest :math:`\log W_j = a_j + z_j`. Given the group these are
independent, so everything is an integral over the largest one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.formulas import chisquares
from moetheory.formulas.block_evidence import Block, others

COARSE = 256  # nodes that look for where the integrands are
DROP = 45.0  # e^-45 is below the rounding of what it is added to
FAR = 800.0  # logarithm beyond which nothing is represented
WIDEST = 300.0  # in logarithms of a score: over which an integrand falls by e^-150 at least
FLOOR = -690.0  # logarithm of a probability beside which everything else vanishes
SMALLEST = 1e-250  # of which relative accuracy is asked
CLOSE = 1e-6  # halving the step squares the error
MOST_NODES = 1 << 18
WRONG = 1e-8
ROUNDING = 1e-12  # relative


class HardRouting(NamedTuple):
    """Probabilities and losses by class of blocks.

    Attributes
    ----------
    between : (C, C) array
        That a sample of one group of class c is routed to one other of class e.
    right : (C,) array
        That it is routed to its own.
    away : (C,) array
        That it is routed to the block without evidence.
    lost : (C,) array
        Its mean excess risk over oracle routing.
    stray : (C,) array
        That a sample to which no block speaks is routed to one of class e.
    idle : float
        That it is routed to the block without evidence.
    foreign : float
        What the chosen experts add to its risk.
    error : float
        Estimate of the largest relative error of all of these.
    """

    between: FloatArray
    right: FloatArray
    away: FloatArray
    lost: FloatArray
    stray: FloatArray
    idle: float
    foreign: float
    error: float


def union_bound(experts: ArrayLike, size: ArrayLike, ratio: ArrayLike) -> FloatArray:
    r"""Bound on the probability of misrouting, equal isotropic blocks and equal probabilities.

    .. math:: (K-1)\,I_{1/(1+\varrho)}(s/2, s/2), \qquad \varrho = 1 + \lambda/\sigma^2,

    I the regularised incomplete beta function: K-1 times the probability that the energy of one
    inactive block exceeds that of the active one. Not capped at 1.

    >>> union_bound(16, 16, 4.0)
    array(0.06359625)
    """
    from scipy import special

    half = np.asarray(size, dtype=np.float64) / 2.0
    one = special.betainc(half, half, 1.0 / (1.0 + np.asarray(ratio, dtype=np.float64)))
    return np.asarray((np.asarray(experts, dtype=np.float64) - 1.0) * one)


def hard_routing(blocks: Sequence[Block], counts: IntArray, constant: float = 0.0) -> HardRouting:
    r"""Hard top-1 routing among blocks with evidence, ``counts[c]`` of class c.

    With :math:`F_l, f_l` the law of :math:`\log W_l` while block l is inactive and
    :math:`F^1_l, f^1_l` that while it is active,

    .. math:: P(g \to j) = \int f_j\,F^1_g\prod_{l\ne g,j}F_l\,d\zeta, \qquad
              P(g \to g) = \int f^1_g\prod_{l\ne g}F_l\,d\zeta,

    and the excess of group g is :math:`\sum_{j\ne g}E[q_g + q_j;\,g\to j]`, the same integrals
    with :math:`E[q_g;\cdot]` in the place of :math:`F^1_g` and with that of :math:`f_j`.
    Trapezoid rule in :math:`\log(\zeta - A)`, A the least that the largest score can be.

    Parameters
    ----------
    constant : float
        The largest probability of a group whose block has no signal; 0 without such groups. Its
        score is constant, and a sample goes there where all others are below.
    """
    if counts.sum() == 1 and constant == 0.0:
        none, all_ = np.zeros(1), np.ones(1)
        idle = float(blocks[0].loads.sum())
        return HardRouting(none[np.newaxis], all_, none, none, all_, 0.0, idle, 0.0)
    table = _Scores(blocks, counts, math.log(constant) if constant > 0.0 else -math.inf)
    lower, upper = table.window()
    number = table.nodes(lower, upper)
    step = (upper - lower) / number
    total = table.integrals(lower + step * np.arange(number + 1.0), step)
    change = math.inf
    while change > CLOSE:
        middle = np.arange(lower + 0.5 * step, upper, step)
        if len(middle) > MOST_NODES:
            raise ArithmeticError(
                f"routing probabilities are not found to within {CLOSE:g} by {len(middle)} nodes"
            )
        finer = [0.5 * (a + b) for a, b in zip(total, table.integrals(middle, step), strict=True)]
        change = max(_apart(old, new) for old, new in zip(total, finer, strict=True))
        total, step = finer, 0.5 * step
    between, right, lost, stray, foreign = total
    bottom = table.bottom()
    rows = between @ counts - np.diagonal(between) + right + bottom.reached
    # every part has an integral of its own: nothing but their being right makes rows sum to 1
    apart = float(np.abs(rows - 1.0).max())
    if not apart <= WRONG:
        raise ArithmeticError(f"routing probabilities sum to 1 only to within {apart:.1g}")
    return HardRouting(
        between=between,
        right=right,
        away=bottom.reached,
        lost=lost + bottom.lost,
        stray=stray,
        idle=bottom.idle,
        foreign=float(foreign),
        error=change**2 + table.error + apart + ROUNDING,
    )


def _apart(old: FloatArray, new: FloatArray) -> float:
    """Largest relative difference where there is something."""
    there = np.abs(new) > SMALLEST
    return float(np.max(np.abs(old - new)[there] / np.abs(new)[there], initial=0.0))


class _Bottom(NamedTuple):
    """What happens where all scores are below that of a block without evidence."""

    reached: FloatArray
    lost: FloatArray
    idle: float


class _Scores:
    """The laws of all scores, and what is made of them at given nodes."""

    def __init__(self, blocks: Sequence[Block], counts: IntArray, constant: float) -> None:
        self.blocks, self.counts = blocks, counts
        priors = np.array([block.log_prior for block in blocks])
        offsets = np.array([block.offset for block in blocks])
        # A less the scores' least values: with equal priors tiny offsets keep their digits
        self.below = (constant - priors) - offsets
        self.bottomed = constant > -math.inf and bool(np.all(self.below >= 0.0))
        if not self.bottomed:
            top = int(np.argmax(priors + offsets))
            self.below = (priors[top] - priors) + (offsets[top] - offsets)
            self.below -= self.below.min()
        self.error = 0.0  # the largest relative one of all laws so far

    def _law(self, of: Callable[..., chisquares.Logs], *arguments: FloatArray) -> FloatArray:
        logs = of(*arguments)
        self.error = max(self.error, logs.error)
        return logs.values

    def cdfs(self, above: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Logarithms at A + ``above``, (C, N): inactive; active; active with q."""
        inactive, active, spent = [], [], []
        for block, below in zip(self.blocks, self.below, strict=True):
            z, degrees = below + above, block.degrees
            weights, loads = block.active_weights, block.active_loads
            inactive.append(self._law(chisquares.log_cdf, z, block.inactive_weights, degrees))
            active.append(self._law(chisquares.log_cdf, z, weights, degrees))
            spent.append(self._law(chisquares.log_cdf, z, weights, degrees, loads))
        return np.stack(inactive), np.stack(active), np.stack(spent)

    def densities(self, above: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Logarithms at A + ``above``, (C, N): inactive; inactive with q; active."""
        plain, energy, active = [], [], []
        for block, below in zip(self.blocks, self.below, strict=True):
            z, degrees = below + above, block.degrees
            weights = block.inactive_weights
            plain.append(self._law(chisquares.log_pdf, z, weights, degrees))
            energy.append(self._law(chisquares.log_pdf, z, weights, degrees, block.loads))
            active.append(self._law(chisquares.log_pdf, z, block.active_weights, degrees))
        return np.stack(plain), np.stack(energy), np.stack(active)

    def factors(self, v: FloatArray) -> tuple[FloatArray, ...]:
        r"""What integrands are made of, at nodes :math:`\zeta = A + e^v`, each (C, N).

        Products over all inactive blocks but one of the class, times that block's active
        distribution function, that with q, and its active density; densities over distribution
        functions of one inactive block, alone and with q; last the product over all, (N,).
        """
        above = np.exp(v)
        inactive, active, spent = self.cdfs(above)
        plain, energy, density = self.densities(above)
        # where a block is as good as never so low, nothing else matters
        seen = np.all(inactive > FLOOR, axis=0)
        inactive = np.where(seen, inactive, 0.0)
        product = self.counts @ inactive
        logs = (
            product - inactive + active,
            product - inactive + spent,
            product - inactive + density + v,
            plain - inactive + v,
            energy - inactive + v,
            product,
        )
        with np.errstate(under="ignore"):
            return tuple(np.where(seen, np.exp(log), 0.0) for log in logs)

    def integrals(self, v: FloatArray, step: float) -> list[FloatArray]:
        """Sums over nodes: between, right, lost, stray, foreign."""
        arrived, spent, density, hazard, energy, product = self.factors(v)
        lost = spent * others(hazard, self.counts) + arrived * others(energy, self.counts)
        parts = (
            arrived @ hazard.T,
            density.sum(axis=1),
            lost.sum(axis=1),
            hazard @ product,
            (self.counts @ energy) @ product,
        )
        return [np.asarray(step * part) for part in parts]

    def bottom(self) -> _Bottom:
        """At A, if that is the constant score."""
        if not self.bottomed:
            nothing = np.zeros(len(self.blocks))
            return _Bottom(nothing, nothing, 0.0)
        inactive, active, spent = (logs[:, 0] for logs in self.cdfs(np.zeros(1)))
        with np.errstate(invalid="ignore"):
            product = np.where(np.isneginf(inactive).any(), -np.inf, self.counts @ inactive)
            rest = np.where(np.isneginf(product), -np.inf, product - inactive)
        return _Bottom(np.exp(rest + active), np.exp(rest + spent), float(np.exp(product)))

    def window(self) -> tuple[float, float]:
        """Ends of v beyond which no integrand has anything that counts."""
        highest = []
        for block, below in zip(self.blocks, self.below, strict=True):
            for drop, weights in ((FAR, block.inactive_weights), (DROP, block.active_weights)):
                far = chisquares.exponent_point(drop, weights, block.degrees, upper=True)
                highest.append(far - below)
        upper = math.log(max(*highest, 1e-300))
        # all but the block whose least score is A start below it
        top = int(np.argmin(self.below))
        if self.bottomed:
            least = min(float(block.inactive_weights.min()) for block in self.blocks)
            lower = math.log(least) - DROP
        else:
            block = self.blocks[top]
            near = chisquares.exponent_point(FAR, block.inactive_weights, block.degrees)
            lower = math.log(max(near, 1e-300))
        lower = max(lower, upper - WIDEST)
        while True:
            v = np.linspace(lower, upper, self.nodes(lower, upper))
            alive = self.alive(v)
            if not alive.size:
                return lower, upper
            first, last = max(int(alive[0]) - 1, 0), min(int(alive[-1]) + 1, len(v) - 1)
            narrow = last - first < len(v) // 4
            lower, upper = float(v[first]), float(v[last])
            if not narrow:
                return lower, upper

    def nodes(self, lower: float, upper: float) -> int:
        """How many miss nothing: the law of log z is no narrower than that of one chi-square."""
        narrowest = math.sqrt(2.0 / max(float(block.degrees.sum()) for block in self.blocks))
        return min(max(COARSE, math.ceil((upper - lower) / narrowest)), MOST_NODES)

    def alive(self, v: FloatArray) -> IntArray:
        """Nodes at which any integrand is not negligible beside its own largest value."""
        arrived, spent, density, hazard, energy, product = self.factors(v)
        found = np.zeros(len(v), dtype=bool)
        for row in (*arrived, *spent, product):
            for part in (row * hazard, row * energy):
                top = part.max(axis=1, keepdims=True)
                found |= np.any((part > math.exp(-DROP) * top) & (top > SMALLEST), axis=0)
        found |= np.any(density > math.exp(-DROP) * density.max(axis=1, keepdims=True), axis=0)
        return np.flatnonzero(found)

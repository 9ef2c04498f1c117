r"""What weighing experts by the posterior loses against the oracle (docs/theory.md §6).

With :math:`f_0` the law in which all blocks are inactive, the mixture has density
:math:`f_0\sum_j W_j`, and :math:`1/\sum W = \int_0^\infty e^{-t\sum W}dt` parts the blocks: what is
left are products of expectations over one block each.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.formulas import chisquares
from moetheory.formulas.block_evidence import Block, others

STEP = 0.25  # in log t; integrands are analytic within π/2 of the real axis, so e^(-π²/STEP)
STRETCH = 64  # steps that are taken at once
MOST_NODES = 1 << 20
DROP = 45.0  # e^-45 is below the rounding of what it is added to
FAR = 800.0  # nothing so far below a density's peak is represented
BEYOND = 4.5  # exp(2y - exp(y)) is negligible beyond
CEILING = 0.25  # weights from which exp(2z) grows faster than the density of z falls
LEAST, MOST = -680.0, 700.0  # logarithms of floats, small and large
ROUNDING = 1e-12  # relative


class SoftGateLosses(NamedTuple):
    """Excess over oracle routing.

    Attributes
    ----------
    per_class : (C,) array
        For a sample of a group of each class.
    error : float
        Estimate of the largest relative error of these.
    """

    per_class: FloatArray
    error: float


def soft_losses(blocks: Sequence[Block], counts: IntArray, constant: float = 0.0) -> SoftGateLosses:
    r"""Excess of the soft gate :math:`v = w` over the oracle, ``counts[c]`` blocks of class c.

    With :math:`\phi_k = E_0e^{-tW_k}` and :math:`\psi_j = E_0W_jq_je^{-tW_j}`, for group g

    .. math:: \frac1{p_g}\int_0^\infty t\Big[ \psi_g\,\Big(\prod_{k\ne g}\phi_k\Big)''
              + (-\phi_g')\sum_{j\ne g}(-\psi_j')\prod_{k\ne g,j}\phi_k \Big]dt,

    from :math:`(1-w_g)^2q_g + \sum_{j\ne g}w_j^2q_j`; the mean over groups is
    :math:`E\sum_jw_j(1-w_j)q_j`. Trapezoid rule in log t, from the right: to the left of t the
    integral is at most :math:`t(E_gq_g + \sum_jp_jE_jq_j)/e`.

    Parameters
    ----------
    constant : float
        The probability of all groups whose blocks have no signal: their W are constant.
    """
    energies = np.array([float(block.active_loads.sum()) for block in blocks])
    shares = counts * np.exp([block.log_prior for block in blocks])
    alone = counts.sum() == 1 and constant == 0.0
    if alone or _largest(blocks, counts, constant) < LEAST:
        return SoftGateLosses(np.zeros(len(blocks)), 0.0)
    remainders = (energies + shares @ energies) / math.e
    nodes = [_Nodes.of(block) for block in blocks]
    sums = np.zeros((2, len(blocks)))  # over every second node each
    # beyond exp(MOST), integrands are below 1/t
    for tau in _stretches(min(_start(nodes, constant), MOST)):
        values = _integrands(nodes, counts, tau, constant)[0]
        sums += values.reshape(-1, STRETCH // 2, 2).sum(axis=1).T
        total = STEP * sums.sum(axis=0)
        if tau[-1] < LEAST:
            break
        with np.errstate(over="ignore"):
            left = math.exp(min(tau[-1], MOST)) * remainders
        if np.all(left <= 1e-16 * total):
            break
    with np.errstate(invalid="ignore", divide="ignore"):
        apart = np.abs(sums[0] - sums[1]) / sums.sum(axis=0)
    # halving the step squares the error
    error = float(np.nanmax(apart, initial=0.0)) ** 2 + max(each.error for each in nodes) + ROUNDING
    return SoftGateLosses(total, error)


def foreign_loss(blocks: Sequence[Block], counts: IntArray, constant: float = 0.0) -> float:
    r"""What the experts add for a sample to which no block speaks, :math:`E_0\sum_jw_j^2q_j`.

    One of a group that is never drawn, which loses the energy of its own block besides, or one
    whose block has no signal:

    .. math:: \int_0^\infty t\sum_j(-\psi_j')\prod_{k\ne j}\phi_k\,dt .
    """
    if counts.sum() == 1 and constant == 0.0:
        return float(blocks[0].loads.sum())
    if not any(block.loads.any() for block in blocks):
        return 0.0
    nodes = [_Nodes.of(block) for block in blocks]
    total = 0.0
    for tau in _stretches(_start(nodes, constant)):
        more = STEP * float(_integrands(nodes, counts, tau, constant)[1].sum())
        total += more
        if more < 1e-17 * total:
            break
    return total


def _start(nodes: Sequence[_Nodes], constant: float) -> float:
    """The log t from which on some W makes its expectations vanish."""
    ends = [-each.block.start - each.low for each in nodes]
    if constant > 0.0:
        ends.append(-math.log(constant))
    return min(ends) + math.log(60.0)


def _stretches(start: float) -> Iterator[FloatArray]:
    """Falling nodes of log t."""
    for first in range(0, MOST_NODES, STRETCH):
        yield start - STEP * np.arange(first, first + STRETCH, dtype=np.float64)


def _largest(blocks: Sequence[Block], counts: IntArray, constant: float) -> float:
    r"""Logarithm of a bound on the losses.

    With :math:`W_gW_j/\sum W \le \sqrt{W_gW_j}` they are at most
    :math:`K^2(E_gq_g + \max_jE_jq_j)/p_g` times the two largest
    :math:`E_0\sqrt{W/p} = \prod(1+r)^{1/4}(1+r/2)^{-1/2}`.
    """
    affinities = [
        float(b.degrees @ (0.25 * np.log1p(b.ratios) - 0.5 * np.log1p(0.5 * b.ratios)))
        for b, n in zip(blocks, counts, strict=True)
        for _ in range(min(int(n), 2))
    ]
    first, second = sorted([*affinities, *[0.0] * (constant > 0.0)])[-2:]
    energy = max(float(b.active_loads.sum()) / math.exp(b.log_prior) for b in blocks)
    many = 2.0 * math.log(float(counts.sum()) + 1.0)
    return first + second + many + math.log(max(2.0 * energy, 1e-300))


def _integrands(
    nodes: Sequence[_Nodes], counts: IntArray, tau: FloatArray, constant: float
) -> tuple[FloatArray, FloatArray]:
    """Of every class (C, T), and of what is lost to foreign experts (T,), in d log t."""
    phi, b, b2, a, a2 = np.stack([each.expectations(tau) for each in nodes], axis=1)
    fixed = np.exp(np.minimum(tau + (math.log(constant) if constant > 0.0 else -math.inf), MOST))
    with np.errstate(divide="ignore"):
        product = np.exp(counts @ np.log(phi) - fixed)
    phi = np.where(phi > 0.0, phi, 1.0)  # there the product is zero
    r = b / phi
    spread = np.maximum(b2 / phi - np.square(r), 0.0)
    bend = np.square(others(r, counts) + fixed) + others(spread, counts)
    priors = np.exp([each.block.log_prior for each in nodes])[:, np.newaxis]
    own = (a / phi) * bend + r * others(a2 / phi, counts)
    foreign = counts @ (a2 / phi)
    # where exp(-tau) would overflow, nothing is left of the others
    return np.exp(np.minimum(-tau, MOST)) * product * own / priors, product * foreign


class _Nodes:
    """A quadrature over z, which is extended to larger z when they matter.

    In :math:`x = \\log(e^z - 1)`: where z is small, powers of z become exponentials; where it is
    large, x moves with z, as :math:`e^{-t e^{a+z}}` falls within a unit of it.
    """

    def __init__(self, block: Block, low: float, high: float, step: float) -> None:
        self.block, self.low, self.high, self.step = block, low, high, step
        self.z = np.zeros(0)
        self.density, self.energy = np.zeros(0), np.zeros(0)  # logarithms, with the step
        self.error = 0.0  # relative

    @classmethod
    def of(cls, block: Block) -> _Nodes:
        weights, degrees = block.inactive_weights, block.degrees
        # tilted, as the other factors of the integrand fall no faster
        low = chisquares.exponent_point(DROP, weights, degrees, tilt=2.0)
        high = chisquares.exponent_point(FAR, weights, degrees, upper=True)
        if weights.max() < CEILING:
            near = chisquares.exponent_point(DROP, weights, degrees, tilt=-2.0, upper=True)
            high = min(high, near)
        narrowest = math.sqrt(2.0 / float(degrees.sum()))
        return cls(block, low, high, min(STEP, 0.6 * max(1.0, low) * narrowest))

    def upto(self, z: float) -> slice:
        """The nodes up to z, made if they are not there yet."""
        end = min(z, self.high)
        if end <= self.low:
            return slice(0, 0)
        first = self.low + math.log(-math.expm1(-self.low))
        number = math.ceil((end + math.log(-math.expm1(-end)) - first) / self.step) + 1
        if number > len(self.z):
            x = first + self.step * np.arange(len(self.z), number)
            new = np.logaddexp(0.0, x)
            weights, degrees = self.block.inactive_weights, self.block.degrees
            along = math.log(self.step) + np.minimum(x, 0.0) - np.log1p(np.exp(-np.abs(x)))
            density = chisquares.log_pdf(new, weights, degrees)
            energy = chisquares.log_pdf(new, weights, degrees, self.block.loads)
            self.z = np.concatenate([self.z, new])
            self.density = np.concatenate([self.density, along + density.values])
            self.energy = np.concatenate([self.energy, along + energy.values])
            self.error = max(self.error, density.error, energy.error)
        return slice(0, number)

    def expectations(self, tau: FloatArray) -> FloatArray:
        r""":math:`E_0e^{-y'}, E_0y'e^{-y'}, E_0y'^2e^{-y'}, E_0qy'e^{-y'}, E_0qy'^2e^{-y'}`.

        :math:`y' = tW = e^{\tau+a+z}`; shape (5, T). ``tau`` is falling.
        """
        used = self.upto(BEYOND - tau[-1] - self.block.start)
        # relative to the largest t, so that no power overflows
        exponent = self.block.start + self.z[used] + tau[0]
        columns = np.stack(
            [
                self.density[used],
                self.density[used] + exponent,
                self.density[used] + 2.0 * exponent,
                self.energy[used] + exponent,
                self.energy[used] + 2.0 * exponent,
            ],
            axis=1,
        )
        shrunk = np.exp(tau - tau[0])
        kernel = np.exp(-np.outer(shrunk, np.exp(exponent)))
        powers = np.stack([np.ones_like(shrunk), shrunk, shrunk**2, shrunk, shrunk**2])
        return np.asarray(powers * (kernel @ np.exp(columns)).T)

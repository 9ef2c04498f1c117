r"""Excess risk of the soft gate over oracle routing (docs/theory.md §6, The soft gate).

With :math:`E_0` the expectation with all blocks inactive, the law of the input has density
:math:`\sum_j W_j` against that law. For group g

.. math:: E[F_g \mid g] = \frac1{p_g}\,E_0\,\frac{W_g\big[q_g(\sum_{l\ne g}W_l)^2
          + \sum_{j\ne g}W_j^2q_j\big]}{(\sum_lW_l)^2} , \qquad
          \frac1{(\sum W)^2} = \int_0^\infty te^{-t\sum W}dt ,

and under the integral the blocks separate: products of expectations over one block each are left,
:math:`\phi_k(t) = E_0e^{-tW_k}` and :math:`\psi_j(t) = E_0W_jq_je^{-tW_j}`. A group is
*signal-free* if its block has no signal, or if the group is never drawn.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.formulas import chisquares
from moetheory.formulas.block_evidence import Block, sum_over_other_blocks

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
    """Excess risk of the soft gate over oracle routing.

    Attributes
    ----------
    per_class : (C,) array
        Excess risk of a sample of a group of each class.
    error : float
        Estimate of the largest relative error of ``per_class``.
    """

    per_class: FloatArray
    error: float


def soft_losses(blocks: Sequence[Block], counts: IntArray, constant: float = 0.0) -> SoftGateLosses:
    r"""Excess risk of the soft gate over oracle routing, by class of blocks.

    .. math:: E[F_g \mid g] = \frac1{p_g}\int_0^\infty t\Big[
              \psi_g\,\Big(\prod_{k\ne g}\phi_k\Big)''
              + (-\phi_g')\sum_{j\ne g}(-\psi_j')\prod_{k\ne g,j}\phi_k \Big]dt .

    Trapezoid rule in log t, from the right: to the left of t the integral is at most
    :math:`t(E_gq_g + \sum_jp_jE_jq_j)/e`.

    Parameters
    ----------
    blocks, counts : sequence of C Block, (C,) integer array
        The distinct blocks with signal, one for each class, and how many blocks are in the class.
    constant : float
        The probability of all drawn groups without signal: their W are constant.
    """
    energies = np.array([float(block.active_q.sum()) for block in blocks])
    class_probabilities = counts * np.exp([block.log_prior for block in blocks])
    alone = counts.sum() == 1 and constant == 0.0
    if alone or _log_bound(blocks, counts, constant) < LEAST:
        return SoftGateLosses(np.zeros(len(blocks)), 0.0)
    remainders = (energies + class_probabilities @ energies) / math.e
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
        change = np.abs(sums[0] - sums[1]) / sums.sum(axis=0)
    # halving the step squares the error
    error = float(np.nanmax(change, initial=0.0)) ** 2
    error = error + max(each.error for each in nodes) + ROUNDING
    return SoftGateLosses(total, error)


def signal_free_loss(blocks: Sequence[Block], counts: IntArray, constant: float = 0.0) -> float:
    r"""What the experts add to the risk of a sample of a signal-free group.

    .. math:: E_0\sum_jw_j^2q_j = \int_0^\infty t\sum_j(-\psi_j')\prod_{k\ne j}\phi_k\,dt .

    A group that is never drawn also loses the energy of its own block, which is not included.
    Arguments as for `soft_losses`.
    """
    if counts.sum() == 1 and constant == 0.0:
        return float(blocks[0].inactive_q.sum())
    if not any(block.inactive_q.any() for block in blocks):
        return 0.0
    nodes = [_Nodes.of(block) for block in blocks]
    total = 0.0
    for tau in _stretches(_start(nodes, constant)):
        added = STEP * float(_integrands(nodes, counts, tau, constant)[1].sum())
        total += added
        if added < 1e-17 * total:
            break
    return total


def _start(nodes: Sequence[_Nodes], constant: float) -> float:
    """The log t from which on the expectations of at least one block vanish."""
    ends = [-each.block.a - each.low for each in nodes]
    if constant > 0.0:
        ends.append(-math.log(constant))
    return min(ends) + math.log(60.0)


def _stretches(start: float) -> Iterator[FloatArray]:
    """Nodes of log t, falling from ``start``, some at a time."""
    for first in range(0, MOST_NODES, STRETCH):
        yield start - STEP * np.arange(first, first + STRETCH, dtype=np.float64)


def _log_bound(blocks: Sequence[Block], counts: IntArray, constant: float) -> float:
    r"""Logarithm of a bound on the losses.

    By :math:`W_gW_j/\sum W \le \sqrt{W_gW_j}` the losses are at most
    :math:`K^2(E_gq_g + \max_jE_jq_j)/p_g` times the two largest
    :math:`E_0\sqrt{W/p} = \prod(1+r)^{1/4}(1+r/2)^{-1/2}`.
    """
    affinities = [
        float(b.degrees @ (0.25 * np.log1p(b.ratios) - 0.5 * np.log1p(0.5 * b.ratios)))
        for b, n in zip(blocks, counts, strict=True)
        for _ in range(min(int(n), 2))
    ]
    first, second = sorted([*affinities, *[0.0] * (constant > 0.0)])[-2:]
    energy = max(float(b.active_q.sum()) / math.exp(b.log_prior) for b in blocks)
    log_pairs = 2.0 * math.log(float(counts.sum()) + 1.0)
    return first + second + log_pairs + math.log(max(2.0 * energy, 1e-300))


def _integrands(
    nodes: Sequence[_Nodes], counts: IntArray, tau: FloatArray, constant: float
) -> tuple[FloatArray, FloatArray]:
    """Integrands in log t of `soft_losses` (C, T), and of `signal_free_loss` (T,)."""
    # phi, and with one power of t for each W: -phi', phi'', psi, -psi'
    expectations = [each.expectations(tau) for each in nodes]
    phi, minus_phi1, phi2, psi, minus_psi1 = np.stack(expectations, axis=1)
    log_constant = math.log(constant) if constant > 0.0 else -math.inf
    constant_w = np.exp(np.minimum(tau + log_constant, MOST))
    with np.errstate(divide="ignore"):
        product = np.exp(counts @ np.log(phi) - constant_w)
    phi = np.where(phi > 0.0, phi, 1.0)  # there the product is zero
    # mean and variance of tW under the law that is tilted by exp(-tW)
    mean = minus_phi1 / phi
    variance = np.maximum(phi2 / phi - np.square(mean), 0.0)
    # second derivative of the product of all other phi, over that product
    second = np.square(sum_over_other_blocks(mean, counts) + constant_w)
    second = second + sum_over_other_blocks(variance, counts)
    priors = np.exp([each.block.log_prior for each in nodes])[:, np.newaxis]
    per_class = (psi / phi) * second + mean * sum_over_other_blocks(minus_psi1 / phi, counts)
    signal_free = counts @ (minus_psi1 / phi)
    # where exp(-tau) would overflow, the other factors vanish
    return np.exp(np.minimum(-tau, MOST)) * product * per_class / priors, product * signal_free


class _Nodes:
    """A quadrature over the evidence z of a block, extended to larger z when needed.

    Trapezoid rule in :math:`x = \\log(e^z - 1)`: where z is small, powers of z become exponentials;
    where z is large, x moves with z, and :math:`e^{-t e^{a+z}}` falls within a unit of z.
    """

    def __init__(self, block: Block, low: float, high: float, step: float) -> None:
        self.block, self.low, self.high, self.step = block, low, high, step
        self.z = np.zeros(0)
        self.density, self.energy = np.zeros(0), np.zeros(0)  # logarithms, with the step
        self.error = 0.0  # relative

    @classmethod
    def of(cls, block: Block) -> _Nodes:
        """The quadrature for the evidence of ``block``, without nodes yet."""
        weights, degrees = block.inactive_weights, block.degrees
        # tilted, as the other factors of the integrand fall no faster
        low = chisquares.exponent_point(DROP, weights, degrees, tilt=2.0)
        high = chisquares.exponent_point(FAR, weights, degrees, upper=True)
        if weights.max() < CEILING:
            near = chisquares.exponent_point(DROP, weights, degrees, tilt=-2.0, upper=True)
            high = min(high, near)
        narrowest = math.sqrt(2.0 / float(degrees.sum()))
        return cls(block, low, high, min(STEP, 0.6 * max(1.0, low) * narrowest))

    def nodes_up_to(self, z: float) -> slice:
        """The nodes up to z, computed if needed."""
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
            energy = chisquares.log_pdf(new, weights, degrees, self.block.inactive_q)
            self.z = np.concatenate([self.z, new])
            self.density = np.concatenate([self.density, along + density.values])
            self.energy = np.concatenate([self.energy, along + energy.values])
            self.error = max(self.error, density.error, energy.error)
        return slice(0, number)

    def expectations(self, tau: FloatArray) -> FloatArray:
        r"""The expectations :math:`\phi, -t\phi', t^2\phi'', t\psi, -t^2\psi'`, :math:`t = e^\tau`.

        .. math:: E_0e^{-y},\ E_0ye^{-y},\ E_0y^2e^{-y},\ E_0qye^{-y},\ E_0qy^2e^{-y}, \quad
                  y = tW = e^{\tau+a+z} ,

        shape (5, T). ``tau`` is falling.
        """
        used = self.nodes_up_to(BEYOND - tau[-1] - self.block.a)
        # relative to the largest t, so that no power overflows
        exponent = self.block.a + self.z[used] + tau[0]
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

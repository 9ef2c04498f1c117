r"""Losses of the soft gate (docs/theory.md §6, The soft gate).

Given group g the evidences are independent. With :math:`E_1` the expectation over a block that is
active, :math:`E_0` over one that is not, and :math:`v_j = W_j/\sum W`,

.. math:: E_g[Q_g(1-v_g)^2] = \int_0^\infty tE_1[Q_ge^{-tW_g}]\Big(\prod_{k\ne g}\phi_k\Big)''dt,
          \qquad \frac1{(\sum W)^2} = \int_0^\infty te^{-t\sum W}dt,

.. math:: E_g[Q_gv_g(1-v_g)] = -\int_0^\infty tE_1[Q_gW_ge^{-tW_g}]
          \Big(\prod_{k\ne g}\phi_k\Big)'dt,

.. math:: E_g[Q_jv_j^2] = \int_0^\infty tE_1[e^{-tW_g}]\,E_0[Q_jW_j^2e^{-tW_j}]
          \prod_{k\ne g,j}\phi_k\,dt,

:math:`\phi_k = E_0e^{-tW_k}`, and :math:`v_g^2 = 1 - 2v_g(1-v_g) - (1-v_g)^2`. A group is
*signal-free* if its block has no signal, or if the group is never drawn.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.formulas import chisquares
from moetheory.formulas.block_evidence import Block, ClassLosses, sum_over_other_blocks

STEP = 0.25  # in log t; integrands are analytic within π/2 of the real axis, so e^(-π²/STEP)
STRETCH = 64  # steps that are taken at once
MOST_NODES = 1 << 16
ENOUGH = 1e-16  # relative, of what is left of an integral
DROP = 45.0  # e^-45 is below the rounding of what it is added to
FAR = 800.0  # nothing so far below a density's peak is represented
BEYOND = 4.5  # exp(2y - exp(y)) is negligible beyond
CEILING = 0.25  # weights from which exp(2z) grows faster than the density of z falls
TILTS = 2.0, 3.0  # of inactive and active evidence: other factors of integrands fall no faster
LEAST, MOST = -680.0, 700.0  # logarithms of floats, small and large
TINY = -40.0  # logarithm of y from which down exp(-y) is 1
POWERS = np.array([1.0, 0.98, 0.9, 0.75, 0.5, 0.25, 0.1, 0.03, 0.01])  # of bounds on what is left
ROUNDING = 1e-12  # relative


def soft_losses(
    blocks: Sequence[Block], counts: IntArray, constant: float = 0.0, *, signal_free: bool = True
) -> ClassLosses:
    r"""Losses of the soft gate, by the integrals of the module.

    Trapezoid rule in log t, from the right. As :math:`1-(1+x)e^{-x} \le x^\alpha` for
    :math:`0 < \alpha \le 1`, the integrals to the left of t are at most :math:`t^\alpha` times
    moments :math:`E_0W^\alpha`.

    Parameters
    ----------
    blocks, counts : sequence of C Block, (C,) integer array
        The distinct blocks with signal, one for each class, and how many blocks are in the class.
        Their ``wrong`` forms are not negative.
    constant : float
        The probability of all drawn groups without signal: their W are constant.
    signal_free : bool
        Whether the loss of a signal-free group is asked for; else it is 0.
    """
    met = np.array([block.met.sum() for block in blocks] + [0.0])
    if counts.sum() == 1 and constant == 0.0:
        met[-1] = blocks[0].wrong.sum()
        return ClassLosses(met, np.zeros(len(met)))
    rows = len(met) if signal_free else len(blocks)
    if not signal_free and _log_bounds(blocks, counts, constant).max() < LEAST:
        return ClassLosses(met, ROUNDING * met)
    inactive = [_Nodes.inactive(block) for block in blocks]
    active = [_Nodes.active(block) for block in blocks]
    bounds = [_log_moments(alpha, blocks, counts, constant) for alpha in _powers(blocks)]
    # beyond exp(MOST), integrands are below 1/t
    start = min(_start(inactive, active, counts, constant), MOST)
    _, sizes = _log_moments(0.0, blocks, counts, constant)
    counted = np.isfinite(sizes)
    ends = [
        (math.log(ENOUGH) - (each[counted] - sizes[counted]).max(initial=0.0)) / alpha
        for alpha, each in bounds
    ]
    if start - max(ends) > STEP * MOST_NODES:
        raise ArithmeticError(
            "at test time the evidence spreads so far that an integral would take more than "
            f"{MOST_NODES} nodes"
        )
    sums = np.zeros((2, 2, len(met)))  # over every second node each, of what adds and subtracts
    for tau in _stretches(start):
        values = _integrands(inactive, active, counts, tau, constant)
        sums += values.reshape(2, len(met), STRETCH // 2, 2).sum(axis=2).transpose(2, 0, 1)
        total = STEP * sums.sum(axis=0)
        with np.errstate(under="ignore", over="ignore"):
            left = np.exp(np.min([each + alpha * tau[-1] for alpha, each in bounds], axis=0))
        enough = np.maximum(ENOUGH * (total.sum(axis=0) + met), math.exp(LEAST))
        if np.all((left <= enough)[:rows]):
            break
    else:
        raise ArithmeticError("the integrals of the soft gate have not converged")
    with np.errstate(invalid="ignore", divide="ignore"):
        change = np.abs(sums[0] - sums[1]) / sums.sum(axis=0)
    # halving the step squares the error
    error = float(np.nanmax(change[:, :rows], initial=0.0)) ** 2
    error = error + max(each.error for each in (*inactive, *active)) + ROUNDING
    values = met + total[0] - total[1]
    values[rows:] = 0.0
    return ClassLosses(values, ROUNDING * met + error * total.sum(axis=0))


def _start(
    inactive: Sequence[_Nodes], active: Sequence[_Nodes], counts: IntArray, constant: float
) -> float:
    """The log t from which on a factor of every integrand vanishes."""
    idle = np.array([-each.a - each.low for each in inactive])
    own = np.array([-each.a - each.low for each in active])
    always = -math.log(constant) if constant > 0.0 else math.inf
    others = np.where(np.eye(len(idle), dtype=bool) & (counts == 1), np.inf, idle).min(axis=1)
    ends = np.append(np.minimum(own, others), idle.min())
    return float(np.minimum(ends, always).max()) + math.log(60.0)


def _stretches(start: float) -> Iterator[FloatArray]:
    """Nodes of log t, falling from ``start``, some at a time."""
    for first in range(0, MOST_NODES, STRETCH):
        yield start - STEP * np.arange(first, first + STRETCH, dtype=np.float64)


def _powers(blocks: Sequence[Block]) -> Iterator[float]:
    """Powers α at which all moments of W are finite."""
    largest = max(float(block.inactive_weights.max()) for block in blocks)
    yield from POWERS * min(1.0, 1.0 / (2.0 * largest)) * (1.0 if 2.0 * largest < 1.0 else 0.99)


def _log_moments(
    alpha: float, blocks: Sequence[Block], counts: IntArray, constant: float
) -> tuple[float, FloatArray]:
    r"""The power α and the logarithms of moments that bound all integrals, (C + 1,).

    .. math:: E_1\tilde Q_g\sum_{l\ne g}E_0W_l^\alpha + \sum_{j\ne g}E_0Q_jW_j^\alpha ,

    :math:`\tilde Q` the sum of the forms of the own block without signs; the second sum over all j
    for a signal-free group.
    """
    moments, carried = [], []
    for block in blocks:
        left = 1.0 - 2.0 * alpha * block.inactive_weights
        finite = bool(np.all(left > 0.0))
        log_moment = alpha * block.a - 0.5 * float(block.degrees @ np.log(left)) if finite else 0.0
        moments.append(log_moment if finite else math.inf)
        carried.append(float(np.sum(block.wrong / left)) if finite else math.inf)
    own = [sum(map(np.sum, _own_loads(block))) for block in blocks]
    highest = max(*moments, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        scaled = np.exp(np.array(moments) - highest)
        found = own * (sum_over_other_blocks(scaled, counts) + constant**alpha / math.exp(highest))
        found += sum_over_other_blocks(scaled * carried, counts)
        logs = np.log(np.append(found, counts @ (scaled * carried))) + highest
    return alpha, np.where(np.isnan(logs), np.inf, logs)


def _log_bounds(blocks: Sequence[Block], counts: IntArray, constant: float) -> FloatArray:
    r"""Logarithms of bounds on the losses beyond the met forms, (C,).

    :math:`v_j^2` and :math:`(1-v_g)^2` are at most :math:`\sqrt{W_j/W_g}`, in sums over j, and
    :math:`E_1Q_gW_g^{-1/2} \le E_1Q_g\,E_1W_g^{-1/2}`.
    """
    inverse = [-0.5 * (b.a + float(b.degrees @ np.log1p(b.active_weights))) for b in blocks]
    return np.array(inverse) + _log_moments(0.5, blocks, counts, constant)[1][:-1]


def _own_loads(block: Block) -> tuple[FloatArray, ...]:
    """Forms times (1 - v)² and v(1 - v), what they add and what they subtract, (I,) each."""
    squared, product = block.missed - block.met, 2.0 * (block.cross - block.met)
    return tuple(
        np.maximum(sign * each, 0.0) for each in (squared, product) for sign in (1.0, -1.0)
    )


def _integrands(
    inactive: Sequence[_Nodes],
    active: Sequence[_Nodes],
    counts: IntArray,
    tau: FloatArray,
    constant: float,
) -> FloatArray:
    """What the integrands in log t add and subtract, (2, C + 1, T)."""
    phi, mean, second, wrong = np.stack([each.expectations(tau) for each in inactive], axis=1)
    own = np.stack([each.expectations(tau) for each in active], axis=1)
    constant_w = np.exp(np.minimum(tau + (math.log(constant) if constant else -np.inf), MOST))
    with np.errstate(divide="ignore"):
        product = np.exp(counts @ np.log(phi) - constant_w)
    phi = np.where(phi > 0.0, phi, 1.0)  # there the product is zero
    # mean and variance of tW under the law that is tilted by exp(-tW)
    mean /= phi
    variance = np.maximum(second / phi - np.square(mean), 0.0)
    wrong /= phi
    others = sum_over_other_blocks(mean, counts) + constant_w
    squares = np.square(others) + sum_over_other_blocks(variance, counts)
    unweighted, *loaded = own
    adds = loaded[0] * squares + loaded[2] * others
    adds += unweighted * sum_over_other_blocks(wrong, counts)
    subtracts = loaded[1] * squares + loaded[3] * others
    signal_free = np.stack([counts @ wrong, np.zeros(len(tau))])[:, np.newaxis]
    per_class = np.stack([adds, subtracts]) / phi
    return np.asarray(np.concatenate([per_class, signal_free], axis=1) * product)


class _Nodes:
    """A quadrature over the evidence z of a block, extended to larger z when needed.

    Trapezoid rule in :math:`x = \\log(e^z - 1)`: where z is small, powers of z become exponentials;
    where z is large, x moves with z, and :math:`e^{-t e^{a+z}}` falls within a unit of z.
    """

    def __init__(
        self,
        a: float,
        weights: FloatArray,
        degrees: FloatArray,
        columns: Sequence[tuple[FloatArray | None, int]],
        tilt: float,
    ) -> None:
        self.a, self.weights, self.degrees, self.columns = a, weights, degrees, columns
        self.low = chisquares.exponent_point(DROP, weights, degrees, tilt=tilt)
        self.high = chisquares.exponent_point(FAR, weights, degrees, upper=True)
        if weights.max() < CEILING:
            near = chisquares.exponent_point(DROP, weights, degrees, tilt=-2.0, upper=True)
            self.high = min(self.high, near)
        narrowest = math.sqrt(2.0 / float(degrees.sum()))
        self.step = min(STEP, 0.6 * max(1.0, self.low) * narrowest)
        self.z = np.zeros(0)
        self.powers = np.array([[power] for _, power in columns], dtype=np.float64)
        self.logs = np.zeros((len(columns), 0))  # of densities times forms, with the step
        self.sums = np.zeros((len(columns), 0))  # logarithms of sums of these times exp(power z)
        self.error = 0.0  # relative

    @classmethod
    def inactive(cls, block: Block) -> _Nodes:
        r"""For :math:`E_0` of :math:`e^{-y}, ye^{-y}, y^2e^{-y}` and :math:`Q^{wrong}y^2e^{-y}`."""
        columns = (None, 0), (None, 1), (None, 2), (block.wrong, 2)
        return cls(block.a, block.inactive_weights, block.degrees, columns, TILTS[0])

    @classmethod
    def active(cls, block: Block) -> _Nodes:
        r"""For :math:`E_1` of :math:`e^{-y}`, two forms times it, and two times :math:`ye^{-y}`."""
        loads = zip(_own_loads(block), (0, 0, 1, 1), strict=True)
        columns = (None, 0), *loads
        return cls(block.a, block.active_weights, block.degrees, columns, TILTS[1])

    def nodes_up_to(self, z: float) -> slice:
        """The nodes up to z, computed if needed."""
        if min(z, self.high) <= self.low:
            return slice(0, 0)
        first, *ends = (
            end + math.log(-math.expm1(-end)) for end in (self.low, min(z, self.high), self.high)
        )
        number, most = (math.ceil((end - first) / self.step) + 1 for end in ends)
        if (known := len(self.z)) < number:
            # some more than asked for, so that arrays do not grow often
            x = first + self.step * np.arange(known, max(number, min(known + known // 4, most)))
            new = np.logaddexp(0.0, x)
            along = math.log(self.step) + np.minimum(x, 0.0) - np.log1p(np.exp(-np.abs(x)))
            self.z = np.concatenate([self.z, new])
            logs = along + self._log_densities(new)
            terms = np.concatenate([self.sums[:, -1:], logs + self.powers * new], axis=1)
            sums = np.logaddexp.accumulate(terms, axis=1)[:, -len(new) :]
            self.logs = np.concatenate([self.logs, logs], axis=1)
            self.sums = np.concatenate([self.sums, sums], axis=1)
        return slice(0, number)

    def _log_densities(self, z: FloatArray) -> FloatArray:
        """Logarithms of the density times the mean of the form of each column, at z."""
        plain = chisquares.log_pdf(z, self.weights, self.degrees)
        found, errors = [], [plain.error]
        for load, _ in self.columns:
            if load is None:
                found.append(plain.values)
            elif not load.any():
                found.append(np.full(len(z), -np.inf))
            else:
                logs = chisquares.log_pdf(z, self.weights, self.degrees, load)
                found.append(logs.values)
                errors.append(logs.error)
        self.error = max(self.error, *errors)
        return np.stack(found)

    def expectations(self, tau: FloatArray) -> FloatArray:
        r"""The expectations of all columns, with :math:`y = tW = e^{\tau+a+z}`, (columns, T).

        ``tau`` is falling.
        """
        used = self.nodes_up_to(BEYOND - tau[-1] - self.a)
        # relative to the largest t, so that no power overflows
        offset, powers = self.a + tau[0], self.powers
        small = min(int(np.searchsorted(self.z, TINY - offset)), used.stop)
        exponent = offset + self.z[small : used.stop]
        values = np.exp(self.logs[:, small : used.stop] + powers * exponent)
        shrunk = np.exp(tau - tau[0])
        kernel = np.exp(-np.outer(shrunk, np.exp(exponent)))
        found = (kernel @ values.T).T
        if small:
            found += np.exp(self.sums[:, small - 1 : small] + powers * offset)
        return np.asarray(shrunk**powers * found)

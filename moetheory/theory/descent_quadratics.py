"""The quadratic losses that gradient descent minimises, and the excess risk after t steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.common.errors import ArgumentError
from moetheory.formulas import contraction
from moetheory.formulas.shrinkage import mean_noise, second_moment
from moetheory.predictors.optimal import (
    interference_of,
    leakage_of,
    unchecked_optimal_coefficients,
)
from moetheory.problem.descent_schedule import CheckedStepSize, TrainingMode
from moetheory.problem.estimators import Dense, Estimator
from moetheory.problem.model import BlockModel


@dataclass(frozen=True, eq=False)
class Quadratics:
    """The quadratic losses that gradient descent minimises, one term for each direction.

    Attributes
    ----------
    curvature, rate : (d,) arrays
        The curvature H and the rate of decay a step, minus log abs(1 - aH). Both are zero in
        directions that do not vary or whose group is never drawn.
    overshoots : (d,) boolean array
        Whether :math:`1 - aH` is negative.
    step, largest, smallest : (1,) or (K,) arrays
        The step size of each loss, and its extreme curvatures.
    """

    curvature: FloatArray
    rate: FloatArray
    overshoots: np.ndarray[tuple[int], np.dtype[np.bool_]]
    step: FloatArray
    largest: FloatArray
    smallest: FloatArray

    @classmethod
    def of(
        cls, estimator: Estimator, model: BlockModel, size: CheckedStepSize, training: TrainingMode
    ) -> Quadratics:
        """The quadratic losses of an estimator; ValueError if the step diverges."""
        moment, share = _moments_and_shares(estimator, model)
        # a coordinate that does not vary has no gradient: it stays at zero, whatever the ridge
        curvature = np.where((share > 0.0) & (moment > 0.0), moment + estimator.ridge, 0.0)
        own = training == "own" and not isinstance(estimator, Dense)
        if not own:
            curvature *= share
        loss_of = model.block_of if own else np.zeros_like(model.block_of)
        losses = model.experts if own else 1
        largest, smallest = contraction.extreme_curvatures(curvature, loss_of, losses)
        if isinstance(size, str):
            varies = largest > 0.0
            step = np.divide(2.0, largest + smallest, out=np.zeros(losses), where=varies)
            headroom = (largest[loss_of] - curvature) + smallest[loss_of]
        else:
            step = np.broadcast_to(np.asarray(size, dtype=np.float64), (losses,))
            _require_stable(step, largest, named=np.ndim(size) > 0)
            headroom = 2.0 / step[loss_of] - curvature
        rate = contraction.decay_rate(curvature, step[loss_of], headroom)
        return cls(curvature, rate, curvature > headroom, step, largest, smallest)


def _require_stable(step: FloatArray, largest: FloatArray, *, named: bool) -> None:
    """Refuse a step with which descent diverges; ``named``: one step for each expert."""
    diverges = np.flatnonzero(2.0 / step <= largest)  # no headroom, as it is computed
    if diverges.size:
        worst = int(diverges[np.argmax(largest[diverges])])
        name = f"step_size[{worst}]" if named else "step_size"
        raise ArgumentError(
            name,
            f"must be less than {2.0 / largest[worst]:.17g}, 2 over the largest curvature, "
            f"from which on descent diverges, got {step[worst]:.17g}",
        )


@dataclass(frozen=True, eq=False)
class Trajectory:
    r"""The excess risk over the limit after t steps, a sum of powers of :math:`1-aH`.

    .. math:: \sum_u \big(s_u(1-aH_u)^{2t} + c_u(1-aH_u)^t\big)

    Attributes
    ----------
    rates : (U,) array
        :math:`-\log|1-aH|`, sorted and distinct.
    squares : (1, U) array
        The weights s.
    crosses : (2, U) array or None
        The weights c times the sign of :math:`(1-aH)^t` at even and at odd steps; None if all are
        zero.
    """

    quadratics: Quadratics
    rates: FloatArray
    squares: FloatArray
    crosses: FloatArray | None

    @classmethod
    def of(
        cls, estimator: Estimator, model: BlockModel, size: CheckedStepSize, training: TrainingMode
    ) -> Trajectory:
        """The trajectory of an estimator; ValueError if the step diverges."""
        quadratics = Quadratics.of(estimator, model, size, training)
        moment, share = _moments_and_shares(estimator, model)
        energy = share * np.square(unchecked_optimal_coefficients(estimator, model))
        # isotropic blocks have few different rates
        rates, rate_of = np.unique(quadratics.rate, return_inverse=True)

        def sums_by_rate(*terms: FloatArray) -> FloatArray:
            return np.stack([np.bincount(rate_of, each, len(rates)) for each in terms])

        cross = 2.0 * estimator.ridge * energy
        signed = np.where(quadratics.overshoots, -cross, cross)
        crosses = sums_by_rate(cross, signed) if estimator.ridge else None
        return cls(quadratics, rates, sums_by_rate(energy * moment), crosses)

    def remaining(self, steps: IntArray) -> FloatArray:
        """Excess risk over the limit, (T,)."""
        even, odd = self._by_parity(steps)
        return np.where(steps % 2 == 0, even, odd)

    def bound(self, step: int) -> float:
        """A non-increasing bound on the remaining excess risk; at even steps they are equal."""
        return float(self._by_parity(np.array([step]))[0][0])

    def _by_parity(self, steps: IntArray) -> tuple[FloatArray, FloatArray]:
        """The remaining excess risk if all steps were even, and if all were odd."""
        times = steps.astype(np.float64)
        squares = contraction.exponential_sums(2.0 * times, self.rates, self.squares)[0]
        if self.crosses is None:
            return squares, squares
        even, odd = contraction.exponential_sums(times, self.rates, self.crosses)
        return squares + even, squares + odd


def _moments_and_shares(estimator: Estimator, model: BlockModel) -> tuple[FloatArray, FloatArray]:
    """Second moments that each direction is learned from, and its share of the samples, (d,)."""
    p = model.group_probabilities[model.block_of]
    signal, noise = model.signal_variances, model.noise_variance
    if isinstance(estimator, Dense):
        signal = second_moment(p, signal, leakage_of(model))
        noise = mean_noise(p, noise, interference_of(model))
        p = np.ones_like(p)
    return signal + noise, p

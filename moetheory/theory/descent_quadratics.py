"""The quadratics that gradient descent goes down on, and what it leaves after t steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.formulas import contraction
from moetheory.formulas.population import second_moment
from moetheory.predictors.optimal import leakage_of, optimal_coefficients
from moetheory.problem.descent_schedule import CheckedStepSize, TrainingMode
from moetheory.problem.estimators import Dense, Estimator
from moetheory.problem.model import BlockModel


@dataclass(frozen=True, eq=False)
class Quadratics:
    """The quadratics that are descended on, a direction each.

    Attributes
    ----------
    curvature, rate : (d,) arrays
        Zero in directions that do not vary or whose group is never drawn.
    overshoots : (d,) boolean array
        Where :math:`1 - aH` is negative.
    step, largest, smallest : (1,) or (K,) arrays
        Of each loss: the step, and the extreme curvatures.
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
        """Those of an estimator; ValueError if the step diverges."""
        moment, share = _moments(estimator, model)
        # what does not vary has no gradient: it stays at zero, whatever the ridge
        curvature = np.where((share > 0.0) & (moment > 0.0), moment + estimator.ridge, 0.0)
        own = training == "own" and not isinstance(estimator, Dense)
        if not own:
            curvature *= share
        owners = model.block_of if own else np.zeros_like(model.block_of)
        losses = model.experts if own else 1
        largest, smallest = contraction.extremes(curvature, owners, losses)
        if isinstance(size, str):
            moving = largest > 0.0
            step = np.divide(2.0, largest + smallest, out=np.zeros(losses), where=moving)
            headroom = (largest[owners] - curvature) + smallest[owners]
        else:
            step = np.broadcast_to(np.asarray(size, dtype=np.float64), (losses,))
            _require_stable(step, largest, named=np.ndim(size) > 0)
            headroom = 2.0 / step[owners] - curvature
        rate = contraction.decay_rate(curvature, step[owners], headroom)
        return cls(curvature, rate, curvature > headroom, step, largest, smallest)


def _require_stable(step: FloatArray, largest: FloatArray, *, named: bool) -> None:
    diverges = np.flatnonzero(2.0 / step <= largest)  # no headroom, as it is computed
    if diverges.size:
        worst = int(diverges[np.argmax(largest[diverges])])
        name = f"step_size[{worst}]" if named else "step_size"
        raise ValueError(
            f"{name} must be less than {2.0 / largest[worst]:.17g}, 2 over the largest curvature, "
            f"from which on descent diverges, got {step[worst]:.17g}"
        )


@dataclass(frozen=True, eq=False)
class Trajectory:
    r"""What remains after t steps, :math:`\sum_u (a_ur_u^{2t} + c_ur_u^t)`.

    Attributes
    ----------
    rates : (U,) array
        :math:`-\log|r|`, sorted, each once.
    squares : (1, U) array
        a.
    crosses : (2, U) array or None
        c times what :math:`r^t/|r|^t` is at even and at odd steps; None if all are zero.
    """

    quadratics: Quadratics
    rates: FloatArray
    squares: FloatArray
    crosses: FloatArray | None

    @classmethod
    def of(
        cls, estimator: Estimator, model: BlockModel, size: CheckedStepSize, training: TrainingMode
    ) -> Trajectory:
        """That of an estimator; ValueError if the step diverges."""
        quadratics = Quadratics.of(estimator, model, size, training)
        moment, share = _moments(estimator, model)
        energy = share * np.square(optimal_coefficients(estimator, model))
        # isotropic blocks have few different rates
        rates, places = np.unique(quadratics.rate, return_inverse=True)

        def gathered(*terms: FloatArray) -> FloatArray:
            return np.stack([np.bincount(places, each, len(rates)) for each in terms])

        cross = 2.0 * estimator.ridge * energy
        signed = np.where(quadratics.overshoots, -cross, cross)
        crosses = gathered(cross, signed) if estimator.ridge else None
        return cls(quadratics, rates, gathered(energy * moment), crosses)

    def remaining(self, steps: IntArray) -> FloatArray:
        """Excess risk over the limit, (T,)."""
        even, odd = self._by_parity(steps)
        return np.where(steps % 2 == 0, even, odd)

    def bound(self, step: int) -> float:
        """At an even step what remains, at an odd one no less; it only ever falls."""
        return float(self._by_parity(np.array([step]))[0][0])

    def _by_parity(self, steps: IntArray) -> tuple[FloatArray, FloatArray]:
        """What would remain were all steps even, and odd."""
        times = steps.astype(np.float64)
        squares = contraction.exponential_sums(2.0 * times, self.rates, self.squares)[0]
        if self.crosses is None:
            return squares, squares
        even, odd = contraction.exponential_sums(times, self.rates, self.crosses)
        return squares + even, squares + odd


def _moments(estimator: Estimator, model: BlockModel) -> tuple[FloatArray, FloatArray]:
    """Second moments of what a direction is learned from, and how often it is met, (d,)."""
    p = model.group_probabilities[model.block_of]
    signal = model.signal_variances
    if isinstance(estimator, Dense):
        signal, p = second_moment(p, signal, leakage_of(model)), np.ones_like(p)
    return signal + model.noise_variance, p

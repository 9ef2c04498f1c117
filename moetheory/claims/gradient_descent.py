"""Gradient descent carried out step by step, in numbers and in symbols, and tried on samples."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from moetheory import kernels
from moetheory.claims.certificates import Symbolic, Values
from moetheory.claims.declaration import Claim, Outcome, Setting, Side
from moetheory.claims.quantities import Direction, direction
from moetheory.claims.training_sets import mean_outcome
from moetheory.common.arrays import FloatArray
from moetheory.common.blas_threads import one_blas_thread
from moetheory.problem.descent_schedule import TrainingMode
from moetheory.problem.estimators import Dense, Estimator, MoE
from moetheory.problem.model import BlockModel
from moetheory.theory.descents import contraction_factor, descent

if TYPE_CHECKING:
    import sympy

INPUTS, MOST_NUMBERS, ROWS = 500_000, 10**9, 1 << 20
RESOLUTION = 0.02
MARGIN = 2  # how far a common step is below what makes the steepest direction stop


@dataclass(frozen=True)
class TrainedEstimator:
    """An estimator and how it is trained."""

    name: str
    estimator: Estimator
    training: TrainingMode = "own"

    def curvature(self, p: Any, signal: Any, noise: Any) -> Any:
        """H of a direction, in numbers or in symbols."""
        if isinstance(self.estimator, Dense):
            return p * signal + noise
        return signal + noise if self.training == "own" else p * (signal + noise)

    def pull(self, p: Any, signal: Any, coefficient: Any) -> Any:
        """The first gradient."""
        alone = self.training == "own" and not isinstance(self.estimator, Dense)
        return (1 if alone else p) * signal * coefficient

    def excess(self, p: Any, signal: Any, noise: Any, coefficient: Any, fit: Any) -> Any:
        """What a direction adds to the excess risk of the coefficient ``fit``."""
        met = 1 if isinstance(self.estimator, Dense) else p
        return p * signal * (coefficient - fit) ** 2 + met * noise * fit**2

    def walk(self, p: Any, signal: Any, noise: Any, coefficient: Any, step: Any, steps: int) -> Any:
        """The coefficients after so many steps, one after the other."""
        fit = 0 * coefficient
        for _ in range(steps):
            fit = fit - step * (
                self.curvature(p, signal, noise) * fit - self.pull(p, signal, coefficient)
            )
        return fit

    def after(self, model: BlockModel, step: float, steps: int) -> float:
        """Excess risk in closed form."""
        how = descent(self.estimator, model, steps, step_size=step, training=self.training)
        return float(how.excess[0])

    def factor(self, model: BlockModel) -> float:
        """Contraction at its own best step."""
        return contraction_factor(self.estimator, model, training=self.training).value


DENSE = TrainedEstimator("dense", Dense())
OWN = TrainedEstimator("own", MoE())
JOINT = TrainedEstimator("joint", MoE(), "joint")


@dataclass(frozen=True)
class Common:
    """A step for several learners: ``1/MARGIN`` of 1/H_max of the steepest, which is ``of``."""

    of: TrainedEstimator

    def step(self, model: BlockModel) -> float:
        """The number."""
        steepest = contraction_factor(self.of.estimator, model, training=self.of.training)
        return float(np.min(steepest.largest_stable)) / 2.0 / MARGIN

    def at(self, learner: TrainedEstimator, steps: int) -> Side:
        """Excess risk after so many of these steps."""
        return lambda model: learner.after(model, self.step(model), steps)

    def walked(self, learner: TrainedEstimator, steps: int) -> Side:
        """The same, one step after the other."""

        def excess(model: BlockModel) -> float:
            fit = self.fit(learner, model, steps)
            return float(np.sum(learner.excess(*_of_each(model), fit)))

        return excess

    def fit(self, learner: TrainedEstimator, model: BlockModel, steps: int) -> FloatArray:
        """The coefficients that these steps lead to, (d,)."""
        return np.asarray(learner.walk(*_of_each(model), self.step(model), steps))

    def symbolic_step(self, one: Direction) -> sympy.Expr:
        """For models of which one direction alone has signal."""
        return 1 / (MARGIN * self.of.curvature(one.probability, one.signal, one.noise))

    def identity(self, learner: TrainedEstimator, steps: int) -> Claim:
        """The closed form is what the steps lead to, and what fresh samples say of it."""

        def symbolic() -> Symbolic:
            one = direction(leaking=False)
            a = self.symbolic_step(one)
            p, signal, noise, b = one.probability, one.signal, one.noise, one.coefficient
            h = learner.curvature(p, signal, noise)
            best = one.dense_fit if learner is DENSE else one.moe_fit
            limit = one.dense if learner is DENSE else one.moe
            scale = h if learner is not OWN else p * h
            walked = learner.walk(p, signal, noise, b, a, steps)
            return one.claim(
                limit + scale * best**2 * (1 - a * h) ** (2 * steps),
                learner.excess(p, signal, noise, b, walked),
                model=lone_direction,
            )

        def experiment(model: BlockModel, setting: Setting) -> Outcome:
            n = setting.replicates or max(2, min(INPUTS, MOST_NUMBERS // model.dim))
            fit = tuple(self.fit(learner, model, steps).tolist())
            values = _squared_errors(model, fit, learner is not DENSE, n, setting.entropy)
            expected = setting.control * self.at(learner, steps)(model)
            return mean_outcome(values, expected, setting, resolution=RESOLUTION)

        return Claim(
            name=f"{learner.name}: risk after t = {steps} == one step after the other",
            relation="==",
            left=self.at(learner, steps),
            right=self.walked(learner, steps),
            symbolic=symbolic,
            experiment=experiment,
            control=1.01,
        )

    def never_behind(self, ahead: TrainedEstimator, behind: TrainedEstimator, steps: int) -> Claim:
        """An order of risks, proved direction by direction."""

        def symbolic() -> Symbolic:
            one = direction(leaking=False)
            a = self.symbolic_step(one)
            given = one.probability, one.signal, one.noise, one.coefficient
            sides = [
                learner.excess(*given, learner.walk(*given, a, steps))
                for learner in (ahead, behind)
            ]
            return one.claim(*sides, model=lone_direction)

        return Claim(
            name=f"{ahead.name} <= {behind.name}: risk after t = {steps}, a = 1/({MARGIN} H_max)",
            relation="<=",
            left=self.at(ahead, steps),
            right=self.at(behind, steps),
            symbolic=symbolic if steps <= 2 else None,
            control=0.5,
        )


def lone_direction(values: Values) -> BlockModel:
    """A model in which one direction alone has signal, and none is steeper."""
    return BlockModel(
        [values["p"], 1.0 - values["p"]],
        [0, 1],
        [values["lambda_"], 0.0],
        [values["b"], 0.0],
        values["sigma2"],
    )


def _of_each(model: BlockModel) -> tuple[Any, Any, Any, Any]:
    p = model.group_probabilities[model.block_of]
    return p, model.signal_variances, model.noise_variance, model.coefficients


@lru_cache(maxsize=2)
def _squared_errors(
    model: BlockModel, fit: tuple[float, ...], routed: bool, inputs: int, entropy: int
) -> FloatArray:
    """Of a linear predictor on fresh samples without label noise, (inputs,)."""
    rng, predictor = np.random.default_rng(entropy), np.array([fit])
    rows = max(1, ROWS // model.dim)
    parts = []
    with one_blas_thread():
        for start in range(0, inputs, rows):
            number = min(rows, inputs - start)
            groups = kernels.draw_groups(rng, number, model.group_probabilities)
            drawn = kernels.draw_inputs(
                rng,
                groups,
                model.block_of,
                model.signal_variances,
                None,
                model.coefficients,
                model.noise_variance,
                0.0,
            )
            parts.append(kernels.prediction_errors(drawn, model.block_of, predictor, (routed,))[0])
    errors: FloatArray = np.concatenate(parts)
    return np.square(errors)

"""Gradient descent carried out step by step: in numbers, in symbols and on fresh samples."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from moetheory import kernels
from moetheory.claims.certificates import Symbolic
from moetheory.claims.declaration import Claim, Side
from moetheory.claims.domains import Values
from moetheory.claims.experiments import Outcome, Setting
from moetheory.claims.fresh_inputs import inputs_of, most_inputs
from moetheory.claims.outcomes import Mean, mean_outcome
from moetheory.claims.quantities import direction, draw_direction
from moetheory.claims.stages import in_stages
from moetheory.common.arrays import FloatArray, IntArray
from moetheory.common.blas_threads import one_blas_thread
from moetheory.problem.descent_schedule import TrainingMode
from moetheory.problem.estimators import Dense, Estimator, MoE
from moetheory.problem.model import BlockModel
from moetheory.simulation.methods.strata import strata
from moetheory.theory.descents import contraction_factor, descent

ROWS = 1 << 20  # numbers that are drawn at once
RESOLUTION = 0.02
PROVED_STEPS = 3  # the polynomials of a proof grow with the number of steps
MARGIN = 2  # a common step is 1/MARGIN of 1/H_max


@dataclass(frozen=True)
class TrainedEstimator:
    """An estimator and how it is trained.

    Arguments of the methods are numbers, arrays or symbols of one direction: ``p`` the group's
    probability, ``signal`` λ, ``noise`` σ², ``coefficient`` b, ``fit`` the fitted coefficient.
    """

    name: str
    estimator: Estimator
    training: TrainingMode = "own"

    def curvature(self, p: Any, signal: Any, noise: Any) -> Any:
        """The curvature H of a direction."""
        if isinstance(self.estimator, Dense):
            return p * signal + noise
        return signal + noise if self.training == "own" else p * (signal + noise)

    def first_gradient(self, p: Any, signal: Any, coefficient: Any) -> Any:
        """The negative gradient at a coefficient of zero."""
        alone = self.training == "own" and not isinstance(self.estimator, Dense)
        return (1 if alone else p) * signal * coefficient

    def excess(self, p: Any, signal: Any, noise: Any, coefficient: Any, fit: Any) -> Any:
        """The excess risk of one direction with the coefficient ``fit``."""
        noise_share = 1 if isinstance(self.estimator, Dense) else p
        return p * signal * (coefficient - fit) ** 2 + noise_share * noise * fit**2

    def coefficients_after(
        self,
        p: Any,
        signal: Any,
        noise: Any,
        coefficient: Any,
        step: Any,
        steps: int,
        start: Any = 0,
    ) -> Any:
        """The coefficients after ``steps`` steps of size ``step`` from ``start``, one by one."""
        fit = start + 0 * coefficient
        for _ in range(steps):
            fit = fit - step * (
                self.curvature(p, signal, noise) * fit - self.first_gradient(p, signal, coefficient)
            )
        return fit

    def excess_after_steps(self, model: BlockModel, step: float, steps: int) -> float:
        """Excess risk after ``steps`` steps of size ``step``, in closed form."""
        path = descent(self.estimator, model, steps, step_size=step, training=self.training)
        return float(path.excess[0])

    def factor(self, model: BlockModel) -> float:
        """The contraction factor at the estimator's own best step."""
        return contraction_factor(self.estimator, model, training=self.training).value


DENSE = TrainedEstimator("dense", Dense())
OWN = TrainedEstimator("own", MoE())
JOINT = TrainedEstimator("joint", MoE(), "joint")


@dataclass(frozen=True)
class CommonStep:
    """A common step size for several learners: evaluated at 1/(MARGIN H_max).

    Attributes
    ----------
    of : TrainedEstimator
        The learner with the largest curvature, whose H_max is meant.
    """

    of: TrainedEstimator

    def step(self, model: BlockModel) -> float:
        """The step size for a model."""
        steepest = contraction_factor(self.of.estimator, model, training=self.of.training)
        return float(np.min(steepest.largest_stable)) / 2.0 / MARGIN

    def with_step(self, point: Any) -> tuple[BlockModel, float]:
        """A model and a step size: those of a random point, or else the common step."""
        return point if isinstance(point, tuple) else (point, self.step(point))

    def excess_after(self, learner: TrainedEstimator, steps: int) -> Side:
        """The excess risk after ``steps`` common steps in closed form, as a side of a claim."""
        return lambda point: learner.excess_after_steps(*self.with_step(point), steps)

    def stepped(self, learner: TrainedEstimator, steps: int) -> Side:
        """The excess risk after ``steps`` common steps, one by one, as a side of a claim."""

        def excess(point: Any) -> float:
            model, step = self.with_step(point)
            fit = _fit(learner, model, step, steps)
            return float(np.sum(learner.excess(*_direction_parameters(model), fit)))

        return excess

    def closed_form_claim(self, learner: TrainedEstimator, steps: int) -> Claim:
        """The claim that closed form, step-by-step descent and fresh samples give the same risk.

        The certificate is by induction: a direction of which the share x is left has the share
        (1 - aH) x left after one more step, for any x.
        """

        def symbolic() -> Symbolic:
            import sympy

            one = direction(leaking=False)
            a, x = sympy.Symbol("a", positive=True), sympy.Symbol("x", real=True)
            given = one.probability, one.signal, one.noise
            h, b = learner.curvature(*given), one.coefficient
            best, limit = (one.dense_fit, one.dense) if learner is DENSE else (one.moe_fit, one.moe)
            scale = h if learner is not OWN else one.probability * h
            stepped = learner.coefficients_after(*given, b, a, 1, start=(1 - x) * best)
            return one.claim(
                limit + scale * best**2 * ((1 - a * h) * x) ** 2,
                learner.excess(*given, b, stepped),
                scope="any strict model, step size and t",
                draw=lambda rng: _draw_descent(rng, learner, steps),
                model=lambda values: (steepest_direction_model(values), values["a"]),
            )

        def experiment(model: BlockModel, setting: Setting) -> Outcome:
            fit = tuple(_fit(learner, model, self.step(model), steps).tolist())
            found = mean_squared_error(
                model, fit, learner is not DENSE, inputs_of(setting, model), setting.entropy
            )
            expected = setting.control * self.excess_after(learner, steps)(model)
            return mean_outcome(found, expected, setting, resolution=RESOLUTION)

        return Claim(
            name=f"{learner.name}: risk after t = {steps} == one step after the other",
            relation="==",
            left=self.excess_after(learner, steps),
            right=self.stepped(learner, steps),
            symbolic=symbolic,
            experiment=in_stages(experiment, most_inputs),
            control=1.01,
        )

    def ordering_claim(
        self, ahead: TrainedEstimator, behind: TrainedEstimator, steps: int
    ) -> Claim:
        """The claim that ``ahead`` has no larger risk than ``behind`` after ``steps`` steps.

        The certificate, for up to three steps, is about every step size up to 1/H_max and one
        direction. A direction that is not the steepest allows for larger ones.
        """

        def step_of(p: Any, signal: Any, noise: Any, u: Any) -> Any:
            return 1 / (self.of.curvature(p, signal, noise) * (1 + u))

        def symbolic() -> Symbolic:
            import sympy

            one, u = direction(leaking=False), sympy.Symbol("u", positive=True)
            given = one.probability, one.signal, one.noise
            a = step_of(*given, u)
            sides = []
            for learner in (ahead, behind):
                fit = learner.coefficients_after(*given, one.coefficient, a, steps)
                sides.append(learner.excess(*given, one.coefficient, fit))

            def model(values: Values) -> tuple[BlockModel, float]:
                step = step_of(*(values[name] for name in ("p", "lambda_", "sigma2", "u")))
                return steepest_direction_model(values), float(step)

            return one.claim(
                *sides,
                scope="any strict model, a <= 1/H_max",
                draw=lambda rng: draw_direction(rng, "u"),
                model=model,
            )

        return Claim(
            name=f"{ahead.name} <= {behind.name}: risk after t = {steps}, a <= 1/H_max",
            relation="<=",
            left=self.excess_after(ahead, steps),
            right=self.excess_after(behind, steps),
            symbolic=symbolic if steps <= PROVED_STEPS else None,
            control=0.5,
        )


def _draw_descent(
    rng: np.random.Generator, learner: TrainedEstimator, steps: int
) -> dict[str, float]:
    """A random direction, a step size a at which it converges, and the share x that is left."""
    values = draw_direction(rng)
    p, signal, noise = values["p"], values["lambda_"], values["sigma2"]
    curvature = float(learner.curvature(p, signal, noise))
    steepest = max(curvature, learner.curvature(1.0 - p, 0.0, noise))
    step = float(rng.uniform(0.05, 1.95)) / steepest
    return {**values, "a": step, "x": (1.0 - step * curvature) ** (steps - 1)}


def steepest_direction_model(values: Values) -> BlockModel:
    """A model of two directions, one of which alone has signal.

    For dense, and for experts on own samples, the other direction is not steeper.
    """
    return BlockModel(
        [values["p"], 1.0 - values["p"]],
        [0, 1],
        [values["lambda_"], 0.0],
        [values["b"], 0.0],
        values["sigma2"],
    )


def _fit(learner: TrainedEstimator, model: BlockModel, step: float, steps: int) -> FloatArray:
    """The coefficients of a model after ``steps`` steps of size ``step``, one by one, (d,)."""
    return np.asarray(learner.coefficients_after(*_direction_parameters(model), step, steps))


def _direction_parameters(model: BlockModel) -> tuple[Any, Any, Any, Any]:
    """p, λ, σ² and b of the model's directions."""
    p = model.group_probabilities[model.block_of]
    return p, model.signal_variances, model.noise_variance, model.coefficients


@lru_cache(maxsize=2)
def mean_squared_error(
    model: BlockModel, fit: tuple[float, ...], routed: bool, inputs: int, entropy: int
) -> Mean:
    r"""The mean squared error of a linear predictor on fresh samples without label noise.

    Groups are strata. Given group g an error is normal with a variance :math:`r_g` that the
    coefficients give (strict blocks), so that with :math:`n_g \propto p_gr_g` inputs the mean has
    the variance :math:`2\sum_g(p_gr_g)^2/n_g` and the third moment
    :math:`8\sum_g(p_gr_g)^3/n_g^2`. The larger standard error counts, the observed or that of the
    law.
    """
    p, risks = model.group_probabilities, _error_variances(model, np.array(fit), routed)
    unit = float(p @ risks)  # so that no power of an error overflows or underflows
    parts = p * (risks / unit)
    tiny = np.finfo(np.float64).tiny
    counts = kernels.stratum_counts(inputs, np.where(p > 0.0, np.maximum(parts, tiny), 0.0))
    drawn = counts > 0
    parts, sizes = parts[drawn], counts[drawn]
    observed = kernels.stratified_mean(
        _squared_errors(model, fit, routed, counts, entropy) / unit, counts, p
    )
    variances, influences = 2.0 * parts**2 / sizes, observed.influences
    law = float(variances.sum())
    return Mean(
        value=unit * float(observed.mean[0]),
        sem=unit * math.sqrt(max(law, float(np.vecdot(influences, influences)[0]))),
        replicates=inputs,
        degrees=law**2 / float((variances**2 / (sizes - 1.0)).sum()),
        skewness=8.0 * float((parts**3 / sizes**2).sum()) / law**1.5,
    )


def _error_variances(model: BlockModel, fit: FloatArray, routed: bool) -> FloatArray:
    """The variance of the errors given the group, (K,), without label noise."""
    missed = model.signal_variances * np.square(model.coefficients - fit)
    own = np.bincount(model.block_of, missed, model.experts)
    gains = np.bincount(model.block_of, np.square(fit), model.experts)
    return np.asarray(own + model.noise_variance * (gains if routed else gains.sum()))


def _squared_errors(
    model: BlockModel, fit: tuple[float, ...], routed: bool, counts: IntArray, entropy: int
) -> FloatArray:
    """Squared errors on ``counts`` (K,) fresh samples of each group in turn, (1, inputs)."""
    rng, predictor = np.random.default_rng(entropy), np.array([fit])
    groups = strata(counts)
    rows = max(1, ROWS // model.dim)
    parts = []
    with one_blas_thread():
        for start in range(0, len(groups), rows):
            drawn = kernels.draw_inputs(
                rng,
                groups[start : start + rows],
                model.block_of,
                model.signal_variances,
                None,
                model.coefficients,
                model.noise_variance,
                0.0,
            )
            parts.append(kernels.prediction_errors(drawn, model.block_of, predictor, (routed,)))
    return np.square(np.concatenate(parts, axis=1))

"""Gradient descent carried out step by step: in numbers, in symbols and on fresh samples."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from moetheory import kernels
from moetheory.claims.certificates import Symbolic, Values
from moetheory.claims.declaration import Claim, Side
from moetheory.claims.experiments import Outcome, Setting
from moetheory.claims.fresh_inputs import inputs_of
from moetheory.claims.outcomes import Mean, mean_outcome
from moetheory.claims.quantities import Direction, direction
from moetheory.common.arrays import FloatArray, IntArray
from moetheory.common.blas_threads import one_blas_thread
from moetheory.problem.descent_schedule import TrainingMode
from moetheory.problem.estimators import Dense, Estimator, MoE
from moetheory.problem.model import BlockModel
from moetheory.simulation.methods.strata import strata
from moetheory.theory.descents import contraction_factor, descent

if TYPE_CHECKING:
    import sympy

ROWS = 1 << 20  # numbers that are drawn at once
RESOLUTION = 0.02
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
        self, p: Any, signal: Any, noise: Any, coefficient: Any, step: Any, steps: int
    ) -> Any:
        """The coefficients after ``steps`` steps of size ``step``, computed one by one."""
        fit = 0 * coefficient
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
    """A common step size for several learners: 1/(MARGIN H_max).

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

    def excess_after(self, learner: TrainedEstimator, steps: int) -> Side:
        """The excess risk after ``steps`` common steps in closed form, as a side of a claim."""
        return lambda model: learner.excess_after_steps(model, self.step(model), steps)

    def stepped(self, learner: TrainedEstimator, steps: int) -> Side:
        """The excess risk after ``steps`` common steps, one by one, as a side of a claim."""

        def excess(model: BlockModel) -> float:
            fit = self.fit(learner, model, steps)
            return float(np.sum(learner.excess(*_direction_parameters(model), fit)))

        return excess

    def fit(self, learner: TrainedEstimator, model: BlockModel, steps: int) -> FloatArray:
        """The coefficients after ``steps`` common steps, (d,)."""
        return np.asarray(
            learner.coefficients_after(*_direction_parameters(model), self.step(model), steps)
        )

    def symbolic_step(self, one: Direction) -> sympy.Expr:
        """The step size in symbols, for models in which only one direction has signal."""
        return 1 / (MARGIN * self.of.curvature(one.probability, one.signal, one.noise))

    def closed_form_claim(self, learner: TrainedEstimator, steps: int) -> Claim:
        """The claim that closed form, step-by-step descent and fresh samples give the same risk."""

        def symbolic() -> Symbolic:
            one = direction(leaking=False)
            a = self.symbolic_step(one)
            p, signal, noise, b = one.probability, one.signal, one.noise, one.coefficient
            h = learner.curvature(p, signal, noise)
            best = one.dense_fit if learner is DENSE else one.moe_fit
            limit = one.dense if learner is DENSE else one.moe
            scale = h if learner is not OWN else p * h
            stepped = learner.coefficients_after(p, signal, noise, b, a, steps)
            return one.claim(
                limit + scale * best**2 * (1 - a * h) ** (2 * steps),
                learner.excess(p, signal, noise, b, stepped),
                model=steepest_direction_model,
            )

        def experiment(model: BlockModel, setting: Setting) -> Outcome:
            fit = tuple(self.fit(learner, model, steps).tolist())
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
            experiment=experiment,
            control=1.01,
        )

    def ordering_claim(
        self, ahead: TrainedEstimator, behind: TrainedEstimator, steps: int
    ) -> Claim:
        """The claim that ``ahead`` has no larger risk than ``behind`` after ``steps`` steps.

        A certificate for one direction is made for up to two steps.
        """

        def symbolic() -> Symbolic:
            one = direction(leaking=False)
            a = self.symbolic_step(one)
            given = one.probability, one.signal, one.noise, one.coefficient
            sides = [
                learner.excess(*given, learner.coefficients_after(*given, a, steps))
                for learner in (ahead, behind)
            ]
            return one.claim(*sides, model=steepest_direction_model)

        return Claim(
            name=f"{ahead.name} <= {behind.name}: risk after t = {steps}, a = 1/({MARGIN} H_max)",
            relation="<=",
            left=self.excess_after(ahead, steps),
            right=self.excess_after(behind, steps),
            symbolic=symbolic if steps <= 2 else None,
            control=0.5,
        )


def steepest_direction_model(values: Values) -> BlockModel:
    """A model in which one direction alone has signal; no other direction is steeper."""
    return BlockModel(
        [values["p"], 1.0 - values["p"]],
        [0, 1],
        [values["lambda_"], 0.0],
        [values["b"], 0.0],
        values["sigma2"],
    )


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

"""Estimators of one's own, fitted on drawn training sets; helper of method="data"."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from moetheory import kernels
from moetheory.common.arrays import FloatArray, IntArray
from moetheory.common.cached import cached
from moetheory.common.errors import ArgumentError
from moetheory.common.validation import real_array, shown
from moetheory.problem.custom_estimators import Custom, Predict, adapter_for
from moetheory.problem.losses import Loss
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation
from moetheory.simulation.methods.fit_risks import dense_fit_risks, rowwise_fit_risks
from moetheory.simulation.methods.perturbed_inputs import PerturbedInputs, draw_test_inputs
from moetheory.simulation.methods.strata import strata, stratum_means
from moetheory.simulation.methods.training_sets import TrainingSets

TESTS = 256  # fresh inputs for each function that was fitted, unless there are more groups
SAME = 1e-6  # of their size: numbers of two calls that may differ by rounding alone
SAID = 200  # characters of another's error that a message repeats
OF_FITS, OF_TESTS = 0, 1  # uses of random streams
ARRAYS = 8  # as large as the fits or the test inputs of a training set, at most

Fitted = FloatArray | Predict


class FitFailureError(Exception):
    """An estimator of one's own failed on training set ``place`` of those drawn together."""

    def __init__(self, place: int, custom: Custom, model: BlockModel, problem: str) -> None:
        super().__init__(place, custom, model, problem)
        self.place, self.custom, self.model, self.problem = place, custom, model, problem


@dataclass(frozen=True, eq=False)
class CustomFits:
    """An estimator of one's own on training sets of ``model``."""

    custom: Custom
    model: BlockModel
    sets: TrainingSets
    under: Perturbation | None = None
    loss: Loss = "squared"

    def risks(self) -> FloatArray:
        """Risks given the group, (R, K): in closed form of coefficients, measured of functions."""
        found = np.empty((len(self.sets.labels), self.model.experts))
        vectors: dict[int, FloatArray] = {}
        matrices: dict[int, FloatArray] = {}
        for place in range(len(found)):
            fitted = self.fit(place)
            if callable(fitted):
                found[place] = self._tested(fitted, place)
            else:
                (vectors if fitted.ndim == 1 else matrices)[place] = fitted
        if vectors:
            fits = np.stack(list(vectors.values()))
            found[list(vectors)] = dense_fit_risks(self.model, fits, self.under, self.loss)
        if matrices:
            fits = np.stack(list(matrices.values()), axis=1)
            found[list(matrices)] = rowwise_fit_risks(self.model, fits, self.under, self.loss)
        return found

    def fit(self, place: int) -> Fitted:
        """What is fitted on training set ``place``: coefficients (d,) or (K, d), or a function."""
        sets, rng = self.sets, self.sets.stream(place, OF_FITS)
        data = sets.features[place].copy(), sets.labels[place].copy(), sets.groups[place].copy()
        found = self._called(place, "", lambda: self.custom.fit(*data, rng))
        if callable(found):
            return self._checked_function(found, place)
        experts, dim = self.model.experts, self.model.dim
        wanted = (
            f"must have shape ({dim},), one linear predictor, or ({experts}, {dim}), one for each "
            "group, or be a function predict(features, groups)"
        )
        if found is None or adapter_for(found):
            raise self._failure(
                place, f"what it returns {wanted}, got {shown(found)}{adapter_for(found)}"
            )
        coefficients = self._real(place, "the coefficients that it returns", found)
        if coefficients.shape not in ((dim,), (experts, dim)):
            raise self._failure(place, f"what it returns {wanted}, got shape {coefficients.shape}")
        return coefficients

    def require_repeatable(self) -> None:
        """Refuse a fit that differs between two calls with equal data and equal rng."""
        first, second = (self._comparable(self.fit(0)) for _ in range(2))
        same = first.shape == second.shape
        if not same or np.abs(first - second).max() > SAME * np.abs(first).max():
            raise self._failure(
                0,
                "it differs between two calls with equal data and equal rng: it must depend on "
                "its arguments alone, and draw random numbers from rng",
            )

    def _comparable(self, fitted: Fitted) -> FloatArray:
        """The coefficients that were fitted, or predictions of a function, (1, 1, T)."""
        if not callable(fitted):
            return fitted
        features, groups, _ = self._test_inputs(0)
        return self._predictions(fitted, 0, features, groups)[np.newaxis, np.newaxis]

    def _checked_function(self, found: Predict, place: int) -> Predict:
        """``found`` itself; refused under a worst-case shift."""
        if self.under is not None and self.under.radius:
            raise self._failure(
                place,
                "it must return coefficients under a worst-case shift, which is not known of a "
                f"function, got radius={self.under.radius:g}",
            )
        return found

    def _tested(self, predict: Predict, place: int) -> FloatArray:
        """Mean losses on fresh inputs of each group, (K,), NaN without inputs."""
        features, groups, labels = self._test_inputs(place)
        predictions = self._predictions(predict, place, features, groups)
        if self.loss == "sign":
            losses = (1.0 - np.sign(labels) * np.sign(predictions)) / 2.0
        else:
            losses = np.square(labels - predictions)
        means: FloatArray = stratum_means(losses[np.newaxis], self._counts)[0]
        return means

    @cached
    def _counts(self) -> IntArray:
        """The number of test inputs of each group."""
        return test_counts(self.model)

    @cached
    def _perturb(self) -> PerturbedInputs | None:
        return None if self.under is None else PerturbedInputs(self.under, self.model)

    def _test_inputs(self, place: int) -> tuple[FloatArray, IntArray, FloatArray]:
        """Inputs group by group, the groups that they are taken for, and their labels."""
        rng, groups = self.sets.stream(place, OF_TESTS), strata(self._counts)
        inputs = draw_test_inputs(rng, groups, self.model, self._perturb)
        return inputs.features, inputs.routed.blocks, inputs.labels

    def _predictions(
        self, predict: Predict, place: int, features: FloatArray, groups: IntArray
    ) -> FloatArray:
        """What a fitted function predicts, (n,)."""
        given = features.copy(), groups.copy()
        found = self._called(place, "the function that it returned ", lambda: predict(*given))
        predictions = self._real(place, "predictions", found)
        if predictions.shape != (len(features),):
            raise self._failure(
                place,
                f"predictions must have shape ({len(features)},), one for each of the inputs "
                f"{features.shape}, got shape {predictions.shape}",
            )
        return predictions

    def _called(self, place: int, who: str, call: Callable[[], Any]) -> Any:
        """What a function of the user's returns; what it raises is the cause of a failure."""
        try:
            return call()
        except Exception as error:
            said = f": {str(error).strip().splitlines()[0][:SAID]}" if str(error).strip() else ""
            raise self._failure(place, f"{who}raised {type(error).__name__}{said}") from error

    def _real(self, place: int, what: str, found: Any) -> FloatArray:
        """``found`` as a new array of finite floats."""
        try:
            return real_array(what, found)
        except ArgumentError as error:
            raise self._failure(place, str(error)) from None

    def _failure(self, place: int, problem: str) -> FitFailureError:
        return FitFailureError(place, self.custom, self.model, problem)


def test_counts(model: BlockModel) -> IntArray:
    """Fresh inputs of each group for a function that was fitted, (K,), in proportion to p."""
    p = model.group_probabilities
    return kernels.stratum_counts(max(TESTS, int(np.count_nonzero(p))), p / p.sum(), least=1)

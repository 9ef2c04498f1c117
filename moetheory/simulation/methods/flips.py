r"""method="flips": losses on fresh test samples, averaged over the signs of their coordinates.

Coordinates are independent and symmetric, and no route depends on signs: each of the
:math:`2^d` flips of a sample is as likely as the sample. The mean of its loss over all of them
is :math:`\sum_me_m^2 + \omega^2`, :math:`e_m` what coordinate m adds to the error. It has the same
mean as the loss, and a variance that is smaller by as many coordinates as share in the error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from moetheory import kernels
from moetheory.common.arrays import FloatArray, IntArray
from moetheory.kernels import Workspace
from moetheory.problem.losses import Loss
from moetheory.problem.perturbation import Perturbation
from moetheory.simulation.methods.perturbed_inputs import draw_test_inputs
from moetheory.simulation.methods.population import PopulationRoute


@dataclass(frozen=True, eq=False)
class FlipsRoute(PopulationRoute):
    """A replicate is one test sample, a value the mean loss of one predictor over its flips."""

    method: ClassVar[str] = "flips"

    @property
    def footprint(self) -> int:
        """Bytes a chunk works in, at most: beside those of "population", labels in parts."""
        return super().footprint + 8 * 3 * self.rows * self.cost

    def model_losses(
        self, rng: np.random.Generator, groups: IntArray, number: int, work: Workspace
    ) -> FloatArray:
        """Mean losses of the estimators in model ``number`` on inputs of ``groups``, (E, rows)."""
        model, perturb = self.models[number], self.perturbations[number]
        inputs = draw_test_inputs(rng, groups, model, perturb, with_parts=True, work=work)
        means = kernels.mean_squares_over_flips(inputs, *self.predictors_of(number), work)
        means += model.label_noise_variance
        return means


def flippable(under: Perturbation | None, loss: Loss) -> bool:
    """Whether the mean over flips is known: of squares, of normal noise, confusion and drag."""
    if under is None:
        return loss == "squared"
    return loss == "squared" and under.noise is None and not (under.erasure or under.radius)

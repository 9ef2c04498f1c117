"""method="identity" with samples, for gates that are `Learned`: moments of the experts' fits.

The samples of the router, those of the experts and the test input are independent of each other:
of the coefficients only the means and the second moments count.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.common.cached import cached
from moetheory.kernels import QuadraticForms
from moetheory.predictors.expert_moments import ExpertMoments
from moetheory.predictors.expert_regressions import Regressions
from moetheory.simulation.methods.block_energies import SquaredInputModel
from moetheory.simulation.methods.learned_routers import LearnedRoute
from moetheory.simulation.methods.loss_forms import FormWeights


@dataclass(frozen=True, eq=False)
class LearnedFitsRoute(LearnedRoute):
    """A replicate is one training set of the router; losses are means over those of the experts.

    Experts have no ridge, and moments that are exact and finite (`ExpertMoments`), of each group
    that is ever drawn.
    """

    samples: IntArray = field(kw_only=True)

    @cached
    def _weights(self) -> list[FormWeights]:
        """Weights of the units in the forms of each model, (U,)."""
        found = []
        for each in self.input_models:
            moments = ExpertMoments.of(each.model, Regressions.of(each.model, self.samples))
            # of an expert that no input is sent to
            finite = np.where(np.isfinite(moments.variance), moments.variance, 0.0)
            coordinates = each.loss_forms.of_coefficients(moments.mean, finite)
            found.append(each.unit_weights(coordinates))
        return found

    def forms(self, input_model: SquaredInputModel, squares: FloatArray) -> list[QuadraticForms]:
        """The quadratic forms of each estimator in inputs with these squares."""
        place = self.input_models.index(input_model)
        return [input_model.quadratic_forms(self._weights[place], squares)] * len(self.estimators)

r"""What coefficients lose in an input whose squares are known: weights of its squared coordinates.

For an input of group g, weights v of the experts and coefficients t in use (docs/theory.md §6),
signs averaged,

.. math:: R_g + \sum_{m\in g}\bar x_m^2(v_gt_m-\theta_m)^2
          + \sum_{j\ne g}\sum_{m\in j}\bar x_m^2(v_j^2t_m^2 - 2v_jt_m\theta^0_m),

:math:`\theta` and :math:`\theta^0 = b\nu/(\nu+n+\kappa)` the best coefficients for the inputs that
are drawn while a block is active and while it is not, :math:`R_g` the risk of the oracle with the
first. Labels hear inactive blocks only through leakage.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from moetheory.common.arrays import FloatArray, block_sums
from moetheory.common.cached import cached
from moetheory.formulas.population import expert_coefficients, expert_contributions
from moetheory.formulas.sums import sum_over_others
from moetheory.predictors.coordinate_laws import CoordinateLaw
from moetheory.predictors.optimal import unchecked_optimal_coefficients
from moetheory.problem.estimators import Dense, Estimator, MoE
from moetheory.problem.model import BlockModel


class FormWeights(NamedTuple):
    """Weights of squares in each of the `kernels.QuadraticForms`, in their order.

    Of coordinates, (..., d), or of the units of a layout.
    """

    optimal: FloatArray
    cross: FloatArray
    used: FloatArray
    error: FloatArray | None
    cross_error: FloatArray | None
    unheard: FloatArray | None = None


@dataclass(frozen=True, eq=False)
class LossForms:
    """The forms of a ``model`` whose estimators are tested on inputs of the ``test_law``."""

    model: BlockModel
    test_law: CoordinateLaw

    @cached
    def oracle_risks(self) -> FloatArray:
        r"""Risk given the group of the best experts under oracle routing, (K,), label noise too.

        .. math:: R_g = \omega^2 + \sum_{m\in g}\frac{b^2\lambda n}{\lambda+n}
                  + \sum_{m\notin g}b^2\nu .
        """
        return self._risks_beside(self.model.coefficients**2 * self.model.leakage_variances)

    @cached
    def _full_risks(self) -> FloatArray:
        r"""Risk given the group of experts that hear the leakage, and so lose less of it, (K,).

        They lose :math:`b^2\nu(n+\kappa)/(\nu+n+\kappa)` instead of :math:`b^2\nu`.
        """
        model, idle = self.model, self.test_law.idle_variances
        noise = self.test_law.noise + self.test_law.interference
        lost = model.coefficients**2 * model.leakage_variances
        return self._risks_beside(lost * (noise / np.where(idle > 0.0, idle, 1.0)))

    def _risks_beside(self, lost: FloatArray) -> FloatArray:
        """The risk given the group, with ``lost`` (d,) by each coordinate that is inactive."""
        model = self.model
        active, _ = expert_contributions(
            1.0, model.signal_variances, 0.0, model.coefficients, self.test_law.noise, 0.0, 0.0
        )
        risks = block_sums(active, model.block_of) + model.label_noise_variance
        if not model.strict:
            risks = risks + sum_over_others(block_sums(lost, model.block_of))
        return np.asarray(risks)

    def known_risks(self, estimator: Estimator) -> FloatArray:
        """The part of the risk given the group that the forms of an estimator leave out, (K,).

        That of the oracle; for dense, which hears what leaks, that of experts that hear it too.
        """
        hears = isinstance(estimator, Dense) and not self.model.strict
        return self._full_risks if hears else self.oracle_risks

    @cached
    def optimal(self) -> FloatArray:
        r"""The best coefficients in the test while a block is active, :math:`\theta`, (d,)."""
        law = self.test_law
        return expert_coefficients(law.signal, self.model.coefficients, law.noise, 0.0)

    @cached
    def optimal_idle(self) -> FloatArray | None:
        r"""The best coefficients in the test while a block is inactive, :math:`\theta^0`, (d,).

        None in strict blocks: zero.
        """
        model = self.model
        if model.strict:
            return None
        idle = self.test_law.idle_variances
        return model.coefficients * (model.leakage_variances / np.where(idle > 0.0, idle, 1.0))

    @cached
    def _optimal_square(self) -> FloatArray:
        return self.optimal**2

    def of_coefficients(self, mean: FloatArray, variance: FloatArray | None = None) -> FormWeights:
        """Weights of the coordinates for coefficients (..., d) with this mean and variance.

        None: coefficients that are known. They do not depend on the input.
        """
        error = self.optimal - mean
        unheard = None if self.optimal_idle is None else self.optimal_idle * mean
        best = self._optimal_square
        if variance is None and not error.any():
            return FormWeights(best, best, best, None, None, unheard)
        used, squared = mean**2, error**2
        if variance is not None:
            used, squared = used + variance, squared + variance
        cross = self.optimal * mean
        return FormWeights(best, cross, used, squared, self.optimal * error, unheard)

    def key(self, estimator: Estimator) -> tuple[bool, float, bool]:
        """What the population optimum of an estimator depends on."""
        mixture = isinstance(estimator, MoE)
        return mixture, estimator.ridge, isinstance(estimator, MoE) and estimator.retrained

    def of_estimator(self, estimator: Estimator) -> FormWeights:
        """Weights of the coordinates for the population optimum of an estimator.

        Those of dense, which does not weigh, have :math:`(\theta^0-t)^2` in place of :math:`t^2`.
        """
        coefficients = unchecked_optimal_coefficients(estimator, self.model)
        weights = self.of_coefficients(coefficients)
        if isinstance(estimator, MoE) or self.optimal_idle is None:
            return weights
        return weights._replace(used=(self.optimal_idle - coefficients) ** 2, unheard=None)

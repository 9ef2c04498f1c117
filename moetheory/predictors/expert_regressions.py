"""The K regressions that the experts of a mixture solve on a training set."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.formulas import population, sums
from moetheory.formulas.finite import is_isotropic
from moetheory.predictors.optimal import formula_arguments
from moetheory.problem.model import BlockModel
from moetheory.problem.sample_counts import counts_of


class Regressions(NamedTuple):
    r"""The regressions of the label on each block, by the expert of that block; all fields (K,).

    Attributes
    ----------
    counts : integers
        Training samples :math:`n_g`.
    sizes : integers
        Coordinates that vary, :math:`\lambda + n > 0`: their number is :math:`s_g`.
    leaked_variance : floats
        :math:`\sum_{m \notin g} b^2\nu`, label variance that leaks from the other blocks.
    residual_excess, residual : floats
        Risk of the best coefficients :math:`\theta_g` without and with the label noise;
        ``residual`` is the residual variance :math:`\rho_g`.
    energy : floats
        :math:`\theta_g^\top C_g\theta_g`, variance of the best prediction.
    isotropic : booleans
        Whether :math:`C_g = \operatorname{diag}(\lambda + n)` is a multiple of the
        identity on the coordinates that vary.
    """

    counts: IntArray
    sizes: IntArray
    leaked_variance: FloatArray
    residual_excess: FloatArray
    residual: FloatArray
    energy: FloatArray
    isotropic: Any

    @property
    def null_excess(self) -> FloatArray:
        """The excess risk of predicting zero."""
        return self.residual_excess + self.energy

    @classmethod
    def of(cls, model: BlockModel, samples: Any) -> Regressions:
        """The regressions of the experts of ``model``, with ``samples`` as `risk` takes them."""
        inherent, inactive = sums.by_block(
            population.expert_contributions, *formula_arguments(model), 0.0
        )
        leaked_variance = sums.sum_over_others(inactive)
        excess = inherent + leaked_variance

        def terms(
            _: Any, signal: FloatArray, coefficient: FloatArray, noise: Any
        ) -> tuple[FloatArray, ...]:
            predicted = population.expert_coefficients(signal, coefficient, noise)
            return predicted * coefficient * signal, np.greater(signal + noise, 0.0) * 1.0

        energy, sizes = sums.by_block(
            terms,
            model.group_probabilities,
            model.block_of,
            model.signal_variances,
            model.coefficients,
            model.noise_variance,
        )
        noisy_variances = model.signal_variances + model.noise_variance
        least, most = np.full(model.experts, np.inf), np.zeros(model.experts)
        np.minimum.at(
            least, model.block_of, np.where(noisy_variances > 0.0, noisy_variances, np.inf)
        )
        np.maximum.at(most, model.block_of, noisy_variances)
        return cls(
            counts=counts_of(samples, model),
            sizes=sizes.astype(np.int64),
            leaked_variance=leaked_variance,
            residual_excess=excess,
            residual=excess + model.label_noise_variance,
            energy=energy,
            isotropic=is_isotropic(np.minimum(least, most), most),
        )

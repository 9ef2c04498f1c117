"""The K regressions that the experts of a mixture solve on a training set."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.formulas import population, sums
from moetheory.formulas.finite import is_isotropic
from moetheory.predictors.optimal import leakage_of
from moetheory.problem.model import BlockModel
from moetheory.problem.sample_counts import counts_of


class Regressions(NamedTuple):
    r"""Of expert g, each of shape (K,): label on the coordinates of its own block.

    Attributes
    ----------
    counts : integers
        :math:`n_g`, training samples.
    sizes : integers
        :math:`s_g`, coordinates that vary: :math:`\lambda + \sigma^2 > 0`.
    unseen : floats
        :math:`\sum_{m \notin g} b^2\nu`, what leaks from the other blocks into the label.
    residual_excess, residual : floats
        Risk of its best coefficients :math:`\theta_g` without and with the label noise;
        ``residual`` is :math:`\rho_g`.
    energy : floats
        :math:`\theta_g^\top C_g\theta_g`, variance of its best prediction.
    isotropic : booleans
        Whether :math:`C_g = \operatorname{diag}(\lambda + \sigma^2)` is a multiple of the
        identity on those coordinates.
    """

    counts: IntArray
    sizes: IntArray
    unseen: FloatArray
    residual_excess: FloatArray
    residual: FloatArray
    energy: FloatArray
    isotropic: Any

    @property
    def null_excess(self) -> FloatArray:
        """Excess risk of predicting zero."""
        return self.residual_excess + self.energy

    @classmethod
    def of(cls, model: BlockModel, samples: Any) -> Regressions:
        """Of a model and ``samples`` as `risk` takes them."""
        noise = model.noise_variance
        inherent, inactive = sums.by_block(
            population.expert_contributions,
            model.group_probabilities,
            model.block_of,
            model.signal_variances,
            leakage_of(model),
            model.coefficients,
            noise,
        )
        unseen = sums.of_others(inactive)
        excess = inherent + unseen

        def terms(_: Any, signal: FloatArray, coefficient: FloatArray) -> tuple[FloatArray, ...]:
            predicted = population.expert_coefficients(signal, coefficient, noise)
            return predicted * coefficient * signal, np.greater(signal + noise, 0.0) * 1.0

        energy, sizes = sums.by_block(
            terms,
            model.group_probabilities,
            model.block_of,
            model.signal_variances,
            model.coefficients,
        )
        observed = model.signal_variances + noise
        least, most = np.full(model.experts, np.inf), np.zeros(model.experts)
        np.minimum.at(least, model.block_of, np.where(observed > 0.0, observed, np.inf))
        np.maximum.at(most, model.block_of, observed)
        return cls(
            counts=counts_of(samples, model),
            sizes=sizes.astype(np.int64),
            unseen=unseen,
            residual_excess=excess,
            residual=excess + model.label_noise_variance,
            energy=energy,
            isotropic=is_isotropic(np.minimum(least, most), most),
        )

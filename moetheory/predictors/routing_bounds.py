"""A bound on what routing by the input may cost, known before anything is drawn."""

from __future__ import annotations

import numpy as np

from moetheory.common.arrays import FloatArray, block_sums
from moetheory.formulas.sums import sum_over_others
from moetheory.problem.model import BlockModel


def routing_error_bound(model: BlockModel, costs: FloatArray | float = 1.0) -> float:
    r"""Bhattacharyya's bound on the misrouting of the Bayes router (strict blocks).

    .. math:: \sum_{i\ne j}\sqrt{p_ip_j}\,B_iB_j\,c_j,\qquad
              B_i = \prod_{m\in i}\Big(\frac{2\sqrt{\sigma^2(\lambda+\sigma^2)}}
                                            {\lambda+2\sigma^2}\Big)^{1/2},

    :math:`c_j` the ``costs`` (K,); with costs of one half it bounds the probability.
    """
    noise, signal = model.noise_variance, model.signal_variances
    total = np.where(signal > 0.0, 2.0 * noise + signal, 1.0)
    overlap = np.where(signal > 0.0, 2.0 * np.sqrt(noise) * np.sqrt(noise + signal) / total, 1.0)
    with np.errstate(divide="ignore"):
        logs = block_sums(np.log(overlap), model.block_of) / 2.0
    parts = np.sqrt(model.group_probabilities) * np.exp(logs)
    return float(sum_over_others(parts) @ (parts * costs))

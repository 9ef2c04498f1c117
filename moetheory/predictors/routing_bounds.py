"""A bound on what routing by the input may cost, known before anything is drawn."""

from __future__ import annotations

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray, block_sums
from moetheory.formulas.sums import sum_over_others
from moetheory.predictors.coordinate_laws import CoordinateLaw
from moetheory.problem.model import BlockModel


def routing_error_bound(
    model: BlockModel, costs: FloatArray | float = 1.0, expert_of: IntArray | None = None
) -> float:
    r"""Bhattacharyya's bound on the misrouting of the Bayes router.

    .. math:: \sum_{i\ne j}\sqrt{p_ip_j}\,B_iB_j\,c_j,\qquad
              B_i = \prod_{m\in i}\Big(\frac{2\sqrt{(\lambda+n)(\nu+n+\kappa)}}
                                            {\lambda+\nu+2n+\kappa}\Big)^{1/2},

    :math:`c_j` the ``costs`` (K,); with costs of one half it bounds the probability. If experts
    serve several groups, ``expert_of`` (K,) names that of each: i and j are then of different
    experts, and the cost of an expert is that of all its groups.
    """
    law = CoordinateLaw.of(model)
    active, idle = law.active, law.idle_variances
    overlap = np.ones(model.dim)
    np.divide(2.0 * np.sqrt(idle) * np.sqrt(active), active + idle, overlap, where=active != idle)
    with np.errstate(divide="ignore"):
        logs = block_sums(np.log(overlap), model.block_of) / 2.0
    parts = np.sqrt(model.group_probabilities) * np.exp(logs)
    if expert_of is not None:
        parts = block_sums(parts, expert_of)
        costs = block_sums(costs, expert_of) if isinstance(costs, np.ndarray) else costs
    return float(sum_over_others(parts) @ (parts * costs))

"""Full experts, which know the group and see all coordinates: their risk beside those of others."""

from __future__ import annotations

import numpy as np

from moetheory.common.arrays import FloatArray
from moetheory.formulas import population, shrinkage
from moetheory.predictors.optimal import formula_arguments
from moetheory.problem.model import BlockModel


def full_expert_risks(model: BlockModel) -> tuple[float, FloatArray]:
    """Excess risk of full experts; and given the group, (K,)."""
    arguments = *formula_arguments(model), 0.0
    total, per_group = population.excess_with_groups(
        population.full_expert_contributions, *arguments
    )
    return float(total), per_group


def full_expert_excess(model: BlockModel) -> float:
    """Excess risk of full experts."""
    return full_expert_risks(model)[0]


def filtered_noise(model: BlockModel) -> float:
    """Dense's excess risk minus that of full experts, in positive form."""
    return float(population.full_expert_gap(*formula_arguments(model)))


def unseen_signal(model: BlockModel) -> float:
    """MoE's excess risk minus that of full experts, in positive form: leaked signal."""
    leakage = model.leakage_variances
    kept = leakage / shrinkage.shrinkage_denominator(leakage, model.idle_noise)
    q = 1.0 - model.group_probabilities[model.block_of]
    return float(np.sum(q * model.coefficients**2 * leakage * kept))

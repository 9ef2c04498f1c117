"""All closed forms that a user can ask for: formulas are applied to a problem.

Public functions check their arguments; internal callers, whose arguments have been checked, use the
function of the same name with the prefix ``unchecked_`` instead.
"""

from moetheory.theory.assignments import best_assignment
from moetheory.theory.descents import contraction_factor, descent, steps_to
from moetheory.theory.expert_distributions import high_probability_bound, risk_distribution
from moetheory.theory.gate_risks import misrouting_bound, routing_matrix
from moetheory.theory.misclassifications import misclassification
from moetheory.theory.order_changes import crossover, crossovers
from moetheory.theory.perturbation_crossovers import sharp_snr_condition
from moetheory.theory.rates import excess_rate
from moetheory.theory.risk_distributions import RiskDistribution
from moetheory.theory.risks import gap, mmse, moe_bound, risk
from moetheory.theory.routed_law import law_ends
from moetheory.theory.second_moments import CovarianceRisks, covariance_risks
from moetheory.theory.spiked_spectra import SpikedSpectrum, spiked_spectrum
from moetheory.theory.tuning import BestExperts, OptimalRidge, best_experts, optimal_ridge

__all__ = [
    "BestExperts",
    "CovarianceRisks",
    "OptimalRidge",
    "RiskDistribution",
    "SpikedSpectrum",
    "best_assignment",
    "best_experts",
    "contraction_factor",
    "covariance_risks",
    "crossover",
    "crossovers",
    "descent",
    "excess_rate",
    "gap",
    "high_probability_bound",
    "law_ends",
    "misclassification",
    "misrouting_bound",
    "mmse",
    "moe_bound",
    "optimal_ridge",
    "risk",
    "risk_distribution",
    "routing_matrix",
    "sharp_snr_condition",
    "spiked_spectrum",
    "steps_to",
]

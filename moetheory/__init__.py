"""Mixtures of experts under feature noise: the theory in closed form, proved and simulated."""

from moetheory.auditing import Audit, Crossovers, audit
from moetheory.breakeven import sharp_snr_condition
from moetheory.checking import check
from moetheory.convergence import contraction_factor, descent, steps_to
from moetheory.crossing import crossover
from moetheory.distribution import RiskDistribution
from moetheory.errors import ExecutorError, HeavyTailWarning, NoClosedForm
from moetheory.estimates import Estimate, Estimates
from moetheory.estimators import Dense, MoE
from moetheory.evaluation import excess_rate, gap, mmse, moe_bound, risk
from moetheory.expertlaw import high_probability_bound, risk_distribution
from moetheory.fixeddesign import SpikedSpectrum, spiked_spectrum
from moetheory.gates import Hard, Learned, Oracle, Soft, TopK
from moetheory.model import BlockModel
from moetheory.optimum import optimal_coefficients
from moetheory.paths import Contraction, Descent, DescentEstimate
from moetheory.perturbation import Perturbation, even_confusion
from moetheory.plotting import plot
from moetheory.results import Risk, RoutingMatrix, Sweep
from moetheory.routers import misrouting_bound, routing_matrix
from moetheory.simulation import (
    RoutingEstimate,
    SpectrumEstimate,
    merge_checkpoints,
    simulate,
    simulate_descent,
    simulate_routing,
    simulate_spectrum,
)
from moetheory.sweeping import sweep
from moetheory.theorems import catalogue
from moetheory.tuning import BestExperts, OptimalRidge, best_experts, optimal_ridge
from moetheory.verdicts import Verdict

__version__ = "0.1.0"

__all__ = [
    "Audit",
    "BestExperts",
    "BlockModel",
    "Contraction",
    "Crossovers",
    "Dense",
    "Descent",
    "DescentEstimate",
    "Estimate",
    "Estimates",
    "ExecutorError",
    "Hard",
    "HeavyTailWarning",
    "Learned",
    "MoE",
    "NoClosedForm",
    "OptimalRidge",
    "Oracle",
    "Perturbation",
    "Risk",
    "RiskDistribution",
    "RoutingEstimate",
    "RoutingMatrix",
    "Soft",
    "SpectrumEstimate",
    "SpikedSpectrum",
    "Sweep",
    "TopK",
    "Verdict",
    "audit",
    "best_experts",
    "catalogue",
    "check",
    "contraction_factor",
    "crossover",
    "descent",
    "even_confusion",
    "excess_rate",
    "gap",
    "high_probability_bound",
    "merge_checkpoints",
    "misrouting_bound",
    "mmse",
    "moe_bound",
    "optimal_coefficients",
    "optimal_ridge",
    "plot",
    "risk",
    "risk_distribution",
    "routing_matrix",
    "sharp_snr_condition",
    "simulate",
    "simulate_descent",
    "simulate_routing",
    "simulate_spectrum",
    "spiked_spectrum",
    "steps_to",
    "sweep",
]

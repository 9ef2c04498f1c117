"""Mixtures of experts under feature noise: the theory in closed form, proved and simulated."""

from moetheory.checking import check
from moetheory.errors import NoClosedForm
from moetheory.estimators import Dense, MoE, Oracle
from moetheory.evaluation import gap, moe_bound, risk
from moetheory.model import BlockModel
from moetheory.optimum import optimal_coefficients
from moetheory.plotting import plot
from moetheory.results import Estimate, Estimates, Risk, Sweep
from moetheory.simulation import simulate
from moetheory.sweeping import sweep
from moetheory.theorems import catalogue
from moetheory.verdicts import Verdict

__version__ = "0.1.0"

__all__ = [
    "BlockModel",
    "Dense",
    "Estimate",
    "Estimates",
    "MoE",
    "NoClosedForm",
    "Oracle",
    "Risk",
    "Sweep",
    "Verdict",
    "catalogue",
    "check",
    "gap",
    "moe_bound",
    "optimal_coefficients",
    "plot",
    "risk",
    "simulate",
    "sweep",
]

"""moetheory: mixtures of experts under feature noise, in closed form, proved and simulated."""

from moetheory.errors import NoClosedForm
from moetheory.estimators import Dense, MoE, Oracle
from moetheory.evaluation import gap, moe_bound, risk
from moetheory.model import BlockModel
from moetheory.optimum import optimal_coefficients
from moetheory.results import Estimate, Estimates, Risk
from moetheory.simulation import simulate

__version__ = "0.1.0"

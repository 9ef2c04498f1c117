"""Results of the public functions: risks, estimates, risks along descent, tables."""

from moetheory.results.descents import Contraction, Descent, DescentEstimate
from moetheory.results.estimates import Estimate, Estimates
from moetheory.results.risks import Risk, RoutingMatrix
from moetheory.results.tables import Sweep

__all__ = [
    "Contraction",
    "Descent",
    "DescentEstimate",
    "Estimate",
    "Estimates",
    "Risk",
    "RoutingMatrix",
    "Sweep",
]

"""Results of the public functions: risks, estimates, risks along descent, tables."""

from moetheory.results.assignments import BestAssignment
from moetheory.results.descents import Contraction, Descent, DescentEstimate
from moetheory.results.estimates import Estimate, Estimates
from moetheory.results.maps import PhaseMap
from moetheory.results.planned_runs import SimulationPlan
from moetheory.results.replays import Replay
from moetheory.results.risks import Misclassification, Risk, RoutingMatrix
from moetheory.results.routed_law import LawEnds
from moetheory.results.tables import Sweep

__all__ = [
    "BestAssignment",
    "Contraction",
    "Descent",
    "DescentEstimate",
    "Estimate",
    "Estimates",
    "LawEnds",
    "Misclassification",
    "PhaseMap",
    "Replay",
    "Risk",
    "RoutingMatrix",
    "SimulationPlan",
    "Sweep",
]

"""What happens: Monte Carlo estimates of the same risks."""

from moetheory.simulation.checkpoint import merge_checkpoints
from moetheory.simulation.confusion import RoutingEstimate, simulate_routing
from moetheory.simulation.descents import simulate_descent
from moetheory.simulation.engine import fitted_risks, simulate

__all__ = [
    "RoutingEstimate",
    "fitted_risks",
    "merge_checkpoints",
    "simulate",
    "simulate_descent",
    "simulate_routing",
]

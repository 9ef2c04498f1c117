"""What happens: Monte Carlo estimates of the same risks."""

from moetheory.simulation.checkpoint import merge_checkpoints
from moetheory.simulation.confusion import RoutingEstimate, simulate_routing
from moetheory.simulation.descents import simulate_descent
from moetheory.simulation.engine import fitted_risks, simulate
from moetheory.simulation.spikes import SpectrumEstimate, simulate_spectrum

__all__ = [
    "RoutingEstimate",
    "SpectrumEstimate",
    "fitted_risks",
    "merge_checkpoints",
    "simulate",
    "simulate_descent",
    "simulate_routing",
    "simulate_spectrum",
]

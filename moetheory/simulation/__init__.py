"""Monte Carlo estimates of risks, routing and spectra.

``methods/`` has the ways to draw, first `moetheory.simulation.methods.route`; ``runs/`` carries
them out.
"""

from moetheory.simulation.descents import simulate_descent
from moetheory.simulation.engine import fitted_risks, simulate
from moetheory.simulation.planning import simulation_plan
from moetheory.simulation.replays import replay
from moetheory.simulation.routing import RoutingEstimate, simulate_routing
from moetheory.simulation.runs.checkpoint import merge_checkpoints
from moetheory.simulation.spectra import SpectrumEstimate, simulate_spectrum

__all__ = [
    "RoutingEstimate",
    "SpectrumEstimate",
    "fitted_risks",
    "merge_checkpoints",
    "replay",
    "simulate",
    "simulate_descent",
    "simulate_routing",
    "simulate_spectrum",
    "simulation_plan",
]

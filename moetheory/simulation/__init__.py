"""What happens: Monte Carlo estimates of the same risks."""

from moetheory.simulation.checkpoint import merge_checkpoints
from moetheory.simulation.engine import fitted_risks, simulate

__all__ = ["fitted_risks", "merge_checkpoints", "simulate"]

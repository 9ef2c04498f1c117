"""What happens: Monte Carlo estimates of the same risks."""

from moetheory.simulation.engine import simulate

__all__ = ["simulate"]

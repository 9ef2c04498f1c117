"""What happens: Monte Carlo estimates of the same risks."""

from moetheory.simulation.engine import fitted_risks, simulate

__all__ = ["fitted_risks", "simulate"]

"""Tables of theory and simulation side by side."""

from moetheory.sweeping.sweeper import risk_if_known, sweep

__all__ = ["risk_if_known", "sweep"]

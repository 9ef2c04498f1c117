"""Tables of theory and simulation side by side."""

from moetheory.sweeping.sweeper import SUFFIXES, sweep

__all__ = ["SUFFIXES", "sweep"]

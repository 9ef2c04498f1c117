"""Figures of results."""

from moetheory.figures.plotting import plot

__all__ = ["plot"]

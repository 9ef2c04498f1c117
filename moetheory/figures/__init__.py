"""Figures of results."""

from moetheory.figures import style
from moetheory.figures.furniture import furnish
from moetheory.figures.plotting import plot

__all__ = ["furnish", "plot", "style"]

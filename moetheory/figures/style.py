"""What figures have in common: the colours of estimators, and ticks at chosen values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axis import Axis

DENSE, EXPERTS = "#b2432f", "#1f5f8b"
VARIANTS = ("#3a8f5c", "#d98500", "#7b4fa3", "#2b9fb3", "#8c6d46")  # of mixtures


def set_ticks(axis: Axis, values: Sequence[float]) -> None:
    """Set the ticks of an axis to ``values`` alone, written as plain numbers."""
    axis.set_ticks(list(values), [f"{value:g}" for value in values])
    axis.set_ticks([], minor=True)

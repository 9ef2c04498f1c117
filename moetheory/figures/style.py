"""What figures have in common: the colours of estimators, and ticks at chosen values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from moetheory.common.arrays import FloatArray, IntArray

if TYPE_CHECKING:
    from matplotlib.axis import Axis

DENSE, EXPERTS = "#b2432f", "#1f5f8b"
VARIANTS = ("#3a8f5c", "#d98500", "#7b4fa3", "#2b9fb3", "#8c6d46")  # of mixtures


def set_ticks(axis: Axis, values: Sequence[float]) -> None:
    """Set the ticks of an axis to ``values`` alone, written as plain numbers."""
    axis.set_ticks(list(values), [f"{value:g}" for value in values])
    axis.set_ticks([], minor=True)


def spaced(values: FloatArray | IntArray, factor: float = 1.4) -> list[float]:
    """Ticks among ``values``, each at least a ``factor`` above the previous one.

    >>> import numpy as np
    >>> spaced(np.array([1, 2, 3, 4, 5, 6, 10]))
    [1.0, 2.0, 3.0, 5.0, 10.0]
    """
    ticks: list[float] = []
    for value in sorted(values.tolist()):
        if not ticks or value >= factor * ticks[-1]:
            ticks.append(float(value))
    return ticks

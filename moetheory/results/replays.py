"""Replays: one training set of a simulation, and what was fitted on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.common.frozen import Frozen


@dataclass(frozen=True, eq=False, repr=False)
class Replay(Frozen):
    """One training set of a simulation, and what was fitted on it.

    Attributes
    ----------
    features : (n, d) array
    labels : (n,) array
    groups : (n,) integer array
    fit : (d,) or (K, d) array, function or tuple
        Coefficients of dense, (d,); of a mixture row g has those that an input of group g meets
        in its own expert, (K, d); of `Custom` what its function returned. A tuple of these for
        several estimates.
    """

    features: FloatArray
    labels: FloatArray
    groups: IntArray
    fit: FloatArray | Callable[..., Any] | tuple[FloatArray | Callable[..., Any], ...]

"""A matrix of features: checked, and read in chunks of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from moetheory.auditing.units import unit_exponent
from moetheory.common.arrays import FloatArray, IntArray
from moetheory.common.errors import ArgumentError, ArgumentTypeError, Column
from moetheory.common.validation import regular_array

CHUNK = 2**22  # numbers read at a time: 32 MiB as floats
ROWS = 2**13  # at most, where features are few
MOST_FEATURES = 2**14  # their second moments take 2 GiB
LARGEST = 1e153  # squares must not overflow
LARGEST_EXPONENT = 511  # of the unit, whose square is a float

Report = Callable[[int], None]


class Features:
    """An (n, d) array of any real type, a memory map too, of which only chunks are ever copied.

    ``report`` is called with the number of rows of every chunk that has been worked on. Once
    `check` has seen them all, features are measured in a power of two of that ``exponent``.
    """

    def __init__(self, features: ArrayLike, report: Report) -> None:
        array = regular_array("features", features)
        if array.ndim != 2 or 0 in array.shape:
            raise ArgumentError(
                "features", f"must have shape (n, d) with n, d > 0, got {array.shape}"
            )
        if array.shape[1] > MOST_FEATURES:
            raise ArgumentError(
                "features", f"must have at most {MOST_FEATURES} columns, got {array.shape[1]}"
            )
        if array.dtype.kind not in "biuf":
            raise ArgumentTypeError("features", f"must hold real numbers, got {array.dtype} values")
        self.array: NDArray[Any] = array
        self.samples, self.dim = array.shape
        self.exponent = 0
        self.centre: FloatArray | float = 0.0
        self.report = report

    def chunks(self, rows: IntArray) -> Iterator[tuple[slice, FloatArray]]:
        """Chunks of the features of ``rows`` minus the centre, each with its slice of ``rows``."""
        size = max(1, min(ROWS, CHUNK // self.dim))
        for start in range(0, len(rows), size):
            part = slice(start, min(start + size, len(rows)))
            with np.errstate(invalid="ignore", over="ignore"):  # `check` refuses the result
                chunk = self.array[rows[part]].astype(np.float64)
            if self.exponent:
                np.ldexp(chunk, -self.exponent, out=chunk)
            chunk -= self.centre
            yield part, chunk
            self.report(part.stop - part.start)

    def move_to_mean(self, rows: IntArray) -> None:
        """Set the centre to the mean of the features over ``rows``."""
        total = np.zeros(self.dim)
        for _, chunk in self.chunks(rows):
            total += chunk.sum(axis=0)
        self.centre = total / len(rows)

    def check(self) -> None:
        """Require that all features are finite, vary, and can be squared."""
        bad, first = 0, None
        low, high = np.full(self.dim, np.inf), np.full(self.dim, -np.inf)
        for part, chunk in self.chunks(np.arange(self.samples)):
            np.minimum(low, chunk.min(axis=0), out=low)  # NaN stays
            np.maximum(high, chunk.max(axis=0), out=high)
            if not (np.isfinite(low).all() and np.isfinite(high).all()):
                places = np.argwhere(~np.isfinite(chunk))
                if first is None and len(places):
                    row, column = (int(i) for i in places[0])
                    first = (part.start + row, column, chunk[row, column])
                bad += len(places)
        if first is not None:
            raise ArgumentError(
                "features",
                f"must be finite, got {bad} that {'is' if bad == 1 else 'are'} not, "
                f"the first {first[2]} at row {first[0]}, ",
                Column(first[1]),
            )
        largest = max(-float(low.min()), float(high.max()))
        if largest > LARGEST:
            raise ArgumentError("features", f"must be at most {LARGEST:g} in size, got {largest:g}")
        constant = np.flatnonzero(low == high)
        if constant.size:
            raise ArgumentError(
                "features",
                f"must vary, got {constant.size} that "
                f"{'is' if constant.size == 1 else 'are'} constant, the first ",
                Column(int(constant[0])),
                f" (always {low[constant[0]]:g}): leave them out",
            )
        exponent = unit_exponent(largest)
        self.exponent = max(-LARGEST_EXPONENT, min(exponent, LARGEST_EXPONENT))

"""A matrix of features: checked, cleaned, and read in chunks of rows in units of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from moetheory.auditing.tabular import Table
from moetheory.common.arrays import FloatArray, IntArray
from moetheory.common.errors import ArgumentError, ArgumentTypeError, Column
from moetheory.common.escapes import printable

CHUNK = 2**22  # numbers read at a time: 32 MiB as floats
NOISY_CHUNK = 2**18  # of those that get noise at many levels: what fits into caches is faster
ROWS = 2**13  # at most, where features are few
MOST_FEATURES = 2**14  # their second moments take 2 GiB
LARGEST = 1e153  # squares must not overflow
NEAR_DEAD = 1e-15  # of the typical deviation: less is no feature
ROUNDING = 8.0  # deviations beside the size of a feature, in units of its type, that are rounding

Report = Callable[[int], None]


class Dropped(NamedTuple):
    """Features that an audit leaves out: their indices, and why."""

    constant: IntArray
    near_dead: IntArray

    @property
    def any(self) -> bool:
        """Whether a feature is left out."""
        return bool(len(self.constant) or len(self.near_dead))


class Features:
    """An (n, d) array of any real type, a memory map too, of which only chunks are ever copied.

    Once `prepare` has seen them, features come in units of their own: their deviation over the
    training rows is 1, from their mean, or their root mean square if they are not centred. What
    never varies is left out. ``report`` is called with the number of rows of every chunk that has
    been worked on.

    Attributes
    ----------
    kept : (d,) integer array
        The columns of the table that are features.
    centre, scale : (d,) arrays
        In the unit of the data; ``ldexp(…, exponents)`` keeps sizes of any magnitude.
    level : (width,) array
        The mean of every column, those that are left out too.
    means_share : float
        The share of the mean square of a typical feature that is its squared mean.
    """

    def __init__(self, table: Table, report: Report) -> None:
        array = table.array
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
        self.array, self.names = array, table.names
        self.samples, self.width = array.shape
        self.kept: IntArray = np.arange(self.width)
        self.exponents: IntArray = np.zeros(self.width, dtype=np.int64)
        self._centre: FloatArray | float = 0.0
        self._scale: FloatArray | float = 1.0
        self.means_share = 0.0
        self.report = report

    @property
    def dim(self) -> int:
        """The number of features, those that are left out left out."""
        return len(self.kept)

    @property
    def centre(self) -> FloatArray:
        """What is subtracted from the features, (d,)."""
        return np.asarray(np.ldexp(np.broadcast_to(self._centre, self.kept.shape), self.exponents))

    @property
    def scale(self) -> FloatArray:
        """The units of the features, (d,)."""
        return np.asarray(np.ldexp(np.broadcast_to(self._scale, self.kept.shape), self.exponents))

    def chunks(
        self, rows: IntArray, sets: IntArray | None = None, *, numbers: int | None = None
    ) -> Iterator[tuple[slice, FloatArray]]:
        """Chunks of the features of ``rows``, each of at most so many numbers, with its slice.

        No chunk ends between two rows of one of ``sets`` (n,), which stand together.
        """
        size = max(1, min(ROWS, (numbers or CHUNK) // max(self.dim, 1)))
        start = 0
        while start < len(rows):
            stop = min(start + size, len(rows))
            if sets is not None:
                while stop < len(rows) and sets[stop] == sets[stop - 1]:
                    stop += 1
            part = slice(start, stop)
            yield part, self._chunk(rows[part])
            self.report(stop - start)
            start = stop

    def _chunk(self, rows: IntArray) -> FloatArray:
        with np.errstate(invalid="ignore", over="ignore"):  # `prepare` refuses the result
            chunk = self.array[rows].astype(np.float64)
        if self.dim < self.width:
            chunk = chunk[:, self.kept]
        if self.exponents.any():
            np.ldexp(chunk, -self.exponents, out=chunk)
        chunk -= self._centre
        chunk /= self._scale
        return chunk

    def check(self) -> None:
        """Require that all are finite and can be squared."""
        low, high = self._range()
        self._constant, self._largest, self._least = low == high, np.maximum(-low, high), low
        largest = float(self._largest.max())
        if largest > LARGEST:
            raise ArgumentError("features", f"must be at most {LARGEST:g} in size, got {largest:g}")

    def prepare(self, rows: IntArray, *, center: bool, keep_constant: bool) -> Dropped:
        """Find units over the training ``rows``, and drop what is dead; after `check`."""
        largest = self._largest
        self.exponents = np.where(largest > 0.0, np.frexp(largest)[1], 0).astype(np.int64)
        mean, variance = self._mean_and_variance(rows)
        square = variance + mean**2
        dropped = self._dead(self._constant, largest, np.sqrt(variance))
        if dropped.any and keep_constant:
            raise ArgumentError(
                "features", f"must vary, got {self.listed(dropped)}: leave them out"
            )
        out = np.concatenate(dropped)
        alive = np.setdiff1d(np.arange(self.width), out)
        if not len(alive):
            raise ArgumentError("features", f"must vary, got {self.width} of which none does")
        self.level = np.where(self._constant, self._least, np.ldexp(mean, self.exponents))
        self.means_share = float(np.median(mean[alive] ** 2 / square[alive]))
        self.kept, self.exponents = alive, self.exponents[alive]
        self._centre = mean[alive] if center else 0.0
        self._scale = np.sqrt((variance if center else square)[alive])
        if float(np.median(self.scale)) ** 2 < np.finfo(np.float64).tiny:
            typical = float(np.median(self.scale))
            raise ArgumentError(
                "features", f"must have squares that are floats, got a typical size of {typical:g}"
            )
        return dropped

    def listed(self, dropped: Dropped) -> str:
        """Which features are left out, in words."""
        parts = [
            f"{len(each)} {what} ({self._some_names(each)})"
            for each, what in (
                (dropped.constant, "constant"),
                (dropped.near_dead, "constant but for rounding"),
            )
            if len(each)
        ]
        return " and ".join(parts)

    def name(self, column: int) -> str:
        """The name of a column of the table, or its number."""
        return str(column) if self.names is None else printable(self.names[column], lines=False)

    def _some_names(self, columns: IntArray, most: int = 5) -> str:
        found = [self.name(int(each)) for each in columns[:most]]
        return ", ".join([*found, "…"] if len(columns) > most else found)

    def _range(self) -> tuple[FloatArray, FloatArray]:
        """The least and the largest value of each column, all of which must be finite."""
        bad, first = 0, None
        low, high = np.full(self.width, np.inf), np.full(self.width, -np.inf)
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
        return low, high

    def _mean_and_variance(self, rows: IntArray) -> tuple[FloatArray, FloatArray]:
        """Means and variances over ``rows``, in units of the powers of two (Chan et al. 1979)."""
        count, mean, scatter = 0, np.zeros(self.width), np.zeros(self.width)
        for _, chunk in self.chunks(rows):
            total, own = count + len(chunk), chunk.mean(axis=0)
            shift = own - mean
            scatter += np.square(chunk - own).sum(axis=0) + shift**2 * (count * len(chunk) / total)
            mean += shift * (len(chunk) / total)
            count = total
        return mean, scatter / count

    def _dead(self, constant: np.ndarray, largest: FloatArray, deviations: FloatArray) -> Dropped:
        kind = self.array.dtype
        rounding = ROUNDING * float(np.finfo(kind).eps) if kind.kind == "f" else 0.0
        # deviations are in units of the powers of two, in which sizes are below 1
        sizes = np.ldexp(largest, -self.exponents)
        still = deviations <= rounding * sizes
        logs = np.log2(np.where(deviations > 0.0, deviations, 1.0)) + self.exponents
        varies = ~(constant | still)
        typical = float(np.quantile(logs[varies], 0.5, method="higher")) if varies.any() else 0.0
        faint = varies & (logs < typical + np.log2(NEAR_DEAD))
        return Dropped(np.flatnonzero(constant), np.flatnonzero((still & ~constant) | faint))

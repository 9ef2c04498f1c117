"""The progress of an audit, in rows that are read, or given noise."""

from __future__ import annotations

from numpy.typing import ArrayLike

from moetheory.auditing.noise import LEVELS
from moetheory.auditing.routers import MOST_SAMPLES
from moetheory.common.terminal import Report
from moetheory.common.validation import real_array

PASSES = 8  # over the samples, about, besides those with noise


class RowsRead:
    """A count of the rows that are read, reported to ``progress``."""

    def __init__(self, progress: Report | None) -> None:
        self.total, self._done, self._progress = 0, 0, progress

    def expect(
        self, samples: int, noise_variances: ArrayLike | None, repeats: int, numbers: int
    ) -> None:
        """Expect passes over the samples, some for each number of experts, and noise on them."""
        told = LEVELS if noise_variances is None else noise_variances
        levels = real_array("noise_variances", told).size
        passes = PASSES + 2 * numbers + levels * repeats
        self.total = passes * samples + levels * min(samples, MOST_SAMPLES)

    def __call__(self, rows: int) -> None:
        self._done = min(self._done + rows, self.total)
        if self._progress is not None:
            self._progress(self._done, self.total)

    def finish(self) -> None:
        """Report the total: what there is to read is known roughly."""
        self(self.total - self._done)

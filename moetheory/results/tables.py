"""Tables of results, and their CSV files."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TextIO

from numpy.typing import NDArray

from moetheory.common.files import replacing
from moetheory.common.validation import read_only


class Columns:
    """A table with named ``columns``, which are arrays of one length."""

    columns: Mapping[str, NDArray[Any]]

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self.columns[name]

    def write_csv(self, file: TextIO) -> None:
        """Write the columns, floats with all their digits, to an open text file."""
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows(zip(*(c.tolist() for c in self.columns.values()), strict=True))

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write the columns to ``path``, which is replaced only once the file is complete."""
        with replacing(path) as file:
            self.write_csv(file)


@dataclass(frozen=True, eq=False)
class Sweep(Columns):
    """A table of excess risks over the values of one quantity.

    Attributes
    ----------
    over : str
        The quantity, which names the first column.
    columns : mapping of str to (n,) array
        ``<estimator>``: excess risk in theory, ``inf`` at an interpolation threshold, NaN where
        no formula is known; ``<estimator>_error``: estimate of the error, if any of these
        risks is only asymptotic, and 0 where a risk is exact; ``<estimator>_simulated`` and
        ``<estimator>_sem`` where the risk was simulated; ``bound``: upper bound on the excess
        risk of ``MoE()`` at infinitely many samples, tested as trained.
    replicates : int
        The training sets or test samples of each simulated number; 0 without simulation.
    entropy : int or None
        The seed that repeats the simulations.
    """

    over: str
    columns: Mapping[str, NDArray[Any]]
    replicates: int
    entropy: int | None

    def __post_init__(self) -> None:
        read_only(*self.columns.values())

    def __len__(self) -> int:
        return len(self.columns[self.over])

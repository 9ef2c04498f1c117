"""What theory and tables return."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TextIO

import numpy as np
from numpy.typing import NDArray

from moetheory.files import replacing
from moetheory.validation import FloatArray, read_only

Exactness = Literal["exact", "quadrature", "asymptotic"]


@dataclass(frozen=True, eq=False)
class Risk:
    r"""A theoretical risk :math:`R = \mathbb E (f(\bar x) - y)^2`.

    Attributes
    ----------
    value : float
        The risk, ``excess`` plus the label-noise variance.
    excess : float
        What is lost against knowing the clean features; the primary quantity.
    per_group : (K,) array
        The risk given the group.
    exactness : {"exact", "quadrature", "asymptotic"}
    error : float
        Bound or estimate of the error of ``value``; 0 if exact (up to rounding).

    Notes
    -----
    ``float(risk)`` is ``risk.value``.
    """

    value: float
    excess: float
    per_group: FloatArray
    exactness: Exactness = "exact"
    error: float = 0.0

    def __post_init__(self) -> None:
        read_only(self.per_group)

    def __float__(self) -> float:
        return self.value


@dataclass(frozen=True, eq=False)
class RoutingMatrix:
    """Where a gate sends the samples of each group.

    Attributes
    ----------
    matrix : (K, K) array
        Probability that a sample of group g is sent to expert j; rows sum to 1.
    group_probabilities : (K,) array
    error : float
        Bound on the error of every entry, of which 1 less the sums of the rows, which are not
        made to be 1, are a part.

    Notes
    -----
    ``np.asarray(result)`` is ``result.matrix``.
    """

    matrix: FloatArray
    group_probabilities: FloatArray
    error: float

    def __post_init__(self) -> None:
        read_only(self.matrix)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        result: NDArray[Any] = np.array(self.matrix, dtype=dtype, copy=copy)
        return result

    @property
    def per_group(self) -> FloatArray:
        """Probability of a wrong expert given the group, (K,), however small."""
        return np.asarray((self.matrix - np.diag(np.diagonal(self.matrix))).sum(axis=1))

    @property
    def misrouting(self) -> float:
        """Probability of a wrong expert: the sum of its parts, never 1 less that of the right."""
        return float(self.group_probabilities @ self.per_group)


class Columns:
    """A table whose ``columns``, by name, are arrays of one length."""

    columns: Mapping[str, NDArray[Any]]

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self.columns[name]

    def write_csv(self, file: TextIO) -> None:
        """Write the columns, floats with all their digits, to an open text file."""
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows(zip(*(c.tolist() for c in self.columns.values()), strict=True))

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """`write_csv` to ``path``, which is replaced only once the file is complete."""
        with replacing(path) as file:
            self.write_csv(file)


@dataclass(frozen=True, eq=False)
class Sweep(Columns):
    """A table of excess risks over one quantity.

    Attributes
    ----------
    over : str
        The quantity, which names the first column.
    columns : mapping of str to (n,) array
        ``<estimator>``: excess risk in theory, ``inf`` at an interpolation threshold, NaN where
        no formula is known; ``<estimator>_error``: estimate of its error, if any of these
        answers is only asymptotic, and 0 where they are exact; ``<estimator>_simulated`` and
        ``<estimator>_sem`` where it was simulated; ``bound``: upper bound on that of ``MoE()``
        at infinitely many samples, tested as trained.
    replicates : int
        Behind each simulated number, training sets or test samples; 0 without simulation.
    entropy : int or None
        Replays the simulations.
    """

    over: str
    columns: Mapping[str, NDArray[Any]]
    replicates: int
    entropy: int | None

    def __post_init__(self) -> None:
        read_only(*self.columns.values())

    def __len__(self) -> int:
        return len(self.columns[self.over])

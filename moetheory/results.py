"""What the verbs return."""

from __future__ import annotations

import csv
import math
import operator
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TextIO, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from moetheory.files import replacing
from moetheory.validation import FloatArray, number, read_only, vector

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
class Estimate:
    """A Monte Carlo estimate of a risk or of a weighted sum of risks.

    Attributes
    ----------
    mean, sem : float
        The estimate and its standard error.
    replicates : int
        Independent repetitions behind it.
    per_group : (K,) array
        The mean given the group; NaN where no replicate fell into the group.
    method : str
        How it was simulated.
    entropy : int
        The seed: ``rng=estimate.entropy`` replays it.
    """

    mean: float
    sem: float
    replicates: int
    per_group: FloatArray
    method: str
    entropy: int

    def __post_init__(self) -> None:
        read_only(self.per_group)

    def __float__(self) -> float:
        return self.mean

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Student-t confidence interval, ``mean ± t·sem`` with ``replicates - 1`` degrees.

        >>> e = Estimate(1.0, 0.1, 1001, np.array([1.0]), "population", 0)
        >>> e.interval(0.95)
        (0.80, 1.20)
        """
        level = number("confidence", confidence, above=0.0, below=1.0)
        half = student_quantile((1.0 - level) / 2.0, self.replicates - 1) * self.sem
        return self.mean - half, self.mean + half

    def z(self, value: float) -> float:
        """``(mean - value)/sem``; with a sem of zero 0 where they agree, else ±inf.

        >>> Estimate(1.0, 0.1, 1001, np.array([1.0]), "population", 0).z(0.8)
        2.0
        """
        difference = self.mean - float(value)
        if self.sem > 0.0:
            return difference / self.sem
        return math.copysign(math.inf, difference) if difference else 0.0


@dataclass(frozen=True, eq=False)
class Estimates(Sequence[Estimate]):
    """Estimates of several estimators from the same draws, in the order they were given.

    Attributes
    ----------
    means : (E,) array
    covariance : (E, E) array
        Of the means.
    per_group : (E, K) array
    replicates, method, entropy
        As for `Estimate`.
    """

    means: FloatArray
    covariance: FloatArray
    per_group: FloatArray
    replicates: int
    method: str
    entropy: int

    def __post_init__(self) -> None:
        read_only(self.means, self.covariance, self.per_group)

    def __len__(self) -> int:
        return len(self.means)

    @overload
    def __getitem__(self, index: int) -> Estimate: ...
    @overload
    def __getitem__(self, index: slice) -> list[Estimate]: ...
    def __getitem__(self, index: int | slice) -> Estimate | list[Estimate]:
        if isinstance(index, slice):
            return [self[i] for i in range(len(self))[index]]
        return self.combination(np.eye(len(self))[operator.index(index)])

    def combination(self, weights: ArrayLike) -> Estimate:
        """The weighted sum of the estimates, its sem from the covariance of shared draws."""
        w = vector("weights", weights, length=len(self))
        return Estimate(
            mean=float(w @ self.means),
            sem=math.sqrt(max(float(w @ self.covariance @ w), 0.0)),
            replicates=self.replicates,
            per_group=w @ self.per_group,
            method=self.method,
            entropy=self.entropy,
        )

    def difference(self, i: int, j: int) -> Estimate:
        """Estimate ``i`` minus estimate ``j``, with the paired sem."""
        unit = np.eye(len(self))
        return self.combination(unit[i] - unit[j])


def student_quantile(tail: float, degrees: int) -> float:
    """The t with ``P(T > t) = tail`` for Student's law.

    >>> student_quantile(0.025, 10)
    2.2281
    """
    from scipy import special

    return -float(special.stdtrit(max(degrees, 1), tail))


@dataclass(frozen=True, eq=False)
class Sweep:
    """A table of excess risks over one quantity.

    Attributes
    ----------
    over : str
        The quantity, which names the first column.
    columns : mapping of str to (n,) array
        ``<estimator>``: excess risk in theory, ``inf`` at an interpolation threshold;
        ``<estimator>_error``: estimate of its error, if any of these answers is only
        asymptotic, and 0 where they are exact; ``<estimator>_simulated`` and
        ``<estimator>_sem`` where it was simulated; ``bound``: upper bound on that of ``MoE()``
        at infinitely many samples.
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

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self.columns[name]

    def __len__(self) -> int:
        return len(self.columns[self.over])

    def write_csv(self, file: TextIO) -> None:
        """Write the columns, floats with all their digits, to an open text file."""
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows(zip(*(c.tolist() for c in self.columns.values()), strict=True))

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """`write_csv` to ``path``, which is replaced only once the file is complete."""
        with replacing(path) as file:
            self.write_csv(file)

"""Risks along gradient descent, in theory and simulated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.common.validation import read_only
from moetheory.problem.descent_schedule import Cost, checked_cost
from moetheory.results.estimates import Estimate, Estimates


@dataclass(frozen=True, eq=False)
class Contraction:
    """How much of what is missing a step of gradient descent leaves, in the slowest direction.

    Attributes
    ----------
    value : float
        The factor; below 1.
    rate : float
        Its negative logarithm, with all digits where the factor is next to 1; ``inf`` if one
        step is enough.
    per_expert : (K,) array, of dense (1,)
        The factor of each.
    step_size, largest_stable, condition : float or (K,) array
        The step, the one from which on descent diverges, and the quotient of the extreme
        curvatures; of each expert where they learn on their own samples (of one with nothing to
        learn from 0, ``inf`` and NaN).

    Notes
    -----
    ``float(factor)`` is ``factor.value``.
    """

    value: float
    rate: float
    per_expert: FloatArray
    step_size: float | FloatArray
    largest_stable: float | FloatArray
    condition: float | FloatArray

    def __post_init__(self) -> None:
        read_only(self.per_expert)

    def __float__(self) -> float:
        return self.value


@dataclass(frozen=True, eq=False)
class _Path:
    """What the risks along descent are plotted against."""

    steps: IntArray
    step_costs: Mapping[Cost, float]

    def cost(self, axis: Cost) -> FloatArray:
        """Of the steps in "iterations", "samples" seen or "multiplications", (T,)."""
        return np.asarray(self.steps * self.step_costs[checked_cost(axis)])


@dataclass(frozen=True, eq=False)
class Descent(_Path):
    """Risk at each of several steps of gradient descent.

    Attributes
    ----------
    steps : (T,) integer array
    step_costs : mapping
        What one step costs, by axis: "iterations", "samples", "multiplications".
    excess : (T,) array
        Excess risk; the primary quantity.
    value : (T,) array
        The risk, ``excess`` plus the label-noise variance.
    remaining : (T,) array
        Excess risk over that of the limit, with all its digits.
    step_size : float or (K,) array
        Of experts that have one each.

    Notes
    -----
    ``np.asarray(descent)`` is ``descent.value``.
    """

    excess: FloatArray
    value: FloatArray
    remaining: FloatArray
    step_size: float | FloatArray

    def __post_init__(self) -> None:
        read_only(self.excess, self.value, self.remaining)

    def __len__(self) -> int:
        return len(self.steps)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        result: NDArray[Any] = np.array(self.value, dtype=dtype, copy=copy)
        return result


class Stopped(NamedTuple):
    """Where descent is best stopped: after ``steps``, at ``place`` of the path, with ``risk``."""

    steps: int
    place: int
    risk: Estimate


@dataclass(frozen=True, eq=False)
class DescentEstimate(_Path):
    """Monte Carlo estimates of the risk along gradient descent on training sets.

    Attributes
    ----------
    steps : (T,) integer array
    step_costs : mapping
        What one step on a training set costs, by axis.
    estimates : Estimates
        One for each of ``steps``, all from the same training sets, so that
        ``estimates.difference(i, j)`` is paired.
    """

    estimates: Estimates

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def mean(self) -> FloatArray:
        """Mean risk at each step, (T,)."""
        return self.estimates.means

    @property
    def sem(self) -> FloatArray:
        """Standard error of each mean, (T,)."""
        return np.sqrt(np.diagonal(self.estimates.covariance))

    @property
    def best(self) -> Stopped:
        """Early stopping: the step of least mean risk, the first of several.

        It is the best of those that were looked at, and found on the same training sets: the risk
        there is on average a little less than what stopping at that step costs on new ones.
        """
        place = int(np.argmin(self.mean))
        return Stopped(int(self.steps[place]), place, self.estimates[place])

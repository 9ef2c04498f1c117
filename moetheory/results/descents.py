"""Risks along gradient descent, theoretical and simulated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.common.frozen import Frozen
from moetheory.common.text import html_table, number, short_repr, with_error
from moetheory.common.validation import choice
from moetheory.problem.descent_schedule import COSTS, Cost
from moetheory.results.estimates import Estimate, Estimates


@dataclass(frozen=True, eq=False, repr=False)
class Contraction(Frozen):
    """The contraction of a step of gradient descent in the slowest direction.

    Attributes
    ----------
    value : float
        The contraction factor, below 1.
    rate : float
        The negative logarithm of ``value``, accurate also where the factor is close to 1; ``inf``
        if one step is enough.
    per_expert : (K,) array, (1,) for dense
        The factor of each expert.
    step_size, largest_stable, condition : float or (K,) array
        The step size, the step size from which on descent diverges, and the quotient of the
        extreme curvatures. They are arrays where experts learn on their own samples. An expert
        with nothing to learn from has 0, ``inf`` and NaN.

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

    def __float__(self) -> float:
        return self.value


@dataclass(frozen=True, eq=False, repr=False)
class _StepsWithCosts(Frozen):
    """The steps of a descent and their costs, which risks are plotted against."""

    steps: IntArray
    step_costs: Mapping[Cost, float]

    def cost(self, axis: Cost) -> FloatArray:
        """The cost of the steps in "iterations", "samples" seen or "multiplications", (T,)."""
        return np.asarray(self.steps * self.step_costs[choice("axis", axis, COSTS)])


@dataclass(frozen=True, eq=False, repr=False)
class Descent(_StepsWithCosts):
    """The risk at each of several steps of gradient descent.

    Attributes
    ----------
    steps : (T,) integer array
    step_costs : mapping
        The cost of one step in "iterations", "samples" and "multiplications".
    excess : (T,) array
        Excess risk; the primary quantity.
    value : (T,) array
        The risk, ``excess`` plus the label-noise variance.
    remaining : (T,) array
        Excess risk over the excess risk of the limit, computed without cancellation.
    step_size : float or (K,) array
        The step size; an array if each expert has its own.
    setting : mapping of str to float
        The numbers of the model, as for `Sweep`.

    Notes
    -----
    ``np.asarray(descent)`` is ``descent.value``.
    """

    excess: FloatArray
    value: FloatArray
    remaining: FloatArray
    step_size: float | FloatArray
    setting: Mapping[str, float] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.steps)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        result: NDArray[Any] = np.array(self.value, dtype=dtype, copy=copy)
        return result

    def _repr_html_(self) -> str:
        columns = (self.excess, self.value, self.remaining)
        return html_table(
            ["steps", "excess", "value", "remaining"],
            len(self),
            lambda row: [str(self.steps[row]), *(number(float(each[row])) for each in columns)],
        )


class Stopped(NamedTuple):
    """The best stopping time: ``steps``, its ``place`` among the reported steps, its ``risk``."""

    steps: int
    place: int
    risk: Estimate

    def __repr__(self) -> str:
        return short_repr(self)


@dataclass(frozen=True, eq=False, repr=False)
class DescentEstimate(_StepsWithCosts):
    """Monte Carlo estimates of the risk along gradient descent on training sets.

    Attributes
    ----------
    steps : (T,) integer array
    step_costs : mapping
        The cost of one step on a training set in each unit.
    estimates : Estimates
        An estimate for each of ``steps``, all from the same training sets, so that
        ``estimates.difference(i, j)`` is paired.
    setting : mapping of str to float
        The numbers of the model and the samples, as for `Sweep`.
    """

    estimates: Estimates
    setting: Mapping[str, float] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def mean(self) -> FloatArray:
        """The mean risk at each step, (T,)."""
        return self.estimates.means

    @property
    def sem(self) -> FloatArray:
        """The standard error of each mean, (T,)."""
        return np.sqrt(np.diagonal(self.estimates.covariance))

    @property
    def best(self) -> Stopped:
        """The step of least mean risk (early stopping), the first of several.

        The step is selected on the training sets that estimate its risk. The estimate is therefore
        on average a little below the risk of stopping there on new training sets.
        """
        place = int(np.argmin(self.mean))
        return Stopped(int(self.steps[place]), place, self.estimates[place])

    def _repr_html_(self) -> str:
        mean, sem = self.mean, self.sem
        return html_table(
            ["steps", "mean ± sem"],
            len(self),
            lambda row: [str(self.steps[row]), with_error(float(mean[row]), float(sem[row]))],
        )

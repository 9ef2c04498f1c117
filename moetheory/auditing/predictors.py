"""Linear predictors on a grid of noise levels, alone or as experts with a router."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike

from moetheory.auditing.routers import Chosen, Router
from moetheory.common.arrays import FloatArray, IntArray
from moetheory.common.escapes import printable
from moetheory.common.frozen import Frozen

Value = TypeVar("Value")

NAMES = {  # of an audit's predictors in the order of its columns, and their names in words
    "dense": "dense",
    "dense(tuned)": "tuned dense",
    "moe(block)": "experts restricted to their block",
    "moe(all)": "experts that see everything",
    "moe(all, tuned)": "tuned experts that see everything",
    "moe(block, router)": "experts restricted to their block, with a router",
    "moe(all, router)": "experts that see everything, with a router",
    "group mean": "the mean of each group",
    "dense + group": "dense that is told the group",
}
# experts that are told the groups, and the same ones with a router
ROUTED = {"moe(block)": "moe(block, router)", "moe(all)": "moe(all, router)"}
ALIASES = {"moe": "moe(block)", "moe(hard)": "moe(block, router)"}


def canonical(name: str) -> str:
    """A predictor's name, or a column's, as it is now.

    >>> canonical("moe"), canonical("moe(hard)_measured"), canonical("dense")
    ('moe(block)', 'moe(block, router)_measured', 'dense')
    """
    head, underscore, rest = name.partition("_")
    return ALIASES.get(head, head) + underscore + rest


class ByName(dict[str, Value]):
    """Values by the names of predictors; older names work too.

    >>> ByName({"moe(block)": 1})["moe"]
    1
    """

    def __missing__(self, key: str) -> Value:
        name = canonical(str(key))
        if name == key or name not in self:
            raise KeyError(key)
        return self[name]


@dataclass(frozen=True, eq=False, repr=False)
class Predictor(Frozen):
    """One linear predictor for each noise level, or K experts for each.

    Attributes
    ----------
    intercepts : (L, E, m) array
        E is 1, or K for experts; m labels.
    coefficients : (L, E, d, m) array
    router : Router or None
        Without a router, experts are told the groups.
    """

    intercepts: FloatArray
    coefficients: FloatArray
    router: Router | None = None

    @property
    def needs_groups(self) -> bool:
        """Whether the groups of the samples must be given."""
        return self.router is None and self.intercepts.shape[1] > 1

    def predict(self, features: FloatArray, chosen: IntArray, level: int) -> FloatArray:
        """The outputs (n, m) at one level, each of the expert that is ``chosen`` (n,)."""
        coefficients, intercepts = self.coefficients[level], self.intercepts[level]
        if len(coefficients) == 1:
            return np.asarray(features @ coefficients[0] + intercepts[0])
        outputs = np.empty((len(features), coefficients.shape[2]))
        for expert in np.unique(chosen):
            own = chosen == expert
            outputs[own] = features[own] @ coefficients[expert] + intercepts[expert]
        return outputs


@dataclass(frozen=True, eq=False, repr=False)
class LinearPredictor(Frozen):
    """A predictor of features as they were given, less the audit's ``centre``.

    Attributes
    ----------
    intercepts : (L, E) array, or (L, E, m) of m labels
    coefficients : (L, E, d) array, or (L, E, d, m)
    needs_groups : bool
        Whether the groups of the samples must be given.
    """

    intercepts: FloatArray
    coefficients: FloatArray
    needs_groups: bool


@dataclass(frozen=True, eq=False, repr=False)
class Units(Frozen):
    """The units of features and labels in an audit, and which features it keeps.

    Attributes
    ----------
    kept : (d,) integer array
    width : int
        Features that were given.
    centre, scale : (d,) arrays
        Of those that are kept.
    label_unit : float
    level : (width,) array
        What the columns are that are left out.
    names : list of str or None
        Of the columns that were given.
    """

    kept: IntArray
    width: int
    centre: FloatArray
    scale: FloatArray
    label_unit: float
    level: FloatArray
    names: list[str] | None

    def name(self, column: int) -> str:
        """The name of a column, or its number."""
        return str(column) if self.names is None else printable(self.names[column], lines=False)

    def standardised(self, features: FloatArray) -> FloatArray:
        """Features (n, width) in units of their own, (n, d)."""
        with np.errstate(invalid="ignore", over="ignore"):
            chosen = np.asarray(features)[:, self.kept].astype(np.float64)
            return (chosen - self.centre) / self.scale

    def restored(self, features: FloatArray) -> FloatArray:
        """Features (n, width) as they are given, of those in units of their own."""
        found = np.tile(self.level, (len(features), 1))
        found[:, self.kept] = features * self.scale + self.centre
        return found

    def of_units(self, function: Chosen) -> Chosen:
        """A user's function as one of features in units of their own."""
        return partial(_of_restored, function, self)

    def all_columns(self, values: FloatArray, rest: float) -> FloatArray:
        """Values (…, d) of the features that are kept, as those of all columns."""
        found = np.full((*values.shape[:-1], self.width), rest)
        found[..., self.kept] = values
        return found

    def of_data(self, predictor: Predictor) -> LinearPredictor:
        """A predictor in units of the data."""
        scaled = np.moveaxis(predictor.coefficients, 2, 3) / self.scale
        coefficients = np.moveaxis(self.all_columns(scaled, 0.0), 3, 2)
        intercepts = predictor.intercepts
        if intercepts.shape[2] == 1:
            intercepts, coefficients = intercepts[..., 0], coefficients[..., 0]
        return LinearPredictor(intercepts, coefficients, predictor.needs_groups)


def _of_restored(function: Chosen, units: Units, features: FloatArray) -> ArrayLike:
    return function(units.restored(features))

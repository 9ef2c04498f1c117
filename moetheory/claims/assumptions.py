"""Assumptions of theorems, as predicates on a model, and those that several theorems share.

Numbers count as equal within 1e-11 (relative), which is tighter than the identities are judged.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.problem.model import BlockModel


@dataclass(frozen=True)
class Assumption:
    """A condition on the model, in words and as a predicate.

    Attributes
    ----------
    name : str
        The condition in words; a verdict "assumptions not met" quotes it.
    holds : callable
        Whether a model meets it.

    Examples
    --------
    >>> several = Assumption("several groups", lambda model: model.experts > 1)
    >>> several.holds(BlockModel.isotropic(dim=4, experts=2, noise_variance=1.0))
    True
    """

    name: str
    holds: Callable[[BlockModel], bool]

    def __hash__(self) -> int:
        return hash(self.name)  # what a user's assumption calls need not hash


def _all_equal(values: FloatArray | IntArray) -> bool:
    """Whether all values are equal, within 1e-11 relative."""
    return bool(np.allclose(values, values[0], rtol=1e-11, atol=0.0))


def _coefficient_energies(model: BlockModel) -> FloatArray:
    """The squared norm of the coefficients of each block, (K,)."""
    return np.bincount(model.block_of, model.coefficients**2, model.experts).astype(np.float64)


STRICT_BLOCKS = Assumption("strict blocks (no leakage)", lambda model: model.strict)
EQUAL_PROBABILITIES = Assumption(
    "equal group probabilities", lambda model: _all_equal(model.group_probabilities)
)
EQUAL_SIZES = Assumption("blocks of equal size", lambda model: _all_equal(model.sizes))
EQUAL_VARIANCES = Assumption(
    "one signal variance for all coordinates", lambda model: _all_equal(model.signal_variances)
)
EQUAL_COEFFICIENT_NORMS = Assumption(
    "coefficients of equal norm in every block",
    lambda model: _all_equal(_coefficient_energies(model)),
)
SOME_SIGNAL = Assumption("positive signal energy", lambda model: bool(model.signal_variances.any()))
SOME_NOISE = Assumption("feature noise", lambda model: bool(np.any(model.noise_variance)))
ANY_NOISE = Assumption("feature noise or interference", lambda model: not model.noiseless)
NO_INTERFERENCE = Assumption("no interference", lambda model: not model.interferes)
ONE_NOISE = Assumption(
    "one noise variance for all coordinates", lambda model: isinstance(model.noise_variance, float)
)
SEVERAL_GROUPS = Assumption("several groups", lambda model: model.experts > 1)
SOME_LABEL_SIGNAL = Assumption(
    "labels that depend on the features", lambda model: model.label_power > 0.0
)
SOME_LABELS = Assumption("labels that are not all zero", lambda model: model.null_risk > 0.0)

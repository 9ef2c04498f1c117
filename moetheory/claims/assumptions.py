"""Assumptions that several theorems share, as predicates on a model.

Numbers count as equal within 1e-11 (relative), which is tighter than the identities are judged.
"""

from __future__ import annotations

import numpy as np

from moetheory.claims.declaration import Assumption
from moetheory.common.arrays import FloatArray, IntArray
from moetheory.problem.model import BlockModel


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
SOME_NOISE = Assumption("feature noise", lambda model: model.noise_variance > 0.0)
SEVERAL_GROUPS = Assumption("several groups", lambda model: model.experts > 1)
SOME_LABEL_SIGNAL = Assumption(
    "labels that depend on the features", lambda model: model.label_power > 0.0
)
SOME_LABELS = Assumption("labels that are not all zero", lambda model: model.null_risk > 0.0)

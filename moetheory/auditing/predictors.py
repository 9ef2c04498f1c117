"""Linear predictors on a grid of noise levels, alone or as experts behind a gate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from moetheory.auditing.energies import Gate, block_energies
from moetheory.validation import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Predictor:
    """One linear predictor for each noise level, or K experts for each.

    Attributes
    ----------
    intercepts : (L, E) array
        E is 1, or K for experts.
    coefficients : (L, E, d) array
    block_of : (d,) integer array
        The blocks whose energies the gate is shown.
    gate : Gate or None
        Without one experts are told the groups.
    """

    intercepts: FloatArray
    coefficients: FloatArray
    block_of: IntArray
    gate: Gate | None = None

    def __call__(self, features: FloatArray, groups: IntArray, level: int) -> FloatArray:
        """Predictions (n,) at one of the noise levels, from features that have that noise."""
        outputs = features @ self.coefficients[level].T + self.intercepts[level]
        experts = outputs.shape[1]
        if self.gate is not None:
            groups = self.gate.route(block_energies(features, self.block_of, experts), level)
        elif experts == 1:
            groups = np.zeros(len(features), dtype=np.int64)
        return np.asarray(outputs[np.arange(len(features)), groups])

    @property
    def is_told(self) -> bool:
        """Whether it has to be told the groups of samples."""
        return self.gate is None and self.intercepts.shape[1] > 1

    def squared_norms(self) -> FloatArray:
        r""":math:`\|\beta\|^2`, (L, E)."""
        return np.asarray(np.square(self.coefficients).sum(axis=-1))

"""Linear predictors on a grid of noise levels, alone or as experts behind a gate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from moetheory.auditing.energies import EnergyGate
from moetheory.common.arrays import FloatArray, IntArray

NAMES = {  # of all that an audit tries, in the order of its columns, and what they are called
    "dense": "dense",
    "moe": "experts told the groups",
    "moe(hard)": "experts behind a gate",
    "dense(tuned)": "dense, tuned",
    "moe(all)": "experts that see all features",
}


@dataclass(frozen=True, eq=False)
class Predictor:
    """One linear predictor for each noise level, or K experts for each.

    Attributes
    ----------
    intercepts : (L, E) array
        E is 1, or K for experts.
    coefficients : (L, E, d) array
    gate : EnergyGate or None
        Without one experts are told the groups.
    """

    intercepts: FloatArray
    coefficients: FloatArray
    gate: EnergyGate | None = None

    @property
    def is_told(self) -> bool:
        """Whether it has to be told the groups of samples."""
        return self.gate is None and self.intercepts.shape[1] > 1

    def squared_norms(self) -> FloatArray:
        r""":math:`\|\beta\|^2`, (L, E)."""
        return np.asarray(np.square(self.coefficients).sum(axis=-1))

    def respond(self, features: FloatArray) -> FloatArray:
        """What all say at all levels but for their intercepts, (n, L, E): linear in features."""
        levels, experts, dim = self.coefficients.shape
        flat = features @ self.coefficients.reshape(-1, dim).T
        return np.asarray(flat.reshape(-1, levels, experts))

    def choose(
        self, responses: FloatArray, energies: FloatArray, groups: IntArray, level: int
    ) -> FloatArray:
        """Predictions (n,) at one level, from the responses (n, E) and block energies there."""
        if self.gate is not None:
            groups = self.gate.route(energies, level)
        elif not self.is_told:
            groups = np.zeros_like(groups)
        chosen = np.take_along_axis(responses, groups[:, np.newaxis], axis=1)[:, 0]
        return np.asarray(chosen + self.intercepts[level, groups])

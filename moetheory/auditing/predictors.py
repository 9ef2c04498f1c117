"""Linear predictors on a grid of noise levels, alone or as experts behind a gate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from moetheory.auditing.energies import EnergyGate
from moetheory.common.arrays import FloatArray, IntArray
from moetheory.common.frozen import Frozen

NAMES = {  # of an audit's predictors in the order of its columns, and their names in words
    "dense": "dense",
    "moe": "experts told the groups",
    "moe(hard)": "experts behind a gate",
    "dense(tuned)": "dense, tuned",
    "moe(all)": "experts that see all features",
}


@dataclass(frozen=True, eq=False, repr=False)
class Predictor(Frozen):
    """One linear predictor for each noise level, or K experts for each.

    Attributes
    ----------
    intercepts : (L, E) array
        E is 1, or K for experts.
    coefficients : (L, E, d) array
    gate : EnergyGate or None
        Without a gate, experts are told the groups.
    """

    intercepts: FloatArray
    coefficients: FloatArray
    gate: EnergyGate | None = None

    @property
    def needs_groups(self) -> bool:
        """Whether the groups of the samples must be given."""
        return self.gate is None and self.intercepts.shape[1] > 1

    def squared_norms(self) -> FloatArray:
        r"""The squared norms :math:`\|\beta\|^2` of the coefficients, (L, E)."""
        return np.asarray(np.square(self.coefficients).sum(axis=-1))

    def respond(self, features: FloatArray) -> FloatArray:
        """The outputs at all levels without intercepts, (n, L, E): linear in the features."""
        levels, experts, dim = self.coefficients.shape
        flat = features @ self.coefficients.reshape(-1, dim).T
        return np.asarray(flat.reshape(-1, levels, experts))

    def choose(
        self, responses: FloatArray, energies: FloatArray, groups: IntArray, level: int
    ) -> FloatArray:
        """The predictions (n,) at one level, from its responses (n, E) and its energies."""
        if self.gate is not None:
            groups = self.gate.route(energies, level)
        elif not self.needs_groups:
            groups = np.zeros_like(groups)
        chosen = np.take_along_axis(responses, groups[:, np.newaxis], axis=1)[:, 0]
        return np.asarray(chosen + self.intercepts[level, groups])

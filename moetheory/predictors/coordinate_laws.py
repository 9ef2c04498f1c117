"""Variances of the coordinates of inputs, in training or in a test, while a block is active or not.

All that tells groups apart, for a gate that routes by the noisy input (docs/theory.md §6, §10).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from moetheory.common.arrays import FloatArray
from moetheory.common.cached import cached
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation


@dataclass(frozen=True, eq=False)
class CoordinateLaw:
    r"""Variances of coordinates: :math:`\lambda+n` while active, :math:`\nu+n+\kappa` while not.

    Attributes
    ----------
    signal : (d,) array
        :math:`\lambda`.
    noise : float or (d,) array
        :math:`n`.
    interference, leakage : float or (d,) array
        :math:`\kappa` and :math:`\nu`, which a block has only while it is inactive.
    """

    signal: FloatArray
    noise: float | FloatArray
    interference: float | FloatArray
    leakage: float | FloatArray

    @classmethod
    def of(cls, model: BlockModel, under: Perturbation | None = None) -> CoordinateLaw:
        """The law of the inputs of ``model``, in training or ``under`` a perturbation."""
        noise: float | FloatArray = model.noise_variance
        # numbers where there is nothing: formulas skip them
        interference = model.interference_variances if model.interferes else 0.0
        leakage = 0.0 if model.strict else model.leakage_variances
        if under is not None:
            noise, interference = under.noise_of(noise), under.interference_of(interference)
        return cls(model.signal_variances, noise, interference, leakage)

    @property
    def beside(self) -> float | FloatArray:
        r""":math:`\kappa+\nu`: a float or (d,)."""
        return self.interference + self.leakage

    @cached
    def active(self) -> FloatArray:
        """The variance of each coordinate while its block is active, (d,)."""
        return np.asarray(self.signal + self.noise)

    @property
    def idle(self) -> float | FloatArray:
        """The variance of each coordinate while its block is inactive: a float or (d,)."""
        return self.noise + self.beside

    @cached
    def idle_variances(self) -> FloatArray:
        """The variance of each coordinate while its block is inactive, (d,)."""
        return np.broadcast_to(np.asarray(self.idle), self.signal.shape)

    def equals(self, other: CoordinateLaw) -> bool:
        """Whether the other law has the same variances."""
        return np.array_equal(self.active, other.active) and np.array_equal(
            self.idle_variances, other.idle_variances
        )

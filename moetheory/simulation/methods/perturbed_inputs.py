"""What test inputs meet under a perturbation, done to them one after the other."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from moetheory import kernels
from moetheory.common.arrays import FloatArray, IntArray
from moetheory.kernels import Inputs, Places
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation


@dataclass(frozen=True, eq=False)
class Exposed:
    """``under`` for drawn inputs of ``model``: confusion, drag, noise, erasure, worst-case shift.

    Normal noise comes with the inputs, which are to be drawn with `drawn_noise`.
    """

    under: Perturbation
    model: BlockModel

    @property
    def drawn_noise(self) -> float:
        """Variance of the noise in the inputs that are given; zero if it is of another law."""
        return self._variance if self.under.noise is None else 0.0

    @property
    def _variance(self) -> float:
        return self.under.noise_of(self.model.noise_variance)

    def __call__(self, rng: np.random.Generator, groups: IntArray, inputs: Inputs) -> Inputs:
        """Inputs of ``groups`` as the predictors get them; their features are overwritten."""
        features, labels, routed, _ = inputs
        if self.under.confusion is not None:
            taken = confused(rng, groups, self.under.confusion)
            routed = Places.of(self.model.block_of, taken)
            if self.under.drag:
                dragged = np.repeat(taken != groups, self.model.sizes[taken])
                self._drag(rng, features, routed.flat[dragged], routed.columns[dragged])
        if self.under.noise is not None:
            features += self._noise(rng, features.shape)
        if self.under.erasure:
            features = self._erased(rng, features)
        return Inputs(features, labels, routed, self.under.radius)

    def _drag(
        self, rng: np.random.Generator, features: FloatArray, flat: IntArray, columns: IntArray
    ) -> None:
        scale = self.under.drag * np.sqrt(self.model.signal_variances)[columns]
        features.reshape(-1)[flat] += scale * rng.standard_normal(len(flat))

    @cached_property
    def _law(self) -> tuple[float, float]:
        """What is subtracted from draws of the given law, and what the rest is multiplied by."""
        mean, variance = (float(moment) for moment in self.under.noise.stats(moments="mv"))
        return mean, math.sqrt(self._variance / variance)

    def _noise(self, rng: np.random.Generator, shape: tuple[int, ...]) -> FloatArray:
        """Of the given law in each of the original coordinates."""
        mean, scale = self._law
        noise = self.under.noise.rvs(size=shape, random_state=rng) - mean
        noise *= scale
        return self._turned(noise, back=True)

    def _erased(self, rng: np.random.Generator, features: FloatArray) -> FloatArray:
        features = self._turned(features)
        features *= rng.random(features.shape) >= self.under.erasure
        return self._turned(features, back=True)

    def _turned(self, features: FloatArray, *, back: bool = False) -> FloatArray:
        """The same in the original coordinates, or ``back`` from there."""
        model = self.model
        if model.rotations is None:
            return features
        turned = np.empty_like(features)
        for g, basis in enumerate(model.rotations):
            own = model.block_of == g
            # a product for each input: one for all would span replicates
            turned[:, own] = np.matvec(basis.T if back else basis, features[:, own])
        return turned


def confused(rng: np.random.Generator, groups: IntArray, confusion: FloatArray) -> IntArray:
    """The group that each input is taken for, with the probabilities in the row of its own."""
    taken = np.empty_like(groups)
    for g in np.unique(groups):
        own = groups == g
        taken[own] = kernels.draw_groups(rng, int(own.sum()), confusion[g])
    return taken

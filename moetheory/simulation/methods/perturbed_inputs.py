"""Test inputs under a perturbation; helper of method="population"."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from moetheory import kernels
from moetheory.common.arrays import FloatArray, IntArray
from moetheory.common.cached import cached
from moetheory.kernels import BlockEntries, Inputs
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation


@dataclass(frozen=True, eq=False)
class PerturbedInputs:
    """The perturbation ``under`` applied to drawn inputs of ``model``.

    In this order: confusion, drag, noise, erasure, worst-case shift. Normal noise comes with the
    inputs, which must be drawn with noise variance `drawn_noise`.
    """

    under: Perturbation
    model: BlockModel

    @property
    def drawn_noise(self) -> float:
        """Variance of normal noise in the given inputs; zero if the noise has another law."""
        return self._variance if self.under.noise is None else 0.0

    @property
    def _variance(self) -> float:
        return self.under.noise_of(self.model.noise_variance)

    def __call__(self, rng: np.random.Generator, groups: IntArray, inputs: Inputs) -> Inputs:
        """Inputs of ``groups`` as predictors get them; the given features are overwritten."""
        features, labels, routed, _ = inputs
        if self.under.confusion is not None:
            confused = confused_groups(rng, groups, self.under.confusion)
            routed = BlockEntries.of(self.model.block_of, confused)
            if self.under.drag:
                dragged = np.repeat(confused != groups, self.model.sizes[confused])
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

    @cached
    def _noise_law(self) -> tuple[float, float]:
        """The mean of the given law, and the factor that gives its draws the wanted variance."""
        mean, variance = (float(moment) for moment in self.under.noise.stats(moments="mv"))
        return mean, math.sqrt(self._variance / variance)

    def _noise(self, rng: np.random.Generator, shape: tuple[int, ...]) -> FloatArray:
        """Noise of the given law, independent in the original coordinates."""
        mean, scale = self._noise_law
        noise = self.under.noise.rvs(size=shape, random_state=rng) - mean
        noise *= scale
        return self._rotated(noise, back=True)

    def _erased(self, rng: np.random.Generator, features: FloatArray) -> FloatArray:
        features = self._rotated(features)
        features *= rng.random(features.shape) >= self.under.erasure
        return self._rotated(features, back=True)

    def _rotated(self, features: FloatArray, *, back: bool = False) -> FloatArray:
        """Features rotated to the original coordinates, or ``back`` from there."""
        model = self.model
        if model.rotations is None:
            return features
        rotated = np.empty_like(features)
        for g, basis in enumerate(model.rotations):
            own = model.block_of == g
            # a product for each input: one for all would span replicates
            rotated[:, own] = np.matvec(basis.T if back else basis, features[:, own])
        return rotated


def confused_groups(rng: np.random.Generator, groups: IntArray, confusion: FloatArray) -> IntArray:
    """The group that each input is taken for, drawn from row g of ``confusion`` for its group g."""
    confused = np.empty_like(groups)
    for g in np.unique(groups):
        own = groups == g
        confused[own] = kernels.draw_groups(rng, int(own.sum()), confusion[g])
    return confused

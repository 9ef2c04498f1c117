"""Test inputs, with and without a perturbation; helper of "population" and of "data"."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from moetheory import kernels
from moetheory.common.arrays import FloatArray, IntArray
from moetheory.common.cached import cached
from moetheory.kernels import BlockEntries, Inputs, Workspace
from moetheory.predictors.optimal import interference_of
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation


class Noises(NamedTuple):
    """Variances of noise n and of interference κ: numbers or (d,) arrays."""

    noise_variance: float | FloatArray
    interference_variances: float | FloatArray


@dataclass(frozen=True, eq=False)
class PerturbedInputs:
    """The perturbation ``under`` applied to drawn inputs of ``model``.

    In this order: confusion, drag, noise, erasure, worst-case shift. Normal noise comes with the
    inputs, which must be drawn with the noise `drawn_noise`.
    """

    under: Perturbation
    model: BlockModel

    @property
    def drawn_noise(self) -> Noises:
        """The variances of normal noise in the given inputs; zero if the noise has another law."""
        return self._noises if self.under.noise is None else Noises(0.0, 0.0)

    @cached
    def _noises(self) -> Noises:
        model = self.model
        return Noises(
            self.under.noise_of(model.noise_variance),
            self.under.interference_of(interference_of(model)),
        )

    def __call__(self, rng: np.random.Generator, groups: IntArray, inputs: Inputs) -> Inputs:
        """Inputs of ``groups`` as predictors get them; the given features are overwritten."""
        features, own = inputs.features, inputs.routed
        routed = own
        if self.under.confusion is not None:
            confused = confused_groups(rng, groups, self.under.confusion)
            routed = BlockEntries.of(self.model.block_of, confused)
            if self.under.drag:
                dragged = np.repeat(confused != groups, self.model.sizes[confused])
                self._drag(rng, features, routed.flat[dragged], routed.columns[dragged])
        if self.under.noise is not None:
            features += self._noise(rng, features.shape, own)
        if self.under.erasure:
            features = self._erased(rng, features)
        return inputs._replace(features=features, routed=routed, radius=self.under.radius)

    def _drag(
        self, rng: np.random.Generator, features: FloatArray, flat: IntArray, columns: IntArray
    ) -> None:
        scale = self.under.drag * np.sqrt(self.model.signal_variances)[columns]
        features.reshape(-1)[flat] += scale * rng.standard_normal(len(flat))

    @cached
    def _noise_law(self) -> tuple[float, float]:
        """The mean and the variance of the given law."""
        mean, variance = (float(moment) for moment in self.under.noise.stats(moments="mv"))
        return mean, variance

    def _noise(
        self, rng: np.random.Generator, shape: tuple[int, ...], own: BlockEntries
    ) -> FloatArray:
        r"""Noise of the given law, of inputs with the ``own`` entries active.

        Independent draws :math:`\xi` in the original coordinates become :math:`N^{1/2}\xi`,
        N the covariance of the noise there: where variances differ, it is not diagonal.
        """
        mean, variance = self._noise_law
        noise: FloatArray = self.under.noise.rvs(size=shape, random_state=rng) - mean
        noise_variance, interference = self._noises
        one_variance = isinstance(noise_variance, float) and not np.any(interference)
        noise *= math.sqrt((noise_variance if one_variance else 1.0) / variance)
        noise = self._rotated(noise, back=True)
        if not one_variance:
            kernels.scale_noise(noise, own, noise_variance, interference)
        return noise

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
    cumulative = np.cumsum(confusion[groups], axis=1)
    totals = cumulative[:, -1:]
    places = rng.random((len(groups), 1)) * totals
    # places < total, yet a product may round up to it
    last = np.count_nonzero(cumulative < totals, axis=1)
    confused: IntArray = np.minimum(np.count_nonzero(cumulative <= places, axis=1), last)
    return confused


def draw_test_inputs(
    rng: np.random.Generator,
    groups: IntArray,
    model: BlockModel,
    perturb: PerturbedInputs | None = None,
    *,
    with_parts: bool = False,
    work: Workspace | None = None,
) -> Inputs:
    """Fresh inputs of ``groups`` with their labels, perturbed if so; see `kernels.draw_inputs`."""
    noises = (model.noise_variance, interference_of(model))
    noise, interference = noises if perturb is None else perturb.drawn_noise
    inputs = kernels.draw_inputs(
        rng,
        groups,
        model.block_of,
        model.signal_variances,
        None if model.strict else model.leakage_variances,
        model.coefficients,
        noise,
        model.label_noise_variance,
        interference,
        with_parts=with_parts,
        work=work,
    )
    return inputs if perturb is None else perturb(rng, groups, inputs)

"""Energies of blocks under noise, and a gate that routes by them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.common.frozen import Frozen

MAX_FITTED_SAMPLES = 10_000  # samples at most: a gate has two numbers for each expert
WEIGHT_DECAY = 1e-6  # without it the weights diverge where energies separate the groups


def noisy_energies(
    energies: FloatArray,
    sizes: IntArray,
    noise_variance: float,
    rng: np.random.Generator,
) -> FloatArray:
    r"""Block energies with noise on every feature, drawn given the energies without noise.

    A rotation of the block puts its features along one axis, so that
    :math:`u_j = (\sqrt{u_j} + \sigma z)^2 + \sigma^2 \chi^2_{s_j - 1}`.
    """
    sigma = np.sqrt(noise_variance)
    along = np.sqrt(energies) + sigma * rng.standard_normal(energies.shape)
    across = rng.chisquare(np.maximum(sizes - 1, 1), energies.shape) * (sizes > 1)
    return np.asarray(along**2 + noise_variance * across)


@dataclass(frozen=True, eq=False, repr=False)
class EnergyGate(Frozen):
    r"""A gate to the expert with the largest :math:`a_j + c_j u_j`, at each noise level.

    Under Gaussian isotropic blocks the posterior of the groups has this form (docs/theory.md §6);
    here :math:`a`, ``offsets`` (L, K), and :math:`c`, ``slopes`` (L, K), are fitted.
    """

    offsets: FloatArray
    slopes: FloatArray

    def route(self, energies: FloatArray, level: int) -> IntArray:
        """The expert of each sample, (n,), at one of the noise levels."""
        return np.asarray((self.offsets[level] + self.slopes[level] * energies).argmax(axis=-1))

    @classmethod
    def relative(cls, mean_energies: FloatArray) -> EnergyGate:
        """The gate to the block with the largest energy relative to its mean, for one level."""
        is_zero = mean_energies == 0.0
        slopes = np.where(is_zero, 0.0, 1.0 / np.where(is_zero, 1.0, mean_energies))
        return cls(np.zeros((1, len(slopes))), slopes[np.newaxis])

    def with_first_level(self, gate: EnergyGate) -> EnergyGate:
        """A copy of this gate that has the numbers of ``gate`` at the first noise level."""
        return EnergyGate(
            np.concatenate([gate.offsets, self.offsets[1:]]),
            np.concatenate([gate.slopes, self.slopes[1:]]),
        )

    @classmethod
    def fitted(
        cls,
        energies: FloatArray,
        sizes: IntArray,
        groups: IntArray,
        noise_variances: FloatArray,
        rng: np.random.Generator,
    ) -> EnergyGate:
        """The gate of a logistic regression of the groups on noisy energies, at each level."""
        if len(groups) > MAX_FITTED_SAMPLES:
            chosen = rng.permutation(len(groups))[:MAX_FITTED_SAMPLES]
            energies, groups = energies[chosen], groups[chosen]
        levels = [
            _logistic_regression(noisy_energies(energies, sizes, float(noise), rng), groups)
            for noise in noise_variances
        ]
        offsets, slopes = (np.array(each) for each in zip(*levels, strict=True))
        return cls(offsets, slopes)


def _logistic_regression(energies: FloatArray, groups: IntArray) -> tuple[FloatArray, FloatArray]:
    from scipy.optimize import minimize
    from scipy.special import log_softmax

    count, experts = energies.shape
    scale = energies.mean(axis=0)
    scale = np.where(scale > 0.0, scale, 1.0)
    scaled = energies / scale
    one_hot = np.zeros_like(scaled)
    one_hot[np.arange(count), groups] = 1.0

    def loss(weights: FloatArray) -> tuple[float, FloatArray]:
        offsets, slopes = weights.reshape(2, experts)
        logs = log_softmax(offsets + slopes * scaled, axis=1)
        residuals = np.exp(logs) - one_hot
        gradient = np.concatenate([residuals.mean(axis=0), (residuals * scaled).mean(axis=0)])
        cross_entropy = -float(logs[np.arange(count), groups].mean())
        value = cross_entropy + 0.5 * WEIGHT_DECAY * float(weights @ weights)
        return value, gradient + WEIGHT_DECAY * weights

    start = np.repeat([0.0, 1.0], experts)
    weights = minimize(loss, start, jac=True, method="L-BFGS-B").x
    offsets, slopes = weights.reshape(2, experts)
    return offsets, slopes / scale

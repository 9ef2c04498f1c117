"""Energies of blocks in noise, and a gate that sees them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray

FITTED_ON = 10_000  # samples a gate is fitted on at most: it has two numbers for each expert
WEIGHT_DECAY = 1e-6  # where energies tell the groups without error the weights have no limit


def noisy_energies(
    energies: FloatArray,
    sizes: IntArray,
    noise_variance: float,
    rng: np.random.Generator,
) -> FloatArray:
    r"""Energies after noise on every feature, drawn from their law given those before it.

    A block turns so that its features lie along one axis: then
    :math:`u_j = (\sqrt{u_j} + \sigma z)^2 + \sigma^2 \chi^2_{s_j - 1}`.
    """
    sigma = np.sqrt(noise_variance)
    along = np.sqrt(energies) + sigma * rng.standard_normal(energies.shape)
    across = rng.chisquare(np.maximum(sizes - 1, 1), energies.shape) * (sizes > 1)
    return np.asarray(along**2 + noise_variance * across)


@dataclass(frozen=True)
class EnergyGate:
    r"""At each noise level the expert with the largest :math:`a_j + c_j u_j`.

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
        """To the block with the largest energy relative to its mean; of one level."""
        silent = mean_energies == 0.0
        slopes = np.where(silent, 0.0, 1.0 / np.where(silent, 1.0, mean_energies))
        return cls(np.zeros((1, len(slopes))), slopes[np.newaxis])

    def without_noise(self, gate: EnergyGate) -> EnergyGate:
        """The same, but at the first level another gate of one level."""
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
        """Logistic regression of the groups on noisy energies, at each noise level."""
        if len(groups) > FITTED_ON:
            chosen = rng.permutation(len(groups))[:FITTED_ON]
            energies, groups = energies[chosen], groups[chosen]
        levels = [
            _logistic(noisy_energies(energies, sizes, float(noise), rng), groups)
            for noise in noise_variances
        ]
        offsets, slopes = (np.array(each) for each in zip(*levels, strict=True))
        return cls(offsets, slopes)


def _logistic(energies: FloatArray, groups: IntArray) -> tuple[FloatArray, FloatArray]:
    from scipy.optimize import minimize
    from scipy.special import log_softmax

    count, experts = energies.shape
    scale = energies.mean(axis=0)
    scale = np.where(scale > 0.0, scale, 1.0)
    scaled = energies / scale
    truth = np.zeros_like(scaled)
    truth[np.arange(count), groups] = 1.0

    def loss(weights: FloatArray) -> tuple[float, FloatArray]:
        offsets, slopes = weights.reshape(2, experts)
        logs = log_softmax(offsets + slopes * scaled, axis=1)
        off = np.exp(logs) - truth
        gradient = np.concatenate([off.mean(axis=0), (off * scaled).mean(axis=0)])
        missed = -float(logs[np.arange(count), groups].mean())
        value = missed + 0.5 * WEIGHT_DECAY * float(weights @ weights)
        return value, gradient + WEIGHT_DECAY * weights

    start = np.repeat([0.0, 1.0], experts)
    weights = minimize(loss, start, jac=True, method="L-BFGS-B").x
    offsets, slopes = weights.reshape(2, experts)
    return offsets, slopes / scale

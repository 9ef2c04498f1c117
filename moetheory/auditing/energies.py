"""Energies of blocks, the groups they tell, and a gate that sees them in noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from moetheory.validation import FloatArray, IntArray

FITTED_ON = 10_000  # samples a gate is fitted on at most: it has two numbers for each expert
WEIGHT_DECAY = 1e-6  # where energies tell the groups without error the weights have no limit


def block_sums(values: FloatArray, block_of: IntArray) -> FloatArray:
    r"""Sums over the features of each block, (n, K); of squares the energies :math:`u_j`."""
    member = np.zeros((len(block_of), int(block_of.max()) + 1))
    member[np.arange(len(block_of)), block_of] = 1.0
    return np.asarray(values @ member)


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
class Gate:
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
    def relative(cls, mean_energies: FloatArray) -> Gate:
        """To the block with the largest energy relative to its mean; of one level."""
        silent = mean_energies == 0.0
        slopes = np.where(silent, 0.0, 1.0 / np.where(silent, 1.0, mean_energies))
        return cls(np.zeros((1, len(slopes))), slopes[np.newaxis])

    def without_noise(self, gate: Gate) -> Gate:
        """The same, but at the first level another gate of one level."""
        return Gate(
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
    ) -> Gate:
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

    count, experts = energies.shape
    scale = energies.mean(axis=0)
    scaled = energies / np.where(scale > 0.0, scale, 1.0)
    truth = np.zeros_like(scaled)
    truth[np.arange(count), groups] = 1.0

    def loss(weights: FloatArray) -> tuple[float, FloatArray]:
        offsets, slopes = weights.reshape(2, experts)
        scores = offsets + slopes * scaled
        scores -= scores.max(axis=1, keepdims=True)
        right = scores[np.arange(count), groups]
        np.exp(scores, out=scores)
        total = scores.sum(axis=1)
        off = scores / total[:, np.newaxis] - truth
        gradient = np.concatenate([off.mean(axis=0), (off * scaled).mean(axis=0)])
        value = float((np.log(total) - right).mean() + 0.5 * WEIGHT_DECAY * weights @ weights)
        return value, gradient + WEIGHT_DECAY * weights

    start = np.repeat([0.0, 1.0], experts)
    weights = minimize(loss, start, jac=True, method="L-BFGS-B").x
    offsets, slopes = weights.reshape(2, experts)
    return offsets, slopes / np.where(scale > 0.0, scale, 1.0)

"""Experiments from raw data on experts whose inputs go to the block with the largest energy.

Nothing here is a formula of the theory: samples are drawn entry by entry, experts are fitted by
least squares, and a prediction counts by its squared error. The router has no parameters.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.problem.model import BlockModel

CHUNK = 2**17  # numbers that are drawn at a time, few enough that memory is used again


class RawSamples(NamedTuple):
    """Samples of any group.

    Attributes
    ----------
    features : (N, K, s) array
        Noisy.
    groups : (N,) integer array
    label_parts : (N, s) array
        What the clean features of the group's block add to the label.
    label_noise : (N,) array
    """

    features: FloatArray
    groups: IntArray
    label_parts: FloatArray
    label_noise: FloatArray

    @property
    def labels(self) -> FloatArray:
        """The labels, (N,)."""
        return np.asarray(self.label_parts.sum(axis=1) + self.label_noise)


class EqualBlocks(NamedTuple):
    """A model of equal blocks, coordinates sorted by block: all that raw data need of it.

    Attributes
    ----------
    coefficients, deviations : (K, s) arrays
        True coefficients; standard deviations of the clean features while the block is active.
    noise, label_noise : float
        Standard deviations of the noise in features and labels.
    """

    coefficients: FloatArray
    deviations: FloatArray
    noise: float
    label_noise: float

    @classmethod
    def of(cls, model: BlockModel) -> EqualBlocks:
        """The blocks of a model with one noise variance."""
        order = np.argsort(model.block_of, kind="stable")
        shape = model.experts, model.dim // model.experts
        return cls(
            by_block(model, model.coefficients),
            np.sqrt(model.signal_variances)[order].reshape(shape),
            float(np.sqrt(model.noise_variance)),
            float(np.sqrt(model.label_noise_variance)),
        )

    def draw_any(self, number: int, rng: np.random.Generator) -> RawSamples:
        """As many samples of any group."""
        experts, size = self.coefficients.shape
        groups = rng.integers(0, experts, number)
        features = self.noise * rng.standard_normal((number, experts, size))
        clean = self.deviations[groups] * rng.standard_normal((number, size))
        features[np.arange(number), groups] += clean
        parts = clean * self.coefficients[groups]
        return RawSamples(features, groups, parts, self.label_noise * rng.standard_normal(number))

    def draw_own(
        self, group: int, number: int, rng: np.random.Generator
    ) -> tuple[FloatArray, FloatArray]:
        """What the expert of a ``group`` sees of samples of it: its block, (N, s); and labels."""
        clean = self.deviations[group] * rng.standard_normal((number, self.deviations.shape[1]))
        labels = clean @ self.coefficients[group] + self.label_noise * rng.standard_normal(number)
        return clean + self.noise * rng.standard_normal(clean.shape), labels


def by_block(model: BlockModel, values: FloatArray) -> FloatArray:
    """Values of the coordinates, (d,), sorted by block, (K, s)."""
    order = np.argsort(model.block_of, kind="stable")
    return np.asarray(values[order].reshape(model.experts, -1))


def loudest_block(features: FloatArray) -> IntArray:
    """The router: the block with the largest energy, of features (N, K, s)."""
    return np.asarray(np.argmax(np.sum(features**2, axis=2), axis=1))


def squared_errors(experts: FloatArray, samples: RawSamples) -> FloatArray:
    """Squared errors, (N,), of ``experts`` (K, s) on inputs that go to the loudest block."""
    chosen = loudest_block(samples.features)
    return _errors(experts[chosen], samples, chosen)


def _errors(experts: FloatArray, samples: RawSamples, chosen: IntArray) -> FloatArray:
    """Squared errors, (N,), of one expert for each input, (N, s), on its ``chosen`` block.

    They are means over the signs of all coordinates, and of the label noise: no energy depends on
    signs, so that the squares of all parts of an error add.
    """
    predicted = samples.features[np.arange(len(chosen)), chosen] * experts
    own = (chosen == samples.groups)[:, np.newaxis]
    parts = samples.label_parts - np.where(own, predicted, 0.0), np.where(own, 0.0, predicted)
    return np.asarray(samples.label_noise**2 + sum(np.vecdot(part, part) for part in parts))


def errors_of(
    model: BlockModel, experts: FloatArray, inputs: int, rng: np.random.Generator
) -> FloatArray:
    """Squared errors, (N,), of given experts, (K, s), on as many fresh inputs."""
    blocks, step = EqualBlocks.of(model), max(CHUNK // model.dim, 1)
    parts = [
        squared_errors(experts, blocks.draw_any(min(step, inputs - start), rng))
        for start in range(0, inputs, step)
    ]
    return np.concatenate(parts)


def fitted_errors(
    model: BlockModel, samples: int, sets: int, inputs: int, rng: np.random.Generator
) -> FloatArray:
    """Mean squared errors, (R,), of experts that are fitted on training sets of known groups.

    Each expert has ``samples`` of its own group, and each training set fresh ``inputs`` of its own.
    """
    blocks, step = EqualBlocks.of(model), max(CHUNK // ((samples + inputs) * model.dim), 1)
    parts = [
        _fitted_together(blocks, samples, min(step, sets - start), inputs, rng)
        for start in range(0, sets, step)
    ]
    return np.concatenate(parts)


def _fitted_together(
    blocks: EqualBlocks, samples: int, sets: int, inputs: int, rng: np.random.Generator
) -> FloatArray:
    """Mean squared errors, (R,), of so many training sets."""
    fits = []
    for group, size in enumerate(map(len, blocks.coefficients)):
        seen, labels = blocks.draw_own(group, sets * samples, rng)
        fits.append(_least_squares(seen.reshape(sets, samples, size), labels.reshape(sets, -1)))
    experts = np.stack(fits, axis=1)
    drawn = blocks.draw_any(sets * inputs, rng)
    chosen = loudest_block(drawn.features)
    used = experts[np.repeat(np.arange(sets), inputs), chosen]
    errors = _errors(used, drawn, chosen)
    means: FloatArray = errors.reshape(sets, inputs).mean(axis=1)
    return means


def sorted_experts(model: BlockModel, samples: int, rng: np.random.Generator) -> FloatArray:
    """Experts, (K, s), fitted on inputs that the router itself has sorted: no group is known."""
    drawn = EqualBlocks.of(model).draw_any(samples, rng)
    chosen, labels = loudest_block(drawn.features), drawn.labels
    sorted_ = (chosen == j for j in range(model.experts))
    fits = [_least_squares(drawn.features[own, j], labels[own]) for j, own in enumerate(sorted_)]
    return np.stack(fits)


def _least_squares(features: FloatArray, labels: FloatArray) -> FloatArray:
    """The least-squares fits of minimum norm, (…, s), for (…, N, s) features; zeros if N is 0."""
    if not labels.shape[-1]:
        return np.zeros((*labels.shape[:-1], features.shape[-1]))
    rounding = max(features.shape[-2:]) * np.finfo(np.float64).eps
    fits: FloatArray = np.matvec(np.linalg.pinv(features, rtol=rounding), labels)
    return fits

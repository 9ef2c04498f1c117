r"""Learned routers fitted on samples drawn one by one; helper of method="data"."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.kernels import draw_training_sets
from moetheory.problem.gates import Learned
from moetheory.problem.model import BlockModel
from moetheory.problem.sample_counts import counts_of
from moetheory.simulation.methods.fit_risks import group_clean_variances, group_noise_variances


def learned_choices(
    rng: np.random.Generator, gate: Learned, model: BlockModel, inputs: FloatArray
) -> IntArray:
    r"""The experts that ``gate`` chooses for ``inputs`` (R, T, d), one router for each R, (R, T).

    A router estimates the shares of the groups and second moments :math:`\hat C` from its
    samples, and chooses the group with the largest normal density times share: from moments of
    all coordinates in each group, or of each block while it is active and while it is not.
    """
    counts = counts_of(gate.samples, model)
    possible = np.flatnonzero(model.group_probabilities)
    if len(possible) == 1:
        return np.full(inputs.shape[:2], possible[0])
    groups = np.repeat(np.arange(model.experts), counts)
    seen, _ = draw_training_sets(
        rng,
        np.broadcast_to(groups, (len(inputs), len(groups))),
        group_clean_variances(model),
        model.coefficients,
        group_noise_variances(model),
        model.label_noise_variance,
    )
    densities = _group_densities if gate.moments == "full" else _block_densities
    scores = np.full((model.experts, *inputs.shape[:2]), -np.inf)
    for j, found in densities(model, seen, groups, inputs):
        scores[j] = np.log(counts[j]) + found
    chosen: IntArray = scores.argmax(axis=0)
    return chosen


def _group_densities(
    model: BlockModel, seen: FloatArray, groups: IntArray, inputs: FloatArray
) -> Iterator[tuple[int, FloatArray]]:
    """Groups and the log densities of their inputs, (R, T), up to a constant."""
    for j in np.flatnonzero(model.group_probabilities):
        yield int(j), _log_density(seen[:, groups == j], inputs)


def _block_densities(
    model: BlockModel, seen: FloatArray, groups: IntArray, inputs: FloatArray
) -> Iterator[tuple[int, FloatArray]]:
    """Groups and how much more likely their blocks are active than not, in logs, (R, T)."""
    for j in np.flatnonzero(model.group_probabilities):
        own = np.flatnonzero(model.block_of == j)
        block, samples = inputs[..., own], seen[..., own]
        active, idle = samples[:, groups == j], samples[:, groups != j]
        yield int(j), _log_density(active, block) - _log_density(idle, block)


def _log_density(samples: FloatArray, inputs: FloatArray) -> FloatArray:
    r"""Log densities of ``inputs`` (R, T, s) under :math:`N(0, \hat C)`, less a constant, (R, T).

    :math:`\hat C` is the second moment of the ``samples`` (R, n, s).
    """
    moment = samples.mT @ samples / samples.shape[1]
    distances = np.vecdot(inputs, np.linalg.solve(moment, inputs.mT).mT)
    found: FloatArray = -(np.linalg.slogdet(moment).logabsdet[:, np.newaxis] + distances) / 2.0
    return found

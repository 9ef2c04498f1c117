"""Groups, inputs and training sets drawn from a block model."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.kernels.workspace import Workspace


def draw_groups(rng: np.random.Generator, rows: int, group_probabilities: FloatArray) -> IntArray:
    """``rows`` independent groups; a group of probability zero is never drawn."""
    cumulative = np.cumsum(group_probabilities)
    # places < total, yet a product may round up to it
    last = np.searchsorted(cumulative, cumulative[-1])
    places = rng.random(rows) * cumulative[-1]
    groups: IntArray = np.minimum(np.searchsorted(cumulative, places, side="right"), last)
    return groups


class BlockEntries(NamedTuple):
    """Entries of one block in each row of a (rows, d) array, one row after another.

    Attributes
    ----------
    blocks : (rows,) integer array
        The block of each row.
    flat : integer array
        Their indices in the array as a vector.
    columns : integer array
        The coordinate of each entry.
    starts : (rows,) integer array
        Position in ``flat`` of the first entry of each row.
    """

    blocks: IntArray
    flat: IntArray
    columns: IntArray
    starts: IntArray

    @classmethod
    def of(cls, block_of: IntArray, blocks: IntArray) -> BlockEntries:
        """The entries of block ``blocks[i]`` in row i; no block is empty."""
        rows, dim = len(blocks), len(block_of)
        flat = np.flatnonzero(block_of == blocks[:, np.newaxis])
        sizes = np.bincount(block_of)[blocks]
        columns = flat - np.repeat(np.arange(0, rows * dim, dim), sizes)
        return cls(blocks, flat, columns, np.cumsum(sizes) - sizes)

    def sums(self, values: FloatArray) -> FloatArray:
        """The sum of ``values``, one for each entry, in each row, (rows,)."""
        found: FloatArray = np.add.reduceat(values, self.starts)
        return found


class Inputs(NamedTuple):
    """Drawn inputs and their labels.

    Attributes
    ----------
    features : (rows, d) array
    labels : (rows,) array
    routed : Places
        The block of the expert to which the oracle sends each input.
    radius : float
        Each input is shifted by at most this length, in the direction worst for the predictor.
    label_parts : (rows, d) array or None
        What each clean coordinate adds to the label, if that was asked for.
    """

    features: FloatArray
    labels: FloatArray
    routed: BlockEntries
    radius: float = 0.0
    label_parts: FloatArray | None = None


def draw_inputs(
    rng: np.random.Generator,
    groups: IntArray,
    block_of: IntArray,
    signal_variances: FloatArray,
    leakage_variances: FloatArray | None,
    coefficients: FloatArray,
    noise_variance: float | FloatArray,
    label_noise_variance: float,
    interference_variances: float | FloatArray = 0.0,
    *,
    with_parts: bool = False,
    work: Workspace | None = None,
) -> Inputs:
    """One noisy input for each of ``groups``, (rows,), routed to its own expert.

    ``leakage_variances`` are None for strict blocks, which then cost no draws off the block. The
    variances of noise and interference are (d,), or numbers that hold for all coordinates. The
    parts of the labels are kept if ``with_parts``. Features and parts are arrays of ``work``, if
    given: "features" and "label parts".
    """
    shape, work = (len(groups), len(block_of)), work or Workspace()
    features = work.array("features", shape)
    rng.standard_normal(out=features)
    own = BlockEntries.of(block_of, groups)
    scale_noise(features, own, noise_variance, interference_variances)
    clean = rng.standard_normal(len(own.flat)) * np.sqrt(signal_variances)[own.columns]
    own_parts = clean * coefficients[own.columns]
    labels = own.sums(own_parts)
    parts = work.array("label parts", shape) if with_parts else None
    if parts is not None:
        parts[:] = 0.0
        parts.reshape(-1)[own.flat] = own_parts
    if leakage_variances is not None:
        leaked = rng.standard_normal(shape) * np.sqrt(leakage_variances)
        leaked.reshape(-1)[own.flat] = 0.0
        labels += np.vecdot(leaked, coefficients)
        if parts is not None:
            parts += leaked * coefficients
        features += leaked
    features.reshape(-1)[own.flat] += clean
    labels += np.sqrt(label_noise_variance) * rng.standard_normal(len(groups))
    return Inputs(features, labels, own, label_parts=parts)


def scale_noise(
    noise: FloatArray,
    own: BlockEntries,
    noise_variance: float | FloatArray,
    interference_variances: float | FloatArray,
) -> None:
    """Bring noise (rows, d) of variance 1 to n on the ``own`` entries, n + κ off them, in place."""
    if not np.any(interference_variances):
        noise *= np.sqrt(noise_variance)
        return
    entries = noise.reshape(-1)
    deviations = np.sqrt(np.broadcast_to(noise_variance, noise.shape[1:]))
    active = entries[own.flat] * deviations[own.columns]
    noise *= np.sqrt(noise_variance + interference_variances)
    entries[own.flat] = active


def group_variances(
    block_of: IntArray, active: float | FloatArray, inactive: float | FloatArray, experts: int
) -> FloatArray:
    r"""A variance of every coordinate in every group, shape (K, d).

    It is ``active`` on the block of the group and ``inactive`` off it. The clean variances
    :math:`S_{gm}` are :math:`\lambda_m` and :math:`\nu_m`, those of the noise
    :math:`N_{gm}` are :math:`n_m` and :math:`n_m + \kappa_m`.
    """
    own = block_of == np.arange(experts)[:, np.newaxis]
    return np.where(own, active, inactive)


def draw_training_sets(
    rng: np.random.Generator,
    groups: IntArray,
    variances: FloatArray,
    coefficients: FloatArray,
    noise_variances: float | FloatArray,
    label_noise_variance: float,
) -> tuple[FloatArray, FloatArray]:
    r"""Noisy features :math:`\bar X`, shape (R, n, d), and labels y, shape (R, n).

    :math:`\bar x = x + e`, :math:`y = x^\top b + \varepsilon`, with
    :math:`x_m \sim N(0, S_{gm})` for a sample of group g.

    Parameters
    ----------
    groups : (R, n) integer array
        The group of each sample of each of R training sets.
    variances : (K, d) array
        S, as `group_variances` gives it.
    noise_variances : float, (d,) array or (K, d) array
        N: one for all, of each coordinate, or as `group_variances` gives it.
    """
    shape = (*groups.shape, len(coefficients))
    features = rng.standard_normal(shape) * np.sqrt(variances)[groups]
    # a dot product per sample: one matrix product would span the training sets
    labels: FloatArray = np.vecdot(features, coefficients)
    labels += np.sqrt(label_noise_variance) * rng.standard_normal(groups.shape)
    deviations = np.sqrt(noise_variances)
    # without interference the noise does not depend on the group
    by_sample = deviations[groups] if deviations.ndim > 1 else deviations
    features += by_sample * rng.standard_normal(shape)
    return features, labels

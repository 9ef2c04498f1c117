"""Drawing data from a block model."""

from __future__ import annotations

import numpy as np

from moetheory.validation import FloatArray, IntArray


def draw_groups(rng: np.random.Generator, rows: int, group_probabilities: FloatArray) -> IntArray:
    """``rows`` independent groups; a group of probability zero is never drawn."""
    cumulative = np.cumsum(group_probabilities)
    uniforms = rng.random(rows) * cumulative[-1]
    # uniforms < total, yet a product may round up to it
    last = np.flatnonzero(group_probabilities)[-1]
    groups: IntArray = np.minimum(np.searchsorted(cumulative, uniforms, side="right"), last)
    return groups


def prediction_errors(
    rng: np.random.Generator,
    groups: IntArray,
    block_of: IntArray,
    signal_variances: FloatArray,
    leakage_variances: FloatArray | None,
    coefficients: FloatArray,
    noise_variance: float,
    label_noise_variance: float,
    predictors: FloatArray,
    routed: tuple[bool, ...],
) -> FloatArray:
    r"""Errors :math:`y - f(\bar x)` on one drawn sample for each of ``groups``, shape (E, rows).

    Parameters
    ----------
    groups : (rows,) integer array
    leakage_variances : (d,) array or None
        None for strict blocks, which then cost no draws off the block.
    predictors : (E, d) array
        Coefficients of E linear predictors.
    routed : E booleans
        Whether a predictor looks only at the block of the sample's group.
    """
    rows, dim = len(groups), len(block_of)
    features = rng.standard_normal((rows, dim))
    features *= np.sqrt(noise_variance)
    # row by row, the coordinates of each sample's own block: none is empty
    active = np.flatnonzero(block_of == groups[:, np.newaxis])
    sizes = np.bincount(block_of)[groups]
    ends = np.cumsum(sizes)
    coordinates = active - np.repeat(np.arange(0, rows * dim, dim), sizes)

    def block_product(values: FloatArray, weights: FloatArray) -> FloatArray:
        return np.add.reduceat(values * weights[coordinates], ends - sizes)

    clean = rng.standard_normal(len(active)) * np.sqrt(signal_variances)[coordinates]
    labels = block_product(clean, coefficients)
    if leakage_variances is not None:
        leaked = rng.standard_normal((rows, dim)) * np.sqrt(leakage_variances)
        leaked.reshape(-1)[active] = 0.0
        labels += np.vecdot(leaked, coefficients)
        features += leaked
    own = features.reshape(-1)[active] + clean
    features.reshape(-1)[active] = own
    labels += np.sqrt(label_noise_variance) * rng.standard_normal(rows)
    return np.stack(
        [
            labels - (block_product(own, weights) if own_block else np.vecdot(features, weights))
            for weights, own_block in zip(predictors, routed, strict=True)
        ]
    )


def clean_variances(
    block_of: IntArray, signal_variances: FloatArray, leakage_variances: FloatArray, experts: int
) -> FloatArray:
    r"""Clean variance of every coordinate in every group, shape (K, d).

    :math:`S_{gm} = \lambda_m` on the block of group g, :math:`\nu_m` off it.
    """
    own = block_of == np.arange(experts)[:, np.newaxis]
    return np.where(own, signal_variances, leakage_variances)


def draw_training_sets(
    rng: np.random.Generator,
    groups: IntArray,
    variances: FloatArray,
    coefficients: FloatArray,
    noise_variance: float,
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
        S, as `clean_variances` gives it.
    """
    shape = (*groups.shape, len(coefficients))
    features = rng.standard_normal(shape) * np.sqrt(variances)[groups]
    # a dot product per sample: one matrix product would span the training sets
    labels: FloatArray = np.vecdot(features, coefficients)
    labels += np.sqrt(label_noise_variance) * rng.standard_normal(groups.shape)
    features += np.sqrt(noise_variance) * rng.standard_normal(shape)
    return features, labels

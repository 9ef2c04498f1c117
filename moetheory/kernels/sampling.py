"""Drawing data from a block model."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from moetheory.validation import FloatArray, IntArray

Router = Callable[[FloatArray], FloatArray]


def draw_groups(rng: np.random.Generator, rows: int, group_probabilities: FloatArray) -> IntArray:
    """``rows`` independent groups; a group of probability zero is never drawn."""
    cumulative = np.cumsum(group_probabilities)
    return _groups_at(rng.random(rows) * cumulative[-1], cumulative)


def spread_groups(
    rng: np.random.Generator, sets: int, rows: int, group_probabilities: FloatArray
) -> IntArray:
    """Groups in ascending order, (sets, rows), in a row as many of each as its share, up to one.

    Systematic sampling: each is that of a random group, drawn with one number for a row.
    """
    cumulative = np.cumsum(group_probabilities)
    places = (np.arange(rows) + rng.random((sets, 1))) * (cumulative[-1] / rows)
    if sets > 1:
        return _groups_at(places, cumulative)
    # they are sorted: it is faster to look for the groups among them
    ends = np.searchsorted(places[0], cumulative)
    ends[np.flatnonzero(group_probabilities)[-1] :] = rows
    return np.repeat(np.arange(len(ends)), np.diff(ends, prepend=0))[np.newaxis]


def _groups_at(places: FloatArray, cumulative: FloatArray) -> IntArray:
    # places < total, yet a product may round up to it
    last = np.searchsorted(cumulative, cumulative[-1])
    groups: IntArray = np.minimum(np.searchsorted(cumulative, places, side="right"), last)
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
    routed: tuple[bool | Router, ...],
) -> FloatArray:
    r"""Errors :math:`y - f(\bar x)` on one drawn sample for each of ``groups``, shape (E, rows).

    Parameters
    ----------
    groups : (rows,) integer array
    leakage_variances : (d,) array or None
        None for strict blocks, which then cost no draws off the block.
    predictors : (E, d) array
        Coefficients of E linear predictors.
    routed : E booleans or functions
        Whether a predictor looks only at the block of the sample's group. A function weighs the
        parts of the prediction that come from the blocks: (rows, d) features → (K, rows).
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

    def prediction(weights: FloatArray, route: bool | Router) -> FloatArray:
        if callable(route):
            shares = route(features)[block_of, np.arange(rows)[:, np.newaxis]]
            found: FloatArray = np.vecdot(features * shares, weights)
        else:
            found = block_product(own, weights) if route else np.vecdot(features, weights)
        return found

    return np.stack(
        [
            labels - prediction(weights, route)
            for weights, route in zip(predictors, routed, strict=True)
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

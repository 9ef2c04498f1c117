"""Vectorised draws and solves for a block model, on plain arrays."""

from __future__ import annotations

import numpy as np

from moetheory.validation import FloatArray, IntArray

# far above the rounding of a dependent column: a false alarm only costs the slower solver
SUSPICIOUS = 1e-10


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


def expert_fits(
    features: FloatArray,
    labels: FloatArray,
    groups: IntArray,
    block_of: IntArray,
    experts: int,
    ridge: float,
) -> FloatArray:
    """Every expert fitted on its group's samples and its block's coordinates, shape (R, d).

    An expert without samples predicts zero.

    Parameters
    ----------
    features, labels : (R, n, d) and (R, n) arrays
    groups : (R, n) integer array
    """
    fits = np.zeros((len(features), len(block_of)))
    for g in range(experts):
        own = np.flatnonzero(block_of == g)
        seen, here = features[..., own], groups == g
        counts = np.count_nonzero(here, axis=1)
        # training sets with equally many samples of the group make one regular array
        for count in np.unique(counts[counts > 0]):
            chosen = counts == count
            rows = here & chosen[:, np.newaxis]
            fits[np.ix_(chosen, own)] = ridge_fit(
                seen[rows].reshape(-1, count, len(own)), labels[rows].reshape(-1, count), ridge
            )
    return fits


def ridge_fit(features: FloatArray, labels: FloatArray, ridge: float) -> FloatArray:
    r"""Ridge regression in each of R training sets, shape (R, d).

    .. math:: \hat\beta = (\bar X^\top \bar X/n + \mu I)^{-1} \bar X^\top y/n,

    as least squares with the d rows :math:`\sqrt{n\mu}\,I` more, which squares no condition
    number; for :math:`\mu = 0` the solution of minimum norm.

    Parameters
    ----------
    features, labels : (R, n, d) and (R, n) arrays
        n > 0.
    ridge : float
        :math:`\mu \ge 0`.
    """
    if ridge > 0.0:
        sets, rows, dim = features.shape
        penalty = np.broadcast_to(np.sqrt(rows * ridge) * np.eye(dim), (sets, dim, dim))
        features = np.concatenate([features, penalty], axis=1)
        labels = np.concatenate([labels, np.zeros((sets, dim))], axis=1)
    return least_squares(features, labels)


def least_squares(features: FloatArray, labels: FloatArray) -> FloatArray:
    r"""The minimiser of :math:`\|\bar X\beta - y\|` of minimum norm in each set, (R, d).

    By Householder QR, of :math:`[\bar X \; y]` for :math:`n \ge d` and of
    :math:`\bar X^\top` for :math:`n < d`; by singular values where the triangle says that the
    rank may be deficient.

    Parameters
    ----------
    features, labels : (R, n, d) and (R, n) arrays
        n > 0.
    """
    sets, rows, dim = features.shape
    right = labels[..., np.newaxis]
    fits = np.empty((sets, dim, 1))
    if rows >= dim:
        both = np.concatenate([features, right], axis=2)
        triangles: FloatArray = np.asarray(np.linalg.qr(both, mode="r"))[:, :dim]
        deficient = _make_regular(triangles[..., :dim])
        fits[:] = np.linalg.solve(triangles[..., :dim], triangles[..., dim:])
    else:
        bases, triangles = np.linalg.qr(features.mT)
        deficient = _make_regular(triangles)
        fits[:] = bases @ np.linalg.solve(triangles.mT, right)
    for i in deficient:
        fits[i] = np.linalg.lstsq(features[i], right[i])[0]
    return fits[..., 0]


def _make_regular(triangles: FloatArray) -> IntArray:
    """Replace triangles that may be singular by the identity; which ones they were."""
    diagonals = np.abs(np.diagonal(triangles, axis1=1, axis2=2))
    suspicious = diagonals.min(axis=1) <= SUSPICIOUS * diagonals.max(axis=1)
    triangles[suspicious] = np.eye(triangles.shape[-1])
    return np.flatnonzero(suspicious)


def group_risks(
    predictors: FloatArray,
    variances: FloatArray,
    coefficients: FloatArray,
    noise_variance: float,
    label_noise_variance: float,
) -> FloatArray:
    r"""True risk of linear predictors given the group, shape (..., K).

    .. math:: \sum_m S_{gm}(b_m-\hat\beta_{gm})^2 + \sigma^2\|\hat\beta_g\|^2 + \omega^2 .

    Parameters
    ----------
    predictors : (..., K, d) array, or (..., 1, d) for one that serves all groups
        :math:`\hat\beta_g`, applied to an input of group g; zero where an expert does not look.
    variances : (K, d) array
        S, as `clean_variances` gives it.
    """
    missed = np.vecdot(np.square(coefficients - predictors), variances)
    noise = noise_variance * np.vecdot(predictors, predictors)
    risks: FloatArray = missed + noise + label_noise_variance
    return risks

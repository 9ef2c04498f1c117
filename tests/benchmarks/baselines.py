"""What one would write with NumPy or scikit-learn in place of `simulate`: draw, fit, take the risk.

All of them draw training sets of a strict model with equal groups, equal contiguous blocks and no
label noise, fit dense and the experts without ridge (minimum norm where there are fewer samples
than coordinates), and return the exact risks of both after each training set, shape (2, R).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from workloads import Workload

import moetheory as mt

FloatArray = NDArray[np.float64]
Fit = Callable[[FloatArray, FloatArray], FloatArray]


def clean_deviations(model: mt.BlockModel) -> FloatArray:
    """Standard deviations of the clean features by group, shape (K, 1, d)."""
    own = model.block_of == np.arange(model.experts)[:, np.newaxis]
    return np.sqrt(np.where(own, model.signal_variances, 0.0))[:, np.newaxis]


def risks(model: mt.BlockModel, dense: FloatArray, moe: FloatArray) -> FloatArray:
    """Exact risks of coefficients of shape (R, d), shape (2, R)."""
    p = model.group_probabilities[model.block_of]
    signal, noise = p * model.signal_variances, model.noise_variance
    return np.stack(
        [
            np.square(model.coefficients - dense) @ signal + noise * np.vecdot(dense, dense),
            np.square(model.coefficients - moe) @ signal + noise * np.square(moe) @ p,
        ]
    )


def loop(work: Workload, replicates: int, seed: int, fit: Fit) -> FloatArray:
    """One training set at a time; ``fit`` is a least-squares routine for one of them."""
    model, rng = work.model, np.random.default_rng(seed)
    n, d, size, rows = work.samples, work.dim, work.size, work.rows
    deviations, sigma = clean_deviations(model), np.sqrt(model.noise_variance)
    dense, moe = np.empty((replicates, d)), np.empty((replicates, d))
    for i in range(replicates):
        features = rng.standard_normal((work.experts, rows, d))
        features *= deviations
        features = features.reshape(n, d)
        labels = features @ model.coefficients
        noise = rng.standard_normal((n, d))
        noise *= sigma
        features += noise
        dense[i] = fit(features, labels)
        for g in range(work.experts):
            own, block = slice(g * rows, (g + 1) * rows), slice(g * size, (g + 1) * size)
            moe[i, block] = fit(features[own, block], labels[own])
    return risks(model, dense, moe)


def lstsq(features: FloatArray, labels: FloatArray) -> FloatArray:
    coefficients: FloatArray = np.linalg.lstsq(features, labels)[0]
    return coefficients


def linear_regression() -> Fit | None:
    """The fit of scikit-learn, where it is installed."""
    try:
        from sklearn.linear_model import LinearRegression
    except ImportError:
        return None

    def fit(features: FloatArray, labels: FloatArray) -> FloatArray:
        coefficients: FloatArray = LinearRegression(fit_intercept=False).fit(features, labels).coef_
        return coefficients

    return fit


def batched(
    work: Workload, replicates: int, seed: int, *, numbers: int, active_only: bool = False
) -> FloatArray:
    """Many training sets at a time, by normal equations, or by the kernel matrix where n < d.

    At most about ``numbers`` numbers are drawn as features at a time: several training sets, or
    part of one, whose products are added up. ``active_only``: clean features are drawn on the
    block of the group alone.
    """
    model, rng = work.model, np.random.default_rng(seed)
    experts, size, dim = work.experts, work.size, work.dim
    deviations, sigma = clean_deviations(model), np.sqrt(model.noise_variance)
    own_deviations = np.sqrt(model.signal_variances).reshape(experts, 1, size)
    own_coefficients = model.coefficients.reshape(experts, 1, size)

    def draw(sets: int, rows: int) -> tuple[FloatArray, FloatArray]:
        """Features (sets, K, rows, d) and labels (sets, K, rows)."""
        shape = (sets, experts, rows, dim)
        if active_only:
            clean = rng.standard_normal((sets, experts, rows, size))
            clean *= own_deviations
            labels = np.vecdot(clean, own_coefficients)
            features = rng.standard_normal(shape)
            features *= sigma
            on_block(features)[...] += clean
            return features, labels
        features = rng.standard_normal(shape)
        features *= deviations
        labels = features @ model.coefficients
        noise = rng.standard_normal(shape)
        noise *= sigma
        features += noise
        return features, labels

    def on_block(features: FloatArray) -> FloatArray:
        """Each group's rows on its own block, a view of shape (sets, K, rows, s)."""
        blocks = features.reshape(*features.shape[:-1], experts, size)
        return np.einsum("rgigs->rgis", blocks)

    def fits(sets: int) -> tuple[FloatArray, FloatArray]:
        if work.samples < dim:
            features, labels = draw(sets, work.rows)
            flat = features.reshape(sets, work.samples, dim)
            return (
                minimum_norm(flat, labels.reshape(sets, work.samples)),
                minimum_norm(on_block(features), labels).reshape(sets, dim),
            )
        gram, moment = np.zeros((sets, dim, dim)), np.zeros((sets, dim, 1))
        own_gram = np.zeros((sets, experts, size, size))
        own_moment = np.zeros((sets, experts, size, 1))
        step = max(1, min(work.rows, numbers // (experts * dim)))
        for start in range(0, work.rows, step):
            features, labels = draw(sets, min(step, work.rows - start))
            flat, own = features.reshape(sets, -1, dim), on_block(features)
            gram += flat.mT @ flat
            moment += flat.mT @ labels.reshape(sets, -1, 1)
            own_gram += own.mT @ own
            own_moment += own.mT @ labels[..., np.newaxis]
        dense = np.linalg.solve(gram, moment)[..., 0]
        return dense, np.linalg.solve(own_gram, own_moment).reshape(sets, dim)

    at_once = max(1, numbers // (work.samples * dim))
    found = [
        risks(model, *fits(min(at_once, replicates - start)))
        for start in range(0, replicates, at_once)
    ]
    return np.concatenate(found, axis=1)


def minimum_norm(features: FloatArray, labels: FloatArray) -> FloatArray:
    """Xᵀ(XXᵀ)⁻¹y in each training set."""
    kernel = features @ features.mT
    return (features.mT @ np.linalg.solve(kernel, labels[..., np.newaxis]))[..., 0]

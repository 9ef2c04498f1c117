"""What one would write with JAX in place of `simulate`: one training set, vmapped and compiled.

The problem is that of baselines.py, in 64 bits. JAX sizes its pool of threads when it loads, by the
environment variable NPROC: of XLA's own flags none keeps it to one thread.
"""

from __future__ import annotations

import math
from functools import cache, partial
from typing import Any

import numpy as np
from baselines import FloatArray, clean_deviations
from workloads import Workload

try:
    import jax
    import jax.numpy as jnp
    from jax.scipy.linalg import solve

    jax.config.update("jax_enable_x64", True)
    INSTALLED = True
except ImportError:
    INSTALLED = False


def sets_at_once(work: Workload, numbers: int) -> int:
    """Training sets in one call, whose features have about ``numbers`` numbers."""
    return max(1, numbers // (work.samples * work.dim))


def jax_batched(work: Workload, replicates: int, seed: int, *, numbers: int) -> FloatArray:
    """Risks of both estimators after each training set, (2, R), several sets at a time.

    ``replicates`` cost what the next multiple of `sets_at_once` does.
    """
    sets, key = sets_at_once(work, numbers), jax.random.key(seed)
    run = compiled(work, pieces_of(work, numbers))
    found = [
        np.asarray(run(jax.random.split(jax.random.fold_in(key, number), sets)))
        for number in range(math.ceil(replicates / sets))
    ]
    return np.concatenate(found)[:replicates].T


def pieces_of(work: Workload, numbers: int) -> int:
    """Pieces of equal size in which a training set is drawn, if ``numbers`` are too few for it."""
    pieces = max(1, math.ceil(work.samples * work.dim / numbers))
    while work.rows % pieces:
        pieces += 1
    return pieces


@cache
def compiled(work: Workload, pieces: int) -> Any:
    """A function of keys, (sets,), that returns the risks, (sets, 2)."""
    return jax.jit(jax.vmap(partial(risks_of_one, work, pieces)))


def risks_of_one(work: Workload, pieces: int, key: Any) -> Any:
    """Risks of dense and experts fitted on the training set of ``key``, (2,)."""
    model = work.model
    experts, size, dim, rows = work.experts, work.size, work.dim, work.rows // pieces
    deviations, sigma = clean_deviations(model), math.sqrt(model.noise_variance)

    def draw(key: Any) -> tuple[Any, Any, Any]:
        """Features (K, rows, d), those of each group on its own block, and labels (K, rows)."""
        clean_key, noise_key = jax.random.split(key)
        clean = deviations * jax.random.normal(clean_key, (experts, rows, dim))
        features = clean + sigma * jax.random.normal(noise_key, clean.shape)
        blocks = features.reshape(experts, rows, experts, size)
        group = np.arange(experts)
        return features, blocks[group, :, group], clean @ model.coefficients

    def moments(key: Any) -> tuple[Any, Any, Any, Any]:
        features, own, labels = draw(key)
        flat = features.reshape(-1, dim)
        own_moments = jnp.vecmat(labels, own)
        return flat.T @ flat, flat.T @ labels.reshape(-1), own.mT @ own, own_moments

    def add(sums: Any, key: Any) -> tuple[Any, None]:
        return jax.tree.map(jnp.add, sums, moments(key)), None

    if work.samples < dim:
        features, own, labels = draw(key)
        dense = minimum_norm(features.reshape(-1, dim), labels.reshape(-1))
        moe = jax.vmap(minimum_norm)(own, labels).reshape(dim)
    else:
        keys = jax.random.split(key, pieces)
        sums = moments(keys[0])
        if pieces > 1:
            sums, _ = jax.lax.scan(add, sums, keys[1:])
        gram, moment, own_gram, own_moment = sums
        dense = positive_solve(gram, moment)
        moe = jax.vmap(positive_solve)(own_gram, own_moment).reshape(dim)
    p = model.group_probabilities[model.block_of]
    signal, noise = p * model.signal_variances, model.noise_variance
    return jnp.stack(
        [
            (model.coefficients - dense) ** 2 @ signal + noise * dense @ dense,
            (model.coefficients - moe) ** 2 @ signal + noise * moe**2 @ p,
        ]
    )


def positive_solve(gram: Any, moment: Any) -> Any:
    return solve(gram, moment, assume_a="pos")


def minimum_norm(features: Any, labels: Any) -> Any:
    """Xᵀ(XXᵀ)⁻¹y."""
    return features.T @ positive_solve(features @ features.T, labels)

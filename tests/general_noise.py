"""Models in which the noise of each coordinate is another, and nothing is equal or in order.

The noise variances span four decades. The interference is less than the signal: `STRICT` has it in
most coordinates and no leakage, `LEAKING` has both, `PER_COORDINATE` has neither. `UNEQUAL` has its
coordinates in order, and noise within a factor of three, so that every expert is worth its fit.
"""

import numpy as np

from moetheory import BlockModel

STRICT = BlockModel(
    [0.2, 0.5, 0.3],
    [1, 0, 1, 2, 2, 0, 1, 2, 1],
    signal_variances=[2.1, 0.7, 1.3, 3.2, 0.9, 1.8, 0.5, 1.1, 2.7],
    coefficients=[0.9, -1.4, 0.4, -0.7, 1.2, 0.8, -1.1, 0.5, 0.3],
    noise_variance=[0.3, 10.0, 0.01, 1.0, 0.03, 0.1, 30.0, 0.6, 100.0],
    interference_variances=[0.8, 0.2, 0.5, 0.0, 0.3, 1.1, 0.4, 0.6, 1.5],
    label_noise_variance=0.2,
)
LEAKING = STRICT.replace(
    leakage_variances=np.array([0.3, 0.05, 0.2, 0.6, 0.0, 0.4, 0.1, 0.25, 0.9])
)
PER_COORDINATE = STRICT.replace(interference_variances=0.0)
UNEQUAL = BlockModel(
    [0.4, 0.3, 0.2, 0.1],
    np.repeat(np.arange(4), [2, 3, 3, 4]),
    np.linspace(0.5, 3.0, 12),
    np.linspace(-1.0, 1.2, 12),
    np.linspace(0.3, 0.9, 12),
    label_noise_variance=0.2,
    interference_variances=np.linspace(0.2, 0.0, 12),
)
GENERAL = {"strict": STRICT, "leaking": LEAKING, "per coordinate": PER_COORDINATE}


SIZES = (2, 4, 3)
SPREAD = np.geomspace(0.01, 100.0, 9)[[4, 0, 7, 2, 8, 5, 1, 6, 3]]
NOISES = ["one", "several", "interference", "loud interference"]


def variances(model: BlockModel) -> tuple[np.ndarray, np.ndarray]:
    """The clean and the noise variance of each coordinate in each group, two arrays (K, d)."""
    active = model.block_of == np.arange(model.experts)[:, np.newaxis]
    idle_noise = model.noise_variance + model.interference_variances
    return (
        np.where(active, model.signal_variances, model.leakage_variances),
        np.where(active, model.noise_variance, idle_noise),
    )


def world(seed, *, leaks=True, noise=None, noises="one"):
    """The arguments p, block of, λ, ν, b, n, κ of a generic model, its blocks interleaved."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet([3.0] * len(SIZES))
    block_of = rng.permutation(np.repeat(range(len(SIZES)), SIZES))
    signal = np.exp(rng.standard_normal(9))
    leakage = leaks * 0.3 * signal * rng.random(9) * (np.arange(9) > 0)
    drawn = np.exp(rng.standard_normal())
    noise, b = noise or drawn, rng.standard_normal(9)
    loudness = rng.random(9) * (np.arange(9) != 2)
    match noises:
        case "one":
            return p, block_of, signal, leakage, b, noise, 0.0
        case "several":
            interference = 0.0
        case "interference":
            interference = noise * loudness
        case "loud interference":
            interference = signal * loudness
    return p, block_of, signal, leakage, b, noise * SPREAD, interference

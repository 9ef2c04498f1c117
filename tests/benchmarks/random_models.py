"""Random block models, unpleasant ones among them, for checks that must not go wrong on any."""

import numpy as np

import moetheory as mt


def random_model(rng: np.random.Generator) -> mt.BlockModel:
    """A model of at most 12 coordinates: of the regime of a theorem, or generic.

    Group probabilities go down to 1e-6, ratios of variances, of coefficients and of noise to
    signal from 1e-12 to 1e12; d = 1, K = 1 and K = d occur, as do silent blocks and any units.
    """
    family = rng.choice(["equal", "isotropic", "spiked", "generic"], p=[0.3, 0.2, 0.1, 0.4])
    experts = int(rng.choice([1, 2, 3, 4], p=[0.1, 0.4, 0.3, 0.2]))
    largest = 1 if rng.random() < 0.15 else 3  # 1: as many experts as coordinates
    sizes = rng.integers(1, largest + 1, experts)
    if family == "equal":
        sizes[:] = sizes[0]
    if family == "spiked":
        sizes += 4
    blocks = np.repeat(np.arange(experts), sizes)
    wide = rng.random() < 0.3
    signal = 10.0 ** rng.uniform(*((-6.0, 6.0) if wide else (-1.0, 1.0)), len(blocks))
    if family in ("equal", "isotropic"):
        firsts = np.cumsum(sizes) - sizes
        signal = signal[firsts[0 * blocks if family == "equal" else blocks]]
    if family == "spiked":
        signal[np.concatenate([np.arange(size) for size in sizes]) >= 1] = 0.0
    coefficients = rng.standard_normal(len(blocks))
    if family == "equal":
        coefficients[:] = coefficients[0]
    elif rng.random() < 0.3:
        coefficients *= 10.0 ** rng.uniform(-6.0, 6.0, len(blocks))
    if family != "equal" and rng.random() < 0.15:
        coefficients[blocks == rng.integers(experts)] = 0.0
    energy = float(np.bincount(blocks, signal).max())
    exponent = rng.uniform(*((-12.0, 12.0) if rng.random() < 0.3 else (-2.0, 2.0)))
    leaking = family == "generic" and rng.random() < 0.3
    leakage = signal * 10.0 ** rng.uniform(-4.0, 0.0) if leaking else 0.0 * signal
    # any units, powers of two: numbers change and results do not
    inputs, labels = 4.0 ** rng.integers(-20, 21), 2.0 ** rng.integers(-30, 31)
    return mt.BlockModel(
        _probabilities(rng, experts, equal=family == "equal" and rng.random() < 0.9),
        blocks,
        inputs * signal,
        labels / np.sqrt(inputs) * coefficients,
        inputs * energy * 10.0**exponent,
        leakage_variances=inputs * leakage,
        label_noise_variance=labels**2 * float(rng.choice([0.0, 0.0, 0.1])),
    )


def _probabilities(rng: np.random.Generator, experts: int, *, equal: bool) -> np.ndarray:
    """Group probabilities: equal, of one size, or with a rare group."""
    if equal or experts == 1:
        return np.full(experts, 1.0 / experts)
    weights = rng.uniform(0.2, 1.0, experts)
    if rng.random() < 0.5:
        weights[rng.integers(experts)] = 10.0 ** rng.uniform(-6.0, -1.0)
    return weights / weights.sum()

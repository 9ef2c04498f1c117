"""Models whose results many tests of figures draw."""

import numpy as np

import moetheory as mt

UNEQUAL = mt.BlockModel(
    [0.35, 0.3, 0.2, 0.15],
    np.repeat(np.arange(4), [4, 6, 3, 5]),
    np.random.default_rng(0).uniform(0.5, 3.0, 18),
    np.random.default_rng(1).normal(size=18),
    noise_variance=0.6,
    label_noise_variance=0.05,
)
SPIKED = mt.BlockModel.power_law(60, 3, 1.0, decay=1.5, signal_energy=60.0)
LADDER = mt.BlockModel(
    [0.4, 0.2, 0.2, 0.1, 0.05, 0.05],
    [0, 1, 2, 3, 4, 5] * 4,
    [1.0] * 24,
    [1.0] * 24,
    noise_variance=1.0,
)
BOTH = [mt.Dense(), mt.MoE()]
GATES = [*BOTH, mt.MoE(mt.Hard()), mt.MoE(mt.Soft())]
STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000]

"""The law of experts' coefficients against fits on drawn training sets."""

import numpy as np
import pytest
from scipy import stats

from moetheory import kernels


@pytest.mark.parametrize("zero", [False, True])
def test_the_law_of_experts_is_that_of_their_coefficients(zero):
    """Whole vectors of coefficients, projected in several directions, have the law of lstsq's."""
    sets, block_of = 20_000, np.array([0, 1, 0, 1, 1, 1, 0, 2])
    counts = np.array([5, 2, 0])  # above, below and without samples
    observed = np.array([2.0, 1.5, 0.5, 1.5, 1.5, 1.5, 1.0, 1.0])
    theta = np.zeros(8) if zero else np.cos(np.arange(8.0)) + 0.5
    residual = np.array([0.7, 0.4, 1.0])
    rng = np.random.default_rng(6)
    drawn = kernels.draw_expert_law(rng, np.tile(counts, (sets, 1)), block_of)
    fits = kernels.expert_law_fits(drawn, block_of, theta, observed, residual)
    assert np.all(fits[:, block_of == 2] == 0.0)
    for g in (0, 1):
        own = block_of == g
        x = rng.standard_normal((sets, counts[g], own.sum())) * np.sqrt(observed[own])
        y = x @ theta[own] + np.sqrt(residual[g]) * rng.standard_normal((sets, counts[g]))
        plain = kernels.least_squares(x, y)
        for direction in np.vstack([np.eye(own.sum()), np.sin(np.arange(own.sum()) + 1.0)]):
            here, there = fits[:, own] @ direction, plain @ direction
            assert stats.ks_2samp(here, there).pvalue > 1e-7
        lengths = [np.linalg.norm(each, axis=1) for each in (fits[:, own], plain)]
        assert stats.ks_2samp(*lengths).pvalue > 1e-7
        assert stats.ks_2samp(1.05 * lengths[0], lengths[1]).pvalue < 1e-7

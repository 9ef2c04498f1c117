"""Reading blocks from eigenvectors; whether they are right is tested through `blocks_of`."""

import numpy as np
import pytest

from moetheory.auditing.spectral_blocks import SpectralBlocks, affinities, assigned


def test_a_strong_pivot_draws_only_what_points_its_way():
    """Made orthogonal, directions at 0 and 45 degrees part at 45 - atan(1/4) = 31."""
    vectors = np.array([[3.0, 0.0], [1.0, 1.0], [0.77, 0.64], [0.9, 0.5]])
    found = assigned(vectors, np.zeros(4, dtype=bool))
    assert found.tolist() == [0, 1, 1, 0]


def test_affinities_are_normalised_by_what_is_positive():
    correlations = np.array(
        [[1.0, 0.4, 0.1, -0.2], [0.4, 1.0, -0.3, -0.1], [0.1, -0.3, 1.0, 0.0], [-0.2, -0.1, 0, 1]]
    )
    found, isolated = affinities(correlations)
    wanted = np.zeros((4, 4))
    wanted[0, 1] = wanted[1, 0] = 0.4 / np.sqrt(0.5 * 0.4)
    wanted[0, 2] = wanted[2, 0] = 0.1 / np.sqrt(0.5 * 0.1)
    np.testing.assert_allclose(found, wanted, rtol=1e-14)
    assert isolated.tolist() == [False, False, False, True]
    assert np.linalg.eigvalsh(found)[-1] == pytest.approx(1.0, rel=1e-14)


def test_one_decomposition_serves_all_smaller_numbers():
    rng = np.random.default_rng(0)
    correlations = np.corrcoef(rng.standard_normal((12, 40)))
    most = SpectralBlocks.of(correlations, 12)
    for experts in (1, 3, 12):
        alone = SpectralBlocks.of(correlations, experts)
        products = np.abs(alone.vectors.T @ most.vectors[:, :experts])
        np.testing.assert_allclose(products, np.eye(experts), atol=1e-9)
        np.testing.assert_array_equal(alone.blocks(experts), most.blocks(experts))

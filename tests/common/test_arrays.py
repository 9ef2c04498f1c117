"""Sums over blocks, against sums of one block after the other."""

import numpy as np

from moetheory.common.arrays import block_sums


def test_sums_over_blocks():
    rng = np.random.default_rng(0)
    values, block_of = rng.normal(size=(4, 6)), np.array([2, 0, 2, 1, 0, 2])
    expected = [[row[block_of == g].sum() for g in range(3)] for row in values]
    np.testing.assert_allclose(block_sums(values, block_of), expected, rtol=1e-13)

"""Fits of experts against the normal equations of each one."""

import numpy as np
import pytest

from moetheory import kernels


@pytest.mark.parametrize("ridge", [0.0, 0.3])
def test_an_expert_sees_its_groups_samples_and_its_own_block(ridge):
    rng = np.random.default_rng(4)
    block_of, experts = np.array([1, 0, 1, 2, 2]), 3
    groups = rng.integers(0, experts, (30, 6))  # ragged: also groups without samples
    features, labels = rng.standard_normal((30, 6, 5)), rng.standard_normal((30, 6))
    fits = kernels.expert_fits(features, labels, groups, block_of, experts, ridge)
    assert not (groups == 0).any(axis=1).all()
    for fit, x, y, group in zip(fits, features, labels, groups, strict=True):
        for g in range(experts):
            own, here = block_of == g, group == g
            seen = x[here][:, own]
            penalty = here.sum() * ridge * np.eye(own.sum())
            wanted = np.linalg.pinv(seen.T @ seen + penalty) @ seen.T @ y[here]
            np.testing.assert_allclose(fit[own], wanted, rtol=1e-5, atol=1e-9)

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


@pytest.mark.parametrize("ridge", [0.0, 0.3])
@pytest.mark.parametrize("samples", [40, 7])
def test_a_shared_expert_is_fitted_jointly(ridge, samples):
    """Normal equations of 2d coefficients written out, with the penalties of the definition."""
    rng = np.random.default_rng(4)
    block_of, experts, dim = np.array([1, 0, 1, 2, 2]), 3, 5
    groups = rng.integers(0, experts, (12, samples))
    groups[0] = rng.integers(1, experts, samples)  # an expert without samples
    features, labels = rng.standard_normal((12, samples, dim)), rng.standard_normal((12, samples))
    own, shared = kernels.joint_fits(features, labels, groups, block_of, experts, ridge)
    for c, w, x, y, group in zip(own, shared, features, labels, groups, strict=True):
        design, penalty = np.zeros((samples, 2 * dim)), np.zeros(2 * dim)
        for i, g in enumerate(group):
            design[i, :dim] = x[i]
            design[i, dim:][block_of == g] = x[i][block_of == g]
        penalty[:dim] = ridge
        for m, g in enumerate(block_of):
            penalty[dim + m] = ridge * np.mean(group == g)
        moment = design.T @ design / samples + np.diag(penalty)
        wanted = np.linalg.pinv(moment, rcond=1e-12) @ design.T @ y / samples
        np.testing.assert_allclose(w, wanted[:dim], rtol=1e-5, atol=1e-8)
        np.testing.assert_allclose(c, wanted[:dim] + wanted[dim:], rtol=1e-5, atol=1e-8)

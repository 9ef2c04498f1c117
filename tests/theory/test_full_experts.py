"""Full experts: their risk, and what others lose to them, by linear algebra on covariances."""

import numpy as np
import pytest

import moetheory as mt
from general_noise import GENERAL, variances
from moetheory.theory import full_experts


@pytest.mark.parametrize("name", GENERAL)
def test_experts_that_see_all_are_those_of_the_covariances(name):
    model = GENERAL[name]
    found = mt.covariance_risks(
        *(each[:, :, np.newaxis] * np.eye(model.dim) for each in variances(model)),
        model.coefficients,
        group_probabilities=model.group_probabilities,
        block_of=model.block_of,
    )
    excess = full_experts.full_expert_excess(model)
    assert excess == pytest.approx(found.full_experts.excess, rel=1e-12)
    gap = found.dense.excess - found.full_experts.excess
    assert full_experts.filtered_noise(model) == pytest.approx(gap, rel=1e-10)
    loss = found.block_experts.excess - found.full_experts.excess
    assert full_experts.unseen_signal(model) == pytest.approx(loss, rel=1e-10, abs=1e-14)

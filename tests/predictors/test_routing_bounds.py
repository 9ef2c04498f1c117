"""The bound on misrouting against its probability."""

import numpy as np
import pytest

import moetheory as mt
from moetheory.predictors.routing_bounds import routing_error_bound


def test_the_bound_on_misrouting_is_one_and_within_reach(generic):
    for noise in (1e-3, 0.05, 0.4, 10.0):
        model = generic(noise)
        exact = mt.routing_matrix(mt.Hard(), model).misrouting
        assert exact <= routing_error_bound(model, 0.5) <= 20.0 * exact
    assert routing_error_bound(generic(0.0)) == 0.0
    alone = mt.BlockModel([1.0], [0, 0], np.ones(2), np.ones(2), 1.0)
    assert routing_error_bound(alone) == pytest.approx(0.0, abs=1e-15)

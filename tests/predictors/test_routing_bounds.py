"""The bound on misrouting against its probability."""

import itertools
import math

import numpy as np
import pytest
from scipy import integrate

import moetheory as mt
from general_noise import PER_COORDINATE, STRICT, variances
from moetheory.predictors.routing_bounds import routing_error_bound


def test_the_bound_on_misrouting_is_one_and_within_reach(generic):
    for noise in (1e-3, 0.05, 0.4, 10.0):
        model = generic(noise)
        exact = mt.routing_matrix(mt.Hard(), model).misrouting
        assert exact <= routing_error_bound(model, 0.5) <= 20.0 * exact
    assert routing_error_bound(generic(0.0)) == 0.0
    alone = mt.BlockModel([1.0], [0, 0], np.ones(2), np.ones(2), 1.0)
    assert routing_error_bound(alone) == pytest.approx(0.0, abs=1e-15)


def common_area(variance, other):
    """∫ √(f h) for the densities f and h of two centred normal laws."""

    def root(x):
        return math.exp(-(x**2) * (1 / variance + 1 / other) / 4)

    end = 40.0 * math.sqrt(min(variance, other))
    area = 2.0 * integrate.quad(root, 0.0, end, epsabs=0.0, epsrel=1e-12)[0]
    return area / math.sqrt(2.0 * math.pi * math.sqrt(variance * other))


@pytest.mark.parametrize("model", [STRICT, PER_COORDINATE])
def test_the_bound_is_a_sum_of_common_areas_of_laws(model):
    """√(p_ip_j) times the area under the root of the densities given i and given j, twice."""
    total, p = np.sum(variances(model), axis=0), model.group_probabilities
    costs = np.array([0.3, 2.0, 0.7])
    expected = 0.0
    for i, j in itertools.permutations(range(3), 2):
        area = math.prod(itertools.starmap(common_area, zip(total[i], total[j], strict=True)))
        expected += math.sqrt(p[i] * p[j]) * area * costs[j]
    assert routing_error_bound(model, costs) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("model", [STRICT, PER_COORDINATE])
def test_the_bound_holds_for_noise_in_general(model):
    exact = mt.routing_matrix(mt.Hard(), model).misrouting
    assert exact <= routing_error_bound(model, 0.5) <= 20.0 * exact


def test_coordinates_without_noise_tell_groups_apart_and_those_that_never_vary_do_not():
    for noise in (0.0, 1.0):
        model = mt.BlockModel([0.4, 0.6], [0, 1, 1], [1.0, 0.0, 3.0], [1.0] * 3, [noise, 0.0, 1.0])
        # 2√(n(λ+n))/(λ+2n), and its root, of both coordinates that vary
        overlap = math.sqrt(2.0 * math.sqrt(2.0) / 3.0) * math.sqrt(4.0 / 5.0)
        found = routing_error_bound(model, 0.5)
        assert found == pytest.approx(math.sqrt(0.24) * overlap if noise else 0.0, rel=1e-14)


def test_groups_of_one_expert_are_not_confused():
    """The bound adds up pairs of groups of different experts, each at the cost of its expert."""
    costs, once = np.array([1.0, 2.0, 4.0]), np.array([1, 0, 1])
    assert routing_error_bound(STRICT, 0.5, np.array([0, 0, 0])) == 0.0
    alone = routing_error_bound(STRICT, costs)
    assert routing_error_bound(STRICT, costs, np.arange(3)) == pytest.approx(alone, rel=1e-14)
    # the experts cost 2 and 5
    dear = routing_error_bound(STRICT, costs, once)
    assert dear == pytest.approx(7.0 * routing_error_bound(STRICT, 0.5, once), rel=1e-12)
    # every pair is parted by two of the three splits
    splits = [np.array([0, 0, 1]), once, np.array([1, 0, 0])]
    total = sum(routing_error_bound(STRICT, 0.5, each) for each in splits)
    assert total == pytest.approx(2.0 * routing_error_bound(STRICT, 0.5), rel=1e-12)

"""Sums that are merged over blocks against sums over all coordinates, in mpmath."""

import mpmath
import numpy as np
import pytest

from moetheory.formulas.joint_moments import (
    Moments,
    block_moments,
    union,
    unions_by_expert,
    unions_of_others,
    unions_within_experts,
)

BLOCK_OF = np.array([1, 0, 1, 2, 3, 0, 1, 4, 4])
BLOCKS = 5
EXPERT_OF = np.array([1, 0, 1, 2, 1])


def agree(moments, g, signal, noise, b, f, chosen):
    """Compare one set with sums over its coordinates in 150 digits, whatever the unit of f is."""
    _, truth, cross, fit, _, residual, passed = moments.at(g)
    size = np.sqrt(fit + passed)
    found = [truth, cross / size, fit / size**2, residual]
    with mpmath.workdps(150):
        terms = [[mpmath.mpf(x[m]) for x in (signal, noise, b, f)] for m in np.flatnonzero(chosen)]
        truth = mpmath.fsum(s * b * b for s, _, b, _ in terms)
        cross = mpmath.fsum(s * b * f for s, _, b, f in terms)
        fit = mpmath.fsum(s * f * f for s, _, _, f in terms)
        size = mpmath.sqrt(fit + mpmath.fsum(n * f * f for _, n, _, f in terms))
        expected = [truth, cross / size, fit / size**2, truth - cross**2 / fit]
    # one coordinate is explained by any slope, up to rounding
    small = [0.0, 0.0, 0.0, 1e-28 * float(truth)]
    for one, other, atol in zip(found, map(float, expected), small, strict=True):
        assert one == pytest.approx(other, rel=1e-12, abs=atol)


@pytest.fixture(params=[1, 30], ids=["one size", "many sizes"])
def world(request):
    """Signal, leakage, noise, interference, b and a shrunk f, each spread over many sizes."""
    rng = np.random.default_rng(4)
    exponents = request.param * rng.uniform(-1.0, 1.0, (6, len(BLOCK_OF)))
    signal, leakage, noise, interference, b, shrinkage = 10.0**exponents
    return signal, leakage, noise, interference, b, -b / (1.0 + shrinkage)


def test_unions_are_sums_over_their_coordinates(world):
    signal, leakage, noise, interference, b, f = world
    blocks = block_moments(np.ones(BLOCKS), BLOCK_OF, *world)
    experts = EXPERT_OF[BLOCK_OF]
    idle = leakage, noise + interference, b, f
    others = unions_of_others(blocks.idle)
    within = unions_within_experts(blocks.idle, EXPERT_OF)
    by_expert = unions_by_expert(blocks.idle, EXPERT_OF)
    for g in range(BLOCKS):
        own = g == BLOCK_OF
        agree(blocks.active, g, signal, noise, b, f, own)
        agree(others, g, *idle, ~own)
        if g not in (1, 3):  # whose experts serve no other group
            agree(within, g, *idle, (experts == EXPERT_OF[g]) & ~own)
    for e in range(3):
        agree(by_expert, e, *idle, experts == e)


def test_nothing_is_added_by_the_empty_set(world):
    blocks = block_moments(np.ones(BLOCKS), BLOCK_OF, *world).active
    for both in (union(blocks, blocks.empty()), union(blocks.empty(), blocks)):
        np.testing.assert_allclose(both, blocks, rtol=1e-15)
    alone = unions_within_experts(blocks, EXPERT_OF)
    assert not np.any(np.array(alone)[:, [1, 3]])
    assert not np.any(np.array(unions_of_others(blocks.empty())))


def test_coefficients_that_are_all_right_leave_nothing():
    ones = np.ones(len(BLOCK_OF))
    f = np.linspace(0.1, 0.9, len(BLOCK_OF))
    blocks = block_moments(np.ones(BLOCKS), BLOCK_OF, f, f, 0.0, 0.0, f, f, 0.0 * ones)
    assert not unions_of_others(blocks.idle).residual.any()


def test_a_fit_whose_square_is_lost_explains_nothing():
    one = Moments(*map(np.array, (1.0, 4.0, 2.0, 1.0, 1.0, 0.0, 0.0)))
    loud = one._replace(unit=np.array(1e200), truth=0.0, cross=0.0, fit=0.0, slope=0.0, noise=1.0)
    both = union(one, loud)
    assert both.fit == 0.0
    assert both.residual == 1.0  # what b - f was explained by the slope of f
    assert union(both, one).residual == 2.0


def test_coordinates_without_signal_and_noise_do_not_count():
    variances, f = np.array([0.0, 1.0]), np.array([1e200, 1.0])
    block = np.zeros(2, dtype=int)
    found = block_moments(np.ones(1), block, variances, 0.0, variances, 0.0, 1.0, f).active
    assert found.truth == 1.0
    assert found.fit == found.noise == pytest.approx(0.5)  # in the unit of what is predicted

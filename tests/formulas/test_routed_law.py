"""Bounds on what routing by the input adds: against mpmath, and against one another."""

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moetheory.formulas import routed_law

SIZES = st.integers(1, 400)
SURPLUSES = st.floats(-6.0, 6.0).map(lambda exponent: 10.0**exponent)


def by_integration(size, surplus):
    r"""Both energies over the energy y of the active block, without any shift of the degrees.

    .. math:: \varrho\int\frac ysf_s(y)P(\chi^2_s>\varrho y)\,dy, \qquad
              \int f_s(y)\frac1sE[\chi^2_s;\chi^2_s>\varrho y]\,dy .
    """
    half, ratio = mpmath.mpf(size) / 2, 1 + mpmath.mpf(surplus)

    def density(y):
        return y ** (half - 1) * mpmath.exp(-y / 2) / (2**half * mpmath.gamma(half))

    def beyond(y, power):  # E[X^power; X > ratio y] for X chi-squared
        return 2**power * mpmath.gammainc(half + power, ratio * y / 2) / mpmath.gamma(half)

    # where the integrands are: about the mean of a gamma variable of rate (1 + ratio)/2
    top = 2 * size / (1 + ratio)
    points = [0, top / 4, top, 3 * top, 10 * top, 60 * top + 400 / (1 + ratio)]
    own = ratio * mpmath.quad(lambda y: y / size * density(y) * beyond(y, 0), points)
    other = mpmath.quad(lambda y: density(y) * beyond(y, 1) / size, points)
    return float(own), float(other)


@pytest.mark.parametrize(
    ("size", "surplus"), [(1, 0.3), (2, 1e-3), (4, 2.0), (5, 50.0), (16, 8.0), (64, 30.0)]
)
def test_energies_are_the_integrals(size, surplus):
    found = routed_law.wrong_energies(size, surplus)
    with mpmath.workdps(30):
        own, other = by_integration(size, surplus)
    assert float(found.own) == pytest.approx(own, rel=1e-11)
    assert float(found.other) == pytest.approx(other, rel=1e-11)


def test_energies_are_those_of_drawn_blocks():
    rng = np.random.default_rng(1)
    size, ratio, draws = 3, 2.5, 400_000
    active, idle = ratio * rng.chisquare(size, draws), rng.chisquare(size, draws)
    found = routed_law.wrong_energies(size, ratio - 1.0)
    for expected, energy in zip(found, (active, idle), strict=True):
        values = np.where(idle > active, energy, 0.0) / size
        sem = values.std() / math.sqrt(draws)
        assert sem < 0.005 * expected
        assert abs(values.mean() - expected) < 4.0 * sem


def test_without_signal_and_without_noise():
    energies = routed_law.wrong_energies([1, 2, 7], 0.0)
    # two blocks of one law: one of both is the louder, and their energies add up
    assert energies.own + energies.other == pytest.approx(np.ones(3), rel=1e-12)
    assert routed_law.wrong_energies(3, math.inf) == (0.0, 0.0)
    assert routed_law.least_size(5, math.inf) == 0.0
    assert routed_law.decay(1e30) == pytest.approx(math.log(1e30 / 4.0))


@given(size=SIZES, surplus=SURPLUSES)
def test_the_inactive_block_has_the_larger_share_and_both_bounds_hold(size, surplus):
    own, other = routed_law.wrong_energies(size, surplus)
    assert own <= other * (1.0 + 1e-12)
    for bound in (routed_law.chernoff_bound, routed_law.beta_bound):
        assert own + other <= bound(size, surplus) * (1.0 + 1e-11) or own + other < 1e-290


@pytest.mark.parametrize("size", [1, 2, 3, 8, 100])
def test_where_the_bounds_are_tight(size):
    assert sum(routed_law.wrong_energies(size, 1e-9)) == pytest.approx(
        float(routed_law.chernoff_bound(size, 1e-9)), rel=1e-7
    )
    # in large blocks of some signal, up to 1/s
    large = sum(routed_law.wrong_energies(400, 1.0)) / routed_law.beta_bound(400, 1.0)
    assert 0.9 < large < 1.0


@given(size=SIZES, surplus=SURPLUSES)
def test_where_the_rule_ends_the_risk_is_at_most_doubled(size, surplus):
    """The most experts that the rule allows, not rounded; the bound relative to the oracle."""
    log_experts = 0.5 * size * float(routed_law.decay(surplus))
    if not math.log(2.0) <= log_experts < 600.0:
        return
    others = math.expm1(log_experts)
    assert routed_law.least_size(1.0 + others, surplus) == pytest.approx(size, rel=1e-9)
    energies = routed_law.wrong_energies(size, surplus)
    assert others * surplus / (1.0 + surplus) * sum(energies) < 0.96
    # what the fits add: (e - |theta|^2)(P_2 - r P_1) on the gate's side
    assert others / (1.0 + surplus) * (energies.other - energies.own) < 1.0


def test_the_cost_takes_experts_that_are_too_loud():
    energies = routed_law.wrong_energies(4, 2.0)
    exact = routed_law.routing_cost(3, 0.5, energies, cross=0.2, square=[0.2, 0.3, 0.5])
    expected = [
        0.5 * 2 * ((0.4 - e) * float(energies.own) + e * float(energies.other))
        for e in (0.2, 0.3, 0.5)
    ]
    assert exact == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize(("cross", "square"), [(1.0, 1.0), (0.5, 3.0), (0.0, 2.0)])
def test_the_cost_of_two_blocks_is_that_of_drawn_ones(cross, square):
    """What an error adds, (2c - e) u_g + e u_j in units of s, where the wrong block is louder."""
    rng = np.random.default_rng(2)
    size, ratio, draws = 3, 2.5, 400_000
    active, idle = ratio * rng.chisquare(size, draws), rng.chisquare(size, draws)
    added = np.where(idle > active, (2 * cross - square) * active + square * idle, 0.0) / size
    assert added.min() >= 0.0
    sem = added.std() / math.sqrt(draws)
    energies = routed_law.wrong_energies(size, ratio - 1.0)
    found = routed_law.routing_cost(2, 1.0, energies, cross, square)
    assert sem < 0.01 * found
    assert abs(added.mean() - found) < 4.0 * sem

"""Panels over scores: what the rule integrates, and where panels begin and end."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.polynomial import Polynomial
from scipy import special

from moetheory.formulas.score_panels import Law, gauss_rule, score_panels

RULE = gauss_rule(12)


def law(a, degrees, ratio):
    """A score of one weight while idle, and another while active."""
    weights = np.array([[0.5 * ratio / (1.0 + ratio)], [0.5 * ratio]])
    return Law(a, weights, np.array([float(degrees)]))


@given(st.integers(2, 14), st.integers(0, 2**32))
def test_the_rule_integrates_polynomials_from_and_to_each_node(number, seed):
    rule = gauss_rule(number)
    polynomial = Polynomial(np.random.default_rng(seed).standard_normal(number))
    integral, values = polynomial.integ(), polynomial(rule.nodes)
    np.testing.assert_allclose(
        rule.above @ values, integral(1.0) - integral(rule.nodes), rtol=0, atol=1e-13
    )
    np.testing.assert_allclose(
        rule.below @ values, integral(rule.nodes) - integral(-1.0), rtol=0, atol=1e-13
    )
    np.testing.assert_allclose(rule.above + rule.below, np.tile(rule.weights, (number, 1)))


@pytest.mark.parametrize("share", [1.0, 0.5])
@pytest.mark.parametrize(
    "laws",
    [
        [law(0.0, 1, 3.0)],
        [law(0.0, 2, 0.01), law(-7.0, 9, 40.0), law(-7.0, 3, 40.0)],
        [law(0.0, 64, 5.0), law(-1e-9, 3, 1.0), law(-90.0, 40, 2000.0)],
    ],
)
def test_panels_are_neighbours_and_integrate_the_densities(laws, share):
    start, top = min(each.a for each in laws), 130.0
    panels = score_panels(laws, start, top, RULE, share)
    lengths = panels.slopes @ RULE.weights
    ends = panels.starts + panels.lefts
    np.testing.assert_allclose(ends[:-1] + lengths[:-1], ends[1:], rtol=0, atol=1e-12)
    assert ends[0] == start
    assert ends[-1] + lengths[-1] == pytest.approx(top)
    assert set(panels.starts[panels.lefts == 0.0]) == {each.a for each in laws}
    for each in laws:
        z = (panels.starts - each.a)[:, np.newaxis] + panels.offsets
        half, (weight,) = 0.5 * each.degrees[0], each.weights[0]
        x = np.maximum(z, 0.0) / (2.0 * weight)
        density = np.exp(special.xlogy(half - 1.0, x) - x - special.gammaln(half))
        density = np.where(z > 0.0, density, 0.0) * panels.slopes / (2.0 * weight)
        assert (density @ RULE.weights).sum() == pytest.approx(1.0, abs=2e-9)
        # the running integral is the distribution function
        to_left = np.cumsum(density @ RULE.weights) - density @ RULE.weights
        running = (RULE.below @ density[..., np.newaxis])[..., 0] + to_left[:, np.newaxis]
        np.testing.assert_allclose(running, special.gammainc(half, x), rtol=0, atol=2e-5)


def test_scores_that_spread_too_far_are_refused():
    with pytest.raises(ArithmeticError, match="scores spread over more than 4096 panels"):
        score_panels([law(0.0, 2, 3.0)], 0.0, 1e5, RULE)

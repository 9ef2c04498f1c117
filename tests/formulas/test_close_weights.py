"""Close weights taken together: Gauss rules against moments, the bound against what it bounds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from moetheory.formulas import chisquare_paths, close_weights
from moetheory.formulas.chisquare_laws import Laws
from moetheory.formulas.chisquare_paths import invert
from moetheory.formulas.chisquares import exponent_point, log_values
from moetheory.formulas.close_weights import Groups, gauss_rule, merged_weights, merging_errors


def law(count, decades, seed=0):
    """The δ, powers and loads of a sum of ``count`` chi-squares, all different."""
    rng = np.random.default_rng(seed)
    beta = np.sort(10 ** rng.uniform(0.0, decades, count))
    return beta / beta[0] - 1.0, rng.integers(1, 4, count) / 2, rng.random((1, count))


def test_a_gauss_rule_keeps_all_moments_that_it_can():
    rng = np.random.default_rng(1)
    x, masses = rng.uniform(-1, 1, 60), rng.random(60)
    nodes, weights = gauss_rule(x, masses, 9)
    assert np.all(weights > 0.0)
    assert x.min() < nodes.min() < nodes.max() < x.max()
    moments = [(weights @ nodes**k, masses @ x**k) for k in range(19)]
    np.testing.assert_allclose(*zip(*moments[:18], strict=True), atol=1e-13)
    assert abs(np.subtract(*moments[18])) > 1e-9


def test_fewer_masses_than_nodes_are_kept_as_they_are():
    nodes, weights = gauss_rule(np.array([-0.4, 0.3, 0.9]), np.array([1.0, 2.0, 0.5]), 14)
    np.testing.assert_allclose(nodes, [-0.4, 0.3, 0.9], atol=1e-14)
    np.testing.assert_allclose(weights, [1.0, 2.0, 0.5], rtol=1e-13)


@pytest.mark.parametrize("nodes", [2, 3, 5])
@pytest.mark.parametrize("angle", [0.4, 0.85])
def test_the_bound_holds_along_paths_and_is_not_loose(monkeypatch, nodes, angle):
    """Few nodes, so that the errors are far above rounding."""
    monkeypatch.setattr(close_weights, "NODES", nodes)
    largest = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        gaps, powers, loads = law(int(rng.integers(20, 400)), rng.uniform(0.2, 2.0), seed)
        merged = merged_weights(gaps, powers, loads)
        start = 10 ** rng.uniform(-0.5, 1.5)
        u = np.linspace(0.0, 4.0, 60)
        scale = start * 10 ** rng.uniform(-1.0, 1.0)
        bent = 1j * np.cos(angle) * np.sinh(u) - np.sin(angle) * (np.cosh(u) - 1.0)
        z = (start - 1.0 + scale * bent)[:, np.newaxis]

        def log_transform(delta, m, z=z):
            return np.log1p(z / (1.0 + delta)) @ m

        def load(delta, each, z=z):
            return (each / (1.0 + z / (1.0 + delta))).sum(axis=1)

        moved = np.exp(log_transform(gaps, powers) - log_transform(merged.gaps, merged.powers))
        wanted = load(gaps, loads[0])
        found = load(merged.load_gaps[0], merged.loads[0])
        error = np.abs(moved - 1.0) + np.abs(found - wanted) / wanted[0].real
        groups = Groups(*(each[np.newaxis] for each in merged.groups))
        bound = merging_errors(groups, np.array([start]), np.array([angle]))[0]
        assert error.max() <= bound + 1e-12
        largest.append(error.max() / bound)
    # a supremum over the whole path and over all groups of this length; and over all measures
    assert max(largest) > 0.01


def points(weights, degrees):
    """Points from far below to far above the mean."""
    ends = [
        exponent_point(drop, weights, degrees, upper=upper)
        for upper in (False, True)
        for drop in (0.1, 3.0, 60.0)
    ]
    return np.array([end for end in ends if end > 0.0])


@given(
    count=st.integers(6, 120),
    decades=st.floats(0.05, 2.0),
    seed=st.integers(0, 2**16),
    nodes=st.integers(2, 6),
    pole=st.booleans(),
)
@hypothesis_settings(max_examples=60, deadline=None)
def test_merging_never_moves_a_law_by_more_than_the_bound(count, decades, seed, nodes, pole):
    gaps, powers, loads = law(count, decades, seed)
    weights, degrees = 0.5 / (1.0 + gaps), 2.0 * powers
    x = points(weights, degrees)
    which = np.zeros(len(x), dtype=np.intp)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(close_weights, "NODES", nodes)
        patch.setattr(chisquare_paths, "MERGING", np.inf)  # take any error
        patch.setattr(close_weights, "WORTH", 0.99)
        laws = Laws.of([weights], [degrees], [loads])
        merged = log_values(x, which, laws, pole=pole)
    alone = log_values(x, which, laws._replace(merged=None), pole=pole)
    moved = np.abs(np.expm1(merged.values - alone.values)).max(axis=0)
    assert np.all(moved <= merged.errors + alone.errors)


def test_what_the_bound_does_not_cover_is_computed_with_all_weights():
    gaps, powers, loads = law(400, 1.0)
    weights, degrees = 0.5 / (1.0 + gaps), 2.0 * powers
    laws = Laws.of([weights], [degrees], [loads])
    assert laws.merged is not None
    assert laws.merged[0].counts[0] < 60
    x = np.array([exponent_point(3000.0, weights, degrees, upper=True)])
    which = np.zeros(1, dtype=np.intp)
    far, alone = (
        log_values(x, which, each, pole=False) for each in (laws, laws._replace(merged=None))
    )
    assert np.array_equal(far.values, alone.values)
    # between, the stated error of merging is either small or 0
    drops = np.geomspace(10.0, 2000.0, 40)
    y = [exponent_point(drop, weights, degrees, upper=True) / laws.units[0] for drop in drops]
    found = invert(np.array(y), np.zeros(40, dtype=np.intp), laws, False, 1e-8)
    assert 0.0 < found.merging.max() <= chisquare_paths.MERGING
    assert np.any(found.merging == 0.0)
    # near the middle the few weights do: other bits, but not another law
    x = np.array([weights @ degrees])
    near, alone = (
        log_values(x, which, each, pole=False) for each in (laws, laws._replace(merged=None))
    )
    assert not np.array_equal(near.values, alone.values)
    np.testing.assert_allclose(near.values, alone.values, atol=float(near.errors.max()))


def test_few_or_distant_weights_are_kept():
    assert merged_weights(*law(15, 1.0)) is None
    assert merged_weights(*law(40, 30.0)) is None
    gaps, powers, loads = law(500, 0.5)
    merged = merged_weights(gaps, powers, loads)
    assert merged.gaps[0] == 0.0
    assert merged.powers[0] == powers[0]
    assert merged.powers.sum() == pytest.approx(powers.sum(), rel=1e-13)


def test_loads_of_a_few_coordinates_stay_where_they_are():
    gaps, powers, _ = law(300, 1.0)
    loads = np.zeros((2, 300))
    loads[0, [7, 200]] = 0.4, 0.6
    merged = merged_weights(gaps, powers, loads)
    np.testing.assert_allclose(merged.load_gaps[0], gaps[[7, 200]], rtol=1e-14)
    np.testing.assert_allclose(merged.loads[0], [0.4, 0.6], rtol=1e-14)
    assert merged.loads[1].sum() == 0.0

"""Laws of scores by tables and running integrals: against the inversion at each point."""

import numpy as np
import pytest

from moetheory.formulas import chisquares, largest_score
from moetheory.formulas.block_evidence import Block
from moetheory.formulas.hard_gate import hard_routing
from moetheory.formulas.score_laws import GaussPanels, ScoreLaws


def block(size, seed, p=0.5, level=0.3, spread=0.6):
    """The block of a group, with weights that are all different."""
    rng = np.random.default_rng(seed)
    r, cost = level * 10 ** rng.uniform(-spread, spread, size), rng.random(size)
    return Block.of(p, r, 1.0, 1.0 + r, cost * (1.0 + r), 0.0, 0.0, cost)


BLOCKS = [block(3, 1), block(120, 2), block(40, 3, level=4.0)]
A_GAPS = np.array([0.0, 0.4, 2.5])
IDLE, ACTIVE = [[each.wrong] for each in BLOCKS], [[each.missed] for each in BLOCKS]


@pytest.fixture(scope="module")
def laws():
    laws = ScoreLaws(BLOCKS, A_GAPS, IDLE, ACTIVE)
    laws.tabulate(-6.0, 5.0)
    return laws


def each_law():
    """The place of each law in `ScoreLogs`, and its arguments."""
    for c, (one, a_gap) in enumerate(zip(BLOCKS, A_GAPS, strict=True)):
        for state, weights in enumerate((one.inactive_weights, one.active_weights)):
            for row, loads in enumerate((None, (IDLE, ACTIVE)[state][c][0])):
                yield (state, row, c), a_gap, (weights, one.degrees, loads)


def test_densities_and_their_integrals_are_the_laws_in_both_tails(laws):
    found = laws.at(GaussPanels.of(-6.0, 5.0, 120))
    v = GaussPanels.of(-6.0, 5.0, 120).nodes
    shown = np.arange(0, len(v), 29)
    deepest = []
    for place, a_gap, law in each_law():
        x = a_gap + np.exp(v[shown])
        for name, function in (("densities", chisquares.log_pdf), ("below", chisquares.log_cdf)):
            got, (wanted, error) = getattr(found, name)[place][shown], function(x, *law)
            matters = wanted > -600.0
            deepest.append(wanted[matters].min())
            assert np.max(np.abs(got - wanted)[matters]) <= 20.0 * (error + laws.error)
    assert min(deepest) < -200.0
    assert 0.0 < laws.error < 1e-11


def test_saddle_points_alone_are_right_within_a_small_factor(laws):
    v = np.linspace(-6.0, 4.0, 23)
    found = laws.approximate(v)
    for place, a_gap, law in each_law():
        x = a_gap + np.exp(v)
        for name, function in (("densities", chisquares.log_pdf), ("below", chisquares.log_cdf)):
            off = getattr(found, name)[place] - function(x, *law).values
            assert np.max(np.abs(off)) < 0.5
            assert np.max(np.abs(off)) > 1e-6  # they are no more than that


def test_inversion_at_single_scores(laws):
    above = np.array([0.0, 1e-3, 2.0])
    found = laws.below(above)
    for place, a_gap, law in each_law():
        wanted = chisquares.log_cdf(a_gap + above, *law).values
        np.testing.assert_allclose(found[place], wanted, atol=1e-11)


def test_a_table_comes_first():
    with pytest.raises(ValueError, match="not been tabulated"):
        ScoreLaws(BLOCKS, A_GAPS, IDLE, ACTIVE).at(GaussPanels.of(0.0, 1.0, 2))


def test_panels_integrate_to_each_node():
    panels = GaussPanels.of(-1.0, 2.0, 5)
    np.testing.assert_allclose(panels.weights.sum(), 3.0)
    rates = np.array([[0.3], [-2.0]])
    wanted = (np.exp(rates * panels.nodes) - np.exp(-rates)) / rates
    np.testing.assert_allclose(panels.running(np.exp(rates * panels.nodes)), wanted, rtol=1e-13)


@pytest.mark.parametrize("level", [0.02, 0.3])
def test_a_block_of_many_weights_beside_a_small_one_by_direct_integration(level):
    """P(g → j) and losses of two blocks from laws that are inverted at each point."""
    blocks = [block(2, 4, p=0.4), block(300, 5, p=0.6, level=level)]
    found = hard_routing(blocks, np.array([1, 1]))
    nodes, weights = np.polynomial.legendre.leggauss(24)
    for g, j in ((0, 1), (1, 0)):
        own, other = blocks[g], blocks[j]
        law = other.inactive_weights, other.degrees
        top = chisquares.exponent_point(40.0, *law, upper=True)
        edges = np.linspace(max(own.a - other.a, 0.0), top, 21)
        half = 0.5 * np.diff(edges)[:, np.newaxis]
        z = edges[:-1, np.newaxis] + half * (1.0 + nodes)
        density, wrong = (
            np.exp(chisquares.log_pdf(z, *law, loads).values) for loads in (None, other.wrong)
        )
        below, missed = (
            np.exp(
                chisquares.log_cdf(z + (other.a - own.a), own.active_weights, own.degrees, q).values
            )
            for q in (None, own.missed)
        )
        probability, loss = (
            np.sum(half * weights * part)
            for part in (density * below, density * missed + wrong * below)
        )
        assert found.to_other[g, j] == pytest.approx(probability, rel=1e-10)
        assert found.losses.values[g] == pytest.approx(loss, rel=1e-10)


def test_few_long_panels_are_halved(monkeypatch):
    blocks, counts = [block(2, 4, p=0.4), block(300, 5, p=0.6)], np.array([1, 2])
    wanted = hard_routing(blocks, counts)
    monkeypatch.setattr(largest_score, "FEWEST", 1)
    monkeypatch.setattr(largest_score, "LENGTH", 1e3)
    found = hard_routing(blocks, counts)
    np.testing.assert_allclose(found.to_other, wanted.to_other, rtol=1e-11)
    np.testing.assert_allclose(found.losses.values, wanted.losses.values, rtol=1e-11)

"""Where a lead begins and ends: known roots, and intervals that cover them."""

import math
import re

import numpy as np
import pytest
from scipy.stats import binom

from moetheory.auditing.leads import (
    BETWEEN,
    Crossovers,
    Lead,
    Located,
    extent_in_words,
    fine_levels,
    lead,
)

NOISE = np.array([0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0])
INF = math.inf


def known(means, spread=1e-9):
    """The lead of differences with these means and hardly any error."""
    wiggle = np.array([[-spread], [spread]])
    noise = NOISE[: len(means)]
    return lead(noise, np.asarray(means) + wiggle, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("means", "begins", "ends"),
    [
        ([-1, -1, -1, 1, 2, 3, 3], 0.75, INF),
        ([-1, -3, 1, 1, 2, -2, -9], 0.4375, 3.0),
        ([2, 1, 1, 1, 1, 3, -1], 0.0, 7.0),
        ([1, 1, 1, 1, 1, 1, 1], 0.0, INF),
        ([-1, -1, -1, -1, -1, -1, -1], INF, INF),
        ([-1, -1, -1, -1, -1, -1, 3], 5.0, INF),
        ([3, -1, -1, -1, -1, -1, -1], 0.0, 0.1875),
        ([0, 0, 0, 1, 1, 1, 1], 0.5, INF),
        ([0, 0, 0, 0, 0, 0, 0], INF, INF),
        ([1, 1, 0, 0, 0, 0, 0], 0.0, 0.5),
        ([1], 0.0, INF),
        ([-1], INF, INF),
        ([0], INF, INF),
    ],
)
def test_roots_between_levels(means, begins, ends):
    found = known(means)
    assert found.begins.value == pytest.approx(begins, abs=1e-6)
    assert found.ends.value == pytest.approx(ends, abs=1e-6)
    for place in found:
        if 0.0 < place.value < INF and 0 not in means:
            assert place.low == pytest.approx(place.value, abs=1e-6)
            assert place.high == pytest.approx(place.value, abs=1e-6)


@pytest.mark.parametrize("size", [1e-150, 1e150])
def test_the_units_of_the_loss_do_not_matter(size):
    differences = np.random.default_rng(0).normal([-1, -1, 0, 1, 1, 0, -1], size=(50, 7))
    plain, scaled = (lead(NOISE, c * differences, np.random.default_rng(1)) for c in (1.0, size))
    np.testing.assert_allclose(scaled, plain, rtol=1e-6)


def test_of_several_leads_the_clearest_is_reported():
    """Alike at first, where one leads by chance; then a clear lead, far from there."""
    rng = np.random.default_rng(0)
    differences = rng.normal([0, 0, 0, 3, 5, 3, -3], size=(100, 7))
    differences += np.array([0.02, -0.02, 0.02, 0, 0, 0, 0]) - differences.mean(axis=0) * (
        NOISE < 1
    )
    found = lead(NOISE, differences, rng)
    assert 0.25 < found.begins.value < 0.5
    assert 5.0 < found.ends.low < 6.0 < found.ends.high < 7.0


def test_the_clearest_lead_is_that_in_standard_errors():
    rng = np.random.default_rng(0)
    spread = np.array([1, 1, 1, 1, 1, 900, 900])
    differences = spread * rng.normal(size=(400, 7))
    differences += [1, 1, -1, -1, -1, 30, 30] - differences.mean(axis=0)
    assert lead(NOISE, differences, rng).begins.value == 0.0


@pytest.mark.parametrize(
    ("means", "begins", "ends"),
    [
        ([-1.0, -0.6, -0.2, 0.3, 0.6, 0.8, 0.9], 0.7, INF),
        ([-1.0, -0.6, -0.2, 0.3, 0.6, 0.2, -0.4], 0.7, 4 + 4 / 3),
        ([-0.01, 0.01, 0.3, 0.5, 0.6, 0.2, -0.4], 0.125, 4 + 4 / 3),
    ],
)
def test_intervals_cover_what_is_true_as_often_as_they_say(means, begins, ends):
    """200 data sets with correlated levels. An interval that ends at 0 or inf may cover more."""
    rng = np.random.default_rng(1)
    mixing = 0.3 * rng.normal(size=(7, 7)) + np.linspace(0.5, 1.5, 7)
    hits, inside = np.zeros(2), np.zeros(2)
    for _ in range(200):
        found = lead(NOISE, means + rng.normal(size=(300, 7)) @ mixing, rng)
        hits += [
            at.low <= truth <= at.high for at, truth in zip(found, (begins, ends), strict=True)
        ]
        inside += [at.low > 0.0 and at.high < INF for at in found]
    low, high = binom.ppf([1e-6, 1 - 1e-6], 200, 0.95)
    assert np.all(hits >= low)
    assert np.all((hits <= high) | (inside < 190))


def test_an_interval_holds_the_place_that_it_is_about():
    for seed in range(200):
        rng = np.random.default_rng(seed)
        for place in lead(NOISE, rng.normal(size=(20, 7)), rng):
            assert place.low <= place.value <= place.high


def test_a_lead_that_may_not_be_one_is_not_sure():
    rng = np.random.default_rng(0)
    same = rng.normal(size=(100, 1)) + np.zeros(7)
    sure, unsure = (lead(NOISE, same - same.mean() + mean, rng) for mean in (1.0, 0.02))
    assert sure.is_sure
    assert unsure.begins.value < INF
    assert not unsure.is_sure


def test_intervals_that_meet_agree():
    one, two, three = Located(1, 0.5, 2), Located(4, 2, INF), Located(0, 0, 0.4)
    assert one.agrees(two)
    assert two.agrees(one)
    assert not three.agrees(one)
    assert not two.agrees(three)
    assert Lead(one, two).begins is one


def test_the_same_generator_gives_the_same_interval():
    differences = np.random.default_rng(0).normal([-1, -1, 0, 1, 1, 0, -1], size=(50, 7))
    one, two = (lead(NOISE, differences, np.random.default_rng(5)) for _ in range(2))
    assert one == two


# --- between the levels that are told ----------------------------------------------------------


def test_levels_that_are_told_stand_among_finer_ones():
    told = np.array([0.0, 0.5, 4.0, 4.1])
    levels, at = fine_levels(told)
    np.testing.assert_array_equal(levels[at], told)
    assert np.all(np.diff(levels) > 0.0)
    assert len(levels) == len(told) + 1 + 3 * BETWEEN
    np.testing.assert_allclose(levels[1], 0.5e-3)  # the first, then equal ratios
    for low, high in ((1, at[1]), (at[1], at[2]), (at[2], at[3])):
        ratios = levels[low + 1 : high + 1] / levels[low:high]
        np.testing.assert_allclose(ratios, ratios[0], rtol=1e-12)


@pytest.mark.parametrize("told", [[0.7], [0.0], [0.2, 0.2 * (1 + 1e-6), 1e9]])
def test_few_levels_and_close_ones_stay(told):
    levels, at = fine_levels(np.array(told))
    np.testing.assert_array_equal(levels[at], told)
    assert np.all(np.diff(levels) > 0.0)


def test_a_known_curve_is_corrected_by_what_is_measured_at_few_levels():
    """The curve tau^2 - 1 + 0.2 was measured at three levels, predicted as tau^2 - 1."""
    levels = np.linspace(0.0, 2.0, 401)
    told = np.array([0, 200, 400])
    weights = np.stack([np.interp(levels, levels[told], row) for row in np.eye(3)])
    curve = levels**2 - 1.0
    base = curve - curve[told] @ weights
    measured = curve[told] + 0.2 + np.array([[-1e-9], [1e-9]])
    found = lead(levels, measured, np.random.default_rng(0), base, weights)
    assert found.begins.value == pytest.approx(math.sqrt(0.8), rel=1e-4)
    assert found.ends.value == INF
    alone = lead(levels[told], measured, np.random.default_rng(0))  # the line from -0.8 to 0.2
    assert alone.begins.value == pytest.approx(0.8, rel=1e-6)


def test_the_interval_of_a_corrected_curve_covers_its_root():
    levels = np.linspace(0.0, 2.0, 41)
    told = np.array([0, 20, 40])
    weights = np.stack([np.interp(levels, levels[told], row) for row in np.eye(3)])
    curve = levels**2 - 1.0
    base, rng, hits = curve - curve[told] @ weights, np.random.default_rng(2), 0
    mixing = rng.normal(size=(3, 3))
    for _ in range(200):
        measured = curve[told] + rng.normal(size=(100, 3)) @ mixing
        place = lead(levels, measured, rng, base, weights).begins
        hits += place.low <= 1.0 <= place.high
    low, high = binom.ppf([1e-6, 1 - 1e-6], 200, 0.95)
    assert low <= hits <= high


def test_leads_are_told_in_other_units():
    found = Lead(Located(1.0, 0.5, 2.0), Located(4.0, 3.0, INF)).mapped(lambda level: 2.0 * level)
    assert found == Lead(Located(2.0, 1.0, 4.0), Located(8.0, 6.0, INF))


def test_crossovers_agree_where_both_ends_do():
    one = Lead(Located(1.0, 0.5, 2.0), Located(4.0, 3.0, INF))
    other = Lead(Located(2.5, 1.5, 3.0), Located(INF, INF, INF))
    late = Lead(Located(2.5, 2.1, 3.0), Located(INF, INF, INF))
    assert Crossovers(one, other).agree
    assert not Crossovers(one, late).agree
    assert not Crossovers(Lead(one.begins, Located(2.0, 1.0, 2.5)), one).agree
    assert Crossovers(one, other).against == "dense"


PLACE = Located(0.5, 0.25, 1.0)


@pytest.mark.parametrize(
    ("begins", "ends", "said"),
    [
        (Located(INF, INF, INF), Located(INF, INF, INF), "never"),
        (Located(0.0, 0.0, 0.0), Located(INF, INF, INF), "at every noise"),
        (PLACE, Located(INF, 3.0, INF), "from share 0.5 (95 %: 0.25 to 1) on"),
        (Located(0.0, 0.0, INF), PLACE, "up to share 0.5 (95 %: 0.25 to 1)"),
        (
            PLACE,
            Located(3.0, 2.0, INF),
            "from share 0.5 (95 %: 0.25 to 1) to 3 (95 %: 2 to beyond 8)",
        ),
    ],
)
def test_extents_in_words(begins, ends, said):
    lead = Lead(begins, ends)
    assert extent_in_words(lead, NOISE, "share") == said
    plain = re.sub(r" \(95 %: [^)]*\)", "", said)
    assert extent_in_words(lead, NOISE, "share", intervals=False) == plain

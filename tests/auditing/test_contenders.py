"""The mixtures that a verdict speaks of: which, at which noise, and with what gain."""

import dataclasses
import math

import numpy as np
import pytest

import moetheory as mt
from moetheory.auditing import Crossovers
from moetheory.auditing.contenders import Contender, Contenders, contenders, identity_share
from moetheory.auditing.leads import Lead, Located
from moetheory.auditing.predictors import ROUTED

NEVER = Lead(Located(math.inf, math.inf, math.inf), Located(math.inf, math.inf, math.inf))
DENSE = np.array([1.0, 2.0, 4.0])  # at the levels 0, 0.3, 2


def located(value, *, sure=True):
    return Located(value, value, value if sure else math.inf)


def reaching(begins, ends, *, sure=True):
    """A lead over these levels."""
    return Lead(located(begins, sure=sure), Located(ends, ends, ends))


ALWAYS = reaching(0.0, math.inf)


@pytest.fixture
def told_of(found):
    """``told_of(name=(lead, gains), ...)``: the audit as if these mixtures had these gains."""

    def call(**mixtures):
        columns, crossovers = dict(found.columns), dict(found.crossovers)
        columns["dense_measured"] = DENSE
        names = {
            "block": "moe(block)",
            "everything": "moe(all)",
            "block_routed": "moe(block, router)",
            "everything_routed": "moe(all, router)",
        }
        for short, name in names.items():
            lead, gains = mixtures.get(short, (NEVER, [-0.5, -0.5, -0.5]))
            columns[f"{name}_measured"] = DENSE * (1.0 - np.asarray(gains))
            crossovers[name] = Crossovers(lead, lead)
        return dataclasses.replace(found, columns=columns, crossovers=crossovers)

    return call


# --- by hand -----------------------------------------------------------------------------------


def test_the_gain_is_a_share_of_the_risk_of_dense(told_of):
    audit = told_of(block=(ALWAYS, [0.1, 0.3, 0.2]), block_routed=(ALWAYS, [0.1, 0.15, 0.05]))
    told, routed = contenders(audit)
    assert told[:2] + told[3:] == ("moe(block)", 1, True)
    assert routed[:2] + routed[3:] == ("moe(block, router)", 1, True)
    assert (told.gain, routed.gain) == pytest.approx((0.3, 0.15))
    assert told.wins
    assert routed.wins


@pytest.mark.parametrize(
    ("lead", "level", "gain"),
    [
        (ALWAYS, 2, 0.4),
        (reaching(0.0, 1.0), 1, 0.1),
        (reaching(0.0, 0.2), 0, 0.05),
        (reaching(0.3, 1.0), 1, 0.1),
    ],
)
def test_the_level_lies_within_the_lead(told_of, lead, level, gain):
    told = contenders(told_of(block=(lead, [0.05, 0.1, 0.4]))).told
    assert (told.name, told.level) == ("moe(block)", level)
    assert told.gain == pytest.approx(gain)


@pytest.mark.parametrize("lead", [reaching(0.1, 0.2), NEVER])
def test_a_gain_beside_the_clearest_lead_is_not_sure(told_of, lead):
    """No level lies in the lead: another one, with a larger gain, is told, but never as a win."""
    told = contenders(told_of(block=(lead, [0.05, 0.1, 0.4]))).told
    assert (told.name, told.level) == ("moe(block)", 2)
    assert told.gain == pytest.approx(0.4)
    assert not told.wins


@pytest.mark.parametrize("name", ["block_routed", "everything_routed"])
def test_the_mixture_is_the_one_whose_router_works(told_of, name):
    """Told the groups the other one gains more."""
    other = {"block_routed": "everything", "everything_routed": "block"}[name]
    audit = told_of(**{name: (ALWAYS, [0.05, 0.03, 0.02]), other: (ALWAYS, [0.1, 0.2, 0.8])})
    told, routed = contenders(audit)
    assert routed.name == {"block_routed": "moe(block, router)"}.get(name, "moe(all, router)")
    assert ROUTED[told.name] == routed.name
    assert routed.gain == pytest.approx(0.05)
    assert told.gain == 0.0


@pytest.mark.parametrize(
    "routed",
    [
        (NEVER, [-0.1, -0.2, -0.1]),
        (ALWAYS, [0.019, 0.01, 0.0]),
        (reaching(0.0, math.inf, sure=False), [0.3, 0.3, 0.3]),
    ],
    ids=["behind", "little", "may be chance"],
)
def test_without_a_router_that_works_it_is_the_one_that_gains_most_told(told_of, routed):
    told, behind = contenders(
        told_of(
            block=(ALWAYS, [0.1, 0.1, 0.1]),
            everything=(ALWAYS, [0.1, 0.5, 0.1]),
            everything_routed=routed,
        )
    )
    assert (told.name, told.level, behind.name) == ("moe(all)", 1, "moe(all, router)")
    assert told.wins
    assert not behind.wins


@pytest.mark.parametrize(
    ("block", "everything", "name"),
    [
        (0.3, 0.2, "moe(block)"),
        (0.3, 0.31, "moe(block)"),  # 97 % of it
        (0.3, 0.32, "moe(all)"),  # 94 %
        (0.0199, 0.0201, "moe(all)"),  # not worth it, and worth it
        (0.001, 0.001, "moe(block)"),
    ],
)
def test_nearly_the_same_gain_prefers_fewer_coefficients(told_of, block, everything, name):
    mixtures = {
        f"{each}{routed}": (ALWAYS, [gain, 0.0, 0.0])
        for each, gain in (("block", block), ("everything", everything))
        for routed in ("", "_routed")
    }
    told, routed = contenders(told_of(**mixtures))
    assert (told.name, routed.name) == (name, ROUTED[name])


def test_a_lead_that_is_sure_is_preferred(told_of):
    unsure = reaching(0.0, math.inf, sure=False)
    audit = told_of(block=(unsure, [0.3] * 3), everything=(ALWAYS, [0.1] * 3))
    assert contenders(audit).told.name == "moe(all)"


@pytest.mark.parametrize(
    ("gain", "sure", "wins"), [(0.02, True, True), (0.0199, True, False), (0.5, False, False)]
)
def test_a_win_is_worth_having_and_no_chance(gain, sure, wins):
    assert Contender("moe(block)", 0, gain, sure).wins == wins


def test_dense_without_risk_has_nothing_to_lose(told_of):
    audit = told_of(block=(NEVER, [0.0, 0.0, 0.0]))
    columns = dict(audit.columns) | {"dense_measured": np.zeros(3)}
    found = contenders(dataclasses.replace(audit, columns=columns))
    assert (found.told.gain, found.routed.gain) == (0.0, 0.0)


def test_the_share_of_identity_is_what_group_mean_and_dense_with_groups_save(told_of):
    audit = told_of(block=(ALWAYS, [0.1, 0.4, 0.1]))
    columns = dict(audit.columns)
    for name, share in (("dense(tuned)", 0.0), ("group mean", 0.1), ("dense + group", 0.3)):
        columns[f"{name}_measured"] = DENSE * (1.0 - share)

    def share(**changes):
        changed = {f"{name}_measured": values for name, values in changes.items()}
        return identity_share(dataclasses.replace(audit, columns=columns | changed))

    assert share() == pytest.approx(0.3 / 0.4)
    assert share(**{"group mean": 0.65 * DENSE}) == pytest.approx(0.35 / 0.4)
    assert share(**{"group mean": 0.1 * DENSE}) == 1.0
    # where a penalty helps dense the gain is counted from there
    assert share(**{"dense(tuned)": 0.8 * DENSE}) == pytest.approx(0.1 / 0.2)
    assert share(**{"dense(tuned)": 0.65 * DENSE}) == 0.0
    assert math.isnan(share(**{"dense(tuned)": 0.5 * DENSE}))


# --- on data -----------------------------------------------------------------------------------


def risk_shares(audit, name):
    return (audit["dense_measured"] - audit[f"{name}_measured"]) / audit["dense_measured"]


def test_a_router_that_works_at_low_noise_only_is_seen(short_lived):
    gains = {name: risk_shares(short_lived, name) for name in ("moe(all)", "moe(all, router)")}
    most = int(gains["moe(all)"].argmax())
    assert gains["moe(all, router)"][most] < -0.1  # where experts gain most it has lost its way
    assert gains["moe(all, router)"][0] > 0.2
    told, routed = contenders(short_lived)
    assert told[:2] == ("moe(all)", most)
    assert routed[:2] == ("moe(all, router)", 0)
    assert routed.gain == pytest.approx(gains["moe(all, router)"][0])
    assert routed.wins


NOISES = ("equal", "relative", "own", "dropout")


@pytest.mark.parametrize("seed", range(12))
def test_the_level_lies_within_the_lead_on_any_data(sloped, seed):
    audit = sloped(
        (80, 200, 800)[seed % 3],
        seed,
        leak=(0.0, 0.1, 0.4)[seed // 4],
        common=(0.0, 1.0)[seed % 2],
        label_noise=(0.2, 1.0)[seed // 2 % 2],
        noise=NOISES[seed % 4],
        repeats=1,
    )
    found = contenders(audit)
    assert isinstance(found, Contenders)
    assert ROUTED[found.told.name] == found.routed.name
    for each in found:
        lead, gains = audit.crossovers[each.name].measured, risk_shares(audit, each.name)
        within = [
            index
            for index, level in enumerate(audit.noise_variances)
            if lead.begins.value <= level <= lead.ends.value
        ]
        best = max((gains[index] for index in within), default=0.0)
        assert each.gain == pytest.approx(max(best, 0.0))
        if each.gain > 0.0:
            assert each.level in within
            assert gains[each.level] == each.gain


@pytest.mark.parametrize("levels", [[0.73], [0.91], [1.46], [0.73, 4.0], [1.0]])
def test_a_lead_from_the_least_level_on_has_that_level(strict, levels):
    """Levels pass through the unit of a typical feature and back, which rounds."""
    for seed in range(3):
        audit = strict(1000, seed, noise_variances=levels, repeats=1)
        told, _ = contenders(audit)
        gains = risk_shares(audit, told.name)
        assert gains[0] > 0.2
        assert told.wins
        assert told.gain == gains.max()
        assert "win over dense at every noise" in audit.verdict


@pytest.mark.parametrize("level", [0.15, 0.3, 0.45, 0.55, 0.7])
def test_a_lead_from_the_least_probability_on_has_that_level(level):
    """Probabilities pass through odds and back. Only the group tells the label."""
    rng = np.random.default_rng(0)
    groups, features = rng.integers(2, size=600), rng.normal(size=(600, 4))
    audit = mt.audit(
        features,
        3.0 * groups + rng.normal(size=600),
        groups=groups,
        noise="dropout",
        noise_variances=[level],
        repeats=1,
        rng=0,
    )
    told, _ = contenders(audit)
    assert told.wins
    assert told.gain == risk_shares(audit, told.name)[0] > 0.3
    assert "win over dense at every noise" in audit.verdict

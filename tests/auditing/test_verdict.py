"""What an audit concludes in three lines, on data whose truth is known."""

import dataclasses
import math
import re

import numpy as np
import pytest

import moetheory as mt
from moetheory.auditing import Crossovers
from moetheory.auditing.contenders import contenders, identity_share
from moetheory.auditing.leads import Located, extent_in_words
from moetheory.auditing.predictors import NAMES
from moetheory.auditing.verdict import headline, risk_in_words

WINNER, ADVICE = 1, 2  # the lines of them
NUMBER = r"[\d.]+(?:e[-+]\d+)?"


def lines(audit):
    return headline(audit).splitlines()


def extent(audit, name, side="measured", **options):
    lead = getattr(audit.crossovers[name], side)
    return extent_in_words(lead, audit.noise_variances, audit.level_name, **options)


def require_risks(audit, line, found):
    """Both risks of a mixture and of dense, measured and predicted, are in a line once."""
    at = f"at {audit.level_name} {audit.noise_variances[found.level]:.3g} measured "
    pattern = rf"({NUMBER}) against ({NUMBER}), predicted ({NUMBER}) against ({NUMBER})"
    said = re.search(re.escape(at) + pattern, line)
    kinds = ((found.name, "measured"), ("dense", "measured"))
    kinds += ((found.name, "predicted"), ("dense", "predicted"))
    for number, (name, kind) in zip(said.groups(), kinds, strict=True):
        assert number.rstrip(".") == risk_in_words(audit, name, found.level, kind)
        assert float(number.rstrip(".")) == pytest.approx(
            audit[f"{name}_{kind}"][found.level], rel=0.1
        )


# --- mixtures that win -------------------------------------------------------------------------


def test_strict_blocks_are_modular_and_their_experts_worth_trying(strict):
    audit = strict()
    text, (told, routed) = lines(audit), contenders(audit)
    assert text[0].startswith(
        "Modular: 100 % of a sample's energy (sum of squares) is in the block of its group; "
        "by chance it would be "
    )
    assert text[0].endswith("3 experts, blocks of 4 of 12 features.")
    assert (told.name, routed.name) == ("moe(block)", "moe(block, router)")
    assert re.match(
        r"Experts restricted to their block, told the group of each sample, win over dense from "
        rf"noise variance {NUMBER} \(95 %: {NUMBER} to {NUMBER}\) on, as predicted\. With the "
        rf"energy router they win over dense from .*, as predicted: at noise variance {NUMBER} "
        rf"measured {NUMBER} against {NUMBER}, predicted {NUMBER} against {NUMBER}\.$",
        text[WINNER],
    )
    first, second = text[WINNER].split(" With ")
    assert first.endswith(f"win over dense {extent(audit, told.name)}, as predicted.")
    assert f"win over dense {extent(audit, routed.name)}, as predicted: " in second
    require_risks(audit, second, routed)
    where = extent(audit, "moe(block, router)", intervals=False)
    assert text[ADVICE] == (
        f"Worth trying {where}: K = 3 experts, each on a block of about 4 features, with the "
        "energy router."
    )
    gain = 1.0 - audit["moe_measured"][told.level] / audit["dense_measured"][told.level]
    assert told.gain == pytest.approx(gain)


def test_the_advice_rests_on_the_lead_with_a_router(short_lived):
    """Told the groups, experts win at every noise; with their router at low noise alone."""
    text, (told, routed) = lines(short_lived), contenders(short_lived)
    assert told.level > 5
    behind = short_lived["moe(all, router)_measured"] - short_lived["dense_measured"]
    assert behind[0] < 0.0 < behind[told.level]
    assert extent(short_lived, "moe(all)") == "at every noise"
    end = short_lived.crossovers["moe(all, router)"].measured.ends
    assert 0.0 < end.low < end.value < end.high < short_lived.noise_variances[told.level]
    where = extent(short_lived, "moe(all, router)", intervals=False)
    assert where == f"up to noise variance {end.value:.3g}"
    assert text[ADVICE] == (
        f"Worth trying {where}: K = 8 experts, each on all features, with the energy router."
    )
    sentences = text[WINNER].split(" With the energy router they ")
    assert sentences[0].startswith("Experts that see everything, told the group of each sample, ")
    assert sentences[1].startswith(f"win over dense {extent(short_lived, 'moe(all, router)')}, ")
    require_risks(short_lived, sentences[1], routed)  # those of told groups are details
    assert " measured " not in sentences[0]


@pytest.mark.parametrize("seed", range(6))
def test_where_it_is_worth_trying_is_where_the_router_leads(sloped, seed):
    """Each end of the lead is told, and routed experts are better within it, not beyond."""
    audit = sloped(3000, seed, experts=(8, 4, 2)[seed % 3], block=2, leak=0.05, spread=0.4 * seed)
    _, routed = contenders(audit)
    lead, levels = audit.crossovers[routed.name].measured, audit.noise_variances
    assert lead.ends.value < levels[-1]
    where = extent(audit, routed.name, intervals=False)
    assert lines(audit)[ADVICE].startswith(f"Worth trying {where}: K = ")
    assert f"{lead.ends.value:.3g}" in where
    gains = audit["dense_measured"] - audit[f"{routed.name}_measured"]
    within = (lead.begins.value <= levels) & (levels <= lead.ends.value)
    assert np.all(gains[within] >= 0.0)
    assert gains[np.argmax(levels > lead.ends.value)] <= 0.0


def test_leads_that_are_not_as_predicted_have_both_extents(strict):
    audit = strict()
    crossovers = dict(audit.crossovers)
    _, measured, against = crossovers["moe(block)"]
    missed = measured._replace(begins=Located(5.0, 4.0, 6.0))
    crossovers["moe(block)"] = Crossovers(missed, measured, against)
    changed = dataclasses.replace(audit, crossovers=crossovers)
    assert (
        f", not as predicted ({extent(changed, 'moe(block)', 'predicted')}). With "
        in (lines(changed)[WINNER])
    )


def test_a_router_that_sees_the_groups_makes_them_worth_trying():
    rng = np.random.default_rng(0)
    groups, features, slopes = (
        rng.integers(2, size=3000),
        rng.normal(size=(3000, 10)),
        rng.normal(size=(2, 10)),
    )
    features[:, 0] += 8.0 * groups
    labels = (features * slopes[groups])[:, 1:].sum(axis=1) + 0.1 * rng.normal(size=3000)
    audit = mt.audit(features, labels, groups=groups, router="nearest", center=True, rng=0)
    text = lines(audit)
    assert " With the nearest router they win over dense at every noise, " in text[WINNER]
    assert text[ADVICE] == (
        "Worth trying at every noise: K = 2 experts, each on all features, with the nearest router."
    )
    by_me = mt.audit(
        features, labels, groups=groups, router=lambda x: (x[:, 0] > 4.0).astype(int), rng=0
    )
    assert " With your router they win over dense at every noise, " in lines(by_me)[WINNER]
    assert lines(by_me)[ADVICE].endswith("each on all features, with your router.")
    assert by_me.astray[0] < 0.001


def test_experts_on_all_features_that_do_better_are_told_with_what_they_cost(sloped):
    audit = sloped(leak=0.05, spread=1.0, common=2.0, label_noise=0.1, repeats=1)
    _, routed = contenders(audit)
    assert routed.name == "moe(block, router)"
    names = ("moe(all, router)", "moe(block, router)", "dense")
    everything, block, dense = (audit[f"{name}_measured"][routed.level] for name in names)
    assert 0.95 * block < everything < block < 0.5 * dense
    assert lines(audit)[ADVICE].endswith(
        "K = 4 experts, each on a block of about 2 features, with the energy router (each on all "
        f"features: {risk_in_words(audit, 'moe(all, router)', routed.level)} there, with 4 times "
        "as many weights)."
    )


def test_experts_on_all_features_that_do_worse_are_not_told(strict):
    audit = strict(500)
    _, routed = contenders(audit)
    assert routed.name == "moe(block, router)"
    everything, block = (
        audit[f"{name}_measured"][routed.level] for name in ("moe(all, router)", routed.name)
    )
    assert ("times as many weights" in lines(audit)[ADVICE]) == (everything <= 0.99 * block)


# --- mixtures that do not ----------------------------------------------------------------------


def test_experts_that_see_everything_win_where_groups_have_slopes_of_their_own():
    """The features are independent of the groups, which no router can see then."""
    rng = np.random.default_rng(0)
    groups, features, slopes = (
        rng.integers(2, size=3000),
        rng.normal(size=(3000, 10)),
        rng.normal(size=(2, 10)),
    )
    labels = (features * slopes[groups]).sum(axis=1) + 0.1 * rng.normal(size=3000)
    audit = mt.audit(features, labels, groups=groups, rng=0)
    text, (told, routed) = lines(audit), contenders(audit)
    assert text[0].startswith("Not modular: ")
    assert text[WINNER].startswith(
        "Experts that see everything, told the group of each sample, win over dense at every "
        "noise, as predicted"
    )
    assert (told.name, routed.wins) == ("moe(all)", False)
    assert text[ADVICE] == (
        "Worth trying if the group of each sample is known in use; otherwise only with a better "
        f"router: this one sends {100 * audit.astray[told.level]:.0f} % of the samples to another "
        f"expert than their group's at noise variance {audit.noise_variances[told.level]:.3g}."
    )
    assert "Experts restricted to their block: no gain over dense, as predicted." in audit.verdict
    assert audit.crossovers["moe(all)"].measured.is_sure
    assert identity_share(audit) < 0.01
    assert audit["moe(all)_measured"][0] == pytest.approx(0.01, rel=0.25)
    found = lines(dataclasses.replace(audit, source="found"))[ADVICE]
    assert found.startswith("Worth trying only with a better router: this one sends ")


@pytest.mark.parametrize("classes", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_leads_that_are_only_the_groups_identity_are_called_that(classes, seed):
    """The features are noise, the group tells the label: the share is 1 within 0.01."""
    rng = np.random.default_rng(seed)
    features, groups = rng.standard_normal((2000, 12)), rng.integers(0, 3, 2000)
    labels = groups == 1 if classes else groups**2 + rng.normal(size=2000)
    audit = mt.audit(features, labels, groups=groups, rng=0)
    assert identity_share(audit) >= 0.99
    assert lines(audit)[ADVICE].startswith(
        "Not worth trying: the lead is only the group's identity (group mean "
    )
    assert lines(audit)[ADVICE].endswith("give dense the group, no experts.")


def test_features_that_do_not_predict_are_said_to_be_that():
    rng = np.random.default_rng(0)
    features, groups, labels = (
        rng.normal(size=(4000, 6)),
        rng.integers(2, size=4000),
        rng.normal(size=4000),
    )
    audit = mt.audit(features, labels, groups=groups, rng=0)
    text = lines(audit)
    assert text[WINNER] == "Nobody wins: no predictor explains the labels."
    assert text[ADVICE].startswith("Your features do not predict your labels (R² at most ")
    assert np.all(audit.explained("dense") < 0.01)
    assert math.isnan(identity_share(audit)) or 0.0 <= identity_share(audit) <= 1.0


def test_labels_that_are_noise_are_not_explained_by_chance():
    """On few held-out samples R² is above 0.1 by luck; as predicted it is not."""
    lucky = 0
    for seed in range(8):
        rng = np.random.default_rng(seed)
        features, labels = rng.normal(size=(300, 6)), rng.normal(size=300)
        audit = mt.audit(
            features,
            labels,
            groups=rng.integers(2, size=300),
            noise_variances=[0.0, 0.3, 3.0],
            repeats=1,
            rng=seed,
        )
        text = lines(audit)
        assert text[WINNER] == "Nobody wins: no predictor explains the labels."
        said = float(re.search(r"\(R² at most ([^)]+)\): there is nothing to route", text[2])[1])
        names = audit.standardised
        measured = np.array([audit.explained(name) for name in names])
        predicted = np.array([1.0 - audit[f"{n}_predicted"] / audit.label_power for n in names])
        both = max(float(np.minimum(measured, predicted).max()), 0.0)
        assert said == pytest.approx(both, rel=0.05)
        assert said < 0.01
        lucky += measured.max() > 0.1
    assert lucky >= 2


def test_one_that_explains_labels_is_enough(strict):
    """Measured or predicted alone is chance, both are not."""
    audit = strict(1000, noise_variances=[0.0, 1.0])
    high = {
        f"{name}_{what}": np.full(2, audit.label_power)
        for name in NAMES
        for what in ("measured", "predicted")
    }
    for explained in ((), ("measured",), ("predicted",), ("measured", "predicted")):
        columns = dict(audit.columns) | high
        columns |= {f"dense_{what}": 0.5 * high[f"dense_{what}"] for what in explained}
        changed = lines(dataclasses.replace(audit, columns=columns))
        assert changed[WINNER].startswith("Nobody wins: ") == (len(explained) < 2)


def test_tuned_dense_that_is_as_good_is_preferred():
    """Hardly more training samples than features: what experts gain a penalty gains, too."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(480, 110))
    labels = 0.5 * features.sum(axis=1) + 3.0 * rng.normal(size=480)
    audit = mt.audit(
        features,
        labels,
        groups=(np.arange(480) % 6 == 0).astype(int),
        block_of=np.repeat([0, 1], [20, 90]),
        noise_variances=[0.0],
        held_out=0.75,
        rng=0,
    )
    assert audit["moe_measured"][0] < 0.5 * audit["dense_measured"][0]
    saved = {n: audit["dense_measured"] - audit[f"{n}_measured"] for n in ("dense(tuned)", "moe")}
    assert saved["dense(tuned)"][0] > 0.9 * saved["moe"][0]
    # the mean of all labels is better than dense, too: that is not the group's identity
    assert audit["group mean_measured"][0] < 0.5 * audit["dense_measured"][0]
    assert lines(audit)[ADVICE] == (
        "Not worth trying: dense with a tuned penalty is as good, without any structure."
    )


def test_independent_features_are_not_modular_and_dense_wins():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(2000, 9))
    labels = features @ np.arange(1.0, 10.0) + rng.normal(size=2000)
    groups, block_of = rng.integers(0, 3, 2000), np.arange(9) % 3
    audit = mt.audit(features, labels, groups=groups, block_of=block_of, rng=0)
    text = lines(audit)
    assert text[0].startswith("Not modular: ")
    assert text[1] == "Dense wins at every noise, or experts save less than 2 % of its risk."
    assert text[2] == "Not worth trying: experts save less than 2 % of the risk at every noise."
    for subject in ("Experts restricted to their block", "Experts that see everything, with a"):
        assert any(
            each.startswith(subject) and each.endswith("no gain over dense, as predicted.")
            for each in audit.verdict.splitlines()
        )
    assert 0.9 < audit.leakage < 1.1
    assert all(each.agree for each in audit.crossovers.values())


def test_one_block_has_nothing_to_compare():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(500, 5))
    labels = features.sum(axis=1) + rng.normal(size=500)
    audit = mt.audit(features, labels, noise_variances=0.5, rng=0)
    assert lines(audit) == [
        "Not modular: one block with all 5 features.",
        "Nothing to compare: with one block a mixture is the dense predictor.",
        "Not worth trying: no groups of features are active together more than others. To compare "
        "a mixture all the same, ask for a number of experts.",
    ]
    assert "(3 predictors, 1 noise level)" in audit.verdict
    assert "no gain over" not in audit.verdict


# --- leads that may be chance ------------------------------------------------------------------


def test_leads_that_may_be_chance_are_undecided(sloped):
    """15 held-out samples; the data are those of leads that more samples make sure."""
    audit = sloped(60, 1, experts=2, block=4, common=0.0, spread=1.0, label_noise=1.0)
    text, (told, routed) = lines(audit), contenders(audit)
    assert told.gain > 0.2
    assert not told.is_sure
    assert not routed.is_sure
    assert text[WINNER].startswith(
        f"Undecided: {NAMES[told.name]}, told the group of each sample, may win over dense, but "
        "this may be chance: at noise variance "
    )
    require_risks(audit, text[WINNER], told)
    assert text[ADVICE] == (
        "Too uncertain to say: 15 held-out samples cannot tell the gain from chance. More samples "
        "would."
    )
    more = sloped(2000, 1, experts=2, block=4, common=0.0, spread=1.0, label_noise=1.0)
    assert lines(more)[ADVICE].startswith("Worth trying ")


def test_a_routed_lead_that_may_be_chance_is_no_advice(strict):
    audit = strict()
    crossovers = dict(audit.crossovers)
    for name in ("moe(block, router)", "moe(all, router)"):
        predicted, measured, against = crossovers[name]
        begins = measured.begins._replace(high=math.inf)
        unsure = measured._replace(begins=begins)
        crossovers[name] = Crossovers(predicted, unsure, against)
    text = lines(dataclasses.replace(audit, crossovers=crossovers))
    assert " With the energy router they may win over dense from " in text[WINNER]
    assert ", but this may be chance: at noise variance " in text[WINNER]
    assert text[ADVICE].startswith("Worth trying if the group of each sample is known in use; ")


@pytest.mark.parametrize("seed", range(10))
def test_a_win_is_never_one_that_may_be_chance(sloped, seed):
    audit = sloped(60 + 20 * seed, seed, spread=0.5, label_noise=1.0, repeats=1)
    text, (told, routed) = lines(audit), contenders(audit)
    sure = [each for each in (told, routed) if each.wins]
    assert text[ADVICE].startswith("Worth trying ") <= bool(sure)
    assert text[ADVICE].startswith("Worth trying from ") <= routed.wins
    assert ("win over dense" in text[WINNER].replace("may win over dense", "")) == bool(sure)
    # no share of anything is above all of it
    assert all(float(each) <= 100.0 for each in re.findall(rf"({NUMBER}) %", audit.verdict))
    assert "% of this gain" not in audit.verdict


# --- words -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("noise", "called"),
    [
        ("relative", "relative noise variance"),
        ("own", "multiple of the features' own covariance"),
        ("dropout", "dropout probability"),
        (np.ones(12), "multiple of the given noise"),
    ],
)
def test_levels_are_called_what_they_are(strict, noise, called):
    audit = strict(1500, noise=noise)
    assert audit.level_name == called
    assert called in audit.verdict
    assert "noise variance" not in audit.verdict.replace("relative noise variance", "")
    assert audit.table().startswith(called)

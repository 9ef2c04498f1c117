"""What an audit concludes, on data whose truth is known."""

import dataclasses
import math
import re

import numpy as np
import pytest

import moetheory as mt
from moetheory.auditing import Crossovers
from moetheory.auditing.leads import Lead, Located
from moetheory.auditing.verdict import best_mixture, identity_share

ADVICE = 2  # the line of it
STRICT = mt.BlockModel.isotropic(12, 3, 0.0, signal_energy=12.0, label_noise_variance=0.1)


def of_model(model=STRICT, samples=3000, seed=0, **options):
    sample = model.sample(samples, rng=seed)
    given = {"groups": sample.groups, "block_of": model.block_of, "rng": 0} | options
    return mt.audit(sample.features, sample.labels, **given)


def lines(audit):
    return audit.verdict.splitlines()


# --- the three lines ---------------------------------------------------------------------------


def test_strict_blocks_are_modular_and_their_experts_worth_trying():
    audit = of_model()
    text = lines(audit)
    assert text[0].startswith(
        "Modular: 100 % of the energy lies in the block of the sample's group, "
    )
    assert text[0].endswith("3 experts, blocks of 4 of 12 features.")
    assert re.match(
        r"Experts restricted to their block, told the groups, win over dense from noise variance "
        r"[\d.e-]+ \([\d.e-]+ to [\d.e-]+\) on, as predicted: [\d.]+ against [\d.]+ at noise "
        r"variance [\d.]+; \d+ % of this gain is left behind the energy router\.",
        text[1],
    ) or text[1].startswith("Experts restricted to their block, told the groups, win over dense at")
    assert text[2].startswith("Worth trying ")
    assert text[2].endswith("K = 3 experts, each on a block of about 4 features.")
    assert best_mixture(audit).name == "moe(block)"
    level = best_mixture(audit).level
    gain = 1.0 - audit["moe_measured"][level] / audit["dense_measured"][level]
    assert best_mixture(audit).gain == pytest.approx(gain)
    # the router's part is that of the table
    kept = audit["dense_measured"] - audit["moe(hard)_measured"]
    kept = kept[level] / (audit["dense_measured"] - audit["moe_measured"])[level]
    assert f"{100 * kept:.0f} % of this gain is left" in text[1]


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
    text = lines(audit)
    assert text[0].startswith("Not modular: ")
    assert text[1].startswith(
        "Experts that see everything, told the groups, win over dense at every noise, as predicted"
    )
    assert text[ADVICE].startswith("Worth trying only with a better router: this one sends ")
    assert f"{100 * audit.astray[best_mixture(audit).level]:.0f} % of the samples" in text[ADVICE]
    assert "Experts restricted to their block: no gain over dense predicted, none found." in text
    assert audit.crossovers["moe(all)"].measured.is_sure
    assert identity_share(audit) < 0.01
    assert audit["moe(all)_measured"][0] == pytest.approx(0.01, rel=0.25)


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
    assert "of this gain is left behind the nearest router." in text[1]
    assert text[ADVICE] == "Worth trying at any noise: K = 2 experts, each on all features."
    by_me = mt.audit(
        features, labels, groups=groups, router=lambda x: (x[:, 0] > 4.0).astype(int), rng=0
    )
    assert "of this gain is left behind your router." in lines(by_me)[1]
    assert by_me.astray[0] < 0.001


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
    assert text[1] == "Nobody wins: no predictor explains the labels."
    assert text[ADVICE].startswith("Your features do not predict your labels (R² at most ")
    assert np.all(audit.explained("dense") < 0.01)
    assert math.isnan(identity_share(audit)) or 0.0 <= identity_share(audit) <= 1.0


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
    assert text[1] == "Dense wins at every noise, or loses by next to nothing."
    assert text[2] == "Not worth trying: experts save less than 2 % of the risk at every noise."
    for subject in ("Experts restricted to their block", "Experts that see everything, behind a"):
        assert any(
            each.startswith(subject) and each.endswith("no gain over dense predicted, none found.")
            for each in text
        )
    assert 0.9 < audit.leakage < 1.1
    assert all(each.agree for each in audit.crossovers.values())


def test_one_block_has_one_expert_which_is_dense():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(500, 5))
    labels = features.sum(axis=1) + rng.normal(size=500)
    audit = mt.audit(features, labels, noise_variances=0.5, rng=0)
    text = lines(audit)
    assert text[:3] == [
        "Not modular: one block of 5 features, whose expert is dense.",
        "Dense wins: there is no other expert.",
        "Not worth trying: no features are active together more than the others.",
    ]
    assert "(9 predictors, 1 noise level)" in audit.verdict
    assert "no gain over" not in audit.verdict


# --- the other lines ---------------------------------------------------------------------------


SURE, END = Located(0.0, 0.0, 0.0), Located(math.inf, math.inf, math.inf)
UNSURE, NEVER = Located(0.5, 0.0, math.inf), Lead(END, END)
LATE = Located(1.0, 0.8, 1.5)


@pytest.mark.parametrize(
    ("predicted", "measured", "said"),
    [
        (Lead(SURE, END), Lead(SURE, END), "at every noise: the theory called it."),
        (Lead(LATE, END), Lead(LATE, END), "noise variance 1 (0.8 to 1.5) on: the theory called"),
        (Lead(UNSURE, END), Lead(UNSURE, END), "2) on, if at all: within their errors, which "),
        (Lead(SURE, END), Lead(UNSURE, END), "(0 to more than 2) on, if at all: within their"),
        (Lead(SURE, END), Lead(LATE, END), "1.5) on: the theory missed it."),
        (Lead(UNSURE, END), NEVER, "never ahead of dense: within their errors, which are wide."),
        (Lead(SURE, END), NEVER, "never ahead of dense: the theory missed it."),
        (NEVER, NEVER, "no gain over dense predicted, none found."),
    ],
)
def test_only_what_is_sure_is_called(found, predicted, measured, said):
    crossovers = dict(found.crossovers)
    crossovers["moe(block)"] = Crossovers(predicted, measured)
    verdict = dataclasses.replace(found, crossovers=crossovers).verdict
    line = next(
        each
        for each in verdict.splitlines()
        if re.match(r"Experts restricted to their block: ", each)
    )
    assert said in line


def test_a_tuned_mixture_is_held_against_tuned_dense(found):
    assert found.crossovers["moe(all, tuned)"].against == "dense(tuned)"
    line = next(each for each in lines(found) if each.startswith("Experts that see everything, tu"))
    assert "dense, tuned" in line


def test_the_gain_is_split_into_its_sources(found):
    level = best_mixture(found).level
    line = next(each for each in lines(found) if "(filtering)" in each)
    assert line.startswith(f"At noise variance {found.noise_variances[level]:.3g}: dense ")
    numbers = [float(each) for each in re.findall(r"\d+\.\d+", line.partition(":")[2])]
    names = ("dense", "dense(tuned)", "group mean", "dense + group", "moe(all)", "moe(block)")
    for number, name in zip(numbers, names, strict=True):
        assert number == pytest.approx(found[f"{name}_measured"][level], rel=0.02)


def test_a_theory_that_is_wrong_is_said_to_be():
    """Trained on strict blocks; held out: features that have nothing to do with groups."""
    sample = STRICT.sample(3000, rng=0)
    mask = np.arange(3000) >= 2000
    features = sample.features.copy()
    features[mask] = np.random.default_rng(1).normal(size=(1000, 12))
    audit = mt.audit(
        features,
        features @ STRICT.coefficients,
        groups=sample.groups,
        block_of=STRICT.block_of,
        held_out=mask,
        rng=0,
    )
    assert not audit.crossovers["moe(block)"].agree
    assert "the theory missed it" in audit.verdict
    assert np.abs(audit.z("moe(block)")).max() > 10
    line = next(each for each in lines(audit) if "were not predicted within 3" in each)
    z = np.array([audit.z(name) for name in audit.standardised])
    assert line.startswith(f"{np.count_nonzero(np.abs(z) > 3)} of 99 risks were not predicted")
    worst, level = np.unravel_index(np.abs(z).argmax(), z.shape)
    name = list(audit.standardised)[worst]
    assert line.endswith(f"of {name} at noise variance {audit.noise_variances[level]:.3g}.")


def test_risks_that_are_as_predicted_are_said_to_be():
    audit = of_model(seed=1, noise_variances=[0.0, 1.0])
    z = max(np.abs(audit.z(name)).max() for name in audit.standardised)
    assert z < 3
    said = (
        f"Every risk was predicted within {z:.1f} standard errors (9 predictors, 2 noise levels)."
    )
    assert said in lines(audit)


@pytest.mark.parametrize(
    ("noise", "called"),
    [
        ("relative", "relative noise variance"),
        ("own", "share of the features' own covariance"),
        ("dropout", "dropout probability"),
        (np.ones(12), "multiple of the given noise"),
    ],
)
def test_levels_are_called_what_they_are(noise, called):
    audit = of_model(samples=1500, noise=noise)
    assert audit.level_name == called
    assert called in audit.verdict
    assert "noise variance" not in audit.verdict.replace("relative noise variance", "")
    assert audit.table().startswith(called)

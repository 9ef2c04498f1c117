"""Whole audits: predicted against measured and against the theory, invariances, verdicts."""

import dataclasses
import math
import re
import tracemalloc

import numpy as np
import pytest

import moetheory as mt
from moetheory.auditing import Crossovers, auditor, fitting
from moetheory.auditing import features as reading
from moetheory.auditing.leads import Lead, Located
from moetheory.common import terminal
from moetheory.results.estimates import student_quantile

NAMES = ["dense", "moe", "moe(hard)", "dense(tuned)", "moe(all)"]
SHORT = np.array([0.0, 0.3, 2.0])
SPREAD = 5 * math.sqrt(2 / 6000)  # of a variance of 6000 normal samples, those of the rarest group


def leaking(**changes):
    """Nothing is equal: blocks, probabilities, spectra, coefficients; leakage, label noise."""
    ranks = np.arange(1.0, 13.0)
    model = mt.BlockModel(
        [0.2, 0.5, 0.3],
        np.array([2, 0, 1, 1, 0, 2, 2, 1, 2, 0, 1, 2]),
        3.0 / np.sqrt(ranks),
        np.cos(ranks) + 0.2,
        0.0,
        leakage_variances=0.3 / np.sqrt(ranks),
        label_noise_variance=0.5,
    )
    return model.replace(**changes)


def audited(samples=600, seed=0, model=None, **options):
    model = leaking() if model is None else model
    sample = model.sample(samples, rng=seed)
    told = {"groups": sample.groups, "block_of": model.block_of, "rng": seed}
    return mt.audit(sample.features, sample.labels, **told | options)


@pytest.fixture(scope="module")
def sample():
    return leaking().sample(400, rng=7)


@pytest.fixture(scope="module")
def found(sample):
    return mt.audit(
        sample.features,
        sample.labels,
        groups=sample.groups,
        block_of=leaking().block_of,
        noise_variances=SHORT,
        rng=3,
    )


def same(one, other, *, exactly=True, names=NAMES, what=("predicted", "measured"), scale=1.0):
    for name in names:
        for kind in what:
            found, expected = one[f"{name}_{kind}"], scale * other[f"{name}_{kind}"]
            if exactly:
                np.testing.assert_array_equal(found, expected)
            else:
                np.testing.assert_allclose(found, expected, rtol=1e-9)


# --- the target --------------------------------------------------------------------------------


def test_predicted_is_measured_at_every_noise_for_every_predictor():
    """Family-wise level 1e-6 over all risks; few percent would be seen."""
    audits = [
        audited(8000, 1),
        audited(8000, 2, groups=None),
        audited(8000, 3, intercept=False, center=True),
    ]
    z = np.array([[each.z(name) for name in NAMES] for each in audits])
    assert z.shape == (3, 5, 11)
    assert np.abs(z).max() < student_quantile(1e-6 / (2 * z.size), 1999)
    for each in audits:
        for name in NAMES:
            errors = np.hypot(each[f"{name}_sem"], each[f"{name}_predicted_sem"])
            assert (errors / each[f"{name}_measured"]).max() < 0.05


def test_errors_are_as_large_as_they_say():
    """Sixty small data sets: z without bias, |z| > 3 hardly more often than among normal ones."""
    z = np.array(
        [
            [audit.z(name) for name in NAMES]
            for audit in (audited(500, 50 + i, noise_variances=SHORT) for i in range(60))
        ]
    )
    assert np.abs(z.mean(axis=0)).max() * math.sqrt(60) < 6
    assert 0.6 < z.std(axis=0).min() < z.std(axis=0).max() < 1.5
    assert (np.abs(z) > 3).any(axis=(1, 2)).sum() <= 10


def test_predicted_is_what_the_theory_says_of_the_true_model(agrees, monkeypatch):
    """Isotropic strict blocks, in which the risk behind a hard gate is a quadrature."""
    monkeypatch.setattr(fitting, "TUNING", 1)
    samples, noise = 1_000_000, 0.6
    rng = np.random.default_rng(0)
    block_of, spread = np.array([0, 0, 1, 1, 1]), np.array([1.0, 1.0, 2.0, 2.0, 2.0])
    b = np.array([0.6, -1.0, 0.5, 0.3, -0.8])
    groups = (rng.random(samples) < 0.65).astype(int)
    features = rng.normal(size=(samples, 5)) * (groups[:, np.newaxis] == block_of) * np.sqrt(spread)
    labels = features @ b + np.sqrt(0.3) * rng.normal(size=samples)
    model = mt.BlockModel([0.35, 0.65], block_of, spread, b, noise, label_noise_variance=0.3)
    audit = mt.audit(
        features,
        labels,
        groups=groups,
        block_of=block_of,
        noise_variances=noise,
        repeats=1,
        held_out=0.005,
        rng=0,
    )
    training = int((~audit.held_out).sum())
    estimators = {"dense": mt.Dense(), "moe": mt.MoE(), "moe(hard)": mt.MoE(gate=mt.Hard())}
    for name, estimator in estimators.items():
        mean, sem = audit[f"{name}_predicted"][0], audit[f"{name}_predicted_sem"][0]
        truth = mt.risk(estimator, model).value
        assert agrees(mean, sem, training, truth)
        if name != "moe(hard)":  # no quadrature for blocks that are isotropic but for sampling
            own = mt.risk(estimator, audit.model.replace(noise_variance=noise)).value
            assert abs(own - truth) < 5 * sem


# --- the numbers of an audit -------------------------------------------------------------------


def test_shares_of_energy_and_leakage():
    model = leaking()
    audit = audited(40_000, 0, noise_variances=[1.0], repeats=1)
    lam, nu, block, p = (
        model.signal_variances,
        model.leakage_variances,
        model.block_of,
        model.group_probabilities,
    )
    on = np.bincount(block, lam)
    off = np.bincount(block, nu)
    everything = p * on + (1 - p) * off
    assert audit.signal == pytest.approx(everything.sum() / 12, rel=SPREAD)
    assert audit.group_share == pytest.approx(p @ on / everything.sum(), rel=SPREAD)
    assert audit.chance_share == pytest.approx(p @ everything / everything.sum(), rel=SPREAD)
    assert audit.leakage == pytest.approx(np.sqrt(off.sum() / on.sum()), rel=SPREAD)
    # as measured on the very samples, without tolerance
    sample = model.sample(40_000, rng=0)
    x, g = sample.features[~audit.held_out], sample.groups[~audit.held_out]
    energies = np.stack([(x[:, block == j] ** 2).sum(axis=1) for j in range(3)], axis=1)
    own = np.array([energies[g == j, j].mean() for j in range(3)])
    rest = np.array([energies[g != j, j].mean() for j in range(3)])
    assert audit.leakage == pytest.approx(np.sqrt(rest.sum() / own.sum()), rel=1e-10)
    share = energies[np.arange(len(g)), g].sum() / energies.sum()
    assert audit.group_share == pytest.approx(share, rel=1e-10)
    by_chance = np.bincount(g) / len(g) @ energies.sum(axis=0) / energies.sum()
    assert audit.chance_share == pytest.approx(by_chance, rel=1e-10)
    assert audit.signal == pytest.approx((x**2).mean(), rel=1e-12)
    assert audit.modularity == pytest.approx((share - by_chance) / (1 - by_chance), rel=1e-10)


def test_the_model_is_the_true_one_up_to_the_error_of_its_samples():
    """Axes of a block stand in the order of their variances."""
    true, found = leaking(), audited(40_000, 0, noise_variances=[1.0], repeats=1).model
    np.testing.assert_allclose(found.group_probabilities, true.group_probabilities, atol=SPREAD)
    for g in range(3):
        mine, theirs = found.block_of == g, true.block_of == g
        order = np.argsort(true.signal_variances[theirs])
        for name in ("signal_variances", "leakage_variances"):
            expected = getattr(true, name)[theirs][order]
            np.testing.assert_allclose(getattr(found, name)[mine], expected, rtol=SPREAD)
    assert found.label_noise_variance == pytest.approx(0.5, abs=SPREAD)
    for noise in (0.1, 1.0, 10.0):
        for estimator in (mt.Dense(), mt.MoE()):
            value = mt.risk(estimator, found.replace(noise_variance=noise)).value
            truth = mt.risk(estimator, true.replace(noise_variance=noise)).value
            assert value == pytest.approx(truth, rel=SPREAD)


def test_found_groups_are_those_of_the_gate_without_noise():
    audit = audited(5000, groups=None, noise_variances=SHORT, repeats=1)
    for what in ("predicted", "measured"):
        hard, told = audit[f"moe(hard)_{what}"], audit[f"moe_{what}"]
        assert hard[0] == told[0]
        assert np.all(hard[1:] != told[1:])
    x, training = leaking().sample(5000, rng=0).features, ~audit.held_out
    energies = np.stack([(x[:, audit.block_of == j] ** 2).sum(axis=1) for j in range(3)], axis=1)
    relative = energies / energies[training].mean(axis=0)
    np.testing.assert_array_equal(audit.groups, relative.argmax(axis=1))
    gate = audit.predictors["moe(hard)"].gate
    np.testing.assert_array_equal(gate.route(energies, 0), audit.groups)


def test_blocks_that_are_found_go_to_the_groups_that_are_given():
    model = leaking()
    names = np.array(["verbs", "marks", "nouns"])  # found as 2, 0, 1: neither order is the other's
    sample = model.sample(3000, rng=1)
    audit = mt.audit(
        sample.features,
        sample.labels,
        groups=names[sample.groups],
        noise_variances=[0.5],
        rng=0,
    )
    assert audit.names == sorted(names)
    np.testing.assert_array_equal(np.array(audit.names)[audit.block_of], names[model.block_of])
    np.testing.assert_array_equal(np.array(audit.names)[audit.groups], names[sample.groups])
    given = mt.audit(
        sample.features,
        sample.labels,
        groups=names[sample.groups],
        block_of=names[model.block_of],
        noise_variances=[0.5],
        rng=0,
    )
    same(audit, given)
    assert (audit.leakage, audit.group_share) == (given.leakage, given.group_share)


def test_accuracy_is_the_share_of_right_classes(sample):
    model = leaking()
    classes = np.where(sample.labels > np.median(sample.labels), "up", "down")
    audit = mt.audit(
        sample.features,
        classes,
        groups=sample.groups,
        block_of=model.block_of,
        noise_variances=[0.0, 1e12],
        rng=0,
    )
    assert audit.classes == ("down", "up")
    held = audit.held_out
    for name in NAMES:
        said = audit.predict(name, sample.features[held], sample.groups[held])[0]
        right = ((said > 0.5) == (classes[held] == "up")).mean()
        assert audit[f"{name}_accuracy"][0] == right > 0.7
        assert 0.25 < audit[f"{name}_accuracy"][1] < 0.75
    assert re.search(r"accuracy +[\d.]+ %", audit.table())
    numbers = audited(100, noise_variances=[0.0])
    assert numbers.classes is None
    assert not any("accuracy" in name for name in numbers.columns)


# --- invariances -------------------------------------------------------------------------------


def again(sample, **changes):
    given = {
        "features": sample.features,
        "labels": sample.labels,
        "groups": sample.groups,
        "block_of": leaking().block_of,
        "noise_variances": SHORT,
        "rng": 3,
    } | changes
    return mt.audit(given.pop("features"), given.pop("labels"), **given)


def test_the_same_seed_gives_the_same_audit(found, sample):
    for rng in (found.entropy, np.random.SeedSequence(3)):
        same(again(sample, rng=rng), found)
    other = again(sample, rng=4)
    assert other["dense_measured"][1] != found["dense_measured"][1]
    split = again(sample, rng=4, held_out=found.held_out)
    for name in NAMES:
        assert split[f"{name}_measured"][0] == found[f"{name}_measured"][0]
        assert np.all(split[f"{name}_measured"][1:] != found[f"{name}_measured"][1:])
    assert np.all(split["moe(hard)_predicted"][1:] != found["moe(hard)_predicted"][1:])
    one = again(sample, rng=np.random.default_rng(0))
    same(again(sample, rng=one.entropy), one)
    assert one.verdict == again(sample, rng=one.entropy).verdict


def test_names_of_experts_do_not_matter(found, sample):
    for names in (np.array(["a", "b", "c"]), np.array([3, 40, 500]), np.array([-1.0, 0.0, 7.0])):
        other = again(sample, groups=names[sample.groups], block_of=names[leaking().block_of])
        assert other.names == names.tolist()
        np.testing.assert_array_equal(other.groups, found.groups)
        same(other, found)


def test_the_order_of_features_does_not_matter(found, sample):
    """Noise is drawn feature by feature, so that only predictions are the same."""
    order = np.random.default_rng(0).permutation(12)
    other = again(sample, features=sample.features[:, order], block_of=leaking().block_of[order])
    same(
        other,
        found,
        exactly=False,
        names=[n for n in NAMES if n != "moe(hard)"],
        what=["predicted"],
    )
    difference = other["moe(hard)_predicted"] - found["moe(hard)_predicted"]
    assert np.all(np.abs(difference) < found["moe(hard)_predicted_sem"])
    assert other.leakage == pytest.approx(found.leakage)


def test_the_order_of_experts_does_not_matter(found, sample):
    order = np.array([2, 0, 1])
    other = again(sample, groups=order[sample.groups], block_of=order[leaking().block_of])
    mask = again(sample, held_out=other.held_out)
    same(other, mask, exactly=False, names=["dense", "moe", "moe(all)"], what=["predicted"])
    np.testing.assert_allclose(other.group_share, mask.group_share)


@pytest.mark.parametrize("features", [2.0**30, 2.0**-30])
@pytest.mark.parametrize("labels", [1.0, 2.0**10])
def test_units_do_not_matter(found, sample, features, labels):
    other = again(
        sample,
        features=features * sample.features,
        labels=labels * sample.labels,
        noise_variances=features**2 * SHORT,
    )
    same(other, found, scale=labels**2)
    assert other.leakage == found.leakage
    for name in found.crossovers:
        for mine, theirs in zip(other.crossovers[name], found.crossovers[name], strict=True):
            np.testing.assert_allclose(mine, features**2 * np.array(theirs), rtol=1e-6)


def test_an_intercept_makes_the_level_of_labels_irrelevant(found, sample):
    same(again(sample, labels=sample.labels + 100.0), found, exactly=False)
    without = again(sample, intercept=False)
    shifted = again(sample, labels=sample.labels + 100.0, intercept=False)
    assert shifted["dense_predicted"][0] > 100 * without["dense_predicted"][0]
    assert np.all(without.predictors["moe"].intercepts == 0.0)


def test_centred_features_have_no_level(sample):
    one = again(sample, center=True)
    other = again(sample, features=sample.features + 1000.0, center=True)
    same(one, other, exactly=False)
    np.testing.assert_allclose(other.centre, one.centre + 1000.0)
    np.testing.assert_allclose(one.centre, sample.features[~one.held_out].mean(axis=0))
    for name in NAMES:
        said = one.predict(name, sample.features[one.held_out], sample.groups[one.held_out])[0]
        loss = ((said - sample.labels[one.held_out]) ** 2).mean()
        assert one[f"{name}_measured"][0] == pytest.approx(loss, rel=1e-10)


def test_what_holds_the_features_does_not_matter(sample, tmp_path):
    single = sample.features.astype(np.float32)
    np.save(tmp_path / "x.npy", single)
    frozen = np.asfortranarray(single)
    frozen.flags.writeable = False
    expected = again(sample, features=single.astype(np.float64))
    for other in (single, frozen, np.load(tmp_path / "x.npy", mmap_mode="r"), single.tolist()):
        same(again(sample, features=other), expected)
    whole = np.rint(4.0 * sample.features).astype(np.int8)
    same(again(sample, features=whole), again(sample, features=whole.astype(float)))
    same(again(sample, features=whole > 0), again(sample, features=(whole > 0).astype(float)))


def test_the_size_of_chunks_does_not_matter(found, sample, monkeypatch):
    """Chunks only change which noise goes where."""
    monkeypatch.setattr(reading, "ROWS", 37)
    other = again(sample)
    same(other, found, exactly=False, names=["dense", "moe", "moe(all)"], what=["predicted"])
    same(other, found, exactly=False, names=["dense(tuned)"], what=["predicted"])
    assert other.leakage == pytest.approx(found.leakage, rel=1e-12)


def test_a_memory_map_is_audited_in_chunks(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "ROWS", 512)
    rng = np.random.default_rng(0)
    mapped = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.float32, (30_000, 200))
    groups, block_of = rng.integers(0, 4, 30_000), np.arange(200) % 4
    mapped[:] = rng.standard_normal(mapped.shape, dtype=np.float32)
    mapped[:] *= 0.2 + (groups[:, np.newaxis] == block_of)
    labels = np.asarray(mapped[:, :8].sum(axis=1), dtype=float)
    mapped.flush()
    given = np.load(tmp_path / "x.npy", mmap_mode="r")
    options = {"groups": groups, "block_of": block_of, "noise_variances": [1.0], "repeats": 1}
    tracemalloc.start()
    try:
        mt.audit(given, labels, **options, rng=0)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < given.nbytes  # half of what a copy as floats would take


@pytest.mark.parametrize("given", ["both", "blocks", "groups", "none"])
@pytest.mark.parametrize("center", [True, False])
def test_progress_ends_at_its_total(monkeypatch, given, center):
    monkeypatch.setattr(reading, "ROWS", 100)
    monkeypatch.setattr(auditor, "SHUFFLED_SAMPLES", 150)
    model, calls = leaking(), []
    drawn = model.sample(700, rng=0)
    options = {"groups": drawn.groups, "block_of": model.block_of}
    if given in ("none", "blocks"):
        del options["groups"]
    if given in ("none", "groups"):
        del options["block_of"]
    mt.audit(
        drawn.features,
        drawn.labels,
        **options,
        center=center,
        noise_variances=[1.0],
        rng=0,
        progress=lambda done, total: calls.append((done, total)),
    )
    done, totals = zip(*calls, strict=True)
    assert len(set(totals)) == 1
    assert done[-1] == totals[0]
    assert np.all(np.diff([0, *done]) > 0)


# --- what one gets -----------------------------------------------------------------------------


def test_columns_and_their_names(found, tmp_path):
    expected = ["noise_variance"]
    for name in NAMES:
        expected += [f"{name}_{w}" for w in ("predicted", "predicted_sem", "measured", "sem")]
    assert list(found.columns) == expected
    assert list(found.predictors) == NAMES
    np.testing.assert_array_equal(found.noise_variances, SHORT)
    found.to_csv(tmp_path / "audit.csv")
    read = np.genfromtxt(tmp_path / "audit.csv", delimiter=",", names=True, deletechars="")
    np.testing.assert_array_equal(read["moe(hard)_measured"], found["moe(hard)_measured"])
    with pytest.raises(ValueError, match="read-only"):
        found["dense_predicted"][0] = 0.0


def test_z_is_the_difference_in_standard_errors(found):
    for name in NAMES:
        difference = found[f"{name}_measured"] - found[f"{name}_predicted"]
        variance = found[f"{name}_sem"] ** 2 + found[f"{name}_predicted_sem"] ** 2
        np.testing.assert_allclose(found.z(name), difference / np.sqrt(variance))


def test_the_table_has_both_risks_at_every_level(found):
    lines = found.table().splitlines()
    assert lines[0].split()[:3] == ["noise", "variance", "risk"]
    assert [line.split()[1] for line in lines[1:]] == ["predicted", "measured"] * 3
    assert max(map(len, found.table(60).splitlines())) <= 60


def test_predictions_at_no_noise_have_the_losses_that_were_measured(found, sample):
    held = found.held_out
    for name in NAMES:
        said = found.predict(name, sample.features[held], sample.groups[held])
        assert said.shape == (3, held.sum())
        loss = ((said[0] - sample.labels[held]) ** 2).mean()
        assert found[f"{name}_measured"][0] == pytest.approx(loss, rel=1e-10)
    np.testing.assert_array_equal(
        found.predict("dense", sample.features.tolist()), found.predict("dense", sample.features)
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("sparse", np.zeros((2, 12))), "name must be one of dense, moe, moe(hard), dense(tuned)"),
        (("dense", np.zeros(12)), "features must have shape (n, 12), got (12,)"),
        (("dense", np.zeros((2, 11))), "features must have shape (n, 12), got (2, 11)"),
        (("dense", [["a"] * 12]), "features must hold real numbers, got <U1 values"),
        (("dense", np.full((2, 12), np.nan)), "features must be finite, got nan at index (0, 0)"),
        (
            ("moe", np.zeros((2, 12))),
            "groups must be given for moe, whose experts are routed by the true group",
        ),
        (("moe", np.zeros((2, 12)), [0]), "groups must be (2,) indices of names, got int64 values"),
        (("moe", np.zeros((2, 12)), ["a", "b"]), "indices of names, got <U1 values of shape (2,)"),
        (("moe(all)", np.zeros((2, 12)), [0, 3]), "groups must be from 0 to 2, got 0 to 3"),
        (("moe", np.zeros((2, 12)), [-1, 0]), "groups must be from 0 to 2, got -1 to 0"),
    ],
)
def test_predictions_refused(found, arguments, message):
    for each in (found, dataclasses.replace(found, centre=np.ones(12))):
        with pytest.raises(ValueError, match=re.escape(message)):
            each.predict(*arguments)


def test_predictions_of_features_that_are_true_or_false(found):
    features = np.arange(24).reshape(2, 12) % 3 > 0
    as_floats = found.predict("dense", features.astype(float))
    np.testing.assert_array_equal(found.predict("dense", features), as_floats)


# --- verdicts ----------------------------------------------------------------------------------


def test_a_verdict_of_strict_blocks():
    model = mt.BlockModel.isotropic(12, 3, 0.0, signal_energy=12.0, label_noise_variance=0.5)
    text = audited(3000, 0, model).verdict.splitlines()
    assert text[0] == "3 experts with 4 of 12 features; 2250 training and 750 held-out samples."
    assert text[1].startswith(
        "Modular: 100 % of the energy lies in the block of the sample's group"
    )
    assert text[1].endswith("equivalent leakage alpha = 0.")
    assert text[2].startswith("Experts told the groups: predicted ahead of dense ")
    assert text[3].startswith("Experts behind a gate: predicted ahead of dense ")
    assert text[2].endswith("called it.")
    assert text[3].endswith("called it.")
    assert text[4].startswith("At noise variance ")
    assert re.fullmatch(
        r"Every risk was predicted within [\d.]+ standard errors \(5 predictors, 11 .+\)\.",
        text[5],
    )


def test_a_verdict_of_features_that_are_independent():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(2000, 9))
    labels = features @ np.arange(1.0, 10.0) + rng.normal(size=2000)
    groups, block_of = rng.integers(0, 3, 2000), np.arange(9) % 3
    audit = mt.audit(features, labels, groups=groups, block_of=block_of, rng=0)
    text = audit.verdict
    assert "Not modular: " in text
    assert "Experts told the groups: no gain over dense predicted, none found." in text
    assert "Experts behind a gate: no gain over dense predicted, none found." in text
    assert 0.9 < audit.leakage < 1.1
    assert all(each.agree for each in audit.crossovers.values())
    one = mt.audit(features, labels, noise_variances=0.5, rng=0)  # and no blocks are found
    assert one.model.experts == 1
    assert "no gain" in one.verdict
    assert "(5 predictors, 1 noise level)" in one.verdict


SURE, END = Located(0.0, 0.0, 0.0), Located(math.inf, math.inf, math.inf)
UNSURE, NEVER = Located(0.5, 0.0, math.inf), Lead(END, END)


@pytest.mark.parametrize(
    ("predicted", "measured", "said"),
    [
        (Lead(SURE, END), Lead(SURE, END), "at every noise variance: the theory called it."),
        (Lead(UNSURE, END), Lead(UNSURE, END), "2) on, if at all: within their errors, which "),
        (Lead(SURE, END), Lead(UNSURE, END), "(0 to more than 2) on, if at all: within their"),
        (Lead(UNSURE, END), NEVER, "never ahead of dense: within their errors, which are wide."),
        (Lead(SURE, END), NEVER, "never ahead of dense: the theory missed it."),
        (NEVER, NEVER, "no gain over dense predicted, none found."),
    ],
)
def test_only_what_is_sure_is_called(found, predicted, measured, said):
    crossovers = {"moe": Crossovers(predicted, measured)}
    assert said in dataclasses.replace(found, crossovers=crossovers).verdict


def test_one_expert_is_dense_at_every_noise():
    audit = audited(300, block_of=np.zeros(12, int), groups=None)
    for name in ("moe", "moe(hard)", "moe(all)"):
        for what in ("predicted", "measured", "sem"):
            np.testing.assert_allclose(audit[f"{name}_{what}"], audit[f"dense_{what}"], rtol=1e-9)
    for crossovers in audit.crossovers.values():
        assert math.isinf(crossovers.predicted.begins.value)
        assert math.isinf(crossovers.measured.begins.value)


def test_a_theory_that_is_wrong_is_said_to_be():
    """Trained on strict blocks; held out: features that have nothing to do with groups."""
    model = leaking(leakage_variances=0.0)
    sample = model.sample(3000, rng=0)
    mask = np.arange(3000) >= 2000
    features = sample.features.copy()
    features[mask] = np.random.default_rng(1).normal(size=(1000, 12))
    audit = mt.audit(
        features,
        features @ model.coefficients,
        groups=sample.groups,
        block_of=model.block_of,
        held_out=mask,
        rng=0,
    )
    assert not audit.crossovers["moe"].agree
    assert "the theory missed it" in audit.verdict
    assert re.search(r"\d+ of 55 risks were not predicted within 3 standard errors", audit.verdict)
    assert np.abs(audit.z("moe")).max() > 10


# --- bad input ---------------------------------------------------------------------------------


def bad(**changes):
    rng = np.random.default_rng(0)
    given = {
        "features": rng.normal(size=(40, 6)),
        "labels": rng.normal(size=40),
        "groups": np.arange(40) % 3,
        "block_of": np.arange(6) % 3,
        "rng": 0,
    } | changes
    return mt.audit(given.pop("features"), given.pop("labels"), **given)


SOME = np.arange(40) % 5 == 0
MISSING = np.array(["a", "b", "c"])[np.where(SOME, 2, np.arange(40) % 2)]
NOT_FINITE = np.where(np.arange(240).reshape(40, 6) == 200, np.nan, np.arange(240).reshape(40, 6))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"features": NOT_FINITE}, "got 1 that is not, the first nan at row 33, column 2"),
        ({"features": np.zeros((40, 6))}, "got 6 that are constant, the first column 0 (always 0)"),
        (
            {"held_out": np.arange(40) > 1},
            "features must have at least as many training samples as there are groups, got 2 for 3",
        ),
        (
            {"groups": MISSING, "block_of": list("abcabc"), "held_out": SOME},
            "groups must give every expert a training sample, got none for c (of 3 experts)",
        ),
        ({"groups": [0] * 40}, "got none for 1 (of 3 experts): merge its block with another's"),
        ({"labels": np.zeros(39)}, "labels must have shape (40,), one for each sample, got (39,)"),
        ({"experts": 2}, "experts must be 3, as many as block_of has, got 2"),
        ({"groups": None, "block_of": None, "experts": 7}, "experts must be at most 6, got 7"),
        ({"experts": 0}, "experts must be at least 1, got 0"),
        ({"experts": 2.0}, "experts must be an integer, got 2.0"),
        ({"repeats": 0}, "repeats must be at least 1, got 0"),
        ({"repeats": True}, "repeats must be an integer, got True"),
        ({"intercept": 1}, "intercept must be True or False, got 1"),
        ({"center": "yes"}, "center must be True or False, got 'yes'"),
        ({"rng": -1}, "rng must be None, a non-negative integer"),
        ({"noise_variances": []}, "noise_variances must have shape (n,) with n > 0, got (0,)"),
        ({"held_out": 0}, "held_out must be greater than 0, got 0"),
    ],
)
def test_refusals(changes, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        bad(**changes)


@pytest.mark.parametrize("size", [0.0, 1e-200])
def test_features_that_vanish_on_all_training_samples_are_refused(size):
    features = np.random.default_rng(0).normal(size=(40, 6))
    features[~SOME] *= size
    with pytest.raises(ValueError, match="features must not vanish on all training samples"):
        bad(features=features, held_out=SOME)


@pytest.mark.parametrize(
    "changes",
    [
        {"noise_variances": [0.0, 1e-300, 1e-12, 1e12, 1e300]},
        {"labels": np.random.default_rng(0).normal(size=40) * 1e69},
        {"labels": np.random.default_rng(0).normal(size=40) * 1e-69},
        {"features": np.random.default_rng(0).normal(size=(40, 6)) * 1e149},
        {"features": np.random.default_rng(0).normal(size=(40, 6)) * 1e-149},
        {"features": np.random.default_rng(0).normal(size=(40, 6)) + 1e6},
        {
            "features": np.random.default_rng(0).normal(size=(40, 300)),
            "block_of": np.arange(300) % 3,
        },
        {"groups": None, "block_of": None, "experts": 6},
        {"block_of": None},
        {"groups": None, "block_of": np.arange(6)},
        {"groups": np.r_[1, 2, np.zeros(38, int)], "held_out": np.arange(40) > 30},
    ],
)
def test_extremes_end_in_finite_numbers(changes):
    audit = bad(**changes)
    for name, column in audit.columns.items():
        assert np.isfinite(column).all(), name
    assert audit.table()
    assert audit.verdict


@pytest.mark.parametrize("groups", [None, np.arange(40) % 3])
@pytest.mark.parametrize("block_of", [None, np.arange(6) // 2])
def test_a_block_that_is_silent_on_training(groups, block_of):
    """A silent block can be an expert of given groups; a block that is found has no sample."""
    features = np.random.default_rng(0).normal(size=(40, 6))
    features[np.ix_(~SOME, [2, 3])] = 0.0
    given = {"features": features, "groups": groups, "block_of": block_of, "held_out": SOME}
    if groups is None and block_of is not None:
        with pytest.raises(ValueError, match="got none for 1 "):
            bad(**given)
        return
    assert np.isfinite(bad(**given)["moe_predicted"]).all()


def test_blocks_that_are_silent_in_their_groups():
    rng = np.random.default_rng(0)
    groups, block_of = rng.integers(2, size=200), np.arange(6) // 3
    features = np.where(groups[:, np.newaxis] == block_of, 0.0, rng.normal(size=(200, 6)))
    labels = features.sum(axis=1)
    audit = mt.audit(features, labels, groups=groups, block_of=block_of, rng=0)
    assert audit.leakage == math.inf
    assert audit.group_share == 0.0
    assert "equivalent leakage alpha = inf" in audit.verdict


def test_held_out_samples_say_nothing_before_they_are_asked():
    rng = np.random.default_rng(3)
    groups, block_of = rng.integers(3, size=600), np.arange(12) // 4
    features = rng.standard_normal((600, 12)) * np.where(groups[:, np.newaxis] == block_of, 1, 0.3)
    labels = features.sum(axis=1) + rng.standard_normal(600)
    held_out = np.arange(600) % 4 == 0
    other, others = features.copy(), labels.copy()
    other[held_out], others[held_out] = rng.exponential(size=(150, 12)), rng.standard_normal(150)
    before, after = (
        mt.audit(x, y, held_out=held_out, experts=3, repeats=1, rng=0)
        for x, y in ((features, labels), (other, others))
    )
    assert before.model == after.model
    np.testing.assert_array_equal(before.block_of, after.block_of)
    np.testing.assert_array_equal(before.groups[~held_out], after.groups[~held_out])
    for name in before.predictors:
        for suffix in ("predicted", "predicted_sem"):
            np.testing.assert_array_equal(before[f"{name}_{suffix}"], after[f"{name}_{suffix}"])
        assert np.all(before[f"{name}_measured"] != after[f"{name}_measured"])
    assert (before.signal, before.group_share) == (after.signal, after.group_share)


# --- subscripts, methods, tables of a notebook ----------------------------------------------------

AFTERWARDS = [
    ("name", lambda found: found["no such"]),
    ("name", lambda found: found[1]),
    ("name", lambda found: found.z("no such")),
    ("name", lambda found: found.z(None)),
    ("name", lambda found: found.predict(["dense"], np.ones((1, 12)))),
    ("features", lambda found: found.predict("dense", "a")),
    ("features", lambda found: found.predict("dense", np.ones((1, 3)))),
    ("features", lambda found: found.predict("dense", np.ma.masked_array(np.ones((1, 12)), True))),
    ("groups", lambda found: found.predict("moe", np.ones((1, 12)))),
    ("groups", lambda found: found.predict("moe", np.ones((1, 12)), [1.5])),
    ("groups", lambda found: found.predict("moe", np.ones((1, 12)), [3])),
    ("groups", lambda found: found.predict("moe", np.ones((1, 12)), np.ma.masked_array([0], True))),
    ("width", lambda found: found.table(0)),
    ("width", lambda found: found.table("wide")),
    ("width", lambda found: found.table(True)),
]


@pytest.mark.parametrize(("name", "call"), AFTERWARDS)
def test_what_its_methods_cannot_use_is_refused_by_name(found, name, call):
    with pytest.raises(ValueError, match=f"^{name} must ") as error:
        call(found)
    assert error.value.argument == name


def test_an_unknown_column_is_a_key_error_too(found):
    with pytest.raises(KeyError, match="must be one of noise_variance, dense_predicted"):
        found["no such"]


def test_a_notebook_shows_the_table(found):
    shown = found._repr_html_()
    assert shown.startswith("<table><tr><th>noise variance</th><th>risk</th><th>dense</th>")
    assert shown.count("<tr>") == len(found.table().splitlines())


def test_progress_can_be_a_line(sample, monkeypatch, capsys):
    shown = []
    monkeypatch.setattr(terminal.Progress, "__call__", lambda line, *done: shown.append(done))
    mt.audit(sample.features, sample.labels, noise_variances=[1.0], rng=0, progress=True)
    assert shown[-1][0] == shown[-1][1]
    shown.clear()
    mt.audit(sample.features, sample.labels, noise_variances=[1.0], rng=0, progress=False)
    assert shown == []

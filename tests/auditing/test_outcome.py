"""The result of an audit: columns, names, predictions, tables, copies."""

import copy
import dataclasses
import pickle
import re

import numpy as np
import pytest

import moetheory as mt
from moetheory.auditing.predictors import ALIASES, NAMES
from moetheory.common.text import fits_screen

SHORT = np.array([0.0, 0.3, 2.0])


def loudest(features):
    """A router of a user's: by the loudest of three features."""
    return np.abs(features[:, [1, 2, 0]]).argmax(axis=1)


# --- columns and names -------------------------------------------------------------------------


def test_columns_and_their_names(found, tmp_path):
    expected = ["noise_variance"]
    for name in NAMES:
        expected += [f"{name}_{w}" for w in ("predicted", "predicted_sem", "measured", "sem")]
    assert list(found.columns) == expected
    assert list(found.predictors) == list(found.standardised) == list(NAMES)
    np.testing.assert_array_equal(found.noise_variances, SHORT)
    found.to_csv(tmp_path / "audit.csv")
    with (tmp_path / "audit.csv").open(encoding="utf-8") as file:
        header = file.readline()
    assert header.rstrip("\n").split(",") == [name.replace(",", ";") for name in expected]
    assert "moe(block; router)_measured" in header
    assert '"' not in header
    with pytest.raises(ValueError, match="read-only"):
        found["dense_predicted"][0] = 0.0


@pytest.mark.parametrize(("old", "now"), ALIASES.items())
def test_older_names_work_everywhere(found, sample, old, now):
    for kind in ("predicted", "predicted_sem", "measured", "sem"):
        assert found[f"{old}_{kind}"] is found[f"{now}_{kind}"]
    assert found.crossovers[old] is found.crossovers[now]
    assert found.standardised[now] is found.standardised[now]
    np.testing.assert_array_equal(
        found.predictors[old].coefficients, found.predictors[now].coefficients
    )
    np.testing.assert_array_equal(found.z(old), found.z(now))
    given = sample.features, sample.groups
    np.testing.assert_array_equal(found.predict(old, *given), found.predict(now, *given))
    np.testing.assert_array_equal(found.explained(old), found.explained(now))


def test_z_is_the_difference_in_standard_errors(found):
    for name in NAMES:
        difference = found[f"{name}_measured"] - found[f"{name}_predicted"]
        variance = found[f"{name}_sem"] ** 2 + found[f"{name}_predicted_sem"] ** 2
        np.testing.assert_allclose(found.z(name), difference / np.sqrt(variance))


def test_explained_is_the_share_of_the_variance_of_labels(found, sample):
    power = sample.labels[~found.held_out].var()
    assert found.label_power == pytest.approx(power)
    for name in NAMES:
        np.testing.assert_allclose(found.explained(name), 1 - found[f"{name}_measured"] / power)


def test_an_unknown_column_is_a_key_error_too(found):
    with pytest.raises(KeyError, match="must be one of noise_variance, dense_predicted"):
        found["no such"]


# --- predictions -------------------------------------------------------------------------------


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


@pytest.mark.parametrize("router", ["energy", "logistic", "nearest", loudest])
def test_predictions_behind_each_router_have_the_losses_that_were_measured(again, sample, router):
    features = np.insert(1e3 + sample.features, 5, 7.0, axis=1)  # one is left out
    block_of = np.insert(np.array([2, 0, 1, 1, 0, 2, 2, 1, 2, 0, 1, 2]), 5, 0)
    audit = again(features=features, block_of=block_of, router=router)
    held = audit.held_out
    for name in ("moe(block, router)", "moe(all, router)"):
        said = audit.predict(name, features[held])
        loss = ((said[0] - sample.labels[held]) ** 2).mean()
        assert audit[f"{name}_measured"][0] == pytest.approx(loss, rel=1e-8)
    if router is loudest:
        gone = (loudest(features[held]) != sample.groups[held]).mean()
        assert audit.astray[0] == pytest.approx(gone)


def test_predictors_in_units_of_the_data_predict_the_same(found, sample):
    held = found.held_out
    away, groups = sample.features[held] - found.centre, sample.groups[held]
    rows = np.arange(len(away))
    for name, each in found.predictors.items():
        said = found.predict(name, sample.features[held], groups)
        chosen = groups if each.needs_groups else np.zeros_like(groups)
        if name.endswith("router)"):
            continue  # the router is standardised's
        for level in range(3):
            outputs = away @ each.coefficients[level].T + each.intercepts[level]
            np.testing.assert_allclose(outputs[rows, chosen], said[level], rtol=1e-9, atol=1e-9)


def test_several_labels_are_predicted_together(again, sample):
    rng = np.random.default_rng(0)
    labels = np.column_stack([sample.labels, -2 * sample.labels + rng.normal(size=400)])
    labels = np.column_stack([labels, rng.normal(size=400)])
    audit = again(labels=labels)
    parts = [again(labels=column, classes=False) for column in labels.T]
    for name in ("dense", "moe(block)", "moe(all)", "moe(all, router)", "group mean"):
        for kind in ("predicted", "measured"):
            total = sum(part[f"{name}_{kind}"] for part in parts)
            np.testing.assert_allclose(audit[f"{name}_{kind}"], total, rtol=1e-9)
        said = audit.predict(name, sample.features, sample.groups)
        assert said.shape == (3, 400, 3)
        for column, part in enumerate(parts):
            own = part.predict(name, sample.features, sample.groups)
            np.testing.assert_allclose(said[..., column], own, rtol=1e-8, atol=1e-9)
    assert audit.label_power == pytest.approx(sum(part.label_power for part in parts))
    assert audit.predictors["moe"].coefficients.shape == (3, 3, 12, 3)
    with pytest.raises(ValueError, match=r"^model nearest to the data .*labels must be one column"):
        _ = audit.model


@pytest.mark.parametrize("count", [2, 4])
def test_accuracy_is_the_share_of_right_classes(again, sample, count):
    limits = np.quantile(sample.labels, np.linspace(0, 1, count + 1)[1:-1])
    names = np.array(["low", "mid", "high", "top"])[:count]
    classes = names[np.searchsorted(limits, sample.labels)]
    audit = again(labels=classes, noise_variances=[0.0, 1e12])
    assert audit.classes == tuple(sorted(names))
    held = audit.held_out
    for name in NAMES:
        said = audit.predict(name, sample.features[held], sample.groups[held])[0]
        guess = said.argmax(axis=1) if count > 2 else (said > 0.5).astype(int)
        right = (np.array(audit.classes)[guess] == classes[held]).mean()
        assert audit[f"{name}_accuracy"][0] == pytest.approx(right, abs=1e-12)
    assert audit["moe(all)_accuracy"][0] > audit["group mean_accuracy"][0]
    assert re.search(r"accuracy +[\d.]+ %", audit.table())


def test_numbers_have_no_accuracy(found):
    assert found.classes is None
    assert not any("accuracy" in name for name in found.columns)


def test_whole_numbers_are_classes_if_one_says_so(again, sample):
    labels = np.clip(np.rint(sample.labels), -1, 1).astype(int)
    numbers, classes = again(labels=labels), again(labels=labels, classes=True)
    assert (numbers.classes, classes.classes) == (None, (-1, 0, 1))
    assert "moe_accuracy" not in numbers.columns
    assert classes["moe_accuracy"][0] > 0.4
    two = (labels > 0).astype(int)
    assert again(labels=two).classes == (0.0, 1.0)
    assert again(labels=two, classes=False).classes is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("sparse", np.zeros((2, 12))), "name must be one of dense, dense(tuned), moe(block), "),
        (("dense", np.zeros(12)), "features must have shape (n, d) with n, d > 0, got (12,)"),
        (("dense", np.zeros((2, 11))), "features must have shape (n, 12), got (2, 11)"),
        (("dense", [["a"] * 12]), "features must hold real numbers, got text in column 0"),
        (("dense", np.full((2, 12), np.nan)), "features must be finite, got some that are not"),
        (
            ("moe", np.zeros((2, 12))),
            "groups must be given for moe(block), whose experts are told the groups",
        ),
        (("dense + group", np.zeros((2, 12))), "groups must be given for dense + group, whose"),
        (("moe", np.zeros((2, 12)), [0]), "groups must be (2,) indices of names, got int64 values"),
        (("moe", np.zeros((2, 12)), ["a", "b"]), "indices of names, got <U1 values of shape (2,)"),
        (("moe(all)", np.zeros((2, 12)), [0, 3]), "groups must be from 0 to 2, got 0 to 3"),
        (("moe", np.zeros((2, 12)), [-1, 0]), "groups must be from 0 to 2, got -1 to 0"),
    ],
)
def test_predictions_refused(found, arguments, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        found.predict(*arguments)


def test_predictions_of_features_that_are_true_or_false(found):
    features = np.arange(24).reshape(2, 12) % 3 > 0
    as_floats = found.predict("dense", features.astype(float))
    np.testing.assert_array_equal(found.predict("dense", features), as_floats)


class Frame:
    """A frame of columns by name, as libraries have them."""

    def __init__(self, array, columns):
        self._array, self._columns = np.asarray(array), list(columns)

    @property
    def columns(self):
        return self._columns

    def __array__(self, dtype=None, copy=None):
        return self._array.astype(dtype or float)

    def __getitem__(self, name):
        return self._array[:, self._columns.index(name)]

    def __len__(self):
        return len(self._array)


def test_columns_of_a_frame_are_remembered(again, sample):
    names = [f"x{i}" for i in range(12)]
    audit = again(features=Frame(sample.features, names))
    assert audit.units.names == names
    rows = sample.features[:5]
    said = audit.predict("dense", Frame(rows, names))
    np.testing.assert_array_equal(said, audit.predict("dense", rows))
    assert "x4" in audit.table().partition("block 0")[2]
    for other in (names[::-1], [*names[:-1], "y"]):
        with pytest.raises(ValueError, match="features must have the 12 columns of the audit"):
            audit.predict("dense", Frame(rows, other))
    with pytest.raises(ValueError, match="features must have the 12 columns of the audit"):
        audit.predict("dense", Frame(rows[:, :11], names[:11]))


# --- what methods refuse -----------------------------------------------------------------------

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


# --- tables, copies ----------------------------------------------------------------------------


def test_the_table_has_both_risks_at_every_level_and_the_blocks(found):
    numbers, blocks = found.table().rsplit("\n\n", 1)
    lines = numbers.splitlines()
    assert lines[0].split()[:3] == ["noise", "variance", "risk"]
    assert [line.split()[1] for line in lines[1:]] == ["predicted", "measured"] * 3
    assert max(map(len, found.table(60).splitlines())) <= 60
    sizes = np.bincount(found.block_of)
    for block, line in enumerate(blocks.splitlines()):
        assert line.startswith(f"block {block}, {sizes[block]} features: ")
        named = {int(each) for each in line.partition(": ")[2].split(", ")}
        assert named == set(np.flatnonzero(found.block_of == block))


def test_one_block_shows_dense_and_the_mean_alone(found, sample):
    """With one expert mixtures are the dense predictor: their columns are there, unshown."""
    assert found.shown == tuple(NAMES)
    classes = sample.labels > 0
    one = mt.audit(sample.features, classes, experts=1, noise_variances=SHORT, rng=0)
    assert one.shown == ("dense", "dense(tuned)", "group mean")
    lines = one.table().splitlines()
    assert lines[0].split() == ["noise", "variance", "risk", *one.shown[:2], "group", "mean"]
    assert [line.split()[1] for line in lines[1:]] == ["predicted", "measured", "accuracy"] * 3
    header = one._repr_html_().partition("</tr>")[0]
    assert header.endswith("".join(f"<th>{name}</th>" for name in one.shown))
    assert {name.rpartition("_")[0] for name in one.columns} >= {f"{n}_predicted" for n in NAMES}
    for name in ("moe(block)", "moe(all)", "moe(block, router)", "moe(all, router)"):
        np.testing.assert_allclose(one[f"{name}_measured"], one["dense_measured"], rtol=1e-9)


def test_the_table_names_the_ten_strongest_features_of_a_block():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(3000, 30)) * np.exp(rng.normal(size=30))
    strength = np.r_[np.arange(15.0), np.arange(15.0)[::-1]]
    names, blocks = np.array(["a", "b"]), np.repeat([0, 1], 15)
    groups = rng.integers(2, size=3000)
    own = features / features.std(axis=0) * (groups[:, np.newaxis] == blocks)
    audit = mt.audit(
        features,
        own @ strength,
        groups=names[groups],
        block_of=names[blocks],
        noise_variances=[0.0],
        rng=0,
    )
    first, second = audit.table().splitlines()[-2:]
    assert first.endswith(", …")
    named = [int(each) for each in first.partition(": ")[2].split(", ")[:10]]
    assert named == list(range(14, 4, -1))
    assert [int(each) for each in second.partition(": ")[2].split(", ")[:3]] == [15, 16, 17]


def test_a_notebook_shows_the_table(found):
    shown = found._repr_html_()
    assert shown.startswith("<table><tr><th>noise variance</th><th>risk</th><th>dense</th>")
    assert shown.count("<tr>") == 7


def test_the_repr_is_the_verdict_on_one_screen_and_print_adds_the_notes(found, again):
    found_out = again(groups=None)
    assert (found.notes, len(found_out.notes)) == ((), 1)
    for audit in (found, found_out):
        shown = repr(audit)
        assert fits_screen(shown)
        said = audit.verdict.splitlines()
        assert " ".join(shown.split()) == " ".join(said[:3])
        printed = str(audit).splitlines()
        assert max(map(len, printed)) <= 100
        assert " ".join(" ".join(printed).split()) == " ".join(said[: 3 + len(audit.notes)])
    assert " ".join(str(found_out).split()).endswith(f"Note: {found_out.notes[0]}")


COPIES = {
    "pickle": lambda it: pickle.loads(pickle.dumps(it)),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "replace": dataclasses.replace,
}


@pytest.mark.parametrize("way", COPIES)
@pytest.mark.parametrize("router", ["energy", "logistic", loudest])
def test_copies_say_and_predict_what_the_audit_does(again, sample, way, router):
    audit = again(router=router)
    other = COPIES[way](audit)
    assert other.verdict == audit.verdict
    assert other.table() == audit.table()
    assert repr(other) == repr(audit)
    assert other.crossovers["moe"] == audit.crossovers["moe"]
    for name in NAMES:
        given = name, sample.features, sample.groups
        np.testing.assert_array_equal(other.predict(*given), audit.predict(*given))
    with pytest.raises(ValueError, match="read-only"):
        other["dense_measured"][0] = 0.0


def test_a_pickle_does_not_hold_the_data():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(20_000, 6))
    audit = mt.audit(
        features,
        features.sum(axis=1) + rng.normal(size=20_000),
        router=loudest,
        noise_variances=[0.0],
        repeats=1,
        rng=0,
    )
    assert len(pickle.dumps(audit)) < features.nbytes / 2

"""``moetheory audit`` on files of every kind."""

import csv
import io
import json
import math
import subprocess
import sys

import numpy as np
import pytest

import moetheory as mt
from moetheory.commands import audits
from moetheory.common import terminal, text

COMMAND = [sys.executable, "-m", "moetheory"]
OTHERS = np.arange(12) % 3  # other blocks than those that are there
FEW = ("--noise-variances", "0.1,1,4", "--seed", "3")
NOT_FEATURES = ("--ignore", "id", "--ignore", "sign")


@pytest.fixture(scope="module")
def drawn():
    """300 samples of 12 features with unequal blocks, groups and leakage."""
    blocks = np.repeat([0, 1, 2], [3, 5, 4])
    strength = np.array([3.0, 1.0, 2.0])[blocks]
    model = mt.BlockModel([0.5, 0.3, 0.2], blocks, strength, np.cos(np.arange(12)), 0.0)
    return model.replace(leakage_variances=0.05, label_noise_variance=0.2).sample(300, rng=0)


@pytest.fixture(scope="module")
def data(drawn, tmp_path_factory):
    """A folder with the same samples in a file of each kind."""
    folder = tmp_path_factory.mktemp("data")
    features, labels, groups = drawn.features, drawn.labels, drawn.groups
    np.savez(folder / "x.npz", features=features, y=labels, part=groups, of=OTHERS)
    np.save(folder / "x.npy", np.column_stack([groups, features, labels]))
    np.save(folder / "of.npy", OTHERS)
    np.savez(folder / "objects.npz", features=features, y=labels.astype(object))
    bad = features.copy()
    bad[[7, 4, 4], [1, 9, 2]] = np.nan, np.inf, np.nan
    np.savez(folder / "bad.npz", features=bad, y=labels)
    np.savez(folder / "short.npz", features=features, y=labels[1:])
    with (folder / "x.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", *(f"f{i}" for i in range(12)), "part", "sign", "y"])
        for i, (row, label, group) in enumerate(zip(features, labels, groups, strict=True)):
            signs = "up" if label > 0 else "down"
            writer.writerow([f"s{i}", *row.tolist(), "abc"[group], signs, float(label)])
    (folder / "bad.csv").write_text(
        "f0,flat,y\n1,2,0\n3,2,1\n5,2,3\n6,2,1\n9,2,5\n7,2,0\n2,2,2\n4,2,8\n"
    )
    (folder / "none.csv").mkdir()
    return folder


@pytest.fixture
def audited(run, data, monkeypatch):
    """``audited(*arguments)``: run in the folder of `data`."""
    monkeypatch.chdir(data)
    return lambda *arguments: run("audit", *arguments)


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        (("x.csv", "--labels", "y", "--groups", "part", *NOT_FEATURES), ("part",)),
        (("x.npz", "--labels", "y"), ()),
        (("x.npz", "--labels", "y", "--groups", "part", "--block-of", "of"), ("part", "of")),
        (("x.npy", "--labels", "-1", "--groups", "0", "--block-of", "of.npy"), ("part", "of")),
    ],
)
def test_audit_says_of_each_kind_of_file_what_the_library_says(audited, drawn, arguments, asked):
    code, out, err = audited(*arguments, *FEW, "--json")
    assert (code, err) == (0, "")
    given = {
        "groups": drawn.groups if "part" in asked else None,
        "block_of": OTHERS if "of" in asked else None,
    }
    grid = [0.1, 1.0, 4.0]
    expected = mt.audit(drawn.features, drawn.labels, **given, noise_variances=grid, rng=3)
    document = json.loads(out)
    results = document["results"]
    assert document["entropy"] == "3"
    assert results["columns"] == {name: each.tolist() for name, each in expected.columns.items()}
    assert results["block_of"] == expected.block_of.tolist()
    assert (results["leakage"], results["verdict"]) == (expected.leakage, expected.verdict)
    begins = results["crossovers"]["moe"]["predicted"]["begins"]
    assert begins == {
        name: value if math.isfinite(value) else str(value)
        for name, value in expected.crossovers["moe"].predicted.begins._asdict().items()
    }
    assert results["samples"] == {"training": 225, "held_out": 75}
    if arguments[0] == "x.csv":
        assert results["names"] == ["a", "b", "c"]
        assert results["features"] == [f"f{i}" for i in range(12)]


@pytest.mark.parametrize("width", [None, 100, 80, 30])
def test_audit_prints_risks_and_a_verdict(audited, drawn, monkeypatch, width):
    monkeypatch.setattr(terminal, "width", lambda: width)
    code, out, err = audited("x.npz", "--labels", "y", "--groups", "part", *FEW)
    assert (code, err) == (0, "")
    expected = mt.audit(
        drawn.features, drawn.labels, groups=drawn.groups, noise_variances=[0.1, 1, 4], rng=3
    )
    table, _, rest = out.partition("\n\n3 experts")
    said = f"{expected.verdict}\nreplay with --seed 3\n"
    assert f"3 experts{rest}".split() == said.split()
    if width is None:
        assert rest.count("\n") == said.count("\n")
    else:
        assert max(map(len, out.splitlines())) <= width
    key = audits.KEY.split()
    assert table.split()[-len(key) :] == key
    lines = table.splitlines()
    for name in expected.predictors:
        # in how many parts the table comes
        assert sum(name in line.split() for line in lines) == (6 if width == 30 else 1)
        for what, sem in (("predicted", "predicted_sem"), ("measured", "sem")):
            value, error = (expected[f"{name}_{each}"][1] for each in (what, sem))
            assert f"{text.rounded(value, error)} ± {error:.2g}" in table


def test_audit_of_two_classes(audited, drawn):
    asked = ("x.csv", "--labels", "sign", "--groups", "part", "--ignore", "id", "--ignore", "y")
    code, out, _ = audited(*asked, *FEW, "--json")
    assert code == 0
    results = json.loads(out)["results"]
    assert results["classes"] == ["down", "up"]
    assert all(0.5 < share <= 1.0 for share in results["columns"]["moe_accuracy"][:2])
    assert "accuracy" in audited(*asked, *FEW)[1]


def test_audit_passes_on_what_it_is_told(audited, monkeypatch):
    asked = {}

    def noted(features, labels, **options):
        asked.update(options)
        raise KeyboardInterrupt

    monkeypatch.setattr(audits, "audit", noted)
    options = ("--experts", "2", "--held-out", "0.5", "--repeats", "7", "--center")
    code, out, err = audited("x.npz", "--labels", "y", *options, "--no-intercept", *FEW)
    assert (code, out, err) == (130, "", "moetheory: interrupted\n")
    del asked["progress"]
    assert asked == {
        "groups": None,
        "block_of": None,
        "experts": 2,
        "noise_variances": [0.1, 1.0, 4.0],
        "held_out": 0.5,
        "repeats": 7,
        "center": True,
        "intercept": False,
        "rng": 3,
    }


def test_audit_writes_a_table_a_figure_and_a_model(audited, run, drawn, tmp_path):
    table, figure, model = (tmp_path / name for name in ("a.csv", "a.png", "model.json"))
    asked = ("x.npz", "--labels", "y", "--groups", "part", *FEW)
    targets = ("--csv", str(table), "--figure", str(figure), "--save-model", str(model))
    said = f"table: {table}\nfigure: {figure}\nmodel: {model}\n"
    assert audited(*asked, *targets) == (*audited(*asked)[:2], said)
    expected = mt.audit(
        drawn.features, drawn.labels, groups=drawn.groups, noise_variances=[0.1, 1, 4], rng=3
    )
    comment, _, below = table.read_text().partition("\n")
    assert comment.startswith("# moetheory audit x.npz --labels y --groups part ")
    rows = list(csv.DictReader(io.StringIO(below)))
    assert list(rows[0]) == list(expected.columns)
    for name, column in expected.columns.items():
        assert [float(row[name]) for row in rows] == column.tolist()
    assert figure.read_bytes().startswith(b"\x89PNG")
    assert mt.BlockModel.from_json(model) == expected.model
    risks_of_it = json.loads(run("risk", "--model", str(model), "--json")[1])["results"]
    assert risks_of_it["moe"]["risk"] == mt.risk(mt.MoE(), expected.model).value


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("x.csv",), "the following arguments are required: --labels"),
        (
            ("x.csv", "--labels", "sing"),
            "--labels must name a column in the first line of 'x.csv', got 'sing'; did",
        ),
        (("x.csv", "--labels", "y"), "got in line 2 's0' in column 'id', 'b' in column 'part', "),
        (
            ("x.csv", "--labels", "y", "--groups", "prat"),
            "--groups must name a column in the first line of 'x.csv', ",
        ),
        (
            ("x.csv", "--labels", "y", "--ignore", "ID"),
            "--ignore must name a column in the first line of 'x.csv', go",
        ),
        (
            ("x.csv", "--labels", "y", "--block-of", "y"),
            "--block-of must be a .npy file where feat",
        ),
        (("x.npz", "--labels", "Y"), "--labels must name an array of 'x.npz', got 'Y'; there are"),
        (("x.npz", "--labels", "of"), "--labels must have shape (300,), one for each sample, got"),
        (("x.npy", "--labels", "14"), "--labels must be a column, 0 to 13 or from the end -1 to"),
        (("x.npy", "--labels", "3"), "at its ends, or all features would have to be copied"),
        (
            ("short.npz", "--labels", "y"),
            "--labels must have shape (300,), one for each sample, go",
        ),
        (
            ("objects.npz", "--labels", "y"),
            "array 'y' of 'objects.npz' must hold numbers or text, ",
        ),
        (
            ("bad.npz", "--labels", "y"),
            "features must be finite, got 3 that are not, the first nan at row 4, column 2",
        ),
        (("bad.csv", "--labels", "y"), "the first column 'flat' (always 2): leave them out"),
        (("nowhere.csv", "--labels", "y"), "'nowhere.csv' cannot be read: No such file or direct"),
        (("none.csv", "--labels", "y"), "'none.csv' cannot be read: Is a directory"),
        (("x.npy", "--labels", "y.npy"), "'y.npy' cannot be read: No such file or directory"),
        (("x.txt", "--labels", "y"), "FILE must end in .csv, .npz or .npy, got 'x.txt'"),
        (("x.npz", "--labels", "y", "--experts", "0"), "--experts must be at least 1, got 0"),
        (
            ("x.npz", "--labels", "y", "--experts", "x"),
            "--experts: must be an integer, got 'x'",
        ),
        (("x.npz", "--labels", "y", "--held-out", "1"), "--held-out must be less than 1, got 1"),
        (("x.npz", "--labels", "y", "--repeats", "0"), "--repeats must be at least 1, got 0"),
        (
            ("x.npz", "--labels", "y", "--noise-variances=-1"),
            "--noise-variances must be at least 0",
        ),
        (
            ("x.npz", "--labels", "y", "--noise-variances", "a"),
            "must be numbers separated by comma",
        ),
        (("x.npz", "--labels", "y", "--seed", "-1"), "argument --seed: must be at least 0, got -1"),
        (("x.npz", "--labels", "y", "--figure", "a.gif"), "--figure must end in .png, .pdf, .svg"),
        (("x.npz", "--labels", "y", "--csv", "no/x.csv"), "no/x.csv cannot be written: no is not"),
        (
            ("x.csv", "--labels", "y", "--csv", "none.csv/../x.csv"),
            "--csv must not be the file of FILE, which would be lost, got ",
        ),
        (
            ("x.npz", "--labels", "y", "--save-model", "x.npz"),
            "--save-model must not be the file of FILE, which would be lost, got x.npz",
        ),
    ],
)
def test_an_audit_that_cannot_be_is_one_line_and_exit_2(audited, arguments, message):
    code, out, err = audited(*arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err


def test_audit_counts_rows(audited, monkeypatch):
    shares = []

    class Recorded(terminal.Progress):
        def __call__(self, done: int, total: int) -> None:
            shares.append((self.unit, done / total))

    monkeypatch.setattr(terminal, "Progress", Recorded)
    assert audited("x.npz", "--labels", "y", *FEW)[0] == 0
    assert {unit for unit, _ in shares} == {"rows"}
    done = [share for _, share in shares]
    assert done == sorted(done)
    assert done[0] < done[-1] == 1.0


def test_an_audit_through_a_pipe(data):
    asked = f"{' '.join(COMMAND)} audit {data / 'x.npz'} --labels y {' '.join(FEW)}"
    done = subprocess.run(["bash", "-c", f"{asked} | tail -n 1"], capture_output=True, text=True)
    assert (done.stderr, done.stdout) == ("", "replay with --seed 3\n")

"""``moetheory audit`` on files of every kind."""

import csv
import io
import itertools
import json
import math
import mmap
import subprocess
import sys

import numpy as np
import pytest

import moetheory as mt
from moetheory.auditing.contenders import identity_share
from moetheory.auditing.tabular import table_of
from moetheory.auditing.verdict import headline
from moetheory.commands import audits
from moetheory.common import terminal

COMMAND = [sys.executable, "-m", "moetheory"]
OTHERS = np.arange(12) % 3  # other blocks than those that are there
VARIANCES = np.linspace(0.5, 2.0, 12)
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
    documents = np.arange(300) // 2
    both = np.column_stack([labels, -labels])
    np.savez(
        folder / "x.npz",
        features=features,
        y=labels,
        part=groups,
        of=OTHERS,
        doc=documents,
        yy=both,
    )
    np.savez(folder / "two.npz", acts=features, noisy=features + 1.0, y=labels)
    np.save(folder / "doc.npy", documents)
    np.save(folder / "text.npy", np.array([["a", "1"], ["b", "2"], ["c", "3"]] * 9))
    np.save(folder / "variances.npy", VARIANCES)
    np.save(folder / "covariance.npy", np.diag(VARIANCES) + 0.1)
    np.save(folder / "skew.npy", np.triu(np.ones((12, 12))))
    np.save(folder / "three.npy", np.ones(3))
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
    rows = [f"{i},{i % 7},{int(i == 4)}" for i in range(60)]
    (folder / "single.csv").write_text("\n".join(["a,b,y", *rows]))
    loud = np.random.default_rng(1).standard_normal((60, 4)) * [1e4, 1.0, 1.0, 1.0]
    lines = [",".join(map(str, [*row, 7, i % 3])) for i, row in enumerate(loud.tolist())]
    (folder / "whole.csv").write_text("\n".join(["loud,a,b,c,flat,grade", *lines]))
    (folder / "none.csv").mkdir()
    return folder


@pytest.fixture
def audited(run, data, monkeypatch):
    """``audited(*arguments)``: run in the folder of `data`."""
    monkeypatch.chdir(data)
    return lambda *arguments: run("audit", *arguments)


def in_json(value):
    """A number as a JSON document has it."""
    return value if math.isfinite(value) else str(value)


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
    assert list(results["crossovers"]) == list(expected.crossovers)
    for name, found in results["crossovers"].items():
        crossovers = expected.crossovers[name]
        assert (found["against"], found["agree"]) == (crossovers.against, crossovers.agree)
        for side, end in itertools.product(("predicted", "measured"), ("begins", "ends")):
            place = getattr(getattr(crossovers, side), end)._asdict()
            assert found[side][end] == {key: in_json(value) for key, value in place.items()}
    for name in ("noise", "level_name", "router", "source", "label_power", "modularity"):
        assert results[name] == getattr(expected, name)
    assert results["headline"] == headline(expected).splitlines()
    assert results["chance"] == expected.chance._asdict()
    assert results["astray"] == expected.astray.tolist()
    assert results["notes"] == list(expected.notes)
    assert results["identity_share"] == in_json(identity_share(expected))
    assert results["choice"] is None
    assert results["samples"] == {"training": 225, "held_out": 75}
    if arguments[0] == "x.csv":
        assert results["names"] == ["a", "b", "c"]
        assert results["features"] == [f"f{i}" for i in range(12)]


@pytest.mark.parametrize("width", [None, 100, 80, 36])
def test_audit_prints_the_verdict_before_the_risks(audited, drawn, monkeypatch, width):
    monkeypatch.setattr(terminal, "width", lambda: width)
    code, out, err = audited("x.npz", "--labels", "y", *FEW)
    assert (code, err) == (0, "")
    expected = mt.audit(drawn.features, drawn.labels, noise_variances=[0.1, 1, 4], rng=3)
    first, notes, rest, *table, key, replay = out.split("\n\n")
    assert first.split() == headline(expected).split()
    assert expected.notes
    assert notes.split() == " ".join(f"Note: {each}" for each in expected.notes).split()
    assert f"{first} {notes} {rest}".split() == expected.verdict.split()
    assert "\n\n".join(table) == expected.table(width)
    assert key.split() == f"{audits.DENSE_KEY}{audits.EXPERTS_KEY}.".split()
    assert replay == "replay with --seed 3\n"
    if width is None:
        assert first == headline(expected)
    else:
        assert max(map(len, out.splitlines())) <= width


def test_what_is_printed_names_options_and_columns(audited):
    asked = (
        "whole.csv",
        "--labels",
        "grade",
        "--seed",
        "0",
        "--noise-variances",
        "1",
        "--experts",
        "2",
    )
    out = audited(*asked)[1]
    assert "Note: features that never vary are left out: 1 constant (flat)." in out
    assert "whole numbers, taken as numbers; --classes takes them as names" in out
    assert "the same noise on all of them means little; --noise relative is in proportion" in out
    assert "classes=" not in out
    assert "noise=" not in out
    blocks = [line.partition(": ")[2] for line in out.splitlines() if line.startswith("block ")]
    assert sorted(", ".join(blocks).split(", ")) == ["a", "b", "c", "loud"]
    told = audited(*asked, "--noise", "relative", "--classes")[1]
    assert "taken as numbers" not in told
    assert "very different scales" not in told
    assert "relative noise variance  risk" in told
    assert "accuracy" in told


def test_audit_of_two_classes(audited, drawn):
    asked = ("x.csv", "--labels", "sign", "--groups", "part", "--ignore", "id", "--ignore", "y")
    code, out, _ = audited(*asked, *FEW, "--json")
    assert code == 0
    results = json.loads(out)["results"]
    assert results["classes"] == ["down", "up"]
    assert all(0.5 < share <= 1.0 for share in results["columns"]["moe(block)_accuracy"][:2])
    assert "accuracy" in audited(*asked, *FEW)[1]


def test_audit_passes_on_what_it_is_told(audited, monkeypatch):
    asked = {}

    def noted(features, labels, **options):
        asked.update(options)
        raise KeyboardInterrupt

    monkeypatch.setattr(audits, "audit", noted)
    options = ("--experts", "2", "--held-out", "0.5", "--repeats", "7", "--no-center")
    more = ("--no-intercept", "--router", "nearest", "--classes", "--keep-constant")
    named = ("--clusters", "doc", "--noise", "relative")
    code, out, err = audited("x.npz", "--labels", "y", *options, *more, *named, *FEW)
    assert (code, out, err) == (130, "", "moetheory: interrupted\n")
    del asked["progress"]
    assert asked.pop("clusters").tolist() == (np.arange(300) // 2).tolist()
    assert asked == {
        "groups": None,
        "block_of": None,
        "experts": 2,
        "router": "nearest",
        "noise": "relative",
        "noise_variances": [0.1, 1.0, 4.0],
        "held_out": 0.5,
        "repeats": 7,
        "center": False,
        "intercept": False,
        "classes": True,
        "keep_constant": True,
        "rng": 3,
    }


@pytest.mark.parametrize("options", [(), ("--center",)])
def test_features_are_measured_from_their_means_unless_it_is_refused(audited, options):
    """``--center`` was an option before it became the default."""
    asked = ("x.npz", "--labels", "y", *FEW, "--json")
    centred, raw = (audited(*asked, *each)[1] for each in (options, ("--no-center",)))
    assert (
        json.loads(centred)["results"]["signal"]
        == json.loads(audited(*asked)[1])["results"]["signal"]
    )
    assert json.loads(centred)["results"]["signal"] != json.loads(raw)["results"]["signal"]


@pytest.mark.parametrize(
    ("options", "given"),
    [
        (("--noise", "variances.npy"), {"noise": VARIANCES}),
        (("--noise", "covariance.npy"), {"noise": np.diag(VARIANCES) + 0.1}),
        (("--noise", "dropout", "--noise-variances", "0.1,0.5"), {"noise": "dropout"}),
        (
            ("--router", "logistic", "--experts", "2-4"),
            {"router": "logistic", "experts": (2, 3, 4)},
        ),
        (("--experts", "2,5", "--noise", "own"), {"experts": (2, 5), "noise": "own"}),
        (
            (
                "--experts",
                "auto",
            ),
            {"experts": "auto"},
        ),
        (("--clusters", "doc"), {"clusters": np.arange(300) // 2}),
    ],
)
def test_an_option_means_what_the_argument_means(audited, drawn, options, given):
    code, out, err = audited("x.npz", "--labels", "y", *FEW, *options, "--json")
    assert (code, err) == (0, "")
    levels = [0.1, 0.5] if "dropout" in options else [0.1, 1.0, 4.0]
    expected = mt.audit(drawn.features, drawn.labels, noise_variances=levels, rng=3, **given)
    results = json.loads(out)["results"]
    assert results["columns"] == {name: each.tolist() for name, each in expected.columns.items()}
    assert (results["noise"], results["router"]) == (expected.noise, expected.router)
    chosen = None if expected.choice is None else expected.choice._asdict()
    assert results["choice"] == json.loads(json.dumps(chosen))


def test_the_array_of_features_and_other_files_have_names(audited, drawn):
    named = audited("two.npz", "--labels", "y", "--features", "acts", *FEW, "--json")[1]
    of_npy = audited("x.npy", "--labels", "-1", "--ignore", "0", "--clusters", "doc.npy", *FEW)
    expected = mt.audit(drawn.features, drawn.labels, noise_variances=[0.1, 1, 4], rng=3)
    columns = json.loads(named)["results"]["columns"]
    assert columns["dense_measured"] == expected["dense_measured"].tolist()
    assert of_npy[0] == 0
    assert "150 clusters stay together" in of_npy[1]


def test_a_memory_map_with_names_is_not_copied(audited, monkeypatch):
    asked = []

    def noted(features, labels, **options):
        asked.append(table_of(features))
        raise KeyboardInterrupt

    monkeypatch.setattr(audits, "audit", noted)
    assert audited("x.npy", "--labels", "-1", "--groups", "0")[0] == 130
    (table,) = asked
    memory = table.array
    while isinstance(memory, np.ndarray):
        memory = memory.base
    assert isinstance(memory, mmap.mmap)
    assert table.names == [str(number) for number in range(1, 13)]


def test_labels_may_be_several(audited, drawn):
    results = json.loads(audited("x.npz", "--labels", "yy", *FEW, "--json")[1])["results"]
    both = np.column_stack([drawn.labels, -drawn.labels])
    expected = mt.audit(drawn.features, both, noise_variances=[0.1, 1, 4], rng=3)
    assert results["columns"]["dense_measured"] == expected["dense_measured"].tolist()


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
    header = [name.replace(",", ";") for name in expected.columns]
    assert list(rows[0]) == header
    for name, column in zip(header, expected.columns.values(), strict=True):
        assert [float(row[name]) for row in rows] == column.tolist()
    assert figure.read_bytes().startswith(b"\x89PNG")
    assert mt.BlockModel.from_json(model) == expected.model
    risks_of_it = json.loads(run("risk", "--model", str(model), "--json")[1])["results"]
    assert risks_of_it["moe"]["risk"] == mt.risk(mt.MoE(), expected.model).value


def test_a_model_that_cannot_be_is_told_after_the_verdict(audited, tmp_path):
    model, table = tmp_path / "model.json", tmp_path / "a.csv"
    asked = ("x.npz", "--labels", "yy", "--groups", "part", *FEW)
    for more in ((), ("--json",)):
        plain = audited(*asked, *more)
        assert plain[0] == 0
        written = ("--csv", str(table), "--save-model", str(model))
        code, out, err = audited(*asked, *more, *written)
        assert (code, out) == (2, plain[1])
        said = err.splitlines()
        assert said[0] == f"table: {table}"
        assert len(said) == 2
        assert "nearest to the data cannot be had: labels must be one column" in said[1]
        assert not model.exists()


def test_one_block_is_shown_without_mixtures(audited, tmp_path):
    table = tmp_path / "a.csv"
    code, out, _ = audited(
        "x.npz", "--labels", "y", "--experts", "1", *FEW, "--csv", str(table), "--seed", "3"
    )
    assert code == 0
    assert "Nothing to compare: with one block a mixture is the dense predictor." in out
    key = out.split("\n\n")[-2]
    assert key.split() == f"{audits.DENSE_KEY} of all labels.".split()
    assert "moe(" not in out
    assert "router" not in out
    assert "moe(block; router)_measured" in table.read_text()


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
        (("x.npz", "--labels", "of"), "--labels must have shape (300,)"),
        (("x.npy", "--labels", "14"), "--labels must be a column, 0 to 13 or from the end -1 to"),
        (
            ("short.npz", "--labels", "y"),
            "--labels must have shape (300,)",
        ),
        (
            ("objects.npz", "--labels", "y"),
            "array 'y' of 'objects.npz' must hold numbers or text, ",
        ),
        (
            ("bad.npz", "--labels", "y"),
            "features must be finite, got 3 that are not, the first nan at row 4, column 2",
        ),
        (
            ("bad.csv", "--labels", "y", "--keep-constant"),
            "the features must vary, got 1 constant (flat): leave them out",
        ),
        (
            ("text.npy", "--labels", "1"),
            "the features must hold real numbers, got <U1 values",
        ),
        (("nowhere.csv", "--labels", "y"), "'nowhere.csv' cannot be read: No such file or direct"),
        (("none.csv", "--labels", "y"), "'none.csv' cannot be read: Is a directory"),
        (("x.npy", "--labels", "y.npy"), "'y.npy' cannot be read: No such file or directory"),
        (("x.txt", "--labels", "y"), "FILE must end in .csv, .tsv, .csv.gz, "),
        (("x.npz", "--labels", "y", "--experts", "0"), "--experts must be at least 1, got 0"),
        (
            ("x.npz", "--labels", "y", "--experts", "x"),
            "argument --experts: must be an integer, a range A-B, integers separated by commas, or",
        ),
        (("x.npz", "--labels", "y", "--experts", "13-20"), "--experts must be at most 12, as many"),
        (("x.npz", "--labels", "y", "--experts", "9-2"), "must be A-B with A not above B, got '9"),
        (
            ("x.npz", "--labels", "y", "--experts", "2", "--groups", "part"),
            "--experts must be 3, as many as --groups has, got 2",
        ),
        (
            ("x.npz", "--labels", "y", "--router", "nearst"),
            "argument --router: invalid choice: 'nearst'; did you mean nearest?",
        ),
        (
            ("x.npz", "--labels", "y", "--noise", "relativ"),
            "argument --noise: must be equal, relative, own, dropout or a .npy file, got "
            "'relativ'; did you mean relative?",
        ),
        (
            ("x.npz", "--labels", "y", "--noise", "no.npy"),
            "'no.npy' cannot be read: No such file or directory",
        ),
        (
            ("x.npz", "--labels", "y", "--noise", "three.npy"),
            "--noise must have ",
        ),
        (
            ("x.npz", "--labels", "y", "--noise", "skew.npy"),
            "--noise must be a covariance, got a matrix that is not symmetric",
        ),
        (
            ("x.npz", "--labels", "y", "--noise", "dropout", "--noise-variances", "0.5,1"),
            "--noise-variances must be probabilities below 1 with --noise dropout, got 1",
        ),
        (
            ("x.npz", "--labels", "y", "--classes"),
            "--labels must have at least 2 samples of each class, got a single one of ",
        ),
        (
            ("single.csv", "--labels", "y"),
            "got a single one of 1.0; --regression takes both as numbers",
        ),
        (
            ("x.csv", "--labels", "sign", "--regression", "--ignore", "id", "--ignore", "part"),
            "--labels must hold numbers for regression, got ",
        ),
        (
            ("x.npz", "--labels", "y", "--classes", "--regression"),
            "argument --regression: not allowed with argument --classes",
        ),
        (
            ("x.npz", "--labels", "y", "--center", "--no-center"),
            "argument --no-center: not allowed with argument --center",
        ),
        (
            ("two.npz", "--labels", "y"),
            "--features must name an array of 'two.npz' where none is called features",
        ),
        (
            ("two.npz", "--labels", "y", "--features", "act"),
            "--features must name an array of 'two.npz', got 'act'; did you mean",
        ),
        (
            ("x.csv", "--labels", "y", "--features", "f1"),
            "--features is for the arrays of an .npz file, got a .csv file",
        ),
        (
            ("x.npz", "--labels", "y", "--noise", "skew.npy", "--csv", "skew.npy"),
            "--csv must not be the file of --noise, which would be lost, got skew.npy",
        ),
        (
            ("x.npy", "--labels", "-1", "--clusters", "doc.npy", "--csv", "doc.npy"),
            "--csv must not be the file of --clusters, which would be lost, got doc.npy",
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

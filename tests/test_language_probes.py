"""Linear probes on English text: their penalties, their noise, and the numbers they print."""

import csv
import re
import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from scipy import stats

import moetheory as mt

FOLDER = Path(__file__).parent.parent / "examples" / "language"
SMALL = ["--quick", "--words", "60", "--experts", "3", "--paragraphs", "200"]


@pytest.mark.parametrize("name", ["probes.py", "corpus.py", "cloze.py"])
def test_without_the_extra_probes_alone_do_not_run(name):
    # corpus and cloze stop at the help: that they run is tested where examples are
    code = f"""
import runpy, sys
sys.modules["sklearn"] = None
sys.argv = [{name!r}, *{[] if name == "probes.py" else ["--help"]!r}]
sys.path.insert(0, {str(FOLDER)!r})
runpy.run_path({str(FOLDER / name)!r}, run_name={"__main__" if name != "corpus.py" else name!r})
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if name == "probes.py":
        assert done.returncode == 2
        assert done.stdout == ""
        assert len(done.stderr.splitlines()) == 1
        assert "pip install 'moetheory[probes]'" in done.stderr
        assert "pip install -e '.[probes]'" in done.stderr
    else:
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_probe_is_at_the_least_of_its_loss(language, classes, share):
    pytest.importorskip("sklearn")
    classifiers = language("classifiers")
    rng = np.random.default_rng(1)
    rows = rng.standard_normal((300, 6))
    labels = (rows[:, :classes] + rng.standard_normal((300, classes))).argmax(axis=1)
    penalty = 0.15
    (found,) = classifiers.path(rows, labels, classes, share, [penalty])
    beta, intercept = found
    # each class counts half a row of zeros more
    x = np.vstack([rows, np.zeros((classes, 6))])
    weights = np.r_[np.ones(300), np.full(classes, 0.5)]
    odds = np.exp(x @ beta.T + intercept)
    wrong = odds / odds.sum(axis=1, keepdims=True)
    wrong -= np.eye(classes)[np.r_[labels, np.arange(classes)]]
    slope = (wrong * weights[:, np.newaxis]).T @ x / weights.sum()
    assert np.abs(weights @ wrong / weights.sum()).max() < 1e-4
    if classes == 2:
        beta, slope = beta[1:], slope[1:]
    slope += penalty * (1.0 - share) * beta
    edge = penalty * share
    assert np.abs(slope + edge * np.sign(beta))[beta != 0.0].max() < 1e-4
    assert np.all(np.abs(slope[beta == 0.0]) < edge + 1e-4)
    assert np.any(beta == 0.0) == (share > 0.0)
    # a penalty that is 10 % off would be seen
    assert np.abs(0.1 * (slope - penalty * (1.0 - share) * beta))[beta != 0.0].max() > 2e-3


def test_the_penalty_is_the_best_for_the_rows_that_validate(language):
    pytest.importorskip("sklearn")
    classifiers = language("classifiers")
    rng = np.random.default_rng(2)
    rows, experts = rng.standard_normal((200, 4)), rng.integers(2, size=200)
    labels = (rows[:, 0] + rows[:, 2] + rng.standard_normal(200) > 0.0).astype(int)
    sees = np.array([[True, True, False, False], [False, False, True, True]])
    validating = np.arange(200) % 4 == 0
    probe = classifiers.fit(rows, labels, experts, sees, 0.0, validating)
    losses = []
    for penalty in classifiers.PENALTIES:
        loss = 0.0
        for k, seen in enumerate(sees):
            one, new = ((experts == k) & (validating == of) for of in (False, True))
            (fitted,) = classifiers.path(rows[one][:, seen], labels[one], 2, 0.0, [penalty])
            margin = (rows[new][:, seen] @ fitted[0][1] + fitted[1][1]) * (2 * labels[new] - 1)
            loss += np.log1p(np.exp(-margin)).sum()
        losses.append(loss)
    assert 0 < np.argmin(losses) < len(losses) - 1
    assert probe.penalty == classifiers.PENALTIES[np.argmin(losses)]
    assert np.all(probe.coefficients[~sees[:, np.newaxis] & np.ones((1, 2, 1), bool)] == 0.0)
    said = probe.classify(rows, experts)
    by_hand = [
        int(x @ probe.coefficients[k, 1] + probe.intercepts[k, 1] > 0.0)
        for x, k in zip(rows, experts, strict=True)
    ]
    assert said.tolist() == by_hand


def test_accuracies_under_noise_are_those_of_the_theory(language, monkeypatch):
    """Predictors trained without noise, strict blocks: the angles of docs/theory.md, section 12."""
    probes, classifiers, drops = (language(name) for name in ("probes", "classifiers", "drops"))
    monkeypatch.setattr(probes, "REPEATS", 1)  # as many independent inputs as there are samples
    model = mt.BlockModel.isotropic(12, 3, 0.0, signal_energy=4.0)  # unit mean square, if active
    count, rng = 300_000, np.random.default_rng(3)
    sample = model.sample(count, rng=rng)
    inside = model.block_of == np.arange(3)[:, np.newaxis]
    beta = model.coefficients
    stacked = {"Ridge": beta[np.newaxis], "oracle": beta * inside}
    made = {
        name: classifiers.Probe(np.stack([0 * each, each], axis=1), np.zeros((len(each), 2)), 0.0)
        for name, each in stacked.items()
    }
    given = probes.Experiment(
        sample.features,
        (sample.labels > 0.0).astype(np.int64),
        model.block_of,
        sample.groups,
        {},
        np.ones(count, bool),
    )
    found = probes.accuracies(given, made, rng)
    signal = beta[:4] @ beta[:4]  # the variance of a label
    for name, blocks in (("Ridge", 3.0), ("oracle", 1.0)):
        noise = drops.SIGMAS**2 * signal * blocks
        theory = 1.0 - np.arccos(np.sqrt(signal / (signal + noise))) / np.pi
        sem = np.sqrt(theory * (1.0 - theory) / count)
        assert found[name][0] == 1.0
        z = (found[name] - theory)[1:] / sem[1:]
        assert np.abs(z).max() < 5.0
        assert np.max((5.0 + 1.28) * sem / theory) < 0.01  # an error of 1 % is seen in 90 %
    assert np.all(found["oracle"][1:] > found["Ridge"][1:] + 0.02)


def test_gates_route_by_the_largest_energy_beside_its_mean(language):
    probes, corpus, features = (language(name) for name in ("probes", "corpus", "features"))
    rng = np.random.default_rng(4)
    topics = rng.integers(3, size=400)
    words = [
        tuple(f"{'abc'[t]}{'xyzuvw'[k]}" for k in rng.integers(6, size=8)) + ("no",) * 2
        for t in np.where(rng.random((400, 10)) < 0.8, topics[:, np.newaxis], 0)[:, 0]
    ]
    counts = features.Counts.of([corpus.Paragraph(each, "file") for each in words])
    columns = np.flatnonzero(counts.words != "no")
    block_of = np.array(["abc".index(word[0]) for word in counts.words[columns]])
    lexicon = features.Lexicon(columns, rng.uniform(1.0, 2.0, len(columns)), block_of)
    held = np.arange(400) % 4 == 0
    task = probes.Task("topic", ("ax",), topics)
    given = probes.prepared(counts, lexicon, task, np.arange(400), held, rng)
    energies = np.stack(
        [np.square(given.rows[:, given.block_of == k]).sum(axis=1) for k in range(3)], axis=1
    )
    by_hand = (energies / energies[~held].mean(axis=0)).argmax(axis=1)
    assert given.rows.shape == (400, 17)
    assert np.array_equal(given.groups, by_hand)
    clean, informed = given.gates["gate"], given.gates["gate, σ known"]
    assert np.array_equal(clean.route(given.rows, 0), by_hand)
    assert np.array_equal(informed.route(given.rows, 0), by_hand)
    # at the most noise the gate that knows it errs less than the one that does not
    noisy = np.repeat(given.rows, 20, axis=0)
    noisy = noisy + probes.SIGMAS[-1] * rng.standard_normal(noisy.shape)
    right = np.repeat(by_hand, 20)
    known, unknown = (np.mean(g.route(noisy, k) == right) for g, k in ((informed, 4), (clean, 0)))
    assert known > unknown + 4.0 * np.sqrt(0.25 / len(right))


def test_probes_on_documentation(language, monkeypatch, capsys, tmp_path):
    pytest.importorskip("sklearn")
    figure, table = tmp_path / "probes.png", tmp_path / "probes.csv"
    kept = tmp_path / "probes.json"
    arguments = ["probes.py", *SMALL, "--figure", str(figure), "--csv", str(table)]
    arguments += ["--numbers", str(kept)]
    monkeypatch.setattr(sys, "argv", arguments)
    matplotlib.use("Agg")
    probes = language("probes")
    few = language("corpus").read(every=9)
    monkeypatch.setattr(probes, "read", lambda every: few)
    probes.main()
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 100
    assert figure.read_bytes().startswith(b"\x89PNG")
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    tasks, names = ({row[of]: None for row in rows} for of in ("task", "probe"))
    assert list(tasks) == ["array", "function", "which word", "package"]
    assert len(names) == 8
    penalties = {name: [row["penalty"] for row in rows if row["probe"] == name] for name in names}
    assert penalties["Ridge, equal μ"] == penalties["oracle"] == penalties["gate"]
    assert penalties["Ridge"] != penalties["oracle"]
    accuracies = {
        (task, name): np.array(
            [row["accuracy"] for row in rows if (row["task"], row["probe"]) == (task, name)],
            dtype=float,
        ).reshape(3, 5)
        for task in tasks
        for name in names
    }
    for case in probes.read_numbers(kept):
        for name, values in case.accuracies.items():
            assert np.array_equal(values, accuracies[case.task, name][case.part])
    drops = {
        key: 100.0 * (each[:, 0] - each[:, 4]) / each[:, 0] for key, each in accuracies.items()
    }
    label = language("drops").name
    pair = r"(-?\d+\.\d) ± *(\d+\.\d)"
    for task in tasks:
        own = out.split(f"\n{task}: ")[1].split("\n\n")[0]
        for name in names:
            line = next(line for line in own.splitlines() if line.startswith(f"{label(name):24}"))
            said = [tuple(map(float, each)) for each in re.findall(pair, line)]
            assert len(said) == 6
            lost = drops[task, name]
            half = stats.t(2).ppf(0.975) * lost.std(ddof=1) / np.sqrt(3)
            assert said[4] == pytest.approx((lost.mean(), half), abs=0.051)
            clean = 100.0 * accuracies[task, name][:, 0].mean()
            assert said[0][0] == pytest.approx(clean, abs=0.051)
    least = out.split("Drop at 2, experts minus")[1]
    line = next(line for line in least.splitlines() if line.startswith("package     oracle"))
    paired = drops["package", "oracle"] - drops["package", "Ridge"]
    half = stats.t(2).ppf(0.975) * paired.std(ddof=1) / np.sqrt(3)
    said = re.findall(pair, line)[1]
    assert tuple(map(float, said)) == pytest.approx((paired.mean(), half), abs=0.051)
    wins = sum(
        min(drops[task, name].mean() for name in ("Lasso", "Ridge", "Elastic Net", "oracle"))
        == drops[task, "oracle"].mean()
        for task in tasks
    )
    assert f"experts (oracle): smallest drop in {wins} (" in out


@pytest.mark.parametrize(("name", "ranks"), [("first", (1, 1, 1, 4)), ("second", (1, 1, 1, 1))])
def test_the_order_of_the_paper_is_recognised(language, name, ranks):
    drops = language("drops")
    cases = []
    for task, place in zip(drops.PUBLISHED, ranks, strict=True):
        for part in range(2):
            lost = dict(zip(drops.GLOBAL, (0.2, 0.3, 0.4), strict=True))
            lost[drops.CONTROL] = 0.5 - 0.001 * part
            lost |= dict.fromkeys(drops.EXPERTS, 0.1 * place + 0.05 * (place > 1))
            found = {
                probe: np.array([0.8] * 4 + [0.8 * (1 - each)]) for probe, each in lost.items()
            }
            cases.append(drops.Case(task, part, 2, 10, {}, found))
    said = drops.verdict(cases)
    assert "(the MoE of [SNB]: smallest drop in 3, largest in 1, AG News)" in said
    assert ("4: the order of [SNB]" in said) == (name == "first")
    assert ("3: not the order of [SNB]" in said) == (name == "second")
    assert said.count("Ridge, equal μ: drop smaller in 4 (4), accuracy higher in 4 (4).") == 4


def test_arguments_that_cannot_be(language, monkeypatch, capsys):
    probes = language("probes")
    for option, value, said in (
        ("--splits", "1", "--splits must be at least 2, got 1"),
        ("--experts", "0", "--experts must be at least 1, got 0"),
        ("--words", "7", "--words must be at least 8, got 7"),
    ):
        monkeypatch.setattr(sys, "argv", ["probes.py", option, value])
        with pytest.raises(SystemExit, match="2"):
            probes.main()
        assert said in capsys.readouterr().err

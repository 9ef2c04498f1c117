"""The examples run, and say what their text promises."""

import ast
import csv
import importlib
import json
import re
import sys
from inspect import cleandoc
from pathlib import Path

import matplotlib
import numpy as np
import pytest

import moetheory as mt

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.fixture
def run(example):
    """``run(name, *arguments)``: what an example prints."""
    return example


def test_the_law_for_a_lecture(run, tmp_path):
    figure = tmp_path / "law.png"
    out = run("one_over_k.py", str(figure))
    assert "16  0.5000  0.0588      0.0625" in out
    assert "the theorem holds" in out
    assert figure.read_bytes().startswith(b"\x89PNG")


def test_six_maps(run, tmp_path):
    out = run("maps.py", str(tmp_path / "maps"))
    assert len(list((tmp_path / "maps").glob("*.png"))) == 6
    found = dict(part.split("\n", 1) for part in out.strip().split("\n\n"))
    for title, lines in found.items():
        assert re.search(r"^(moe|moe\(hard\)) wins in [\d.]+ % of the cells", lines, re.MULTILINE)
        assert re.search(r"^dense wins in [\d.]+ % of the cells", lines, re.MULTILINE), title


def test_a_theorem_that_breaks(run):
    out = run("break_a_theorem.py")
    assert "strict blocks: holds" in out
    winners = [line.split()[-1] for line in out.splitlines() if line.startswith("    0.")]
    assert winners == ["experts", "experts", "dense", "dense", "dense"]
    assert "assumptions not met: needs strict blocks (no leakage)" in out


@pytest.mark.slow
def test_structure_and_ridge(run, tmp_path):
    figure = tmp_path / "ridge.png"
    out = run("structure_or_ridge.py", str(figure))
    rows = [line.split() for line in out.splitlines() if line[:1] == " " and line[7:8].isdigit()]
    assert len(rows) == 24
    for _, dense, tuned_dense, experts, tuned_experts in (map(float, row) for row in rows):
        assert tuned_experts <= tuned_dense
        assert tuned_dense <= dense
        assert tuned_experts <= experts
    assert any(float(row[3]) > float(row[2]) for row in rows)  # experts without ridge may lose
    assert figure.read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_how_far_the_law_reaches_if_nobody_knows_the_groups(run):
    out = run("routed_law.py")
    rows = [
        [float(cell) for cell in re.sub("[(to)]", " ", line).split()]
        for line in out.splitlines()
        if line[:2].strip().isdigit()
    ]
    assert [row[0] for row in rows] == [2, 4, 8, 16, 32, 64]
    for _, oracle, hard, bound, middle, known, sorted_, costs, low, high, ratio in rows:
        assert oracle <= hard <= bound
        # medians over training sets, whose groups are drawn
        assert abs(middle - oracle) < 0.07 * oracle
        assert abs(known - hard) < 0.04 * hard
        assert low <= costs <= high < 10.0
        assert abs(ratio * middle - sorted_) < 0.01 * sorted_
    assert "up to K = 32 with known groups, up to K = 32 sorted by the router" in out


def test_what_routing_costs(run, tmp_path):
    figures = tmp_path / "noise.png", tmp_path / "law.png"
    out = run("gates.py", *map(str, figures))
    experts, noise = out.split("excess risk with")
    rows = [[float(cell) for cell in line.replace("|", "").split()] for line in tabled(experts)]
    assert [row[0] for row in rows] == [1, 2, 4, 8, 16, 32, 64, 128, 256]
    for k, dense, oracle, soft, hard, *scaled in rows:
        assert oracle <= soft <= hard <= dense
        for risk, product in zip((oracle, soft, hard), scaled, strict=True):
            assert abs(k * risk - product) <= 5.1e-5 * k + 5.1e-4
    hard = [row[4] for row in rows]
    turn = min(range(len(hard)), key=hard.__getitem__)
    assert turn < len(hard) - 1
    assert f"hard routing is least at K = {rows[turn][0]:g}: {hard[turn]:.4f}" in out
    assert f"soft routing falls all the way to K = 256: {rows[-1][3]:.4f}" in out
    assert sorted((row[3] for row in rows), reverse=True) == [row[3] for row in rows]
    assert "soft routing is within 10 % of the oracle up to K = 64\n" in out
    assert "hard routing is within 10 % of the oracle up to K = 32\n" in out
    assert "hard routing is above dense at no K\n" in out
    end = float(out.split("at noise variance ")[1].split()[0])
    for line in tabled(noise):
        value, dense, _, soft, hard = map(float, line.split())
        assert (hard > dense) == (value > end)
        assert soft <= dense
    assert "soft,  optimal: K = 128, K = 64 by the bound\n" in out
    assert "hard,  optimal: K = 128, K = 64 by the bound\n" in out
    assert "soft, n = 1024: K = 256, K = 64 by the bound\n" in out
    assert "hard, n = 1024: K = 128, K = 64 by the bound\n" in out
    assert all(figure.read_bytes().startswith(b"\x89PNG") for figure in figures)
    assert not Path("law.png").exists()


def tabled(text: str) -> list[str]:
    return [line for line in text.splitlines() if re.fullmatch(r" *[\d.]+( +[\d.]+){4}.*", line)]


def test_every_example_is_run():
    source = Path(__file__).read_text(encoding="utf-8")
    for path in EXAMPLES.glob("*.py"):
        assert f'run("{path.name}"' in source, path.name


def test_what_it_takes_to_learn_a_router(run):
    out = run("learned_router.py")
    exponents = [float(value) for value in re.findall(r"a = (-?\d\.\d\d) ±", out)]
    in_n, of_blocks, of_all = exponents
    assert abs(in_n + 1.0) < 0.1
    assert 1.6 < of_blocks < 2.4
    assert 1.6 < of_all < 2.5


def test_when_the_test_differs_from_training(run, tmp_path):
    figure = tmp_path / "robustness.png"
    out = run("robustness.py", str(figure))
    rows = {line[2:27].strip(): line[27:].split() for line in out.splitlines()[1:7]}
    assert rows["test noise variance"][:2] == ["5.5", "always"]  # below and above 1/√p = 4
    assert rows["radius of a shift"][1] == "always"
    assert rows["erasure probability"][:2] == ["always", "always"]
    assert float(rows["erasure probability"][2]) < 0.03
    plain, dragged = rows["misrouting rate"], rows["misrouting rate, drag 1"]
    assert all(float(b) < float(a) for a, b in zip(plain, dragged, strict=True))
    simulated = re.findall(r"simulated ([\d.]+) ± ([\d.]+)", out)
    assert len(simulated) == 3
    assert all(abs(float(mean) - 1.0) < 5.0 * float(sem) for mean, sem in simulated)
    assert figure.read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_how_many_experts(run, tmp_path):
    figure = tmp_path / "ladder.png"
    out = run("ladder.py", str(figure))
    rows = [list(map(float, line.split())) for line in out.splitlines()[1:17]]
    experts, infinite, many, few = np.array(rows).T
    assert list(experts) == list(range(1, 17))
    assert np.all(np.diff(infinite) < 0.0)
    assert np.all((infinite < many) & (many < few))
    assert "infinite: best 16 experts, sharing: none" in out
    best = int(experts[few.argmin()])
    assert 1 < best < 16
    shared = re.search(rf"n = 680: best {best} experts, sharing: (.*)", out)[1]
    assert {"13", "14", "15"} <= set(shared.split())  # the rarest
    assert figure.read_bytes().startswith(b"\x89PNG")


def test_how_fast_training_gets_there(run, tmp_path):
    figure = tmp_path / "convergence.png"
    out = run("convergence.py", str(figure))
    counts = [line.split()[-3:] for line in out.splitlines() if line.startswith("  ")][:6]
    assert counts[:3] == [["53", "53", "3392"], ["16", "128", "1024"], ["133", "133", "1064"]]
    assert counts[3:] == [["3", "3", "192"], ["6", "48", "384"], ["6", "6", "48"]]
    stopped = re.findall(r"best after +(\d+) steps: risk ([\d.]+) .* after 100000: ([\d.]+)", out)
    assert len(stopped) == 4
    assert all(0 < int(t) < 1000 and float(best) < float(late) for t, best, late in stopped)
    assert figure.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("kind", ["two names", "three names", "rectified"])
def test_activations_of_a_language_model(run, tmp_path, kind):
    file, figure = tmp_path / "activations.npz", tmp_path / "activations.png"
    model = mt.BlockModel.isotropic(
        12, 3, 0.0, signal_energy=12.0, leakage_variances=0.05, label_noise_variance=0.1
    )
    sample = model.sample(1200, rng=0)
    features, rectified = sample.features.astype(np.float16), kind == "rectified"
    names = ["high", "low"] if kind == "two names" else ["high", "low", "none"]
    code = np.digitize(sample.labels, [0.0] if kind == "two names" else [-0.5, 0.5])
    data = {"features": features, "labels": np.array(names)[code]}
    truth = np.eye(3)[code] if kind == "three names" else code[:, np.newaxis]
    data["groups"] = np.array(["fr", "en", "de"])[sample.groups]
    if rectified:  # kinds of text are to be found, labels are numbers
        data = {"features": np.maximum(features, 0.0), "labels": sample.labels}
        truth = sample.labels[:, np.newaxis]
    np.savez(file, **data)
    out = run("activations.py", str(file), str(figure), "--experts", "3")
    table, _, said = out.partition("\n\n")
    rows = [line.replace("/", " ").split() for line in table.splitlines()[3:]]
    assert [row[0] for row in rows] == ["8", "6", "5", "4", "3", "2", "1"]
    span = float(np.ptp(data["features"].astype(np.float64)))
    for bits, noise in (map(float, row[:2]) for row in rows):
        assert noise == pytest.approx((span / (2**bits - 1)) ** 2 / 12, rel=0.01)
    clean = data["features"].astype(np.float64)
    # at 2 bits there are four values
    coarse = clean.min() + span / 3 * np.rint((clean - clean.min()) * 3 / span)
    grid = [0.0, span**2 / 108]
    found = mt.audit(**data, experts=3, noise_variances=grid, center=not rectified, rng=0)
    held_out = found.held_out
    shown = ("dense", "moe(block)", "moe(block, router)", "moe(all)", "moe(all, router)")
    for place, name in enumerate(shown):
        (fine, fine_really), (foreseen, really) = (
            map(float, row[2 + 2 * place : 4 + 2 * place]) for row in (rows[0], rows[5])
        )
        # steps of 8 bits are a thirtieth of a standard deviation
        assert fine == pytest.approx(found[f"{name}_predicted"][0], rel=0.02)
        assert fine_really == pytest.approx(found[f"{name}_measured"][0], rel=0.02)
        if "router" not in name:  # to which noise is drawn
            assert foreseen == pytest.approx(found[f"{name}_predicted"][1], abs=1e-4)
            answers = found.predict(name, coarse[held_out], found.groups[held_out])[1]
            errors = answers.reshape(len(answers), -1) - truth[held_out]
            assert really == pytest.approx(np.square(errors).sum(axis=1).mean(), abs=1e-4)
    assert float(rows[0][2]) <= float(rows[0][4])  # dense sees more than an expert
    assert float(rows[5][2]) > float(rows[5][4])  # and more noise
    assert ("features centred" in said) == (not rectified)
    assert "Modular: " in said
    assert "3 experts, blocks of 4 of 12 features." in said
    assert "risk on 300 held-out samples" in table
    assert figure.read_bytes().startswith(b"\x89PNG")


def test_activations_need_a_file(run, capsys):
    with pytest.raises(SystemExit):
        run("activations.py")
    assert "the following arguments are required: file" in capsys.readouterr().err


def test_terrain_that_is_not_modular(run, tmp_path):
    figure = tmp_path / "terrain.png"
    out = run("terrain.py", str(figure))
    stripes, four, south = out.strip().split("\n\n")
    for part, title in ((stripes, "stripes"), (four, "four blocks, stripes")):
        assert part.startswith(f"{title} held out")
        assert "Every risk was predicted within" in part
    assert "Not modular: one block with all 64 features." in stripes
    assert "Weakly modular" in four
    for part in (four, south):
        assert "restricted to their block: no gain over dense, as predicted." in part
        assert "With the energy router they save less than 2 % of the risk of dense at" in part
        assert "Worth trying only with a better router: this one sends " in part
    start = re.search("win over dense from noise variance ([^ ]+) .* on, as predicted", four)
    assert 300 < float(start[1]) < 500
    assert " risks were predicted within 3 standard errors; not all of " in south
    assert figure.read_bytes().startswith(b"\x89PNG")


def test_what_counts_as_prose(language):
    corpus = language("corpus")
    text = """One sentence with a :func:`role` and https://address.org in it::

            a literal block

        Parameters
        ----------
        x : array_like
            Its %(description)s is said.

        .. math:: \\alpha

            \\beta + 1

        .. note:: Said after a directive, \\sigma too.

        >>> 1 + one
        two

        ====  ====
        cell  cell
        ====  ===="""
    assert [" ".join(words) for words in corpus.prose(cleandoc(text))] == [
        "one sentence with role and in it",
        "array like its is said",
        "said after directive too",
    ]
    code = """
def function():
    "of a function"
    class Inside:
        "of a class in it"
if True:
    add_newdoc("place", "name", "of a C function")
value = "something else"
"""
    said = ["of a function", "of a class in it", "of a C function"]
    assert list(corpus.docstrings(ast.parse(code).body)) == said


def test_one_level_of_a_predictor_says_what_the_audit_says(language):
    cloze = language("cloze")
    sample = mt.BlockModel.isotropic(6, 3, 0.0, signal_energy=6.0).sample(300, rng=0)
    scaled = sample.features * np.arange(1.0, 7.0)
    found = mt.audit(
        scaled, sample.labels > 0.0, noise_variances=[0.0, 3.0], experts=3, center=False, rng=0
    )
    new, groups = scaled[:50] + np.random.default_rng(1).normal(size=(50, 6)), found.groups[:50]
    x = found.units.standardised(new)
    for name in ("dense", "moe(block)", "moe(block, router)", "moe(all)", "moe(all, router)"):
        expected = found.predict(name, new, groups)
        for level in range(2):
            assert np.array_equal(cloze.predict(found, name, level, x, groups), expected[level])
    by_groups = cloze.predict(found, "moe(block)", 1, x, groups)
    assert not np.allclose(by_groups, cloze.predict(found, "moe(block)", 1, x, (groups + 1) % 3))


@pytest.mark.slow
def test_words_told_from_the_other_words(language, monkeypatch, capsys, tmp_path):
    figure, table = tmp_path / "language.png", tmp_path / "language.csv"
    kept = tmp_path / "language.json"
    arguments = ["cloze.py", "--quick", "--figure", str(figure), "--csv", str(table)]
    arguments += ["--numbers", str(kept)]
    monkeypatch.setattr(sys, "argv", arguments)
    matplotlib.use("Agg")
    language("cloze").main()
    out = capsys.readouterr().out
    paragraphs, files = map(int, re.search(r"(\d+) paragraphs of (\d+) files", out).groups())
    assert paragraphs > 3000
    assert files > 200
    assert re.match(r"numpy \d\S+, scipy \d\S+, sympy \d\S+, matplotlib \d", out)
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))

    def column(name: str, predictor: str, by: str, perturbation: str) -> np.ndarray:
        """(parts, words, levels)"""
        chosen = {"predictor": predictor, "by": by, "perturbation": perturbation}.items()
        cells = [row[name] for row in rows if chosen <= row.items()]
        return np.array(cells, dtype=float).reshape(2, 3, -1)

    def risk(what: str, predictor: str, perturbation: str) -> np.ndarray:
        """Averaged over parts and words, where paragraphs are held out."""
        share, risks = (column(of, predictor, "paragraph", perturbation) for of in ("share", what))
        return (risks / (share * (1.0 - share))).mean(axis=(0, 1))

    numbers = json.loads(kept.read_text(encoding="utf-8"))["paragraph"]
    starts = []
    for what in ("predicted", "measured"):
        for drawn, source in (("risk", "noise"), ("missing", "missing")):
            found = numbers[drawn]["moe(block)"][what]
            assert found == pytest.approx(risk(what, "moe(block)", source), rel=1e-5)
        names = ("dense", "moe(block)", "moe(block, router)")
        dense, told, gated = (risk(what, of, "noise") for of in names)
        assert dense[0] < told[0]
        assert dense[-1] > told[-1]
        assert np.sum(np.diff(dense > told)) == 1
        starts.append(np.argmax(dense > told))
        assert gated[-1] > dense[-1]
    assert abs(starts[0] - starts[1]) <= 1  # of ten levels
    noise, missing = (
        risk("predicted", "moe(block)", "noise")[6],  # noise of 3
        risk("predicted", "moe(block)", "missing")[4],  # 3 to 1 of the words missing
    )
    found = risk("measured", "moe(block)", "missing")[4]
    assert abs(missing - found) < 0.5 * abs(noise - found)  # two perturbations, two formulas
    within = {}
    for by in ("paragraph", "file"):
        z = []
        for name in dict.fromkeys(row["predictor"] for row in rows):
            errors = (column(each, name, by, "noise") for each in ("predicted_sem", "sem"))
            difference = column("measured", name, by, "noise") - column(
                "predicted", name, by, "noise"
            )
            z.append(difference / np.hypot(*errors))
        within[by] = np.mean(np.abs(z) < 3.0)
    assert within["file"] < 0.95 <= within["paragraph"]
    assert figure.read_bytes().startswith(b"\x89PNG")


def test_sparsity_or_structure(run):
    out = run("own_estimators.py")
    rows = re.findall(r"^(.+?) +([\d.]+) +([+-][\d.]+) ± ([\d.]+)$", out, re.M)
    excess = {name: float(value) for name, value, _, _ in rows}
    ahead = {name: float(lead) / (float(sem) or 1.0) for name, _, lead, sem in rows}
    assert len(rows) == 14
    sparse = [name for name in excess if name.startswith(("lasso", "elastic"))]
    assert len(sparse) == 8
    assert all(ahead[name] > 10.0 for name in [*sparse, "dense", "dense(ridge=0.36)"])
    assert min(excess[name] for name in sparse) < excess["dense"]
    ladder = ["moe", "moe(assignment=00112233)", "moe(assignment=00110011)", "dense"]
    assert sorted(ladder, key=excess.get) == ladder
    assert ahead["a lasso for each group"] < -5.0
    assert out.endswith("best: a lasso for each group\n")


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_the_elastic_net_of_the_example_is_optimal(share, monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLES)
    example = importlib.import_module("own_estimators")
    monkeypatch.setattr(example, "STEPS", 5000)
    rng = np.random.default_rng(0)
    features = rng.standard_normal((50, 12)) @ (np.eye(12) + 0.2)
    labels = features[:, :3] @ [1.0, -2.0, 0.5] + rng.standard_normal(50)
    penalty = 0.3
    found = example.elastic_net(features, labels, None, rng, penalty=penalty, share=share)
    # the gradient of the smooth part is in the subdifferential of the other
    slope = features.T @ (features @ found - labels) / 50 + penalty * (1.0 - share) * found
    on = found != 0.0
    assert 0 < np.count_nonzero(on) < 12
    np.testing.assert_allclose(slope[on], -penalty * share * np.sign(found[on]), rtol=1e-6)
    assert np.all(np.abs(slope[~on]) <= penalty * share)

"""What a verdict rests on: sources of the gain, crossovers, errors of prediction."""

import dataclasses
import math
import re

import numpy as np
import pytest

import moetheory as mt
from moetheory.auditing import Crossovers
from moetheory.auditing.contenders import contenders
from moetheory.auditing.leads import Lead, Located
from moetheory.auditing.predictors import NAMES
from moetheory.auditing.verdict import headline, warnings
from moetheory.auditing.verdict_details import conclusions, details


def lines(audit):
    return details(audit).splitlines()


def test_conclusions_are_three_lines_then_warnings_then_details(again):
    for audit, notes in ((again(), 0), (again(groups=None), 1)):
        assert len(audit.notes) == notes
        parts = [headline(audit), warnings(audit), details(audit)]
        assert audit.verdict == conclusions(audit) == "\n".join(filter(None, parts))
        assert len(headline(audit).splitlines()) == 3


# --- crossovers --------------------------------------------------------------------------------


SURE, END = Located(0.0, 0.0, 0.0), Located(math.inf, math.inf, math.inf)
UNSURE, NEVER = Located(0.5, 0.0, math.inf), Lead(END, END)
LATE = Located(1.0, 0.8, 1.5)
WIDE = "they agree, but the errors are too large to say much."


@pytest.mark.parametrize(
    ("predicted", "measured", "said"),
    [
        (
            Lead(SURE, END),
            Lead(SURE, END),
            "than dense at every noise: the prediction was right.",
        ),
        (
            Lead(LATE, END),
            Lead(LATE, END),
            "1 (95 %: 0.8 to 1.5) on: the prediction was right.",
        ),
        (Lead(UNSURE, END), Lead(UNSURE, END), f"beyond 2) on (this may be chance): {WIDE}"),
        (
            Lead(SURE, END),
            Lead(UNSURE, END),
            f"(95 %: 0 to beyond 2) on (this may be chance): {WIDE}",
        ),
        (Lead(SURE, END), Lead(LATE, END), "(95 %: 0.8 to 1.5) on: the prediction was wrong."),
        (Lead(UNSURE, END), NEVER, f"measured never better than dense: {WIDE}"),
        (Lead(SURE, END), NEVER, "measured never better than dense: the prediction was wrong."),
        (NEVER, NEVER, "Experts restricted to their block: no gain over dense, as predicted."),
    ],
)
def test_only_what_is_sure_is_called(found, predicted, measured, said):
    crossovers = dict(found.crossovers)
    crossovers["moe(block)"] = Crossovers(predicted, measured)
    changed = lines(dataclasses.replace(found, crossovers=crossovers))
    (line,) = (each for each in changed if each.startswith("Experts restricted to their block: "))
    assert said in line
    assert ("may be chance" in line) == (UNSURE in (predicted.begins, measured.begins))


def test_a_tuned_mixture_is_held_against_tuned_dense(found):
    assert found.crossovers["moe(all, tuned)"].against == "dense(tuned)"
    (line,) = (
        each for each in lines(found) if each.startswith("Tuned experts that see everything")
    )
    assert "over tuned dense" in line or "than tuned dense" in line
    assert not re.search("(over|than) dense", line)


def test_each_mixture_has_its_line(found):
    subjects = [each.partition(":")[0] for each in lines(found)[1 : 1 + len(found.crossovers)]]
    assert subjects == [NAMES[name].capitalize() for name in found.crossovers]


def test_no_gain_where_there_is_none(sloped):
    """Features that are independent of random groups."""
    audit = sloped(leak=1.0, spread=0.0, groups=np.arange(2000) % 4)
    for name in ("moe(block)", "moe(all)", "moe(block, router)"):
        assert f"{NAMES[name].capitalize()}: no gain over dense, as predicted." in lines(audit)
    assert all(each.agree for each in audit.crossovers.values())


# --- sources -----------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["found", "short_lived"])
def test_the_gain_is_split_into_its_sources(request, which):
    audit = request.getfixturevalue(which)
    level = contenders(audit).told.level
    line = lines(audit)[0]
    assert line.startswith(f"Measured at noise variance {audit.noise_variances[level]:.3g}: dense ")
    numbers = [float(each) for each in re.findall(r"\d+\.\d+", line.partition(": ")[2])]
    names = ("dense", "dense(tuned)", "group mean", "dense + group", "moe(all)", "moe(block)")
    for number, name in zip(numbers, names, strict=True):
        assert number == pytest.approx(audit[f"{name}_measured"][level], rel=0.02)


def test_one_block_has_no_sources_and_no_leads(strict):
    audit = strict(500, groups=None, block_of=None, experts=1, noise_variances=0.5)
    (line,) = lines(audit)
    z = max(np.abs(audit.z(name)).max() for name in ("dense", "dense(tuned)", "group mean"))
    said = f"Every risk was predicted within {z:.1f} standard errors (3 predictors, 1 noise level)"
    assert line.startswith(said)


def test_numbers_of_experts_that_were_compared_are_told(strict):
    audit = strict(1000, groups=None, block_of=None, experts=[2, 3, 4], noise_variances=[1.0])
    line = lines(audit)[-2]
    choice = audit.choice
    assert choice.chosen == 3
    listed = ", ".join(f"{k}: {r:.3g}" for k, r in zip(choice.experts, choice.risks, strict=True))
    assert f"by their number: {listed}. " in line
    assert "K = 3" in line
    assert ("least risk" in line) == (choice.least_risky != 3)


# --- errors of prediction ----------------------------------------------------------------------


def test_a_theory_that_is_wrong_is_said_to_be(strict):
    """Trained on strict blocks; held out: features that have nothing to do with groups."""
    model = mt.BlockModel.isotropic(12, 3, 0.0, signal_energy=12.0, label_noise_variance=0.1)
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
    assert not audit.crossovers["moe(block)"].agree
    assert "the prediction was wrong" in details(audit)
    assert np.abs(audit.z("moe(block)")).max() > 10
    line = lines(audit)[-1]
    z = np.array([audit.z(name) for name in audit.standardised])
    within = np.count_nonzero(np.abs(z) <= 3)
    assert line.startswith(f"{within} of 99 risks were predicted within 3 standard errors; not all")
    missed = [name for name, row in zip(audit.standardised, z, strict=True) if np.any(abs(row) > 3)]
    assert f"; not all of {', '.join(missed)}. The largest difference is " in line
    worst, level = np.unravel_index(np.abs(z).argmax(), z.shape)
    at = f"{list(audit.standardised)[worst]} at noise variance {audit.noise_variances[level]:.3g}"
    assert f" is {np.abs(z).max():.1f} standard errors, of {at}" in line


def test_risks_that_are_as_predicted_are_said_to_be(strict):
    audit = strict(seed=1, noise_variances=[0.0, 1.0])
    z = max(np.abs(audit.z(name)).max() for name in audit.standardised)
    assert z < 3
    said = f"Every risk was predicted within {z:.1f} standard errors (9 predictors, 2 noise levels)"
    assert lines(audit)[-1].startswith(said)


@pytest.mark.parametrize(
    ("factor", "said"),
    [
        (1.3, "; measured risks are typically 30 % above the predicted ones."),
        (0.8, "; measured risks are typically 20 % below the predicted ones."),
        (1.06, "; measured risks are typically 6 % above the predicted ones."),
        (1.04, ")."),
        (0.96, ")."),
    ],
)
def test_risks_on_one_side_of_their_predictions_are_told(found, factor, said):
    columns = dict(found.columns)
    for name in NAMES:
        columns[f"{name}_measured"] = factor * columns[f"{name}_predicted"]
        columns[f"{name}_sem"] = columns[f"{name}_measured"]
    assert lines(dataclasses.replace(found, columns=columns))[-1].endswith(said)

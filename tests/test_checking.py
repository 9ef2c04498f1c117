"""Verdicts: each status, and what makes it."""

import math
from dataclasses import replace

import numpy as np
import pytest

import moetheory as mt
from moetheory.certificates import Symbolic

GENERALIZATION = mt.catalogue["generalization"]


def only(claim, **changes):
    return replace(GENERALIZATION, claims=(replace(claim, **changes),))


ORDER, IDENTITY = GENERALIZATION.claims


def test_a_check_replays_from_its_entropy():
    first = mt.check("generalization", replicates=2000)
    again = mt.check("generalization", replicates=2000, rng=first.entropy)
    assert [c.simulated for c in first.comparisons] == [c.simulated for c in again.comparisons]


def test_verdicts_and_theorems_show_in_a_line():
    verdict = mt.check("generalization", replicates=2000, rng=5)
    assert repr(verdict).startswith("<Verdict generalization: inconclusive (MoE <= dense: at K=3")
    assert "2 simulated comparisons, largest |z|" in repr(verdict)
    assert repr(GENERALIZATION).startswith("<Theorem generalization: With strict blocks")


def test_a_comparison_replays_from_its_own_entropy():
    verdict = mt.check("generalization", replicates=2000, rng=5)
    comparison = verdict.claims[0].points[0].comparison
    estimates = mt.simulate(
        [mt.Dense(), mt.MoE()],
        GENERALIZATION.example(),
        replicates=2000,
        rng=comparison.entropy,
    )
    assert estimates[1].mean == comparison.simulated


def test_too_few_replicates_are_inconclusive_and_say_how_many_it_takes():
    verdict = mt.check("generalization", replicates=1000, rng=0)
    assert verdict.status == "inconclusive"
    assert verdict.power > 0.01
    assert "could not have seen an error below" in verdict.reason
    needed = float(verdict.reason.split("needs about ")[1].split()[0])
    assert 1e5 < needed < 1e7


def test_a_group_too_rare_to_be_drawn_contradicts_nothing():
    """A quarter of the risk sits in a group that 100 000 draws miss; the mean is far off."""
    rare = 1e-7
    model = mt.BlockModel([rare, 1 - rare], [0, 1], [1 / rare, 1.0], [1.0, 1.0], 1.0)
    verdict = mt.check("generalization", model, rng=0, replicates=100_000)
    assert verdict.largest_z > 50
    assert verdict.status == "inconclusive"
    assert "could not have seen an error below" in verdict.reason


def test_an_open_certificate_is_inconclusive():
    def unproved():
        import sympy

        x = sympy.Symbol("x", positive=True)
        return Symbolic(2 * x, x**2 + 1, {}, [], lambda rng: {"x": float(rng.uniform(0, 9))})

    verdict = mt.check(only(ORDER, symbolic=unproved), rng=0)
    assert verdict.status == "inconclusive"
    assert "neither proves nor refutes" in verdict.reason


def test_shipped_code_that_differs_from_the_proof_is_violated():
    def untied():
        honest = ORDER.symbolic()
        (expression, formula), *rest = honest.shipped
        return replace(honest, shipped=[(expression, lambda **v: formula(**v) * (1 + 1e-9)), *rest])

    verdict = mt.check(only(ORDER, symbolic=untied), rng=0)
    assert verdict.status == "violated"
    assert "shipped and certified formulas differ by 1e-09" in verdict.reason


def test_a_violated_fallback_outranks_assumptions_not_met():
    model = GENERALIZATION.example().replace(leakage_variances=0.2)
    assert mt.check("generalization", model, rng=0).status == "assumptions not met"
    wrong = mt.check(GENERALIZATION.negative_control, model, rng=0, replicates=1000)
    assert wrong.status == "violated"


def test_the_threshold_follows_the_number_of_comparisons_and_the_level():
    from scipy import stats

    verdict = mt.check("one-over-k", replicates=500, rng=0)
    assert len(verdict.comparisons) == 11
    for comparison in verdict.comparisons:
        wanted = stats.t.isf(1e-6 / (2 * 11), 499)
        assert comparison.threshold == pytest.approx(wanted, rel=1e-8)
    (strict, *_) = mt.check("one-over-k", replicates=500, rng=0, level=1e-3).comparisons
    assert strict.threshold < verdict.comparisons[0].threshold


def test_each_model_is_simulated_once():
    verdict = mt.check("one-over-k", replicates=500, rng=0)
    assert len({c.entropy for c in verdict.comparisons}) == 3


@pytest.mark.slow
def test_default_replicates_reach_the_power_whatever_the_probabilities(generic):
    model = generic().replace(group_probabilities=[0.01, 0.04, 0.95])
    verdict = mt.check("generalization", model, rng=0)
    assert verdict.status == "holds"
    assert 0.004 < verdict.power <= 0.01


@pytest.mark.parametrize("noise", [0.0, 1e-9, 1e-3, 1e6])
def test_rounding_is_no_contradiction(generic, noise):
    model = generic(noise)
    verdict = mt.check("generalization", model, rng=0)
    assert verdict.status == "holds", verdict.reason


@pytest.mark.parametrize("experts", [1, 12])
def test_the_ends_of_the_regime(experts):
    model = mt.BlockModel.isotropic(12, experts, 0.5, signal_energy=3.0, label_power=2.0)
    verdict = mt.check("one-over-k", model, rng=0)
    assert verdict.status == "holds", verdict.reason


def test_one_coordinate_leaves_nothing_to_increase():
    verdict = mt.check("one-over-k", mt.BlockModel.isotropic(1, 1, 0.5), rng=0)
    assert verdict.status == "holds"
    assert verdict.claims[-1].points == ()
    assert verdict.claims[-1].shown is None


def test_label_noise_is_not_charged_to_the_excess():
    model = GENERALIZATION.example().replace(label_noise_variance=0.3)
    verdict = mt.check("generalization", model, rng=0)
    assert verdict.status == "holds"
    assert verdict.claims[0].points[0].left == mt.risk(mt.MoE(), model).excess


def test_progress_runs_over_all_simulations():
    calls = []
    mt.check("one-over-k", replicates=3000, rng=0, progress=lambda *c: calls.append(c))
    assert calls[-1] == (9000, 9000)
    assert np.all(np.diff([done for done, _ in calls]) > 0)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"name": "generalisation"}, KeyError, "did you mean 'generalization'"),
        ({"replicates": 1}, ValueError, "replicates must be at least 2, got 1"),
        ({"replicates": 2.5}, ValueError, "replicates must be an integer"),
        ({"level": 0.0}, ValueError, "level must be greater than 0"),
        ({"level": 1.0}, ValueError, "level must be less than 1, got 1"),
        ({"level": math.nan}, ValueError, "level must be finite"),
        ({"rng": "x"}, ValueError, "rng must be None"),
    ],
)
def test_bad_arguments(changes, error, message):
    with pytest.raises(error, match=message):
        mt.check(**{"name": "generalization", **changes})

"""Verdicts: each status, and what makes it."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import moetheory as mt
from moetheory.claims.certificates import Symbolic
from moetheory.claims.declaration import Scale
from moetheory.claims.quantities import direction
from moetheory.strategies import block_models

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
    assert repr(verdict).startswith("<Verdict generalization: inconclusive: MoE <= dense: at K=3")
    assert "2 simulated comparisons, largest |z|" in repr(verdict)
    assert repr(GENERALIZATION).startswith("<Theorem generalization: With strict blocks")


def test_a_comparison_replays_from_its_own_entropy():
    verdict = mt.check("generalization", replicates=2000, rng=5)
    comparison = verdict.claims[0].points[0].comparison
    estimates = mt.simulate(
        [mt.Dense(), mt.MoE()],
        GENERALIZATION.example(),
        method="flips",
        replicates=2000,
        rng=comparison.entropy,
    )
    assert estimates[1].mean == comparison.simulated


def test_too_few_replicates_are_inconclusive_and_say_how_many_it_takes():
    verdict = mt.check("generalization", replicates=1000, rng=0)
    assert verdict.status == "inconclusive"
    assert verdict.power > 0.01
    assert "too small to see an error of 1 % of" in verdict.reason
    needed = float(verdict.reason.split("takes about ")[1].split()[0])
    assert 1e5 < needed < 1e7


RARE = 1e-7


@pytest.mark.parametrize(
    ("probabilities", "signal", "coefficients"),
    [
        ([RARE, 1 - RARE], [1 / RARE, 1.0], [1.0, 1.0]),  # a quarter of the risk, never drawn
        ([1 - 1e-6, 1e-6], [1.0, 1.0], [1.0, 1.0]),  # the whole gap hangs on about one draw
        ([1 - 1e-8, 1e-8], [1.0, 1.0], [1.0, 1.0]),
        ([1 - 1e-4, 1e-4], [1.0, 1.0], [0.0, 1.0]),  # nothing to predict but in the rare group
        ([1.0, 0.0], [1.0, 1.0], [1.0, 1.0]),
    ],
)
@pytest.mark.parametrize("replicates", [None, 2])
def test_groups_too_rare_to_be_drawn_contradict_nothing(
    probabilities, signal, coefficients, replicates
):
    model = mt.BlockModel(probabilities, [0, 1], signal, coefficients, 1.0)
    for seed in range(1 if replicates is None else 4):
        verdict = mt.check("generalization", model, rng=seed, replicates=replicates)
        assert verdict.status in ("holds", "inconclusive"), verdict.reason


@pytest.mark.parametrize("name", ["noise-shift", "misrouting", "leakage"])
@pytest.mark.parametrize("signal", [1.0, 1 / RARE])
@pytest.mark.parametrize("replicates", [2, 2000])
def test_nor_do_they_under_a_perturbation(name, signal, replicates):
    model = mt.BlockModel([RARE, 1 - RARE], [0, 1], [signal, 1.0], [1.0, 1.0], 1.0)
    theorem = mt.catalogue[name]
    numeric = tuple(replace(claim, symbolic=None) for claim in theorem.claims)
    verdict = mt.check(replace(theorem, claims=numeric), model, rng=0, replicates=replicates)
    assert verdict.status == "inconclusive", verdict.reason


@given(block_models(noiseless=True, exponents=20), st.sampled_from([50, 3000]))
@settings(max_examples=12)
def test_no_model_is_found_to_violate_a_theorem(model, replicates):
    for name in ("generalization", "one-over-k"):
        assert mt.check(name, model, rng=0, replicates=replicates).status != "violated"


@given(block_models(exponents=20))
@settings(max_examples=4)
def test_no_model_is_found_to_violate_sample_complexity(model):
    """The claims about a model of one's own; those about families do not depend on it."""
    theorem = mt.catalogue["sample-complexity"]
    own = tuple(c for c in theorem.claims if c.points(model) == (model,))
    assert len(own) == 4
    verdict = mt.check(replace(theorem, claims=own), model, rng=0, replicates=1000)
    assert verdict.status != "violated", verdict.reason


@pytest.mark.parametrize(
    ("name", "model"),
    [
        # ten digits: probabilities that sum to 1 within the 1e-9 that is allowed
        ("generalization", ([0.3333333333, 0.6666666666], [0, 1], [1.0, 2.0], [1.0, 1.0], 1.0)),
        # almost the regime: either not met, or met and true
        ("one-over-k", ([0.5, 0.5], [0, 0, 1, 1], [1, 1 + 8e-10] * 2, [1, 0, 1, 0], 1.0)),
        ("one-over-k", ([0.5, 0.5], [0, 0, 1, 1], [1, 1 + 8e-12] * 2, [1, 0, 1, 0], 1.0)),
        # the ends of the range
        ("generalization", ([0.5, 0.5], [0, 1], [1.0, 1.0], [1.0, 1.0], 1e-12)),
        ("generalization", ([0.5, 0.5], [0, 1], [1e-40, 1e-40], [1e-40, 1e-40], 1e-40)),
        ("generalization", ([0.5, 0.5], [0, 1], [1e40, 1e40], [1e40, 1e40], 1e40)),
    ],
)
def test_true_within_rounding_is_never_violated(name, model):
    verdict = mt.check(name, mt.BlockModel(*model), rng=0, replicates=20_000)
    assert verdict.status in ("inconclusive", "assumptions not met"), verdict.reason


@pytest.mark.parametrize("label_power", [1e-40, 1e40])
def test_squares_of_squared_errors_keep_their_digits(label_power):
    model = mt.BlockModel.isotropic(4, 2, 1.0, signal_energy=4.0, label_power=label_power)
    assert mt.check("generalization", model, rng=0).status == "holds"
    assert mt.check("generalization", model, rng=0, replicates=100).status == "inconclusive"


def test_an_error_that_rounding_hides_is_inconclusive_whatever_the_replicates():
    tiny = only(ORDER, scale=Scale("a millionth of rounding", lambda model: 1e-20))
    verdict = mt.check(tiny, rng=0, replicates=100)
    assert verdict.status == "inconclusive"
    assert "no simulation can see an error of 1 % of a millionth of rounding" in verdict.reason


def test_what_is_out_of_reach_ends_at_once():
    calls = []
    fine = only(ORDER, resolution=1e-5)
    verdict = mt.check(fine, rng=0, progress=lambda *c: calls.append(c))
    assert calls[-1][1] == 10_000
    assert verdict.status == "inconclusive"
    assert verdict.claims[0].points[0].comparison.needed > 1e10


def test_an_open_certificate_is_inconclusive():
    def unproved():
        import sympy

        x = sympy.Symbol("x", positive=True)
        return Symbolic(
            2 * sympy.sqrt(2) * x,  # whose square with x**2 + 2 has no rational coefficients
            x**2 + 2,
            "any x",
            {},
            lambda rng: {"x": float(rng.uniform(0, 9))},
            lambda values: mt.BlockModel([1.0], [0], [1.0], [values["x"]], 1.0),
        )

    claim = only(
        ORDER,
        symbolic=unproved,
        left=lambda model: 2 * 2**0.5 * float(model.coefficients[0]),
        right=lambda model: float(model.coefficients[0]) ** 2 + 2,
        simulated=lambda model: (),
    )
    verdict = mt.check(claim, rng=0)
    assert verdict.status == "inconclusive"
    assert "neither proves nor refutes" in verdict.reason


def test_shipped_code_that_differs_from_the_proof_is_violated():
    """The difference is below rounding at evaluated points, and above what a proof allows."""
    off = only(ORDER, left=lambda model: (1 - 1e-11) * ORDER.left(model))
    verdict = mt.check(off, rng=0, replicates=2)
    assert verdict.status == "violated"
    assert "shipped and certified sides differ by 1e-11" in verdict.reason


def test_a_proof_of_something_else_is_no_proof():
    def unrelated():
        one = direction(leaking=False)
        return one.claim(one.moe, one.bound)

    verdict = mt.check(only(ORDER, symbolic=unrelated), rng=0, replicates=2)
    assert verdict.status == "violated"
    assert "shipped and certified sides differ" in verdict.reason


def test_a_violated_fallback_outranks_assumptions_not_met():
    model = GENERALIZATION.example().replace(leakage_variances=0.2)
    right = mt.check("generalization", model, rng=0, replicates=1000)
    assert right.status == "assumptions not met"
    wrong = mt.check(GENERALIZATION.negative_control, model, rng=0, replicates=1000)
    assert wrong.status == "violated"


def test_the_threshold_follows_the_number_of_comparisons_and_the_level():
    from scipy import stats

    verdict = mt.check("one-over-k", replicates=500, rng=0)
    assert len(verdict.comparisons) == 11
    for comparison in verdict.comparisons:
        # up to 16 groups, strata of 31 squared normals: their spreads are observed less well
        most, least = stats.t.isf(1e-6 / (2 * 11), [250, 499])
        assert least * (1 - 1e-8) <= comparison.threshold <= most
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


@pytest.mark.parametrize("noise", [1e-9, 1e6])
def test_rounding_is_no_contradiction(generic, noise):
    model = generic(noise)
    verdict = mt.check("generalization", model, rng=0)
    assert verdict.status == "holds", verdict.reason


def nothing_contradicts(verdict):
    """The verdict but for its power: points and proofs hold, no simulation is beyond chance."""
    proofs = [claim.certificate for claim in verdict.claims if claim.certificate is not None]
    return (
        all(point.holds is not False for claim in verdict.claims for point in claim.points)
        and {proof.status for proof in proofs} == {"proved"}
        and all(abs(each.z) < each.threshold for each in verdict.comparisons)
        and verdict.status in ("holds", "inconclusive")
    )


@pytest.mark.parametrize("experts", [1, 12])
def test_the_ends_of_the_regime(experts):
    model = mt.BlockModel.isotropic(12, experts, 0.5, signal_energy=3.0, label_power=2.0)
    verdict = mt.check("one-over-k", model, rng=0, replicates=20_000)
    assert nothing_contradicts(verdict), verdict.reason
    assert verdict.comparisons


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


@pytest.mark.parametrize(("label_noise", "replicates"), [(1e6, 20_000), (1e12, None)])
def test_large_label_noise_costs_the_law_no_digits(label_noise, replicates):
    """V = 0.3 taken as null risk minus label noise would be off by 1e-10 and 1e-4."""
    model = mt.BlockModel.isotropic(
        8, 4, 1.0, signal_energy=8.0, label_power=0.3, label_noise_variance=label_noise
    )
    verdict = mt.check("one-over-k", model, rng=0, replicates=replicates)
    assert nothing_contradicts(verdict), verdict.reason
    assert replicates is not None or verdict.status == "holds"


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


def test_hard_routing_better_than_dense_at_any_noise_is_found_violated():
    theorem = mt.catalogue["gating-order"]
    claim = next(
        c for c in theorem.claims if c.name == "hard <= dense at 0.8 of the first crossover"
    )
    example = theorem.example()
    (before,) = claim.points(example)
    end = before.noise_variance / 0.8

    def points(model):
        return [model.replace(noise_variance=factor * end) for factor in (0.5, 0.9, 1.1, 10.0)]

    everywhere = replace(
        claim, name="hard <= dense", points=points, simulated=lambda model: points(model)[::3]
    )
    verdict = mt.check(replace(theorem, claims=(everywhere,)), rng=1)
    assert verdict.status == "violated"
    assert [point.holds for point in verdict.claims[0].points] == [True, True, False, False]
    # by simulation too: it confirms the left side where it is larger than the right
    first, *_, last = verdict.claims[0].points
    for point in (first, last):
        assert point.comparison.decides
        assert abs(point.comparison.z) < point.comparison.threshold
    assert last.comparison.simulated - 5 * last.comparison.sem > last.right

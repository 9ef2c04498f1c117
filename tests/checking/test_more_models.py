"""Claims that nothing but evaluations speaks for: at how many models, and what is said of them."""

import numpy as np
import pytest
import sympy

import moetheory as mt
from moetheory.checking.more_models import MANY, models_that_meet, points_at
from moetheory.claims.assumptions import EQUAL_PROBABILITIES, EQUAL_SIZES, EQUAL_VARIANCES
from moetheory.claims.certificates import Symbolic

MODEL = mt.BlockModel([0.4, 0.6], [0, 1, 1], [1.0, 2.0, 0.5], [1.0, -1.0, 2.0], 4.0)
STRICT = mt.Assumption("strict blocks", lambda model: model.strict)


def experts(model):
    return mt.risk(mt.MoE(), model).excess


def dense(model):
    return mt.risk(mt.Dense(), model).excess


def checked(claim, model=MODEL, **options):
    (verdict,) = mt.check(claim, model, rng=0, **options).claims
    return verdict


def test_a_claim_without_proof_and_simulation_is_evaluated_at_many_models():
    found = checked(mt.claim(experts, dense, assume=STRICT))
    count = len(found.points)
    assert count > 15
    assert found.status == "holds"
    assert found.evidence == (f"evaluated at {count} models",)
    assert found.outcome == f"holds at {count} models, not proved"
    assert found.only_evaluated
    assert not found.proved
    # the user's model first, then others, which come with the point
    assert found.points[0].model is None
    others = [point.model for point in found.points[1:]]
    assert all(model.strict for model in others)
    assert MODEL not in others
    assert found.points[7].left == experts(others[6])


def test_a_claim_that_holds_at_the_users_model_alone_is_violated_with_the_model():
    found = checked(mt.claim(experts, dense))
    assert found.points[0].holds
    assert found.status == "violated"
    wrong = next(point for point in found.points if point.holds is False)
    assert not wrong.model.strict
    assert found.reason.endswith(f", for {' '.join(repr(wrong.model).split())}")
    assert experts(wrong.model) > dense(wrong.model)


def test_a_claim_that_fails_at_the_users_model_is_not_evaluated_elsewhere():
    found = checked(mt.claim(dense, experts))
    assert [point.model for point in found.points] == [None]
    assert found.status == "violated"


@pytest.mark.parametrize(
    "changes",
    [
        {"points": lambda model: [model, model.replace(noise_variance=2.0)]},
        {"fixed": True},
    ],
    ids=["several points", "an example of its own"],
)
def test_claims_that_rest_on_more_are_not_evaluated_elsewhere(changes):
    claim = mt.Claim("a", "<=", 0.5, experts, dense, **changes)
    other = mt.Claim("b", "<=", 0.5, experts, lambda model: model.label_power)
    theorem = mt.Theorem("", "", "", "", (STRICT,), (claim, other), lambda: MODEL)
    first, second = mt.check(theorem, rng=0, replicates=2000).claims
    assert {point.model for point in first.points} == {None}
    assert len(second.points) > 15


def test_a_proof_of_ones_own_is_held_against_other_models():
    """It proves the case p = 1/2 alone, whatever its scope says."""
    p = sympy.Rational(1, 2)
    lam, n, b = (mt.Symbol(name) for name in ("lam", "n", "b"))

    def half():
        return Symbolic(
            2 * b**2 * p * lam * n / (p * lam + n),
            2 * 2 * b**2 * p * lam * n / (lam + n),
            scope="any model",
            domain=[lam, n, b],
            model=lambda v: mt.BlockModel([0.5, 0.5], [0, 1], [v["lam"]] * 2, [v["b"]] * 2, v["n"]),
        )

    claim = mt.Claim(
        "dense <= K MoE", "<=", 0.5, dense, lambda m: m.experts * experts(m), symbolic=half
    )
    equal = mt.BlockModel.isotropic(8, 2, 1.0)
    theorem = mt.Theorem("", "", "", "", (STRICT,), (claim,), lambda: equal)
    found = mt.check(theorem, rng=0).claims[0]
    assert found.certificate.status == "proved"
    assert found.status == "violated"


def test_models_where_a_side_is_nan_are_named():
    def odd(model):
        return float("nan") if model.experts == 3 else 0.5

    found = checked(mt.claim(odd, lambda _: 1.0))
    without = [point.model for point in found.points if point.is_nan]
    assert without
    assert found.status == "holds"
    assert found.evidence[1] == (
        f"NaN at {len(without)} models, such as {' '.join(repr(without[0]).split())}"
    )


def test_models_elsewhere_do_not_stand_for_the_users():
    """Both sides are 0 at the user's model, which decides nothing."""
    silent = MODEL.replace(coefficients=0.0 * MODEL.coefficients)
    verdict = mt.check(mt.claim(experts, dense, assume=STRICT), silent, rng=0)
    assert verdict.status == "not evaluated"
    assert "both sides are 0" in verdict.reason


def test_theorems_of_the_iso_parameter_regime_have_models_too():
    claim = mt.claim(experts, dense)
    equal = (STRICT, EQUAL_PROBABILITIES, EQUAL_SIZES, EQUAL_VARIANCES)
    models = points_at(claim, models_that_meet(equal, np.random.default_rng(0)))
    assert 5 < len(models) <= MANY
    assert all(each.holds(model) for each in equal for model in models)
    assert len(set(models)) == len(models)


def test_a_seed_replays_the_models():
    first, again, other = (
        mt.check(mt.claim(experts, dense, assume=STRICT), MODEL, rng=seed).claims[0].points
        for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


@pytest.mark.parametrize("name", ["convergence-joint", "convergence-own-samples"])
def test_rows_of_the_catalogue_that_are_only_evaluated_say_so(name):
    verdict = mt.check(name, rng=0)
    assert verdict.status == "holds"
    rows = [claim for claim in verdict.claims if claim.only_evaluated]
    assert rows
    assert any(len(claim.points) > 15 for claim in rows)
    for claim in rows:
        models = "1 model" if len(claim.points) == 1 else f"{len(claim.points)} models"
        assert claim.outcome == f"holds at {models}, not proved"
        assert claim.cells[2] == claim.outcome


# --- claims outside their assumptions ----------------------------------------------------------


def test_anyway_shows_how_a_claim_breaks():
    leaking = MODEL.replace(leakage_variances=5.0)
    instead = mt.check("generalization", leaking, rng=0, replicates=1000)
    assert [claim.name for claim in instead.claims] == ["dense - MoE == gap with leakage"]
    verdict = mt.check("generalization", leaking, rng=0, replicates=1000, anyway=True)
    assert (verdict.status, verdict.reason) == (
        "assumptions not met",
        "strict blocks (no leakage)",
    )
    first = verdict.claims[0]
    assert (first.name, first.status) == ("MoE <= dense", "violated")
    assert first.points[0].left == pytest.approx(experts(leaking))
    assert first.points[0].left > first.points[0].right
    # a proof for strict blocks says nothing of these
    assert first.certificate.status == "proved"
    assert not first.certificate.covers
    own = mt.claim(lambda _: 2.0, lambda _: 1.0, assume=STRICT)
    broken = mt.check(own, leaking, rng=0, anyway=True)
    assert broken.status == "assumptions not met"
    assert [claim.status for claim in broken.claims] == ["violated"]
    within = mt.check("generalization", MODEL, rng=0, replicates=1000)
    assert mt.check("generalization", MODEL, rng=0, replicates=1000, anyway=True) == within

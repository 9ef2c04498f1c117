"""Decisions: what was not evaluated never "holds", and what is false never does."""

import math
from dataclasses import replace

import pytest
import sympy

import moetheory as mt
from moetheory.checking.decisions import compare_sides
from moetheory.claims.assumptions import SEVERAL_GROUPS
from moetheory.claims.declaration import Claim, Theorem, accepted_models
from moetheory.claims.experiments import Outcome
from moetheory.claims.quantities import claim_about, direction
from moetheory.common.errors import OutOfRangeError

INFINITE, UNDEFINED = math.inf, math.nan
GENERALIZATION = mt.catalogue["generalization"]
ORDER, IDENTITY = GENERALIZATION.claims
MODEL = mt.BlockModel([0.2, 0.8], [0, 1, 1], [3.0, 1.0, 0.5], [1.0, -1.0, 2.0], 0.5)
PROVED = replace(ORDER, name="proved", points=lambda model: (), simulated=lambda model: ())


def theorem_of(*claims: Claim, **fields: object) -> Theorem:
    """A theorem of one's own, whose claims are checked on `MODEL`."""
    given = {"assumptions": (), "example": lambda: MODEL, **fields}
    return Theorem("A statement.", "x", "a guarantee", "a source", claims=claims, **given)


def sides(left, right, relation="<=", **fields):
    """A claim about two numbers, or about what two functions of a model return."""

    def side(value):
        return value if callable(value) else lambda model: value

    return Claim("left and right", relation, 0.5, side(left), side(right), **fields)


TRUE = sides(1.0, 2.0)
FIXED = claim_about(
    MODEL, name="fixed", relation="<=", control=0.5, left=lambda _: 1.0, right=lambda _: 2.0
)


def refused(model):
    raise OutOfRangeError("noise_variance", "must be 0 or between 1 and 2, got 3")


def unknown(model):
    raise mt.NoClosedForm("no formula is known for this")


@pytest.mark.parametrize(
    ("relation", "left", "right", "holds"),
    [
        ("<=", INFINITE, 1.0, False),
        ("<=", 1.0, INFINITE, True),
        ("<=", INFINITE, INFINITE, True),
        ("<=", -INFINITE, 1.0, True),
        ("<=", 1.0, -INFINITE, False),
        ("<=", INFINITE, -INFINITE, False),
        ("<=", INFINITE, 0.0, False),
        ("==", INFINITE, INFINITE, True),
        ("==", INFINITE, 1.0, False),
        ("==", 1.0, INFINITE, False),
        ("==", INFINITE, -INFINITE, False),
        ("<=", 0.0, 0.0, None),
        ("==", 0.0, -0.0, None),
        ("<=", 0.0, 1.0, True),
        ("<=", 1.0, 0.0, False),
        ("==", 0.0, 1e-300, False),
        ("<=", 1.0 + 1e-12, 1.0, True),
        ("<=", 1.0 + 1e-8, 1.0, False),
        ("==", 1.0, 1.0 + 1e-8, False),
        ("==", -1.0, 1.0, False),
        ("<=", -1e308, 1e308, True),
        ("<=", 1e308, -1e308, False),
    ],
)
def test_two_sides_of_a_point(relation, left, right, holds):
    found, reason = compare_sides(relation, left, right)
    assert found is holds
    assert (reason == "both sides are 0") == (holds is None)


@pytest.mark.parametrize(
    ("left", "right", "identity", "order"),
    [
        (1e-15, 2e-15, None, None),  # the difference of two risks of 1 is lost
        (2e-15, 1e-15, None, None),
        (0.0, 1e-15, None, None),
        (1e-15, 0.0, None, None),
        (1e-15, 1e-15, True, True),
        (1e-15, 1.0, False, True),  # what is lost is small beside the right side
        (1e-11, 2e-11, False, True),
        (2e-11, 1e-11, False, False),
        (1e-11, 1.0001e-11, True, True),
    ],
)
def test_a_difference_of_risks_decides_where_rounding_is_small_beside_it(
    left, right, identity, order
):
    for relation, holds in (("==", identity), ("<=", order)):
        found, reason = compare_sides(relation, left, right, scale=1.0)
        assert found is holds, relation
        assert ("rounding errors of up to 1e-14" in reason) == (holds is None)


@pytest.mark.parametrize("scale", [UNDEFINED, INFINITE])
def test_a_scale_that_is_no_number_decides_nothing(scale):
    assert compare_sides("==", 1.0, 1.0 + 1e-12, scale)[0] is None


@pytest.mark.parametrize(
    ("claim", "status", "said"),
    [
        (sides(INFINITE, 1.0), "violated", "at K=2 left is inf, right is 1"),
        (sides(1.0, INFINITE), "holds", ""),
        (sides(0.0, 0.0), "not evaluated", "at K=2 both sides are 0; check another model"),
        (sides(UNDEFINED, 1.0), "not evaluated", "at K=2 the left side is NaN"),
        (sides(1.0, UNDEFINED), "not evaluated", "at K=2 the right side is NaN"),
        (sides(1.0, unknown), "not evaluated", "at K=2 no formula is known for this"),
        (sides(refused, 1.0), "not evaluated", "at K=2 noise_variance must be 0 or between"),
        (replace(TRUE, points=lambda m: ()), "not evaluated", "it has no point for this model"),
        (replace(TRUE, points=refused), "not evaluated", "noise_variance must be 0 or between"),
        (replace(TRUE, simulated=refused), "not evaluated", "noise_variance must be 0 or"),
        (
            replace(TRUE, points=lambda m: (), condition="a crossover"),
            "not evaluated",
            "condition not met: a crossover",
        ),
        (
            Claim("alone", "<=", 0.5, left=lambda model: 1.0),
            "not evaluated",
            "at K=2 there are neither two sides nor a simulation",
        ),
    ],
)
def test_a_claim_holds_only_if_a_route_decides_for_it(claim, status, said):
    """Beside a claim that holds: the theorem holds without a claim that is not about the model."""
    verdict = mt.check(theorem_of(TRUE, claim), rng=0)
    first, found = verdict.claims
    assert first.status == "holds"
    assert found.status == status, found.reason
    assert said in found.reason
    assert found.applies != bool(claim.condition)
    assert verdict.status == (status if found.applies else "holds")
    assert verdict.status == "holds" or verdict.reason == f"{found.name}: {found.reason}"


def test_one_point_that_decides_is_enough_and_one_that_contradicts_too():
    points = [MODEL.replace(noise_variance=noise) for noise in (1.0, 2.0, 3.0)]

    def claim(*values: float) -> Claim:
        found = dict(zip(points, values, strict=True))
        return sides(found.__getitem__, 1.0, points=lambda model: points)

    def checked(*values: float) -> mt.Verdict:
        return mt.check(theorem_of(claim(*values)), rng=0)

    assert checked(UNDEFINED, 0.5, UNDEFINED).status == "holds"
    assert checked(0.5, UNDEFINED, INFINITE).status == "violated"
    verdict = checked(UNDEFINED, UNDEFINED, UNDEFINED)
    assert verdict.status == "not evaluated"
    assert [point.holds for point in verdict.claims[0].points] == [None] * 3


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ((), "the theorem has no claim"),
        ((PROVED,), "no claim is evaluated at this model; check another model"),
        ((FIXED,), "no claim is evaluated at this model; check another model"),
        ((PROVED, FIXED), "no claim is evaluated at this model; check another model"),
        ((replace(ORDER, weights=None),), "this model (at K=2 both sides are 0); check another"),
    ],
)
def test_proofs_and_examples_alone_say_nothing_of_a_model(claims, said):
    verdict = mt.check(theorem_of(*claims), MODEL.replace(noise_variance=0.0), rng=0)
    assert {claim.status for claim in verdict.claims} <= {"holds"}
    assert verdict.status == "not evaluated"
    assert said in verdict.reason
    # beside a claim that is evaluated they count
    beside = theorem_of(*claims, TRUE, assumptions=GENERALIZATION.assumptions)
    assert mt.check(beside, rng=0).status == "holds"


def test_the_first_status_that_applies_is_the_theorems():
    nothing, wrong = sides(0.0, 0.0), sides(2.0, 1.0)
    unsure = Claim("unsure", "<=", 0.5, experiment=lambda model, setting: blind)
    fails = {"assumptions": (SEVERAL_GROUPS,)}
    alone = mt.BlockModel([1.0], [0], [1.0], [1.0], 1.0)
    for claims, fields, status in (
        ((nothing, unsure, wrong), {}, "violated"),
        ((nothing, unsure), {}, "inconclusive"),
        ((TRUE, nothing), {}, "not evaluated"),
        ((TRUE,), fails, "assumptions not met"),
        ((TRUE,), fails | {"otherwise": (nothing, unsure)}, "assumptions not met"),
        ((TRUE,), fails | {"otherwise": (nothing, wrong)}, "violated"),
    ):
        assert mt.check(theorem_of(*claims, **fields), alone, rng=0).status == status


# --- claims that are false, and used to pass ------------------------------------------------------

ALMOST_SURE = 1.0 - 2.0**-50  # the gap is 1e-15 of the risks, which subtraction cannot see


def twice(claim: Claim, **fields: object) -> Claim:
    """The false claim that the gap is twice what it is."""
    return replace(claim, right=lambda model: 2.0 * mt.gap(model), symbolic=None, **fields)


@pytest.mark.parametrize("weights", [IDENTITY.weights, None])
@pytest.mark.parametrize(
    "model",
    [
        mt.BlockModel([ALMOST_SURE, 2.0**-50], [0, 1], [1.0, 1.0], [1.0, 1.0], 1.0),
        mt.BlockModel.isotropic(4, 2, 4e12, signal_energy=4.0),
        mt.BlockModel([1.0, 0.0], [0, 1], [1.0, 2.0], [1.0, 1.0], 0.3),
    ],
)
def test_a_gap_that_is_lost_in_rounding_confirms_no_claim_about_it(model, weights):
    false = twice(IDENTITY, weights=weights)
    wrong = mt.check(theorem_of(false), model, rng=0, replicates=100)
    assert wrong.status in ("violated", "not evaluated"), wrong.reason
    assert wrong.claims[0].status != "holds"
    # nor is the true one confirmed but by its certificate
    true = mt.check(theorem_of(replace(false, right=mt.gap)), model, rng=0, replicates=100)
    assert true.status == "not evaluated"
    proved = mt.check(theorem_of(replace(IDENTITY, weights=None)), model, rng=0)
    assert proved.claims[0].status == "holds"
    assert proved.claims[0].certificate.status == "proved"


def test_a_gap_that_is_seen_is_told_from_twice_the_gap():
    assert mt.check(theorem_of(replace(IDENTITY, symbolic=None, weights=None))).status == "holds"
    assert mt.check(theorem_of(twice(IDENTITY, weights=None))).status == "violated"


# --- simulations ----------------------------------------------------------------------------------

seen = Outcome(
    simulated=1.0, sem=0.001, z=0.5, threshold=5.0, replicates=100, power=0.005, resolution=0.01
)
blind = seen._replace(power=0.5)


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (seen, "holds"),
        (blind, "inconclusive"),
        (seen._replace(z=99.0), "violated"),
        (seen._replace(z=-99.0), "violated"),
        (seen._replace(z=99.0, sem=1e-13), "holds"),  # a deviation of 1e-11, which is rounding
        (seen._replace(z=99.0, sem=1e-11), "violated"),
        (seen._replace(z=INFINITE, sem=0.0), "violated"),
        (seen._replace(z=UNDEFINED), "inconclusive"),
        (seen._replace(power=UNDEFINED), "inconclusive"),
        (seen._replace(simulated=0.0, sem=0.0, z=0.0, power=0.0), "not evaluated"),  # all zeros
    ],
)
def test_an_experiment_decides_a_claim_that_lacks_a_side(outcome, status):
    claim = Claim("alone", "<=", 0.5, experiment=lambda model, setting: outcome)
    assert mt.check(theorem_of(claim), rng=0).status == status


def test_an_experiment_that_cannot_be_made_says_why():
    claim = Claim("alone", "<=", 0.5, experiment=lambda model, setting: unknown(model))
    verdict = mt.check(theorem_of(claim), rng=0)
    assert verdict.status == "not evaluated"
    assert "at K=2 no formula is known for this" in verdict.reason


@pytest.mark.parametrize("sides_of", [(0.0, 0.0), (INFINITE, INFINITE), (UNDEFINED, 1.0)])
def test_what_decides_nothing_or_is_infinite_is_not_simulated(sides_of):
    def never(model, setting):
        raise AssertionError("simulated")

    verdict = mt.check(theorem_of(sides(*sides_of, experiment=never)), rng=0)
    assert verdict.comparisons == ()


# --- points beyond the accepted range -------------------------------------------------------------


def test_models_beyond_the_range_are_left_out_unless_all_are():
    def make(noise: float) -> mt.BlockModel:
        return refused(noise) if noise > 2.0 else MODEL.replace(noise_variance=noise)

    found = accepted_models(make, (3.0, 1.0, 4.0, 2.0))
    assert [model.noise_variance for model in found] == [1.0, 2.0]
    assert accepted_models(make, ()) == []
    with pytest.raises(OutOfRangeError, match="got 3"):
        accepted_models(make, (3.0, 4.0))
    some = sides(
        lambda model: model.noise_variance, 2.0, points=lambda m: accepted_models(make, (3.0, 1.0))
    )
    assert mt.check(theorem_of(some)).status == "holds"
    none = replace(some, points=lambda model: accepted_models(make, (3.0, 4.0)), condition="x")
    verdict = mt.check(theorem_of(none, TRUE), rng=0)
    assert verdict.status == "not evaluated"
    assert verdict.reason.endswith(
        "noise_variance must be 0 or between 1 and 2, got 3; check another model"
    )


# --- what a verdict rests on ----------------------------------------------------------------------


def proved_within(covers):
    """The proved claim, evaluated at `MODEL` by the proof's two sides, its scope limited."""

    def symbolic():
        return replace(ORDER.symbolic(), scope="some models", covers=covers)

    return replace(ORDER, symbolic=symbolic, weights=None)


@pytest.mark.parametrize(
    ("covers", "words", "outcome"),
    [(True, "", "holds"), (False, ", not here", "holds at {} models, not proved")],
)
def test_a_proof_says_its_scope_and_whether_the_model_is_within(covers, words, outcome):
    proved = proved_within(lambda model: covers)
    theorem = theorem_of(proved, assumptions=GENERALIZATION.assumptions)
    (claim,) = mt.check(theorem, rng=0).claims
    assert claim.certificate.status == "proved"
    assert claim.certificate.covers == covers
    assert claim.evidence[0] == f"proved for some models{words}"
    # the scope of a proof of one's own is one's word: the claim is evaluated elsewhere, too
    models = sum(point.holds is True for point in claim.points)
    assert models > 15
    assert claim.evidence[1] == f"evaluated at {models} models"
    assert (claim.status, claim.proved) == ("holds", covers)
    assert claim.outcome == outcome.format(models)


@pytest.mark.parametrize(("covers", "status"), [(True, "holds"), (False, "not evaluated")])
def test_a_proof_decides_nothing_beyond_its_scope(covers, status):
    """The sides are both 0 here, so that they decide nothing either."""
    nothing = MODEL.replace(coefficients=[0.0, 0.0, 0.0])
    verdict = mt.check(theorem_of(proved_within(lambda model: covers)), nothing, rng=0)
    assert verdict.claims[0].status == status


def test_what_rests_on_an_experiment_holds_to_what_was_seen():
    theorem = mt.catalogue["sample-complexity"]
    claims = {claim.name: claim for claim in mt.check(theorem, rng=1).claims}
    law, mean = claims["law of the MoE's risk"], claims["E MoE == sum_g p rho (n-1)/(n-s-1)"]
    seen = law.shown.comparison.seen
    assert law.outcome == f"holds to {seen}"
    assert law.evidence == (f"simulated to {seen}",)
    assert seen.endswith("% of probability")
    assert mean.outcome == "holds"  # proved
    assert [words.split()[0] for words in mean.evidence] == ["proved", "evaluated", "simulated"]


def test_every_certificate_of_the_catalogue_has_a_scope_that_meets_the_assumptions(held):
    for name in mt.catalogue:
        for claim in held(mt.catalogue[name]).claims:
            if claim.certificate is not None:
                assert claim.certificate.summary == f"proved for {claim.certificate.scope}"
                assert claim.evidence[0] == claim.certificate.summary


def test_routing_is_proved_for_small_cases_and_says_so_for_others():
    small, large = (
        mt.check(
            "routing",
            mt.BlockModel.isotropic(size * 3, 3, 1.0, signal_energy=2.0 * size),
            rng=0,
        ).claims[0]
        for size in (4, 8)
    )
    assert small.evidence[0] == "proved for K = 2, 3, 4 and s = 2, 4, 6"
    assert large.evidence[0] == "proved for K = 2, 3, 4 and s = 2, 4, 6, not here"
    assert large.outcome == f"holds to {large.shown.comparison.seen}"


LEAKING = mt.BlockModel([0.4, 0.6], [0, 1], [1.0, 1.0], [1.0, 1.0], 1.0, leakage_variances=0.9)


def test_a_proof_about_strict_blocks_decides_nothing_of_a_leaking_model():
    """Without points of its own a claim is about the model that is checked."""
    verdict = mt.check(theorem_of(PROVED, TRUE), LEAKING, rng=0)
    proved = verdict.claims[0]
    assert proved.certificate.summary == "proved for any strict model, not here"
    assert proved.status == verdict.status == "not evaluated"
    assert mt.check(theorem_of(PROVED, TRUE), rng=0).status == "holds"


def test_a_claim_with_a_domain_of_its_own_says_its_scope():
    one = direction(leaking=False)
    t = sympy.Symbol("t", positive=True)
    with pytest.raises(ValueError, match="must say its scope"):
        one.claim(one.moe, one.dense, domain={one.probability: 1 / (2 + t)})


def test_what_is_simulated_and_not_proved_holds_to_what_was_seen():
    claims = {claim.name: claim for claim in mt.check("leakage", rng=1).claims}
    proved = claims["dense <= MoE at alpha = 1"]
    ordered = claims["MoE <= dense at 0.8 of the crossover"]
    assert proved.outcome == "holds"
    assert ordered.outcome == f"holds to {ordered.shown.comparison.seen}"

"""Certificates of claims: proved what is true, refuted what is false, tied to the shipped code."""

import math
from dataclasses import replace

import numpy as np
import pytest
import sympy

from moetheory import BlockModel
from moetheory.claims.assumptions import Assumption
from moetheory.claims.certificates import Symbolic
from moetheory.claims.claim_certificates import Shipped, certify_claim, within_scope
from moetheory.claims.rational_functions import evaluate
from moetheory.common.errors import OutOfRangeError

a, b, u = sympy.symbols("a b u", positive=True)


def draw(rng: np.random.Generator) -> dict[str, float]:
    low = float(rng.uniform(0.1, 5.0))
    return {"b": low, "a": low + float(rng.uniform(0.1, 5.0))}


def model(values) -> BlockModel:
    """A model that carries the two numbers."""
    return BlockModel([1.0], [0, 0], [1.0, 1.0], [values["a"], values["b"]], 1.0)


def shipped(claim: Symbolic, factor: float = 1.0) -> Shipped:
    """The sides computed from a model; the right one off by a factor."""

    def side(expression):
        return lambda m: float(evaluate(expression, dict(zip("ab", m.coefficients, strict=True))))

    left, right = side(claim.left), side(claim.right)
    return Shipped(left, lambda m: factor * right(m), left)


def status(relation: str, claim: Symbolic, factor: float = 1.0) -> str:
    return certify_claim(relation, claim, shipped(claim, factor)).status


MEANS = Symbolic(2 * a * b / (a + b), (a + b) / 2, "any a > b", {a: b + u}, draw, model)


def test_a_true_inequality_is_proved_and_can_be_rechecked():
    certificate = certify_claim("<=", MEANS, shipped(MEANS))
    assert certificate.status == "proved"
    numerator, denominator = map(sympy.sympify, (certificate.numerator, certificate.denominator))
    substituted = (MEANS.right - MEANS.left).subs(a, b + u).subs(b, sympy.Symbol("b"))
    difference = numerator / denominator - substituted.subs(u, sympy.Symbol("u"))
    assert sympy.simplify(difference) == 0
    for polynomial in (numerator, denominator):
        assert all(c > 0 for c in sympy.Poly(polynomial).coeffs())


@pytest.mark.parametrize("factor", [0.5, 0.99])
def test_a_false_inequality_is_refuted_by_a_counterexample(factor):
    claim = replace(MEANS, right=factor * MEANS.left)
    certificate = certify_claim("<=", claim, shipped(claim))
    assert certificate.status == "refuted"
    values = certificate.counterexample
    assert evaluate(claim.left, values) > evaluate(claim.right, values)


def test_identities_are_proved_and_wrong_ones_refuted():
    square = replace(MEANS, left=(a + b) ** 2, right=a**2 + 2 * a * b + b**2)
    assert status("==", square) == "proved"
    assert status("==", replace(square, right=1.01 * square.right)) == "refuted"
    assert status("==", MEANS) == "refuted"


def test_a_true_inequality_without_the_right_substitution_stays_open():
    """b ≤ a holds where a = b + u; positive symbols alone do not show it."""
    assert status("<=", replace(MEANS, left=b, right=a)) == "proved"
    assert status("<=", replace(MEANS, left=b, right=a, domain={})) == "open"


def test_a_sign_in_the_denominator_does_not_matter():
    claim = Symbolic(a / a**2, -(a + 1) / (-(a**2)), "any a", {}, draw, model)
    assert status("<=", claim) == "proved"


@pytest.mark.parametrize("factor", [1 + 1e-11, 1 - 1e-11, float("nan"), float("inf")])
def test_the_shipped_sides_must_be_the_certified_ones(factor):
    assert status("<=", MEANS) == "proved"
    assert status("<=", MEANS, factor) == "refuted"


def test_a_difference_of_risks_is_tied_relative_to_the_risks():
    """What subtraction loses is forgiven on the left, where a scale is named; not on the right."""
    honest = shipped(MEANS)
    off = Shipped(lambda m: honest.left(m) + 1e-10, honest.right, lambda m: 1e6)
    assert certify_claim("<=", MEANS, off).status == "proved"
    assert certify_claim("<=", MEANS, off._replace(scale=honest.left)).status == "refuted"


def test_a_proof_that_rounding_cannot_tie_to_the_shipped_code_stays_open():
    """Beside risks of 1e15 the sides are lost: shipped code that is twice too large, too."""
    honest = shipped(MEANS)
    for factor in (1.0, 2.0):
        lost = Shipped(lambda m, f=factor: f * honest.left(m), honest.right, lambda m: 1e15)
        certificate = certify_claim("<=", MEANS, lost)
        assert certificate.status == "open"
        assert math.isnan(certificate.discrepancy)


def test_random_models_beyond_the_accepted_range_are_left_out():
    def refused(values):
        raise OutOfRangeError("signal_variances must be 0 or between 1e-40 and 1e+40")

    def half_refused(values):
        return refused(values) if values["b"] < 2.5 else model(values)

    assert status("<=", replace(MEANS, model=half_refused)) == "proved"
    assert status("<=", replace(MEANS, model=half_refused), 1 + 1e-11) == "refuted"
    assert status("<=", replace(MEANS, model=refused)) == "open"


def test_a_side_of_zero_is_compared_too():
    nothing = replace(MEANS, left=sympy.Integer(0))
    assert status("<=", nothing) == "proved"
    backwards = replace(MEANS, right=sympy.Integer(0), left=-MEANS.left)
    assert status("<=", backwards) == "proved"
    off = Shipped(shipped(backwards).left, lambda m: 1e-30, shipped(backwards).left)
    assert certify_claim("<=", backwards, off).status == "refuted"


# --- scopes ---------------------------------------------------------------------------------------

POSITIVE = Assumption("a positive first coefficient", lambda m: m.coefficients[0] > 0.0)


@pytest.mark.parametrize("scope", ["", "  "])
def test_a_scope_has_words(scope):
    with pytest.raises(ValueError, match="scope must say what the proof covers"):
        replace(MEANS, scope=scope)


def test_an_empty_domain_is_refused_when_it_is_declared():
    with pytest.raises(ValueError, match="the domain of a certificate is empty: a = -b - u"):
        replace(MEANS, domain={a: -b - u})


def test_a_domain_that_does_not_cover_the_scope_is_noticed():
    """The proof would be about a > 2b alone."""
    with pytest.raises(ValueError, match=r"must cover its scope, got a = 2\*b \+ u"):
        status("<=", replace(MEANS, domain={a: 2 * b + u}))


def test_random_points_that_do_not_cover_the_domain_are_noticed():
    def lopsided(rng):
        return {**draw(rng), "b": 1.0, "a": 3.0}

    with pytest.raises(ValueError, match="must cover its domain, got values of b from 1 to 1 only"):
        status("<=", replace(MEANS, draw=lopsided))


def test_a_scope_that_contradicts_an_assumption_is_refused():
    assert certify_claim("<=", MEANS, shipped(MEANS), given=[POSITIVE]).status == "proved"
    negative = replace(MEANS, model=lambda v: model({**v, "a": -v["a"]}))
    with pytest.raises(ValueError, match="contradicts 'a positive first coefficient'"):
        certify_claim("<=", negative, shipped(MEANS), given=[POSITIVE])
    beside = replace(negative, model=lambda v: (model({**v, "a": -v["a"]}), 0.5))
    with pytest.raises(ValueError, match="contradicts 'a positive first coefficient'"):
        certify_claim("<=", beside, shipped(MEANS), given=[POSITIVE])


def test_several_cases_are_proved_together_or_not_at_all():
    square = replace(MEANS, left=a * b, right=(a**2 + b**2) / 2)
    true = certify_claim("<=", [MEANS, MEANS], shipped(MEANS))
    assert (true.status, true.scope) == ("proved", "any a > b")
    wrong = certify_claim("<=", [MEANS, replace(MEANS, right=0.99 * MEANS.left)], shipped(MEANS))
    assert wrong.status == "refuted"
    assert wrong.counterexample is not None
    # the sides of the second case are not those of the shipped code
    assert certify_claim("<=", [MEANS, square], shipped(MEANS)).status == "refuted"
    order = replace(MEANS, left=b, right=a)
    open_case = replace(order, domain={})
    assert certify_claim("<=", [open_case, order], shipped(order)).status == "open"


def test_models_within_the_scope_of_any_case_are_covered():
    small, large = (model({"a": x, "b": 1.0}) for x in (2.0, 9.0))
    cases = [replace(MEANS, covers=lambda m, x=x: m.coefficients[0] == x) for x in (2.0, 3.0)]
    assert within_scope(MEANS, [small, large])
    assert within_scope(cases, [small, small])
    assert not within_scope(cases, [small, large])
    assert within_scope(cases, [])


def test_the_summary_of_a_proof_names_its_scope():
    certificate = certify_claim("<=", MEANS, shipped(MEANS))
    assert certificate.summary == "proved for any a > b"
    assert replace(certificate, covers=False).summary == "proved for any a > b, not here"
    assert replace(certificate, status="open").summary == "open"


def test_cases_of_different_scopes_are_refused():
    with pytest.raises(ValueError, match=r"must have one scope, got \['any a > b', 'any b'\]"):
        certify_claim("<=", [MEANS, replace(MEANS, scope="any b")], shipped(MEANS))
    with pytest.raises(ValueError, match="must have one scope, got"):
        certify_claim("<=", [], shipped(MEANS))


def test_sides_that_are_no_rational_functions_are_refused():
    root = replace(MEANS, right=MEANS.right + sympy.sqrt(1 + a))
    with pytest.raises(ValueError, match="must be rational functions after the substitutions"):
        certify_claim("<=", root, shipped(MEANS))


@pytest.mark.parametrize("value", [-1.0, math.inf, math.nan, "x", [1.0], None])
def test_every_symbol_is_drawn_a_finite_number_of_its_sign(value):
    wrong = replace(MEANS, draw=lambda rng: {**draw(rng), "b": value})
    with pytest.raises(ValueError, match="draw must give a positive number for every symbol"):
        certify_claim("<=", wrong, shipped(MEANS))
    lacking = replace(MEANS, draw=lambda rng: {"a": draw(rng)["a"]})
    with pytest.raises(ValueError, match="got b=None"):
        certify_claim("<=", lacking, shipped(MEANS))

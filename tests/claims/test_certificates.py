"""Certificates: proved what is true, refuted what is false, tied to the shipped code."""

import math
from dataclasses import replace

import numpy as np
import pytest
import sympy

from moetheory import BlockModel
from moetheory.claims.certificates import Shipped, Symbolic, certify, evaluate
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
    return certify(relation, claim, shipped(claim, factor)).status


MEANS = Symbolic(2 * a * b / (a + b), (a + b) / 2, {a: b + u}, draw, model)


def test_a_true_inequality_is_proved_and_can_be_rechecked():
    certificate = certify("<=", MEANS, shipped(MEANS))
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
    certificate = certify("<=", claim, shipped(claim))
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
    claim = Symbolic(a / a**2, -(a + 1) / (-(a**2)), {}, draw, model)
    assert status("<=", claim) == "proved"


@pytest.mark.parametrize("factor", [1 + 1e-11, 1 - 1e-11, float("nan"), float("inf")])
def test_the_shipped_sides_must_be_the_certified_ones(factor):
    assert status("<=", MEANS) == "proved"
    assert status("<=", MEANS, factor) == "refuted"


def test_a_difference_of_risks_is_tied_relative_to_the_risks():
    """What subtraction loses is forgiven on the left, where a scale is named; not on the right."""
    honest = shipped(MEANS)
    off = Shipped(lambda m: honest.left(m) + 1e-10, honest.right, lambda m: 1e6)
    assert certify("<=", MEANS, off).status == "proved"
    assert certify("<=", MEANS, off._replace(scale=honest.left)).status == "refuted"


def test_a_proof_that_rounding_cannot_tie_to_the_shipped_code_stays_open():
    """Beside risks of 1e15 the sides are lost: shipped code that is twice too large, too."""
    honest = shipped(MEANS)
    for factor in (1.0, 2.0):
        lost = Shipped(lambda m, f=factor: f * honest.left(m), honest.right, lambda m: 1e15)
        certificate = certify("<=", MEANS, lost)
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
    assert certify("<=", backwards, off).status == "refuted"

"""Certificates: proved what is true, refuted what is false, tied to the shipped code."""

from dataclasses import replace

import numpy as np
import pytest
import sympy

from moetheory.certificates import Symbolic, certify, evaluate

a, b, u = sympy.symbols("a b u", positive=True)


def draw(rng: np.random.Generator) -> dict[str, float]:
    low = float(rng.uniform(0.1, 5.0))
    return {"b": low, "a": low + float(rng.uniform(0.1, 5.0))}


MEANS = Symbolic(2 * a * b / (a + b), (a + b) / 2, {a: b + u}, [], draw)


def test_a_true_inequality_is_proved_and_can_be_rechecked():
    certificate = certify("<=", MEANS)
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
    certificate = certify("<=", claim)
    assert certificate.status == "refuted"
    values = certificate.counterexample
    assert evaluate(claim.left, values) > evaluate(claim.right, values)


def test_identities_are_proved_and_wrong_ones_refuted():
    square = replace(MEANS, left=(a + b) ** 2, right=a**2 + 2 * a * b + b**2)
    assert certify("==", square).status == "proved"
    assert certify("==", replace(square, right=1.01 * square.right)).status == "refuted"
    assert certify("==", MEANS).status == "refuted"


def test_a_true_inequality_without_the_right_substitution_stays_open():
    """a³ ≤ a²b + … needs a ≥ b to be seen; positive symbols alone do not show it."""
    assert certify("<=", replace(MEANS, left=b, right=a, domain={})).status == "open"


def test_a_sign_in_the_denominator_does_not_matter():
    claim = Symbolic(sympy.Integer(0), -1 / (-a - 1), {}, [], lambda rng: {"a": 1.0})
    assert certify("<=", claim).status == "proved"


@pytest.mark.parametrize(
    ("shipped", "status"),
    [
        (lambda a, b: (a + b) / 2, "proved"),
        (lambda a, b: (a + b) / 2 * (1 + 1e-11), "refuted"),
        (lambda a, b: float("nan"), "refuted"),
    ],
)
def test_the_shipped_formula_must_be_the_certified_one(shipped, status):
    certificate = certify("<=", replace(MEANS, shipped=[(MEANS.right, shipped)]))
    assert certificate.status == status

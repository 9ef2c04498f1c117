"""Proofs: whoever changes their data destroys them."""

from dataclasses import replace

import pytest
import sympy
from sympy import Rational

import moetheory as mt
from moetheory.claims.proofs import Nonnegative, Quotient, Split

x, y, z, t = sympy.symbols("x y z t")
ONE, ZERO = sympy.S.One, sympy.S.Zero
SQUARE = Nonnegative((x - y) ** 2, ONE, ((ONE, x - y),), ZERO)
SUM = Nonnegative(x + y, ONE, (), x + y)


def test_squares_and_rests_add_up():
    assert SQUARE.verify()
    assert Nonnegative(
        x**2 - x * y + y**2, ONE, ((Rational(1, 2), x - y),), (x**2 + y**2) / 2
    ).verify()
    polya = Nonnegative(x**2 - x * y + y**2, x + y, (), x**3 + y**3)
    assert polya.verify()
    assert polya.kind == "Pólya"
    assert Nonnegative(sympy.sqrt(2) * x, ONE, (), sympy.sqrt(2) * x).verify()


@pytest.mark.parametrize(
    "wrong",
    [
        replace(SQUARE, polynomial=(x - y) ** 2 - Rational(1, 10**30)),
        replace(SQUARE, squares=((ONE, x - 2 * y),)),
        replace(SQUARE, squares=()),
        replace(SQUARE, rest=Rational(1, 10**30)),
        replace(SQUARE, squares=((-ONE, x - y),), polynomial=-((x - y) ** 2)),
        replace(SQUARE, squares=((x - z, ONE),), polynomial=x - z),
        replace(SQUARE, squares=((1 / x, x - y),), polynomial=(x - y) ** 2 / x),
        replace(SUM, polynomial=x - y, rest=x - y),
        replace(SUM, multiplier=ZERO, rest=ZERO, polynomial=-x),
        replace(SUM, multiplier=x - y, rest=ZERO),
        replace(SUM, multiplier=-ONE, rest=x + y, polynomial=-x - y),
        replace(SUM, polynomial=sympy.sqrt(x) - 1, rest=sympy.sqrt(x) - 1),
    ],
)
def test_a_polynomial_that_is_not_proved_is_found(wrong):
    assert not wrong.verify()


def test_a_fraction_is_the_one_that_is_meant():
    quotient = Quotient(SQUARE, SUM)
    assert quotient.proves((x - y) ** 2 / (x + y))
    assert quotient.proves(-((x - y) ** 2) / (-x - y))
    assert not quotient.proves((x - y) ** 2 / (x + 2 * y))
    assert not quotient.proves(-((x - y) ** 2) / (x + y))
    nothing = Nonnegative(ZERO, ONE, (), ZERO)
    assert not Quotient(nothing, nothing).proves(-x)


def by_coefficients(numerator, denominator):
    return Quotient(*(Nonnegative(each, ONE, (), each) for each in (numerator, denominator)))


ABOVE = by_coefficients((1 + t) * t**2, ONE)
BELOW = by_coefficients(t**2, (1 + t) ** 3)
CLAIM = x * (x - 1) ** 2  # at least 0 on both sides of 1


def test_the_pieces_of_a_split_reach_everything():
    split = Split(x, ONE, t, BELOW, ABOVE)
    assert split.proves(CLAIM)
    for wrong in (
        replace(split, at=Rational(1, 2)),  # the pieces are about another threshold
        replace(split, below=ABOVE),
        replace(split, at=-ONE),
        replace(split, at=x),
        replace(split, at=1 + x),
    ):
        assert not wrong.proves(CLAIM), wrong.at
    assert not split.proves(CLAIM + t)  # the coordinate is not a new one


def test_an_order_splits_both_ways():
    above, below = (by_coefficients(each, ONE) for each in (t**2 * (2 * y + t), t**2 * (2 * x + t)))
    split = Split(x, y, t, below, above)
    assert split.proves((x - y) ** 2 * (x + y))
    assert not replace(split, above=below).proves((x - y) ** 2 * (x + y))


@pytest.mark.parametrize(
    ("left", "right", "domain"),
    [
        (x * y / (x + y), (x + y) / 4, None),
        (x * (1 - x), Rational(1, 4), {x: (0, 1)}),
        (0, x * (x - y) * (x - z) + y * (y - x) * (y - z) + z * (z - x) * (z - y), None),
    ],
)
def test_a_proof_of_something_else_is_no_proof(left, right, domain):
    certificate = mt.certify(left, right, domain)
    (proof,) = certificate.proofs
    assert proof.verify()
    changes = (
        {"left": proof.left + Rational(1, 10**20)},
        {"right": proof.right * (1 - Rational(1, 10**20))},
        {"domain": {**proof.domain, x: 2 + t}},
        {"relation": "=="},
    )
    for change in changes:
        changed = replace(certificate, proofs=(replace(proof, **change),))
        assert not changed.verify(), change


def test_a_domain_that_leads_nowhere_proves_nothing():
    (proof,) = mt.certify(x, x + y).proofs
    assert not replace(proof, domain={y: y + t}).verify()


def test_proofs_are_written_piece_by_piece():
    proof = mt.certify(0, CLAIM).proofs[0]
    assert proof.kind == "sum of squares"
    split = replace(proof, steps=Split(x, ONE, t, BELOW, ABOVE))
    assert split.verify()
    assert split.kind == "split"
    first, second = str(split).splitlines()
    assert first.startswith("where x <= 1, x = 1/(t + 1): right - left = t**2/(t + 1)**3")
    assert second.startswith("where x >= 1, x = t + 1: right - left = ")
    assert r"x \geq 1, x = t + 1:\;" in split.latex()

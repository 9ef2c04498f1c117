"""Claims from one line: what they say, what is refused and where, and their values."""

import math
import pickle
import re
from fractions import Fraction

import mpmath
import numpy as np
import pytest

import moetheory as mt
from moetheory.claims.exact_values import exact_sides
from moetheory.claims.expression_values import Ball, Side
from moetheory.claims.expressions import ExpressionError, has_free_samples, parse_claim
from moetheory.claims.model_space import ModelSpace
from moetheory.claims.random_models import random_models
from moetheory.common.errors import OutOfRangeError

MODEL = mt.BlockModel([0.25, 0.75], [0, 0, 1], [1.0, 2.0, 3.0], [1.0, 2.0, -1.0], 0.5)
DENSE, MOE = mt.risk(mt.Dense(), MODEL).value, mt.risk(mt.MoE(), MODEL).value
HARD = mt.MoE(gate=mt.Hard())


@pytest.mark.parametrize(
    ("line", "left", "right"),
    [
        ("risk(MoE()) <= risk(Dense())", MOE, DENSE),
        ("risk(MoE()) >= 2 * gap()", 2 * mt.gap(MODEL), MOE),
        ("moe_bound() >= risk(MoE()).excess", MOE, mt.moe_bound(MODEL)),
        ("risk(MoE(gate=Hard())) <= -K", mt.risk(HARD, MODEL).value, -2.0),
        ("risk(MoE(Hard())) <= +d", mt.risk(HARD, MODEL).value, 3.0),
        ("mmse().value == sigma2 ** 2", mt.mmse(MODEL).value, 0.25),
        ("min(V, 3, null_risk) <= max(1, sqrt(16) / 2)", 3.0, 2.0),
        ("abs(log(exp(-2))) <= dim - experts", 2.0, 1.0),
        (
            "misclassification(MoE()).accuracy <= 1",
            mt.misclassification(mt.MoE(), MODEL).accuracy,
            1.0,
        ),
        (
            "contraction_factor(Dense()) <= 1",
            mt.contraction_factor(mt.Dense(), MODEL).value,
            1.0,
        ),
        (
            "risk(Dense(ridge=sigma2), under=Perturbation(4 * sigma2)) <= 1",
            mt.risk(mt.Dense(0.5), MODEL, under=mt.Perturbation(2.0)).value,
            1.0,
        ),
        (
            "risk(MoE(), under=Perturbation(confusion=even_confusion(K, 0.1), drag=1)) <= 1",
            mt.risk(
                mt.MoE(),
                MODEL,
                under=mt.Perturbation(confusion=mt.even_confusion(2, 0.1), drag=1.0),
            ).value,
            1.0,
        ),
        (
            "risk(MoE(), samples=20 * d) <= risk(MoE(shared=True))",
            mt.risk(mt.MoE(), MODEL, samples=60).value,
            mt.risk(mt.MoE(shared=True), MODEL).value,
        ),
    ],
)
def test_a_line_says_what_the_library_says(line, left, right):
    claim = parse_claim(line)
    assert claim.sides(MODEL) == pytest.approx((left, right), rel=1e-14)
    assert claim.relation == ("==" if "==" in line else "<=")
    assert pickle.loads(pickle.dumps(claim)).sides(MODEL) == claim.sides(MODEL)


REFUSED = {
    "risk(MoE() <= 1": ("does not parse", 4),
    "": ("does not parse", 0),
    "risk(Moe()) <= 1": ("did you mean MoE", 5),
    "rsk(MoE()) <= 1": ("did you mean risk", 0),
    "1 <= sigma": ("did you mean sigma2", 5),
    "Dense() <= 1": ("got an estimator; compare its risk: risk(Dense())", 0),
    "1 >= risk_distribution(MoE(), samples=9)": ("got a distribution", 5),
    "2 * Hard() <= 1": ("got a gate", 4),
    "risk(MoE())": ("must compare two sides", 0),
    "1 <= 2 <= 3": ("got several comparisons", 10),
    "1 != 2": ("must compare by", 5),
    "risk(MoE(), model) <= 1": ("no word model", 12),
    "risk(MoE(gat=Hard())) <= 1": ("did you mean gate", 9),
    "risk(MoE(gate=Dense())) <= 1": ("needs a gate as an argument of MoE", 14),
    "risk(2) <= 1": ("needs an estimator", 5),
    "risk() <= 1": ("needs an estimator", 0),
    "gap(1) <= 1": ("too many arguments", 4),
    "risk <= 1": ("to be called", 0),
    "K() <= 1": ("without brackets", 0),
    "risk(MoE()).exces <= 1": ("there are .value, .excess", 0),
    "sqrt(1, 2) <= 1": ("one number", 0),
    "max(1) <= 1": ("several numbers", 0),
    "__import__('os').system('true') <= 1": ("cannot have __import__", 0),
    "(lambda: 1)() <= 1": ("cannot have", 0),
    "model.dim <= 1": ("no word model", 0),
    "mt.risk(MoE()) <= 1": ("cannot have mt.risk", 0),
    "[1] <= 1": ("cannot have", 0),
    "'a' <= 1": ("cannot have", 0),
    "1 if 1 else 2 <= 1": ("cannot have", 0),
    "True <= 1": ("got True or False", 0),
    "é <= 1": ("unknown word", 0),
    "risk(MoE(Hard(), gate=Hard())) <= 1": ("gate twice", 22),
    "risk(MoE(**K)) <= 1": ("cannot have **", 11),
    "1e999 <= 1": ("below 1e300", 0),
    f"{'9' * 400} <= 1": ("below 1e300", 0),
}


@pytest.mark.parametrize("line", REFUSED)
def test_what_cannot_be_read_is_refused_with_a_caret_under_it(line):
    said, column = REFUSED[line]
    with pytest.raises(ExpressionError, match="claim") as caught:
        parse_claim(line)
    assert said in str(caught.value)
    assert caught.value.column == column
    _, text, caret = str(caught.value).split("\n")
    assert text == f"  {line}"
    assert caret.index("^") == column + 2
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_a_caret_stands_right_behind_other_alphabets():
    with pytest.raises(ExpressionError) as caught:
        parse_claim("1 <= 2 + ππ")
    assert caught.value.column == 9
    with pytest.raises(mt.ArgumentError, match="at most 500 characters"):
        parse_claim("1 + " * 200 + "1 <= 2")
    with pytest.raises(mt.ArgumentError, match="claim must be a string"):
        parse_claim(3)


def test_n_is_free():
    claim = parse_claim("risk(MoE(), samples=n) <= 1 + 1 / samples")
    assert has_free_samples(claim)
    assert not has_free_samples(parse_claim("risk(MoE(), samples=40) <= 1"))
    with pytest.raises(mt.ArgumentError, match="any number of samples n"):
        claim.sides(MODEL)
    assert claim.left.at(40)(MODEL) == mt.risk(mt.MoE(), MODEL, samples=40).value
    assert claim.right.at(40)(MODEL) == 1 + 1 / 40


def test_one_noise_variance_is_assumed_where_it_is_named():
    claim = parse_claim("risk(MoE()) <= sigma2")
    several = MODEL.replace(noise_variance=[1.0, 2.0, 3.0])
    assert [each.holds(several) for each in claim.assumptions] == [False]
    with pytest.raises(mt.NoClosedForm, match="one noise variance"):
        claim.sides(several)
    assert parse_claim("risk(MoE()) <= 1").assumptions == ()


def test_what_the_library_refuses_is_not_known():
    leaking = MODEL.replace(leakage_variances=1.0)
    with pytest.raises(mt.NoClosedForm, match="strict blocks"):
        parse_claim("mmse() <= 1").sides(leaking)
    with pytest.raises(mt.NoClosedForm, match="at most 2"):
        parse_claim("risk(MoE(gate=TopK(3))) <= 1").sides(MODEL)


@pytest.mark.parametrize("line", ["1 / (K - 2)", "log(-1)", "(-1) ** 0.5", "9 ** 9 ** 9"])
def test_what_is_not_defined_is_nan(line):
    assert math.isnan(Side(line)(MODEL))


# --- 50 digits ------------------------------------------------------------------------------------


def test_fifty_digits_of_a_rational_number():
    p, (l1, l2, l3), n = Fraction(1, 4), (1, 2, 3), Fraction(1, 2)
    moe = p * (l1 * n / (l1 + n) + 4 * l2 * n / (l2 + n)) + (1 - p) * l3 * n / (l3 + n)
    found, _ = exact_sides(Side("risk(MoE())"), Side("1"), MODEL)
    with mpmath.workdps(60):
        assert abs(found - mpmath.mpf(moe.numerator) / moe.denominator) < mpmath.mpf(10) ** -48


LINES = (
    "risk(MoE())",
    "risk(Dense())",
    "risk(MoE(ridge=0.3)).excess",
    "risk(Dense(ridge=0.3))",
    "gap()",
    "moe_bound()",
    "contraction_factor(Dense())",
    "contraction_factor(MoE())",
    "risk(Dense(), under=Perturbation(3 * K))",
    "risk(MoE(), under=Perturbation(2, interference_variances=3))",
    "risk(MoE(), samples=n)",
    "min(risk(MoE()), 1) + max(gap(), 2) * abs(-3) - sqrt(2) / exp(1)",
)


@pytest.mark.parametrize("line", LINES)
def test_fifty_digits_and_floats_come_by_two_routes(line):
    rng = np.random.default_rng(0)
    counted = 0
    for model in random_models(rng, 60, ModelSpace(experts=(2, 4))):
        side = Side(line).at(int(rng.integers(1, 60)))
        exact = exact_sides(side, Side("1"), model)
        if exact is None:
            assert "samples" in line
            continue
        counted += 1
        # factors of contraction are small differences
        assert float(exact[0]) == pytest.approx(side(model), rel=1e-11)
    assert counted > 20


@pytest.mark.parametrize(
    "line",
    [
        "risk(MoE(gate=Hard()))",
        "risk(Dense(), samples=9)",
        "misclassification(MoE())",
        "risk(MoE(shared=True))",
        "risk(MoE(), under=Perturbation(erasure=0.5))",
        "1 / (K - 2)",
    ],
)
def test_what_is_not_elementary_has_no_fifty_digits(line):
    assert exact_sides(Side(line), Side("1"), MODEL) is None


# --- numbers with errors --------------------------------------------------------------------------


@pytest.mark.parametrize("line", ["a + b", "a - b", "a * b", "a / b", "a ** b"])
def test_a_ball_holds_what_its_parts_may_be(line):
    rng = np.random.default_rng(0)
    for a, b in rng.uniform(0.5, 4.0, (50, 2)).tolist():
        one, other = Ball(a, 0.1), Ball(b, 0.2)
        ball = eval(line, {"a": one, "b": other})
        for x, y in rng.uniform(-1.0, 1.0, (20, 2)).tolist():
            value = eval(line, {"a": a + 0.1 * x, "b": b + 0.2 * y})
            assert abs(value - ball.value) <= ball.error * (1 + 1e-12)
    assert Ball(1.0) / Ball(0.1, 0.2) == Ball(math.nan, math.inf) or math.isnan(
        (Ball(1.0) / Ball(0.1, 0.2)).value
    )


def test_a_side_is_as_inexact_as_its_worst_part():
    quadrature = mt.risk(HARD, MODEL)
    ball = Side("max(2 * risk(MoE(gate=Hard())), 0) - risk(MoE())").with_error(MODEL)
    assert ball.exactness == "quadrature"
    assert ball.error >= 2 * quadrature.error
    fitted = Side("risk(MoE(gate=Hard())) + risk(Dense(), samples=30)").with_error(MODEL)
    assert fitted.exactness == "asymptotic"
    assert fitted.error >= mt.risk(mt.Dense(), MODEL, samples=30).error
    assert Side("risk(MoE())").with_error(MODEL).error < 1e-10


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("risk(MoE()) < risk(Dense())", "must compare by <=, >= or ==: rounding hides whether"),
        ("1 > gap()", "must compare by <=, >= or ==: rounding hides whether"),
        ("risk(MoE()) =< risk(Dense())", "does not parse: write <= for at most"),
        ("risk(MoE()) \u2264 risk(Dense())", "does not parse: write <= for at most"),
        ("risk(MoE()) => risk(Dense())", "does not parse: write >= for at least"),
        ("risk(MoE()) = risk(Dense())", "does not parse: write == for equal, or <= or >="),
        ("risk(MoE()) <= 2K", "does not parse: a product is written with *"),
        ("risk(Dense()) <= K risk(MoE())", "does not parse: a product is written with *"),
        ("risk(Dense()) <= K^2", "cannot have ^: a power is written with **"),
    ],
)
def test_what_was_probably_meant_is_said(line, said):
    with pytest.raises(ExpressionError, match=re.escape(said)):
        parse_claim(line)


def test_numbers_of_samples_are_neither_rounded_nor_raised():
    for samples in ("-3", "0", "2.5", "n - 1000"):
        claim = parse_claim(f"risk(MoE(), samples={samples}) <= null_risk")
        left = claim.left.at(7) if "n" in samples else claim.left
        with pytest.raises(OutOfRangeError, match="samples must be an integer of at least 1"):
            left(MODEL)
    assert parse_claim("risk(MoE(), samples=n / 2) <= 9").left.at(40)(MODEL) == pytest.approx(
        mt.risk(mt.MoE(), MODEL, samples=20).value
    )

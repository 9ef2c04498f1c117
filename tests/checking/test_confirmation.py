"""What confirms a violation: 50 digits, stated errors, or models close by."""

import math

import numpy as np
import pytest

import moetheory as mt
from moetheory.checking.confirmation import NEARBY, STEP, _nearby, beyond_errors, confirmed
from moetheory.claims.expressions import parse_claim
from moetheory.claims.quantities import dense_excess, moe_excess

MODEL = mt.BlockModel(
    [0.25, 0.75], [0, 0, 1], [1.0, 2.0, 3.0], [1.0, 0.0, -1.0], 0.5, label_noise_variance=0.1
)
LEAKING = MODEL.replace(leakage_variances=3.0)


def test_functions_that_a_line_says_too_get_50_digits():
    found = confirmed(mt.claim(moe_excess, dense_excess), LEAKING, None)
    assert found == (True, "confirmed with 50 digits")
    assert not confirmed(mt.claim(moe_excess, dense_excess), MODEL, None).real


def test_a_difference_in_the_17th_digit_is_seen_and_one_of_nothing_is_not():
    # 1/3 is no float: as floats both sides are the same
    line = parse_claim("risk(MoE()) + 1e-18 <= risk(MoE())")
    left, right = line.sides(MODEL)
    assert left == right
    assert confirmed(line, MODEL, None).real
    same = confirmed(parse_claim("risk(MoE()) <= risk(MoE())"), MODEL, None)
    assert not same.real
    assert same.text.startswith("not confirmed: with 50 digits the sides are 0.")


@pytest.mark.parametrize(("share", "real"), [(0.5, False), (3.5, True)])
def test_a_result_of_the_library_tells_its_error(share, real):
    found = mt.risk(mt.Dense(), MODEL, samples=12)
    assert found.exactness == "asymptotic"

    def exact(model):
        """A risk without error, below that of dense."""
        below = found.value - share * found.error
        return mt.results.Risk(below, below, np.zeros(2))

    claim = mt.claim(lambda model: mt.risk(mt.Dense(), model, samples=12), exact)
    outcome = beyond_errors(claim, MODEL, None)
    assert outcome.real is real
    assert "3 times the error of asymptotic formulas" in outcome.text


def test_a_quadrature_tells_its_bound():
    small = mt.BlockModel.isotropic(4, 2, 1.0)
    outcome = confirmed(parse_claim("risk(MoE(gate=Hard())) <= risk(Dense())"), small, None)
    assert outcome.real
    assert "error bounds of the quadrature" in outcome.text


def test_infinite_sides_count():
    threshold = parse_claim("risk(MoE(), samples=n) <= 9")
    assert confirmed(threshold, MODEL, 12).real  # 3 samples, 2 coordinates: infinite
    few = confirmed(threshold, mt.BlockModel.isotropic(4, 2, 1.0), 6)
    assert few == (True, "confirmed with 50 digits")
    claim = mt.claim(lambda model: math.inf, 1.0)
    assert confirmed(claim, MODEL, None).real


def test_models_close_by_are_models_that_differ_by_rounding_alone():
    models = list(_nearby(LEAKING))
    assert len(models) == NEARBY == len(set(models))
    for each in models:
        assert each != LEAKING
        for name, value in LEAKING.fields().items():
            if name not in ("block_of", "rotations"):
                np.testing.assert_allclose(getattr(each, name), value, rtol=4 * STEP, atol=0.0)

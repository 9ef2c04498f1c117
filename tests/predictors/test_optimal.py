"""The optimal coefficients: no direction from them lowers the risk they were made for."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given

import moetheory as mt
from general_noise import variances
from moetheory.predictors.optimal import (
    coefficient_errors,
    formula_arguments,
    interference_of,
    leakage_of,
)
from moetheory.strategies import block_models


@given(block_models(noiseless=True))
def test_dense_coefficients_solve_the_normal_equations(model):
    h, noise = (model.group_probabilities @ each for each in variances(model))
    weights = mt.optimal_coefficients(mt.Dense(ridge=0.25), model)
    np.testing.assert_allclose((h + noise + 0.25) * weights, h * model.coefficients, rtol=1e-13)


@given(block_models(noiseless=True))
def test_expert_coefficients_solve_theirs_on_the_own_block(model):
    weights = mt.optimal_coefficients(mt.MoE(ridge=0.25), model)
    np.testing.assert_allclose(
        (model.signal_variances + model.noise_variance + 0.25) * weights,
        model.signal_variances * model.coefficients,
        rtol=1e-13,
    )


@pytest.mark.parametrize("ridge", [0.0, 0.25])
@pytest.mark.parametrize("kind", [mt.Dense, mt.MoE])
@given(model=block_models(noiseless=True, exponents=40))
def test_what_the_coefficients_miss_has_all_its_digits(model, kind, ridge):
    """In rational numbers, which lose nothing where the two are all but equal."""
    missed = coefficient_errors(kind(ridge=ridge), model)
    noises = np.broadcast_to(model.noise_variance, model.dim)
    arrays = model.signal_variances, model.leakage_variances, model.coefficients
    arrays += noises, model.interference_variances
    for m, (block, *values) in enumerate(zip(model.block_of, *arrays, strict=True)):
        p = Fraction(model.group_probabilities[block])
        moment, leakage, b, noise, interference = map(Fraction, values)
        if kind is mt.Dense:
            moment = p * moment + (1 - p) * leakage
            noise += (1 - p) * interference
        noise += Fraction(ridge)
        best = b * moment / (moment + noise) if moment + noise else 0
        assert missed[m] == pytest.approx(float(b - best), rel=1e-13, abs=0.0)


@given(block_models(max_experts=1))
def test_one_expert_has_the_dense_coefficients(model):
    dense, moe = (mt.optimal_coefficients(e, model) for e in (mt.Dense(), mt.MoE()))
    np.testing.assert_array_equal(dense, moe)


@pytest.mark.parametrize("estimator", [mt.Dense(), mt.MoE()])
def test_one_coefficient_for_each_coordinate_and_a_real_estimator(generic, estimator):
    assert mt.optimal_coefficients(estimator, generic()).shape == (9,)
    with pytest.raises(ValueError, match="estimator must be Dense"):
        mt.optimal_coefficients(type(estimator), generic())


def test_strict_blocks_leak_a_scalar_zero(generic):
    assert leakage_of(generic()) == 0.0
    assert leakage_of(generic(leakage_variances=0.5)).tolist() == [0.5] * 9


def test_quiet_blocks_interfere_a_scalar_zero(generic):
    assert interference_of(generic()) == 0.0
    assert interference_of(generic(interference_variances=0.5)).tolist() == [0.5] * 9


def test_the_arguments_of_formulas_are_those_of_the_model(generic):
    model = generic(leakage_variances=0.2, interference_variances=np.arange(9.0))
    arguments = formula_arguments(model)
    names = "group_probabilities", "block_of", "signal_variances", "leakage_variances"
    names += "coefficients", "noise_variance", "interference_variances"
    assert all(
        np.array_equal(each, getattr(model, name))
        for name, each in zip(names, arguments, strict=True)
    )
    assert type(arguments[5]) is float

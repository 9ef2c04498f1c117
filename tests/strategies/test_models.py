"""The strategies make valid, varied models and shrinks to readable ones."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import Phase, find, given, settings

import moetheory as mt
from moetheory.strategies import block_models, iso_parameter_models

QUIET = settings(database=None, max_examples=2000)
UNSHRUNK = settings(QUIET, phases=[Phase.generate])


@given(block_models(max_experts=3, max_block=2, exponents=4, strict=True, zeros=False))
def test_options_are_kept(model):
    assert model.experts <= 3
    assert model.sizes.max() <= 2
    assert model.strict
    assert np.all(model.group_probabilities > 0)
    assert np.all(np.abs(np.log2(model.signal_variances)) <= 4)
    assert np.all(model.coefficients != 0)
    assert np.all(np.asarray(model.noise_variance) > 0)


@given(block_models(uniform=True))
def test_uniform_models_have_one_noise_variance(model):
    assert isinstance(model.noise_variance, float)
    assert not model.interferes


@given(block_models(uniform=False))
def test_other_models_have_more(model):
    assert model.interferes or len(set(model.noise_variance.tolist())) > 1


@given(block_models(strict=False))
def test_leaking_models_leak(model):
    assert not model.strict


def test_what_should_vary_varies():
    for condition in (
        lambda m: len(set(m.sizes.tolist())) > 1,
        lambda m: len(set(m.group_probabilities.tolist())) > 2,
        lambda m: m.strict,
        lambda m: not m.strict,
        lambda m: 0.0 in m.group_probabilities,
        lambda m: 0.0 in m.signal_variances,
        lambda m: m.signal_variances.max() > 2**15 * m.signal_variances.min() > 0,
        lambda m: m.label_noise_variance > 0,
        lambda m: m.interferes and isinstance(m.noise_variance, float),
        lambda m: m.interferes and not isinstance(m.noise_variance, float),
        lambda m: not (m.interferes or isinstance(m.noise_variance, float)),
        lambda m: not m.interferes and isinstance(m.noise_variance, float),
        lambda m: m.interferes and m.strict and 0.0 in m.interference_variances,
    ):
        find(block_models(), condition, settings=UNSHRUNK)
    find(block_models(noiseless=True), lambda m: m.noiseless, settings=UNSHRUNK)
    find(
        block_models(noiseless=True),
        lambda m: 0.0 in np.atleast_1d(m.noise_variance) and not m.noiseless,
        settings=UNSHRUNK,
    )


@given(block_models(exponents=132, noiseless=True))
def test_the_most_extreme_models_lie_within_the_range(model):
    assert model.replace() == model


def test_exponents_beyond_the_range_are_refused():
    with pytest.raises(ValueError, match="exponents must be at most 132, got 133"):
        block_models(exponents=133)


@pytest.mark.parametrize(
    ("name", "bad", "wanted"),
    [
        ("strict", "abc", "True or False"),
        ("strict", 0, "True or False"),
        ("noiseless", 1, "True or False"),
        ("zeros", None, "True or False"),
        ("uniform", 1, "True or False"),
        ("max_experts", 0, "at least 1"),
        ("max_block", 2.5, "an integer"),
        ("exponents", True, "an integer"),
    ],
)
def test_what_no_argument_may_be_is_refused_at_once(name, bad, wanted):
    with pytest.raises(ValueError, match=f"^{name} must be {wanted}, got") as error:
        block_models(**{name: bad})
    assert error.value.argument == name


def test_one_coordinate_has_one_noise_variance():
    with pytest.raises(ValueError, match=r"\Auniform must not be False with one"):
        block_models(max_experts=1, max_block=1, uniform=False)


@given(block_models(max_experts=1, uniform=False))
def test_one_group_has_several_noise_variances_and_no_interference(model):
    assert not model.interferes
    assert len(set(model.noise_variance.tolist())) > 1


def test_failures_shrink_to_ones():
    small = find(block_models(strict=True), lambda m: m.experts > 1, settings=QUIET)
    assert small.sizes.tolist() == [1, 1]
    assert small.group_probabilities.tolist() == [0.5, 0.5]
    assert small.signal_variances.tolist() == small.coefficients.tolist() == [1.0, 1.0]
    assert (small.noise_variance, small.label_noise_variance) == (1.0, 0.0)


def test_without_hypothesis_the_error_names_the_extra():
    code = "import sys; sys.modules['hypothesis'] = None; import moetheory.strategies"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "pip install 'moetheory[hypothesis]'" in done.stderr


@given(iso_parameter_models(exponents=40, noiseless=True))
def test_models_of_equal_blocks_are_those_of_the_iso_parameter_regime(model):
    same = mt.BlockModel.isotropic(
        model.dim,
        model.experts,
        model.noise_variance,
        signal_energy=model.signal_variances[0] * model.dim / model.experts,
        label_power=model.label_power,
        label_noise_variance=model.label_noise_variance,
    )
    assert same.replace(coefficients=model.coefficients) == model
    np.testing.assert_allclose(same.coefficients, model.coefficients, rtol=1e-14)


@given(iso_parameter_models(dim=12, max_experts=5))
def test_a_given_dimension_is_kept(model):
    assert model.dim == 12
    assert model.experts in (1, 2, 3, 4)


@given(iso_parameter_models(exponents=132))
def test_models_of_equal_blocks_lie_within_the_range(model):
    assert model.replace() == model


def test_models_of_equal_blocks_shrink_to_ones():
    small = find(iso_parameter_models(), lambda m: m.experts > 1, settings=QUIET)
    assert small == mt.BlockModel([0.5, 0.5], [0, 1], [1.0, 1.0], [1.0, 1.0], 1.0)

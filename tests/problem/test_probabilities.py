"""Probabilities that sum to 1 only to within a tolerance: scaled once, the same for every verb."""

import copy
import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import moetheory as mt
from moetheory.problem.probabilities import ROUNDING, normalised
from moetheory.strategies import block_models

OFF = st.floats(-9.9e-10, 9.9e-10)


def exact_sums(p):
    return [math.fsum(row) for row in np.atleast_2d(p).tolist()]


@given(weights=st.lists(st.floats(1e-30, 1.0), min_size=1, max_size=40), off=OFF)
def test_a_sum_is_one_and_a_second_division_changes_no_bit(weights, off):
    p = np.array(weights) / math.fsum(weights) * (1.0 + off)
    once = normalised("p", p, p)
    assert exact_sums(once) == pytest.approx([1.0], rel=0.0, abs=ROUNDING)
    np.testing.assert_array_equal(normalised("p", once, once), once)
    np.testing.assert_allclose(once, p, rtol=1e-9)
    rows = np.stack([p, once])
    np.testing.assert_array_equal(normalised("p", rows, rows), [once, once])


@pytest.mark.parametrize("p", [[0.1] * 10, [1 / 3] * 3, [0.7, 0.2, 0.1], [1e-40, 1.0]])
def test_what_sums_to_one_up_to_rounding_keeps_its_bits(p):
    np.testing.assert_array_equal(normalised("p", p, np.array(p)), p)


def test_the_type_of_the_argument_decides_how_far_off_it_may_be():
    single = np.array([0.1, 0.9 + 5e-7], dtype=np.float32)
    p = normalised("p", single, single.astype(np.float64))
    assert exact_sums(p) == [1.0]
    for wrong in (single.astype(np.float64), np.array([0.1, 0.9 + 3e-6], dtype=np.float32)):
        with pytest.raises(ValueError, match=r"^p must sum to 1, got 1\.00000"):
            normalised("p", wrong, wrong.astype(np.float64))
    with pytest.raises(ValueError, match=r"^p must have rows that sum to 1, got 0.9 in row 1"):
        normalised("p", [], np.array([[0.5, 0.5], [0.5, 0.4]]))
    with pytest.raises(ValueError, match=r"^p must sum to 1, got inf"):
        normalised("p", [], np.array([1e308, 1e308]))
    covariances = [np.eye(2), np.eye(1)]
    model = mt.BlockModel.from_covariances(
        covariances, [[1.0, 2.0], [1.0]], 1.0, group_probabilities=single
    )
    np.testing.assert_array_equal(model.group_probabilities, p)


@given(model=block_models(), off=OFF)
def test_models_are_those_of_probabilities_that_sum_to_one(model, off):
    p = model.group_probabilities * (1.0 + off)
    stored = model.replace(group_probabilities=p)
    assert exact_sums(stored.group_probabilities) == pytest.approx([1.0], rel=0.0, abs=ROUNDING)
    assert not stored.group_probabilities.flags.writeable
    again = [
        stored.replace(),
        pickle.loads(pickle.dumps(stored)),
        copy.deepcopy(stored),
        stored.replace(group_probabilities=stored.group_probabilities),
    ]
    for other in again:
        assert other == stored
        assert hash(other) == hash(stored)


def test_files_keep_the_bits(tmp_path):
    model = mt.BlockModel([0.3333333333, 0.6666666666], [0, 1], [1.0, 2.0], [1.0, 1.0], 1.0)
    model.to_json(tmp_path / "model.json")
    assert mt.BlockModel.from_json(tmp_path / "model.json") == model


@given(model=block_models(), off=OFF)
def test_no_verb_sees_what_the_sum_lacks(model, off):
    """Risks in all ways of asking are the same up to rounding, not up to the tolerance."""
    model = model.replace(group_probabilities=model.group_probabilities * (1.0 + off))
    experts = model.experts
    confusion = (1.0 - off) * np.eye(experts)
    unders = [mt.Perturbation(), mt.Perturbation(confusion=confusion)]
    for estimator in (mt.Dense(), mt.MoE()):
        found = mt.risk(estimator, model)
        size = model.null_risk
        for under in unders:
            other = mt.risk(estimator, model, under=under)
            assert other.value == pytest.approx(found.value, rel=1e-12, abs=1e-14 * size)
        mean = model.group_probabilities @ found.per_group
        assert mean == pytest.approx(found.value, rel=1e-12, abs=1e-14 * size)
        assert found.excess == pytest.approx(
            found.value - model.label_noise_variance, rel=1e-12, abs=1e-14 * size
        )
    fitted = mt.risk(mt.MoE(), model, samples=[40] * experts)
    other = mt.risk(mt.MoE(), model, samples=[40] * experts, under=mt.Perturbation())
    assert other.value == pytest.approx(fitted.value, rel=1e-12)


@given(model=block_models(), off=OFF)
def test_a_gap_does_not_see_what_the_sum_lacks(model, off):
    """The gap of a group of probability 1 is nothing, not the tolerance."""
    shifted = model.replace(group_probabilities=model.group_probabilities * (1.0 + off))
    size = model.label_power
    assert mt.gap(shifted) == pytest.approx(mt.gap(model), rel=1e-12, abs=1e-14 * size)


def test_drawn_shares_add_up():
    p = np.array([0.25, 0.75]) * (1.0 + 9e-10)
    model = mt.BlockModel(p, [0, 1], [1.0, 2.0], [1.0, 1.0], 1.0)
    found = mt.simulate([mt.MoE(), mt.Dense()], model, replicates=2000, rng=1)
    for estimate in found:
        mean = float(model.group_probabilities @ estimate.per_group)
        assert mean == pytest.approx(estimate.mean, rel=1e-12)

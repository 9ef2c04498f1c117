"""Strata of inputs: each counts by how often it occurs."""

import numpy as np
import pytest

import moetheory as mt
from general_noise import LEAKING
from moetheory.simulation.methods.block_energies import SquaredInputModel
from moetheory.simulation.methods.drawn_inputs import InputStrata
from moetheory.simulation.methods.squares_layout import SquaresLayout
from moetheory.simulation.methods.strata import strata

LOUDER = mt.Perturbation(noise_variance=0.9, interference_variances=0.2)
ISOTROPIC = mt.BlockModel(
    [0.2, 0.5, 0.3], np.repeat([0, 1, 2], [2, 3, 4]), [1.0] * 9, [1.0] * 9, 0.3
)


def strata_of(models, under=None, confusable=0.5):
    layout = SquaresLayout.of(*models, under=under)
    inputs = tuple(SquaredInputModel(model, layout, under) for model in models)
    return InputStrata(inputs, np.array([0.3, 0.3, 0.4]), confusable)


@pytest.mark.parametrize("model", [LEAKING, ISOTROPIC])
@pytest.mark.parametrize("under", [None, LOUDER])
def test_weighted_inputs_are_inputs_as_they_occur(model, under):
    """Their number, the shares of groups, and the mean squares given the group."""
    plan, n = strata_of([model], under), 400_000
    counts = plan.counts(n)
    assert counts[-1] == n // 2
    (found,) = plan.draw(np.random.default_rng(0), strata(counts), counts)
    sems = found.weights.std() / n**0.5
    assert abs(found.weights.mean() - 1.0) < 5.0 * sems
    group, p = found.group.full(3), model.group_probabilities
    test, units = plan.input_models[0], plan.squares.block_of_unit
    for g in range(3):
        shares = group[g] * found.weights
        assert abs(shares.mean() - p[g]) < 5.0 * shares.std() / n**0.5
        expected = np.where(units == g, test.active_variances, test.inactive_variances)
        per_unit = 1.0 if len(units) == model.dim else model.sizes
        values = found.squares * shares
        errors = values.mean(axis=1) - p[g] * expected * per_unit
        assert np.all(np.abs(errors) < 5.0 * values.std(axis=1) / n**0.5)


def test_a_model_that_confuses_nothing_beside_one_that_does():
    """It gets inputs as they occur in their place; alone it gets none."""
    still = ISOTROPIC.replace(noise_variance=0.0)
    assert strata_of([still]).counts(100)[-1] == 0
    plan = strata_of([ISOTROPIC, still])
    counts = plan.counts(60_000)
    assert counts[-1] == 30_000
    noisy, sure = plan.draw(np.random.default_rng(1), strata(counts), counts)
    assert noisy.gate.rest.max() > 0.4
    assert sure.gate.rest.max() == 0.0
    shares = sure.group.full(3) * sure.weights
    sems = shares.std(axis=1) / 60_000**0.5
    assert np.all(np.abs(shares.mean(axis=1) - [0.2, 0.5, 0.3]) < 5.0 * sems)
    placed = sure.gate.top[strata(counts) == 3]
    np.testing.assert_allclose(np.bincount(placed) / 30_000, [0.2, 0.5, 0.3], atol=0.015)


def test_few_inputs_are_left_to_the_groups():
    plan = strata_of([ISOTROPIC])
    assert plan.counts(7).tolist() == [2, 2, 3, 0]
    assert plan.counts(8).tolist() == [2, 2, 2, 2]
    assert plan.counts(1000).tolist() == [150, 150, 200, 500]
    assert strata_of([ISOTROPIC], confusable=0.0).counts(1000).tolist() == [300, 300, 400, 0]


def test_the_weight_of_the_gate_and_of_the_group_have_the_same_expert_apart():
    plan = strata_of([ISOTROPIC], LOUDER)
    counts = plan.counts(1000)
    (found,) = plan.draw(np.random.default_rng(0), strata(counts), counts)
    np.testing.assert_array_equal(found.gate.top, found.group.top)
    whole = found.group.full(3)
    np.testing.assert_allclose(whole.sum(axis=0), 1.0)
    np.testing.assert_allclose(found.highest_posterior, whole.max(axis=0))
    assert np.any(whole.argmax(axis=0) != found.gate.top)

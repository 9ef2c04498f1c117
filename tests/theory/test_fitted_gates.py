"""Risks of gates over the training set from a few integrals: the whole quadrature, raw inputs."""

import math

import numpy as np
import pytest

from moetheory import BlockModel, Hard, MoE, NoClosedForm, Soft, risk
from moetheory.theory.fitted_gates import FittedGate

HARD, SOFT = MoE(gate=Hard()), MoE(gate=Soft())
SIZES = np.array([2, 4, 3])
OWNER = np.repeat(np.arange(3), SIZES)
UNEQUAL = BlockModel(
    [0.2, 0.3, 0.5],
    OWNER,
    np.repeat([3.0, 0.5, 1.0], SIZES),
    np.linspace(-1.0, 1.5, 9),
    0.4,
    label_noise_variance=0.1,
)
EQUAL = BlockModel.isotropic(12, 3, 1.0, signal_energy=12.0)
DISTURBED = UNEQUAL.replace(interference_variances=0.2 * UNEQUAL.signal_variances)
LEAKY = UNEQUAL.replace(leakage_variances=0.1 * UNEQUAL.signal_variances)
ANISOTROPIC = UNEQUAL.replace(signal_variances=np.linspace(0.5, 3.0, 9))
SILENT = UNEQUAL.replace(signal_variances=np.repeat([0.0, 0.0, 1.0], SIZES))


@pytest.mark.parametrize(
    ("estimator", "model"),
    [
        (HARD, EQUAL),
        (SOFT, EQUAL),
        (HARD, UNEQUAL),
        (SOFT, DISTURBED),
        (HARD, LEAKY),
        (HARD, SILENT),
    ],
)
def test_it_is_the_risk_at_any_number_of_samples(estimator, model):
    fitted, seen = FittedGate(estimator, model), set()
    for samples in ([0, 2, 5], [0, 1, 1], [0, 9, 9], [1, 9, 9], [9, 9, 9], [90, 70, 10**9]):
        expected, found = risk(estimator, model, samples=samples), fitted.excess(samples)
        seen.add(math.isfinite(found.value))
        assert math.isinf(found.value) == math.isinf(expected.excess)
        if math.isfinite(found.value):
            assert found.value == pytest.approx(expected.excess, rel=1e-11)
            assert found.error < 1e-9 * found.value
    assert True in seen


def test_anisotropic_blocks_with_enough_samples_or_none():
    fitted = FittedGate(HARD, ANISOTROPIC)
    for samples in ([9, 9, 9], [0, 20, 3]):
        expected = risk(HARD, ANISOTROPIC, samples=samples).excess
        assert fitted.excess(samples).value == pytest.approx(expected, rel=1e-11)
    with pytest.raises(NoClosedForm, match="not for block 1 with samples"):
        fitted.excess([9, 1, 9])


def test_few_samples_and_interference_that_is_not_isotropic_are_computed_anew():
    """The energy of an inactive block does not say enough about where the noise of a fit is."""
    uneven = EQUAL.replace(interference_variances=np.linspace(0.0, 2.0, 12))
    fitted = FittedGate(HARD, uneven)
    for samples in ([2, 2, 2], [9, 8, 7]):
        expected = risk(HARD, uneven, samples=samples).excess
        assert fitted.excess(samples).value == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize("estimator", [HARD, SOFT])
def test_the_load_of_a_fit_is_what_raw_inputs_say(estimator):
    r"""E v_j² ‖x̄_j‖²/C from drawn inputs, weights from densities of the inputs."""
    rng, draws = np.random.default_rng(7), 400_000
    variances = UNEQUAL.signal_variances
    groups = rng.choice(3, draws, p=UNEQUAL.group_probabilities)
    spread = 0.4 + np.where(groups[:, None] == OWNER, variances, 0.0)
    inputs = rng.standard_normal((draws, 9)) * np.sqrt(spread)
    logs = np.empty((draws, 3))
    for g, p in enumerate(UNEQUAL.group_probabilities):
        there = 0.4 + np.where(g == OWNER, variances, 0.0)
        logs[:, g] = np.log(p) - 0.5 * np.sum(np.log(there) + inputs**2 / there, axis=1)
    weights = np.exp(logs - logs.max(axis=1, keepdims=True))
    weights /= weights.sum(axis=1, keepdims=True)
    if estimator is HARD:
        weights = (weights == weights.max(axis=1, keepdims=True)) * 1.0
    fitted = FittedGate(estimator, UNEQUAL)
    for j in range(3):
        energy = np.sum((inputs**2 / (variances + 0.4))[:, j == OWNER], axis=1)
        values = weights[:, j] ** 2 * energy
        sem = values.std() / math.sqrt(draws)
        load = fitted.load(j)
        assert abs(values.mean() - load.value) < 4.0 * sem
        assert 100.0 * sem < load.value  # an error of 4 % would be seen


def test_retrained_experts_have_no_formula_on_samples():
    fitted = FittedGate(MoE(gate=Hard(), retrained=True), EQUAL)
    with pytest.raises(NoClosedForm, match="infinitely many samples"):
        fitted.excess(60)


def test_what_has_no_formula_is_refused_at_once():
    with pytest.raises(NoClosedForm, match="with leakage_variances"):
        FittedGate(SOFT, LEAKY)

"""Confusion of inputs whose group is known to nobody but the oracle."""

import re

import numpy as np
import pytest

from moetheory import Dense, Hard, MoE, Perturbation, risk, routing_matrix


def by_hand(model, confusion, ridge):
    """Risk given the group from second moments, group by group, coordinate by coordinate."""
    lam, nu, b = model.signal_variances, model.leakage_variances, model.coefficients
    fit = b * lam / (lam + model.noise_variance + ridge)
    risks = np.zeros(model.experts)
    for i in range(model.experts):
        clean = np.where(model.block_of == i, lam, nu)
        for j in range(model.experts):
            used = np.where(model.block_of == j, fit, 0.0)
            one = np.sum(clean * (b - used) ** 2 + model.noise_variance * used**2)
            risks[i] += confusion[i][j] * (one + model.label_noise_variance)
    return risks


CONFUSION = [[0.7, 0.2, 0.1], [0.0, 0.9, 0.1], [0.3, 0.3, 0.4]]


@pytest.mark.parametrize("ridge", [0.0, 0.3])
@pytest.mark.parametrize("leakage", [0.0, 0.05])
def test_misrouted_risk_equals_direct_sums(generic, ridge, leakage):
    model = generic(label_noise_variance=0.2, leakage_variances=leakage)
    result = risk(MoE(ridge=ridge), model, under=Perturbation(confusion=CONFUSION))
    expected = by_hand(model, CONFUSION, ridge)
    np.testing.assert_allclose(result.per_group, expected, rtol=1e-12)
    assert result.value == pytest.approx(model.group_probabilities @ expected, rel=1e-12)
    assert result.exactness == "exact"


def test_label_noise_costs_the_excess_no_digits(generic):
    quiet, loud = (
        risk(MoE(), generic(label_noise_variance=omega), under=Perturbation(confusion=CONFUSION))
        for omega in (0.0, 1e12)
    )
    assert loud.excess == quiet.excess


def test_no_confusion_changes_nothing_and_dense_does_not_notice_any(generic):
    model = generic()
    assert (
        risk(MoE(), model, under=Perturbation(confusion=np.eye(3))).value
        == risk(MoE(), model).value
    )
    confused = risk(Dense(), model, under=Perturbation(confusion=CONFUSION))
    assert confused.value == pytest.approx(risk(Dense(), model).value, rel=1e-14)


def test_the_error_rates_of_a_hard_gate_do_not_make_its_risk(generic):
    # a router errs where the noise of a foreign block is large, and there that expert says much
    model = generic()
    hard = risk(MoE(gate=Hard()), model)
    confused = risk(MoE(), model, under=Perturbation(confusion=routing_matrix(Hard(), model)))
    oracle = risk(MoE(), model)
    assert abs(confused.value - hard.value) > 0.05 * hard.value
    assert np.all(np.abs(confused.per_group - hard.per_group) > 0.01 * hard.per_group)
    assert oracle.value < hard.value


@pytest.mark.parametrize(
    ("confusion", "needed"),
    [
        ([[0.5, 0.5]], "confusion must be a square matrix, got shape (1, 2)"),
        ([0.5, 0.5], "confusion must be a square matrix, got shape (2,)"),
        ([[1.0, 0.0], [0.5, 0.4]], "rows of confusion must sum to 1, got 0.9 in row 1"),
        ([[1.1, -0.1], [0.5, 0.5]], "confusion must not be negative, got -0.1 at index (0, 1)"),
        ([[1.0, 0.0], [np.nan, 1.0]], "confusion must be finite, got nan at index (1, 0)"),
    ],
)
def test_bad_confusions_are_refused(confusion, needed):
    with pytest.raises(ValueError, match=f"^{re.escape(needed)}$"):
        Perturbation(confusion=confusion)


def test_what_it_cannot_be_combined_with(generic):
    model, under = generic(), Perturbation(confusion=CONFUSION)
    with pytest.raises(ValueError, match=r"^confusion needs oracle routing"):
        risk(MoE(gate=Hard()), model, under=under)
    with pytest.raises(ValueError, match=r"^confusion must have 3 rows, one for each group, got 2"):
        risk(MoE(), model, under=Perturbation(confusion=np.eye(2)))
    with pytest.raises(ValueError, match=r"^under must be a Perturbation, got"):
        risk(MoE(), model, under=CONFUSION)

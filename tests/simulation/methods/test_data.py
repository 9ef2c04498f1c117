"""A shared expert and experts of several groups, fitted on data that is drawn here."""

import math

import numpy as np
import pytest

import moetheory as mt
from general_noise import LEAKING, variances

CONFUSION = np.array([[0.8, 0.15, 0.05], [0.1, 0.7, 0.2], [0.3, 0.1, 0.6]])


def plain_risks(model, estimator, counts, sets, seed, confusion):
    """Normal equations of w and u written out, and covariances of each group, (sets,)."""
    rng, expert_of = np.random.default_rng(seed), np.array(estimator.assignment or range(3))
    groups = np.repeat(range(3), counts)
    clean, noise = variances(model)
    x = rng.standard_normal((sets, len(groups), model.dim)) * np.sqrt(clean[groups])
    y = x @ model.coefficients
    y += math.sqrt(model.label_noise_variance) * rng.standard_normal(y.shape)
    x += rng.standard_normal(x.shape) * np.sqrt(noise[groups])
    of_block, of_sample = expert_of[model.block_of], expert_of[groups]
    own = of_block == of_sample[:, np.newaxis]
    design = x * own
    penalty = np.mean(own, axis=0)
    if estimator.shared:
        design, penalty = np.concatenate([x, design], axis=2), np.append(np.ones(9), penalty)
    moment = design.mT @ design / len(groups) + estimator.ridge * np.diag(penalty)
    fit = np.linalg.solve(moment, design.mT @ y[..., np.newaxis] / len(groups))[..., 0]
    shared, routed = (fit[:, :9], fit[:, 9:]) if estimator.shared else (0.0 * fit, fit)
    risk = np.full(sets, model.label_noise_variance)
    for i, p in enumerate(model.group_probabilities):
        for j, often in enumerate(confusion[i]):
            met = shared + routed * (of_block == expert_of[j])
            loss = (met - model.coefficients) ** 2 @ clean[i] + met**2 @ noise[i]
            risk += p * often * loss
    return risk


@pytest.mark.parametrize(
    ("estimator", "confusion", "counts", "sets"),
    [
        (mt.MoE(shared=True), np.eye(3), (30, 40, 35), 5000),
        (mt.MoE(ridge=0.3, assignment=(1, 0, 1), shared=True), CONFUSION, (12, 25, 18), 9000),
        (mt.MoE(assignment=(1, 0, 1)), CONFUSION, (12, 25, 18), 9000),
    ],
)
def test_fits_and_their_risks_are_those_of_the_plain_way(
    agrees, mean_and_sem, estimator, confusion, counts, sets
):
    under = None if confusion[0, 0] == 1.0 else mt.Perturbation(confusion=confusion)
    found = mt.simulate(estimator, LEAKING, samples=counts, under=under, replicates=sets, rng=1)
    assert found.method == "data"
    mean, sem, n = mean_and_sem(plain_risks(LEAKING, estimator, counts, sets, 2, confusion))
    assert agrees(mean, math.hypot(sem, found.sem), n, found.mean)


def test_with_drawn_counts_a_rare_group_is_served_by_the_other_expert():
    """Without samples in some sets: its block is seen by an expert that has samples."""
    model = LEAKING.replace(group_probabilities=[0.02, 0.58, 0.4], label_noise_variance=0.5)
    estimators = [mt.MoE(ridge=0.2), mt.MoE(ridge=0.2, assignment=(0, 0, 1))]
    options = {"samples": 50, "counts": "multinomial", "replicates": 500, "rng": 0}
    for loss in ("squared", "sign"):
        alone, together = mt.simulate(estimators, model, loss=loss, **options)
        assert together.method == "data"
        assert together.per_group[0] < alone.per_group[0]


def test_many_samples_give_the_optimum():
    estimator = mt.MoE(assignment=(0, 1, 0), shared=True)
    for loss, theory in (
        ("squared", mt.risk(estimator, LEAKING).value),
        ("sign", mt.misclassification(estimator, LEAKING).value),
    ):
        found = mt.simulate(estimator, LEAKING, samples=20_000, replicates=4, rng=0, loss=loss)
        assert theory < found.mean < 1.003 * theory

"""Predictors on test inputs: experts that serve several groups, a shared expert, and signs."""

import math

import numpy as np
import pytest
from scipy import stats

import moetheory as mt
from general_noise import STRICT
from moetheory import kernels
from moetheory.predictors.optimal import shared_coefficients, unchecked_optimal_coefficients
from moetheory.problem.gates import Hard, Soft, TopK
from moetheory.simulation.methods.population import FeatureGate

FIVE = mt.BlockModel(
    [0.2, 0.5, 0.3],
    [1, 0, 2, 2, 1],
    signal_variances=[2.1, 1.7, 1.3, 3.2, 0.9],
    coefficients=[0.9, -1.4, 0.4, -0.7, 1.2],
    noise_variance=[0.3, 1.0, 0.1, 1.5, 0.8],
    interference_variances=[0.8, 0.0, 0.5, 4.0, 0.2],
    label_noise_variance=0.6,
)
LEAKING = FIVE.replace(leakage_variances=[0.3, 0.5, 0.2, 0.0, 0.4])
CONFUSION = np.array([[0.8, 0.15, 0.05], [0.1, 0.7, 0.2], [0.3, 0.1, 0.6]])
DRAGGED = mt.Perturbation(noise_variance=0.7, confusion=CONFUSION, drag=0.5)
SHIFTED = mt.Perturbation(confusion=CONFUSION, radius=0.3)
ESTIMATORS = [
    mt.Dense(),
    mt.MoE(assignment=(0, 0, 1)),
    mt.MoE(shared=True),
    mt.MoE(ridge=0.3, assignment=(1, 0, 1), shared=True),
]


def test_squared_errors_are_those_of_theory(agrees):
    estimates = mt.simulate(ESTIMATORS, LEAKING, under=SHIFTED, replicates=1_050_000, rng=1)
    for estimator, estimate in zip(ESTIMATORS, estimates, strict=True):
        theory = mt.risk(estimator, LEAKING, under=SHIFTED)
        assert agrees(estimate.mean, estimate.sem, estimate.replicates, theory.value)
        np.testing.assert_allclose(estimate.per_group, theory.per_group, rtol=0.02)


def test_signs_are_wrong_as_often_as_in_theory(agrees):
    options = {"under": DRAGGED, "loss": "sign", "replicates": 1_400_000}
    estimates = mt.simulate(ESTIMATORS, LEAKING, rng=1, **options)
    for estimator, estimate in zip(ESTIMATORS, estimates, strict=True):
        theory = mt.misclassification(estimator, LEAKING, under=DRAGGED)
        assert agrees(estimate.mean, estimate.sem, estimate.replicates, theory.value)
        np.testing.assert_allclose(estimate.per_group, theory.per_group, rtol=0.02)
        assert estimate.loss == "sign"


def group_variances(model):
    """The variance of each noisy coordinate in each group, (K, d)."""
    active = model.noise_variance + model.signal_variances
    return np.where(model.block_of == np.arange(3)[:, np.newaxis], active, model.idle_noise)


def plain_posterior(model, features):
    """Posterior weights of the groups, (n, K)."""
    v = group_variances(model)
    scores = np.log(model.group_probabilities) - np.log(v).sum(axis=1) / 2.0
    scores = scores - features**2 @ (0.5 / v).T
    posterior = np.exp(scores - scores.max(axis=1, keepdims=True))
    return posterior / posterior.sum(axis=1, keepdims=True)


def plain_weights(gate, posterior):
    """Weights that a gate gives to experts with these posterior weights, (n, E)."""
    match gate:
        case Hard():
            return np.eye(posterior.shape[1])[posterior.argmax(axis=1)]
        case Soft(temperature=temperature):
            weights = posterior ** (1.0 / temperature)
        case TopK(k=2):
            weights = posterior * (posterior > posterior.min(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


def plain_predictions(estimator, model, features, posterior):
    """The shared expert, and what each of the others adds to it."""
    expert_of = np.array(estimator.assignment or range(3))
    pooled = [posterior[:, expert_of == e].sum(axis=1) for e in range(max(expert_of) + 1)]
    weights = plain_weights(estimator.gate, np.stack(pooled, axis=1))
    met = unchecked_optimal_coefficients(estimator, model)
    shared = shared_coefficients(estimator, model)
    rest = np.zeros(model.dim) if shared is None else shared.values
    predictions = features @ rest
    for e in range(max(expert_of) + 1):
        own = expert_of[model.block_of] == e
        predictions += weights[:, e] * (features[:, own] @ (met - rest)[own])
    return predictions


LOUD = STRICT.replace(interference_variances=10.0 * STRICT.interference_variances)
GATED = [
    mt.MoE(Hard(), assignment=(0, 1, 0)),
    mt.MoE(Soft(0.5), 0.3, assignment=(1, 0, 1), shared=True),
    mt.MoE(TopK(2), shared=True),
]


def test_gates_weigh_experts_by_the_posterior_of_all_their_groups():
    """Input by input."""
    features = LOUD.sample(3000, rng=1).features
    densities = [
        p * stats.multivariate_normal.pdf(features, cov=np.diag(v))
        for p, v in zip(LOUD.group_probabilities, group_variances(LOUD), strict=True)
    ]
    posterior = (densities / np.sum(densities, axis=0)).T
    entries = kernels.BlockEntries.of(LOUD.block_of, np.zeros(3000, dtype=int))
    inputs = kernels.Inputs(features, np.zeros(3000), entries)
    for estimator in GATED:
        expert_of = np.array(estimator.assignment or range(3))
        shared = shared_coefficients(estimator, LOUD)
        errors = kernels.prediction_errors(
            inputs,
            LOUD.block_of,
            unchecked_optimal_coefficients(estimator, LOUD)[np.newaxis],
            [FeatureGate(estimator.gate, LOUD, expert_of)],
            [None if shared is None else shared.values],
        )
        wanted = plain_predictions(estimator, LOUD, features, posterior)
        np.testing.assert_allclose(-errors[0], wanted, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(plain_posterior(LOUD, features), posterior, rtol=1e-9)


@pytest.mark.parametrize(
    ("estimator", "loss", "replicates"),
    [(GATED[0], "squared", 1_950_000), (GATED[1], "sign", 1_750_000)],
)
def test_gates_agree_with_plain_data(agrees, mean_and_sem, estimator, loss, replicates):
    """Given the input, the label of each group is normal: its risk takes no labels."""
    estimate = mt.simulate(estimator, FIVE, replicates=replicates, rng=4, loss=loss)
    assert estimate.method == "population"
    features = FIVE.sample(800_000, rng=3).features
    posterior = plain_posterior(FIVE, features)
    predictions = plain_predictions(estimator, FIVE, features, posterior)[:, np.newaxis]
    kept = FIVE.signal_variances / (FIVE.signal_variances + FIVE.noise_variance)
    own = FIVE.block_of == np.arange(3)[:, np.newaxis]
    labels = features @ (own * FIVE.coefficients * kept).T
    lost = own @ (FIVE.coefficients**2 * FIVE.signal_variances * (1.0 - kept))
    spread = np.sqrt(lost + FIVE.label_noise_variance)
    given = (
        (labels - predictions) ** 2 + spread**2
        if loss == "squared"
        else stats.norm.sf(np.sign(predictions) * labels / spread)
    )
    mean, sem, n = mean_and_sem(np.vecdot(posterior, given))
    assert agrees(mean, math.hypot(sem, estimate.sem), n, estimate.mean)


def test_predictions_of_zero_are_half_wrong_and_groups_keep_their_shares():
    """No signal that a predictor sees: all labels are noise."""
    model = mt.BlockModel([0.7, 0.3], [0, 1], [0.0, 0.0], [1.0, 1.0], 1.0, label_noise_variance=1.0)
    estimate = mt.simulate(mt.MoE(), model, loss="sign", replicates=100, rng=0)
    assert (estimate.mean, estimate.sem) == (0.5, 0.0)

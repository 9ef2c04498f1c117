"""Losses given the squares of an input, against losses averaged over its signs one by one."""

import itertools

import numpy as np
import pytest

import moetheory as mt
from general_noise import LEAKING, STRICT
from moetheory import kernels
from moetheory.predictors.optimal import unchecked_optimal_coefficients
from moetheory.simulation.methods.block_energies import SquaredInputModel
from moetheory.simulation.methods.squares_layout import SquaresLayout

UNDER = [None, mt.Perturbation(noise_variance=0.7, interference_variances=0.4)]


def squared(model, under):
    return SquaredInputModel(model, SquaresLayout.of(model, coordinates=True), under)


def there(model, under):
    """The model that test inputs come from."""
    if under is None:
        return model
    return model.replace(
        noise_variance=under.noise_variance, interference_variances=under.interference_variances
    )


@pytest.mark.parametrize("model", [STRICT, LEAKING])
@pytest.mark.parametrize("under", UNDER)
def test_what_is_known_is_the_risk_of_the_best_experts(model, under):
    forms = squared(model, under).loss_forms
    for estimator in (mt.MoE(), mt.MoE(mt.Hard(), 0.3), mt.Dense()):
        known = forms.known_risks(estimator)
        if isinstance(estimator, mt.Dense) and not model.strict:
            best = mt.risk(mt.MoE(shared=True), there(model, under))
        else:
            best = mt.risk(mt.MoE(), there(model, under))
        np.testing.assert_allclose(known, best.per_group, rtol=1e-12)


@pytest.mark.parametrize("model", [STRICT, LEAKING])
@pytest.mark.parametrize("under", UNDER)
@pytest.mark.parametrize(
    "estimator", [mt.MoE(), mt.MoE(ridge=0.5), mt.Dense(), mt.Dense(0.3), mt.MoE(mt.Soft(), 0.2)]
)
def test_losses_are_means_over_signs(model, under, estimator):
    """(Σ v t x - E[y | x, g])² over all 2⁹ signs, and the variance of y given x and g."""
    rng, inputs = np.random.default_rng(4), squared(model, under)
    order, test = np.argsort(model.block_of, kind="stable"), there(model, under)
    sizes = rng.chisquare(1.0, model.dim)
    signs = np.array(list(itertools.product([-1.0, 1.0], repeat=model.dim)))
    features = signs * np.sqrt(sizes)
    used = unchecked_optimal_coefficients(estimator, model)
    weights = rng.dirichlet(np.ones(3)) if estimator == mt.MoE(mt.Soft(), 0.2) else None
    expected = np.zeros(3)
    for g in range(3):
        own = model.block_of == g
        signal = np.where(own, test.signal_variances, test.leakage_variances)
        noise = test.noise_variance + np.where(own, 0.0, test.interference_variances)
        mean = features @ (model.coefficients * signal / (signal + noise))
        left = np.sum(model.coefficients**2 * signal * noise / (signal + noise))
        if weights is not None:
            share = weights[model.block_of]
        else:
            share = np.ones(9) if isinstance(estimator, mt.Dense) else own
        errors = features @ (share * used) - mean
        expected[g] = np.mean(errors**2) + left + model.label_noise_variance
    squares = (sizes / np.broadcast_to(inputs.square_unit, 9))[order][:, np.newaxis]
    (forms,) = inputs.forms([estimator], squares)
    known = inputs.loss_forms.known_risks(estimator)
    for g in range(3):
        certain = kernels.one_hot(np.array([g]))._replace(others=np.zeros((3, 1)))
        if weights is not None:
            top = int(weights.argmax())
            group = kernels.set_apart(certain, np.array([top]), 3)
            others = np.where(np.arange(3) == top, 0.0, weights)[:, np.newaxis]
            rest = np.array([others.sum()])
            gate = kernels.Weights(np.array([top]), weights[[top]], rest, others)
            (loss,), _ = kernels.gate_losses(group, gate, forms, np.ones(1))
        elif isinstance(estimator, mt.Dense):
            (loss,), _ = kernels.dense_losses(certain, forms, np.ones(1))
        else:
            (loss,), _ = kernels.oracle_losses(certain, forms, np.ones(1))
        # of what leaks into other blocks and is not used, the mean is known, not the square
        if not model.strict and not isinstance(estimator, mt.Dense):
            idle = model.block_of != g
            total = test.leakage_variances + test.noise_variance + test.interference_variances
            best = model.coefficients * test.leakage_variances / total
            loss += np.sum((best**2 * (sizes - total))[idle])
        assert loss + known[g] == pytest.approx(expected[g], rel=1e-10)


def test_coefficients_of_given_mean_and_variance():
    """Means of forms over coefficients that were drawn."""
    rng, inputs = np.random.default_rng(0), squared(LEAKING, UNDER[1])
    mean, variance = rng.normal(size=9), rng.random(9)
    drawn = mean + np.sqrt(variance) * rng.standard_normal((200_000, 9))
    several = inputs.loss_forms.of_coefficients(drawn)
    moments = inputs.loss_forms.of_coefficients(mean, variance)
    for one, parts in zip(moments, several, strict=True):
        if parts.ndim == 1:
            np.testing.assert_array_equal(one, parts)
        else:
            sems = parts.std(axis=0) / 200_000**0.5
            assert np.all(np.abs(parts.mean(axis=0) - one) <= 5.0 * sems)
    # of all training sets at once, or of each alone
    units = inputs.unit_weights(several)
    one = inputs.unit_weights(inputs.loss_forms.of_coefficients(drawn[7]))
    for each, alone in zip(units, one, strict=True):
        np.testing.assert_allclose(each[7] if each.ndim == 2 else each, alone)
    squares = rng.chisquare(1.0, (9, 2))
    both = inputs.quadratic_forms(
        units._replace(
            **{name: value[:2].T for name, value in units._asdict().items() if value.ndim == 2}
        ),
        squares,
    )
    first = inputs.quadratic_forms(
        inputs.unit_weights(inputs.loss_forms.of_coefficients(drawn[0])), squares[:, :1]
    )
    for each, alone in zip(both, first, strict=True):
        np.testing.assert_allclose(each[:, :1], alone)

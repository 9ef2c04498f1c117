"""Fitted experts behind gates, from data: against a plain way that shares nothing, and refusals."""

import math
import warnings

import numpy as np
import pytest
from scipy import stats

import moetheory as mt
from general_noise import STRICT, variances

SAMPLES = (22, 35, 28)
QUIET = STRICT.replace(
    noise_variance=np.minimum(STRICT.noise_variance, 3.0), label_noise_variance=0.5
)
LOUDER = mt.Perturbation(noise_variance=1.5, interference_variances=0.7)
RETRAINED = mt.MoE(mt.Hard(), retrained=True)


def drawn(rng, model, groups, noise):
    """Inputs and labels of ``groups`` (n,)."""
    clean, _ = variances(model)
    x = rng.standard_normal((len(groups), model.dim)) * np.sqrt(clean[groups])
    y = x @ model.coefficients
    y += math.sqrt(model.label_noise_variance) * rng.standard_normal(len(y))
    return x + rng.standard_normal(x.shape) * np.sqrt(noise[groups]), y


def log_densities(model, x):
    """The logarithms of p times the density of each group in training, (n, K)."""
    clean, noise = variances(model)
    laws = [stats.Covariance.from_diagonal(each) for each in clean + noise]
    parts = [stats.multivariate_normal.logpdf(x, cov=law) for law in laws]
    return np.log(model.group_probabilities) + np.stack(parts, axis=-1)


def fitted(model, x, y, groups, ridge):
    """Each expert by `numpy.linalg.lstsq` on rows of its own, (d,)."""
    coefficients = np.zeros(model.dim)
    for g in range(model.experts):
        own, here = model.block_of == g, groups == g
        penalty = math.sqrt(ridge * here.sum()) * np.eye(own.sum())
        rows, targets = (
            np.vstack([x[here][:, own], penalty]),
            np.append(y[here], np.zeros(len(penalty))),
        )
        coefficients[own] = np.linalg.lstsq(rows, targets)[0]
    return coefficients


def learned_densities(model, x, gate, rng):
    """As `log_densities`, from moments of a sample: of blocks while active and not, or of all."""
    shares = model.group_probabilities * gate.samples
    groups = np.repeat(range(3), np.round(shares).astype(int))
    assert len(groups) == gate.samples
    seen, _ = drawn(rng, model, groups, variances(model)[1])
    found = []
    for g in range(3):
        own = model.block_of == g if gate.moments == "blocks" else np.ones(9, bool)
        law = [
            seen[here][:, own].T @ seen[here][:, own] / here.sum()
            for here in (groups == g, groups != g)
        ]
        density = [stats.multivariate_normal.logpdf(x[:, own], cov=each) for each in law]
        idle = density[1] if gate.moments == "blocks" else 0.0
        found.append(math.log((groups == g).mean()) + density[0] - idle)
    return np.stack(found, axis=-1)


def plain_losses(estimator, model, sets, seed, under, loss):
    """The losses of ``sets`` training sets, each tested on 60 inputs of every group, (sets,)."""
    rng, values = np.random.default_rng(seed), np.empty(sets)
    _, noise = variances(model)
    own = model.block_of == np.arange(3)[:, np.newaxis]
    test_noise = noise if under is None else np.where(own, 1.5, 2.2)
    trained, tested = np.repeat(range(3), SAMPLES), np.repeat(range(3), 60)
    for r in range(sets):
        x, y = drawn(rng, model, trained, noise)
        groups = log_densities(model, x).argmax(1) if estimator.retrained else trained
        coefficients = fitted(model, x, y, groups, estimator.ridge)
        x, y = drawn(rng, model, tested, test_noise)
        gate = estimator.gate
        if isinstance(gate, mt.Learned):
            scores = learned_densities(model, x, gate, rng)
        else:
            scores = log_densities(model, x)
        if isinstance(gate, mt.Soft):
            weights = np.exp((scores - scores.max(1, keepdims=True)) / gate.temperature)
            weights /= weights.sum(1, keepdims=True)
        else:
            weights = np.eye(3)[scores.argmax(1)]
        f = np.sum(x * weights[:, model.block_of] * coefficients, axis=1)
        losses = (np.sign(f) != np.sign(y)) * 1.0 if loss == "sign" else (f - y) ** 2
        values[r] = model.group_probabilities @ losses.reshape(3, 60).mean(1)
    return values


def test_errors_of_routing_that_the_inputs_do_not_show_are_told():
    model = mt.BlockModel.isotropic(32, 4, noise_variance=0.1, signal_energy=32.0)
    options = {"samples": 80, "method": "data", "replicates": 50, "rng": 0}
    with pytest.warns(mt.RareGroupWarning, match=r"moe\(hard\) errs on hardly any of the inputs"):
        mt.simulate([mt.MoE(), mt.MoE(mt.Hard())], model, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mt.simulate([mt.MoE(), mt.MoE(mt.Hard())], model.replace(noise_variance=1.0), **options)


def test_heavy_tails_of_the_test_noise_are_told():
    under = mt.Perturbation(noise=stats.t(3.5))
    with pytest.warns(mt.HeavyTailWarning, match="fourth moment of the test noise is infinite"):
        mt.simulate(mt.MoE(mt.Hard()), QUIET, samples=SAMPLES, under=under, replicates=9, rng=0)


CASES = [
    (mt.MoE(mt.Hard(), ridge=0.2), None, "squared"),
    (mt.MoE(mt.Soft()), LOUDER, "squared"),
    (mt.MoE(mt.Soft(0.3)), None, "sign"),
    (mt.MoE(mt.Learned(80)), None, "squared"),
    (mt.MoE(mt.Learned(120, "full")), LOUDER, "squared"),
    (RETRAINED, None, "sign"),
]


@pytest.mark.parametrize(("estimator", "under", "loss"), CASES)
def test_losses_are_those_of_the_plain_way(mean_and_sem, estimator, under, loss):
    found = mt.simulate(
        estimator,
        QUIET,
        samples=SAMPLES,
        under=under,
        loss=loss,
        method="data",
        replicates=10_000,
        rng=1,
    )
    assert found.method == "data"
    mean, sem, _ = mean_and_sem(plain_losses(estimator, QUIET, 250, 2, under, loss))
    print((found.mean - mean) / math.hypot(sem, found.sem), sem / mean)
    assert abs(found.mean - mean) < 4.0 * math.hypot(sem, found.sem)
    assert math.hypot(sem, found.sem) < 0.02 * mean

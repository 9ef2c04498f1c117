"""Sign errors of given coefficients against full covariance matrices."""

import itertools

import numpy as np
import pytest

import moetheory as mt
from general_noise import GENERAL, variances
from moetheory.predictors.sign_errors import (
    fit_sign_errors,
    optimal_sign_errors,
    rowwise_fit_sign_errors,
)
from moetheory.problem.estimators import experts_of

ESTIMATORS = [
    mt.Dense(),
    mt.MoE(),
    mt.MoE(assignment=(1, 0, 1)),
    mt.MoE(shared=True),
    mt.MoE(assignment=(0, 1, 1), shared=True),
]
CONFUSION = np.array([[0.7, 0.2, 0.1], [0.0, 0.9, 0.1], [0.3, 0.3, 0.4]])
UNDER = {
    "nothing": None,
    "louder": mt.Perturbation(noise_variance=2.0),
    "other noise": mt.Perturbation(noise_variance=np.arange(9) / 3, interference_variances=0.7),
    "confusion": mt.Perturbation(confusion=CONFUSION),
    "drag": mt.Perturbation(0.1, CONFUSION, -0.8, interference_variances=np.arange(9) / 10),
}


def by_matrices(estimator, model, under, c, w):
    """The angle of each group from the covariance matrix of label and prediction."""
    under = under or mt.Perturbation()
    tested = model.replace(
        noise_variance=under.noise_of(model.noise_variance),
        interference_variances=under.interference_of(model.interference_variances),
    )
    confusion = np.eye(3) if under.confusion is None else under.confusion
    b, expert = model.coefficients, experts_of(estimator, model)
    result = np.zeros(3)
    for i, (clean, noise) in enumerate(zip(*variances(tested), strict=True)):
        for j in range(3):
            f = np.where(expert[model.block_of] == expert[j], c, w)
            dragged = (i != j) * under.drag**2 * model.signal_variances * (model.block_of == j)
            joint = np.block([[np.diag(clean), np.diag(clean)]] * 2)
            joint[9:, 9:] += np.diag(noise + dragged)
            both = np.stack([np.append(b, 0.0 * b), np.append(0.0 * f, f)])
            covariance = both @ joint @ both.T
            covariance[0, 0] += model.label_noise_variance
            r = covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1])
            result[i] += confusion[i, j] * np.arccos(r) / np.pi
    return result


@pytest.mark.parametrize("world", GENERAL)
@pytest.mark.parametrize("under", UNDER)
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda each: each.label)
def test_fits_are_judged_by_their_covariance_with_labels(world, under, estimator):
    model, under = GENERAL[world], UNDER[under]
    c, w = np.random.default_rng(0).standard_normal((2, 2, 3, 9))
    w *= getattr(estimator, "shared", False)
    found = fit_sign_errors(estimator, model, under, c, w if w.any() else None)
    assert found.shape == (2, 3, 3)
    for place in np.ndindex(2, 3):
        expected = by_matrices(estimator, model, under, c[place], w[place])
        np.testing.assert_allclose(found[place], expected, rtol=1e-10)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda each: each.label)
def test_the_optimum_is_one_of_the_fits(estimator):
    model, under = GENERAL["leaking"], UNDER["drag"]
    found = mt.optimal_coefficients(estimator, model)
    c, w = (found, None) if found.ndim == 1 else (found.sum(axis=0), found[0])
    np.testing.assert_allclose(
        optimal_sign_errors(estimator, model, under),
        fit_sign_errors(estimator, model, under, c, w),
        rtol=1e-12,
    )


@pytest.mark.parametrize("confusion", [None, [[0.7, 0.3], [0.1, 0.9]]])
def test_predictors_for_each_group(confusion):
    model = mt.BlockModel(
        [0.4, 0.6],
        [0, 1, 1],
        [1.0, 2.0, 0.5],
        [1.0, -1.0, 0.7],
        0.6,
        leakage_variances=0.2,
        label_noise_variance=0.3,
    )
    drag = 0.0 if confusion is None else 0.8
    under = mt.Perturbation(1.2, confusion, drag)
    rows = np.array([[0.6, -0.2, 0.1], [0.3, -0.9, 0.5]])
    found = rowwise_fit_sign_errors(model, under, rows)
    wanted = np.zeros(2)
    for i, j in itertools.product(range(2), range(2)):
        on, dragged = model.block_of == i, (model.block_of == j) & (i != j)
        clean = np.where(on, model.signal_variances, 0.2)
        noise = 1.2 + dragged * drag**2 * model.signal_variances
        label = model.coefficients**2 @ clean + 0.3
        prediction, cross = rows[j] ** 2 @ (clean + noise), (rows[j] * model.coefficients) @ clean
        angle = np.arccos(cross / np.sqrt(label * prediction)) / np.pi
        wanted[i] += np.eye(2)[i, j] * angle if confusion is None else confusion[i][j] * angle
    np.testing.assert_allclose(found, wanted, rtol=1e-10)
    if confusion is None:
        np.testing.assert_allclose(
            rowwise_fit_sign_errors(model.replace(noise_variance=1.2), None, rows), wanted
        )

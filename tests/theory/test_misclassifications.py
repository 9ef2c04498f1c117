"""How often signs are wrong: full matrices, plain counting, special cases, a published table."""

import math

import mpmath
import numpy as np
import pytest
from scipy import optimize, stats

import moetheory as mt
from general_noise import GENERAL, LEAKING, variances
from moetheory.problem.estimators import experts_of

ESTIMATORS = [
    mt.Dense(),
    mt.Dense(ridge=0.3),
    mt.MoE(),
    mt.MoE(ridge=0.2),
    mt.MoE(assignment=(1, 0, 1), ridge=0.2),
    mt.MoE(shared=True),
    mt.MoE(assignment=(0, 1, 1), ridge=0.1, shared=True),
]


def fitted(estimator, model):
    """What an input of each group meets, three vectors (d,), from the normal equations.

    All coefficients of the mixture are one vector of several parts: those of the shared expert,
    then those of each expert, zero off its blocks.
    """
    clean, noise = variances(model)
    expert = experts_of(estimator, model)
    seen = expert[:, np.newaxis] == expert[model.block_of]  # by the expert of each group
    shared = getattr(estimator, "shared", False)
    parts = [
        np.concatenate([shared * np.eye(9), *(np.diag(s * (e == own)) for e in range(3))])
        for own, s in zip(expert, seen, strict=True)
    ]  # (36, 9): the columns that an input of each group fills
    p = model.group_probabilities
    moments, cross, penalty = np.zeros((36, 36)), np.zeros(36), np.zeros(36)
    for g, part in enumerate(parts):
        moments += p[g] * part @ np.diag(clean[g] + noise[g]) @ part.T
        cross += p[g] * part @ (clean[g] * model.coefficients)
        penalty += p[g] * part @ np.ones(9)
    penalty[:9] = shared
    found = np.linalg.pinv(moments + estimator.ridge * np.diag(penalty), rcond=1e-13) @ cross
    return [part.T @ found for part in parts]


@pytest.mark.parametrize("world", GENERAL)
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda each: each.label)
def test_normal_equations_and_full_matrices(world, estimator):
    model = GENERAL[world]
    found = mt.misclassification(estimator, model)
    b, expected = model.coefficients, []
    for w, clean, noise in zip(fitted(estimator, model), *variances(model), strict=True):
        features, labels = np.diag(clean), b @ np.diag(clean) @ b + model.label_noise_variance
        r = b @ features @ w / math.sqrt(labels * (w @ (features + np.diag(noise)) @ w))
        expected.append(math.acos(r) / math.pi)
    np.testing.assert_allclose(found.per_group, expected, rtol=1e-10)
    assert float(found) == found.value == pytest.approx(model.group_probabilities @ expected)
    assert found.accuracy == 1.0 - found.value


def test_counting(agrees):
    model = mt.BlockModel(
        [0.3, 0.7],
        [1, 0, 1],
        signal_variances=[2.0, 1.0, 0.5],
        coefficients=[0.4, 0.9, -0.7],
        noise_variance=[3.0, 1.0, 2.0],
        leakage_variances=[0.3, 0.2, 0.0],
        interference_variances=0.5,
        label_noise_variance=4.0,
    )
    sample = model.sample(750_000, rng=1)
    seen = model.block_of == sample.groups[:, np.newaxis]
    predictions = (sample.features * seen) @ mt.optimal_coefficients(mt.MoE(), model)
    wrong = (predictions > 0.0) != (sample.labels > 0.0)
    sem = wrong.std() / math.sqrt(len(wrong))
    assert agrees(wrong.mean(), sem, len(wrong), mt.misclassification(mt.MoE(), model).value)


@pytest.mark.parametrize("interference", [0.0, 2.5])
def test_equal_blocks(interference):
    blocks, lam, n = 5, 1.7, 0.9
    model = mt.BlockModel.isotropic(
        4 * blocks, blocks, n, signal_energy=4 * lam, interference_variances=interference
    )
    for estimator, noise in (
        (mt.MoE(), n),
        (mt.Dense(), blocks * n + (blocks - 1) * interference),
        (mt.Dense(ridge=3.0), blocks * n + (blocks - 1) * interference),
    ):
        expected = math.acos(math.sqrt(lam / (lam + noise))) / math.pi
        assert mt.misclassification(estimator, model).value == pytest.approx(expected, rel=1e-13)


def test_rare_errors_keep_their_digits():
    noise = 1e-14 * np.arange(2.0, 11.0)
    model = LEAKING.replace(
        noise_variance=noise,
        interference_variances=noise[::-1],
        label_noise_variance=0.0,
        leakage_variances=0.0,
    )
    with mpmath.workdps(50):
        lam, n, b = (
            [mpmath.mpf(float(x)) for x in each]
            for each in (model.signal_variances, noise, model.coefficients)
        )
        for g, found in enumerate(mt.misclassification(mt.MoE(), model).per_group):
            own = np.flatnonzero(model.block_of == g)
            theta = {m: b[m] * lam[m] / (lam[m] + n[m]) for m in own}
            labels = mpmath.fsum(lam[m] * b[m] ** 2 for m in own)
            seen = mpmath.fsum((lam[m] + n[m]) * theta[m] ** 2 for m in own)
            cross = mpmath.fsum(lam[m] * b[m] * theta[m] for m in own)
            angle = mpmath.acos(cross / mpmath.sqrt(labels * seen)) / mpmath.pi
            assert found == pytest.approx(float(angle), rel=1e-12, abs=0.0)
            assert found < 2e-7
    exact = mt.misclassification(
        mt.Dense(), model.replace(noise_variance=0.0, interference_variances=0.0)
    )
    assert exact.value == 0.0


def test_assignments_that_are_dense_or_one_each():
    model = LEAKING.replace(leakage_variances=0.0)
    for assigned, plain in (
        (mt.MoE(assignment=(1, 0, 2)), mt.MoE()),
        (mt.MoE(assignment=(0, 0, 0)), mt.Dense()),
        (mt.MoE(gate=mt.Hard(), assignment=(0, 0, 0)), mt.Dense()),
    ):
        found = mt.misclassification(assigned, model)
        assert found.value == mt.misclassification(plain, model).value


REPORTED = {  # [SNB]: accuracies of a dense and a sparse model in per cent, at each overlap
    0.0: (60.59, 70.25),
    0.1: (60.54, 70.36),
    0.3: (59.87, 69.91),
    0.5: (59.21, 68.94),
    1.0: (56.59, 65.71),
}


def differences(experts, r, c):
    """The points by which the accuracies of K equal blocks differ from those that are reported."""
    found = []
    for overlap, reported in REPORTED.items():
        model = mt.BlockModel.isotropic(experts, experts, r + c * overlap**2)
        for estimator, accuracy in zip((mt.Dense(), mt.MoE()), reported, strict=True):
            found.append(100.0 * mt.misclassification(estimator, model).accuracy - accuracy)
    return np.array(found)


def test_the_overlap_table():
    points = differences(5, 1.76, 1.87)
    assert math.sqrt(np.mean(points**2)) < 0.31
    assert np.max(np.abs(points)) < 0.76
    best = {}
    for experts in (4, 5, 6):  # other numbers of experts fit worse, whatever the noise is
        fit = optimize.least_squares(lambda at, k=experts: differences(k, *at), [1.8, 1.8])
        best[experts] = math.sqrt(2.0 * fit.cost / 10)
    assert best[5] == pytest.approx(0.304, abs=1e-3)
    assert best[4] == pytest.approx(0.70, abs=0.01)
    assert best[6] == pytest.approx(0.55, abs=0.01)


def test_labels_that_do_not_vary_have_no_sign():
    silent = LEAKING.replace(
        coefficients=np.where(LEAKING.block_of == 1, 0.0, 1.0),
        leakage_variances=0.0,
        label_noise_variance=0.0,
    )
    with pytest.raises(
        mt.ArgumentError,
        match=r"^model must have labels that vary in each group, got labels of "
        r"group 1 without variance: their sign is undefined$",
    ) as error:
        mt.misclassification(mt.MoE(), silent)
    assert error.value.argument == "model"
    never = silent.replace(group_probabilities=[0.4, 0.0, 0.6])
    found = mt.misclassification(mt.MoE(), never)
    assert np.isnan(found.per_group).tolist() == [False, True, False]
    assert found.value == pytest.approx(found.per_group[[0, 2]] @ [0.4, 0.6])
    assert mt.misclassification(mt.MoE(), silent.replace(label_noise_variance=1e-80)).per_group[1]


def test_predictions_that_are_zero_are_a_coin():
    model = mt.BlockModel([0.5, 0.5], [0, 1], [1.0, 0.0], [1.0, 1.0], 1.0, label_noise_variance=1.0)
    assert mt.misclassification(mt.MoE(), model).per_group[1] == 0.5


UNKNOWN = [
    (mt.MoE(gate=mt.Hard()), None),
    (mt.MoE(gate=mt.Soft(), assignment=(0, 1, 1)), mt.Perturbation(noise_variance=2.0)),
    (mt.MoE(), mt.Perturbation(erasure=0.1)),
    (mt.Dense(), mt.Perturbation(radius=0.1)),
    (mt.Dense(), mt.Perturbation(noise_variance=1.0, noise=stats.laplace())),
]


@pytest.mark.parametrize(("estimator", "under"), UNKNOWN)
def test_without_a_closed_form_the_simulation_is_named(estimator, under):
    strict = GENERAL["per coordinate"]
    with pytest.raises(mt.NoClosedForm) as error:
        mt.misclassification(estimator, strict, under=under)
    more = ", under=..." * (under is not None)
    assert str(error.value).endswith(f'; call simulate({estimator!r}, model{more}, loss="sign")')


def test_with_leakage_gates_are_simulated_unless_they_learn():
    with pytest.raises(mt.NoClosedForm, match="call simulate"):
        mt.misclassification(mt.MoE(gate=mt.Hard()), LEAKING)
    with pytest.raises(mt.NoClosedForm, match="for strict blocks, got leakage and MoE") as error:
        mt.misclassification(mt.MoE(gate=mt.Learned(90)), LEAKING)
    assert "call simulate" not in str(error.value)


@pytest.mark.parametrize(
    ("estimator", "under", "message"),
    [
        (mt.MoE(assignment=(0, 1)), None, "assignment must have 3 entries"),
        (mt.MoE(), mt.Perturbation(confusion=np.eye(2)), "confusion must have 3 rows"),
        (mt.MoE(), 0.1, "under must be a Perturbation"),
    ],
)
def test_bad_arguments_are_refused_by_name(estimator, under, message):
    with pytest.raises(mt.ArgumentError, match=f"^{message}"):
        mt.misclassification(estimator, LEAKING, under=under)

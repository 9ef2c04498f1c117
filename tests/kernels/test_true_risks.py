"""True risks against fresh test sets and each other."""

import numpy as np

from moetheory import kernels


def test_the_risk_of_experts_is_that_of_predictors_on_their_blocks(generic):
    model = generic(leakage_variances=0.2, label_noise_variance=0.3)
    fits = np.sin(np.arange(18.0)).reshape(2, 9)
    own = model.block_of == np.arange(model.experts)[:, np.newaxis]
    variances = np.where(own, model.signal_variances, model.leakage_variances)
    padded = np.where(own, fits[:, np.newaxis], 0.0)
    wanted = kernels.group_risks(padded, variances, model.coefficients, 0.4, 0.3)
    unseen = 0.3 + np.array([(0.2 * model.coefficients**2)[~row].sum() for row in own])
    order = np.array([3, 8, 0, 5, 7, 1, 4, 2, 6])
    for places in (np.arange(9), order):
        risks = kernels.expert_risks(
            fits[:, places],
            model.block_of[places],
            model.signal_variances[places],
            model.coefficients[places],
            0.4,
            unseen,
        )
        np.testing.assert_allclose(risks, wanted, rtol=1e-13)


def test_the_risk_of_a_fit_is_that_on_a_fresh_test_set(generic, agrees, mean_and_sem):
    model = generic(leakage_variances=0.2, label_noise_variance=0.3)
    variances = kernels.group_variances(
        model.block_of, model.signal_variances, model.leakage_variances, model.experts
    )
    fit = np.sin(np.arange(9.0))
    own = model.block_of == np.arange(model.experts)[:, np.newaxis]
    test = model.sample(1_300_000, rng=6)
    for predictors in (fit[np.newaxis], np.where(own, fit, 0.0)):
        given_group = kernels.group_risks(predictors, variances, model.coefficients, 0.4, 0.3)
        by_group = np.broadcast_to(predictors, (model.experts, model.dim))
        every = test.features @ by_group.T
        predictions = np.take_along_axis(every, test.groups[:, np.newaxis], axis=1)[:, 0]
        errors = predictions - test.labels
        assert agrees(*mean_and_sem(errors**2), model.group_probabilities @ given_group)


def test_noise_of_any_kind_against_quadratic_forms_with_full_matrices(generic):
    model = generic(leakage_variances=0.2)
    noise, b = np.logspace(-2, 2, 9), model.coefficients
    idle = noise + np.linspace(1.0, 0.0, 9)
    fits = np.cos(np.arange(54.0)).reshape(2, 3, 9)
    clean, noisy = (
        kernels.group_variances(model.block_of, *pair, 3)
        for pair in ((model.signal_variances, model.leakage_variances), (noise, idle))
    )
    for given in (0.4, noise, noisy):
        found = kernels.group_risks(fits, clean, b, given, 0.3)
        for g, (s, n) in enumerate(zip(clean, np.broadcast_to(given, (3, 9)), strict=True)):
            wanted = [(b - w) @ np.diag(s) @ (b - w) + w @ np.diag(n) @ w for w in fits[:, g]]
            np.testing.assert_allclose(found[:, g], np.add(wanted, 0.3), rtol=1e-13)
    own = model.block_of == np.arange(3)[:, np.newaxis]
    padded = np.where(own, fits[:, :1], 0.0)
    unseen = np.array([(0.2 * b**2)[~row].sum() for row in own])
    experts = kernels.expert_risks(
        fits[:, 0], model.block_of, model.signal_variances, b, noise, unseen
    )
    # an expert looks at its block alone: interference is no concern of it
    np.testing.assert_allclose(
        experts, kernels.group_risks(padded, clean, b, noisy, 0.0), rtol=1e-13
    )

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
    variances = kernels.clean_variances(
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

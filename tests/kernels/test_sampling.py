"""Draws of groups, inputs and training sets: their laws and edges."""

import numpy as np

from moetheory import kernels


def test_a_group_of_probability_zero_is_never_drawn():
    rng = np.random.default_rng(0)
    groups = kernels.draw_groups(rng, 100_000, np.array([0.0, 0.3, 0.0, 0.7, 0.0]))
    assert set(groups.tolist()) == {1, 3}
    assert abs(np.mean(groups == 1) - 0.3) < 5 * np.sqrt(0.21 / 100_000)


def test_probabilities_that_miss_one_by_rounding_still_name_a_group():
    class Edge:
        def random(self, rows):
            return np.full(rows, np.nextafter(1.0, 0.0))

    assert kernels.draw_groups(Edge(), 2, np.array([0.5, 0.5 - 1e-10, 0.0])).tolist() == [1, 1]


def test_training_sets_have_the_second_moments_of_the_model(generic, agrees, mean_and_sem):
    model = generic(leakage_variances=np.linspace(0.1, 0.5, 9), label_noise_variance=0.3)
    variances = kernels.group_variances(
        model.block_of, model.signal_variances, model.leakage_variances, model.experts
    )
    groups = np.tile([2, 0], (550_000, 1))
    x, y = kernels.draw_training_sets(
        np.random.default_rng(5), groups, variances, model.coefficients, 0.4, 0.3
    )
    b, weights = model.coefficients, np.arange(1.0, 10.0)
    own = model.block_of == np.array([[2], [0]])
    clean = np.where(own, model.signal_variances, model.leakage_variances)
    for drawn, variance in (
        (x @ weights, (clean + 0.4) @ weights**2),
        (y, clean @ b**2 + 0.3),
        (y - x @ b, 0.4 * b @ b + 0.3),  # the labels are those of the clean features
    ):
        assert agrees(*mean_and_sem((drawn**2 / variance).mean(axis=1)), 1.0)


def test_noise_is_that_of_the_coordinate_and_of_the_group():
    """The same draws as for noise of variance 1, entry by entry."""
    noise, interference = np.array([0.0, 1e-4, 0.3, 50.0]), np.array([0.7, 0.0, 2.0, 1.0])
    block_of, groups = np.array([1, 0, 2, 1]), np.array([2, 0, 1, 1, 0])
    silent = np.zeros(4)
    for n, kappa in (
        (0.3, 0.0),
        (noise, 0.0),
        (0.3, 0.7),
        (0.0, interference),
        (noise, interference),
    ):
        both = [np.broadcast_to(each, 4) for each in (n, kappa)]
        wanted = [[np.sqrt(v + k * (g != j)) for v, k, j in zip(*both, block_of, strict=True)]
                  for g in groups]  # fmt: skip
        plain, drawn = (
            kernels.draw_inputs(
                np.random.default_rng(0), groups, block_of, silent, None, silent, v, 0.0, k
            ).features
            for v, k in ((1.0, 0.0), (n, kappa))
        )
        np.testing.assert_allclose(drawn, wanted * plain, rtol=1e-14)
        by_group = kernels.group_variances(block_of, n, np.add(n, kappa), 3)
        plain, drawn = (
            kernels.draw_training_sets(
                np.random.default_rng(0), groups[np.newaxis], np.zeros((3, 4)), silent, v, 0.0
            )[0]
            for v in (1.0, by_group if np.any(kappa) else n)
        )
        np.testing.assert_allclose(drawn[0], wanted * plain[0], rtol=1e-14)

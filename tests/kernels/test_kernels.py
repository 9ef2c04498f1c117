"""Draws, fits and their risks: laws, edges, and NumPy one training set at a time."""

import numpy as np
import pytest
from scipy import stats

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


@pytest.mark.parametrize("leaking", [False, True])
def test_without_noise_the_true_coefficients_make_no_error(leaking):
    rng = np.random.default_rng(0)
    block_of = np.array([1, 0, 1, 2])  # interleaved, unequal
    signal, b = np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, -1.0, 2.0, 0.5])
    leakage = np.array([0.1, 0.2, 0.3, 0.4]) if leaking else None
    groups = kernels.draw_groups(rng, 500, np.array([0.2, 0.3, 0.5]))
    inputs = kernels.draw_inputs(rng, groups, block_of, signal, leakage, b, 0.0, 0.0)
    dense, moe = kernels.prediction_errors(inputs, block_of, np.stack([b, b]), (False, True))
    np.testing.assert_allclose(dense, 0.0, atol=1e-14)
    if leaking:
        assert np.all(np.abs(moe) > 1e-6)  # what the own block does not show is missed
    else:
        np.testing.assert_allclose(moe, 0.0, atol=1e-14)


def test_errors_have_the_second_moments_of_their_parts(agrees, mean_and_sem):
    """One predictor per kind, zero and one: the error is then a sum of known pieces."""
    rng = np.random.default_rng(1)
    rows, block_of = 1_200_000, np.array([0, 1])
    groups = np.zeros(rows, dtype=np.int64)
    signal, leakage, b = np.array([2.0, 5.0]), np.array([7.0, 3.0]), np.array([1.0, 1.0])
    predictors = np.array([[0.0, 0.0], [1.0, 1.0], [1.0, 1.0]])
    inputs = kernels.draw_inputs(rng, groups, block_of, signal, leakage, b, 0.5, 0.25)
    routes = (False, False, True)
    null, dense, moe = kernels.prediction_errors(inputs, block_of, predictors, routes)
    for errors, value in ((null, 2 + 3 + 0.25), (dense, 2 * 0.5 + 0.25), (moe, 3.0 + 0.5 + 0.25)):
        assert agrees(*mean_and_sem(errors**2), value)


@pytest.mark.parametrize("radius", [0.0, 0.7])
def test_errors_are_those_of_the_inputs_that_are_left(radius):
    """Every input and predictor by itself: dense, the expert that was named, a function."""
    rng = np.random.default_rng(5)
    block_of, taken = np.array([1, 0, 1, 2, 0, 1]), np.array([2, 0, 1, 1, 0])
    features, labels, weights = (rng.standard_normal(n) for n in ((5, 6), 5, (3, 6)))
    shares = rng.random((3, 5))

    drawn = kernels.draw_inputs(rng, np.zeros(5, int), block_of, *np.ones((3, 6)), 1.0, 1.0)
    assert drawn.features.shape == features.shape
    inputs = kernels.Inputs(features, labels, kernels.Places.of(block_of, taken), radius)
    routes = (False, True, lambda given: shares)[: 2 if radius else 3]
    errors = kernels.prediction_errors(inputs, block_of, weights[: len(routes)], routes)
    for x, y, j, share, found in zip(features, labels, taken, shares.T, errors.T, strict=True):
        used = (weights[0], weights[1] * (block_of == j), weights[2] * share[block_of])
        wanted = [y - x @ w for w in used[: len(routes)]]
        if radius:  # the shift along w, away from the label
            shifts = [
                -np.sign(e) * radius * w / np.linalg.norm(w)
                for e, w in zip(wanted, used, strict=False)
            ]
            wanted = [abs(y - (x + s) @ w) for s, w in zip(shifts, used, strict=False)]
        np.testing.assert_allclose(found, wanted, rtol=1e-12)


SHAPES = [(7, 3), (5, 5), (6, 5), (4, 5), (2, 6), (1, 4), (1, 1)]


def training_sets(rows, dim, sets=20, seed=0):
    """Columns of very unequal scale, labels that they do not explain."""
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((sets, rows, dim)) * np.geomspace(1e-3, 1e3, dim)
    return features, rng.standard_normal((sets, rows))


@pytest.mark.parametrize(("rows", "dim"), SHAPES)
def test_least_squares_is_what_numpy_says_of_each_training_set(rows, dim):
    features, labels = training_sets(rows, dim)
    for fit, x, y in zip(kernels.least_squares(features, labels), features, labels, strict=True):
        wanted, *_ = np.linalg.lstsq(x, y)
        np.testing.assert_allclose(x @ fit, x @ wanted, rtol=1e-9, atol=1e-11)
        assert np.linalg.norm(fit - wanted) <= 1e-7 * np.linalg.norm(wanted)


@pytest.mark.parametrize(("rows", "dim"), [(2, 6), (4, 5), (1, 4)])
def test_with_few_samples_the_fit_is_exact_and_in_their_span(rows, dim):
    """Which is what minimum norm means."""
    rng = np.random.default_rng(1)
    features, labels = rng.standard_normal((20, rows, dim)), rng.standard_normal((20, rows))
    fits = kernels.least_squares(features, labels)
    np.testing.assert_allclose(np.vecdot(features, fits[:, np.newaxis]), labels, rtol=1e-9)
    for fit, x in zip(fits, features, strict=True):
        outside = np.eye(dim) - np.linalg.pinv(x) @ x
        np.testing.assert_allclose(outside @ fit, 0.0, atol=1e-10 * np.abs(fit).max())


@pytest.mark.parametrize("ridge", [1e-3, 0.7, 1e6])
@pytest.mark.parametrize(("rows", "dim"), SHAPES)
def test_ridge_solves_the_normal_equations(rows, dim, ridge):
    rng = np.random.default_rng(2)
    features, labels = rng.standard_normal((20, rows, dim)), rng.standard_normal((20, rows))
    for fit, x, y in zip(kernels.ridge_fit(features, labels, ridge), features, labels, strict=True):
        gradient = x.T @ (x @ fit - y) / rows + ridge * fit
        np.testing.assert_allclose(gradient, 0.0, atol=1e-12 * np.abs(x.T @ y).max())


@pytest.mark.parametrize("rows", [2, 3, 4, 5, 9])
def test_where_the_rank_is_deficient_the_solution_is_that_of_minimum_norm(rows):
    """A column of zeros and two that are equal, in every other training set."""
    rng = np.random.default_rng(3)
    features, labels = rng.standard_normal((20, rows, 4)), rng.standard_normal((20, rows))
    features[::2, :, 1] = 0.0
    features[::2, :, 3] = features[::2, :, 2]
    fits = kernels.least_squares(features, labels)
    for fit, x, y in zip(fits, features, labels, strict=True):
        np.testing.assert_allclose(fit, np.linalg.pinv(x) @ y, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(fits[::2, 1], 0.0, atol=1e-12)
    np.testing.assert_allclose(fits[::2, 2], fits[::2, 3], rtol=1e-9)


def test_features_that_are_all_zero_predict_zero():
    for rows in (2, 3, 4):
        fits = kernels.least_squares(np.zeros((2, rows, 3)), np.ones((2, rows)))
        np.testing.assert_array_equal(fits, np.zeros((2, 3)))


@pytest.mark.parametrize("ridge", [0.0, 0.3])
def test_an_expert_sees_its_groups_samples_and_its_own_block(ridge):
    rng = np.random.default_rng(4)
    block_of, experts = np.array([1, 0, 1, 2, 2]), 3
    groups = rng.integers(0, experts, (30, 6))  # ragged: also groups without samples
    features, labels = rng.standard_normal((30, 6, 5)), rng.standard_normal((30, 6))
    fits = kernels.expert_fits(features, labels, groups, block_of, experts, ridge)
    assert not (groups == 0).any(axis=1).all()
    for fit, x, y, group in zip(fits, features, labels, groups, strict=True):
        for g in range(experts):
            own, here = block_of == g, group == g
            seen = x[here][:, own]
            penalty = here.sum() * ridge * np.eye(own.sum())
            wanted = np.linalg.pinv(seen.T @ seen + penalty) @ seen.T @ y[here]
            np.testing.assert_allclose(fit[own], wanted, rtol=1e-5, atol=1e-9)


# --- what stands for training sets -------------------------------------------------------------


def roots_of(degrees, columns, rows, seed=0):
    rng = np.random.default_rng(seed)
    out = np.empty((len(degrees), rows, columns))
    return kernels.wishart_roots(rng, np.asarray(degrees), out)


@pytest.mark.parametrize(("degrees", "columns"), [(9, 4), (4, 4), (3, 4), (1, 4), (10**9, 3)])
def test_roots_are_trapezoids_with_the_moments_of_a_wishart(degrees, columns):
    """E W = mI, var w_ij = m (1 + [i = j]), independent of each other off the diagonal."""
    rows, sets = min(degrees, columns), 40_001  # odd: one triangle of the last square is left
    roots = roots_of(np.full(sets, degrees), columns, rows)
    assert np.all(np.tril(roots, -1) == 0.0)
    products = (roots.mT @ roots).reshape(sets, -1)
    flat, eye = products.mean(axis=0).reshape(columns, columns), np.eye(columns)
    limit = 6 * np.sqrt(degrees / sets)
    np.testing.assert_allclose(flat, degrees * eye, atol=2 * limit)
    spread = products.var(axis=0).reshape(columns, columns) / degrees
    np.testing.assert_allclose(spread, 1 + eye, rtol=0.2)
    # the two triangles of a square are different factors
    assert abs(np.corrcoef(products[:20_000, 1], products[20_001:, 1])[0, 1]) < 0.05


def test_roots_of_several_degrees_have_as_many_rows_as_there_are():
    degrees = np.array([0, 1, 2, 3, 50])
    roots = roots_of(degrees, 3, 3)
    ranks = [np.linalg.matrix_rank(root) for root in roots]
    assert ranks == [0, 1, 2, 3, 3]
    for root, degree in zip(roots, degrees, strict=True):
        assert np.all(root[degree:] == 0.0)


def solver(rows, dim):
    """Normal equations where rows are not too few, else the dual ones; rows or columns in two."""
    if rows >= dim:
        return kernels.normal_fits, lambda x: (x[:, : rows // 2], x[:, rows // 2 :])
    return kernels.dual_fits, lambda x: (x[..., : dim // 2], x[..., dim // 2 :])


@pytest.mark.parametrize(("rows", "dim"), [(12, 5), (5, 5), (3, 5), (1, 1)])
def test_normal_equations_give_what_least_squares_gives(rows, dim):
    rng = np.random.default_rng(4)
    features, labels = rng.standard_normal((20, rows, dim)), rng.standard_normal((20, rows))
    penalties = np.array([0.0, 0.3])[:, np.newaxis] * np.arange(1.0, 21.0)
    solve, split = solver(rows, dim)
    for parts in ((features,), split(features)):
        fits = solve(parts, labels, penalties, kernels.Workspace())
        for penalty, fit in zip(penalties, fits, strict=True):
            for x, y, a, each in zip(features, labels, penalty, fit, strict=True):
                stacked = np.concatenate([x, np.sqrt(a) * np.eye(dim)])
                wanted, *_ = np.linalg.lstsq(stacked, np.append(y, np.zeros(dim)))
                np.testing.assert_allclose(each, wanted, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("rows", [3, 6, 9])
def test_ill_conditioned_systems_are_solved_from_their_rows(rows):
    """Normal equations would lose them: nearly or exactly dependent columns, empty systems."""
    rng = np.random.default_rng(5)
    features, labels = rng.standard_normal((8, rows, 6)), rng.standard_normal((8, rows))
    features[1, :, 2] = features[1, :, 3] * (1 + 1e-9)
    features[2, :, 2] = features[2, :, 3]
    features[3, :, 2] = 0.0
    features[4] = 0.0
    features[5] *= np.geomspace(1.0, 1e-7, 6)
    solve, _ = solver(rows, 6)
    fits = solve((features,), labels, np.zeros((1, 8)), kernels.Workspace())
    for i, (fit, x, y) in enumerate(zip(fits[0], features, labels, strict=True)):
        wanted, *_ = np.linalg.lstsq(x, y, rcond=1e-10)
        if i == 1 and rows >= 6:  # which of two nearly equal columns is a matter of rounding
            np.testing.assert_allclose(x @ fit, x @ wanted, rtol=1e-4, atol=1e-6)
        else:
            np.testing.assert_allclose(fit, wanted, rtol=1e-4, atol=1e-8 * np.abs(wanted).max())


def test_two_columns_that_are_nearly_the_same_are_noticed():
    """A probe of ones would be orthogonal to what is badly determined."""
    rng = np.random.default_rng(8)
    features, labels = rng.standard_normal((50, 9, 2)), rng.standard_normal((50, 9))
    features[..., 1] = features[..., 0] + 1e-6 * features[..., 1]
    for solve, x, y in (
        (kernels.normal_fits, features, labels),
        (kernels.dual_fits, features.mT, labels[:, :2]),
    ):
        fits = solve((np.ascontiguousarray(x),), y, np.zeros((1, 50)), kernels.Workspace())[0]
        np.testing.assert_allclose(fits, kernels.least_squares(x, y), rtol=1e-7)


@pytest.mark.parametrize("iterations", [60, 3])
def test_conjugate_gradients_give_what_normal_equations_give(iterations):
    """Also those that are not there in time, and right sides that are zero."""
    rng = np.random.default_rng(7)
    features = rng.standard_normal((10, 60, 8)) * np.geomspace(1e-3, 1e3, 8)
    labels = rng.standard_normal((10, 30))  # the last targets are zero
    labels[3] = 0.0
    penalties, work = (
        np.array([0.0, 2.0])[:, np.newaxis] * np.arange(1.0, 11.0),
        kernels.Workspace(),
    )
    parts, scale = (features[:, :25], features[:, 25:]), 1.0 / np.geomspace(1e-3, 1e3, 8)
    wanted = kernels.normal_fits(parts, labels, penalties, work)
    fits = kernels.conjugate_fits(parts, labels, penalties, scale, work, iterations)
    alike = np.abs(wanted / scale).max()
    np.testing.assert_allclose(fits / scale, wanted / scale, rtol=0.0, atol=1e-11 * alike)
    assert np.all(fits[:, 3] == 0.0)


def test_a_workspace_hands_out_its_memory_again():
    work = kernels.Workspace()
    first = work.array("a", (2, 3))
    assert np.shares_memory(first, work.array("a", (3, 1)))
    assert not np.shares_memory(first, work.array("b", (2, 3)))
    assert work.array("a", (4, 5)).shape == (4, 5)


@pytest.mark.parametrize("zero", [False, True])
def test_the_law_of_experts_is_that_of_their_coefficients(zero):
    """Whole vectors, not only risks: projections in several directions, against lstsq."""
    sets, block_of = 20_000, np.array([0, 1, 0, 1, 1, 1, 0, 2])
    counts = np.array([5, 2, 0])  # above, below and without samples
    observed = np.array([2.0, 1.5, 0.5, 1.5, 1.5, 1.5, 1.0, 1.0])
    theta = np.zeros(8) if zero else np.cos(np.arange(8.0)) + 0.5
    residual = np.array([0.7, 0.4, 1.0])
    rng = np.random.default_rng(6)
    drawn = kernels.draw_expert_law(rng, np.tile(counts, (sets, 1)), block_of)
    fits = kernels.expert_law_fits(drawn, block_of, theta, observed, residual)
    assert np.all(fits[:, block_of == 2] == 0.0)
    for g in (0, 1):
        own = block_of == g
        x = rng.standard_normal((sets, counts[g], own.sum())) * np.sqrt(observed[own])
        y = x @ theta[own] + np.sqrt(residual[g]) * rng.standard_normal((sets, counts[g]))
        plain = kernels.least_squares(x, y)
        for direction in np.vstack([np.eye(own.sum()), np.sin(np.arange(own.sum()) + 1.0)]):
            here, there = fits[:, own] @ direction, plain @ direction
            assert stats.ks_2samp(here, there).pvalue > 1e-7
        lengths = [np.linalg.norm(each, axis=1) for each in (fits[:, own], plain)]
        assert stats.ks_2samp(*lengths).pvalue > 1e-7
        assert stats.ks_2samp(1.05 * lengths[0], lengths[1]).pvalue < 1e-7


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


# -----------------------------------------------------------------------------------------------


def test_training_sets_have_the_second_moments_of_the_model(generic, agrees, mean_and_sem):
    model = generic(leakage_variances=np.linspace(0.1, 0.5, 9), label_noise_variance=0.3)
    variances = kernels.clean_variances(
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

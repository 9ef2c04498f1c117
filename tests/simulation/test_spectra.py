"""Simulated designs: against theory, and against data drawn the plain way."""

import statistics

import numpy as np
import pytest

import moetheory as mt
from moetheory.simulation.spectra import _decompositions


def design(times):
    """Two experts of aspects 1/3 and 4/9, all spikes far apart."""
    signal = np.zeros(24 * times)
    signal[[0, 8 * times, 8 * times + 1]] = [4.0, 9.0, 3.0]
    blocks = np.repeat([0, 1], [8 * times, 16 * times])
    model = mt.BlockModel([0.4, 0.6], blocks, signal, np.ones(24 * times), 0.3)
    return model, [24 * times, 36 * times]


def test_overlaps_of_experts_are_those_of_theory(agrees):
    """Extrapolated from two sizes: the bias is of order 1/n."""
    theory = mt.spiked_spectrum(mt.MoE(), *design(1))
    small, large = (
        mt.simulate_spectrum(mt.MoE(), *design(times), replicates=1500, rng=times)
        for times in (1, 2)
    )
    for side in ("left", "right"):
        one, two, expected = (getattr(each, side) for each in (small, large, theory))
        for spike in (0, 2):
            mean = 2.0 * two.mean[spike] - one.mean[spike]
            sem = np.hypot(2.0 * two.sem[spike], one.sem[spike])
            assert agrees(mean, sem, 1500, expected[spike])


def plainly(rng, rows, columns, signal, noise):
    """Rows of two groups in any directions, noise, the whole and both parts decomposed."""
    n = sum(rows)
    clean, axes = np.zeros((n, sum(columns))), []
    corners = [(0, 0), (rows[0], columns[0])]
    for (top, first), own_rows, own_columns, squares in zip(
        corners, rows, columns, signal, strict=True
    ):
        left, _ = np.linalg.qr(rng.standard_normal((own_rows, len(squares))))
        right, _ = np.linalg.qr(rng.standard_normal((own_columns, len(squares))))
        if np.ndim(noise):  # then coordinates are directions like no others
            right = np.eye(own_columns)[:, -len(squares) :]
        part = slice(top, top + own_rows), slice(first, first + own_columns)
        clean[part] = left @ np.diag(np.sqrt(squares)) @ right.T
        axes.append((part, left, right))
    # one variance, or those of each group and coordinate
    by_row = np.repeat(noise, rows, axis=0) if np.ndim(noise) else noise
    seen = clean + np.sqrt(by_row / n) * rng.standard_normal(clean.shape)
    whole = np.linalg.svd(seen)
    dense, experts = [], []
    rank = dict(zip(np.argsort(-np.concatenate(signal)).tolist(), range(9), strict=False))
    for (part, left, right), offset in zip(axes, (0, len(signal[0])), strict=True):
        own = np.linalg.svd(seen[part])
        for i in range(left.shape[1]):
            k = rank[offset + i]
            dense.append((
                whole.S[k] ** 2,
                (whole.U[part[0], k] @ left[:, i]) ** 2,
                (whole.Vh[k, part[1]] @ right[:, i]) ** 2,
            ))  # fmt: skip
            experts.append((
                own.S[i] ** 2, (own.U[:, i] @ left[:, i]) ** 2, (own.Vh[i] @ right[:, i]) ** 2
            ))  # fmt: skip
    return np.array([dense, experts])


def test_directions_and_rows_do_not_matter():
    """Means of data drawn the plain way and of the simulation, by the standard errors of both."""
    rng, replicates = np.random.default_rng(3), 400
    rows, columns, signal = (14, 10), (5, 7), ([6.0, 1.5], [3.0])
    plain = np.array([plainly(rng, rows, columns, signal, 0.7) for _ in range(replicates)])
    variances = np.zeros(12)
    # not in falling order within a block
    variances[[3, 1, 9]] = np.array([6.0, 1.5, 3.0]) * 24 / np.array([14, 14, 10])
    blocks = np.repeat([0, 1], columns)
    model = mt.BlockModel([0.5, 0.5], blocks, variances, np.ones(12), 0.7)
    for index, estimator in enumerate((mt.Dense(), mt.MoE())):
        found = mt.simulate_spectrum(estimator, model, rows, replicates=4 * replicates, rng=0)
        assert found.coordinates.tolist() == [1, 3, 9]
        for part, draws in enumerate((found.values, found.left, found.right)):
            theirs = plain[:, index, [1, 0, 2], part]
            sem = np.hypot(theirs.std(axis=0) / np.sqrt(replicates), draws.sem)
            assert np.all(np.abs(theirs.mean(axis=0) - draws.mean) < 5 * sem)
            assert np.all(sem < 0.05 * draws.mean)


def test_noise_is_that_of_the_row_and_the_column():
    rng, replicates = np.random.default_rng(4), 400
    rows, columns, signal = (14, 10), (5, 7), ([6.0, 1.5], [3.0])
    variances, noise = np.zeros(12), np.linspace(0.1, 0.9, 12)
    variances[[3, 4, 11]] = np.array([6.0, 1.5, 3.0]) * 24 / np.array([14, 14, 10])
    blocks = np.repeat([0, 1], columns)
    idle = np.where(variances > 0.0, 1.0, np.linspace(0.6, 0.0, 12))
    model = mt.BlockModel(
        [0.5, 0.5], blocks, variances, np.ones(12), noise, interference_variances=idle
    )
    by_group = noise + idle * (blocks != np.array([[0], [1]]))
    plain = np.array([plainly(rng, rows, columns, signal, by_group) for _ in range(replicates)])
    quiet = model.replace(interference_variances=0.0)
    for index, estimator in enumerate((mt.Dense(), mt.MoE())):
        found = mt.simulate_spectrum(estimator, model, rows, replicates=4 * replicates, rng=0)
        for part, draws in enumerate((found.values, found.left, found.right)):
            theirs = plain[:, index, :, part]
            sem = np.hypot(theirs.std(axis=0) / np.sqrt(replicates), draws.sem)
            assert np.all(np.abs(theirs.mean(axis=0) - draws.mean) < 5 * sem)
            assert np.all(sem < 0.05 * draws.mean)
        same = mt.simulate_spectrum(estimator, quiet, rows, replicates=4 * replicates, rng=0)
        # experts never see interference
        assert np.array_equal(same.values.values, found.values.values) == (index == 1)


def test_experts_are_not_observed_like_dense():
    """Values of the submatrices are their own; at the aspect and noise of dense they are not."""
    model, counts = design(2)
    found = mt.simulate_spectrum(mt.MoE(), model, counts, replicates=200, rng=0).values
    own, common = (
        mt.spiked_spectrum(mt.MoE(), model, counts, noise=reading) for reading in ("own", "common")
    )
    assert np.all(np.abs(found.mean - own.values) < 0.02 * own.values + 4 * found.sem)
    assert np.all(common.values - found.mean > 5 * found.sem)


@pytest.mark.parametrize("estimator", [mt.Dense(), mt.MoE()])
def test_without_noise_the_spikes_are_what_is_seen(estimator):
    model, counts = design(1)
    found = mt.simulate_spectrum(
        estimator, model.replace(noise_variance=0.0), counts, replicates=2, rng=0
    )
    theory = mt.spiked_spectrum(estimator, model.replace(noise_variance=0.0), counts)
    for name in ("values", "left", "right", "condition", "contraction"):
        draws = getattr(found, name)
        np.testing.assert_allclose(draws.mean, getattr(theory, name), rtol=1e-12, atol=1e-15)
        assert draws.values.shape == (2, *getattr(theory, name).shape)
        np.testing.assert_allclose(draws.sem, 0.0, atol=1e-14)


def test_equal_spikes_share_what_is_seen_of_them():
    signal = np.zeros(40)
    signal[[0, 20, 21, 1]] = [6.0, 6.0 * (1 + 1e-13), 30.0, 6.0]
    model = mt.BlockModel([0.5, 0.5], np.repeat([0, 1], 20), signal, np.ones(40), 1.0)
    found = mt.simulate_spectrum(mt.Dense(), model, 160, replicates=60, rng=0)
    theory = mt.spiked_spectrum(mt.Dense(), model, 160)
    equal = [0, 1, 2]
    assert found.coordinates.tolist() == [0, 1, 20, 21]
    np.testing.assert_array_equal(found.values.values[:, equal], found.values.values[:, [0] * 3])
    for draws, limits in ((found.left, theory.left), (found.right, theory.right)):
        np.testing.assert_allclose(draws.mean, limits, atol=0.03)
    # the contraction is that of the values as they come
    spread = found.values.values[:, 3] / found.values.values[:, 0]
    assert np.all(found.condition.values[:, 0] > spread)


def test_shares_one_by_one():
    """Shares of the first spike, and of two equal spikes, in a single matrix."""
    signal, noise = np.array([9.0, 4.0, 4.0]), np.random.default_rng(2).standard_normal((6, 5))
    matrix = 0.4 * noise
    matrix[[0, 1, 2], [0, 1, 2]] += np.sqrt(signal)
    left, singular, right = np.linalg.svd(matrix)
    raw, values, lefts, rights = _decompositions(signal, 0.4 * noise[np.newaxis])[:, 0]
    np.testing.assert_allclose(raw, singular[:3] ** 2, rtol=1e-13)
    assert values.tolist() == [raw[0], *[(raw[1] + raw[2]) / 2] * 2]
    for spike, of in enumerate([[0], [1, 2], [1, 2]]):
        assert lefts[spike] == pytest.approx(sum(left[spike, k] ** 2 for k in of), rel=1e-12)
        assert rights[spike] == pytest.approx(sum(right[k, spike] ** 2 for k in of), rel=1e-12)


def test_experts_have_noise_of_their_own_and_sems_of_few():
    model = mt.BlockModel([0.5, 0.5], [0] * 6 + [1] * 6, [4.0, *[0.0] * 5] * 2, [1.0] * 12, 1.0)
    found = mt.simulate_spectrum(mt.MoE(), model, 20, replicates=3, rng=0).values
    assert np.all(found.values[:, 0] != found.values[:, 1])
    first = found.values[:, 0].tolist()
    assert found.mean[0] == pytest.approx(statistics.mean(first), rel=1e-14)
    assert found.sem[0] == pytest.approx(statistics.stdev(first) / 3**0.5, rel=1e-14)


def test_one_expert_is_dense_draw_by_draw_and_draws_replay():
    model = mt.BlockModel([1.0], [0] * 12, [4.0, 1.0] + [0.0] * 10, [1.0] * 12, 0.5)
    dense, moe, fewer = (
        mt.simulate_spectrum(each, model, 30, replicates=replicates, rng=5)
        for each, replicates in ((mt.Dense(), 600), (mt.MoE(), 600), (mt.MoE(), 400))
    )
    for name in ("values", "left", "right", "condition", "contraction"):
        ours = getattr(dense, name).values
        np.testing.assert_array_equal(ours, getattr(moe, name).values)
        np.testing.assert_array_equal(ours[:400], getattr(fewer, name).values)
    assert (dense.entropy, dense.replicates, fewer.replicates) == (5, 600, 400)
    kappa = dense.values.values[:, 0] / dense.values.values[:, 1]
    np.testing.assert_allclose(dense.condition.values[:, 0], kappa, rtol=1e-14)
    np.testing.assert_allclose(
        dense.contraction.values[:, 0], (kappa - 1) / (kappa + 1), rtol=1e-11
    )
    generator = mt.simulate_spectrum(mt.MoE(), model, 30, rng=np.random.default_rng(1))
    again = mt.simulate_spectrum(mt.MoE(), model, 30, rng=generator.entropy)
    np.testing.assert_array_equal(generator.values.values, again.values.values)
    with pytest.raises(ValueError, match="read-only"):
        dense.values.values[0, 0] = 0.0


def test_groups_without_samples_or_spikes():
    model, _ = design(1)
    moe = mt.simulate_spectrum(mt.MoE(), model, [0, 30], replicates=3, rng=0)
    assert moe.coordinates.tolist() == [8, 9]
    assert np.isnan(moe.condition.mean).tolist() == [True, False]
    nothing = model.replace(signal_variances=np.zeros(24))
    for each in (mt.Dense(), mt.MoE()):
        found = mt.simulate_spectrum(each, nothing, 30, replicates=3, rng=0)
        assert found.values.values.shape == (3, 0)
        assert np.isnan(found.condition.mean).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"replicates": 1}, "replicates must be at least 2, got 1"),
        ({"replicates": 2.5}, "replicates must be an integer"),
        ({"rng": -1}, "rng must be None"),
    ],
)
def test_bad_numbers(changes, message):
    with pytest.raises(ValueError, match=message):
        mt.simulate_spectrum(mt.Dense(), *design(1), **changes)

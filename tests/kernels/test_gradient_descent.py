"""Iterates of gradient descent from a spectrum, against arithmetic with 60 digits."""

import mpmath
import numpy as np
import pytest

from moetheory import kernels
from moetheory.kernels import Spectrum, StepSizes, Workspace


def exactly(curvatures, ridge, high, low, steps):
    with mpmath.workdps(60):
        step = 2 / (mpmath.mpf(high) + mpmath.mpf(low))
        mu = mpmath.mpf(ridge)
        return np.array(
            [
                [
                    float((1 - (1 - step * (each + mu)) ** int(t)) / (each + mu))
                    for each in map(mpmath.mpf, curvatures)
                ]
                for t in steps
            ]
        )


@pytest.mark.parametrize("low", [0.0, 1e-9, 1e-3])
def test_no_digits_are_lost_at_either_end(low):
    """Curvatures whose step a·l is near 0, near 1 and near 2."""
    ends = np.array([1e-15, 1e-9, 1e-4, 0.3])
    curvatures = np.sort(np.concatenate([ends, [0.5 * (1.0 + low)], 1.0 - ends[:0:-1], [1.0]]))
    if low == 0.0:
        curvatures = curvatures[:-1]  # which such a step would leave where it is
    steps = np.array([0, 1, 2, 3, 1000, 10**9, 10**9 + 1, 2**53])
    one = Spectrum(curvatures[None], np.ones((1, len(curvatures))), np.eye(len(curvatures))[None])
    step_sizes = StepSizes(np.ones(1), np.array([low]))
    found = np.empty((1, len(steps), len(curvatures)))
    kernels.descent_iterates(one, 0.0, step_sizes, steps, out=found)
    np.testing.assert_allclose(found[0], exactly(curvatures, 0.0, 1.0, low, steps), rtol=1e-13)


@pytest.mark.parametrize("samples", [4, 9])
def test_rows_take_over_where_their_products_are_ill_conditioned(samples, monkeypatch):
    """Singular values from 1 to 1e-6, whose squares are 12 digits apart."""
    rng = np.random.default_rng(3)
    dim = 4 if samples == 9 else 7
    left, _, right = np.linalg.svd(rng.standard_normal((samples, dim)), full_matrices=False)
    x, y = left * 10.0 ** -np.array([0, 2, 4, 6]) @ right, left.sum(axis=1)
    steps = np.array([10, 10**5, 10**12, 10**13])

    def error():
        found = kernels.spectrum((x[None],), y[None], np.array([samples]), Workspace())
        largest, _ = kernels.extreme_curvatures(found.curvatures, 0.0)
        out = np.empty((1, len(steps), dim))
        kernels.descent_iterates(
            found, 0.0, StepSizes(np.full(1, 1.0), np.zeros(1)), steps, out=out
        )
        assert largest < 1.0
        return np.max(np.abs(out[0] - expected) / np.abs(expected).max(axis=1, keepdims=True))

    with mpmath.workdps(60):
        rows = mpmath.matrix(x.tolist())
        values, vectors = mpmath.eigsy(rows * rows.T / samples)
        heard = vectors.T * mpmath.matrix(y.tolist()) / samples
        expected = np.empty((len(steps), dim))
        for i, t in enumerate(steps):
            weights = [
                heard[j] * (1 - (1 - 2 * each) ** int(t)) / each if each > 1e-30 else 0
                for j, each in enumerate(values)
            ]
            expected[i] = [float(each) for each in rows.T * (vectors * mpmath.matrix(weights))]
    assert error() < 1e-9
    monkeypatch.setattr("moetheory.kernels.gradient_descent.ILL_CONDITIONED", np.inf)
    assert error() > 1e-8  # it is needed


def test_nothing_to_learn_from_is_nothing_learned():
    nothing = kernels.spectrum(
        (np.zeros((2, 5, 3)),), np.ones((2, 5)), np.array([5, 0]), Workspace()
    )
    largest, smallest = kernels.extreme_curvatures(nothing.curvatures, 2.5)
    out = np.empty((2, 3, 3))
    kernels.descent_iterates(
        nothing, 2.5, kernels.optimal_step_sizes(largest, smallest), np.array([0, 3, 10**9]), out
    )
    assert not out.any()

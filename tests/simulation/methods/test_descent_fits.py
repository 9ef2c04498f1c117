"""Gradient descent in closed form on given rows, against the loop that it stands for."""

import mpmath
import numpy as np
import pytest

import moetheory as mt
from moetheory import kernels
from moetheory.kernels import Pace, Spectrum, Workspace
from moetheory.problem.descent_schedule import Schedule
from moetheory.simulation.methods.descent_fits import (
    DataDescentRoute,
    DenseDescentRoute,
    ExpertDescentRoute,
)
from moetheory.simulation.methods.statistics import ExpertEquations
from moetheory.simulation.methods.statistics_rows import Equations

STEPS = np.array([0, 1, 2, 7, 50, 51])
FAR = np.array([10**14])
SETS = 4
EXPERTS, DIM = 3, 9
BLOCK_OF = np.array([2, 0, 1, 1, 0, 2, 1, 2, 1])


@pytest.fixture(scope="module")
def world():
    """Interleaved blocks; of the model only these matter to a fit."""
    return mt.BlockModel([0.2, 0.5, 0.3], BLOCK_OF, np.ones(DIM), np.ones(DIM), 0.4)


def rows_of(samples, seed=0):
    rng = np.random.default_rng(seed)
    spread = 1.0 / np.sqrt(1.0 + np.arange(DIM))
    return rng.standard_normal((SETS, samples, DIM)) * spread, rng.standard_normal((SETS, samples))


def loop(second, first, ridge, step, steps):
    """beta -= a (H beta - c), looked at after each of ``steps``."""
    beta, found = np.zeros(len(first)), {}
    for t in range(max(steps) + 1):
        found[t] = beta.copy()
        beta = beta - step * (second @ beta + ridge * beta - first)
    return np.array([found[t] for t in steps])


def ends(x, ridge):
    """Largest and smallest curvature that is not zero."""
    values = np.linalg.svd(x, compute_uv=False) ** 2 / len(x)
    return values.max() + ridge, values[values > 1e-12 * values.max()].min() + ridge


def close(found, expected, rtol=1e-10):
    np.testing.assert_allclose(
        found, expected, rtol=rtol, atol=rtol * 1e-2 * np.abs(expected).max()
    )


def route(kind, world, samples, schedule, ridge=0.0):
    estimators = (mt.Dense(ridge=ridge),) if kind is DenseDescentRoute else (mt.MoE(ridge=ridge),)
    return kind((world,), estimators, np.asarray(samples), "fixed", schedule=schedule)


# --- dense -------------------------------------------------------------------------------------

SHAPES = {
    "more samples than coordinates": (20, ()),
    "fewer samples": (5, ()),
    "a coordinate that is zero": (20, (3,)),
    "fewer samples, and zeros": (5, (0, 3)),
}


def dense_fits(world, x, y, schedule, ridge):
    counts = [len(y[0]), 0, 0]
    found = route(DenseDescentRoute, world, counts, schedule, ridge)
    return found.solved(Equations((x,), y, 1.0), world, Workspace())[0]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("ridge", [0.0, 0.3])
@pytest.mark.parametrize("step", ["optimal", 0.7])
def test_dense_is_where_the_loop_is(world, shape, ridge, step):
    samples, zeros = SHAPES[shape]
    x, y = rows_of(samples)
    x[..., zeros] = 0.0
    found = dense_fits(world, x, y, Schedule(STEPS, step, "own"), ridge)
    assert found.shape == (len(STEPS), SETS, DIM)
    for i in range(SETS):
        size = 2.0 / sum(ends(x[i], ridge)) if step == "optimal" else step
        second, first = x[i].T @ x[i] / samples, x[i].T @ y[i] / samples
        close(found[:, i], loop(second, first, ridge, size, STEPS))
    assert not found[0].any()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("ridge", [0.0, 0.3])
def test_dense_ends_where_least_squares_is(world, shape, ridge):
    """Of minimum norm: what no sample has is not learned, however long it takes."""
    samples, zeros = SHAPES[shape]
    x, y = rows_of(samples)
    x[..., zeros] = 0.0
    found = dense_fits(world, x, y, Schedule(FAR, "optimal", "own"), ridge)[0]
    close(found, kernels.ridge_fit(x, y, ridge), rtol=1e-9)


def test_rows_in_parts_and_in_another_unit_are_the_same_rows(world):
    x, y = rows_of(20)
    schedule = Schedule(STEPS, "optimal", "own")
    whole = dense_fits(world, x, y, schedule, 0.1)
    # the rows that follow have targets of zero, which are left out
    y[:, 15:] = 0.0
    silent = dense_fits(world, x, y, schedule, 0.1)
    parts = Equations((x[:, :12] / 3.0, x[:, 12:] / 3.0), y[:, :15], 3.0)
    again = route(DenseDescentRoute, world, [20, 0, 0], schedule, 0.1)
    close(again.solved(parts, world, Workspace())[0], silent)
    assert not np.allclose(whole, silent)
    few = Equations((x[:, :3] / 3.0, x[:, 3:5] / 3.0), y[:, :4], 3.0)
    short = route(DenseDescentRoute, world, [5, 0, 0], schedule, 0.1)
    y[:, 4] = 0.0
    expected = dense_fits(world, x[:, :5], y[:, :5], schedule, 0.1)
    close(short.solved(few, world, Workspace())[0], expected)


# --- experts -----------------------------------------------------------------------------------

# of each set the samples of the groups: too few for expert 1 in the first, for expert 0 none
COUNTS = np.array([[6, 3, 5], [0, 8, 6], [6, 4, 4], [6, 3, 5]])
STEP_SIZES = {
    "own": ["optimal", 0.4, np.array([0.5, 0.2, 0.3])],
    "joint": ["optimal", 0.4],
}
MODES = [(mode, size) for mode, sizes in STEP_SIZES.items() for size in sizes]


def experts_by_loop(x, y, groups, ridge, step, training, steps):
    """One set; the joint loss is the mean over all samples of what its expert loses."""
    n, paths, blocks = len(y), np.zeros((len(steps), DIM)), [g == BLOCK_OF for g in range(EXPERTS)]
    here = [g for g in range(EXPERTS) if np.any(groups == g)]
    own = {g: x[groups == g][:, blocks[g]] for g in here}
    share = {g: len(own[g]) / n if training == "joint" else 1.0 for g in here}
    limits = {g: share[g] * np.array(ends(own[g], ridge)) for g in here}
    for g in here:
        if not isinstance(step, str):
            size = np.broadcast_to(step, EXPERTS)[g]
        elif training == "own":
            size = 2.0 / limits[g].sum()
        else:
            size = 2.0 / (
                max(high for high, _ in limits.values()) + min(low for _, low in limits.values())
            )
        total = len(own[g]) / share[g]
        second, first = own[g].T @ own[g] / total, own[g].T @ y[groups == g] / total
        paths[:, blocks[g]] = loop(second, first, share[g] * ridge, size, steps)
    return paths


@pytest.mark.parametrize(("training", "step"), MODES)
@pytest.mark.parametrize("ridge", [0.0, 0.3])
def test_experts_are_where_the_loop_is(world, training, step, ridge):
    x, y = rows_of(14, seed=1)
    groups = np.stack([np.repeat(np.arange(EXPERTS), counts) for counts in COUNTS])
    schedule = Schedule(STEPS, step, training)
    expected = np.stack(
        [
            experts_by_loop(*each, ridge, step, training, STEPS)
            for each in zip(x, y, groups, strict=True)
        ],
        axis=1,
    )
    data = route(DataDescentRoute, world, COUNTS[0], schedule, ridge)
    close(data.solved(data.estimators[0], x, y, groups)[0], expected)

    def equations():
        for g in range(EXPERTS):
            own = np.flatnonzero(g == BLOCK_OF)
            height = min(COUNTS[:, g].max(), len(own))
            rows, targets = np.zeros((SETS, height, len(own))), np.ones((SETS, height))
            for i in range(SETS):
                here = x[i][groups[i] == g][:, own]
                # as few rows as say the same, the others zero, whatever their targets
                q, triangle = np.linalg.qr(here)
                rows[i, : len(triangle)] = triangle
                targets[i, : len(triangle)] = q.T @ y[i][groups[i] == g]
            yield ExpertEquations(0, g, own, rows, targets, COUNTS[:, g])

    found = route(ExpertDescentRoute, world, COUNTS[0], schedule, ridge)
    close(found.solved(equations(), SETS, Workspace())[0, 0], expected)


@pytest.mark.parametrize("training", ["own", "joint"])
@pytest.mark.parametrize("ridge", [0.0, 0.3])
def test_both_ways_of_training_end_in_the_same_experts(world, training, ridge):
    x, y = rows_of(14, seed=1)
    groups = np.stack([np.repeat(np.arange(EXPERTS), counts) for counts in COUNTS])
    data = route(DataDescentRoute, world, COUNTS[0], Schedule(FAR, "optimal", training), ridge)
    found = data.solved(data.estimators[0], x, y, groups)[0, 0]
    close(found, kernels.expert_fits(x, y, groups, BLOCK_OF, EXPERTS, ridge), rtol=1e-9)


# --- digits ------------------------------------------------------------------------------------


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
    """Curvatures that a step hardly covers, covers at once, and nearly throws back."""
    ends = np.array([1e-15, 1e-9, 1e-4, 0.3])
    curvatures = np.sort(np.concatenate([ends, [0.5 * (1.0 + low)], 1.0 - ends[:0:-1], [1.0]]))
    if low == 0.0:
        curvatures = curvatures[:-1]  # which such a step would leave where it is
    steps = np.array([0, 1, 2, 3, 1000, 10**9, 10**9 + 1, 2**53])
    one = Spectrum(curvatures[None], np.ones((1, len(curvatures))), np.eye(len(curvatures))[None])
    pace = Pace(np.ones(1), np.array([low]))
    found = np.empty((1, len(steps), len(curvatures)))
    kernels.descend(one, 0.0, pace, steps, out=found)
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
        largest, _ = kernels.extremes(found.curvatures, 0.0)
        out = np.empty((1, len(steps), dim))
        kernels.descend(found, 0.0, Pace(np.full(1, 1.0), np.zeros(1)), steps, out=out)
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
    largest, smallest = kernels.extremes(nothing.curvatures, 2.5)
    out = np.empty((2, 3, 3))
    kernels.descend(
        nothing, 2.5, kernels.best_pace(largest, smallest), np.array([0, 3, 10**9]), out
    )
    assert not out.any()

"""Gradient descent in closed form on given rows, against the loop that it stands for."""

import numpy as np
import pytest

import moetheory as mt
from moetheory import kernels
from moetheory.kernels import Workspace
from moetheory.problem.descent_schedule import Schedule
from moetheory.simulation.methods.descent_fits import (
    DataDescentRoute,
    DenseDescentRoute,
    ExpertDescentRoute,
)
from moetheory.simulation.methods.statistics import ExpertRows
from moetheory.simulation.methods.statistics_rows import RowsAndTargets

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
    """Iterates of beta -= a (H beta - c) after each of ``steps``."""
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
    return found.fitted_coefficients(RowsAndTargets((x,), y, 1.0), world, Workspace())[0]


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
    """Least squares of minimum norm: directions without samples are never learned."""
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
    parts = RowsAndTargets((x[:, :12] / 3.0, x[:, 12:] / 3.0), y[:, :15], 3.0)
    again = route(DenseDescentRoute, world, [20, 0, 0], schedule, 0.1)
    close(again.fitted_coefficients(parts, world, Workspace())[0], silent)
    assert not np.allclose(whole, silent)
    few = RowsAndTargets((x[:, :3] / 3.0, x[:, 3:5] / 3.0), y[:, :4], 3.0)
    short = route(DenseDescentRoute, world, [5, 0, 0], schedule, 0.1)
    y[:, 4] = 0.0
    expected = dense_fits(world, x[:, :5], y[:, :5], schedule, 0.1)
    close(short.fitted_coefficients(few, world, Workspace())[0], expected)


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
    close(data.fitted_coefficients(data.estimators[0], x, y, groups)[0], expected)

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
            yield ExpertRows(0, g, own, rows, targets, COUNTS[:, g])

    found = route(ExpertDescentRoute, world, COUNTS[0], schedule, ridge)
    close(found.fitted_coefficients(equations(), SETS, Workspace())[0, 0], expected)


@pytest.mark.parametrize("training", ["own", "joint"])
@pytest.mark.parametrize("ridge", [0.0, 0.3])
def test_both_ways_of_training_end_in_the_same_experts(world, training, ridge):
    x, y = rows_of(14, seed=1)
    groups = np.stack([np.repeat(np.arange(EXPERTS), counts) for counts in COUNTS])
    data = route(DataDescentRoute, world, COUNTS[0], Schedule(FAR, "optimal", training), ridge)
    found = data.fitted_coefficients(data.estimators[0], x, y, groups)[0, 0]
    close(found, kernels.expert_fits(x, y, groups, BLOCK_OF, EXPERTS, ridge), rtol=1e-9)

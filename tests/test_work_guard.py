"""The work of `simulate` stays within its budgets, which tests/benchmarks/work_guard.py counts."""

import runpy
import sys
from dataclasses import astuple
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parent / "benchmarks"
with mock.patch.object(sys, "path", [str(BENCHMARKS), *sys.path]):
    guard = SimpleNamespace(**runpy.run_path(str(BENCHMARKS / "work_guard.py")))
WORKLOADS = {work.name: work for work in guard.WORKLOADS}


@pytest.fixture(scope="module")
def package():
    """A second copy of the package, whose products can be counted."""
    with guard.second_copy("moetheory") as copy:
        yield copy


@pytest.mark.parametrize("name", WORKLOADS)
def test_work_is_within_its_budget(name, package):
    found = guard.work_of(WORKLOADS[name], package)
    above, below = guard.compare(found, guard.BUDGETS[name])
    print("far below the budget:", *below)
    assert above == [], f"if it is meant:\n{guard.line(WORKLOADS[name], found)}"


@pytest.mark.parametrize("name", WORKLOADS)
def test_work_done_twice_is_above_its_budget(name, package):
    route = package.simulation.methods.base.TrainingRoute
    once = route.chunk_risks

    def twice(*args):
        once(*args)
        return once(*args)

    with mock.patch.object(route, "chunk_risks", twice):
        found = guard.work_of(WORKLOADS[name], package)
    budget = guard.BUDGETS[name]
    needed = [each for each, most in vars(budget).items() if most]
    assert "random" in needed
    assert guard.compare(found, budget)[0] == needed


@pytest.mark.parametrize("name", ["A", "D"])
def test_training_sets_in_full_are_above_the_budget(name, package):
    work = WORKLOADS[name]
    found = guard.work_of(work, package, replicates=4, method="data")
    # features, their noise, labels' noise: all that defines a training set
    assert found.random == work.samples * (2 * work.dim + 1)
    assert "random" in guard.compare(found, guard.BUDGETS[name])[0]


def test_margin_is_five_percent():
    budget = guard.Work(100, 100, 100, 0)
    assert guard.compare(guard.Work(105, 95, 100, 0), budget) == ([], [])
    assert guard.compare(guard.Work(105.1, 94.9, 100, 0), budget) == (["random"], ["products"])
    assert guard.compare(guard.Work(100, 100, 100, 0.1), budget) == (["steps"], [])


def routines():
    """The package's own calls of BLAS, of the copy that is imported at the moment."""
    return import_module("moetheory.kernels.blas_routines")


TALL, WIDE, SQUARE = np.zeros((6, 5, 3)), np.zeros((6, 3, 4)), np.tile(np.eye(3), (6, 1, 1))
CALLS = {
    "a product": (lambda: np.matmul(TALL, WIDE), "products", 6 * 5 * 4 * 3 * 2),
    "with its own transpose": (lambda: np.matmul(TALL.mT, TALL), "products", 6 * 3 * 3 * 5),
    "with a copy of it": (lambda: np.matmul(TALL.mT.copy(), TALL), "products", 6 * 3 * 3 * 5 * 2),
    "matvec": (lambda: np.matvec(TALL, np.zeros((6, 3))), "products", 6 * 5 * 3 * 2),
    "vecmat": (lambda: np.vecmat(np.zeros(5), TALL), "products", 6 * 3 * 5 * 2),
    "vecdot": (lambda: np.vecdot(TALL, TALL[0]), "products", 6 * 5 * 3 * 2),
    "tensordot": (lambda: np.tensordot(TALL, WIDE, (2, 1)), "products", 30 * 24 * 3 * 2),
    "einsum": (lambda: np.einsum("rij, rjk -> rik", TALL, WIDE), "products", 6 * 5 * 4 * 3 * 2),
    "dots": (lambda: np.einsum("...ij,j->...i", TALL, np.zeros(3)), "products", 6 * 5 * 3 * 2),
    "solve": (lambda: np.linalg.solve(SQUARE, WIDE), "solves", 6 * (18 + 2 * 9 * 4)),
    "one side": (lambda: np.linalg.solve(SQUARE, np.zeros(3)), "solves", 6 * (18 + 2 * 9)),
    "by syrk": (lambda: routines().add_gram(TALL[0], np.zeros((3, 3))), "products", 3 * 3 * 5),
    "by Cholesky": (
        lambda: routines().solve_positive(np.eye(3), np.ones((2, 3))),
        "solves",
        9 + 2 * 9 * 2,
    ),
    "a triangle": (lambda: np.linalg.qr(TALL, mode="r"), "solves", 6 * 2 * 9 * (5 - 1)),
    "and a basis": (lambda: np.linalg.qr(TALL), "solves", 6 * 4 * 9 * (5 - 1)),
    "normals": (lambda: np.random.default_rng(0).standard_normal((3, 4)), "random", 12),
    "into a buffer": (
        lambda: np.random.Generator(np.random.SFC64(0)).standard_normal(out=np.empty(7)),
        "random",
        7,
    ),
    "counts": (lambda: np.random.default_rng(0).multinomial(9, [0.5] * 2, 6), "random", 12),
    "of a spawned stream": (
        lambda: np.random.default_rng(0).spawn(1)[0].standard_gamma(0.5, 5),
        "random",
        5,
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_numbers_and_flops_of_a_call(name):
    call, kind, count = CALLS[name]
    counts = guard.Counts()
    with guard.watching(counts):
        call()
    assert counts.totals == {kind: pytest.approx(count, rel=1e-12)}


def test_a_product_spelt_as_an_operator_is_seen(package):
    counts = guard.Counts()
    features, labels = np.random.default_rng(0).standard_normal((2, 4, 3, 8))
    with guard.watching(counts):
        package.kernels.least_squares(features, labels[..., 0])
    # the basis, (8, 3), times the solution in its coordinates
    assert counts.totals["products"] == 4 * 8 * 3 * 2


def test_nothing_is_watched_afterwards():
    before = (np.matmul, np.linalg.solve, np.random.Generator, np.random.default_rng)
    with guard.watching(guard.Counts()):
        assert np.matmul is not before[0]
    assert (np.matmul, np.linalg.solve, np.random.Generator, np.random.default_rng) == before


def test_the_line_to_commit_is_the_budget():
    found = guard.Work(3230.4, 144_029.2, 0.0, 20.61)
    line = guard.line(WORKLOADS["A"], found)
    (budget,) = eval("{" + line + "}", {"Work": guard.Work}).values()
    assert guard.compare(found, budget) == ([], [])
    assert astuple(budget) == (3231, 144_030, 0, 20.6)

"""Plans add up, and say how many workers are of use."""

import pytest

from moetheory.results.planned_runs import MERGE, START, PlannedRun, SimulationPlan


def plan(*chunks, seconds=1.0, memory=100, at_once=10):
    """A plan whose runs have so many chunks of so many seconds."""
    runs = tuple(
        PlannedRun(None, ("dense",), "data", 50 * each, each, seconds * each, memory)
        for each in chunks
    )
    return SimulationPlan(runs, 1000, at_once)


def test_sums():
    both = plan(3, 4, seconds=2.0)
    assert (both.chunks, both.seconds) == (7, 14.0)
    assert both.seconds_with(1) == 14.0
    assert [both.memory_with(workers) for workers in (1, 2, 7, 50)] == [100, 200, 700, 700]


@pytest.mark.parametrize(
    ("chunks", "options", "useful", "limit"),
    [
        ((3, 4), {}, 7, "chunks"),
        ((30,), {"at_once": 4}, 4, "memory"),
        ((10**6,), {"seconds": 30 * MERGE, "at_once": 10**6}, 30, "merging"),
        ((0,), {}, 1, "chunks"),  # all are in the checkpoint
        ((1,), {}, 1, "chunks"),
    ],
)
def test_workers_that_have_something_to_do(chunks, options, useful, limit):
    found = plan(*chunks, **options)
    assert (found.useful_workers, found.limit) == (useful, limit)
    assert found.seconds_with(useful + 5) == found.seconds_with(useful)


def test_seconds_with_workers_are_between_what_could_be_best_and_worst():
    for chunks in (2, 3, 10, 101):
        for workers in (2, 3, 8):
            used = min(workers, chunks, 10)
            rounds = -(-chunks // used)
            took = plan(chunks).seconds_with(workers) - START
            assert chunks / used <= took <= rounds + 0.5
            assert took > 0.75 * rounds


def test_nothing_to_do_takes_no_time():
    assert plan(0).seconds_with(8) == 0.0
    assert plan(0).memory_with(8) == 0


@pytest.mark.parametrize("workers", [0, -1, 1.5, "2", True])
def test_bad_numbers_of_workers(workers):
    for method in (plan(3).seconds_with, plan(3).memory_with):
        with pytest.raises(ValueError, match="workers must be"):
            method(workers)

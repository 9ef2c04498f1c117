"""Campaigns: no more processes than chunks, and no worker that waits between two questions."""

from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event

import numpy as np
import pytest

import moetheory as mt
from moetheory.simulation.questions import Question, answers
from moetheory.simulation.runs import campaign

MODEL = mt.BlockModel.isotropic(16, 4, noise_variance=1.0, signal_energy=16.0)
BOTH = [mt.Dense(), mt.MoE()]
ARGUMENTS = {"rng": 0}


def chunks_of(**options):
    return mt.simulation_plan(BOTH, MODEL, **{**ARGUMENTS, **options}).chunks


@pytest.fixture
def started(monkeypatch):
    """How many processes were asked for."""
    numbers = []

    @contextmanager
    def own_pool(workers):
        numbers.append(workers)
        with ThreadPoolExecutor(2) as threads:
            yield threads

    monkeypatch.setattr(campaign, "own_pool", own_pool)
    return numbers


def simulated(**options):
    return mt.simulate(BOTH, MODEL, **{**ARGUMENTS, **options})


def test_no_more_processes_than_chunks(started):
    chunks = chunks_of(replicates=300_000)
    assert 1 < chunks < 100
    here = simulated(replicates=300_000)
    for workers in (1, chunks - 1, chunks, chunks + 1, 10_000):
        there = simulated(replicates=300_000, executor=workers, memory=2**40)
        np.testing.assert_array_equal(here.means, there.means)
    assert started == [1, chunks - 1, chunks, chunks, chunks]


def test_no_more_processes_than_chunks_that_memory_allows(started):
    plan = mt.simulation_plan(BOTH, MODEL, replicates=300_000, **ARGUMENTS)
    simulated(replicates=300_000, executor=100, memory=2 * plan.runs[0].chunk_memory)
    assert started == [2]


def test_no_more_processes_than_chunks_of_a_part_or_not_in_the_checkpoint(started, tmp_path):
    chunks = chunks_of(replicates=300_000)
    half = chunks_of(replicates=300_000, part=(0, 2))
    path = tmp_path / "run.npz"
    options = {"replicates": 300_000, "executor": 100, "memory": 2**40}
    simulated(**options, part=(0, 2), checkpoint=path)
    simulated(**options, checkpoint=path)
    simulated(**options, checkpoint=path)  # nothing is left to compute
    assert started == [half, chunks - half]


def test_a_target_starts_about_as_many_processes_as_it_takes_chunks(started):
    first = simulated(replicates=200_000)
    sem = float(np.sqrt(np.diagonal(first.covariance)).max())
    found = simulated(target_sem=sem, executor=1000, memory=2**33)
    size = mt.simulation_plan(BOTH, MODEL, replicates=10**6, **ARGUMENTS)
    a_chunk = 10**6 / size.chunks
    took = found.replicates[0] / a_chunk
    assert 0.5 * took <= started[0] + 1 <= 2.0 * took
    simulated(target_sem=10.0, executor=1000, memory=2**33)
    assert started[1:] in ([], [1])  # and none of it begins, as the first chunk is enough


@pytest.mark.parametrize("workers", [0, -1, 10_001, True, 2.0, "2"])
def test_numbers_of_processes_that_cannot_be(started, workers):
    with pytest.raises(ValueError, match=r"^executor must be ") as caught:
        simulated(replicates=10, executor=workers)
    assert caught.value.argument == "executor"
    with pytest.raises(ValueError, match=r"^executor must be "):
        mt.sweep(MODEL, "noise_variance", [1.0], executor=workers)
    assert started == []


class Late(Executor):
    """An executor that computes nothing until so many batches wait, or some time is over."""

    def __init__(self, batches):
        self.batches, self.runs = batches, []
        self.enough, self.threads = Event(), ThreadPoolExecutor(1)

    def submit(self, work, batch):
        self.runs.append(batch.run)
        if len(self.runs) == self.batches:
            self.enough.set()
        return self.threads.submit(self.late, work, batch)

    def late(self, work, batch):
        assert self.enough.wait(5.0), "too few are handed out together"
        return work(batch)


def test_chunks_of_all_questions_are_handed_out_together():
    def questions(executor):
        return [
            Question.of(
                BOTH,
                MODEL.replace(noise_variance=noise),
                samples=40,
                replicates=50,
                rng=seed,
                executor=executor,
            )
            for seed, noise in enumerate((0.5, 1.0, 2.0))
        ]

    here = answers("test", questions(None))
    executor = Late(4)
    with executor.threads:
        there = answers("test", questions(executor))
    # one chunk for dense and one for the experts: four wait at the same time, of two questions
    assert len(set(executor.runs)) == len(executor.runs) == 6
    for one, other in zip(here, there, strict=True):
        np.testing.assert_array_equal(one.means, other.means)
        np.testing.assert_array_equal(one.covariance, other.covariance)
    for seed, each in enumerate(here):
        model = MODEL.replace(noise_variance=(0.5, 1.0, 2.0)[seed])
        alone = mt.simulate(BOTH, model, samples=40, replicates=50, rng=seed)
        np.testing.assert_array_equal(each.means, alone.means)

"""Batches: every chunk once and in order, about as long as they should be, whatever they hold."""

import itertools
import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pytest

import moetheory as mt
from moetheory.simulation.questions import Question
from moetheory.simulation.runs import batches
from moetheory.simulation.runs.batches import LONG, SHORT, Batches, computed

MODEL = mt.BlockModel.isotropic(16, 4, noise_variance=1.0, signal_energy=16.0)
BOTH = [mt.Dense(), mt.MoE()]


@dataclass(frozen=True, eq=False)
class Route:
    cost: int
    chunk_size: int


@dataclass(frozen=True, eq=False)
class Made:
    route: Route


def made(cost=1000):
    return Made(Route(cost, 10))


def test_every_chunk_once_and_in_order():
    one, two = made(), made(5000)
    given = Batches([(one, range(7, 500)), (two, iter([3, 4, 9]))], [493, 3], 4)
    taken: dict[Made, list[int]] = {one: [], two: []}
    for batch in given:
        assert batch.indices
        given.learn(batch, 0.003 * len(batch.indices))
        taken[batch.run] += batch.indices
    assert taken == {one: [*range(7, 500)], two: [3, 4, 9]}


def test_before_one_was_timed_a_batch_leaves_some_for_others():
    sizes = [len(each.indices) for each in Batches([(made(1), range(96))], [96], 4)]
    assert sizes == [3] * 32
    assert len(next(Batches([(made(1), range(3))], [3], 4)).indices) == 1


def test_batches_are_long_while_much_is_left_and_short_at_the_end():
    run, seconds = made(), 0.01
    given, sizes = Batches([(run, range(1000))], [1000], 5), []
    for batch in given:
        given.learn(batch, seconds * len(batch.indices))
        sizes.append(len(batch.indices))
    assert sizes[1] == round(LONG / seconds)
    assert max(sizes) == sizes[0] == sizes[1] == 1000 // 40
    assert sorted(sizes[1:-1], reverse=True) == sizes[1:-1]
    assert sizes[-3] == round(SHORT / seconds)


def test_many_workers_get_longer_batches():
    for in_flight, seconds in ((50, LONG), (1000, 2.0), (5000, 10.0), (10**6, 10.0)):
        given = Batches([(made(), range(10**9))], [10**9], in_flight)
        batch = next(given)
        given.learn(batch, 0.1 * len(batch.indices))
        assert len(next(given).indices) == pytest.approx(seconds / 0.1, abs=1.0)


def test_a_chunk_that_takes_long_is_a_batch():
    given = Batches([(made(), range(9))], [9], 2)
    given.learn(next(given), 30.0)
    assert [len(each.indices) for each in given] == [1] * 8


def test_a_run_that_was_not_timed_is_judged_by_its_cost():
    cheap, dear = made(100), made(1000)
    given = Batches([(cheap, range(1)), (dear, range(1000))], [1, 1000], 1)
    given.learn(next(given), 0.005)
    assert len(next(given).indices) == round(LONG / 0.05)


def test_beyond_what_a_target_should_take_chunks_come_one_by_one():
    given = Batches([(made(), itertools.count())], [40], 2)
    given.learn(next(given), 0.02)
    sizes = [len(each.indices) for each in itertools.islice(given, 60)]
    assert sizes[0] > 1
    assert sizes[-5:] == [1] * 5


def test_a_batch_goes_to_a_process_and_its_tallies_come_back():
    campaign = Question.of(BOTH, MODEL, samples=40, replicates=9000, rng=0).campaign
    run = campaign.runs[1]
    batch = pickle.loads(pickle.dumps(batches.Batch(run, (1, 0))))
    tallies, seconds = computed(batch)
    assert seconds > 0.0
    for index, tally in zip((1, 0), tallies, strict=True):
        assert tally.means.tobytes() == run(index).means.tobytes()


@pytest.mark.parametrize("length", [{"replicates": 500_000}, {"target_sem": 1.2e-3}])
@pytest.mark.parametrize("seconds", [0.0, 0.02, 100.0])
def test_how_many_chunks_are_in_a_batch_changes_no_bit(monkeypatch, length, seconds):
    arguments = {"rng": 3, **length}
    here = mt.simulate(BOTH, MODEL, **arguments)
    monkeypatch.setattr(batches, "LONG", seconds)
    monkeypatch.setattr(batches, "SHORT", seconds)
    sizes = []
    compute = batches.computed

    def noted(batch):
        sizes.append(len(batch.indices))
        return compute(batch)

    monkeypatch.setattr("moetheory.simulation.runs.merging.computed", noted)
    with ThreadPoolExecutor(1) as threads:
        there = mt.simulate(BOTH, MODEL, executor=threads, memory=2**23, **arguments)
    assert len(sizes) > 1
    assert seconds > 0.0 or max(sizes) == 1
    assert seconds < 1.0 or max(sizes) > 1
    for name in ("means", "covariance", "replicates"):
        np.testing.assert_array_equal(getattr(here, name), getattr(there, name))

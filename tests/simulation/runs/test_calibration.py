"""Calibrations find what a chunk takes, in bounded time, by clocks that are made up."""

from dataclasses import dataclass, field

import pytest

import moetheory as mt
from moetheory.simulation.questions import Question
from moetheory.simulation.runs import calibration
from moetheory.simulation.runs.calibration import SECONDS, SLICE, calibrated


@dataclass
class Clock:
    """A clock that work moves on."""

    now: float = 0.0
    pieces: list[int] = field(default_factory=list)

    def perf_counter(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(calibration, "time", made)
    return made


@dataclass(frozen=True, eq=False)
class Route:
    cost: int = 1
    fewest: int = 1


@dataclass(frozen=True, eq=False)
class Other(Route):
    pass


@dataclass(frozen=True, eq=False)
class Made:
    """A run whose chunk of ``size`` replicates takes ``constant + size * each`` seconds."""

    clock: Clock
    size: int
    each: float
    constant: float = 0.0
    first: float = 0.0  # what the first call takes beyond that
    route: Route = Route()

    def replicates_of(self, index):
        return self.size

    def piece(self, replicates):
        began = len(self.clock.pieces)
        self.clock.pieces.append(replicates)
        self.clock.now += self.constant + replicates * self.each + self.first * (began == 0)
        return replicates

    @property
    def chunk(self):
        return self.constant + self.size * self.each


@pytest.mark.parametrize(
    ("size", "each", "constant", "first"),
    [
        (4096, 1e-5, 0.0, 0.3),  # a whole chunk is drawn
        (4096, 1e-5, 0.02, 0.0),
        (16, 0.3, 0.0, 0.1),  # a part of one
        (1000, 0.005, 0.2, 0.0),  # a part, with a constant that must not be multiplied
        (1, 1.0, 0.0, 3.0),  # the first one is not counted
        (1, 20.0, 0.0, 0.0),  # one replicate takes longer than all should
    ],
)
def test_seconds_of_a_chunk(clock, size, each, constant, first):
    run = Made(clock, size, each, constant, first)
    (found,) = calibrated([run])
    assert found.seconds == pytest.approx(run.chunk, rel=1e-9)
    assert max(clock.pieces) <= size
    assert found.pilot == max(clock.pieces)
    assert clock.now <= max(SECONDS * 1.5 + first, 2.1 * (constant + each))


def test_of_many_runs_some_are_measured_and_those_between_are_interpolated(clock):
    runs = [
        Made(clock, 100, (1.0 + place / 99) * 1e-3, route=Route(cost=1 + place % 3))
        for place in range(100)
    ]
    found = calibrated(runs)
    assert clock.now < SECONDS + 3.0 * SLICE
    assert 5 < sum(each.pilot is not None for each in found) < 60
    assert found[0].pilot is not None
    assert found[99].pilot is not None
    of_equal_costs = [Made(clock, 100, (1.0 + place / 99) * 1e-3) for place in range(100)]
    for each, run in zip(calibrated(of_equal_costs), of_equal_costs, strict=True):
        assert each.seconds == pytest.approx(run.chunk, rel=1e-6)


def test_runs_by_different_methods_are_not_mixed(clock):
    slow = [Made(clock, 10, 0.01) for _ in range(3)]
    fast = [Made(clock, 10, 0.0001, route=Other()) for _ in range(3)]
    found = calibrated([slow[0], fast[0], slow[1], fast[1], slow[2], fast[2]])
    assert [each.seconds for each in found] == pytest.approx([0.1, 0.001] * 3)


def test_a_pilot_is_the_begin_of_what_is_drawn():
    model = mt.BlockModel.isotropic(8, 2, noise_variance=1.0, signal_energy=8.0)
    run = Question.of(mt.MoE(), model, samples=40, replicates=500, rng=5).campaign.runs[0]
    (found,) = calibrated([run])
    assert found.pilot is not None
    assert found.pilot.replicates == 500
    assert found.pilot.means.tobytes() == run(0).means.tobytes()

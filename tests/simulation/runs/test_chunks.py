"""Runs end, say what they take, and can be forked beside."""

import math
import os
import signal
import threading

import numpy as np
import pytest

import moetheory as mt
from moetheory.common.errors import ArgumentError
from moetheory.simulation.runs import targets
from moetheory.simulation.runs.targets import MIN_REPLICATES, MOST_FOR_TARGET

MODEL = mt.BlockModel.isotropic(16, 4, noise_variance=1.0, signal_energy=16.0)
BOTH = [mt.Dense(), mt.MoE()]


@pytest.mark.parametrize("target", [5e-324, 1e-320, 1e-100, 1e-9])
@pytest.mark.parametrize("samples", [None, 40])
def test_a_target_without_end_is_refused(target, samples):
    with pytest.raises(ArgumentError, match=r"more than 10\^12; give their number by ") as caught:
        mt.simulate(BOTH, MODEL, samples=samples, target_sem=target, rng=0)
    assert caught.value.argument == "target_sem"


def test_what_it_would_take_is_told_and_the_smallest_target():
    def told(target):
        with pytest.raises(ArgumentError) as caught:
            mt.simulate(mt.MoE(), MODEL, samples=40, target_sem=target, rng=0)
        words = str(caught.value).replace(":", "").split()
        return float(words[6]), int(words[words.index("replicates,") - 1].removeprefix("10^"))

    sem = mt.simulate(mt.MoE(), MODEL, samples=40, replicates=1000, rng=0).sem
    for target in (1e-100, 1e-9):
        least, exponent = told(target)
        assert exponent == pytest.approx(math.log10(1000 * (sem / target) ** 2), abs=0.6)
        assert 1.0 < least / (sem * math.sqrt(1000 / MOST_FOR_TARGET)) < 2.0


def test_the_smallest_target_that_is_told_is_taken(monkeypatch):
    monkeypatch.setattr(targets, "MOST_FOR_TARGET", 10**5)
    with pytest.raises(ArgumentError, match="at least about") as caught:
        mt.simulate(BOTH, MODEL, samples=40, target_sem=1e-9, rng=0)
    least = float(str(caught.value).replace(":", "").split()[6])
    estimates = mt.simulate(BOTH, MODEL, samples=40, target_sem=least, rng=0)
    assert np.all(np.sqrt(np.diagonal(estimates.covariance)) <= least)


def reports(**options):
    """What is reported during a simulation."""
    calls = []
    mt.simulate(
        BOTH, MODEL, samples=40, rng=0, progress=lambda *call: calls.append(call), **options
    )
    return np.array(calls)


@pytest.mark.parametrize(
    "options",
    [
        {"replicates": 50},
        {"replicates": 60_000},
        {"replicates": 60_000, "part": (0, 2)},
        {"replicates": 60_000, "part": (1, 2)},
        {"replicates": 60_000, "part": (0, 12)},  # experts have no chunk in it
        {"target_sem": 1e-3},
        {"target_sem": 10.0},
    ],
)
def test_reports_end_with_all_that_there_is(options):
    calls = reports(**options)
    assert calls.dtype == int
    assert np.all((calls[:, 0] >= 0) & (calls[:, 0] <= calls[:, 1]))
    assert calls[-1, 0] == calls[-1, 1]
    if "target_sem" not in options:
        assert np.all(np.diff(calls[:, 0] / calls[:, 1]) >= 0.0)


def test_before_there_is_a_standard_error_the_total_is_no_wild_guess(monkeypatch):
    monkeypatch.setattr(targets, "MIN_REPLICATES", 10**9)
    calls = []

    class Enough(Exception):  # noqa: N818
        """The first report came."""

    def stop(*call):
        calls.append(call)
        raise Enough

    with pytest.raises(Enough):
        mt.simulate(mt.MoE(), MODEL, samples=40, target_sem=1e-3, rng=0, progress=stop)
    assert calls[0][1] == 10**9
    assert MIN_REPLICATES == 100


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_children_forked_while_threads_simulate_do_not_hang():
    """A small run of tests/benchmarks/forks.py."""

    def answers():
        model = mt.BlockModel.isotropic(16, 4, noise_variance=1.0, signal_energy=16.0)
        return [
            mt.simulate(mt.MoE(gate=mt.Hard()), model, replicates=500, rng=0).mean,
            *mt.simulate(BOTH, model, samples=40, replicates=100, rng=0).means.tolist(),
        ]

    expected, over = answers(), threading.Event()

    def works():
        while not over.is_set():
            answers()

    threads = [threading.Thread(target=works, daemon=True) for _ in range(2)]
    for each in threads:
        each.start()
    try:
        for _ in range(12):
            child = os.fork()
            if child == 0:
                # its default would end the child by a signal, and not the tests
                signal.signal(signal.SIGALRM, signal.SIG_DFL)
                signal.alarm(30)
                os._exit(0 if answers() == expected else 1)
            assert os.waitpid(child, 0)[1] == 0
    finally:
        over.set()
        for each in threads:
            each.join()

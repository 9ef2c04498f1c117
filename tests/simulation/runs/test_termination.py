"""SIGTERM ends a run as it ends any process, but nothing is left behind."""

import signal
import subprocess
import sys
import threading

import pytest

from moetheory.simulation.runs.termination import ends_orderly, signals_wait

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")

SCRIPT = """
import itertools, os, signal, sys
import moetheory as mt

if __name__ == "__main__":
    calls, group = itertools.count(), sys.argv[1] == "group"

    def terminate(done, total):
        if next(calls) == 2:
            (os.killpg if group else os.kill)(0 if group else os.getpid(), signal.SIGTERM)

    model = mt.BlockModel.isotropic(256, 16, noise_variance=1.0, signal_energy=16.0)
    mt.simulate(
        mt.Dense(), model, samples=2000, replicates=10_000, rng=0,
        executor=None if sys.argv[2] == "0" else int(sys.argv[2]),
        checkpoint="run.npz", progress=terminate,
    )
    print("went on")
"""


@pytest.mark.parametrize(("whom", "workers"), [("alone", "2"), ("group", "2"), ("alone", "0")])
def test_it_saves_and_leaks_nothing(tmp_path, whom, workers):
    """Python's resource tracker else writes of leaked semaphores, after the process has ended."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    run = subprocess.run(
        [sys.executable, script, whom, workers],
        capture_output=True,
        text=True,
        timeout=60,
        start_new_session=True,
        cwd=tmp_path,
    )
    assert (run.returncode, run.stdout, run.stderr) == (-signal.SIGTERM, "", "")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["run.npz", "script.py"]


TWICE = """
import os, signal, sys, threading, time
import moetheory as mt

def strike():
    os.killpg(0, signal.SIGINT)
    time.sleep(0.01)
    os.killpg(0, getattr(signal, sys.argv[1]))

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    struck = []

    def begun(done, total):
        if not struck:
            struck.append(threading.Thread(target=strike))
            struck[0].start()

    model = mt.BlockModel.isotropic(64, 4, noise_variance=1.0, signal_energy=64.0)
    try:
        mt.simulate(
            mt.Dense(), model, samples=2000, replicates=10_000, rng=0, executor=2, progress=begun
        )
    except KeyboardInterrupt:
        print("interrupted")
"""


@pytest.mark.parametrize("second", ["SIGINT", "SIGTERM"])
def test_a_second_signal_leaves_no_process_that_waits_for_another(tmp_path, second):
    script = tmp_path / "script.py"
    script.write_text(TWICE)
    run = subprocess.run(
        [sys.executable, script, second],
        capture_output=True,
        text=True,
        timeout=60,
        start_new_session=True,
    )
    assert "leaked" not in run.stderr
    # an interrupt may come while another is handled, at any place
    assert run.returncode in ((0, 1, -signal.SIGINT) if second == "SIGINT" else (-signal.SIGTERM,))


def test_signals_wait_until_a_block_is_over():
    done = []

    def struck():
        with signals_wait():
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
            done.append(1)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            struck()
        assert done == [1]
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_who_handles_it_already_goes_on_doing_so():
    came = []
    before = signal.signal(signal.SIGTERM, lambda *_: came.append(1))
    try:
        with ends_orderly():
            signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert came == [1]


def test_afterwards_it_is_as_before():
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    with ends_orderly():
        assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_other_threads_leave_it_alone():
    seen = []

    def works():
        with ends_orderly():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=works)
    thread.start()
    thread.join()
    assert seen == [signal.SIG_DFL]

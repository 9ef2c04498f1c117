"""Chunks here or by any executor: all of them, no more than asked for, and a clean end."""

import itertools
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import BrokenExecutor, Executor, Future
from concurrent.futures import ThreadPoolExecutor as Threads
from contextlib import closing
from functools import partial

import numpy as np
import pytest

from moetheory.common.errors import ExecutorError
from moetheory.simulation.methods.tally import Tally
from moetheory.simulation.runs.execution import carry_out, own_pool

# processes must be able to import what they run: signal.raise_signal(0) does nothing, of 9 kills
TALLY = partial(
    Tally,
    means=np.array([0.1, -0.0]),
    comoments=np.array([[1 / 3, np.inf], [np.nan, 1e-310]]),
    group_counts=np.array([3, 4]),
    group_means=np.eye(2),
    values=np.empty((2, 0)),
    variance_spread=np.array([0.5, 0.0]),
)


@pytest.fixture(scope="module")
def ours():
    with own_pool(2) as pool:
        yield pool


@pytest.fixture(params=["here", "threads", "pool", "ours"])
def executor(request):
    if request.param == "here":
        yield None
    elif request.param == "threads":
        with Threads(2) as pool:
            yield pool
    else:
        yield request.getfixturevalue(request.param)


class Held(Executor):
    """An executor that does nothing; the test settles its futures."""

    def __init__(self, settle=lambda futures: None):
        self.futures, self.settle = [], settle

    def submit(self, fn, /, *args, **kwargs):
        self.futures.append(Future())
        self.settle(self.futures)
        return self.futures[-1]


def first_done(futures):
    if len(futures) == 1:
        futures[0].set_result("first")


def test_every_index_with_its_result(executor):
    results = list(carry_out(TALLY, range(1, 12), executor, 3))
    assert sorted(index for index, _ in results) == list(range(1, 12))
    for index, tally in results:
        assert pickle.dumps(vars(tally)) == pickle.dumps(vars(TALLY(index)))


def test_no_indices_no_results(executor):
    assert list(carry_out(abs, [], executor, 3)) == []


def test_endless_indices(executor):
    with closing(carry_out(abs, itertools.count(), executor, 3)) as results:
        taken = dict(itertools.islice(results, 20))
    assert taken == {index: index for index in taken}
    assert max(taken) < 23


def test_without_an_executor_each_when_it_is_asked_for():
    done = []
    results = carry_out(done.append, itertools.count(), None, 5)
    assert done == []
    assert [next(results)[0] for _ in range(3)] == [0, 1, 2]
    assert done == [0, 1, 2]


@pytest.mark.parametrize("in_flight", [1, 3])
def test_never_more_in_flight_than_allowed(in_flight):
    taken, yielded, seen = itertools.count(), 0, []

    def settle(futures):
        seen.append(len(futures) - yielded)
        if seen[-1] == in_flight:
            futures[yielded].set_result(None)  # the oldest

    executor = Held(settle)
    with closing(carry_out(abs, taken, executor, in_flight)) as results:
        for _ in range(20):
            next(results)
            yielded += 1
    assert max(seen) == in_flight
    assert next(taken) == len(executor.futures) == 19 + in_flight


def test_results_in_the_order_in_which_they_are_done():
    executor = Held(first_done)
    results = carry_out(abs, range(5), executor, 5)
    assert next(results) == (0, "first")
    for index in (3, 1, 4, 2):
        executor.futures[index].set_result(-index)
    assert list(results) == [(3, -3), (1, -1), (4, -4), (2, -2)]


def cancelled(futures):
    return [future.cancelled() for future in futures]


def test_closing_cancels_what_has_not_begun():
    executor = Held(first_done)
    results = carry_out(abs, itertools.count(), executor, 4)
    assert next(results) == (0, "first")
    results.close()
    assert cancelled(executor.futures) == [False, True, True, True]


def test_a_failure_cancels_the_others_and_comes_through():
    def fail(futures):
        if len(futures) == 4:
            futures[1].set_exception(RuntimeError("mine"))

    executor = Held(fail)
    with pytest.raises(RuntimeError, match=r"^mine$") as caught:
        list(carry_out(abs, itertools.count(), executor, 4))
    assert not isinstance(caught.value, ExecutorError)
    assert cancelled(executor.futures) == [True, False, True, True]


def test_an_error_in_a_worker_comes_through(executor):
    with pytest.raises(ZeroDivisionError):
        list(carry_out(partial(divmod, 1), [3, 2, 1, 0, 1], executor, 2))
    assert executor is None or executor.submit(abs, -1).result() == 1


def test_ctrl_c_in_the_consumer_cancels():
    executor = Held(first_done)

    def consume():
        with closing(carry_out(abs, itertools.count(), executor, 4)) as results:
            for _ in results:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        consume()
    assert cancelled(executor.futures) == [False, True, True, True]


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="needs POSIX signals")
@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_while_waiting_cancels():
    class Interrupting(Future):
        def add_done_callback(self, fn):
            super().add_done_callback(fn)
            main = threading.main_thread().ident
            threading.Thread(target=signal.pthread_kill, args=(main, signal.SIGINT)).start()

    class Waiting(Executor):
        def submit(self, fn, /, *args, **kwargs):
            return future

    future = Interrupting()
    with pytest.raises(KeyboardInterrupt):
        list(carry_out(abs, [0], Waiting(), 1))
    assert future.cancelled()


def test_the_executor_is_left_as_it_was(pool):
    with closing(carry_out(abs, itertools.count(), pool, 6)) as results:
        next(results)
    assert pool.submit(abs, -7).result() == 7


def test_an_executor_shut_down_midway():
    executor = Threads(1)
    results = carry_out(abs, itertools.count(), executor, 2)
    got = [next(results)]
    executor.shutdown()  # when it returns both are done
    with pytest.raises(ExecutorError, match=r"ThreadPoolExecutor takes no more work .*shutdown"):
        got.extend(results)
    assert got == [(0, 0), (1, 1)]


def test_work_that_somebody_else_cancelled():
    executor = Held(first_done)
    results = carry_out(abs, itertools.count(), executor, 3)
    next(results)
    executor.futures[1].cancel()
    with pytest.raises(ExecutorError, match="Held cancelled a chunk"):
        next(results)


def test_an_executor_that_breaks_loses_nothing_that_was_done():
    executor = Held(first_done)
    results = carry_out(abs, range(4), executor, 4)
    assert next(results) == (0, "first")
    executor.futures[2].set_result("second")
    executor.futures[1].set_exception(BrokenExecutor("why"))
    assert next(results) == (2, "second")
    with pytest.raises(ExecutorError, match=r"^the executor Held broke \(why\)$"):
        next(results)
    # to cancel what it is about to fail would kill the thread of Python's own pool that does it
    assert cancelled(executor.futures) == [False] * 4


def test_an_executor_that_is_found_broken_loses_nothing_that_was_done():
    def breaks(futures):
        first_done(futures)
        if len(futures) > 3:
            raise BrokenExecutor("why")

    executor = Held(breaks)
    results = carry_out(abs, itertools.count(), executor, 3)
    assert next(results) == (0, "first")
    executor.futures[2].set_result("second")
    executor.futures[1].set_result("third")
    assert [next(results), next(results)] == [(2, "second"), (1, "third")]
    with pytest.raises(ExecutorError, match=r"^the executor Held broke \(why\)$"):
        next(results)


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
@pytest.mark.parametrize(
    ("number", "said"),
    [(9, "was killed by SIGKILL, as .* memory"), (11, "by SIGSEGV"), (15, "by SIGTERM")],
)
def test_a_killed_worker_is_an_executor_error_that_says_so(number, said):
    with own_pool(2) as pool, pytest.raises(ExecutorError, match=said) as caught:
        list(carry_out(signal.raise_signal, [0, 0, 0, number, *[0] * 50], pool, 4))
    assert "__main__" not in str(caught.value)


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
def test_our_pool_breaks_in_peace_where_work_was_cancelled():
    """Ctrl-C and SIGTERM may reach the workers while this process cancels what has not begun."""
    before = set(multiprocessing.active_children())
    with own_pool(1) as pool:
        futures = [pool.submit(time.sleep, 0.2), *(pool.submit(abs, 1) for _ in range(9))]
        futures[0].result()
        last = pool.submit(signal.raise_signal, 9)
        others = [pool.submit(abs, 1) for _ in range(9)]
        assert others[-1].cancel()
        with pytest.raises(BrokenExecutor):
            last.result()
    assert set(multiprocessing.active_children()) == before


def test_our_pool_is_gone_when_the_block_ends():
    before = set(multiprocessing.active_children())
    with own_pool(2) as pool:
        with closing(carry_out(time.sleep, [0, *[0.1] * 99], pool, 4)) as results:
            assert next(results) == (0, None)
        assert set(multiprocessing.active_children()) > before
    assert set(multiprocessing.active_children()) == before
    with pytest.raises(RuntimeError, match="shutdown"):
        pool.submit(abs, 1)


# The workers hold the script's stdout, so that the end of that is the end of the last of them.
# They say "go" when they are starting, or busy in BLAS, which cannot be interrupted.
SCRIPT = """
import signal, sys
if __name__ == "__mp_main__" and sys.argv[1] == "starting":
    sys.stdout.write("go\\n")
    sys.stdout.flush()
import numpy as np
from moetheory.simulation.runs.execution import carry_out, own_pool

def busy(index):
    a = np.eye(800)
    if sys.argv[1] == "busy":
        sys.stdout.write("go\\n")
        sys.stdout.flush()
    np.linalg.solve(a, a)

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with own_pool(2) as pool:
        list(carry_out(busy, range(999), pool, 4))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
@pytest.mark.parametrize("how", ["ctrl-c", "kill"])
@pytest.mark.parametrize("when", ["starting", "busy"])
def test_no_worker_outlives_its_parent(tmp_path, how, when):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    with subprocess.Popen(
        [sys.executable, script, when],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "2"},
    ) as parent:
        assert parent.stdout.readline() == "go\n"
        if how == "ctrl-c":  # a terminal signals all processes
            os.killpg(parent.pid, signal.SIGINT)
        else:
            parent.kill()
        try:
            _, err = parent.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            os.killpg(parent.pid, signal.SIGKILL)
            raise
    if how == "ctrl-c":
        assert err.count("Traceback") == 1, err
        assert err.endswith("KeyboardInterrupt\n")


# It interrupts itself and its workers, as a terminal does.
IGNORING = """
import os, signal
from moetheory.simulation.runs.execution import carry_out, own_pool

if __name__ == "__main__":
    with own_pool(2) as pool:
        for _ in carry_out(abs, range(9), pool, 4):
            os.killpg(0, signal.SIGINT)
    print("done")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_an_interrupt_that_is_ignored_stays_ignored(tmp_path):
    """Under nohup the work goes on to its end."""
    script = tmp_path / "script.py"
    script.write_text(IGNORING)
    run = subprocess.run(
        ["sh", "-c", """trap '' INT; exec "$0" "$1" """, sys.executable, script],
        capture_output=True,
        text=True,
        timeout=60,
        start_new_session=True,
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, "done\n", "")


STARTING = (
    "from moetheory.simulation.runs.execution import carry_out, own_pool\n"
    "with own_pool(1) as pool:\n"
    "    list(carry_out(abs, [1], pool, 1))\n"
)


def last_line(command, **options):
    """The last line of what a command that fails writes to stderr: its error."""
    run = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, timeout=60, **options
    )
    assert run.returncode == 1
    line = run.stderr.rstrip().splitlines()[-1]
    assert line.startswith("moetheory.common.errors.ExecutorError:"), run.stderr
    return line


def test_a_script_without_a_guard_is_told(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(STARTING)
    assert 'must do so under `if __name__ == "__main__":`' in last_line([script])


def test_a_script_with_a_guard_whose_processes_fail_is_not_told_of_it(tmp_path):
    script = tmp_path / "script.py"
    body = STARTING.replace("\n", "\n    ")
    script.write_text(f'if __name__ == "__main__":\n    {body}\nelse:\n    raise SystemExit(3)\n')
    line = last_line([script])
    assert "a worker process ended with exit code 3: what it wrote to stderr says why" in line


def test_a_script_from_stdin_is_told_to_be_saved(tmp_path):
    line = last_line(["-"], input=STARTING, cwd=tmp_path)
    assert "<stdin> is no file: save the script in one, or leave executor out here" in line


def test_code_without_a_script_can_start_processes():
    subprocess.run([sys.executable, "-c", STARTING], check=True, timeout=60)


def start_in_a_worker(kind):
    """What an error says in a process that may not start others."""
    from concurrent.futures import ProcessPoolExecutor

    try:
        with own_pool(1) if kind == "ours" else ProcessPoolExecutor(1) as pool:
            list(carry_out(abs, [1], pool, 1))
    except ExecutorError as error:
        return str(error)
    return "started"


@pytest.mark.parametrize("kind", ["ours", "Python's"])
def test_a_daemonic_process_is_told_what_it_is(kind):
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        said = pool.apply(start_in_a_worker, (kind,))
    assert "a daemonic process may not start processes, and SpawnPoolWorker-" in said
    assert "leave executor out here, or give one of threads" in said
    assert "__main__" not in said


def test_a_worker_of_joblib_is_told_what_it_is(monkeypatch):
    monkeypatch.setattr(multiprocessing, "get_start_method", lambda **_: "loky")
    with pytest.raises(ExecutorError, match="a worker of joblib may not start processes"):
        own_pool(1).__enter__()

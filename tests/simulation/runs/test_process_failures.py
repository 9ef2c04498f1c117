"""What is said of processes that fail; tests of whole scripts are those of `execution`."""

import sys
from types import ModuleType

import pytest

from moetheory.simulation.runs.process_failures import GUARD, why_it_broke, why_none_can_start


@pytest.fixture
def script(monkeypatch, tmp_path):
    """A function that makes a file the script of this process."""

    def make(content):
        main = ModuleType("__main__")
        main.__file__ = str(tmp_path / "script.py")
        (tmp_path / "script.py").write_text(content)
        monkeypatch.setitem(sys.modules, "__main__", main)

    return make


def broken(code):
    """A pool with a process that ended so, and one that the pool ended."""
    from concurrent.futures import ProcessPoolExecutor
    from types import SimpleNamespace

    pool = ProcessPoolExecutor(1)
    pool._processes = {1: SimpleNamespace(exitcode=-15), 2: SimpleNamespace(exitcode=code)}
    return pool


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("import moetheory\n", True),
        ('if __name__ == "__main__":\n    pass\n', False),
        ('if "__main__" == __name__:\n    pass\n', False),
        ("this is no Python\n", False),
    ],
)
def test_the_guard_is_advised_where_it_is_missing(script, content, told):
    script(content)
    assert (why_it_broke(broken(1)) == GUARD) is told
    assert why_it_broke(broken(3)) != GUARD


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (-9, "killed by SIGKILL"),
        (-6, "ended by SIGABRT"),
        (-15, "ended by SIGTERM"),
        (-63, "ended by "),
        (-200, "ended by signal 200"),
        (77, "exit code 77"),
    ],
)
def test_the_end_of_a_process_is_told(code, said):
    assert said in why_it_broke(broken(code))


def test_nothing_is_known_of_other_executors():
    assert why_it_broke(object()) is None


def test_a_script_that_is_there_can_start_processes(script):
    script("")
    assert why_none_can_start() is None

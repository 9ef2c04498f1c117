"""Why processes cannot be started, or what ended them: as far as it can be known."""

from __future__ import annotations

import ast
import multiprocessing
import os
import signal
import sys
import time
from concurrent.futures import Executor, ProcessPoolExecutor
from multiprocessing import process
from pathlib import Path

GUARD = 'a script that starts processes must do so under `if __name__ == "__main__":`'
NOT_HERE = "leave executor out here, or give one of threads"
PATIENCE = 2.0  # seconds for a pool that broke to end its processes


def why_none_can_start() -> str | None:
    """Why this process cannot start others that import its script; None if it can."""
    this = multiprocessing.current_process()
    if this.daemon:
        return (
            f"a daemonic process may not start processes, and {this.name} is one, "
            f"like the workers of multiprocessing.Pool: {NOT_HERE}"
        )
    if getattr(this, "_inheriting", False):  # it imports the script that started it
        return GUARD
    method = multiprocessing.get_start_method(allow_none=True)
    if method not in (None, *multiprocessing.get_all_start_methods()):
        return f"a worker of joblib may not start processes ({this.name} is one): {NOT_HERE}"
    script = _script()
    if script is not None and not script.exists():
        return (
            f"processes import the script that starts them, and {script.name} is no file: "
            f"save the script in one, or {NOT_HERE}"
        )
    return None


def why_it_broke(executor: Executor) -> str | None:
    """What ended a process of a broken pool, and what to do; None for an executor of others."""
    if not isinstance(executor, ProcessPoolExecutor):
        return None
    codes = _exit_codes(executor)
    # the pool itself ends the others by SIGTERM
    code = next((each for each in codes if each not in (0, -signal.SIGTERM)), None)
    if code is None:
        ended = -signal.SIGTERM in codes
        return "a worker process was ended by SIGTERM" if ended else "a worker process ended"
    if code == -getattr(signal, "SIGKILL", 9):
        return (
            "a worker process was killed by SIGKILL, as systems do with one that takes too much "
            "memory: give less memory or fewer workers"
        )
    if code < 0:
        return f"a worker process was ended by {_signal_name(-code)}"
    if code == 1 and _lacks_guard():
        return GUARD
    return f"a worker process ended with exit code {code}: what it wrote to stderr says why"


def _exit_codes(pool: ProcessPoolExecutor) -> list[int]:
    """The exit codes of the processes of a pool that broke and therefore ends them."""
    processes = list((getattr(pool, "_processes", None) or {}).values())
    codes = [each.exitcode for each in processes]
    end = time.monotonic() + PATIENCE
    # a thread of the pool asks for them too, and whoever is second learns them from the first
    while None in codes and time.monotonic() < end:
        time.sleep(0.01)
        codes = [each.exitcode for each in processes]
    return [code for code in codes if code is not None]


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _script() -> Path | None:
    """The file that a process would import as the script of this one; None if there is none."""
    main = sys.modules["__main__"]
    name = getattr(main, "__file__", None)
    if name is None or getattr(main, "__spec__", None) is not None:
        return None
    path = Path(getattr(process, "ORIGINAL_DIR", None) or os.curdir) / name
    return None if path.stem == "ipython" else path


def _lacks_guard() -> bool:
    """Whether the script of this process does not ask for its own name."""
    script = _script()
    try:
        tree = None if script is None else ast.parse(script.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return False
    if tree is None:
        return False
    return not any(isinstance(node, ast.Name) and node.id == "__name__" for node in ast.walk(tree))

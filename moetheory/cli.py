"""The command line: signals, exit codes and one-line errors."""

from __future__ import annotations

import os
import signal
import sys

TYPE_CHECKING = False  # an import takes a moment; all but these three are under `_Signals`
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

USAGE, INTERNAL, WORKERS, INTERRUPTED, BROKEN_PIPE, TERMINATED = 2, 70, 71, 130, 141, 143


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Without ``arguments``, those of the process are run, and its signals are answered: an interrupt
    ends it with a line and no traceback even while modules load, and SIGTERM ends it in order.
    With ``arguments`` the signals remain the caller's.
    """
    if arguments is not None:
        return _run(arguments)
    with _Signals() as signals:
        signals.code = _run(sys.argv[1:], signals)
    return signals.code


class _Signals:
    """The signals of the process: what SIGINT and SIGTERM do before, during and after the work."""

    def __init__(self) -> None:
        self.interrupted = False
        self.code = INTERNAL  # of the exit, until it is known

    def __enter__(self) -> _Signals:
        # nohup and shells' & have it ignored, which stays
        self.answered = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if self.answered:
            # there is nothing to be undone yet, and an exception could be lost in an import
            signal.signal(signal.SIGINT, _leave)
        return self

    def loaded(self) -> None:
        """Answer by exceptions from now on, so that work that has begun is ended in order."""
        if self.answered:
            signal.signal(signal.SIGINT, self._interrupt)
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, _terminate)

    def _interrupt(self, *_: object) -> None:
        self.interrupted = True
        raise KeyboardInterrupt

    def __exit__(self, *_: object) -> None:
        if self.answered:
            signal.signal(signal.SIGINT, self._leave_now)

    def _leave_now(self, *_: object) -> None:
        os._exit(self.code)  # all is done and printed; the interpreter alone is not at its end


def _leave(_: int, __: FrameType | None) -> None:
    os.write(2, b"moetheory: interrupted\n")
    os._exit(INTERRUPTED)


def _terminate(_: int, __: FrameType | None) -> None:
    os.write(2, b"moetheory: terminated\n")
    raise SystemExit(TERMINATED)


def _run(arguments: Sequence[str], signals: _Signals | None = None) -> int:
    """Run the command line; every error becomes a line and an exit code."""
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115, PTH123 - closed by the caller
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115, PTH123
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        import traceback

        from moetheory.commands import BadInputError
        from moetheory.commands.parser import parser
        from moetheory.common.errors import ExecutorError
        from moetheory.common.escapes import printable
        from moetheory.common.terminal import note
    except KeyboardInterrupt:
        print("moetheory: interrupted", file=sys.stderr)
        return INTERRUPTED
    if signals is not None:
        signals.loaded()
    try:
        try:
            options = parser().parse_args(arguments)
        except SystemExit as stop:
            sys.stdout.flush()
            return int(stop.code or 0)
        options.arguments = tuple(arguments)
        options.alone = signals is not None  # in a process of its own, which may start others
        code = int(options.run(options))
        sys.stdout.flush()
        return code
    except BadInputError as error:
        note(f"moetheory: error: {error}")
        return USAGE
    except MemoryError:
        note("moetheory: error: model or samples do not fit into memory")
        return USAGE
    except ExecutorError as error:
        note(f"moetheory: error: {error}")
        return WORKERS
    except KeyboardInterrupt as interrupt:  # commands may add what is left of their work
        note(f"moetheory: {'; '.join(filter(None, ('interrupted', *interrupt.args)))}")
        return INTERRUPTED
    except BrokenPipeError:
        # the reader has gone; keep the interpreter from complaining when it flushes at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except OSError as error:  # a full disk behind the standard output, say
        note(f"moetheory: error: cannot write: {error.strerror or error}")
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123 - or the exit would try again
        return USAGE
    except Exception:
        if signals is not None and signals.interrupted:  # and lost in an import of a library
            note("moetheory: interrupted")
            return INTERRUPTED
        print(printable(traceback.format_exc()), end="", file=sys.stderr)
        note("moetheory: internal error (the lines above say where)")
        return INTERNAL

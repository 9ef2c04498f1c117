"""The command line: the parser of ``moetheory``, its exit codes and one-line errors."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn

from moetheory.commands import COMMANDS, BadInputError
from moetheory.common.errors import ExecutorError
from moetheory.common.version import __version__

USAGE, INTERNAL, WORKERS, INTERRUPTED, BROKEN_PIPE = 2, 70, 71, 130, 141
_EXIT_CODES = (
    "exit code: 0 all hold, 1 a theorem is violated, 2 bad usage, "
    "3 inconclusive, assumptions not met or not evaluated, 70 internal error, "
    "71 a worker process died, 130 interrupted, 141 the output pipe was closed"
)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"{self.prog}: error: {_one_line(message)} (see {self.prog} --help)\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115, PTH123 - closed by the caller
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        try:
            options = _parser().parse_args(arguments)
        except SystemExit as stop:
            sys.stdout.flush()
            return int(stop.code or 0)
        code = int(options.run(options))
        sys.stdout.flush()
        return code
    except BadInputError as error:
        print(f"moetheory: error: {_one_line(error)}", file=sys.stderr)
        return USAGE
    except MemoryError:
        print("moetheory: error: model or samples do not fit into memory", file=sys.stderr)
        return USAGE
    except ExecutorError as error:
        print(f"moetheory: error: {_one_line(error)}", file=sys.stderr)
        return WORKERS
    except KeyboardInterrupt as interrupt:  # commands may add what is left of their work
        parts = filter(None, ("interrupted", *interrupt.args))
        print(f"moetheory: {_one_line('; '.join(parts))}", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # the reader has gone; keep the interpreter from complaining when it flushes at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except OSError as error:  # a full disk behind the standard output, say
        print(f"moetheory: error: cannot write: {error.strerror}", file=sys.stderr)
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123 - or the exit would try again
        return USAGE
    except Exception:
        traceback.print_exc()
        print("moetheory: internal error (the lines above say where)", file=sys.stderr)
        return INTERNAL


def _one_line(message: object) -> str:
    return str(message).replace("\n", "\\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="moetheory",
        description="Mixtures of experts under feature noise: theory, proof and simulation.",
        epilog=_EXIT_CODES,
    )
    parser.add_argument("--version", action="version", version=f"moetheory {__version__}")
    commands = parser.add_subparsers(metavar="command", required=True)
    for command in COMMANDS:
        sub = commands.add_parser(
            command.name, help=command.summary, description=command.summary, epilog=_EXIT_CODES
        )
        command.add_options(sub)
        sub.set_defaults(run=command.run)
    return parser

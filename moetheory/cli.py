"""The command line: ``moetheory check``, ``risk`` and ``sweep``."""

from __future__ import annotations

import argparse
import math
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from moetheory import __version__
from moetheory.commands import (
    FIGURES,
    TEST_SAMPLES,
    TRAINING_SETS,
    BadInputError,
    run_check,
    run_risk,
    run_sweep,
)
from moetheory.theorems import catalogue

USAGE, INTERNAL, INTERRUPTED, BROKEN_PIPE = 2, 70, 130, 141
_EXIT_CODES = (
    "exit code: 0 all hold, 1 a theorem is violated, 2 bad usage, "
    "3 inconclusive or assumptions not met, 70 internal error, 130 interrupted, "
    "141 the reader of the output has gone"
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
    except KeyboardInterrupt:
        print("moetheory: interrupted", file=sys.stderr)
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


def _numbers(text: str) -> list[float]:
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = []
    if not values or not all(map(math.isfinite, values)):
        raise argparse.ArgumentTypeError(f"must be numbers separated by commas, got {text!r}")
    return values


def _samples(text: str) -> int | list[int]:
    try:
        counts = [int(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"must be an integer, or one for each group separated by commas, got {text!r}"
        ) from None
    return counts[0] if len(counts) == 1 else counts


def _at_least(minimum: int) -> Callable[[str], int]:
    def integer(text: str) -> int:
        value = int(text)
        if value < minimum:
            raise argparse.ArgumentTypeError(f"must be at least {minimum}, got {value}")
        return value

    return integer


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="moetheory",
        description="Mixtures of experts under feature noise: theory, proof and simulation.",
        epilog=_EXIT_CODES,
    )
    parser.add_argument("--version", action="version", version=f"moetheory {__version__}")
    commands = parser.add_subparsers(metavar="command", required=True)

    def command(name: str, run: Callable[[argparse.Namespace], int], text: str) -> Any:
        sub = commands.add_parser(name, help=text, description=text, epilog=_EXIT_CODES)
        sub.set_defaults(run=run)
        return sub

    sub = command("check", run_check, "hold theorems against their proof and against simulation")
    sub.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(catalogue)}; all if none is given"
    )
    _add_model(sub, "each theorem's own example if none of these is given")
    sub.add_argument(
        "--replicates",
        type=_at_least(2),
        metavar="N",
        help="test samples for each simulated model (default: what a power of 1%% needs)",
    )
    sub.add_argument(
        "--negative-control",
        action="store_true",
        help="check wrong variants of the claims instead: they must come out violated",
    )
    _add_output(sub)

    sub = command("risk", run_risk, "print the risks of dense and mixture of experts for a model")
    _add_model(sub, "an iso-parameter model unless --model is given")
    sub.add_argument("--ridge", type=float, default=0.0, metavar="MU", help="default 0")
    _add_samples(sub, "expected risks after fitting on N training samples")
    sub.add_argument("--json", action="store_true", help="JSON instead of a table")

    sub = command("sweep", run_sweep, "tabulate risks over one quantity, as CSV and as a figure")
    sub.add_argument(
        "--over",
        choices=("experts", "noise_variance", "samples"),
        default="experts",
        help="default experts; samples is the size of the training sets",
    )
    sub.add_argument(
        "--values",
        type=_numbers,
        metavar="A,B,...",
        help="default: all K that divide dim; noise from 1/100 to 100 times the model's; "
        "samples from D/8 to 8 D, denser around the interpolation thresholds",
    )
    _add_model(sub, "an iso-parameter model unless --model is given")
    _add_samples(sub, "estimators fitted on N training samples, not with --over samples")
    sub.add_argument(
        "--replicates",
        type=_at_least(0),
        metavar="N",
        help=f"for each simulated point, 0 for none (default {TEST_SAMPLES} test samples; where "
        f"estimators are fitted {TRAINING_SETS[1]} training sets, fewer for larger D down to "
        f"{TRAINING_SETS[0]}: about 10 seconds for the default model)",
    )
    sub.add_argument("--csv", type=Path, metavar="FILE", help="write the CSV there, not to stdout")
    sub.add_argument("--figure", type=Path, metavar="FILE", help=f"draw it ({', '.join(FIGURES)})")
    _add_output(sub)
    return parser


def _add_model(parser: argparse.ArgumentParser, text: str) -> None:
    group = parser.add_argument_group("model", text)
    group.add_argument("--model", metavar="FILE.json", help="as written by BlockModel.to_json")
    group.add_argument("--dim", type=int, metavar="D", help="coordinates (256)")
    group.add_argument(
        "--experts",
        type=int,
        metavar="K",
        help="experts, dividing D (the largest up to 16 that does)",
    )
    for name, metavar, text in (
        ("noise-variance", "S2", "feature noise variance, not its square root (1)"),
        ("signal-energy", "S", "clean energy of a sample (D)"),
        ("label-power", "V", "clean label power (1)"),
        ("decay", "A", "eigenvalues of a block fall like rank^-A (0)"),
        ("leakage-variances", "NU", "variance of a coordinate off its block (0)"),
        ("label-noise-variance", "W2", "label noise variance (0)"),
    ):
        group.add_argument(f"--{name}", type=float, metavar=metavar, help=text)


def _add_samples(parser: argparse.ArgumentParser, text: str) -> None:
    parser.add_argument(
        "--samples",
        type=_samples,
        metavar="N",
        help=f"{text}; N1,...,NK: the samples of each group (default: infinitely many)",
    )


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=_at_least(0), metavar="N", help="replays a run")
    parser.add_argument("--json", action="store_true", help="JSON instead of text")

"""The command line: ``moetheory check``, ``risk`` and ``sweep``."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from moetheory import __version__, reporting
from moetheory.checking import check
from moetheory.estimators import Dense, MoE
from moetheory.evaluation import gap, moe_bound, risk
from moetheory.model import BlockModel
from moetheory.simulation.seeding import entropy_of
from moetheory.sweeping import sweep
from moetheory.theorems import catalogue
from moetheory.verdicts import Verdict

HOLDS, VIOLATED, USAGE, UNDECIDED, INTERNAL, INTERRUPTED, BROKEN_PIPE = 0, 1, 2, 3, 70, 130, 141
_FIGURES = (".png", ".pdf", ".svg")
_EXIT_CODES = (
    "exit code: 0 all hold, 1 a theorem is violated, 2 bad usage, "
    "3 inconclusive or assumptions not met, 70 internal error, 130 interrupted"
)


class _BadInput(Exception):
    """Something the user gave cannot be used; the message is one line."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"{self.prog}: error: {message} (see {self.prog} --help)\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        try:
            options = _parser().parse_args(arguments)
        except SystemExit as stop:
            return int(stop.code or 0)
        code = int(options.run(options))
        sys.stdout.flush()
        return code
    except _BadInput as error:
        print(f"moetheory: error: {error}", file=sys.stderr)
        return USAGE
    except KeyboardInterrupt:
        print("moetheory: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # the reader has gone; keep the interpreter from complaining when it flushes at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except Exception:
        traceback.print_exc()
        print("moetheory: internal error (the lines above say where)", file=sys.stderr)
        return INTERNAL


# --- commands ---------------------------------------------------------------------------------


def _check(options: argparse.Namespace) -> int:
    names = options.names or list(catalogue)
    theorems = [_theorem(name) for name in dict.fromkeys(names)]
    if options.negative_control:
        theorems = [theorem.negative_control for theorem in theorems]
    model = _model(options, needed=False)
    entropy = entropy_of(options.seed)
    verdicts: list[Verdict] = []
    for theorem in theorems:
        with _Progress(f"check {theorem.name}") as progress:
            verdicts.append(
                check(
                    theorem,
                    model,
                    replicates=options.replicates,
                    rng=entropy,
                    level=1e-6 / len(theorems),
                    progress=progress,
                )
            )
    if options.json:
        print(reporting.document("check", verdicts, entropy=entropy))
    else:
        print(reporting.check_report(verdicts, _width()))
    statuses = {verdict.status for verdict in verdicts}
    if "violated" in statuses:
        return VIOLATED
    return HOLDS if statuses == {"holds"} else UNDECIDED


def _risk(options: argparse.Namespace) -> int:
    model = _model(options, needed=True)
    assert model is not None
    results = {}
    try:
        estimators = (Dense(ridge=options.ridge), MoE(ridge=options.ridge))
    except ValueError as error:
        raise _BadInput(error) from None
    for estimator in estimators:
        theory, parameters = risk(estimator, model), estimator.parameters(model)
        results[estimator.label] = {
            "risk": theory.value,
            "excess": theory.excess,
            "per_group": theory.per_group,
            "exactness": theory.exactness,
            "parameters": parameters.total,
            "active": parameters.active,
        }
    extra = {"null_risk": model.null_risk, "gap": gap(model), "moe_bound": moe_bound(model)}
    if options.json:
        print(reporting.document("risk", results, **extra))
        return HOLDS
    header = ("estimator", "risk", "excess", "exactness", "parameters", "active")
    rows = [
        (
            label,
            reporting.number(row["risk"]),
            reporting.number(row["excess"]),
            row["exactness"],
            str(row["parameters"]),
            f"{row['active']:g}",
        )
        for label, row in results.items()
    ]
    print(reporting.table(header, rows, _width()))
    print()
    print(f"gap, dense - MoE without ridge  {reporting.number(extra['gap'])}")
    print(f"upper bound on the MoE's excess {reporting.number(extra['moe_bound'])}")
    print(f"risk of predicting zero         {reporting.number(extra['null_risk'])}")
    return HOLDS


def _sweep(options: argparse.Namespace) -> int:
    for path in (options.csv, options.figure):
        if path is not None and not path.absolute().parent.is_dir():
            raise _BadInput(f"{path} cannot be written: {path.parent} is not a directory")
    if options.figure is not None and options.figure.suffix not in _FIGURES:
        raise _BadInput(f"--figure must end in {', '.join(_FIGURES)}, got {str(options.figure)!r}")
    if options.over == "experts" and options.model is not None:
        raise _BadInput("--over experts needs a model given by --dim and the like, not a file")
    model = _model(options, needed=True)
    assert model is not None
    values = options.values
    if options.over == "experts":
        source: Any = lambda experts: _isotropic(options, experts)  # noqa: E731
        if values is None:
            values = [k for k in range(1, model.dim + 1) if model.dim % k == 0]
        elif any(value != int(value) for value in values):
            raise _BadInput("--values must be integers when sweeping over experts")
        values = [int(value) for value in values]
    else:
        source = model
        if values is None:
            values = (max(model.noise_variance, 1e-300) * np.logspace(-2, 2, 17)).tolist()
    with _Progress("sweep") as progress:
        try:
            result = sweep(
                source,
                options.over,
                values,
                replicates=options.replicates or None,
                rng=options.seed,
                progress=progress,
            )
        except ValueError as error:
            raise _BadInput(error) from None
    try:
        if options.csv is not None:
            result.to_csv(options.csv)
        if options.figure is not None:
            _save_figure(result, options.figure)
    except OSError as error:
        raise _BadInput(f"{error.filename} cannot be written: {error.strerror}") from None
    if options.json:
        print(reporting.document("sweep", result))
    elif options.csv is None:
        result.write_csv(sys.stdout)
    return HOLDS


def _save_figure(result: Any, path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from moetheory.plotting import plot

    figure = plot(result).figure
    figure.savefig(path, dpi=150)


# --- what the user gave -----------------------------------------------------------------------


def _theorem(name: str) -> Any:
    try:
        return catalogue[name]
    except KeyError as error:
        raise _BadInput(error.args[0]) from None


def _model(options: argparse.Namespace, *, needed: bool) -> BlockModel | None:
    given = [name for name in _MODEL_OPTIONS if getattr(options, name) is not None]
    if options.model is not None:
        if given:
            clash = ", ".join(f"--{name.replace('_', '-')}" for name in given)
            raise _BadInput(f"--model cannot be combined with {clash}")
        try:
            return BlockModel.from_json(options.model)
        except OSError as error:
            raise _BadInput(f"{options.model} cannot be read: {error.strerror}") from None
        except ValueError as error:
            raise _BadInput(error) from None
    if not given and not needed:
        return None
    return _isotropic(options, _MODEL_OPTIONS["experts"] if options.experts is None else None)


def _isotropic(options: argparse.Namespace, experts: int | None) -> BlockModel:
    values = {
        name: default if getattr(options, name) is None else getattr(options, name)
        for name, default in _MODEL_OPTIONS.items()
    }
    if values["signal_energy"] is None:
        values["signal_energy"] = values["dim"]
    if experts is not None:
        values["experts"] = experts
    try:
        return BlockModel.power_law(**values)
    except ValueError as error:
        raise _BadInput(error) from None


_MODEL_OPTIONS: dict[str, Any] = {
    "dim": 256,
    "experts": 16,
    "noise_variance": 1.0,
    "signal_energy": None,
    "label_power": 1.0,
    "decay": 0.0,
    "leakage_variances": 0.0,
    "label_noise_variance": 0.0,
}


def _numbers(text: str) -> list[float]:
    return [float(part) for part in text.split(",")]


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

    sub = command("check", _check, "hold theorems against their proof and against simulation")
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

    sub = command("risk", _risk, "print the risks of dense and mixture of experts for a model")
    _add_model(sub, "an iso-parameter model unless --model is given")
    sub.add_argument("--ridge", type=float, default=0.0, metavar="MU", help="default 0")
    sub.add_argument("--json", action="store_true", help="JSON instead of a table")

    sub = command("sweep", _sweep, "tabulate risks over one quantity, as CSV and as a figure")
    sub.add_argument("--over", choices=("experts", "noise_variance"), default="experts")
    sub.add_argument(
        "--values",
        type=_numbers,
        metavar="A,B,...",
        help="default: all K that divide dim; noise from 1/100 to 100 times the model's",
    )
    _add_model(sub, "an iso-parameter model unless --model is given")
    sub.add_argument(
        "--replicates",
        type=_at_least(0),
        default=2000,
        metavar="N",
        help="test samples for each simulated point, 0 for none (default 2000)",
    )
    sub.add_argument("--csv", type=Path, metavar="FILE", help="write the CSV there, not to stdout")
    sub.add_argument("--figure", type=Path, metavar="FILE", help=f"draw it ({', '.join(_FIGURES)})")
    _add_output(sub)
    return parser


def _add_model(parser: argparse.ArgumentParser, text: str) -> None:
    group = parser.add_argument_group("model", text)
    group.add_argument("--model", metavar="FILE.json", help="as written by BlockModel.to_json")
    group.add_argument("--dim", type=int, metavar="D", help="coordinates (256)")
    group.add_argument("--experts", type=int, metavar="K", help="experts, dividing D (16)")
    for name, metavar, text in (
        ("noise-variance", "S2", "feature noise variance, not its square root (1)"),
        ("signal-energy", "S", "clean energy of a sample (D)"),
        ("label-power", "V", "clean label power (1)"),
        ("decay", "A", "eigenvalues of a block fall like rank^-A (0)"),
        ("leakage-variances", "NU", "variance of a coordinate off its block (0)"),
        ("label-noise-variance", "W2", "label noise variance (0)"),
    ):
        group.add_argument(f"--{name}", type=float, metavar=metavar, help=text)


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=_at_least(0), metavar="N", help="replays a run")
    parser.add_argument("--json", action="store_true", help="JSON instead of text")


# --- the terminal -----------------------------------------------------------------------------


def _width() -> int | None:
    """Columns of the terminal; None into a pipe or a file."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


class _Progress:
    """A line on stderr for work that takes longer than a second, if stderr is a terminal."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.shown = False

    def __enter__(self) -> _Progress:
        self.started = self.last = time.monotonic()
        return self

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self.started < 1.0 or now - self.last < 0.1 or not sys.stderr.isatty():
            return
        self.last, self.shown = now, True
        width = shutil.get_terminal_size().columns - 1
        line = f"{self.title}: {100 * done // total} % of {total} replicates"
        print(f"\r{line[:width]:<{width}}", end="", file=sys.stderr, flush=True)

    def __exit__(self, *_: object) -> None:
        if self.shown:
            width = shutil.get_terminal_size().columns - 1
            print(f"\r{'':<{width}}\r", end="", file=sys.stderr, flush=True)

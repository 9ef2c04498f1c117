"""Commands, and the options that several of them share."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from typing import Any, NamedTuple

from moetheory.commands.option_types import (
    GATES,
    NOISE_LAWS,
    assignment,
    at_least,
    gates,
    integer,
    noise_law,
    positive,
    real,
    samples,
)
from moetheory.problem.losses import LOSSES
from moetheory.simulation.runs.options import MEMORY, WORKERS, WorkKeywords
from moetheory.simulation.runs.process_failures import why_none_can_start

MIB = 2**20

TEST_TIME = (
    *("test_noise_variance", "test_interference_variances", "misrouting", "drag"),
    *("noise_law", "erasure", "radius"),
)


class Command(NamedTuple):
    """A command of the command line.

    Attributes
    ----------
    name, summary : str
    add_options : callable
        Adds the options of the command to a parser.
    run : callable
        Runs the command on parsed options and returns the exit code.
    """

    name: str
    summary: str
    add_options: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


def add_model(parser: argparse.ArgumentParser, text: str) -> None:
    """Add the options of a model, from a file or from numbers; see `inputs.required_model`."""
    group = parser.add_argument_group("model", text)
    group.add_argument("--model", metavar="FILE.json", help="as written by BlockModel.to_json")
    group.add_argument("--dim", type=integer, metavar="D", help="coordinates (256)")
    group.add_argument(
        "--experts",
        type=integer,
        metavar="K",
        help="experts, dividing D (the largest up to 16 that does)",
    )
    for name, metavar, text in (
        ("noise-variance", "S2", "feature noise variance, not its square root (1)"),
        ("signal-energy", "S", "clean energy of a sample (D)"),
        ("label-power", "V", "clean label power (1)"),
        ("decay", "A", "eigenvalues of a block fall like rank^-A (0)"),
        ("leakage-variances", "NU", "clean variance of a coordinate off its block (0)"),
        (
            "interference-variances",
            "KAPPA",
            "extra noise variance of a coordinate off its block (0)",
        ),
        ("label-noise-variance", "W2", "label noise variance (0)"),
    ):
        group.add_argument(f"--{name}", type=real, metavar=metavar, help=text)


def add_samples(parser: argparse.ArgumentParser, text: str) -> None:
    """Add the option for the size of training sets."""
    parser.add_argument(
        "--samples",
        type=samples,
        metavar="N",
        help=f"{text}; N1,...,NK: the samples of each group (default: infinitely many)",
    )


def add_descent(parser: argparse.ArgumentParser, text: str) -> None:
    """Add the options of gradient descent; see `inputs.descent_options`."""
    group = parser.add_argument_group("gradient descent", text)
    add_step_size(group)
    group.add_argument(
        "--training",
        choices=("own", "joint"),
        help="experts on their own samples (default), or jointly on one loss over the mixture",
    )


def add_step_size(parser: Any) -> None:
    """Add the option for the step size to a parser or a group of options."""
    parser.add_argument(
        "--step-size",
        type=positive,
        metavar="A",
        help="common to all (default: of dense and of each expert its own best constant step)",
    )


def add_ridge(parser: argparse.ArgumentParser) -> None:
    """Add the option for the ridge of both estimators."""
    parser.add_argument("--ridge", type=real, default=0.0, metavar="MU", help="default 0")


def add_work(parser: argparse.ArgumentParser) -> Any:
    """Add the options for how a simulation is carried out; the group may get more of them."""
    group = parser.add_argument_group(
        "work", "the digits of the result do not depend on how it is done"
    )
    group.add_argument(
        "--workers",
        type=at_least(1, WORKERS),
        default=1,
        metavar="N",
        help="processes (default 1)",
    )
    group.add_argument(
        "--memory",
        type=at_least(1, (2**63 - 1) // MIB),
        default=MEMORY // MIB,
        metavar="MIB",
        help="MiB that all of them may work in (default %(default)s)",
    )
    group.add_argument(
        "--plan",
        action="store_true",
        help="simulate nothing but say what it would take, in a second or two: chunks, seconds "
        "with these workers, memory",
    )
    return group


def work_options(options: argparse.Namespace) -> WorkKeywords:
    """The options of `add_work` as arguments of the library."""
    workers = options.workers if options.workers > 1 else None
    return {"executor": workers, "memory": options.memory * MIB}


def add_output(parser: argparse.ArgumentParser) -> None:
    """Add the options for the seed and for JSON."""
    parser.add_argument("--seed", type=at_least(0), metavar="N", help="replays a run")
    parser.add_argument("--json", action="store_true", help="JSON instead of text")


def add_mixtures(parser: argparse.ArgumentParser) -> None:
    """Add the options of more mixtures; see `inputs.more_mixtures`."""
    group = parser.add_argument_group(
        "mixtures", "beside dense and the mixture with the oracle gate and one expert a group"
    )
    group.add_argument(
        "--gate",
        type=gates,
        action="extend",
        default=[],
        metavar="LIST",
        help=f"with other gates, separated by commas: {GATES} (T: temperature, "
        "k: experts used, N: samples of the router)",
    )
    group.add_argument(
        "--retrained",
        action="store_true",
        help="with the hard gate and experts fitted on the inputs that it sends to them",
    )
    group.add_argument(
        "--assignment",
        type=assignment,
        action="append",
        default=[],
        metavar="E1,...,EK",
        help="with experts that serve several groups: the expert of each group, from 0 on; may be "
        "given several times",
    )
    group.add_argument(
        "--shared", action="store_true", help="with a shared expert, which is always on"
    )


def add_loss(parser: argparse.ArgumentParser, text: str) -> None:
    """Add the option for what estimators are judged by."""
    parser.add_argument("--loss", choices=LOSSES, default="squared", help=text)


def add_test_time(parser: argparse.ArgumentParser) -> None:
    """Add the options of a perturbation; see `test_time_options`."""
    group = parser.add_argument_group(
        "test time", "what differs from training; misrouting and radius with oracle routing only"
    )
    number = {"type": real}
    for name, metavar, options, text in (
        ("test-noise-variance", "X", number, "feature noise variance (that of training)"),
        (
            "test-interference-variances",
            "KAPPA",
            number,
            "extra noise variance of a coordinate off its block (that of training)",
        ),
        ("misrouting", "EPS", number, "misrouting rate, spread evenly over the wrong groups (0)"),
        ("drag", "ETA", number, "signal of the wrong group in a misrouted input, as a factor (0)"),
        ("noise-law", "LAW", {"type": noise_law}, f"{NOISE_LAWS} with DF > 2 (normal)"),
        ("erasure", "Q", number, "probability that a coordinate is set to zero (0)"),
        ("radius", "R", number, "length of the worst shift of each input (0)"),
    ):
        group.add_argument(f"--{name}", metavar=metavar, help=text, **options)


def test_time_options(options: argparse.Namespace) -> dict[str, Any]:
    """The options of a perturbation that are given."""
    given = {name: getattr(options, name, None) for name in TEST_TIME}
    return {name: value for name, value in given.items() if value is not None}


def add_workers(parser: argparse.ArgumentParser) -> None:
    """Add the number of processes, of which results do not depend."""
    parser.add_argument(
        "--workers",
        type=at_least(1, WORKERS),
        metavar="N",
        help="processes (default: the cores); the result does not depend on it",
    )


def workers_of(options: argparse.Namespace) -> int:
    """The processes that are asked for, else the cores that this process may use."""
    if options.workers is not None:
        return int(options.workers)
    # others that call the command line may have a script that processes must not run again
    if not options.alone or why_none_can_start():
        return 1
    return cores()


def cores() -> int:
    """The processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1

"""``moetheory check``: theorems against closed forms, proof and simulation."""

from __future__ import annotations

import argparse
from typing import Any

from moetheory.checking.checker import check
from moetheory.checking.verdicts import Verdict
from moetheory.commands import reports
from moetheory.commands.inputs import given_model
from moetheory.commands.options import Command, add_model, add_output, at_least
from moetheory.commands.refusals import BadInputError
from moetheory.common import terminal
from moetheory.common.seeding import entropy_of
from moetheory.theorems import catalogue

HOLDS, VIOLATED, UNDECIDED = 0, 1, 3


def run_check(options: argparse.Namespace) -> int:
    """Check the theorems that are named, or all of them, and print the verdicts."""
    names = options.names or list(catalogue)
    theorems = [_theorem(name) for name in dict.fromkeys(names)]
    if options.negative_control:
        theorems = [theorem.negative_control for theorem in theorems]
    model = given_model(options)
    entropy = entropy_of(options.seed)
    verdicts: list[Verdict] = []
    for theorem in theorems:
        with terminal.Progress(f"check {theorem.name}") as progress:
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
        print(reports.document("check", verdicts, entropy=entropy))
    else:
        print(reports.check_report(verdicts, terminal.width()))
    statuses = {verdict.status for verdict in verdicts}
    if "violated" in statuses:
        return VIOLATED
    return HOLDS if statuses == {"holds"} else UNDECIDED


def _theorem(name: str) -> Any:
    try:
        return catalogue[name]
    except KeyError as error:
        raise BadInputError(error.args[0]) from None


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(catalogue)}; all if none is given"
    )
    add_model(parser, "each theorem's own example if none of these is given")
    parser.add_argument(
        "--replicates",
        type=at_least(2),
        metavar="N",
        help="test samples for each simulated model (default: what a power of 1%% needs)",
    )
    parser.add_argument(
        "--negative-control",
        action="store_true",
        help="check wrong variants of the claims instead: they must come out violated",
    )
    add_output(parser)


CHECK = Command(
    "check", "hold theorems against their proof and against simulation", _add_options, run_check
)

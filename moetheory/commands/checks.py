"""``moetheory check``: theorems against closed forms, proof and simulation."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

from moetheory.checking.checker import theorem_named
from moetheory.checking.claim_rows import heading
from moetheory.checking.processes import Checks
from moetheory.checking.verdicts import Verdict
from moetheory.commands import check_reports, reports
from moetheory.commands.inputs import given_model
from moetheory.commands.option_types import at_least
from moetheory.commands.options import (
    Command,
    add_model,
    add_output,
    add_workers,
    workers_of,
)
from moetheory.commands.refusals import refusals
from moetheory.common import terminal
from moetheory.common.seeding import entropy_of
from moetheory.common.terminal import note, show
from moetheory.theorems import catalogue

HOLDS, VIOLATED, UNDECIDED = 0, 1, 3
CAUGHT, ESCAPED = 0, 1  # of wrong variants


def run_check(options: argparse.Namespace) -> int:
    """Check the theorems that are named, or all of them, and print each verdict as it is there."""
    names = options.names or list(catalogue)
    theorems = [_theorem(name, options) for name in dict.fromkeys(names)]
    if options.negative_control:
        theorems = [theorem.negative_control for theorem in theorems]
    model = given_model(options)
    entropy, width = entropy_of(options.seed), terminal.width()
    level, workers = 1e-6 / len(theorems), workers_of(options)
    checks = Checks(theorems, model, options.replicates, entropy, level, options.anyway)
    start, verdicts = time.monotonic(), list[Verdict]()
    at_once = not (options.json or options.wide)
    if at_once:
        show(heading(width or check_reports.WIDTH))
    try:
        with refusals(options), closing(checks.verdicts(workers, _lines(theorems))) as found:
            for verdict in found:
                verdicts.append(verdict)
                if at_once:
                    show()
                    show(check_reports.theorem_report(verdict, width))
                    sys.stdout.flush()
    except KeyboardInterrupt:
        if options.wide and not options.json and verdicts:
            show(check_reports.wide_report(verdicts, width))
        raise KeyboardInterrupt(
            f"checked {len(verdicts)} of {len(theorems)}, with --seed {entropy}"
        ) from None
    if options.json:
        show(reports.document("check", verdicts, entropy=entropy))
    else:
        if options.wide:
            show(check_reports.wide_report(verdicts, width))
        show()
        show(check_reports.summary(verdicts, width, control=options.negative_control))
        note(f"checked in {terminal.duration(time.monotonic() - start)}")
    return _exit_code(verdicts, options)


def _lines(theorems: Sequence[Any]) -> Callable[[int], terminal.Progress]:
    """For the number of a theorem, from 0, a progress line that says which it is."""

    def line(index: int) -> terminal.Progress:
        of = f" ({index + 1} of {len(theorems)})" if len(theorems) > 1 else ""
        return terminal.Progress(f"check {theorems[index].name}{of}", unit="")

    return line


def _exit_code(verdicts: Sequence[Verdict], options: argparse.Namespace) -> int:
    """The exit code for the verdicts on theorems, or on wrong variants, which must be violated."""
    statuses = {verdict.status for verdict in verdicts}
    if not options.negative_control:
        judged = [claim for verdict in verdicts for claim in verdict.claims if claim.applies]
        if statuses == {"holds"} and options.require and not all(c.proved for c in judged):
            return UNDECIDED
        return VIOLATED if "violated" in statuses else HOLDS if statuses == {"holds"} else UNDECIDED
    claims = {claim.status for verdict in verdicts for claim in verdict.claims if claim.applies}
    if "holds" in claims:
        return ESCAPED
    return CAUGHT if statuses == claims == {"violated"} else UNDECIDED


def _theorem(name: str, options: argparse.Namespace) -> Any:
    with refusals(options, name="NAME"):
        return theorem_named(name)


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
        help="check wrong variants of the claims instead: exit code 0 if all come out violated, "
        "1 if one escapes",
    )
    parser.add_argument(
        "--anyway",
        action="store_true",
        help="evaluate the claims even where a model does not meet the assumptions, to see how "
        "they break",
    )
    parser.add_argument(
        "--require",
        choices=("proof",),
        help="exit code 3 unless every claim is proved for the models at hand",
    )
    parser.add_argument(
        "--wide",
        action="store_true",
        help="at the end, a table of all numbers: both sides, certificate, simulation, z, power",
    )
    add_workers(parser)
    add_output(parser)


CHECK = Command(
    "check", "check theorems by closed forms, by proof and by simulation", _add_options, run_check
)

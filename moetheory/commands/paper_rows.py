"""``moetheory paper``: the theorems, tables and claims of the paper, and what is computed here."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from moetheory.checking.claim_rows import broken
from moetheory.commands import reports
from moetheory.commands.check_reports import WIDTH
from moetheory.commands.drawings import save_figure
from moetheory.commands.options import Command, add_output
from moetheory.commands.outputs import require_folder, writing
from moetheory.commands.provenance import command_line
from moetheory.commands.refusals import refusals
from moetheory.common import terminal
from moetheory.common.seeding import entropy_of
from moetheory.common.terminal import note, show
from moetheory.common.text import counted, table
from moetheory.paper import REFERENCE, rows
from moetheory.paper.declaration import JUDGEMENTS, NOT_SHOWN, Evaluation, Row

KEY = (
    "σ² is the noise variance, λ the signal variance of a coordinate, p the probability of a "
    "group, s its coordinates; ± is one standard error; docs/paper.md explains the words"
)
ALL_SHOWN, SOME_NOT_SHOWN = 0, 1
WIDEST = 100  # columns of lines that are easy to read


def run_paper(options: argparse.Namespace) -> int:
    """Evaluate the rows that are named, or all, and print each as soon as it is known."""
    with refusals(options, name="NAME"):
        chosen = [rows[name] for name in dict.fromkeys(options.names or rows)]
    if options.figures is not None:
        require_folder("--figures", options.figures, [_file(row) for row in chosen if row.draw])
    entropy, width = entropy_of(options.seed), min(terminal.width() or WIDTH, WIDEST)
    start, found = time.monotonic(), list[Evaluation]()
    if not options.json:
        show("\n".join(broken(f"[SNB] {REFERENCE}.", width, "", " " * 6)) + "\n")
    try:
        with terminal.Progress("paper", unit="rows") as progress:
            for number, row in enumerate(chosen):
                progress(number, len(chosen))
                found.append(row.evaluate(rng=entropy))
                if not options.json:
                    progress.clear()
                    show("\n".join(_block(found[-1], width)) + "\n")
                    sys.stdout.flush()
                _save(found[-1], entropy, options)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"computed {len(found)} of {len(chosen)} rows, with --seed {entropy}"
        ) from None
    if options.json:
        rows_found = list(map(_for_json, found))
        show(reports.document("paper", rows_found, entropy=entropy, reference=REFERENCE))
    else:
        show("\n".join(_summary(found, width)))
        note(f"computed in {terminal.duration(time.monotonic() - start)}")
    if options.figures is not None:
        note(f"figures: {sum(row.draw is not None for row in chosen)} in {options.figures}")
    return SOME_NOT_SHOWN if any(each.outcome == NOT_SHOWN for each in found) else ALL_SHOWN


def _block(found: Evaluation, width: int) -> Iterator[str]:
    """The lines of a row: what the paper says, what holds here, and the facts that show it."""
    row = found.row
    yield from broken(f"{row.name} ({row.place}): {found.outcome}", width)
    yield from broken(f"paper: {row.says}", width, "  ", " " * 9)
    yield from broken(f"here: {row.because}", width, "  ", " " * 8)
    for fact in found.all_facts:
        doubt = "" if fact.holds else "NOT BORNE OUT: "
        yield from broken(f"- {doubt}{fact.text}", width, "  ", "    ")
    for command in row.commands:
        yield from broken(f"more: {command}", width, "  ", " " * 8)


def _summary(found: Sequence[Evaluation], width: int) -> Iterator[str]:
    """The table of the rows, and how many have each verdict."""
    cells = [
        (
            each.row.name,
            each.row.place,
            each.outcome,
            f"{sum(fact.holds for fact in each.all_facts)} of {len(each.all_facts)}",
        )
        for each in found
    ]
    yield table(("row", "of the paper", "verdict", "facts that hold"), cells, width)
    yield ""
    counts = Counter(each.outcome for each in found)
    listed = (f"{counts[each]} {each}" for each in (*JUDGEMENTS, NOT_SHOWN) if counts[each])
    yield from broken(f"{counted(len(found), 'row')}: {', '.join(listed)}", width)
    yield from broken(KEY, width)
    yield f"replay with --seed {found[0].entropy}"


def _for_json(found: Evaluation) -> dict[str, Any]:
    """A row for JSON."""
    row = found.row
    return {
        "row": row.name,
        "place": row.place,
        "says": row.says,
        "verdict": found.outcome,
        "because": row.because,
        "facts": [fact._asdict() for fact in found.all_facts],
        "commands": row.shown_by,
    }


def _file(row: Row) -> str:
    """The name of the file of a row's figure."""
    return f"{row.name}.png"


def _save(found: Evaluation, entropy: int, options: argparse.Namespace) -> None:
    """Write the figure of a row, if figures are asked for and it has one."""
    if options.figures is None or found.row.draw is None:
        return
    with writing():
        path = options.figures / _file(found.row)
        save_figure(found.draw, path, command_line(options, entropy), found.row.size)


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(rows)}; all if none is given"
    )
    parser.add_argument(
        "--figures",
        type=Path,
        metavar="FOLDER",
        help="write the figures of the rows to this folder, which is made if it does not exist",
    )
    add_output(parser)


PAPER = Command(
    "paper",
    "the paper side by side: what is reproduced, corrected, explained or out of reach, with the "
    "numbers that show it",
    _add_options,
    run_paper,
)

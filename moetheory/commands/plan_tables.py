"""Plans of simulations as text and as JSON."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from moetheory.commands import reports
from moetheory.commands.options import MIB, cores
from moetheory.common import terminal
from moetheory.common.terminal import show
from moetheory.common.text import counted, table
from moetheory.results.planned_runs import SimulationPlan

LIMITS = {
    "chunks": "there are no more chunks",
    "memory": "more memory (--memory) would allow more",
    "merging": "more would wait for the process that merges their chunks",
}


def show_plan(
    command: str, plan: SimulationPlan, options: argparse.Namespace, warned: Sequence[str]
) -> int:
    """Print what a command will take; the exit code."""
    workers = options.workers
    if options.json:
        more: dict[str, Any] = {
            "workers": workers,
            "seconds_with_workers": plan.seconds_with(workers),
            "memory_with_workers": plan.memory_with(workers),
            "cores": cores(),
        }
        results = plan.fields() | more
        show(reports.document(command, results, plan=True, warnings=warned))
        return 0
    show(plan_table(plan, terminal.width()))
    show()
    about = " (estimates)" if plan.target_sem is not None else ""
    show(f"{counted(plan.chunks, 'chunk')}, {seconds(plan.seconds)} in one process{about}")
    if plan.pilot is not None:
        show(
            f"replicates for --target-sem {plan.target_sem:g} are estimated from "
            f"{plan.pilot}: their number may be off by {2.0 / plan.pilot**0.5:.0%} or more"
        )
    if workers > 1:
        share = f", {plan.memory_with(workers) / MIB:.0f} MiB at work"
        show(f"with --workers {workers}: {seconds(plan.seconds_with(workers))}{share}")
    useful = plan.useful_workers
    show(f"useful are up to {counted(useful, 'worker')}: {LIMITS[plan.limit]}")
    if min(useful, max(workers, 2)) > cores():
        show(f"this machine has {counted(cores(), 'core')}: more workers share them")
    if plan.seconds_with(2) > plan.seconds:
        show("one process is the fastest: to start others takes longer than they save")
    return 0


def plan_table(plan: SimulationPlan, width: int | None) -> str:
    """The table of a plan: one row for estimators that share draws, over all points of a sweep."""
    rows: dict[tuple[Any, ...], dict[str, float]] = {}
    for run in plan.runs:
        row = rows.setdefault(
            (run.estimators, run.method),
            {"points": 0, "replicates": 0, "chunks": 0, "seconds": 0.0, "memory": 0},
        )
        row["points"] += 1
        row["replicates"] += run.replicates
        row["chunks"] += run.chunks
        row["seconds"] += run.seconds
        row["memory"] = max(row["memory"], run.chunk_memory)
    swept = any(run.point is not None for run in plan.runs)
    header = ["estimators", "method", *["points"] * swept, "replicates", "chunks", "seconds"]
    cells = [
        [
            ", ".join(estimators),
            method,
            *[f"{row['points']}"] * swept,
            f"{row['replicates']}",
            f"{row['chunks']}",
            f"{row['seconds']:.2g}" if row["seconds"] < 100.0 else f"{row['seconds']:.0f}",
            f"{row['memory'] / MIB:.1f}",
        ]
        for (estimators, method), row in rows.items()
    ]
    return table([*header, "MiB a chunk"], cells, width)


def seconds(value: float) -> str:
    """A time in words, with two digits where it is short.

    >>> seconds(0.0123), seconds(3.21), seconds(780.0)
    ('0.012 s', '3.2 s', '13 min')
    """
    return f"{value:.2g} s" if value < 10.0 else terminal.duration(value)

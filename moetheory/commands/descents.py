"""``moetheory descent``: steps of gradient descent to a goal, and early stopping."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np

from moetheory.commands import reports
from moetheory.commands.drawings import add_figure, require_figure
from moetheory.commands.inputs import required_model
from moetheory.commands.option_types import at_least, positive
from moetheory.commands.options import (
    Command,
    add_model,
    add_output,
    add_ridge,
    add_samples,
    add_step_size,
)
from moetheory.commands.outputs import draw, require_outputs, writing
from moetheory.commands.provenance import command_line
from moetheory.commands.refusals import BadInputError, refusals
from moetheory.common import terminal, text
from moetheory.common.seeding import entropy_of
from moetheory.common.terminal import show
from moetheory.problem.descent_schedule import COSTS, TrainingMode, step_costs
from moetheory.problem.estimators import Dense, Estimator, MoE
from moetheory.problem.model import BlockModel
from moetheory.problem.sample_counts import counts_of
from moetheory.simulation import simulate_descent
from moetheory.theory.descents import contraction_factor, descent, steps_to
from moetheory.theory.risks import risk

DEFAULT_TOLERANCE = 0.01
TRAINING_SETS = 200
BEYOND = 10  # times the steps to the goal, up to which a figure goes
# from the null predictor to practically the limit, ten a decade
STEPS = np.unique(np.rint([0.0, *np.geomspace(1.0, 1e6, 61)])).astype(np.int64)


class DescentRow(NamedTuple):
    """One learner, a row of the table."""

    name: str
    estimator: Estimator
    training: TrainingMode


def run_descent(options: argparse.Namespace) -> int:
    """Print one row each for dense, experts on their own samples, and experts jointly."""
    if options.excess is not None and options.tolerance is not None:
        raise BadInputError("--excess cannot be combined with --tolerance: both are goals")
    if options.tolerance is not None and options.tolerance > 1.0:
        raise BadInputError(
            "--tolerance must be at most 1: it is a share of the possible reduction of the risk, "
            f"got {options.tolerance:g}"
        )
    for name in ("replicates", "seed"):
        if getattr(options, name) is not None and options.samples is None:
            raise BadInputError(f"--{name} needs --samples, the size of the training sets")
    inputs = {} if options.model is None else {"--model": [options.model]}
    require_figure(options)
    require_outputs({"--figure": options.figure}, inputs)
    model = required_model(options)
    entropy = entropy_of(options.seed) if options.samples is not None else None
    with refusals(options), terminal.Progress("descent") as progress:
        moe = MoE(ridge=options.ridge)
        learners = (
            DescentRow("dense", Dense(ridge=options.ridge), "own"),
            DescentRow("experts, own samples", moe, "own"),
            DescentRow("experts, jointly", moe, "joint"),
        )
        results = {learner.name: _steps_to_goal(options, model, learner) for learner in learners}
        for number, learner in enumerate(learners if options.samples is not None else ()):

            def report(done: int, total: int, before: int = number) -> None:
                progress(before * total + done, len(learners) * total)

            results[learner.name] |= _early_stopping(options, model, learner, entropy, report)
    if options.figure is not None:
        _draw(options, model, learners, results, entropy)
    if options.json:
        asked = {"samples": options.samples, "entropy": entropy, "goal": _goal(options)}
        show(reports.document("descent", results, **asked))
        return 0
    width = terminal.width()
    show(text.table(*_cells(results, GOAL_COLUMNS), width))
    show()
    tolerance, relative = _goal(options).values()
    until = f"{100 * tolerance:g} % of the gain is left" if relative else f"it is {tolerance:g}"
    show(f"excess risk starts at {text.number(model.label_power)}; counted until {until}")
    show("a batch counts as one sample; multiplications are those of predictions")
    if all(row["factor"] == 0.0 for row in results.values()):
        more = "" if options.model else "; --decay 1 makes them differ"
        show(f"the directions of each are alike and learned in one step{more}")
    if entropy is not None:
        counts = counts_of(options.samples, model)
        show(f"\nstopped early, on {reports.counts_in_words(counts)}:")
        show(text.table(*_cells(results, STOPPING_COLUMNS), width))
        show(f"late: after {STEPS[-1]:.0e} steps")
        show(f"replay with --seed {entropy}")
    return 0


def _draw(
    options: argparse.Namespace,
    model: BlockModel,
    learners: Sequence[DescentRow],
    results: Mapping[str, dict[str, Any]],
    entropy: int | None,
) -> None:
    """Draw the excess risk of all learners over the steps, until well after the goal."""
    goals = [10, *(int(row["iterations"] or 0) for row in results.values())]
    last = BEYOND * max(goals)
    steps = STEPS[: np.searchsorted(STEPS, last, side="right")]
    paths = [
        descent(
            learner.estimator,
            model,
            steps,
            training=learner.training,
            step_size=options.step_size or "optimal",
        )
        for learner in learners
    ]
    dense, moe, joint = learners
    labels = [dense.estimator, moe.estimator, joint.name]
    command = command_line(options, entropy)
    with writing():
        draw(paths, options, command, label=labels)


def _goal(options: argparse.Namespace) -> dict[str, Any]:
    """The goal of `steps_to` that the options name."""
    if options.excess is not None:
        return {"tolerance": options.excess, "relative": False}
    return {"tolerance": options.tolerance or DEFAULT_TOLERANCE, "relative": True}


def _steps_to_goal(
    options: argparse.Namespace, model: BlockModel, learner: DescentRow
) -> dict[str, Any]:
    """The steps on infinitely many samples; a goal that is never reached has no counts."""
    _, estimator, training = learner
    how: dict[str, Any] = {"training": training, "step_size": options.step_size or "optimal"}
    factor, limit = contraction_factor(estimator, model, **how), risk(estimator, model).excess
    counted: dict[str, float | None] = dict.fromkeys(COSTS)
    # a goal out of reach; other errors were raised above
    with suppress(ValueError):
        steps = steps_to(estimator, model, **_goal(options), **how)
        for cost, unit in step_costs(estimator, model, training).items():
            counted[cost] = steps * unit
        counted["iterations"] = steps  # an integer
    return {
        "factor": factor.value,
        "condition": factor.condition,
        "step_size": factor.step_size,
        "largest_stable": factor.largest_stable,
        "limit": limit,
        **counted,
    }


def _early_stopping(
    options: argparse.Namespace,
    model: BlockModel,
    learner: DescentRow,
    entropy: int | None,
    progress: Any,
) -> dict[str, Any]:
    """The best number of steps on training sets, the risk there, and the risk after very many."""
    path = simulate_descent(
        learner.estimator,
        model,
        STEPS,
        samples=options.samples,
        step_size=options.step_size or "optimal",
        training=learner.training,
        replicates=options.replicates or TRAINING_SETS,
        rng=entropy,
        progress=progress,
    )
    best = path.best
    return {
        "best_steps": best.steps,
        "best_risk": best.risk.mean,
        "best_sem": best.risk.sem,
        "last_steps": int(STEPS[-1]),
        "last_risk": path.mean[-1],
        "last_sem": path.sem[-1],
    }


def _range_in_words(value: Any) -> str:
    """The value, or the range of values of the experts, in words."""
    least, most = np.nanmin(value), np.nanmax(value)
    return text.number(most) if least == most else f"{least:.3g} to {most:.3g}"


def _count_in_words(value: float | None) -> str:
    return "never" if value is None else text.number(value) if value < 1e6 else f"{value:.3g}"


ColumnFormats = dict[str, Callable[[dict[str, Any]], str]]
GOAL_COLUMNS: ColumnFormats = {
    "factor": lambda row: text.number(row["factor"]),
    "condition": lambda row: _range_in_words(row["condition"]),
    "step size": lambda row: _range_in_words(row["step_size"]),
    "iterations": lambda row: _count_in_words(row["iterations"]),
    "samples": lambda row: _count_in_words(row["samples"]),
    "multiplications": lambda row: _count_in_words(row["multiplications"]),
    "excess at the end": lambda row: text.number(row["limit"]),
}
STOPPING_COLUMNS: ColumnFormats = {
    "best after": lambda row: str(row["best_steps"]),
    "risk": lambda row: text.rounded(row["best_risk"], row["best_sem"]),
    "sem": lambda row: f"{row['best_sem']:.2g}",
    "risk late": lambda row: text.rounded(row["last_risk"], row["last_sem"]),
    "its sem": lambda row: f"{row['last_sem']:.2g}",
}


def _cells(
    results: dict[str, dict[str, Any]], columns: ColumnFormats
) -> tuple[list[str], list[list[str]]]:
    rows = [[name, *(shown(row) for shown in columns.values())] for name, row in results.items()]
    return ["learner", *columns], rows


def _add_options(parser: argparse.ArgumentParser) -> None:
    add_model(parser, "an iso-parameter model unless --model is given")
    add_step_size(parser)
    parser.add_argument(
        "--tolerance",
        type=positive,
        metavar="SHARE",
        help="count steps until this share of what there is to gain is left "
        f"(default {DEFAULT_TOLERANCE:g})",
    )
    parser.add_argument(
        "--excess", type=positive, metavar="E", help="count steps until the excess risk is E"
    )
    add_ridge(parser)
    add_samples(parser, "also simulate descent on N training samples, and stop it early")
    parser.add_argument(
        "--replicates",
        type=at_least(2),
        metavar="N",
        help=f"training sets of the simulation (default {TRAINING_SETS})",
    )
    add_figure(parser, "draw the risks on infinitely many samples")
    add_output(parser)


DESCENT = Command(
    "descent", "count the steps of gradient descent, and stop it early", _add_options, run_descent
)

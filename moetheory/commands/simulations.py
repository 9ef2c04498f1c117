"""``moetheory simulate``: the risks of dense and mixture of experts by Monte Carlo."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from moetheory.commands import reports
from moetheory.commands.inputs import more_mixtures, perturbation, required_model
from moetheory.commands.option_types import at_least, part, positive
from moetheory.commands.options import (
    Command,
    add_loss,
    add_mixtures,
    add_model,
    add_output,
    add_ridge,
    add_samples,
    add_test_time,
    add_work,
    test_time_options,
    work_options,
)
from moetheory.commands.outputs import require_different
from moetheory.commands.plan_tables import show_plan
from moetheory.commands.refusals import BadInputError, refusals
from moetheory.commands.warning_lines import warnings_in_lines
from moetheory.common import terminal, text
from moetheory.common.errors import NoClosedForm
from moetheory.common.terminal import show
from moetheory.problem.estimators import Dense, Estimator, MoE
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation
from moetheory.problem.sample_counts import counts_of
from moetheory.results.estimates import Estimate, Estimates
from moetheory.results.risks import Misclassification, Risk
from moetheory.simulation import simulate, simulation_plan
from moetheory.simulation.methods.route import METHODS, TEST_SAMPLES, TRAINING_SETS
from moetheory.simulation.questions import SimulateKeywords
from moetheory.simulation.runs.checkpoint import merge_checkpoints
from moetheory.sweeping import closed_form_if_known


def run_simulate(options: argparse.Namespace) -> int:
    """Simulate, beside what theory says, and print the estimates."""
    _refuse_contradictions(options)
    model, given = required_model(options), test_time_options(options)
    under = perturbation(options, given, model.experts)
    with warnings_in_lines() as warned, refusals(options, (ValueError, NoClosedForm)):
        both: dict[str, Estimator] = {
            "dense": Dense(ridge=options.ridge),
            "moe": MoE(ridge=options.ridge),
        }
        estimators = list(both.values()) if options.only is None else [both[options.only]]
        estimators += more_mixtures(options, ridge=options.ridge)
        if options.plan:
            plan = simulation_plan(estimators, model, **_asked(under, options))
            return show_plan("simulate", plan, options, warned)
        estimates = _simulated(estimators, model, under, options)  # refuses what cannot be
        theories = [
            closed_form_if_known(estimator, model, options.samples, under, options.loss)
            if options.counts == "fixed"  # formulas are for given counts
            else None
            for estimator in estimators
        ]
    difference = _difference(estimates) if options.only is None else None
    results = {
        estimator.label: _json_result(estimate, theory)
        for estimator, estimate, theory in zip(estimators, estimates, theories, strict=True)
    }
    if options.json:
        asked = {name: getattr(options, name) for name in ("samples", "counts", "loss", "part")}
        show(
            reports.document(
                "simulate",
                results,
                entropy=estimates.entropy,
                **asked,
                under=given or None,
                difference=difference,
                warnings=warned,
            )
        )
        return 0
    show(reports.simulation_table(results, terminal.width(), options.loss))
    show()
    if options.samples is not None:
        show(f"fitted on {_training_sets_in_words(model, options)}")
    if given:
        show(f"tested under {reports.settings_in_words(given)}")
    if options.part is not None:
        show("part {} of {}, counted from 0".format(*options.part))
    if difference is not None:
        draws = "paired" if difference["paired"] else "independent"
        shown = text.with_error(difference["mean"], difference["sem"])
        show(f"dense - MoE  {shown} ({draws})")
    show(f"replay with --seed {estimates.entropy}")
    return 0


def _refuse_contradictions(options: argparse.Namespace) -> None:
    """Refuse options of `simulate` that contradict each other."""
    if options.part is not None and options.seed is None and not _exists(options.checkpoint):
        raise BadInputError("--part needs --seed, the same for all parts")
    if options.merge is not None and options.plan:
        raise BadInputError("--plan cannot be combined with --merge, which writes a file")
    if options.merge is not None and options.checkpoint is None:
        raise BadInputError("--merge needs --checkpoint, the file to merge into")
    inputs = {"--merge": options.merge or [], "--model": [options.model] if options.model else []}
    require_different({"--checkpoint": options.checkpoint}, inputs)


def _exists(path: Path | None) -> bool:
    return path is not None and path.exists()


def _asked(under: Perturbation | None, options: argparse.Namespace) -> SimulateKeywords:
    """The arguments of `simulate` that options name, beside estimators and model."""
    return {
        "samples": options.samples,
        "under": under,
        "loss": options.loss,
        "counts": options.counts,
        "method": options.method,
        "replicates": options.replicates,
        "target_sem": options.target_sem,
        "rng": options.seed,
        "checkpoint": options.checkpoint,
        "part": options.part,
        **work_options(options),
    }


def _simulated(
    estimators: Sequence[Estimator],
    model: BlockModel,
    under: Perturbation | None,
    options: argparse.Namespace,
) -> Estimates:
    checkpoint = options.checkpoint
    try:
        if options.merge is not None:
            merge_checkpoints(options.merge, checkpoint)
        with terminal.Progress("simulate") as progress:
            asked = _asked(under, options)
            return simulate(estimators, model, **asked | {"progress": progress})
    except OSError as error:
        place = error.filename or checkpoint or "--workers"
        message = f"{place}: {error.strerror}" if error.strerror else str(error)
        raise BadInputError(message) from None
    except KeyboardInterrupt:
        raise KeyboardInterrupt(_checkpoint_hint(checkpoint)) from None


def _checkpoint_hint(checkpoint: Path | None) -> str:
    if not _exists(checkpoint):
        return "with --checkpoint FILE the same command could go on"
    return f"finished work is in {checkpoint}, the same command goes on"


def _difference(estimates: Estimates) -> dict[str, Any]:
    difference = estimates.difference(0, 1)
    return {
        "mean": difference.mean,
        "sem": difference.sem,
        "interval": difference.interval(),
        "paired": estimates.paired(0, 1),
    }


def _json_result(estimate: Estimate, theory: Risk | Misclassification | None) -> dict[str, Any]:
    exactness, error = "exact", 0.0  # of a misclassification
    if isinstance(theory, Risk):
        exactness, error = theory.exactness, theory.error
    z = None  # unless theory is exact: its own error would count against the simulation
    if theory is not None and exactness != "asymptotic" and estimate.sem < math.inf:
        z = estimate.z(theory.value)
        rounding = 1e-12 * abs(theory.value)  # of a risk that is the same for every draw
        if estimate.sem <= rounding and abs(estimate.mean - theory.value) <= rounding:
            z = 0.0
    return {
        "mean": estimate.mean,
        "sem": estimate.sem,
        "interval": estimate.interval(),
        "median": estimate.median,
        "median_interval": estimate.median_interval(),
        "per_group": estimate.per_group,
        "theory": theory and theory.value,
        "exactness": theory and exactness,
        "error": theory and error,
        "z": z,
        "method": estimate.method,
        "replicates": estimate.replicates,
    }


def _training_sets_in_words(model: BlockModel, options: argparse.Namespace) -> str:
    if options.counts == "multinomial":
        return f"{options.samples} samples, their groups drawn"
    return reports.counts_in_words(counts_of(options.samples, model))


def _add_options(parser: argparse.ArgumentParser) -> None:
    add_model(parser, "an iso-parameter model unless --model is given")
    parser.add_argument(
        "--only", choices=("dense", "moe"), help="default both; mixtures of --gate are added"
    )
    add_mixtures(parser)
    add_loss(parser, "squared errors (default), or how often the sign of the label is missed")
    add_ridge(parser)
    add_samples(parser, "fit on N training samples, again for every replicate")
    parser.add_argument(
        "--counts",
        choices=("fixed", "multinomial"),
        default="fixed",
        help="samples of a group: near its share of N (default), or drawn for each replicate",
    )
    parser.add_argument(
        "--method",
        choices=METHODS,
        metavar="METHOD",
        help="how training sets are drawn: by the law of the coefficients (--only moe), krylov "
        "vectors (--only dense), sufficient statistics, or all data, shared by both estimators "
        "(default: the cheapest that there is); "
        "population: nothing is fitted, squared errors; identity: risks given the inputs of gates, "
        "fitted or not",
    )
    add_test_time(parser)
    length = parser.add_mutually_exclusive_group()
    length.add_argument(
        "--replicates",
        type=at_least(2),
        metavar="N",
        help=f"training sets (default {TRAINING_SETS}), without --samples test samples "
        f"({TEST_SAMPLES})",
    )
    length.add_argument(
        "--target-sem",
        type=positive,
        metavar="X",
        help="instead: as many as it takes for standard errors of at most X",
    )
    group = add_work(parser)
    group.add_argument(
        "--checkpoint",
        type=Path,
        metavar="FILE",
        help="keep finished work there; the same command then goes on where it stopped",
    )
    group.add_argument(
        "--part",
        type=part,
        metavar="I/M",
        help="do only part I of M, I from 0, for --merge; needs --seed",
    )
    group.add_argument(
        "--merge",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="checkpoints of parts, to merge into that of --checkpoint first",
    )
    add_output(parser)


SIMULATE = Command("simulate", "estimate the same risks by Monte Carlo", _add_options, run_simulate)

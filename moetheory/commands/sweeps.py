"""``moetheory sweep``: closed forms and simulations over one quantity."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from moetheory.commands import reports
from moetheory.commands.drawings import add_figure, require_figure
from moetheory.commands.inputs import (
    descent_options,
    isotropic,
    more_mixtures,
    perturbation,
    require_counts,
    required_model,
)
from moetheory.commands.option_types import at_least, numbers
from moetheory.commands.options import (
    Command,
    add_descent,
    add_loss,
    add_mixtures,
    add_model,
    add_output,
    add_samples,
    add_test_time,
    add_work,
    test_time_options,
    work_options,
)
from moetheory.commands.outputs import COMMENT, require_outputs, save
from moetheory.commands.plan_tables import show_plan
from moetheory.commands.refusals import BadInputError, dashed, refusals
from moetheory.commands.sweep_values import default_values, divisors
from moetheory.commands.warning_lines import warnings_in_lines
from moetheory.common import terminal
from moetheory.common.errors import NoClosedForm
from moetheory.common.terminal import note, show
from moetheory.problem.estimators import Dense, Estimator, MoE
from moetheory.problem.gates import Learned, TopK
from moetheory.problem.model import BlockModel
from moetheory.results.tables import Sweep
from moetheory.sweeping import sweep, sweep_plan

TEST_SAMPLES, TRAINING_SETS = 2000, (100, 200)  # replicates
FIELDS = ("over", "loss", "columns", "replicates", "entropy")  # of the result, for JSON
QUANTITIES = (
    *("experts", "noise_variance", "samples", "steps"),
    *("leakage", "interference", "overlap"),
    *("smallest_probability", "signal_to_noise"),
    *("test_noise_variance", "misrouting", "erasure", "radius"),
)
ARGUMENT_NAMES = {  # of swept quantities where the library refuses their values
    "samples": "values",
    "test_noise_variance": "noise_variance",
    "misrouting": "rate",
}


def run_sweep(options: argparse.Namespace) -> int:
    """Print the table as CSV or JSON, or write it and its figure to files."""
    inputs = {} if options.model is None else {"--model": [options.model]}
    require_figure(options)
    require_outputs({"--csv": options.csv, "--figure": options.figure}, inputs)
    given = test_time_options(options)
    _refuse_contradictions(options, given)
    source, values, dim = _model_and_values(options)
    fixed = dict(given)
    drag = fixed.pop("drag", 0.0) if options.over == "misrouting" else 0.0
    called = {ARGUMENT_NAMES.get(options.over, options.over): "values"}
    if options.over == "misrouting":
        called["confusion"] = "--over misrouting"
    with (
        warnings_in_lines() as warned,
        terminal.Progress("sweep") as progress,
        refusals(options, (ValueError, NoClosedForm), **called),
    ):
        first = source if isinstance(source, BlockModel) else source(values[0])
        require_counts(options, first.experts)
        estimators: list[Estimator] = [Dense(), MoE(), *more_mixtures(options)]
        asked: dict[str, Any] = {
            "samples": options.samples,
            "under": perturbation(options, fixed, first.experts),
            "drag": drag,
            "loss": options.loss,
            "replicates": _number_of_replicates(options, dim),
            "rng": options.seed,
            **descent_options(options),
            **work_options(options),
        }
        if options.plan:
            plan = sweep_plan(source, options.over, values, estimators, **asked)
            return show_plan("sweep", plan, options, warned)
        result = sweep(source, options.over, values, estimators, **asked, progress=progress)
    save(result, options)
    if options.json:
        fields = {name: getattr(result, name) for name in FIELDS}
        show(reports.document("sweep", fields, under=given or None))
        return 0
    if options.figure is not None and sys.stdout.isatty():
        show(_in_words(result))
    elif options.csv is None:
        result.write_csv(sys.stdout)
        sys.stdout.flush()
    if result.entropy is not None and options.seed is None:
        note(f"replay with --seed {result.entropy}")
    return 0


def _in_words(result: Sweep) -> str:
    """What was drawn, in one line."""
    values, labels = result[result.over], [each.label for each in result.estimators]
    simulated = f"simulated with {result.replicates} replicates" if result.replicates else "theory"
    what = "misclassification of " if result.loss == "sign" else ""
    return (
        f"{what}{', '.join(labels)} at {len(values)} values of {result.over}, "
        f"{min(values):g} to {max(values):g}: {simulated}"
    )


def _refuse_contradictions(options: argparse.Namespace, given: Mapping[str, Any]) -> None:
    """Refuse options of `sweep` that contradict each other."""
    over = options.over
    clashes = (
        *(
            (
                f"{name}-variances",
                over == name and getattr(options, f"{name}_variances") is not None,
            )
            for name in ("leakage", "interference")
        ),
        ("misrouting", over == "experts" and "misrouting" in given),
        (over.replace("_", "-"), over in given),
    )
    for name in descent_options(options):
        if over != "steps":
            raise BadInputError(f"{dashed(name)} needs --over steps")
    for name, clash in clashes:
        if clash:
            raise BadInputError(f"--over {over} cannot be combined with --{name}")


def _model_and_values(options: argparse.Namespace) -> tuple[Any, list[Any], int]:
    """The model or factory of a sweep, the values, and the number of coordinates."""
    if options.over == "experts":
        return _factory_and_values(options)
    model = required_model(options)
    _say_what_is_replaced(options.over, model)
    return model, options.values or default_values(options.over, model), model.dim


def _say_what_is_replaced(over: str, model: BlockModel) -> None:
    """Say which variances of the model the values of the sweep take the place of."""
    several = not isinstance(model.noise_variance, float)
    if several and over in ("noise_variance", "test_noise_variance"):
        note(f"--over {over} replaces the {model.dim} noise variances of the model by one")
    elif (over == "leakage" and not model.strict) or (over == "interference" and model.interferes):
        note(f"--over {over} replaces the {over} variances of the model")


def _factory_and_values(options: argparse.Namespace) -> tuple[Any, list[Any], int]:
    for name in ("model", "experts", "assignment"):
        if getattr(options, name) not in (None, []):
            raise BadInputError(f"--over experts, the default, cannot be combined with --{name}")
    with refusals(options):
        dim = isotropic(options, experts=1, interference_variances=0.0).dim
    values = options.values
    # so many experts a top-k gate needs, and interference two
    fewest = max((gate.k for gate in options.gate if isinstance(gate, TopK)), default=1)
    if options.interference_variances:
        fewest = max(fewest, 2)
    if values is None:
        values = [k for k in divisors(dim) if k >= min(fewest, dim)]
    elif any(value != int(value) for value in values):
        raise BadInputError("--values must be integers when sweeping over experts")

    def source(experts: int) -> BlockModel:
        return isotropic(options, experts=experts)

    return source, [int(value) for value in values], dim


def _number_of_replicates(options: argparse.Namespace, dim: int) -> int | None:
    simulated_only = options.over == "steps" and options.samples is not None
    if options.replicates is not None:
        return int(options.replicates) if options.replicates or simulated_only else None
    if options.over == "steps" and options.samples is None:
        return None  # nothing to simulate
    slow = any(
        isinstance(gate, Learned) and gate.samples and gate.moments == "full"
        for gate in options.gate
    )
    if options.over != "samples" and options.samples is None and not slow:
        return TEST_SAMPLES
    # small models can afford more, and their risks vary more from one training set to another
    fewest, most = TRAINING_SETS
    return min(most, max(fewest, round(fewest * (256 / dim) ** 2)))


def quantity(text: str) -> str:
    """The name of a swept quantity, which may be written like an option.

    >>> quantity("noise-variance")
    'noise_variance'
    """
    return text.replace("-", "_")


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--over",
        type=quantity,
        choices=QUANTITIES,
        default="experts",
        metavar="NAME",
        help="experts (default); noise_variance; samples, the size of the training sets; steps of "
        "gradient descent, in closed form or with --samples simulated; leakage, the amplitude "
        "alpha with which the clean variances off the block are alpha^2 times those on it; "
        "interference or overlap, the amplitude alpha with which alpha^2 times these clean "
        "variances is noise: off the block, or added to the noise everywhere; "
        "smallest_probability, to which the smallest one is set; signal_to_noise, to which all "
        "noise variances are scaled; or at test time test_noise_variance, misrouting, erasure, "
        "radius",
    )
    parser.add_argument(
        "--values",
        type=numbers,
        metavar="A,B,...",
        help="default: all K that divide dim (from that of a top-k gate on, with interference from "
        "2 on); noise from 1/100, at test time 1/10, to 100 times the model's; signal_to_noise "
        "from 0.01 to 100; smallest_probability from 1/1000 of 1/K to 1/K; samples from D/8 to "
        "8 D, denser around the interpolation thresholds; steps from 1 to 1000; leakage, "
        "interference, overlap and misrouting from 0 to 1, erasure to 0.9, radius to "
        "2 sqrt(risk of predicting zero)/|coefficients|",
    )
    add_model(parser, "an iso-parameter model unless --model is given")
    add_mixtures(parser)
    add_loss(
        parser,
        "squared errors (default), or how often the sign of the label is missed, of which a "
        "figure shows the accuracy",
    )
    add_samples(parser, "estimators fitted on N training samples, not with --over samples")
    add_descent(parser, "with --over steps")
    add_test_time(parser)
    parser.add_argument(
        "--replicates",
        type=at_least(0),
        metavar="N",
        help=f"for each simulated point, 0 for none (default {TEST_SAMPLES} test samples; "
        f"where estimators or full routers are fitted {TRAINING_SETS[1]} training sets, fewer for "
        f"larger D down to {TRAINING_SETS[0]}: about 10 seconds for the default model)",
    )
    parser.add_argument(
        "--csv", type=Path, metavar="FILE", help=f"write the CSV there, not to stdout; {COMMENT}"
    )
    add_figure(parser, "draw it; a terminal then gets no CSV")
    add_work(parser)
    add_output(parser)


SWEEP = Command(
    "sweep", "tabulate risks over one quantity, as CSV and as a figure", _add_options, run_sweep
)

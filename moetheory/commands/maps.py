"""``moetheory map``: which of two estimators wins, over two quantities."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

from moetheory.commands import reports
from moetheory.commands.drawings import add_figure, require_figure
from moetheory.commands.inputs import isotropic, perturbation, require_counts, required_model
from moetheory.commands.map_values import (
    MOST_POINTS,
    POINTS,
    AxisOption,
    axis,
    axis_values,
    dims,
    expert_numbers,
)
from moetheory.commands.option_types import GATES, gates
from moetheory.commands.options import (
    Command,
    add_model,
    add_ridge,
    add_samples,
    add_test_time,
    test_time_options,
)
from moetheory.commands.outputs import COMMENT, require_outputs, save
from moetheory.commands.refusals import BadInputError, dashed, refusals
from moetheory.commands.warning_lines import warnings_in_lines
from moetheory.common import terminal
from moetheory.common.errors import NoClosedForm
from moetheory.common.terminal import show
from moetheory.common.text import wrapped
from moetheory.mapping import phase_map
from moetheory.mapping.arguments import QUANTITIES, STRUCTURE
from moetheory.problem.estimators import Dense, Estimator, MoE, routes_by_input
from moetheory.problem.gates import TopK
from moetheory.problem.model import BlockModel

MOST_EXPERTS = 16  # of a model, where no option says how many
TWO_GROUPS = ("misrouting", "interference", "interference_variances", "smallest_probability")
FIELDS = ("x", "y", "columns", "border", "border_lines", "summary")  # of the result, for JSON


def run_map(options: argparse.Namespace) -> int:
    """Print who wins where, and write the cells and the figure to files."""
    inputs = {} if options.model is None else {"--model": [options.model]}
    require_figure(options)
    require_outputs({"--csv": options.csv, "--figure": options.figure}, inputs)
    estimators = [
        _with_ridge(options.a, options.ridge),
        _with_ridge(options.b, options.ridge),
    ]
    axes = _axes(options, estimators)
    given = test_time_options(options)
    for name in (each.name for each in axes):
        if name in given:
            raise BadInputError(f"{dashed(name)} cannot be combined with a map over it")
    with refusals(options):
        source, values = _model_and_values(options, axes, estimators)
    first = _first(source, axes, values)
    require_counts(options, first.experts)
    fixed = dict(given)
    # of errors of routing that are an axis
    drag = fixed.pop("drag", 0.0) if "misrouting" in (each.name for each in axes) else 0.0
    under = perturbation(options, fixed, first.experts)
    with (
        warnings_in_lines(),
        terminal.Progress("map", unit="risks") as progress,
        refusals(options, (ValueError, NoClosedForm), rate="misrouting"),
    ):
        result = phase_map(
            source,
            (axes[0].name, values[0]),
            (axes[1].name, values[1]),
            *estimators,
            samples=options.samples,
            under=under,
            drag=drag,
            progress=progress,
        )
    save(result, options)
    if options.json:
        fields: dict[str, Any] = {name: getattr(result, name) for name in FIELDS}
        fields |= {"a": result.a.label, "b": result.b.label, "samples": options.samples}
        show(reports.document("map", fields, under=given or None))
    else:
        show(wrapped(result.summary, terminal.width()))
    return 0


def estimator(text: str) -> Estimator:
    """Parse an estimator: dense, moe, shared, or the gate of a mixture.

    >>> estimator("dense"), estimator("hard").label
    (Dense(ridge=0.0), 'moe(hard)')
    """
    match text:
        case "dense":
            return Dense()
        case "moe":
            return MoE()
        case "shared":
            return MoE(shared=True)
    found = gates(text)
    if len(found) > 1:
        raise argparse.ArgumentTypeError(f"must be one estimator, got {text!r}")
    return MoE(gate=found[0])


def _with_ridge(found: Estimator, ridge: float) -> Estimator:
    """The estimator with the ridge of the options."""
    if isinstance(found, Dense):
        return Dense(ridge)
    return MoE(found.gate, ridge, shared=found.shared)


def _axes(
    options: argparse.Namespace, estimators: list[Estimator]
) -> tuple[AxisOption, AxisOption]:
    """The axes of the options; by default those over which the order changes."""
    x, y = options.x, options.y
    if x is None:
        x = AxisOption("noise_variance" if options.model or _is(y, "experts") else "experts")
    if y is None:
        routed = any(map(routes_by_input, estimators))
        name = "noise_variance" if routed or x.name == "misrouting" else "misrouting"
        y = AxisOption("leakage" if name == x.name else name)
    return x, y


def _is(asked: AxisOption | None, name: str) -> bool:
    return asked is not None and asked.name == name


def _model_and_values(
    options: argparse.Namespace,
    axes: tuple[AxisOption, AxisOption],
    estimators: list[Estimator],
) -> tuple[Any, list[list[Any]]]:
    """The model, or a factory, and the values of both axes."""
    names = [each.name for each in axes]
    structural = [name for name in names if name in STRUCTURE]
    if not structural:
        model = required_model(options)
        return model, [axis_values(each, model) for each in axes]
    for name in ("model", *structural):
        if getattr(options, name) is not None:
            raise BadInputError(f"a map over {structural[0]} cannot be combined with --{name}")

    gates_used = [each.gate for each in estimators if isinstance(each, MoE)]
    fewest = max((gate.k for gate in gates_used if isinstance(gate, TopK)), default=1)
    if options.interference_variances or any(name in TWO_GROUPS for name in names):
        fewest = max(fewest, 2)
    found: dict[str, list[Any]] = {}
    for each in axes:
        if each.name == "dim":
            found["dim"] = dims(each, options.experts or MOST_EXPERTS)
    if "experts" in structural:
        by = math.gcd(*found["dim"]) if "dim" in found else isotropic(options, experts=1).dim
        asked = axes[names.index("experts")]
        found["experts"] = list(expert_numbers(asked, by, fewest))
    fixed: dict[str, Any] = {}
    if structural == ["dim"] and options.experts is None:
        common = math.gcd(*found["dim"])
        fixed["experts"] = max(k for k in range(1, MOST_EXPERTS + 1) if common % k == 0)

    def source(**changes: Any) -> BlockModel:
        return isotropic(options, **fixed, **changes)

    for name, values in found.items():
        if len(values) < 2:
            raise BadInputError(f"a map over {name} needs two values or more, got {values}")
    example = source(**{name: found[name][0] for name in structural})
    values = [found.get(each.name) or axis_values(each, example) for each in axes]
    return source, values


def _first(source: Any, axes: tuple[AxisOption, AxisOption], values: list[list[Any]]) -> BlockModel:
    """The model at the first values of what changes its structure."""
    if isinstance(source, BlockModel):
        return source
    ends = {
        each.name: given[0]
        for each, given in zip(axes, values, strict=True)
        if each.name in STRUCTURE
    }
    found: BlockModel = source(**ends)
    return found


def _add_options(parser: argparse.ArgumentParser) -> None:
    names = ", ".join(each.replace("_", "-") for each in QUANTITIES)
    forms = (
        f"NAME, NAME=A:B, NAME=A:B:N or NAME=V1,V2,...; A to B in N values ({POINTS}; at most "
        f"{MOST_POINTS}), at even ratios where they span a decade; experts are those that divide D"
    )
    parser.add_argument(
        "--x", type=axis, metavar="NAME=A:B", help=f"{forms}. Names: {names} (default experts)"
    )
    parser.add_argument(
        "--y",
        type=axis,
        metavar="NAME=A:B",
        help="another of them (default misrouting, with gates that read the input noise-variance)",
    )
    for name, usual in (("a", "dense"), ("b", "moe")):
        parser.add_argument(
            f"--{name}",
            type=estimator,
            default=usual,
            metavar="NAME",
            help=f"dense, moe, shared, or a gate: {GATES} (default {usual})",
        )
    add_ridge(parser)
    add_model(parser, "an iso-parameter model unless --model is given")
    add_samples(parser, "estimators fitted on N training samples")
    add_test_time(parser)
    parser.add_argument(
        "--csv", type=Path, metavar="FILE", help=f"write one row a cell there; {COMMENT}"
    )
    add_figure(parser, "draw it")
    parser.add_argument("--json", action="store_true", help="JSON instead of text")


MAP = Command(
    "map", "say which of two estimators wins over two quantities, and where", _add_options, run_map
)

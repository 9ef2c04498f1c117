"""``moetheory falsify``: a search for a model that violates a claim."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import Any

from moetheory.checking import Falsification, falsify
from moetheory.claims import ModelSpace
from moetheory.claims.expressions import ExpressionError
from moetheory.commands import reports
from moetheory.commands.option_types import at_least, numbers
from moetheory.commands.options import Command, add_output, add_workers, workers_of
from moetheory.commands.outputs import require_outputs, writing
from moetheory.commands.refusals import refusals
from moetheory.common import terminal
from moetheory.common.seeding import entropy_of
from moetheory.common.terminal import note, show
from moetheory.common.text import wrapped

NONE, FOUND, NEVER = 0, 1, 3
CODES = {"none found": NONE, "counterexample": FOUND, "never applied": NEVER}
RANGES = {  # of a space: metavar and help
    "experts": "groups of a model",
    "block_sizes": "coordinates of a block",
    "samples": "training samples, for a claim about any number n of them",
    "signal_variances": "signal and leakage",
    "coefficients": "coefficients",
    "noise_variances": "noise and interference",
}
COUNTS = ("experts", "block_sizes", "samples")


def run_falsify(options: argparse.Namespace) -> int:
    """Search for a counterexample and print what was found."""
    entropy = entropy_of(options.seed)
    require_outputs({"--save": options.save}, {})
    with refusals(options, claim="CLAIM"):
        space = _space(options)
        try:
            with terminal.Progress(f"falsify {options.claim}", unit="models") as progress:
                result = falsify(
                    options.claim,
                    space=space,
                    budget=options.budget,
                    rng=entropy,
                    anyway=options.anyway,
                    executor=workers_of(options),
                    progress=progress,
                )
        except ExpressionError as error:
            for line in error.shown:
                note(f"  {line}")
            raise
    if options.save is not None and result.found:
        with writing():
            result.to_json(options.save)
        note(f"model: {options.save}")
    _print(result, options)
    if result.interrupted:
        raise KeyboardInterrupt(f"tried {result.models_tried} models, with --seed {entropy}")
    return CODES[result.status]


def _print(result: Falsification, options: argparse.Namespace) -> None:
    if options.json:
        fields = {each.name: getattr(result, each.name) for each in dataclasses.fields(result)}
        entropy = fields.pop("entropy")
        fields |= {
            "status": result.status,
            "relative_violation": result.relative_violation,
            "code": result.code if result.found else None,
        }
        show(reports.document("falsify", fields, entropy=entropy))
        return
    width = terminal.width()
    said = str(result).replace("with seed", "with --seed")
    if width is not None:  # lines of code are joined, so that they are broken once
        said = said.replace("\n    ", " ")
    show(wrapped(said, width))


def _space(options: argparse.Namespace) -> ModelSpace:
    """The space that the options describe."""
    given: dict[str, Any] = {
        name: getattr(options, name)
        for name in ("strict", "interference", "label_noise", "iso_parameter")
    }
    for name in RANGES:
        values = getattr(options, name)
        if values is not None:
            ends = [int(x) if name in COUNTS and x.is_integer() else x for x in values]
            given[name] = tuple(ends * 2 if len(ends) == 1 else ends)
    if options.probability_ratio is not None:
        given["probability_ratio"] = options.probability_ratio
    return ModelSpace(**given)


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "claim",
        metavar="CLAIM",
        help="a theorem's name, or a line: 'risk(MoE(gate=Hard())) <= 2 * risk(MoE())', "
        "'risk(MoE(), samples=n) <= risk(Dense(), samples=n)'",
    )
    group = parser.add_argument_group("space", "the models that are searched")
    for name, what in (
        ("strict", "strict blocks only; --no-strict: leaking blocks only"),
        ("interference", "with interference only; --no-interference: without"),
        ("label-noise", "with label noise only; --no-label-noise: without"),
        ("iso-parameter", "equal isotropic blocks only; --no-iso-parameter: other models only"),
    ):
        group.add_argument(f"--{name}", action=argparse.BooleanOptionalAction, help=what)
    for name, what in RANGES.items():
        low, high = getattr(ModelSpace(), name)
        group.add_argument(
            f"--{name.replace('_', '-')}",
            type=numbers,
            metavar="LO,HI",
            help=f"{what} ({low:g},{high:g})",
        )
    group.add_argument(
        "--probability-ratio",
        type=float,
        metavar="R",
        help="least ratio of the probabilities of two groups (1/4096)",
    )
    parser.add_argument("--budget", type=at_least(1), metavar="N", help="models to try (40000)")
    parser.add_argument(
        "--anyway",
        action="store_true",
        help="ignore the assumptions, and say which of them exclude the counterexample",
    )
    parser.add_argument(
        "--save", type=Path, metavar="FILE.json", help="write the model of a counterexample"
    )
    add_workers(parser)
    add_output(parser)


FALSIFY = Command(
    "falsify", "search for a model that violates a theorem or a claim", _add_options, run_falsify
)

"""``moetheory audit``: the theory tested on a user's own data."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from moetheory.auditing import Audit, audit
from moetheory.commands import reports
from moetheory.commands.option_types import integer, numbers, real
from moetheory.commands.options import Command, add_output
from moetheory.commands.outputs import (
    COMMENT,
    FIGURES,
    require_outputs,
    save,
    writing,
)
from moetheory.commands.refusals import BadInputError, dashed, refusals
from moetheory.common import terminal, text
from moetheory.common.terminal import note, show
from moetheory.datafile import Data, read_data, require_finite

FIELDS = (
    "group_share",
    "chance_share",
    "modularity",
    "leakage",
    "signal",
    "label_unit",
    "names",
    "block_of",
)

KEY = (
    "dense: one predictor of all features; dense(tuned): its penalty cross-validated; moe: experts "
    "of one block each, told the groups; moe(hard): the same behind a gate that sees the noise; "
    "moe(all): told the groups, but each sees all features."
)


def run_audit(options: argparse.Namespace) -> int:
    """Print the predicted and measured risks, and the verdict."""
    _require_output_files(options)
    data = _audited_data(options)
    with (
        refusals(options, columns=data.names),
        terminal.Progress(f"audit {options.file}", unit="rows") as progress,
    ):
        result = audit(
            data.features,
            data.labels,
            groups=data.groups,
            block_of=data.block_of,
            experts=options.experts,
            noise_variances=options.noise_variances,
            held_out=options.held_out,
            repeats=options.repeats,
            intercept=not options.no_intercept,
            center=options.center,
            rng=options.seed,
            progress=progress,
        )
    save(result, options)
    if options.save_model is not None:
        with refusals(options), writing():
            result.model.to_json(options.save_model)
        note(f"model: {options.save_model}")
    if options.json:
        show(reports.document("audit", _results_for_json(result, data), entropy=result.entropy))
        return 0
    width = terminal.width()
    show(result.table(width))
    show()
    show(text.wrapped(KEY, width))
    show()
    show(text.wrapped(result.verdict, width))
    show(f"replay with --seed {result.entropy}")
    return 0


def _require_output_files(options: argparse.Namespace) -> None:
    inputs = {"FILE": [options.file]}
    if not options.file.lower().endswith(".npz"):  # there, these are names of arrays
        for name in ("labels", "groups", "block_of"):
            path = getattr(options, name)
            if path is not None and path.lower().endswith(".npy"):
                inputs[dashed(name)] = [path]
    outputs = {"--csv": options.csv, "--figure": options.figure, "--save-model": options.save_model}
    require_outputs(outputs, inputs)


def _audited_data(options: argparse.Namespace) -> Data:
    try:
        with refusals(options, path="FILE"):
            data = read_data(
                options.file,
                labels=options.labels,
                groups=options.groups,
                block_of=options.block_of,
                ignore=options.ignore,
            )
            require_finite(data, Path(options.file))
            return data
    except OSError as error:
        raise BadInputError(f"{str(error.filename)!r} cannot be read: {error.strerror}") from None


def _results_for_json(result: Audit, data: Data) -> dict[str, Any]:
    """The results for JSON, without what has one entry for each sample."""
    held_out = int(result.held_out.sum())
    crossovers = {
        name: {
            **{
                side: {end: place._asdict() for end, place in lead._asdict().items()}
                for side, lead in found._asdict().items()
            },
            "agree": found.agree,
        }
        for name, found in result.crossovers.items()
    }
    return {
        "columns": dict(result.columns),
        "crossovers": crossovers,
        **{name: getattr(result, name) for name in FIELDS},
        "features": data.names,
        "samples": {"training": len(result.held_out) - held_out, "held_out": held_out},
        "classes": result.classes,
        "verdict": result.verdict,
    }


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file",
        metavar="FILE",
        help='features and labels: .csv with a header line; .npz with an array "features"; '
        ".npy, where a COLUMN is a number from 0, or from the end from -1, or another .npy file",
    )
    parser.add_argument(
        "--labels",
        required=True,
        metavar="COLUMN",
        help="what is predicted: numbers, or two classes of any name; of an .npz file an array",
    )
    parser.add_argument(
        "--groups",
        metavar="COLUMN",
        help="the expert of each sample, an integer or a name; of an .npz file an array (default: "
        "the block with the largest energy)",
    )
    parser.add_argument(
        "--block-of",
        metavar="NAME",
        help="the expert of each feature: an array of an .npz file, else another .npy file "
        "(default: found by which features are active together)",
    )
    parser.add_argument(
        "--ignore",
        action="append",
        default=[],
        metavar="COLUMN",
        help="a column that is no feature; may be given several times",
    )
    parser.add_argument(
        "--experts",
        type=integer,
        metavar="K",
        help="how many blocks to find (default: what the data shows)",
    )
    parser.add_argument(
        "--noise-variances",
        type=numbers,
        metavar="A,B,...",
        help="of the noise that is added to each feature (default: none, and from 1/100 to 10 "
        "times the mean square of the features)",
    )
    parser.add_argument(
        "--held-out",
        type=real,
        default=0.25,
        metavar="SHARE",
        help="of the samples, not trained on, to measure risks on (default 0.25)",
    )
    parser.add_argument(
        "--repeats",
        type=integer,
        default=4,
        metavar="N",
        help="draws of noise for each sample (default 4)",
    )
    parser.add_argument(
        "--center",
        action="store_true",
        help="subtract the mean of each feature: for features whose 0 does not mean inactive",
    )
    parser.add_argument(
        "--no-intercept", action="store_true", help="fit predictors without an intercept"
    )
    parser.add_argument(
        "--csv", type=Path, metavar="FILE", help=f"also write the risks as CSV; {COMMENT}"
    )
    parser.add_argument(
        "--figure", type=Path, metavar="FILE", help=f"draw them ({', '.join(FIGURES)})"
    )
    parser.add_argument(
        "--save-model",
        type=Path,
        metavar="FILE.json",
        help="write the nearest model, for --model of other commands",
    )
    add_output(parser)


AUDIT = Command(
    "audit",
    "test the theory on your own data: which predictor wins at which feature noise",
    _add_options,
    run_audit,
)

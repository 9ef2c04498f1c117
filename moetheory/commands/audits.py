"""``moetheory audit``: the theory tested on a user's own data."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from moetheory.auditing import Audit, audit
from moetheory.auditing.contenders import identity_share
from moetheory.auditing.tabular import Table
from moetheory.auditing.verdict import headline, warnings
from moetheory.auditing.verdict_details import details
from moetheory.commands import reports
from moetheory.commands.audit_options import add_audit_options, is_npy
from moetheory.commands.drawings import require_figure
from moetheory.commands.options import Command
from moetheory.commands.outputs import require_outputs, save, writing
from moetheory.commands.refusals import BadInputError, by_option, dashed, refusals
from moetheory.common import terminal, text
from moetheory.common.terminal import note, show
from moetheory.datafile import Data, read_data, require_finite
from moetheory.datafile.arrays import mapped

FIELDS = (
    *("noise", "level_name", "router", "source", "group_share", "chance_share", "modularity"),
    *("leakage", "signal", "label_unit", "label_power", "astray", "names", "block_of", "classes"),
    *("notes", "verdict"),
)

DENSE_KEY = (
    "dense: one predictor of all features (ridge regression, the penalty is the noise variance); "
    "(tuned): the penalty with the least predicted risk; group mean: no features, only the mean"
)
EXPERTS_KEY = (
    " of the group; moe(block): experts restricted to their block, told the group of each sample; "
    "moe(all): told the group, but each sees all features; router: a router tells the group from "
    "the noisy features; dense + group: dense with an intercept for each group"
)


def run_audit(options: argparse.Namespace) -> int:
    """Print the verdict, and the predicted and measured risks."""
    _require_output_files(options)
    data, noise = _audited_data(options), _noise(options)
    with (
        refusals(options, columns=data.names, features="the features"),
        terminal.Progress(f"audit {options.file}", unit="rows") as progress,
    ):
        result = audit(
            Table(data.features, None if data.names is None else list(data.names)),
            data.labels,
            groups=data.groups,
            block_of=data.block_of,
            clusters=data.clusters,
            experts=options.experts,
            router=options.router,
            noise=noise,
            noise_variances=options.noise_variances,
            held_out=options.held_out,
            repeats=options.repeats,
            intercept=not options.no_intercept,
            center=options.center,
            classes=options.classes,
            keep_constant=options.keep_constant,
            rng=options.seed,
            progress=progress,
        )
    save(result, options)
    no_model = _save_model(result, options)
    if options.json:
        show(reports.document("audit", _results_for_json(result, data), entropy=result.entropy))
    else:
        _show(result)
    if no_model is not None:
        raise no_model
    return 0


def _save_model(result: Audit, options: argparse.Namespace) -> BadInputError | None:
    """Write the model if it is asked for; why it cannot be, which is told after the verdict."""
    if options.save_model is None:
        return None
    try:
        with refusals(options), writing():
            result.model.to_json(options.save_model)
    except BadInputError as refusal:
        return refusal
    note(f"model: {options.save_model}")
    return None


def _show(result: Audit) -> None:
    """Print the verdict's three lines, warnings, the rest of it, the table, and how to replay."""
    width = terminal.width()
    for part in filter(None, (headline(result), by_option(warnings(result)), details(result))):
        show(text.wrapped(part, width))
        show()
    show(result.table(width))
    show()
    key = DENSE_KEY + (EXPERTS_KEY if len(result.names) > 1 else " of all labels")
    show(text.wrapped(f"{key}.", width))
    show()
    show(f"replay with --seed {result.entropy}")


def _require_output_files(options: argparse.Namespace) -> None:
    arguments = ["noise"]
    if not options.file.lower().endswith(".npz"):  # there, these are names of arrays
        arguments += ["labels", "groups", "clusters", "block_of"]
    given = {name: getattr(options, name) for name in arguments}
    inputs = {dashed(name): [path] for name, path in given.items() if path and is_npy(path)}
    outputs = {"--csv": options.csv, "--figure": options.figure, "--save-model": options.save_model}
    require_figure(options)
    require_outputs(outputs, {"FILE": [options.file], **inputs})


def _audited_data(options: argparse.Namespace) -> Data:
    with _reading(), refusals(options, path="FILE"):
        data = read_data(
            options.file,
            labels=options.labels,
            groups=options.groups,
            clusters=options.clusters,
            block_of=options.block_of,
            features=options.features,
            ignore=options.ignore,
        )
        require_finite(data, Path(options.file))
        return data


def _noise(options: argparse.Namespace) -> Any:
    """The kind of noise, or the array in its file."""
    if not is_npy(options.noise):
        return options.noise
    with _reading(), refusals(options):
        return mapped(Path(options.noise))


@contextmanager
def _reading() -> Iterator[None]:
    """Turn errors of reading into one line."""
    try:
        yield
    except OSError as error:
        raise BadInputError(f"{str(error.filename)!r} cannot be read: {error.strerror}") from None


def _results_for_json(result: Audit, data: Data) -> dict[str, Any]:
    """The results for JSON, without what has one entry for each sample."""
    held_out = int(result.held_out.sum())
    crossovers = {
        name: {
            **{
                side: {
                    end: place._asdict() for end, place in getattr(found, side)._asdict().items()
                }
                for side in ("predicted", "measured")
            },
            "against": found.against,
            "agree": found.agree,
        }
        for name, found in result.crossovers.items()
    }
    return {
        "headline": headline(result).splitlines(),
        "columns": dict(result.columns),
        "crossovers": crossovers,
        **{name: getattr(result, name) for name in FIELDS},
        "chance": result.chance._asdict(),
        "choice": None if result.choice is None else result.choice._asdict(),
        "identity_share": identity_share(result),
        "features": data.names,
        "samples": {"training": len(result.held_out) - held_out, "held_out": held_out},
    }


AUDIT = Command(
    "audit",
    "test the theory on your own data: which predictor wins at which feature noise",
    add_audit_options,
    run_audit,
)

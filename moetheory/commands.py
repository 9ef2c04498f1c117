"""What each command of the command line does: options in, text out, an exit code back."""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from moetheory import reporting, terminal
from moetheory.allocation import counts_of
from moetheory.checking import check
from moetheory.errors import NoClosedForm
from moetheory.estimators import Dense, Estimator, MoE
from moetheory.evaluation import gap, moe_bound, risk
from moetheory.model import BlockModel
from moetheory.results import Sweep
from moetheory.simulation.seeding import entropy_of
from moetheory.sweeping import sweep
from moetheory.theorems import catalogue
from moetheory.validation import IntArray
from moetheory.verdicts import Verdict

HOLDS, VIOLATED, UNDECIDED = 0, 1, 3
TEST_SAMPLES, TRAINING_SETS = 2000, (20, 200)  # replicates of a sweep
MOST_THRESHOLDS = 8  # that a sweep over samples looks at closely
RISK_COLUMNS: dict[str, Callable[[Any], str]] = {
    "risk": reporting.number,
    "excess": reporting.number,
    "exactness": str,
    "error": "{:.2g}".format,
    "parameters": str,
    "active": "{:g}".format,
}
FIGURES = (".png", ".pdf", ".svg")


class BadInputError(Exception):
    """Something the user gave cannot be used; the message is one line."""


def run_check(options: argparse.Namespace) -> int:
    """``moetheory check``: theorems against closed forms, proof and simulation."""
    names = options.names or list(catalogue)
    theorems = [_theorem(name) for name in dict.fromkeys(names)]
    if options.negative_control:
        theorems = [theorem.negative_control for theorem in theorems]
    model = _model(options)
    entropy = entropy_of(options.seed)
    verdicts: list[Verdict] = []
    for theorem in theorems:
        with terminal.Progress(f"check {theorem.name}") as progress:
            verdicts.append(
                check(
                    theorem,
                    model,
                    replicates=options.replicates,
                    rng=entropy,
                    level=1e-6 / len(theorems),
                    progress=progress,
                )
            )
    if options.json:
        print(reporting.document("check", verdicts, entropy=entropy))
    else:
        print(reporting.check_report(verdicts, terminal.width()))
    statuses = {verdict.status for verdict in verdicts}
    if "violated" in statuses:
        return VIOLATED
    return HOLDS if statuses == {"holds"} else UNDECIDED


def run_risk(options: argparse.Namespace) -> int:
    """``moetheory risk``: what theory gives for one model."""
    model, samples = _required_model(options), options.samples
    try:
        counts = None if samples is None else counts_of(samples, model)
        estimators: list[Estimator] = [Dense(ridge=options.ridge), MoE(ridge=options.ridge)]
        risks = [risk(estimator, model, samples=samples) for estimator in estimators]
    except (ValueError, NoClosedForm) as error:
        raise BadInputError(error) from None
    results: dict[str, dict[str, Any]] = {}
    for estimator, theory in zip(estimators, risks, strict=True):
        parameters = estimator.parameters(model)
        results[estimator.label] = {
            "risk": theory.value,
            "excess": theory.excess,
            "per_group": theory.per_group,
            "exactness": theory.exactness,
            "error": theory.error,
            "parameters": parameters.total,
            "active": parameters.active,
        }
    extra = {"null_risk": model.null_risk, "gap": gap(model), "moe_bound": moe_bound(model)}
    if options.json:
        asked = {"samples": samples, "counts": counts}
        print(reporting.document("risk", results, **asked, **extra))
        return HOLDS
    # population risks have no error
    columns = {name: text for name, text in RISK_COLUMNS.items() if name != "error" or samples}
    rows = [
        (label, *(text(row[name]) for name, text in columns.items()))
        for label, row in results.items()
    ]
    print(reporting.table(("estimator", *columns), rows, terminal.width()))
    print()
    if counts is not None:
        print(f"fitted on {_counted(counts)}; below: infinitely many samples")
    print(f"dense - MoE, both without ridge {reporting.number(extra['gap'])}")
    print(f"bound on the MoE without ridge  {reporting.number(extra['moe_bound'])}")
    print(f"risk of predicting zero         {reporting.number(extra['null_risk'])}")
    return HOLDS


def _counted(counts: IntArray) -> str:
    least, most = int(counts.min()), int(counts.max())
    each = f"{least}" if least == most else f"{least} to {most}"
    total = sum(counts.tolist())
    return f"{total} {'sample' if total == 1 else 'samples'}, {each} in each group"


def run_sweep(options: argparse.Namespace) -> int:
    """``moetheory sweep``: closed forms and simulations over one quantity."""
    for path in (options.csv, options.figure):
        if path is not None:
            _require_writable(path)
    if options.figure is not None and options.figure.suffix not in FIGURES:
        raise BadInputError(f"--figure must end in {', '.join(FIGURES)}, got {options.figure}")
    source, values, dim = _swept(options)
    with terminal.Progress("sweep") as progress:
        try:
            result = sweep(
                source,
                options.over,
                values,
                samples=options.samples,
                replicates=_replicates(options, dim) or None,
                rng=options.seed,
                progress=progress,
            )
        except (ValueError, NoClosedForm) as error:
            raise BadInputError(error) from None
    try:
        if options.csv is not None:
            result.to_csv(options.csv)
        if options.figure is not None:
            _save_figure(result, options.figure)
    except OSError as error:  # a full disk, say
        raise BadInputError(f"cannot write: {error}") from None
    if options.json:
        print(reporting.document("sweep", result))
    elif options.csv is None:
        result.write_csv(sys.stdout)
    return HOLDS


def _swept(options: argparse.Namespace) -> tuple[Any, list[Any], int]:
    """The model or factory of a sweep, the values, and the number of coordinates."""
    if options.over == "experts":
        return _swept_over_experts(options)
    model = _required_model(options)
    if options.over == "noise_variance":
        noise = (model.noise_variance or 1.0) * np.logspace(-2, 2, 17)
        return model, options.values or noise.tolist(), model.dim
    if options.samples is not None:
        raise BadInputError("--over samples cannot be combined with --samples")
    for value in options.values or []:
        if value != int(value) or value < 1:
            raise BadInputError(
                f"--values must be integers of at least 1 with --over samples, got {value:g}"
            )
    return model, options.values or sample_sizes(model), model.dim


def _swept_over_experts(options: argparse.Namespace) -> tuple[Any, list[Any], int]:
    for name in ("model", "experts"):
        if getattr(options, name) is not None:
            raise BadInputError(f"--over experts cannot be combined with --{name}")
    dim, values = _isotropic(options, experts=1).dim, options.values
    if values is None:
        values = [k for k in range(1, dim + 1) if dim % k == 0]
    elif any(value != int(value) for value in values):
        raise BadInputError("--values must be integers when sweeping over experts")

    def source(experts: int) -> BlockModel:
        return _isotropic(options, experts)

    return source, [int(value) for value in values], dim


def _replicates(options: argparse.Namespace, dim: int) -> int:
    if options.replicates is not None:
        return int(options.replicates)
    if options.over != "samples" and options.samples is None:
        return TEST_SAMPLES
    # small models can afford more, and their risks vary more from one training set to another
    fewest, most = TRAINING_SETS
    return min(most, max(fewest, round(fewest * (256 / dim) ** 2)))


def sample_sizes(model: BlockModel) -> list[int]:
    """From d/8 to 8d, four to the octave, and denser around the thresholds.

    The thresholds are n = d for dense and :math:`n_g = s_g` for the experts. A risk is infinite
    up to one sample away from them: the first and the last such size, and those next to them,
    are included (those of the experts as far as counts follow their shares), so that a figure
    shows the gap where it is.
    """
    d = model.dim
    away = 2.0 ** np.arange(-6, -2)
    sizes = [np.geomspace(d / 8, 8 * d, 25), d * (1 - away), d * (1 + away), d + np.arange(-2, 3)]
    drawn = model.group_probabilities > 0.0
    groups = np.stack([model.sizes[drawn], model.group_probabilities[drawn]], axis=1)
    for s, p in np.unique(groups, axis=0)[:MOST_THRESHOLDS]:
        below, above = math.floor((s - 2) / p), math.ceil((s + 2) / p)
        sizes.append(np.array([below, below + 1, s / p, above - 1, above]))
    every = np.unique(np.rint(np.concatenate(sizes)))
    return [int(n) for n in every if max(1, d / 8) <= n <= 8 * d]


def _save_figure(result: Sweep, path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    from moetheory.plotting import plot

    plot(result)
    pyplot.savefig(path, dpi=150)
    pyplot.close()


# --- what the user gave -----------------------------------------------------------------------


def _theorem(name: str) -> Any:
    try:
        return catalogue[name]
    except KeyError as error:
        raise BadInputError(error.args[0]) from None


def _model(options: argparse.Namespace) -> BlockModel | None:
    """The model of the options; None if they name none."""
    given = [name for name in MODEL_OPTIONS if getattr(options, name) is not None]
    if options.model is None:
        return _isotropic(options) if given else None
    if given:
        clash = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise BadInputError(f"--model cannot be combined with {clash}")
    try:
        return BlockModel.from_json(options.model)
    except OSError as error:
        raise BadInputError(f"{options.model!r} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise BadInputError(error) from None


def _required_model(options: argparse.Namespace) -> BlockModel:
    return _model(options) or _isotropic(options)


def _isotropic(options: argparse.Namespace, experts: int | None = None) -> BlockModel:
    """The iso-parameter model of the options, with ``experts`` instead of theirs if given."""
    values = {
        name: default if getattr(options, name) is None else getattr(options, name)
        for name, default in MODEL_OPTIONS.items()
    }
    if experts is not None:
        values["experts"] = experts
    if values["experts"] is None:
        values["experts"] = max(k for k in range(1, 17) if values["dim"] % k == 0)
    if values["signal_energy"] is None:
        values["signal_energy"] = values["dim"]
    try:
        return BlockModel.power_law(**values)
    except ValueError as error:
        raise BadInputError(error) from None


def _require_writable(path: Path) -> None:
    """Refuse before the work what could not be written after it."""
    folder = path.absolute().parent
    if not folder.is_dir():
        raise BadInputError(f"{path} cannot be written: {path.parent} is not a directory")
    if path.is_dir() or not os.access(folder, os.W_OK):
        why = "it is a directory" if path.is_dir() else f"no permission in {folder}"
        raise BadInputError(f"{path} cannot be written: {why}")


MODEL_OPTIONS: dict[str, Any] = {
    "dim": 256,
    "experts": None,
    "noise_variance": 1.0,
    "signal_energy": None,
    "label_power": 1.0,
    "decay": 0.0,
    "leakage_variances": 0.0,
    "label_noise_variance": 0.0,
}

"""What each command of the command line does: options in, text out, an exit code back."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

from moetheory import reporting, terminal
from moetheory.checking import check
from moetheory.estimators import Dense, MoE
from moetheory.evaluation import gap, moe_bound, risk
from moetheory.model import BlockModel
from moetheory.results import Sweep
from moetheory.simulation.seeding import entropy_of
from moetheory.sweeping import sweep
from moetheory.theorems import catalogue
from moetheory.verdicts import Verdict

HOLDS, VIOLATED, UNDECIDED = 0, 1, 3
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
    model = _required_model(options)
    results: dict[str, dict[str, Any]] = {}
    try:
        estimators = (Dense(ridge=options.ridge), MoE(ridge=options.ridge))
    except ValueError as error:
        raise BadInputError(error) from None
    for estimator in estimators:
        theory, parameters = risk(estimator, model), estimator.parameters(model)
        results[estimator.label] = {
            "risk": theory.value,
            "excess": theory.excess,
            "per_group": theory.per_group,
            "exactness": theory.exactness,
            "parameters": parameters.total,
            "active": parameters.active,
        }
    extra = {"null_risk": model.null_risk, "gap": gap(model), "moe_bound": moe_bound(model)}
    if options.json:
        print(reporting.document("risk", results, **extra))
        return HOLDS
    header = ("estimator", "risk", "excess", "exactness", "parameters", "active")
    rows = [
        (
            label,
            reporting.number(row["risk"]),
            reporting.number(row["excess"]),
            row["exactness"],
            str(row["parameters"]),
            f"{row['active']:g}",
        )
        for label, row in results.items()
    ]
    print(reporting.table(header, rows, terminal.width()))
    print()
    print(f"dense - MoE, both without ridge {reporting.number(extra['gap'])}")
    print(f"bound on the MoE without ridge  {reporting.number(extra['moe_bound'])}")
    print(f"risk of predicting zero         {reporting.number(extra['null_risk'])}")
    return HOLDS


def run_sweep(options: argparse.Namespace) -> int:
    """``moetheory sweep``: closed forms and simulations over one quantity."""
    for path in (options.csv, options.figure):
        if path is not None:
            _require_writable(path)
    if options.figure is not None and options.figure.suffix not in FIGURES:
        raise BadInputError(f"--figure must end in {', '.join(FIGURES)}, got {options.figure}")
    source: Any
    values = options.values
    if options.over == "experts":
        for name in ("model", "experts"):
            if getattr(options, name) is not None:
                raise BadInputError(f"--over experts cannot be combined with --{name}")
        model = _isotropic(options, experts=1)
        if values is None:
            values = [k for k in range(1, model.dim + 1) if model.dim % k == 0]
        elif any(value != int(value) for value in values):
            raise BadInputError("--values must be integers when sweeping over experts")
        values = [int(value) for value in values]

        def source(experts: int) -> BlockModel:
            return _isotropic(options, experts)
    else:
        source = _required_model(options)
        if values is None:
            values = ((source.noise_variance or 1.0) * np.logspace(-2, 2, 17)).tolist()
    with terminal.Progress("sweep") as progress:
        try:
            result = sweep(
                source,
                options.over,
                values,
                replicates=options.replicates or None,
                rng=options.seed,
                progress=progress,
            )
        except ValueError as error:
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

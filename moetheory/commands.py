"""What each command of the command line does: options in, text out, an exit code back."""

from __future__ import annotations

import argparse
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
    names = options.names or list(catalogue)
    theorems = [_theorem(name) for name in dict.fromkeys(names)]
    if options.negative_control:
        theorems = [theorem.negative_control for theorem in theorems]
    model = _model(options, needed=False)
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
    model = _model(options, needed=True)
    assert model is not None
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
    print(f"gap, dense - MoE without ridge  {reporting.number(extra['gap'])}")
    print(f"upper bound on the MoE's excess {reporting.number(extra['moe_bound'])}")
    print(f"risk of predicting zero         {reporting.number(extra['null_risk'])}")
    return HOLDS


def run_sweep(options: argparse.Namespace) -> int:
    for path in (options.csv, options.figure):
        if path is not None and not path.absolute().parent.is_dir():
            raise BadInputError(f"{path} cannot be written: {path.parent} is not a directory")
    if options.figure is not None and options.figure.suffix not in FIGURES:
        raise BadInputError(
            f"--figure must end in {', '.join(FIGURES)}, got {str(options.figure)!r}"
        )
    if options.over == "experts" and options.model is not None:
        raise BadInputError("--over experts takes a model given by --dim and the like, not --model")
    model = _model(options, needed=True)
    assert model is not None
    values = options.values
    if options.over == "experts":
        source: Any = lambda experts: _isotropic(options, experts)  # noqa: E731
        if values is None:
            values = [k for k in range(1, model.dim + 1) if model.dim % k == 0]
        elif any(value != int(value) for value in values):
            raise BadInputError("--values must be integers when sweeping over experts")
        values = [int(value) for value in values]
    else:
        source = model
        if values is None:
            values = (max(model.noise_variance, 1e-300) * np.logspace(-2, 2, 17)).tolist()
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
    except OSError as error:
        raise BadInputError(f"{error.filename} cannot be written: {error.strerror}") from None
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

    figure, ax = pyplot.subplots(figsize=(6.4, 4.4), layout="constrained")
    plot(result, ax)
    figure.savefig(path, dpi=150)


# --- what the user gave -----------------------------------------------------------------------


def _theorem(name: str) -> Any:
    try:
        return catalogue[name]
    except KeyError as error:
        raise BadInputError(error.args[0]) from None


def _model(options: argparse.Namespace, *, needed: bool) -> BlockModel | None:
    given = [name for name in MODEL_OPTIONS if getattr(options, name) is not None]
    if options.model is not None:
        if given:
            clash = ", ".join(f"--{name.replace('_', '-')}" for name in given)
            raise BadInputError(f"--model cannot be combined with {clash}")
        try:
            return BlockModel.from_json(options.model)
        except OSError as error:
            raise BadInputError(f"{options.model} cannot be read: {error.strerror}") from None
        except ValueError as error:
            raise BadInputError(error) from None
    if not given and not needed:
        return None
    return _isotropic(options, MODEL_OPTIONS["experts"] if options.experts is None else None)


def _isotropic(options: argparse.Namespace, experts: int | None) -> BlockModel:
    values = {
        name: default if getattr(options, name) is None else getattr(options, name)
        for name, default in MODEL_OPTIONS.items()
    }
    if values["signal_energy"] is None:
        values["signal_energy"] = values["dim"]
    if experts is not None:
        values["experts"] = experts
    try:
        return BlockModel.power_law(**values)
    except ValueError as error:
        raise BadInputError(error) from None


MODEL_OPTIONS: dict[str, Any] = {
    "dim": 256,
    "experts": 16,
    "noise_variance": 1.0,
    "signal_energy": None,
    "label_power": 1.0,
    "decay": 0.0,
    "leakage_variances": 0.0,
    "label_noise_variance": 0.0,
}

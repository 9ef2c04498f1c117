"""The columns of a table: theory and simulation at its points."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from moetheory.common.errors import HeavyTailWarning
from moetheory.common.seeding import RNG, child, entropy_of
from moetheory.common.terminal import Report
from moetheory.problem.estimators import Estimator, MoE
from moetheory.problem.losses import Loss
from moetheory.problem.sample_counts import checked_replicates
from moetheory.results.estimates import Estimates
from moetheory.results.risks import Misclassification, Risk
from moetheory.results.tables import Sweep, column_names
from moetheory.simulation import simulate
from moetheory.sweeping.closed_forms import closed_form, closed_form_if_known
from moetheory.sweeping.points import SweepPoint, named, require_defined
from moetheory.theory.risks import moe_bound


def tabulated(
    over: str,
    grid: np.ndarray[Any, Any],
    points: Sequence[SweepPoint],
    estimators: Sequence[Estimator],
    loss: Loss,
    replicates: int | None,
    rng: RNG,
    report: Report | None,
) -> Sweep:
    """The table of `sweep` at points other than steps of gradient descent."""
    if replicates is not None:
        replicates = checked_replicates(replicates)
    require_defined(estimators, points)

    columns: dict[str, Any] = {over: grid}
    for estimator in estimators:
        names = column_names(estimator)
        known = [
            _in_theory(estimator, point, loss, simulated=replicates is not None) for point in points
        ]
        columns[names.theory] = np.array([_tabulated_number(each) for each in known])
        if any(isinstance(each, Risk) and each.exactness == "asymptotic" for each in known):
            errors = [each.error if isinstance(each, Risk) else np.nan for each in known]
            columns[names.error] = np.array(errors)
    unperturbed = all(each.samples is None and each.under is None for each in points)
    if MoE() in estimators and unperturbed and loss == "squared":
        columns["bound"] = np.array([moe_bound(each.model) for each in points])
    if replicates is None:
        return Sweep(over, columns, 0, None, tuple(estimators), loss)

    entropy = entropy_of(rng)
    runs = _simulations(estimators, points, loss, replicates, entropy, report)
    # of squared errors the excess is tabulated
    beyond = [each.model.label_noise_variance if loss == "squared" else 0.0 for each in points]
    for i, estimator in enumerate(estimators):
        names = column_names(estimator)
        columns[names.simulated] = np.array([run[i].mean for run in runs]) - beyond
        columns[names.sem] = np.array([run[i].sem for run in runs])
    return Sweep(over, columns, int(runs[0].replicates[0]), entropy, tuple(estimators), loss)


def _in_theory(
    estimator: Estimator, point: SweepPoint, loss: Loss, *, simulated: bool
) -> Risk | Misclassification | None:
    """What theory says at a point; None if there is no formula but a simulation."""
    evaluate = closed_form_if_known if simulated else closed_form
    with named(point.name):
        return evaluate(estimator, point.model, point.samples, point.under, loss)


def _tabulated_number(known: Risk | Misclassification | None) -> float:
    """The number of a theoretical result that a table holds; NaN for none."""
    if known is None:
        return np.nan
    return known.excess if isinstance(known, Risk) else known.value


def _simulations(
    estimators: Sequence[Estimator],
    points: Sequence[SweepPoint],
    loss: Loss,
    replicates: int,
    entropy: int,
    progress: Report | None,
) -> list[Estimates]:
    """The simulations at every point, each with a seed of its own."""

    def run(index: int, point: SweepPoint) -> Estimates:
        def report(done: int, total: int) -> None:
            if progress is not None:
                progress(index * total + done, len(points) * total)

        with named(point.name), warnings.catch_warnings():
            # near a threshold the columns of theory or sem are inf: a warning adds nothing
            warnings.simplefilter("ignore", HeavyTailWarning)
            return simulate(
                estimators,
                point.model,
                samples=point.samples,
                under=point.under,
                loss=loss,
                replicates=replicates,
                rng=child(entropy, index),
                progress=report,
            )

    return [run(index, point) for index, point in enumerate(points)]

"""The columns of a table: theory and simulation at its points."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from moetheory.common.errors import HeavyTailWarning
from moetheory.common.seeding import child, entropy_of
from moetheory.problem.estimators import MoE
from moetheory.problem.sample_counts import checked_replicates
from moetheory.results.risks import Misclassification, Risk
from moetheory.results.tables import Sweep, column_names
from moetheory.simulation.questions import Question, answers
from moetheory.sweeping.arguments import SweepArguments
from moetheory.sweeping.closed_forms import closed_form, closed_form_if_known
from moetheory.sweeping.points import SweepPoint, named, require_defined, setting_of
from moetheory.theory.risks import moe_bound

_Known = Risk | Misclassification


def tabulated(asked: SweepArguments) -> Sweep:
    """The table of `sweep` at points other than steps of gradient descent."""
    points = asked.points()
    require_defined(asked.estimators, points)
    if asked.replicates is None:
        return _in_theory(asked, points, closed_form)
    entropy = entropy_of(asked.rng)
    questions = simulations(asked, points, entropy)
    theory = _in_theory(asked, points, closed_form_if_known)
    columns = dict(theory.columns)
    runs = answers("sweep", questions)
    # of squared errors the excess is tabulated
    squared = asked.loss == "squared"
    beyond = [each.model.label_noise_variance if squared else 0.0 for each in points]
    for i, estimator in enumerate(asked.estimators):
        names = column_names(estimator)
        columns[names.simulated] = np.array([run[i].mean for run in runs]) - beyond
        columns[names.sem] = np.array([run[i].sem for run in runs])
    return replace(theory, columns=columns, replicates=int(runs[0].replicates[0]), entropy=entropy)


def _in_theory(
    asked: SweepArguments, points: Sequence[SweepPoint], evaluate: Callable[..., _Known | None]
) -> Sweep:
    """The table without simulations; ``evaluate`` says what theory knows at a point."""
    over, loss, estimators = asked.over, asked.loss, asked.estimators
    columns: dict[str, Any] = {over: asked.grid}
    for estimator in estimators:
        names = column_names(estimator)
        known = []
        for point in points:
            with named(point.name):
                known.append(evaluate(estimator, point.model, point.samples, point.under, loss))
        columns[names.theory] = np.array([_tabulated_number(each) for each in known])
        if any(isinstance(each, Risk) and each.exactness == "asymptotic" for each in known):
            errors = [each.error if isinstance(each, Risk) else np.nan for each in known]
            columns[names.error] = np.array(errors)
    unperturbed = all(each.samples is None and each.under is None for each in points)
    if MoE() in estimators and unperturbed and loss == "squared":
        columns["bound"] = np.array([moe_bound(each.model) for each in points])
    return Sweep(
        over,
        columns,
        0,
        None,
        tuple(estimators),
        loss,
        setting_of(points),
        partial(_at_other_values, asked),
    )


def _at_other_values(asked: SweepArguments, values: Any) -> Sweep:
    """The table in theory alone at other values; NaN where there is no formula."""
    other = asked.at(values)
    points = other.points()
    require_defined(other.estimators, points)
    return _in_theory(other, points, closed_form_if_known)


def _tabulated_number(known: _Known | None) -> float:
    """The number of a theoretical result that a table holds; NaN for none."""
    if known is None:
        return np.nan
    return known.excess if isinstance(known, Risk) else known.value


def simulations(
    asked: SweepArguments, points: Sequence[SweepPoint], entropy: int
) -> list[Question]:
    """What a sweep asks `simulate` at its points, each with a seed of its own."""
    replicates = checked_replicates(asked.replicates)

    def question(index: int, point: SweepPoint) -> Question:
        with named(point.name), warnings.catch_warnings():
            # near a threshold the columns of theory or sem are inf: a warning adds nothing
            warnings.simplefilter("ignore", HeavyTailWarning)
            return Question.of(
                asked.estimators,
                point.model,
                samples=point.samples,
                under=point.under,
                loss=asked.loss,
                replicates=replicates,
                rng=child(entropy, index),
                **asked.work,
            )

    return [question(index, point) for index, point in enumerate(points)]

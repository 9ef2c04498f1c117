"""Theorem 4.4: misrouting, with drag, turns the order round."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from moetheory.claims.quantities import uneven_model
from moetheory.figures import plot
from moetheory.paper.declaration import Computed, Fact, Row, turns
from moetheory.problem.estimators import Dense, Estimator, MoE
from moetheory.problem.perturbation import Perturbation, even_confusion
from moetheory.results.tables import Sweep
from moetheory.sweeping import sweep
from moetheory.theory.order_changes import crossover
from moetheory.theory.risks import risk

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DRAGS = (0.0, 1.0)
RATES = tuple(float(each) for each in np.linspace(0.0, 1.0, 11))


def _misled(estimator: Estimator, rate: float, drag: float) -> float:
    """The excess risk if a share of the inputs goes to wrong experts, evenly."""
    model = uneven_model(1.0)
    under = Perturbation(confusion=even_confusion(model.experts, rate), drag=drag)
    return risk(estimator, model, under=under).excess


def _compute(entropy: int) -> Computed:
    """The risks over the rate of errors, with and without drag, and where the order turns."""
    model = uneven_model(1.0)
    tables = [
        sweep(model, "misrouting", RATES, drag=drag, replicates=20_000, rng=entropy)
        for drag in DRAGS
    ]
    ends = [crossover(Dense(), MoE(), model, over="misrouting", drag=drag) for drag in DRAGS]
    lost, null = _misled(MoE(), 1.0, 0.0), model.label_power

    def lead(rate: float, drag: float) -> float:
        return _misled(Dense(), rate, drag) - _misled(MoE(), rate, drag)

    turned = [turns(partial(lead, drag=drag), end) for drag, end in zip(DRAGS, ends, strict=True)]
    facts = (
        Fact(
            f"dense is better from an error rate of {ends[0]:.4g} on without drag, of "
            f"{ends[1]:.4g} on with drag 1",
            0.0 < ends[1] < ends[0] <= 1.0 and all(turned),
            {"drag": DRAGS, "crossover": ends},
        ),
        Fact(
            f"if no input reaches its expert the excess risk of the mixture is {lost:.4g}, above "
            f"that of a prediction of zero, {null:.4g}",
            lost >= null,
            {"moe": lost, "null": null},
        ),
    )
    return Computed(facts, tables)


def _draw(figure: Figure, tables: list[Sweep]) -> None:
    """Draw both risks against the rate of errors, one panel for each drag."""
    panels = figure.subplots(1, len(DRAGS), sharey=True)
    for ax, table, title in zip(
        panels, tables, ("Without drag", "With drag dense wins sooner"), strict=True
    ):
        plot(table, ax, title=title)
    panels[0].set_ylim(0.0, 1.05 * tables[-1]["moe"].max())
    panels[1].set_ylabel("")


ROW = Row(
    place="Theorem 4.4",
    says="Misrouted inputs, drawn towards the wrong group, cost the mixture its lead.",
    verdict="reproduced",
    because="Both risks are linear in the rate of errors, and with strict blocks there is one "
    "rate, at most 1, beyond which dense is better; drag lowers it.",
    compute=_compute,
    theorems=("misrouting",),
    draw=_draw,
    size=(10.0, 4.4),
)

"""The plan of method="data": one route for all estimators, with gates and one's own."""

from __future__ import annotations

from collections.abc import Sequence

from moetheory.common.arrays import IntArray
from moetheory.problem.custom_estimators import Custom
from moetheory.problem.estimators import Simulated, routes_by_input
from moetheory.problem.losses import Loss
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation
from moetheory.problem.sample_counts import Counts
from moetheory.simulation.methods.data import DataRoute
from moetheory.simulation.methods.gated_data import GatedDataRoute
from moetheory.simulation.methods.route import Family


def data_family(
    simulated: Sequence[Simulated],
    models: tuple[BlockModel, ...],
    samples: IntArray,
    counts: Counts,
    under: Perturbation | None,
    loss: Loss,
) -> Family:
    """The family of all estimators on the same samples, those of one's own last."""
    known = {i: each for i, each in enumerate(simulated) if not isinstance(each, Custom)}
    customs = {i: each for i, each in enumerate(simulated) if isinstance(each, Custom)}
    route = GatedDataRoute if any(map(routes_by_input, known.values())) else DataRoute
    given = models, tuple(known.values()), samples, counts, under, loss
    fitted = route(*given, customs=tuple(customs.values()))
    return Family("all", (*known, *customs), fitted, ())

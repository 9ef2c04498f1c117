"""Plans: the route by which each estimator is simulated, and who shares draws with whom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from moetheory.common.arrays import IntArray
from moetheory.common.errors import ArgumentError, Mention
from moetheory.problem.descent_schedule import Schedule
from moetheory.problem.estimators import Estimator, MoE, require_strict, routes_by_input
from moetheory.problem.gates import Learned, MomentKind, resolved
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation
from moetheory.problem.sample_counts import Counts
from moetheory.simulation.methods.base import TrainingRoute
from moetheory.simulation.methods.data import DataRoute
from moetheory.simulation.methods.descent_fits import (
    DataDescentRoute,
    DenseDescentRoute,
    DescentRoute,
    ExpertDescentRoute,
)
from moetheory.simulation.methods.identity import IdentityRoute
from moetheory.simulation.methods.law import LawRoute
from moetheory.simulation.methods.learned_routers import LearnedRoute
from moetheory.simulation.methods.population import PopulationRoute
from moetheory.simulation.methods.route import Family, Method
from moetheory.simulation.methods.statistics import DenseStatisticsRoute, ExpertStatisticsRoute


def families(
    estimators: Sequence[Estimator],
    models: tuple[BlockModel, ...],
    samples: IntArray | None,
    counts: Counts,
    method: Method | None,
    under: Perturbation | None = None,
) -> list[Family]:
    """The families of `simulate`: for every estimator the cheapest method, or ``method``.

    ``samples`` are those of each group, (K,), and checked, as ``counts`` and ``method`` are.
    """
    if samples is None:
        return _population_families(tuple(estimators), models, method, under)

    def family(name: str, members: list[int], route: type[TrainingRoute], *salt: int) -> Family:
        chosen = tuple(estimators[i] for i in members)
        trained = route(models, chosen, samples, counts, under)
        return Family(name, tuple(members), trained, salt)

    if method == "data":
        return [family("all", list(range(len(estimators))), DataRoute)]
    routed, dense = separated(estimators, models[0])
    if method == "law" and dense:
        raise ArgumentError(
            Mention("method", "law"), "is known for MoE, got ", estimators[dense[0]]
        )
    result = []
    if routed:
        law = family("experts", routed, LawRoute, 1)
        assert isinstance(law.route, LawRoute)
        obstacle = law.route.obstacle()
        if method == "law" and obstacle is not None:
            raise ArgumentError(
                Mention("method", "law"),
                f"has no closed form for {obstacle}; leave out ",
                Mention("method"),
            )
        use_law = obstacle is None and method != "statistics"
        result.append(law if use_law else family("experts", routed, ExpertStatisticsRoute, 1))
    if dense:
        result.append(family("dense", dense, DenseStatisticsRoute))
    return result


def separated(estimators: Sequence[Estimator], model: BlockModel) -> tuple[list[int], list[int]]:
    """Indices of the estimators that are simulated as experts and as dense."""
    all_members = range(len(estimators))
    # with a single expert dense and mixture are the same regression
    routed = [i for i in all_members if isinstance(estimators[i], MoE) or model.experts == 1]
    return routed, [i for i in all_members if i not in routed]


def _population_families(
    estimators: tuple[Estimator, ...],
    models: tuple[BlockModel, ...],
    method: Method | None,
    under: Perturbation | None,
) -> list[Family]:
    """The families of population-optimal estimators."""
    needs_weights = method == "identity" or any(map(routes_by_input, estimators))
    if needs_weights:
        require_strict(models[0])
    learned: dict[Learned, list[int]] = {}
    for i, estimator in enumerate(estimators):
        if isinstance(estimator, MoE):
            gate = resolved(estimator.gate, models[0].experts)
            if isinstance(gate, Learned):
                learned.setdefault(gate, []).append(i)
    if under is not None and method == "identity":
        raise ArgumentError(
            Mention("method", "identity"),
            "holds for inputs as they are in training, got ",
            under,
            "; leave out ",
            Mention("method"),
        )
    if method == "population" or under is not None or not needs_weights:
        if learned:
            other = Mention("method", method) if under is None else under
            raise ArgumentError(
                "estimator",
                "must not learn its gate, which is simulated with ",
                Mention("method", "identity"),
                f" only, got {next(iter(learned))!r} and ",
                other,
            )
        all_members = tuple(range(len(estimators)))
        return [Family("all", all_members, PopulationRoute(models, estimators, under), ())]
    result = []
    learned_members = {i for members in learned.values() for i in members}
    if rest := tuple(i for i in range(len(estimators)) if i not in learned_members):
        identity = IdentityRoute(models, tuple(estimators[i] for i in rest))
        result.append(Family("all", rest, identity, ()))
    for gate, members in learned.items():
        router = LearnedRoute(models, tuple(estimators[i] for i in members), gate)
        # the salt depends on the gate alone, so that other estimators do not change its draws
        assert gate.samples is not None
        salt = (2, gate.samples, get_args(MomentKind).index(gate.moments))
        result.append(Family(gate.label, tuple(members), router, salt))
    return result


def descent_families(
    estimators: Sequence[Estimator],
    model: BlockModel,
    samples: IntArray,
    counts: Counts,
    method: Method | None,
    under: Perturbation | None,
    schedule: Schedule,
) -> list[Family]:
    """The families of `simulate_descent`; members are indices (estimator, number of steps)."""

    def family(name: str, members: list[int], route: type[DescentRoute], *salt: int) -> Family:
        chosen = tuple(estimators[i] for i in members)
        descent_route = route((model,), chosen, samples, counts, under=under, schedule=schedule)
        steps = len(schedule.steps)
        places = tuple(i * steps + t for i in members for t in range(steps))
        return Family(name, places, descent_route, salt)

    if method == "data":
        return [family("all", list(range(len(estimators))), DataDescentRoute)]
    routed, dense = separated(estimators, model)
    result = []
    if routed:
        result.append(family("experts", routed, ExpertDescentRoute, 1))
    if dense:
        result.append(family("dense", dense, DenseDescentRoute))
    return result

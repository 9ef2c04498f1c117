"""Plans: the route by which each estimator is simulated, and who shares draws with whom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from moetheory.common.arrays import IntArray
from moetheory.common.errors import ArgumentError, Mention
from moetheory.predictors.expert_problems import expert_problems
from moetheory.problem.custom_estimators import Custom
from moetheory.problem.descent_schedule import Schedule
from moetheory.problem.estimators import (
    Dense,
    Estimator,
    MoE,
    Simulated,
    one_each,
    resolved_gate,
    routes_by_input,
)
from moetheory.problem.gates import Learned, MomentKind
from moetheory.problem.losses import Loss
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation, changes_variances_alone
from moetheory.problem.sample_counts import Counts
from moetheory.simulation.data_plans import data_family
from moetheory.simulation.gate_plans import fitted_gate_families
from moetheory.simulation.heavy_tails import VARIANCE
from moetheory.simulation.methods.base import TrainingRoute
from moetheory.simulation.methods.composed import ComposedRoute, ExpertPart
from moetheory.simulation.methods.data import DataRoute
from moetheory.simulation.methods.descent_fits import (
    DataDescentRoute,
    DenseDescentRoute,
    DescentRoute,
    ExpertDescentRoute,
)
from moetheory.simulation.methods.flips import FlipsRoute, flippable
from moetheory.simulation.methods.identity import IdentityRoute
from moetheory.simulation.methods.krylov import KrylovRoute
from moetheory.simulation.methods.law import LawRoute
from moetheory.simulation.methods.learned_routers import LearnedRoute
from moetheory.simulation.methods.population import PopulationRoute
from moetheory.simulation.methods.route import Family, Method, Route
from moetheory.simulation.methods.statistics import DenseStatisticsRoute, ExpertStatisticsRoute


def families(
    simulated: Sequence[Simulated],
    models: tuple[BlockModel, ...],
    samples: IntArray | None,
    counts: Counts,
    method: Method | None,
    under: Perturbation | None = None,
    loss: Loss = "squared",
) -> list[Family]:
    """The families of `simulate`: for every estimator the cheapest method, or ``method``.

    ``samples`` are those of each group, (K,), and checked, as ``counts`` and ``method`` are:
    "data" with estimators of one's own.
    """
    estimators = [each for each in simulated if not isinstance(each, Custom)]
    if samples is None:
        return _population_families(tuple(estimators), models, method, under, loss)

    def family(name: str, members: list[int], route: type[TrainingRoute], *salt: int) -> Family:
        chosen = tuple(estimators[i] for i in members)
        trained = route(models, chosen, samples, counts, under, loss)
        return Family(name, tuple(members), trained, salt)

    gates = [each for each in estimators if routes_by_input(each)]
    for each in gates:
        _require_learnable(each, models[0])
    if method == "data":
        return [data_family(simulated, models, samples, counts, under, loss)]
    by_gates = fitted_gate_families(estimators, models, samples, counts, method, under, loss)
    if method == "identity":
        return by_gates
    if gates and method is not None:
        raise ArgumentError(
            Mention("method", method),
            "is known for Dense and for oracle routing only, got ",
            gates[0],
            "; leave out ",
            Mention("method"),
        )
    routed, dense = separated(estimators, models[0])
    if method == "krylov":
        dense, routed = routed + dense, []
    by_assignment, drawn = _assigned(estimators, counts, under)
    mixtures = [each for each in estimators if not isinstance(each, Dense)]
    if method == "krylov" and mixtures:
        raise ArgumentError(
            Mention("method", "krylov"), "is known for Dense alone, got ", mixtures[0]
        )
    no_law = [i for i in range(len(estimators)) if i not in routed]
    if method == "law" and no_law:
        raise ArgumentError(
            Mention("method", "law"),
            "is known for MoE with one expert a group and no shared expert, got ",
            estimators[no_law[0]],
        )
    if method == "statistics" and drawn:
        raise ArgumentError(
            Mention("method", "statistics"),
            "is not known with a shared expert, and for experts that serve several groups not "
            "with multinomial counts or confusion, got ",
            estimators[drawn[0]],
            "; leave out ",
            Mention("method"),
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
        vectors = family("dense", dense, KrylovRoute)
        use_vectors = _uses_vectors(vectors.route, method)
        result.append(vectors if use_vectors else family("dense", dense, DenseStatisticsRoute))
    for number, (assignment, members) in enumerate(by_assignment.items()):
        chosen = tuple(estimators[i] for i in members)
        composed = _composed(models, chosen, samples, under, loss)
        # the salt depends on the assignment alone, so that other estimators do not change its draws
        result.append(Family(f"assignment {number}", tuple(members), composed, (3, *assignment)))
    if drawn:
        result.append(family("data", drawn, DataRoute, 4))
    return result + by_gates


def _uses_vectors(route: Route, method: Method | None) -> bool:
    """Whether dense is fitted by Krylov vectors, not on rows; refuse it where they are not known.

    Where the variance of a risk is infinite they are never used: singular values come close to 0.
    """
    assert isinstance(route, KrylovRoute)
    obstacle = route.obstacle()
    if method == "krylov" and obstacle is not None:
        raise ArgumentError(
            Mention("method", "krylov"),
            f"is not known with {obstacle}; leave out ",
            Mention("method"),
        )
    unpenalised = any(each.ridge == 0.0 for each in route.estimators)
    if unpenalised and abs(route.total - route.models[0].dim) <= VARIANCE:
        return False
    return obstacle is None and (method == "krylov" or (method is None and route.cheaper))


def separated(estimators: Sequence[Estimator], model: BlockModel) -> tuple[list[int], list[int]]:
    """Indices of the estimators that are simulated as experts, one a group, and as dense."""
    plain = [i for i, each in enumerate(estimators) if one_each(each) and not routes_by_input(each)]
    # with a single expert dense and mixture are the same regression
    routed = [i for i in plain if isinstance(estimators[i], MoE) or model.experts == 1]
    return routed, [i for i in plain if i not in routed]


def _assigned(
    estimators: Sequence[Estimator], counts: Counts, under: Perturbation | None
) -> tuple[dict[tuple[int, ...], list[int]], list[int]]:
    """Indices of the estimators with experts that serve several groups or with a shared one.

    First, by their assignment, those that separate into dense problems; then the others.
    """
    by_assignment: dict[tuple[int, ...], list[int]] = {}
    drawn = []
    confused = under is not None and under.confusion is not None
    for i, each in enumerate(estimators):
        if isinstance(each, MoE) and not one_each(each) and not routes_by_input(each):
            if each.assignment is None or each.shared or confused or counts != "fixed":
                drawn.append(i)
            else:
                by_assignment.setdefault(each.assignment, []).append(i)
    return by_assignment, drawn


def _composed(
    models: tuple[BlockModel, ...],
    estimators: tuple[Estimator, ...],
    samples: IntArray,
    under: Perturbation | None,
    loss: Loss,
) -> ComposedRoute:
    """The route of ``estimators``, which differ only in their ridge: each expert by its own."""
    ridges = [Dense(each.ridge) for each in estimators]
    parts = []
    for problems in zip(*(expert_problems(estimators[0], each) for each in models), strict=True):
        groups, route = problems[0].groups, None
        own = tuple(problem.model for problem in problems)
        there = None if under is None else problems[0].under(under)
        if samples[groups].any():
            (dense,) = families(ridges, own, samples[groups], "fixed", None, there, loss)
            assert isinstance(dense.route, TrainingRoute)
            route = dense.route
        parts.append(ExpertPart(groups, own, there, route))
    return ComposedRoute(models, estimators, samples, "fixed", under, loss, parts=parts)


def _population_families(
    estimators: tuple[Estimator, ...],
    models: tuple[BlockModel, ...],
    method: Method | None,
    under: Perturbation | None,
    loss: Loss,
) -> list[Family]:
    """The families of population-optimal estimators."""
    assigned = [each for each in estimators if not one_each(each)]
    if method == "identity" and (assigned or loss == "sign"):
        raise ArgumentError(
            Mention("method", "identity"),
            "is known for squared errors, and for one expert a group without a shared expert, got ",
            assigned[0] if assigned else Mention("loss", loss),
            "; leave out ",
            Mention("method"),
        )
    needs_weights = method == "identity" or any(map(routes_by_input, estimators))
    learned: dict[Learned, list[int]] = {}
    for i, estimator in enumerate(estimators):
        if isinstance(estimator, MoE):
            gate = resolved_gate(estimator, models[0])
            if isinstance(gate, Learned):
                _require_learnable(estimator, models[0])
                learned.setdefault(gate, []).append(i)
    by_squares = under is None or changes_variances_alone(under)
    if not by_squares and method == "identity":
        raise ArgumentError(
            Mention("method", "identity"),
            "is known for test noise that is normal, and nothing else, got ",
            under,
            "; leave out ",
            Mention("method"),
        )
    if learned and loss == "sign" and not models[0].strict:
        raise ArgumentError(
            Mention("loss", loss),
            f"is known for {next(iter(learned))!r} with strict blocks, ",
            Mention("leakage_variances", 0),
            ", got leakage",
        )
    if method == "flips" and not flippable(under, loss):
        raise ArgumentError(
            Mention("method", "flips"),
            "is known for squared errors, without noise of another law, erasure and shift, got ",
            Mention("loss", loss) if loss == "sign" else under,
            "; leave out ",
            Mention("method"),
        )
    if method in ("population", "flips") or not by_squares or not needs_weights:
        if learned:
            other = Mention("method", method) if by_squares else under
            raise ArgumentError(
                "estimator",
                "must not learn its gate, which is simulated with ",
                Mention("method", "identity"),
                f" only, got {next(iter(learned))!r} and ",
                other,
            )
        all_members = tuple(range(len(estimators)))
        of_inputs = FlipsRoute if method == "flips" else PopulationRoute
        return [Family("all", all_members, of_inputs(models, estimators, under, loss), ())]
    result = []
    learned_members = {i for members in learned.values() for i in members}
    if rest := tuple(i for i in range(len(estimators)) if i not in learned_members):
        by_weights = loss == "squared" and not assigned
        route = IdentityRoute if by_weights else PopulationRoute
        given = route(models, tuple(estimators[i] for i in rest), under, loss)
        result.append(Family("all", rest, given, ()))
    for gate, members in learned.items():
        router = LearnedRoute(models, tuple(estimators[i] for i in members), gate, loss, under)
        # the salt depends on the gate alone, so that other estimators do not change its draws
        assert gate.samples is not None
        salt = (2, gate.samples, get_args(MomentKind).index(gate.moments))
        result.append(Family(gate.label, tuple(members), router, salt))
    return result


def _require_learnable(estimator: Estimator, model: BlockModel) -> None:
    """Refuse a gate that learns beside experts of several groups, or a shared one."""
    if not isinstance(estimator, MoE) or one_each(estimator):
        return
    if isinstance(resolved_gate(estimator, model), Learned):
        raise ArgumentError(
            "estimator",
            "must have one expert a group, and no shared expert, with a gate that learns, got ",
            estimator,
        )


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

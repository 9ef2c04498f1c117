"""Which way each estimator is simulated, and which estimators share their draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args

import numpy as np

from moetheory.allocation import Counts, counts_of, known_counts
from moetheory.estimators import Estimator, MoE, require_strict, routes_by_input
from moetheory.gates import Learned, Moments, resolved
from moetheory.kernels import Workspace
from moetheory.model import BlockModel
from moetheory.perturbation import Perturbation
from moetheory.simulation.data import Data
from moetheory.simulation.gated import Identity
from moetheory.simulation.law import Law
from moetheory.simulation.learned import Taught
from moetheory.simulation.moments import Tally
from moetheory.simulation.population import Population
from moetheory.simulation.statistics import DenseStatistics, ExpertStatistics
from moetheory.simulation.training import Training
from moetheory.validation import IntArray, regular_array

Method = Literal["population", "identity", "law", "statistics", "data"]
METHODS: tuple[Method, ...] = get_args(Method)


class Route(Protocol):
    """A way to simulate: the engine asks for chunks and merges what they leave."""

    @property
    def models(self) -> tuple[BlockModel, ...]:
        """Equal but for their noise variance."""

    @property
    def method(self) -> str:
        """What estimates say of how they were simulated."""

    @property
    def chunk_size(self) -> int:
        """Replicates in a chunk: a function of the models and the samples alone."""

    @property
    def footprint(self) -> int:
        """Bytes a chunk works in, at most."""

    @property
    def cost(self) -> int:
        """Of a replicate, in units common to all routes."""

    def chunk(self, rng: np.random.Generator, replicates: int, work: Workspace) -> Tally:
        """The tally of ``replicates`` replicates drawn from ``rng``."""


@dataclass(frozen=True)
class Family:
    """Estimators that share their draws.

    Attributes
    ----------
    name : str
        "all", "experts", "dense" or what a router has learned from.
    members : tuple of int
        Which of the estimators.
    route : Route
        Their values model by model, in the order of ``members``.
    salt : tuple of int
        Sets its streams apart from those of the other families.
    """

    name: str
    members: tuple[int, ...]
    route: Route
    salt: tuple[int, ...]


def families(
    estimators: Sequence[Estimator],
    models: tuple[BlockModel, ...],
    samples: Any,
    counts: Counts,
    method: Method | None,
    keep: bool,
    under: Perturbation | None = None,
) -> list[Family]:
    """The cheapest way for every estimator, or the way that was asked for."""
    if method is not None and method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)} or None, got {method!r}")
    everyone = tuple(range(len(estimators)))
    if samples is None:
        if known_counts(counts) != "fixed":
            raise ValueError(
                f"counts={counts!r} needs samples, the size of the training sets, got samples=None"
            )
        if method not in (None, "population", "identity"):
            raise ValueError(
                f"method={method!r} needs samples, the size of the training sets, got samples=None"
            )
        return _optimal(tuple(estimators), models, method, under)
    if method in ("population", "identity"):
        raise ValueError(f'method="{method}" draws no training sets, got samples={samples!r}')
    for estimator in estimators:
        if routes_by_input(estimator):
            raise ValueError(
                "fitted estimators are simulated with Oracle routing only, got "
                f"{estimator!r} and samples={samples!r}; the samples of a router are "
                "Learned(samples=...)"
            )
    fixed = known_sizes(samples, counts, models[0])

    def family(name: str, members: list[int], route: type[Training], *salt: int) -> Family:
        chosen = tuple(estimators[i] for i in members)
        trained = route(models, chosen, fixed, counts, keep, under)
        return Family(name, tuple(members), trained, salt)

    if method == "data":
        return [family("all", list(everyone), Data)]
    routed, dense = separated(estimators, models[0])
    if method == "law" and dense:
        raise ValueError(f'method="law" is known for MoE, got {estimators[dense[0]]!r}')
    result = []
    if routed:
        law = family("experts", routed, Law, 1)
        assert isinstance(law.route, Law)
        obstacle = law.route.obstacle()
        if method == "law" and obstacle is not None:
            raise ValueError(f'method="law" does not know {obstacle}; leave method=None')
        use_law = obstacle is None and method != "statistics"
        result.append(law if use_law else family("experts", routed, ExpertStatistics, 1))
    if dense:
        result.append(family("dense", dense, DenseStatistics))
    return result


def known_sizes(samples: Any, counts: Counts, model: BlockModel) -> IntArray:
    """Samples of each group; with counts that are drawn, as many in total."""
    if known_counts(counts) == "multinomial" and regular_array("samples", samples).ndim > 0:
        raise ValueError(
            'samples must be an integer with counts="multinomial", which draws the counts '
            f"of the groups, got {samples!r}"
        )
    return counts_of(samples, model)


def separated(estimators: Sequence[Estimator], model: BlockModel) -> tuple[list[int], list[int]]:
    """Which of them are experts and which are dense, when simulated apart."""
    everyone = range(len(estimators))
    # with a single expert dense and mixture are the same regression
    routed = [i for i in everyone if isinstance(estimators[i], MoE) or model.experts == 1]
    return routed, [i for i in everyone if i not in routed]


def _optimal(
    estimators: tuple[Estimator, ...],
    models: tuple[BlockModel, ...],
    method: Method | None,
    under: Perturbation | None,
) -> list[Family]:
    """The families of population-optimal estimators."""
    gated = any(map(routes_by_input, estimators))
    if gated or method == "identity":
        require_strict(models[0])
    learned: dict[Learned, list[int]] = {}
    for i, estimator in enumerate(estimators):
        if isinstance(estimator, MoE):
            gate = resolved(estimator.gate, models[0].experts)
            if isinstance(gate, Learned):
                learned.setdefault(gate, []).append(i)
    if under is not None and method == "identity":
        raise ValueError(
            f'method="identity" holds for inputs as they are in training, got under={under!r}; '
            "leave method=None"
        )
    if method == "population" or under is not None or not (gated or method == "identity"):
        if learned:
            other = f"method={method!r}" if under is None else f"under={under!r}"
            raise ValueError(
                f'a gate that is learned is simulated with method="identity" only, got '
                f"{next(iter(learned))!r} and {other}"
            )
        everyone = tuple(range(len(estimators)))
        return [Family("all", everyone, Population(models, estimators, under), ())]
    result = []
    taught = {i for members in learned.values() for i in members}
    if rest := tuple(i for i in range(len(estimators)) if i not in taught):
        together = Identity(models, tuple(estimators[i] for i in rest))
        result.append(Family("all", rest, together, ()))
    for gate, members in learned.items():
        alone = Taught(models, tuple(estimators[i] for i in members), gate)
        # the salt is the gate's own: alone or among others it gets the same draws
        assert gate.samples is not None
        salt = (2, gate.samples, get_args(Moments).index(gate.moments))
        result.append(Family(gate.label, tuple(members), alone, salt))
    return result

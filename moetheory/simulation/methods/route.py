"""The contract that a method of simulation fulfils."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, get_args

import numpy as np

from moetheory.kernels import Workspace
from moetheory.problem.model import BlockModel
from moetheory.simulation.methods.tally import Tally

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

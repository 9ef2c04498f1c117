"""method="statistics" for experts that serve several groups: each is a dense problem of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.kernels import Workspace
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation
from moetheory.simulation.methods.base import TrainingRoute
from moetheory.simulation.methods.fit_risks import dense_fit_risks


class ExpertPart(NamedTuple):
    """One expert of a mixture, as dense on the groups that it serves.

    Attributes
    ----------
    groups : integer array
        The groups of the mixture.
    models : tuple of M BlockModel
        The models of these groups alone.
    under : Perturbation or None
        That of the mixture, on these groups.
    route : TrainingRoute or None
        The route that fits the expert; None without samples.
    """

    groups: IntArray
    models: Sequence[BlockModel]
    under: Perturbation | None
    route: TrainingRoute | None


@dataclass(frozen=True, eq=False)
class ComposedRoute(TrainingRoute):
    """A replicate fits every expert by a route of its own; counts are fixed, nobody is confused.

    The estimators differ only in their ridge.
    """

    parts: Sequence[ExpertPart] = field(kw_only=True)

    method: ClassVar[str] = "statistics"

    @property
    def routes(self) -> list[TrainingRoute]:
        """The routes of the experts that have samples."""
        return [part.route for part in self.parts if part.route is not None]

    @property
    def numbers(self) -> int:
        """Numbers in the largest array of one replicate, or in all small ones together."""
        return max(6 * self.models[0].dim, *(route.numbers for route in self.routes))

    @property
    def footprint(self) -> int:
        """Bytes a chunk works in, at most; the buffers of all routes stay."""
        return super().footprint + 8 * 4 * self.batch * self.numbers

    @property
    def cost(self) -> int:
        """Work of a replicate."""
        return sum(route.cost for route in self.routes)

    def group_risks(self, rng: np.random.Generator, replicates: int, work: Workspace) -> FloatArray:
        """Risks given the group, expert by expert; all models and ridges from the same draws."""
        shape = len(self.models), len(self.estimators), replicates, self.models[0].experts
        risks = np.empty(shape)
        for part in self.parts:
            if part.route is None:
                risks[..., part.groups] = self._null_risks(part)[:, np.newaxis, np.newaxis]
            else:
                found = part.route.group_risks(rng, replicates, work)
                risks[..., part.groups] = found.reshape(*shape[:3], -1)
        return risks.reshape(self.fits, replicates, -1)

    def _null_risks(self, part: ExpertPart) -> FloatArray:
        """Risks given the group of predicting zero, (M, K)."""
        null = [
            dense_fit_risks(model, np.zeros((1, model.dim)), part.under, self.loss)[0]
            for model in part.models
        ]
        return np.stack(null)

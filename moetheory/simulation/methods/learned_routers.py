r"""Routers that are learned from samples: the moments they estimate, in law, and their risks.

A router that is fitted on n samples sees of them only Wishart matrices, whose triangular roots
are drawn here: about :math:`\sum_j s_j^2` numbers for its moments of the blocks, whatever n.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar, NamedTuple

import numpy as np

from moetheory import kernels
from moetheory.common.arrays import FloatArray, IntArray
from moetheory.kernels import Weights, Workspace
from moetheory.kernels.gate_weights import BoolArray
from moetheory.problem.estimators import Estimator
from moetheory.problem.gates import Learned
from moetheory.problem.model import BlockModel
from moetheory.problem.sample_counts import MOST_SAMPLES, counts_of
from moetheory.simulation.methods.block_energies import Squares, View
from moetheory.simulation.methods.identity import given_groups
from moetheory.simulation.methods.tally import Tally

# part of the reproducibility contract
INPUTS = 32  # of each router
BATCH = 1 << 19  # numbers in the inputs, their scores and the moments of a batch
BATCHES = 4  # in a chunk


@dataclass(frozen=True, eq=False)
class Router:
    """What a learned gate chooses; ``models`` are equal but for their noise variance."""

    gate: Learned
    models: tuple[BlockModel, ...]

    def require_samples(self) -> None:
        """ValueError where the moments that it would estimate have no inverse."""
        model = self.models[0]
        if any(each.noise_variance == 0.0 for each in self.models):
            raise ValueError(
                f"{self.gate!r} needs noise_variance > 0, got 0: the moments that it would "
                "estimate have no inverse"
            )
        assert self.gate.samples is not None
        if not self._enough(self.gate.samples):
            raise ValueError(
                f"{self.gate!r} needs samples={self._needed()} at least, to estimate moments that "
                f"have an inverse in all groups; of {self.gate.samples} these get "
                f"{counts_of(self.gate.samples, model).tolist()}"
            )

    @cached_property
    def counts(self) -> IntArray:
        """Samples of each group, (K,)."""
        return counts_of(self.gate.samples, self.models[0])

    @cached_property
    def _possible(self) -> IntArray:
        return np.flatnonzero(self.models[0].group_probabilities)

    def _enough(self, samples: int) -> bool:
        if len(self._possible) == 1:  # nothing to learn
            return True
        counts, sizes = counts_of(samples, self.models[0])[self._possible], self.models[0].sizes
        if self.gate.moments == "full":
            return bool(np.all(counts >= self.models[0].dim))
        needed = sizes[self._possible]
        return bool(np.all(counts >= needed) and np.all(samples - counts >= needed))

    def _needed(self) -> int:
        """Enough samples, where one fewer are not."""
        assert self.gate.samples is not None
        few = enough = self.gate.samples
        while not self._enough(enough):
            if enough == MOST_SAMPLES:
                return enough
            few, enough = enough, min(2 * enough, MOST_SAMPLES)
        while enough - few > 1:
            middle = (few + enough) // 2
            few, enough = (few, middle) if self._enough(middle) else (middle, enough)
        return enough

    @property
    def numbers(self) -> int:
        """Random numbers of one router."""
        model = self.models[0]
        if self.gate.moments == "full":
            return len(self._possible) * model.dim**2
        return 2 * int(np.square(model.sizes[self._possible]).sum())

    def batch(self, inputs: int) -> int:
        """Routers that are worked on together, each with this many inputs."""
        return max(1, BATCH // self._largest(inputs))

    def footprint(self, sets: int, inputs: int) -> int:
        """Bytes that so many routers work in, at most."""
        return 8 * (5 + 4 * len(self.models)) * sets * self._largest(inputs)

    def _largest(self, inputs: int) -> int:
        model = self.models[0]
        side = model.dim if self.gate.moments == "full" else int(model.sizes.max())
        return inputs * (model.dim + model.experts) + side**2

    def choices(
        self, rng: np.random.Generator, normals: FloatArray, groups: IntArray
    ) -> list[IntArray]:
        """The expert chosen for each input, (R·T,), of each model; a router for each of R sets.

        ``normals`` (R, T, d) are the inputs in units of their standard deviations, coordinates
        ordered by block, ``groups`` (R, T) theirs.
        """
        experts, inputs = self.models[0].experts, groups.size
        if len(self._possible) == 1:
            return [np.full(inputs, self._possible[0]) for _ in self.models]
        scores = [np.full((experts, inputs), -np.inf) for _ in self.models]
        own = groups[..., np.newaxis] == np.repeat(np.arange(experts), self.models[0].sizes)
        draw = self._of_group if self.gate.moments == "full" else self._of_block
        ratios = [
            model.signal_variances[np.argsort(model.block_of, kind="stable")] / model.noise_variance
            for model in self.models
        ]
        for j in self._possible:
            for score, each in zip(scores, draw(rng, int(j), normals, own, ratios), strict=True):
                score[j] = np.log(self.counts[j]) + each.reshape(-1)
        return [score.argmax(axis=0) for score in scores]

    def _of_block(
        self,
        rng: np.random.Generator,
        j: int,
        normals: FloatArray,
        own: BoolArray,
        ratios: list[FloatArray],
    ) -> list[FloatArray]:
        r""":math:`\tfrac12(\log\det\hat C_0 - \log\det\hat C_1
        + \bar x_j^\top(\hat C_0^{-1} - \hat C_1^{-1})\bar x_j)`, (R, T), of each model.

        :math:`\hat C_1` is estimated while block j is active, :math:`\hat C_0` while it is not.
        """
        end = int(self.models[0].sizes[: j + 1].sum())
        block = slice(end - int(self.models[0].sizes[j]), end)
        active, size = int(self.counts[j]), block.stop - block.start
        idle = int(self.counts.sum()) - active
        on, spread_on = _inverse_root(rng, len(normals), active, size)
        off, spread_off = _inverse_root(rng, len(normals), idle, size)
        volume = spread_off - spread_on + size * np.log(active / idle) / 2.0
        result = []
        for ratio in ratios:
            scale = np.sqrt(1.0 + ratio[block])
            seen = np.where(own[..., block], normals[..., block], normals[..., block] / scale)
            energy = idle * np.square((seen * scale) @ off).sum(axis=-1)
            energy -= active * np.square(seen @ on).sum(axis=-1)
            energy += (2.0 * volume - np.log1p(ratio[block]).sum())[:, np.newaxis]
            result.append(energy / 2.0)
        return result

    def _of_group(
        self,
        rng: np.random.Generator,
        j: int,
        normals: FloatArray,
        own: BoolArray,
        ratios: list[FloatArray],
    ) -> list[FloatArray]:
        r""":math:`-\tfrac12(\log\det\hat C_j + \bar x^\top\hat C_j^{-1}\bar x)`, (R, T).

        :math:`\hat C_j` in units of σ², of each model.
        """
        count, dim = int(self.counts[j]), normals.shape[-1]
        root, spread = _inverse_root(rng, len(normals), count, dim)
        here = np.repeat(np.arange(len(self.counts)), self.models[0].sizes) == j
        result = []
        for ratio in ratios:
            scale = np.sqrt(1.0 + ratio)
            seen = normals * np.where(own, scale, 1.0) / np.where(here, scale, 1.0)
            energy = count * np.square(seen @ root).sum(axis=-1)
            volume = 2.0 * spread - dim * np.log(count) + np.log1p(ratio[here]).sum()
            result.append(-(energy + volume[:, np.newaxis]) / 2.0)
        return result


def _inverse_root(
    rng: np.random.Generator, sets: int, degrees: int, size: int
) -> tuple[FloatArray, FloatArray]:
    """Inverses of roots of Wishart matrices, (R, s, s), and half the logs of their determinants."""
    roots = np.empty((sets, size, size))
    kernels.wishart_roots(rng, np.full(sets, degrees), roots)
    spread: FloatArray = np.log(np.diagonal(roots, axis1=1, axis2=2)).sum(axis=1)
    return np.asarray(np.linalg.inv(roots), dtype=np.float64), spread


class RoutedInputs(NamedTuple):
    """Inputs, n of them, as one model sees them, and what routers chose for them.

    Attributes
    ----------
    chosen : (n,) integer array
    group : Weights
        The posterior of their groups, the chosen one apart.
    best : (n,) array
        Its largest weight.
    squares : (U, n) array
    """

    chosen: IntArray
    group: Weights
    best: FloatArray
    squares: FloatArray


def routed_inputs(
    rng: np.random.Generator, router: Router, views: Sequence[View], sets: int, inputs: int
) -> list[RoutedInputs]:
    """``inputs`` stratified inputs for each of ``sets`` routers, n = sets · inputs, by model."""
    model = router.models[0]
    groups = kernels.spread_groups(rng, sets, inputs, model.group_probabilities)
    normals = rng.standard_normal((sets, inputs, model.dim))
    draws = views[0].squares.of_normals(normals.reshape(-1, model.dim))
    result = []
    for view, chosen in zip(views, router.choices(rng, normals, groups), strict=True):
        squares = view.observed(draws, groups.ravel(), keep=True)
        group = kernels.posterior(view.scores(squares))
        apart = kernels.regrouped(group, chosen, model.experts)
        result.append(RoutedInputs(chosen, apart, group.largest, squares))
    return result


@dataclass(frozen=True, eq=False)
class LearnedRoute:
    """A replicate is one training set of the router, a value the mean risk on its test inputs."""

    models: tuple[BlockModel, ...]
    estimators: tuple[Estimator, ...]
    gate: Learned

    method: ClassVar[str] = "identity"

    def __post_init__(self) -> None:
        self.router.require_samples()

    @cached_property
    def router(self) -> Router:
        """What learns."""
        return Router(self.gate, self.models)

    @cached_property
    def views(self) -> list[View]:
        """Of each model."""
        squares = Squares.of(self.models[0])
        return [View(model, squares) for model in self.models]

    @property
    def cost(self) -> int:
        """Numbers drawn for one replicate."""
        return self.router.numbers + INPUTS * self.models[0].dim

    @property
    def batch(self) -> int:
        """Replicates that are worked on together."""
        return self.router.batch(INPUTS)

    @property
    def chunk_size(self) -> int:
        """Replicates in a chunk: a function of the models and the gate alone."""
        return BATCHES * self.batch

    @property
    def footprint(self) -> int:
        """Bytes a chunk works in, at most."""
        fits = len(self.models) * len(self.estimators)
        return self.router.footprint(self.batch, INPUTS) + 8 * 4 * fits * self.chunk_size

    def chunk(self, rng: np.random.Generator, replicates: int, work: Workspace) -> Tally:
        """Moments of the risks of ``replicates`` routers."""
        p = self.models[0].group_probabilities
        shape = (len(self.models), len(self.estimators))
        values, sums = np.empty((*shape, replicates)), np.zeros((*shape, len(p)))
        for at in range(0, replicates, self.batch):
            sets = min(self.batch, replicates - at)
            batch = routed_inputs(rng, self.router, self.views, sets, INPUTS)
            for number, (view, inputs) in enumerate(zip(self.views, batch, strict=True)):
                gate = kernels.one_hot(inputs.chosen)
                for each, forms in enumerate(view.forms(self.estimators, inputs.squares)):
                    losses, by_group = kernels.gate_losses(inputs.group, gate, forms)
                    risks = losses.reshape(sets, INPUTS).mean(axis=1) + p @ view.inherent
                    values[number, each, at : at + sets] = risks
                    sums[number, each] += by_group
        given = given_groups(sums / (replicates * INPUTS), self.views)[:, np.newaxis]
        flat = values.reshape(-1, replicates)
        tally = Tally.of(flat, np.broadcast_to(given, (*flat.shape, len(p))))
        return replace(tally, group_counts=np.where(p > 0.0, replicates, 0))

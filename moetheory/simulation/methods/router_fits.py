r"""Fits of learned routers, drawn as what they depend on: for ``learned_routers.py``.

A router fitted on n samples depends on them only through Wishart matrices, whose triangular roots
are drawn here: about :math:`\sum_j s_j^2` numbers for its moments of the blocks, whatever n.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from moetheory import kernels
from moetheory.common.arrays import FloatArray, IntArray
from moetheory.common.cached import cached
from moetheory.common.errors import ArgumentError
from moetheory.predictors.coordinate_laws import CoordinateLaw
from moetheory.problem.gates import Learned
from moetheory.problem.model import BlockModel
from moetheory.problem.sample_counts import MOST_SAMPLES, counts_of

# part of the reproducibility contract
BATCH = 1 << 19  # numbers in the inputs, their scores and the moments of a batch


class _VarianceRatios(NamedTuple):
    r"""Variances of coordinates while active over inactive, :math:`(\lambda+n)/(\nu+n+\kappa)`.

    Square roots and logarithms, (d,), coordinates ordered by block.
    """

    roots: FloatArray
    logarithms: FloatArray

    @classmethod
    def of(cls, model: BlockModel) -> _VarianceRatios:
        law = CoordinateLaw.of(model)
        logarithms = kernels.log_variance_ratios(law.signal, law.noise, law.beside)
        ratios = 1.0 + law.signal / law.noise if np.ndim(law.beside) == 0 else law.active / law.idle
        order = np.argsort(model.block_of, kind="stable")
        return cls(np.sqrt(ratios)[order], logarithms[order])


@dataclass(frozen=True, eq=False)
class Router:
    """A learned gate on ``models`` that differ only in their noise; draws its choices."""

    gate: Learned
    models: tuple[BlockModel, ...]

    def require_samples(self) -> None:
        """Raise ValueError if the moments that the router would estimate have no inverse."""
        for model in self.models:
            law = CoordinateLaw.of(model)
            still = (law.idle_variances == 0.0) | (law.active == 0.0)
            if still.any():
                where = "" if still.all() else f" in coordinate {np.argmax(still)}"
                raise ArgumentError(
                    "noise_variance",
                    "must be greater than 0 for ",
                    self.gate,
                    f", got 0{where}: the moments that the gate would estimate have no inverse",
                )
        assert self.gate.samples is not None
        if not self._suffices(self.gate.samples):
            raise ArgumentError(
                "gate",
                f"must have at least {self._needed_samples()} samples, to estimate moments that "
                "have an inverse in all groups, got ",
                self.gate,
                f", of which the groups get {self.counts.tolist()}",
            )

    @cached
    def counts(self) -> IntArray:
        """Samples of each group, (K,)."""
        return counts_of(self.gate.samples, self.models[0])

    @cached
    def _possible(self) -> IntArray:
        return np.flatnonzero(self.models[0].group_probabilities)

    @cached
    def _variance_ratios(self) -> list[_VarianceRatios]:
        return [_VarianceRatios.of(model) for model in self.models]

    def _suffices(self, samples: int) -> bool:
        if len(self._possible) == 1:  # nothing to learn
            return True
        counts, sizes = counts_of(samples, self.models[0])[self._possible], self.models[0].sizes
        if self.gate.moments == "full":
            return bool(np.all(counts >= self.models[0].dim))
        needed = sizes[self._possible]
        return bool(np.all(counts >= needed) and np.all(samples - counts >= needed))

    def _needed_samples(self) -> int:
        """A number of samples that suffices while one fewer does not."""
        assert self.gate.samples is not None
        few = enough = self.gate.samples
        while not self._suffices(enough):
            if enough == MOST_SAMPLES:
                return enough
            few, enough = enough, min(2 * enough, MOST_SAMPLES)
        while enough - few > 1:
            middle = (few + enough) // 2
            few, enough = (few, middle) if self._suffices(middle) else (middle, enough)
        return enough

    @property
    def numbers(self) -> int:
        """Number of random numbers of one router."""
        model = self.models[0]
        if self.gate.moments == "full":
            return len(self._possible) * model.dim**2
        return 2 * int(np.square(model.sizes[self._possible]).sum())

    def batch(self, inputs: int) -> int:
        """Routers that are computed together, each with this many inputs."""
        return max(1, BATCH // self._largest(inputs))

    def footprint(self, sets: int, inputs: int) -> int:
        """Bytes that ``sets`` routers with ``inputs`` inputs each work in, at most."""
        return 8 * (5 + 4 * len(self.models)) * sets * self._largest(inputs)

    def _largest(self, inputs: int) -> int:
        model = self.models[0]
        side = model.dim if self.gate.moments == "full" else int(model.sizes.max())
        return inputs * (model.dim + model.experts) + side**2

    def choices(self, rng: np.random.Generator, features: list[FloatArray]) -> list[IntArray]:
        """The expert that routers choose for each input, (R·T,), for each model.

        There are R routers with T inputs each. ``features`` (R, T, d) are the inputs of each
        model in units of the standard deviations while blocks are inactive in training,
        coordinates ordered by block.
        """
        experts, inputs = self.models[0].experts, features[0].shape[0] * features[0].shape[1]
        if len(self._possible) == 1:
            return [np.full(inputs, self._possible[0]) for _ in self.models]
        scores = [np.full((experts, inputs), -np.inf) for _ in self.models]
        draw = self._group_scores if self.gate.moments == "full" else self._block_scores
        for j in self._possible:
            found = draw(rng, int(j), features)
            for score, each in zip(scores, found, strict=True):
                score[j] = np.log(self.counts[j]) + each.reshape(-1)
        return [score.argmax(axis=0) for score in scores]

    def _block_scores(
        self, rng: np.random.Generator, j: int, features: list[FloatArray]
    ) -> list[FloatArray]:
        r"""Log scores of group j for each model, (R, T): :math:`\tfrac12(\log\det\hat C_0
        - \log\det\hat C_1 + \bar x_j^\top(\hat C_0^{-1} - \hat C_1^{-1})\bar x_j)`.

        :math:`\hat C_1` is estimated while block j is active, :math:`\hat C_0` while it is not.
        """
        end = int(self.models[0].sizes[: j + 1].sum())
        block = slice(end - int(self.models[0].sizes[j]), end)
        active, size = int(self.counts[j]), block.stop - block.start
        idle = int(self.counts.sum()) - active
        on, half_log_det_on = _inverse_wishart_roots(rng, len(features[0]), active, size)
        off, half_log_det_off = _inverse_wishart_roots(rng, len(features[0]), idle, size)
        volume = half_log_det_off - half_log_det_on + size * np.log(active / idle) / 2.0
        result = []
        for ratio, each in zip(self._variance_ratios, features, strict=True):
            seen = each[..., block]
            energy = idle * np.square(seen @ off).sum(axis=-1)
            energy -= active * np.square((seen / ratio.roots[block]) @ on).sum(axis=-1)
            energy += (2.0 * volume - ratio.logarithms[block].sum())[:, np.newaxis]
            result.append(energy / 2.0)
        return result

    def _group_scores(
        self, rng: np.random.Generator, j: int, features: list[FloatArray]
    ) -> list[FloatArray]:
        r"""Log scores :math:`-\tfrac12(\log\det\hat C_j + \bar x^\top\hat C_j^{-1}\bar x)`, (R, T).

        The scores are those of group j for each model; :math:`\hat C_j` is in units of
        the variances while the blocks are inactive.
        """
        count, dim = int(self.counts[j]), features[0].shape[-1]
        root, half_log_det = _inverse_wishart_roots(rng, len(features[0]), count, dim)
        here = np.repeat(np.arange(len(self.counts)), self.models[0].sizes) == j
        result = []
        for ratio, each in zip(self._variance_ratios, features, strict=True):
            seen = each / np.where(here, ratio.roots, 1.0)
            energy = count * np.square(seen @ root).sum(axis=-1)
            volume = 2.0 * half_log_det - dim * np.log(count) + ratio.logarithms[here].sum()
            result.append(-(energy + volume[:, np.newaxis]) / 2.0)
        return result


def _inverse_wishart_roots(
    rng: np.random.Generator, sets: int, degrees: int, size: int
) -> tuple[FloatArray, FloatArray]:
    """Inverses of roots of Wishart matrices, (R, s, s), and half the logs of their determinants."""
    roots = kernels.wishart_roots(rng, np.full(sets, degrees), np.empty((sets, size, size)))
    half_log_det: FloatArray = np.log(np.diagonal(roots, axis1=1, axis2=2)).sum(axis=1)
    return np.asarray(np.linalg.inv(roots), dtype=np.float64), half_log_det

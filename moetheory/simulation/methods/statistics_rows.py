r"""Rows with the normal equations of a training set in law; helper of method="statistics".

Each layout draws standard random numbers, free of the noise variance, and turns them into rows
M and targets t such that :math:`(M^\top M, M^\top t)` has the law of
:math:`(\bar X^\top\bar X, \bar X^\top y)`. Derivations: docs/theory.md §5.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import numpy as np

from moetheory import kernels
from moetheory.common.arrays import FloatArray, IntArray
from moetheory.formulas.population import expert_coefficients, expert_contributions
from moetheory.kernels import Workspace
from moetheory.problem.losses import Loss
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation
from moetheory.simulation.methods.fit_risks import (
    dense_fit_risks,
    group_clean_variances,
    group_noise_variances,
)


class RowsAndTargets(NamedTuple):
    r"""Rows M and targets t of the least squares :math:`\|M\beta - t\|^2` that give a fit.

    Attributes
    ----------
    parts : arrays
        M as parts (R, q_i, d) one above the other, or (R, q, d_i) side by side where rows are
        fewer than coordinates.
    targets : (R, q) array
        t; rows beyond the last target have target zero.
    unit : float
        M times ``unit`` stands for the noisy features.
    """

    parts: tuple[FloatArray, ...]
    targets: FloatArray
    unit: float


class RowLayout(ABC):
    """A way to replace training sets by rows; ``rows`` is the number of rows that it needs."""

    rows: int

    @abstractmethod
    def draw(self, rng: np.random.Generator, counts: IntArray, work: Workspace) -> Any:
        """Random numbers for training sets with ``counts`` (R, K) samples of the groups."""

    @abstractmethod
    def rows_and_targets(
        self, draws: Any, model: BlockModel, work: Workspace, overwrite: bool = True
    ) -> RowsAndTargets:
        """Rows and targets for the noise of ``model``; they may ``overwrite`` the draws."""

    def fit_risks(
        self,
        fits: FloatArray,
        draws: Any,
        model: BlockModel,
        under: Perturbation | None,
        loss: Loss,
    ) -> FloatArray:
        """True risks given the group, (..., R, K), of fits (..., R, d)."""
        return dense_fit_risks(model, fits, under, loss)


class BlockPlaces(NamedTuple):
    """Where the blocks of one shape stand, those of G groups.

    Attributes
    ----------
    groups : (G,) integer array
    rows : (G, q) integer array
        Rows of each block, one group above the other.
    columns : (G, s) integer array
        The coordinates of each block.
    """

    groups: IntArray
    rows: IntArray
    columns: IntArray

    @classmethod
    def of(cls, model: BlockModel, heights: IntArray) -> list[BlockPlaces]:
        """The places of all shapes, for blocks of ``heights`` (K,) rows."""
        sizes = model.sizes
        order = np.argsort(model.block_of, kind="stable")
        above, first = np.cumsum(heights) - heights, np.cumsum(sizes) - sizes
        shapes, shape_of = np.unique(np.stack([heights, sizes]), axis=1, return_inverse=True)
        members = [np.flatnonzero(shape_of == i) for i in range(shapes.shape[1])]
        return [
            cls(
                groups,
                above[groups][:, np.newaxis] + np.arange(height),
                order[first[groups][:, np.newaxis] + np.arange(size)],
            )
            for groups, (height, size) in zip(members, shapes.T, strict=True)
        ]


class JointDraws(NamedTuple):
    """Random numbers of `JointRows`: clean blocks, noise in their and other rows, label noise."""

    clean: list[FloatArray]
    noise: FloatArray
    other_noise: FloatArray
    labels: FloatArray


class JointRows(RowLayout):
    r"""Rows for strict blocks without interference, :math:`\bar X \to (T + FD,\; UD)`, at most 2d.

    A rotation of the samples of group g turns their clean features into
    :math:`\min(n_g, s_g)` rows :math:`R_g\Sigma_g^{1/2}` that are not zero, with
    :math:`R_g^\top R_g \sim \mathrm{Wishart}(n_g, I)`. T holds these blocks, F is standard
    normal, and D is diagonal with the deviations :math:`\sqrt{n_m}` of the noise: :math:`\sigma I`
    for one noise variance. U is a root of :math:`\mathrm{Wishart}_d(n - \mathrm{rows}\,T)`, and UD
    stands for the noise in the other rows. Targets are :math:`T\beta` and 0, plus label noise,
    whose law a rotation does not change.
    """

    def __init__(
        self, model: BlockModel, fewest: IntArray, most_samples: IntArray, total: int
    ) -> None:
        sizes = model.sizes
        heights = np.minimum(most_samples, sizes)
        self.sizes, self.total, self.dim = sizes, total, model.dim
        self.clean_rows = int(heights.sum())
        noise_only_rows = total - int(np.minimum(fewest, sizes).sum())
        self.rows = self.clean_rows + min(noise_only_rows, model.dim)
        self.places = BlockPlaces.of(model, heights)
        self.noisy_labels = model.label_noise_variance > 0.0

    def draw(self, rng: np.random.Generator, counts: IntArray, work: Workspace) -> JointDraws:
        """A clean block of each group, noise in its rows, and a root of the noise in other rows."""
        sets = len(counts)
        clean = [
            kernels.wishart_roots(
                rng,
                counts[:, each.groups],
                work.array(f"clean {i}", (sets, *each.rows.shape, each.columns.shape[1])),
            )
            for i, each in enumerate(self.places)
        ]
        noise = work.array("noise", (sets, self.clean_rows, self.dim))
        rng.standard_normal(out=noise)
        for g, rows, _ in self.places:
            missing = np.arange(rows.shape[1]) >= counts[:, g, np.newaxis]
            if missing.any():
                noise[:, rows] *= ~missing[..., np.newaxis]
        used = np.minimum(counts, self.sizes).sum(axis=1)
        other_noise = work.array("other noise", (sets, self.rows - self.clean_rows, self.dim))
        kernels.wishart_roots(rng, self.total - used, other_noise)
        labels = rng.standard_normal((sets, self.rows if self.noisy_labels else 0))
        return JointDraws(clean, noise, other_noise, labels)

    def rows_and_targets(
        self, draws: JointDraws, model: BlockModel, work: Workspace, overwrite: bool = True
    ) -> RowsAndTargets:
        """Rows F + T/σ and U in units of σ, or FD + T and UD where noise variances differ."""
        noise, parts, unit = scaled_noise(draws.noise, draws.other_noise, model, work, overwrite)
        # targets of rows of noise alone are label noise: without label noise they are left out
        target_rows = sum(part.shape[1] for part in parts) if self.noisy_labels else self.clean_rows
        targets = np.zeros((len(noise), target_rows))
        if self.noisy_labels:
            targets += np.sqrt(model.label_noise_variance) * draws.labels[:, :target_rows]
        for block, (_, rows, own) in zip(draws.clean, self.places, strict=True):
            clean = block * np.sqrt(model.signal_variances)[own][:, np.newaxis]
            targets[:, rows] += np.vecdot(clean, model.coefficients[own][:, np.newaxis])
            noise[:, rows[:, :, np.newaxis], own[:, np.newaxis]] += clean / unit
        return RowsAndTargets(parts, targets, unit)


def scaled_noise(
    noise: FloatArray, other_noise: FloatArray, model: BlockModel, work: Workspace, overwrite: bool
) -> tuple[FloatArray, tuple[FloatArray, ...], float]:
    """Noise to which clean features will be added, the parts of the rows, and their unit."""
    if not overwrite:
        copy = work.array("noise of one model", noise.shape)
        np.copyto(copy, noise)
        noise = copy
    if not isinstance(model.noise_variance, float):
        deviations = np.sqrt(model.noise_variance)
        noise *= deviations
        out = other_noise if overwrite else work.array("other of one model", other_noise.shape)
        return noise, (noise, np.multiply(other_noise, deviations, out=out)), 1.0
    if model.noise_variance == 0.0:
        noise[:] = 0.0
        return noise, (noise,), 1.0
    return noise, (noise, other_noise), math.sqrt(model.noise_variance)


class GroupedDraws(NamedTuple):
    """Random numbers of `GroupedRows`: a root of each group, and label noise."""

    roots: list[FloatArray]
    labels: FloatArray


class GroupedRows(RowLayout):
    r"""Rows for any blocks: :math:`U_gC_g^{1/2}` for group g, at most d of each group.

    Given the group, :math:`y = \bar x^\top\tilde\theta_g + r` with r independent of
    :math:`\bar x`; :math:`U_g` is a root of :math:`\mathrm{Wishart}_d(n_g)`, the targets are
    :math:`U_gC_g^{1/2}\tilde\theta_g + \sqrt{\tilde\rho_g}z`.
    """

    def __init__(self, model: BlockModel, most_samples: IntArray) -> None:
        self.heights = np.minimum(most_samples, model.dim)
        self.rows, self.dim = int(self.heights.sum()), model.dim

    def draw(self, rng: np.random.Generator, counts: IntArray, work: Workspace) -> GroupedDraws:
        """A Wishart root of each group, and standard normals for its targets."""
        sets = len(counts)
        roots = []
        for g, height in enumerate(self.heights.tolist()):
            root = work.array(f"root {g}", (sets, height, self.dim))
            roots.append(kernels.wishart_roots(rng, counts[:, g], root))
        return GroupedDraws(roots, rng.standard_normal((sets, self.rows)))

    def rows_and_targets(
        self, draws: GroupedDraws, model: BlockModel, work: Workspace, overwrite: bool = True
    ) -> RowsAndTargets:
        """Rows of all groups, one group above the other."""
        regressions = _group_regressions(model)
        rows = work.array("rows", (len(draws.labels), self.rows, self.dim))
        ends = np.cumsum(self.heights)
        for root, spread, end in zip(draws.roots, regressions.deviations, ends, strict=True):
            np.multiply(root, spread, out=rows[:, end - root.shape[1] : end])
        group = np.repeat(np.arange(model.experts), self.heights)
        targets = (
            np.vecdot(rows, regressions.optimum[group])
            + regressions.residual_deviation[group] * draws.labels
        )
        return RowsAndTargets((rows,), targets, 1.0)


class SampleDraws(NamedTuple):
    """Random numbers of `SampleRows`: noisy features, labels, and the group of each sample."""

    features: FloatArray
    labels: FloatArray
    groups: IntArray


class SampleRows(RowLayout):
    r"""Rows that are samples, drawn as :math:`\bar x` and the label given :math:`\bar x`."""

    def __init__(self, model: BlockModel, total: int) -> None:
        self.rows, self.dim = total, model.dim

    def draw(self, rng: np.random.Generator, counts: IntArray, work: Workspace) -> SampleDraws:
        """Standard normals for each sample, group after group."""
        features = work.array("features", (len(counts), self.rows, self.dim))
        rng.standard_normal(out=features)
        labels = rng.standard_normal(features.shape[:2])
        equal = counts[:1] if np.all(counts == counts[0]) else counts
        ends = np.cumsum(equal, axis=1)[:, :, np.newaxis]
        return SampleDraws(features, labels, np.sum(ends <= np.arange(self.rows), axis=1))

    def rows_and_targets(
        self, draws: SampleDraws, model: BlockModel, work: Workspace, overwrite: bool = True
    ) -> RowsAndTargets:
        """Noisy features and labels of the samples."""
        regressions = _group_regressions(model)
        rows = draws.features if overwrite else work.array("rows", draws.features.shape)
        np.multiply(draws.features, regressions.deviations[draws.groups], out=rows)
        targets = np.vecdot(rows, regressions.optimum[draws.groups])
        targets += regressions.residual_deviation[draws.groups] * draws.labels
        return RowsAndTargets((rows,), targets, 1.0)


class _GroupRegressions(NamedTuple):
    """The regression of the label on all coordinates in each group: √C, √ρ̃ and θ̃."""

    deviations: FloatArray
    residual_deviation: FloatArray
    optimum: FloatArray


def _group_regressions(model: BlockModel) -> _GroupRegressions:
    """The regressions of all groups: arrays (K, d), (K,), (K, d)."""
    clean, noise = group_clean_variances(model), group_noise_variances(model)
    coefficients = model.coefficients
    # given the group, dense is like an expert on all coordinates
    optimum = expert_coefficients(clean, coefficients, noise)
    excess, _ = expert_contributions(1.0, clean, 0.0, coefficients, noise, 0.0, 0.0)
    residual_deviation = excess.sum(axis=-1) + model.label_noise_variance
    return _GroupRegressions(np.sqrt(clean + noise), np.sqrt(residual_deviation), optimum)

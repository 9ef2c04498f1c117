r"""Rows that stand for a training set: the normal equations of dense are the same in law.

Each layout draws standard random numbers, free of the noise variance, and turns them into rows
M (R, q, d) and targets t (R, q) such that :math:`(M^\top M, M^\top t)` has the law of
:math:`(\bar X^\top\bar X, \bar X^\top y)`. Derivations: docs/theory.md §5.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import numpy as np

from moetheory import kernels
from moetheory.formulas.population import second_moment, shrinkage
from moetheory.kernels import Workspace
from moetheory.model import BlockModel
from moetheory.optimum import leakage_of
from moetheory.validation import FloatArray, IntArray

Equations = tuple[FloatArray, FloatArray, FloatArray]


class Layout(ABC):
    """A way to arrange rows; ``rows`` is how many it needs."""

    rows: int

    @abstractmethod
    def draw(self, rng: np.random.Generator, counts: IntArray, work: Workspace) -> Any:
        """Random numbers for training sets with ``counts`` (R, K) samples of the groups."""

    @abstractmethod
    def equations(self, draws: Any, model: BlockModel, work: Workspace) -> Equations:
        """Rows, their columns multiplied by a scale; targets; the scale, (d,)."""

    def losses(self, fits: FloatArray, draws: Any, model: BlockModel) -> FloatArray:
        """True risks given the group of fits (..., R, d), shape (..., R, K)."""
        variances = kernels.clean_variances(
            model.block_of, model.signal_variances, model.leakage_variances, model.experts
        )
        return kernels.group_risks(
            fits[..., np.newaxis, :],
            variances,
            model.coefficients,
            model.noise_variance,
            model.label_noise_variance,
        )


class JointDraws(NamedTuple):
    """Clean blocks by their shape, noise in their rows, noise in all other rows, label noise."""

    clean: list[FloatArray]
    noise: FloatArray
    rest: FloatArray
    labels: FloatArray


class Joint(Layout):
    r"""Strict blocks: :math:`\bar X \to (T + \sigma F,\; \sigma U)`, at most 2d rows.

    Rotating its samples turns the clean features of group g into
    :math:`\min(n_g, s_g)` rows :math:`R_g\Sigma_g^{1/2}` that are not zero, with
    :math:`R_g^\top R_g \sim \mathrm{Wishart}(n_g, I)`. T holds these blocks, F is standard
    normal, and what noise is left in the other rows is U, a root of
    :math:`\mathrm{Wishart}_d(n - \mathrm{rows}\,T)`. Targets: :math:`T\beta` and 0, and label
    noise, which a rotation leaves as it is.
    """

    def __init__(self, model: BlockModel, fewest: IntArray, most: IntArray, total: int) -> None:
        sizes, block_of = model.sizes, model.block_of
        heights = np.minimum(most, sizes)
        ends = np.cumsum(heights)
        self.sizes, self.total, self.dim = sizes, total, model.dim
        self.clean_rows = int(ends[-1])
        rest = total - int(np.minimum(fewest, sizes).sum())
        self.rows = self.clean_rows + min(rest, model.dim)
        shapes, shape_of = np.unique(np.stack([heights, sizes]), axis=1, return_inverse=True)
        self.shapes = [(int(q), int(s)) for q, s in shapes.T]
        self.members = [np.flatnonzero(shape_of == i) for i in range(len(self.shapes))]
        order = np.argsort(block_of, kind="stable")
        first = np.cumsum(sizes) - sizes
        # where the blocks of each shape stand: (G, q) rows and (G, s) columns
        self.places = [
            (
                (ends - heights)[g][:, np.newaxis] + np.arange(q),
                order[first[g][:, np.newaxis] + np.arange(s)],
            )
            for g, (q, s) in zip(self.members, self.shapes, strict=True)
        ]
        self.labelled = model.label_noise_variance > 0.0

    def draw(self, rng: np.random.Generator, counts: IntArray, work: Workspace) -> JointDraws:
        """One block of each group, noise, and the root of what noise is left."""
        sets = len(counts)
        clean = []
        for i, (g, (q, s)) in enumerate(zip(self.members, self.shapes, strict=True)):
            blocks = work.array(f"clean {i}", (sets * len(g), q, s))
            kernels.wishart_roots(rng, counts[:, g].ravel(), s, q, blocks)
            clean.append(blocks.reshape(sets, len(g), q, s))
        noise = work.array("noise", (sets, self.clean_rows, self.dim))
        rng.standard_normal(out=noise)
        for g, (rows, _) in zip(self.members, self.places, strict=True):
            missing = np.arange(rows.shape[1]) >= counts[:, g, np.newaxis]
            if missing.any():
                noise[:, rows] *= ~missing[..., np.newaxis]
        used = np.minimum(counts, self.sizes).sum(axis=1)
        rest = work.array("rest", (sets, self.rows - self.clean_rows, self.dim))
        kernels.wishart_roots(rng, self.total - used, self.dim, rest.shape[1], rest)
        labels = rng.standard_normal((sets, self.rows if self.labelled else 0))
        return JointDraws(clean, noise, rest, labels)

    def equations(self, draws: JointDraws, model: BlockModel, work: Workspace) -> Equations:
        """Rows T + σF and σU in units of the columns' second moments."""
        scale = _inverse_root(
            second_moment(
                model.group_probabilities[model.block_of],
                model.signal_variances,
                leakage_of(model),
            )
            + model.noise_variance
        )
        noise = np.sqrt(model.noise_variance) * scale
        rows = work.array("rows", (len(draws.noise), self.rows, self.dim))
        np.multiply(draws.noise, noise, out=rows[:, : self.clean_rows])
        np.multiply(draws.rest, noise, out=rows[:, self.clean_rows :])
        targets = np.zeros(rows.shape[:2])
        if self.labelled:
            targets += np.sqrt(model.label_noise_variance) * draws.labels
        for block, (places, own) in zip(draws.clean, self.places, strict=True):
            clean = block * np.sqrt(model.signal_variances)[own][:, np.newaxis]
            targets[:, places] += np.vecdot(clean, model.coefficients[own][:, np.newaxis])
            clean *= scale[own][:, np.newaxis]
            rows[:, places[:, :, np.newaxis], own[:, np.newaxis]] += clean
        return rows, targets, scale


class GroupedDraws(NamedTuple):
    """Roots of each group, and standard normals of the targets."""

    roots: list[FloatArray]
    labels: FloatArray


class Grouped(Layout):
    r"""Any blocks: group g becomes :math:`U_gC_g^{1/2}`, at most d rows of each group.

    Given the group, :math:`y = \bar x^\top\tilde\theta_g + r` with r independent of
    :math:`\bar x`; :math:`U_g` is a root of :math:`\mathrm{Wishart}_d(n_g)`, the targets are
    :math:`U_gC_g^{1/2}\tilde\theta_g + \sqrt{\tilde\rho_g}z`.
    """

    def __init__(self, model: BlockModel, most: IntArray) -> None:
        self.heights = np.minimum(most, model.dim)
        self.rows, self.dim = int(self.heights.sum()), model.dim

    def draw(self, rng: np.random.Generator, counts: IntArray, work: Workspace) -> GroupedDraws:
        """One root of each group."""
        sets = len(counts)
        roots = []
        for g, height in enumerate(self.heights.tolist()):
            root = work.array(f"root {g}", (sets, height, self.dim))
            roots.append(kernels.wishart_roots(rng, counts[:, g], self.dim, height, root))
        return GroupedDraws(roots, rng.standard_normal((sets, self.rows)))

    def equations(self, draws: GroupedDraws, model: BlockModel, work: Workspace) -> Equations:
        """The rows of all groups, in units of the columns' second moments."""
        given = _given_group(model)
        scale = given.scale
        rows = work.array("rows", (len(draws.labels), self.rows, self.dim))
        ends = np.cumsum(self.heights)
        for root, spread, end in zip(draws.roots, given.spread, ends, strict=True):
            np.multiply(root, spread * scale, out=rows[:, end - root.shape[1] : end])
        group = np.repeat(np.arange(model.experts), self.heights)
        targets = np.vecdot(rows, (given.best / scale)[group])
        targets += given.residual[group] * draws.labels
        return rows, targets, scale


class PlainDraws(NamedTuple):
    """Standard normals of noisy features and of labels, and the group of each sample."""

    features: FloatArray
    labels: FloatArray
    groups: IntArray


class Plain(Layout):
    r"""Every sample a row, drawn as :math:`\bar x` and the label given it, not as x and noise."""

    def __init__(self, model: BlockModel, total: int) -> None:
        self.rows, self.dim = total, model.dim

    def draw(self, rng: np.random.Generator, counts: IntArray, work: Workspace) -> PlainDraws:
        """One row for each sample, group after group."""
        features = work.array("features", (len(counts), self.rows, self.dim))
        rng.standard_normal(out=features)
        labels = rng.standard_normal(features.shape[:2])
        equal = counts[:1] if np.all(counts == counts[0]) else counts
        ends = np.cumsum(equal, axis=1)[:, :, np.newaxis]
        return PlainDraws(features, labels, np.sum(ends <= np.arange(self.rows), axis=1))

    def equations(self, draws: PlainDraws, model: BlockModel, work: Workspace) -> Equations:
        """The samples; in units of the columns' second moments where rows are not too few."""
        given = _given_group(model)
        # the solution of minimum norm depends on the units
        scale = given.scale if self.rows >= self.dim else np.ones(self.dim)
        rows = work.array("rows", draws.features.shape)
        np.multiply(draws.features, (given.spread * scale)[draws.groups], out=rows)
        targets = np.vecdot(rows, (given.best / scale)[draws.groups])
        targets += given.residual[draws.groups] * draws.labels
        return rows, targets, scale


class _GivenGroup(NamedTuple):
    """Roots of C and of ρ̃, coefficients θ̃ of the label on all coordinates, unit of columns."""

    spread: FloatArray
    residual: FloatArray
    best: FloatArray
    scale: FloatArray


def _given_group(model: BlockModel) -> _GivenGroup:
    """What dense meets in each group: (K, d), (K,), (K, d), and (d,) for the units."""
    noise = model.noise_variance
    clean = kernels.clean_variances(
        model.block_of, model.signal_variances, model.leakage_variances, model.experts
    )
    whole, lost = shrinkage(clean, noise)
    best = model.coefficients / whole * clean
    residual = (np.square(model.coefficients) / whole * clean * lost).sum(axis=-1)
    residual += model.label_noise_variance
    mixed = model.group_probabilities @ clean + noise
    return _GivenGroup(np.sqrt(clean + noise), np.sqrt(residual), best, _inverse_root(mixed))


def _inverse_root(variances: FloatArray) -> FloatArray:
    """:math:`v^{-1/2}`, and 1 where v is 0."""
    return 1.0 / np.sqrt(np.where(variances > 0.0, variances, 1.0))

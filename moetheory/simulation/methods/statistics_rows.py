r"""Rows that stand for a training set: the normal equations of dense are the same in law.

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
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation
from moetheory.simulation.methods.base import dense_losses, group_variances


class Equations(NamedTuple):
    r"""Rows and targets of :math:`\|M\beta - t\|^2`, the features in units of ``unit``.

    Attributes
    ----------
    parts : arrays
        M times ``unit`` is what stands for the features: parts (R, q_i, d) one above the other,
        or (R, q, d_i) side by side where rows are fewer than coordinates.
    targets : (R, q) array
        Zero where it ends before the rows do.
    unit : float
    """

    parts: tuple[FloatArray, ...]
    targets: FloatArray
    unit: float


class RowLayout(ABC):
    """A way to arrange rows; ``rows`` is how many it needs."""

    rows: int

    @abstractmethod
    def draw(self, rng: np.random.Generator, counts: IntArray, work: Workspace) -> Any:
        """Random numbers for training sets with ``counts`` (R, K) samples of the groups."""

    @abstractmethod
    def equations(
        self, draws: Any, model: BlockModel, work: Workspace, last: bool = True
    ) -> Equations:
        """Rows and targets for the noise of ``model``; the ``last`` may overwrite the draws."""

    def losses(
        self, fits: FloatArray, draws: Any, model: BlockModel, under: Perturbation | None
    ) -> FloatArray:
        """True risks given the group of fits (..., R, d), shape (..., R, K)."""
        return dense_losses(model, fits, under)


class JointDraws(NamedTuple):
    """Clean blocks by their shape, noise in their rows, noise in all other rows, label noise."""

    clean: list[FloatArray]
    noise: FloatArray
    rest: FloatArray
    labels: FloatArray


class Joint(RowLayout):
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
        clean = [
            clean_roots(rng, counts[:, g], work.array(f"clean {i}", (sets, len(g), q, s)))
            for i, (g, (q, s)) in enumerate(zip(self.members, self.shapes, strict=True))
        ]
        noise = work.array("noise", (sets, self.clean_rows, self.dim))
        rng.standard_normal(out=noise)
        for g, (rows, _) in zip(self.members, self.places, strict=True):
            missing = np.arange(rows.shape[1]) >= counts[:, g, np.newaxis]
            if missing.any():
                noise[:, rows] *= ~missing[..., np.newaxis]
        used = np.minimum(counts, self.sizes).sum(axis=1)
        rest = work.array("rest", (sets, self.rows - self.clean_rows, self.dim))
        kernels.wishart_roots(rng, self.total - used, rest)
        labels = rng.standard_normal((sets, self.rows if self.labelled else 0))
        return JointDraws(clean, noise, rest, labels)

    def equations(
        self, draws: JointDraws, model: BlockModel, work: Workspace, last: bool = True
    ) -> Equations:
        """Rows F + T/σ, and U; all in units of σ."""
        noise, parts, unit = noise_parts(draws.noise, draws.rest, model, work, last)
        # rows of noise alone have label noise at most; without noise they say nothing
        heard = sum(part.shape[1] for part in parts) if self.labelled else self.clean_rows
        targets = np.zeros((len(noise), heard))
        if self.labelled:
            targets += np.sqrt(model.label_noise_variance) * draws.labels[:, :heard]
        for block, (rows, own) in zip(draws.clean, self.places, strict=True):
            clean = block * np.sqrt(model.signal_variances)[own][:, np.newaxis]
            targets[:, rows] += np.vecdot(clean, model.coefficients[own][:, np.newaxis])
            noise[:, rows[:, :, np.newaxis], own[:, np.newaxis]] += clean / unit
        return Equations(parts, targets, unit)


def clean_roots(rng: np.random.Generator, degrees: IntArray, out: FloatArray) -> FloatArray:
    """Wishart roots of several groups in each set, (R, G, rows, columns)."""
    kernels.wishart_roots(rng, degrees.ravel(), out.reshape(degrees.size, *out.shape[2:]))
    return out


def noise_parts(
    noise: FloatArray, rest: FloatArray, model: BlockModel, work: Workspace, last: bool
) -> tuple[FloatArray, tuple[FloatArray, ...], float]:
    """Noise to which clean features are to be added, all parts of the rows, and their unit."""
    if not last:
        copy = work.array("noise of one model", noise.shape)
        np.copyto(copy, noise)
        noise = copy
    if model.noise_variance == 0.0:
        noise[:] = 0.0
        return noise, (noise,), 1.0
    return noise, (noise, rest), math.sqrt(model.noise_variance)


class GroupedDraws(NamedTuple):
    """Roots of each group, and standard normals of the targets."""

    roots: list[FloatArray]
    labels: FloatArray


class Grouped(RowLayout):
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
            roots.append(kernels.wishart_roots(rng, counts[:, g], root))
        return GroupedDraws(roots, rng.standard_normal((sets, self.rows)))

    def equations(
        self, draws: GroupedDraws, model: BlockModel, work: Workspace, last: bool = True
    ) -> Equations:
        """The rows of all groups."""
        given = _given_group(model)
        rows = work.array("rows", (len(draws.labels), self.rows, self.dim))
        ends = np.cumsum(self.heights)
        for root, spread, end in zip(draws.roots, given.spread, ends, strict=True):
            np.multiply(root, spread, out=rows[:, end - root.shape[1] : end])
        group = np.repeat(np.arange(model.experts), self.heights)
        targets = np.vecdot(rows, given.best[group]) + given.residual[group] * draws.labels
        return Equations((rows,), targets, 1.0)


class PlainDraws(NamedTuple):
    """Standard normals of noisy features and of labels, and the group of each sample."""

    features: FloatArray
    labels: FloatArray
    groups: IntArray


class Plain(RowLayout):
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

    def equations(
        self, draws: PlainDraws, model: BlockModel, work: Workspace, last: bool = True
    ) -> Equations:
        """The samples."""
        given = _given_group(model)
        rows = draws.features if last else work.array("rows", draws.features.shape)
        np.multiply(draws.features, given.spread[draws.groups], out=rows)
        targets = np.vecdot(rows, given.best[draws.groups])
        targets += given.residual[draws.groups] * draws.labels
        return Equations((rows,), targets, 1.0)


class _GivenGroup(NamedTuple):
    """Roots of C and of ρ̃, and coefficients θ̃ of the label on all coordinates."""

    spread: FloatArray
    residual: FloatArray
    best: FloatArray


def _given_group(model: BlockModel) -> _GivenGroup:
    """What dense meets in each group: (K, d), (K,), (K, d)."""
    clean, coefficients, noise = group_variances(model), model.coefficients, model.noise_variance
    # given the group dense is what an expert on all coordinates would be
    best = expert_coefficients(clean, coefficients, noise)
    excess, _ = expert_contributions(1.0, clean, 0.0, coefficients, noise)
    residual = excess.sum(axis=-1) + model.label_noise_variance
    return _GivenGroup(np.sqrt(clean + noise), np.sqrt(residual), best)

"""Clean features of many training sets, in the few numbers that rotations leave of them.

An operator stands for matrices T, (R, q, p), one a training set, known by their products.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.kernels.wishart import chi, wishart_roots


class CleanRows(Protocol):
    """What the Krylov recurrence asks of T."""

    @property
    def rows(self) -> int:
        """The number of rows, q."""

    @property
    def columns(self) -> int:
        """The number of columns, p."""

    def add_product(self, vectors: FloatArray, out: FloatArray) -> None:
        """Add T v to the first q entries of ``out``, (R, ≥ q); ``vectors`` are (R, ≥ p)."""

    def add_transposed(self, vectors: FloatArray, out: FloatArray) -> None:
        """Add Tᵀu to the first p entries of ``out``, (R, ≥ p); ``vectors`` are (R, ≥ q)."""

    def select(self, sets: IntArray) -> CleanRows:
        """The matrices of some of the training sets."""


@dataclass(frozen=True, eq=False)
class BidiagonalRows:
    r"""Blocks :math:`\sqrt{\lambda_g}G_g` of independent normals, rotated to two diagonals.

    Begun with a fixed direction of the coordinates, which becomes the first column of the block,
    Golub and Kahan's reduction of an :math:`n_g \times s_g` matrix of independent standard normals
    has independent entries: :math:`\chi_{n_g}, \chi_{n_g-1}, \dots` on the diagonal and
    :math:`\chi_{s_g-1}, \chi_{s_g-2}, \dots` beside it. With fewer samples than coordinates the
    last row has an entry in a column more; these columns come after those of all rows.

    Attributes
    ----------
    diagonal, beside : (R, q) arrays
        Row by row, group after group; the last row of a block has zero beside the diagonal.
    beyond : (R, e) array
        The entries in the columns that come last.
    ends : (e,) integer array
        Their rows.
    """

    diagonal: FloatArray
    beside: FloatArray
    beyond: FloatArray
    ends: IntArray

    @classmethod
    def draw(
        cls,
        rng: np.random.Generator,
        counts: IntArray,
        sizes: IntArray,
        heights: IntArray,
        deviations: FloatArray,
    ) -> BidiagonalRows:
        r"""Blocks of ``counts`` (R, K) samples and ``sizes`` (K,) coordinates.

        A block has ``heights`` (K,) rows, at least :math:`\min(n_g, s_g)` in every training set;
        rows beyond are zero. ``deviations`` (K,) are :math:`\sqrt{\lambda_g}`.
        """
        group = np.repeat(np.arange(len(heights)), heights)
        stops = np.cumsum(heights)
        place = np.arange(len(group)) - (stops - heights)[group]
        scale = deviations[group]
        missing = counts[:, group] <= place
        diagonal = scale * chi(rng, np.maximum(counts[:, group] - place, 1))
        beside = scale * chi(rng, np.maximum(sizes[group] - 1 - place, 1), missing.shape)
        diagonal[missing] = 0.0
        beside[missing] = 0.0
        ends = (stops - 1)[(heights > 0) & (heights < sizes)]
        beyond = beside[:, ends]
        beside[:, (stops - 1)[heights > 0]] = 0.0
        return cls(diagonal, beside, beyond, ends)

    @property
    def rows(self) -> int:
        """The number of rows, q."""
        return int(self.diagonal.shape[1])

    @property
    def columns(self) -> int:
        """The number of columns, p."""
        return self.rows + len(self.ends)

    def add_product(self, vectors: FloatArray, out: FloatArray) -> None:
        """Add T v to the first q entries of ``out``."""
        q = self.rows
        out[:, :q] += self.diagonal * vectors[:, :q]
        out[:, : q - 1] += self.beside[:, :-1] * vectors[:, 1:q]
        if len(self.ends):
            out[:, self.ends] += self.beyond * vectors[:, q : self.columns]

    def add_transposed(self, vectors: FloatArray, out: FloatArray) -> None:
        """Add Tᵀu to the first p entries of ``out``."""
        q = self.rows
        out[:, :q] += self.diagonal * vectors[:, :q]
        out[:, 1:q] += self.beside[:, :-1] * vectors[:, : q - 1]
        if len(self.ends):
            out[:, q : self.columns] += self.beyond * vectors[:, self.ends]

    def divided(self, unit: float) -> BidiagonalRows:
        """T / ``unit``."""
        return BidiagonalRows(
            self.diagonal / unit, self.beside / unit, self.beyond / unit, self.ends
        )

    def add_to(self, rows: FloatArray, unit: float) -> None:
        """Add T / ``unit`` to ``rows``, (R, ≥ q, ≥ p)."""
        at = np.arange(self.rows)
        rows[:, at, at] += self.diagonal / unit
        rows[:, at[:-1], at[1:]] += self.beside[:, :-1] / unit
        rows[:, self.ends, self.rows + np.arange(len(self.ends))] += self.beyond / unit

    def select(self, sets: IntArray) -> BidiagonalRows:
        """The blocks of some of the training sets."""
        return BidiagonalRows(self.diagonal[sets], self.beside[sets], self.beyond[sets], self.ends)


@dataclass(frozen=True, eq=False)
class TriangularRows:
    r"""Blocks :math:`R_g\Sigma_g^{1/2}`, rotated by their samples alone.

    :math:`R_g^\top R_g \sim \mathrm{Wishart}(n_g, I)`.

    Attributes
    ----------
    blocks : sequence of (R, G, q, s) arrays
        Those of equal shape together. Rows, and columns, come in the order of these arrays.
    """

    blocks: Sequence[FloatArray]

    @classmethod
    def draw(
        cls,
        rng: np.random.Generator,
        counts: IntArray,
        groups: Sequence[IntArray],
        shapes: Sequence[tuple[int, int]],
        deviations: FloatArray,
    ) -> TriangularRows:
        r"""Blocks of ``counts`` (R, K) samples.

        ``groups`` of the same shape (rows, coordinates) come together. ``deviations`` are the
        roots of the clean variances, block after block in this order.
        """
        blocks, start = [], 0
        for members, (height, size) in zip(groups, shapes, strict=True):
            roots = np.empty((len(counts), len(members), height, size))
            wishart_roots(rng, counts[:, members], roots)
            stop = start + len(members) * size
            roots *= deviations[start:stop].reshape(len(members), 1, size)
            blocks.append(roots)
            start = stop
        return cls(blocks)

    @property
    def rows(self) -> int:
        """The number of rows, q."""
        return sum(block.shape[1] * block.shape[2] for block in self.blocks)

    @property
    def columns(self) -> int:
        """The number of columns, p."""
        return sum(block.shape[1] * block.shape[3] for block in self.blocks)

    def add_product(self, vectors: FloatArray, out: FloatArray) -> None:
        """Add T v to the first q entries of ``out``."""
        for block, rows, columns in self._placed():
            given = vectors[:, columns].reshape(*block.shape[:2], block.shape[3])
            out[:, rows] += np.matvec(block, given).reshape(len(block), -1)

    def add_transposed(self, vectors: FloatArray, out: FloatArray) -> None:
        """Add Tᵀu to the first p entries of ``out``."""
        for block, rows, columns in self._placed():
            given = vectors[:, rows].reshape(block.shape[:3])
            out[:, columns] += np.vecmat(given, block).reshape(len(block), -1)

    def _placed(self) -> Iterator[tuple[FloatArray, slice, slice]]:
        """Blocks of equal shape with all their rows and all their columns."""
        row = column = 0
        for block in self.blocks:
            _, groups, height, size = block.shape
            rows, columns = slice(row, row + groups * height), slice(column, column + groups * size)
            yield block, rows, columns
            row, column = rows.stop, columns.stop

    def select(self, sets: IntArray) -> TriangularRows:
        """The blocks of some of the training sets."""
        return TriangularRows([block[sets] for block in self.blocks])

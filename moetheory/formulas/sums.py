"""Sums over coordinates, streamed in tiles that fit a cache, so memory does not grow with d.

A *term* is a function of arrays whose last axis is the coordinates; everything before the last
axis broadcasts. Its first argument is the probability of each coordinate's group.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from moetheory.common.arrays import FloatArray, IntArray

# numbers in a tile, 512 KiB: smaller ones pay more for Python, larger ones for memory
TILE = 1 << 16
ROUNDING = 1e-14  # of a sum of probabilities

Index = tuple[slice, ...]


def total(
    term: Callable[..., FloatArray],
    group_probabilities: ArrayLike,
    block_of: IntArray,
    *arrays: ArrayLike,
) -> FloatArray:
    r"""The sum :math:`\sum_m \mathrm{term}(p_{g(m)}, a_m, b_m, \dots)`, shape (...).

    Parameters
    ----------
    term : callable
        Takes (probabilities, *arrays) of a tile, returns its terms.
    group_probabilities : (..., K) array
        :math:`p_g`.
    block_of : (d,) integer array
        The block g(m) of each coordinate.
    *arrays : (..., d) or (..., 1) arrays or scalars
        :math:`a, b, \dots`
    """
    tiling = _Tiling(group_probabilities, block_of, arrays)
    result = np.zeros(tiling.shape[:-1])
    for tile in tiling:
        result[tile.lead] += _run_sums(term(*tile.inputs), tile).sum(axis=-1)
    return result


def by_block(
    terms: Callable[..., tuple[FloatArray, ...]],
    group_probabilities: ArrayLike,
    block_of: IntArray,
    *arrays: ArrayLike,
) -> list[FloatArray]:
    r"""Sums :math:`\sum_{m \in g} \mathrm{term}(p_g, a_m, \dots)` for every block g, (..., K).

    Arguments as for `total`, except that ``terms`` returns several terms at once; one array of
    sums is returned for each.
    """
    tiling = _Tiling(group_probabilities, block_of, arrays)
    shape = (*tiling.shape[:-1], np.shape(group_probabilities)[-1])
    results: list[FloatArray] = []
    for tile in tiling:
        parts = terms(*tile.inputs)
        results = results or [np.zeros(shape) for _ in parts]
        for result, part in zip(results, parts, strict=True):
            place: Any = (..., tile.owners)
            # unbuffered: blocks may be interleaved, so that one block has several runs
            np.add.at(result[tile.lead], place, _run_sums(part, tile))
    return results


def total_over_others(
    term: Callable[..., FloatArray],
    group_probabilities: ArrayLike,
    block_of: IntArray,
    *arrays: ArrayLike,
) -> FloatArray:
    r"""The sum :math:`\sum_m q_{g(m)}\,\mathrm{term}(p_{g(m)}, a_m, b_m, \dots)`, shape (...).

    :math:`q_g = \sum_{j \ne g} p_j` keeps the digits that :math:`1 - p_g` has lost where p is
    near 1. What probabilities lack to a sum of 1, beyond rounding, is added, so that q is
    :math:`1 - p_g`. Arguments as for `total`.
    """
    p = np.asarray(group_probabilities, dtype=np.float64)
    lacking = 1.0 - p.sum(axis=-1, keepdims=True)
    q = sum_over_others(p) + np.where(np.abs(lacking) > ROUNDING, lacking, 0.0)
    (of_blocks,) = by_block(lambda *inputs: (term(*inputs),), p, block_of, *arrays)
    return np.asarray(np.vecdot(q, of_blocks))


def sum_over_others(values: FloatArray) -> FloatArray:
    r"""Sums :math:`\sum_{j \ne g} a_j` for every g on the last axis, without subtracting.

    >>> sum_over_others(np.array([1.0, 2.0, 4.0]))
    array([6., 5., 3.])
    """
    before, after = np.zeros_like(values), np.zeros_like(values)
    np.cumsum(values[..., :-1], axis=-1, out=before[..., 1:])
    np.cumsum(values[..., :0:-1], axis=-1, out=after[..., 1:])
    return before + after[..., ::-1]


class _Tile(NamedTuple):
    """A stretch of coordinates (and of the last leading axis), in runs of one block each."""

    lead: tuple[slice, ...]  # its place on the leading axes
    owners: IntArray  # block of each run
    starts: IntArray  # first coordinate of each run
    lengths: IntArray
    inputs: list[Any]


def _run_sums(terms: FloatArray, tile: _Tile) -> FloatArray:
    """The sum of the terms over each run of the tile, on the last axis."""
    if terms.ndim == 0 or terms.shape[-1] == 1:
        return np.asarray(terms * tile.lengths)  # constant over the coordinates
    return np.asarray(np.add.reduceat(terms, tile.starts, axis=-1))


class _Tiling:
    """The tiles of a broadcast shape (..., d), each with its slices of the arrays.

    Arguments as for `total`.
    """

    def __init__(
        self, group_probabilities: ArrayLike, block_of: IntArray, arrays: tuple[ArrayLike, ...]
    ) -> None:
        self.probabilities = np.asarray(group_probabilities, dtype=np.float64)
        self.block_of = block_of
        self.arrays = [np.asarray(array) for array in arrays]
        self.shape = np.broadcast(self.probabilities[..., :1], block_of, *self.arrays).shape

    def __iter__(self) -> Iterator[_Tile]:
        *outer, dim = self.shape
        width = min(dim, TILE)
        whole = math.prod(self.shape) <= TILE  # a small model is one tile: nothing is cut
        cut = _whole if whole else _cut
        steps = [max(size, 1) if whole else 1 for size in outer]
        if outer:
            steps[-1] = TILE // width
        for columns in _pieces(dim, width):
            owners = self.block_of[columns]
            is_edge = np.ones(len(owners) + 1, dtype=np.bool_)
            np.not_equal(owners[1:], owners[:-1], out=is_edge[1:-1])
            edges = is_edge.nonzero()[0]
            starts, lengths = edges[:-1], edges[1:] - edges[:-1]
            owners = owners[starts]
            for lead in itertools.product(*map(_pieces, outer, steps)):
                probabilities = cut(self.probabilities, (*lead, slice(None)))[..., owners]
                if len(owners) > 1:
                    probabilities = np.repeat(probabilities, lengths, axis=-1)
                inputs = [cut(array, (*lead, columns)) for array in self.arrays]
                yield _Tile(lead, owners, starts, lengths, [probabilities, *inputs])


def _pieces(size: int, step: int) -> list[slice]:
    """Slices of at most ``step`` that cover the numbers below ``size``."""
    return [slice(i, min(i + step, size)) for i in range(0, size, step)]


def _whole(array: FloatArray, _: tuple[slice, ...]) -> FloatArray:
    """The array itself, where the tile is all there is."""
    return array


def _cut(array: FloatArray, index: tuple[slice, ...]) -> FloatArray:
    """The part of ``array`` that broadcasts to the tile: axes of length 1 stay whole."""
    if array.ndim == 0:
        return array
    return array[
        tuple(
            slice(None) if size == 1 else part
            for size, part in zip(array.shape, index[-array.ndim :], strict=True)
        )
    ]

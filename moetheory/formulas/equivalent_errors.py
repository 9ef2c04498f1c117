r"""How far the deterministic equivalent may be off (docs/theory.md §4).

The truth is known for one isotropic group. Every block, and the whole, has an isotropic problem of
its size in its place: what the equivalent misses there is what it may miss here. In a block the
coordinates of other blocks add to a and the samples of other groups to c (``outer_pull`` and
``outer_penalty``), so that the ridge of its problem, in units of the variance, is
:math:`a_gc_{gm}/C_{gm}`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.formulas.block_layout import BlockLayout
from moetheory.formulas.equivalent import EquivalentMoments
from moetheory.formulas.equivalent_correction import limited
from moetheory.formulas.isotropic_equivalent import discrepancies, size_ratios

ROUNDING = 1e-12  # of variances that are equal
TINY = 1e-150  # in place of a denominator of zero


class _Problems(NamedTuple):
    """Isotropic problems (P,), and the ridge of each coordinate (d,) in the problem it is in.

    Attributes
    ----------
    samples, sizes : (P,) arrays
    starts : (P,) integer array
        The first coordinate of each problem; all up to the next start belong to it.
    ridge : (d,) array
        The ridge of the problem if its variance is that of the coordinate.
    member : (d,) mask
        Coordinates that count.
    """

    samples: FloatArray
    sizes: FloatArray
    starts: IntArray
    ridge: FloatArray
    member: Any

    def missed(self) -> tuple[FloatArray, FloatArray]:
        """The `discrepancies` of noise and of the share that is lost, at every ridge, (d,)."""
        errors, ridge = np.zeros((2, len(self.ridge))), np.where(self.member, self.ridge, np.inf)
        columns = (self.samples, self.sizes, self.starts, np.append(self.starts[1:], len(ridge)))
        for n, s, start, end in zip(*(column.tolist() for column in columns), strict=True):
            errors[:, start:end] = discrepancies(int(n), int(s), ridge[start:end])
        return errors[0], errors[1]

    def largest(self, values: FloatArray) -> FloatArray:
        """The largest size of a value in the problem of each coordinate, (d,)."""
        sizes = np.where(self.member, np.abs(values), 0.0)
        return np.where(self.member, self._spread(np.maximum.reduceat(sizes, self.starts)), 0.0)

    def ratio(self) -> FloatArray:
        """The `size_ratios` of the problem of each coordinate, (d,)."""
        return self._spread(size_ratios(self.samples, self.sizes))

    def mean(self, values: FloatArray) -> FloatArray:
        """The mean of the values in the problem of each coordinate, (d,)."""
        totals = np.add.reduceat(np.where(self.member, values, 0.0), self.starts)
        return self._spread(totals / np.maximum(self.sizes, 1.0))

    def _spread(self, each: FloatArray) -> FloatArray:
        return np.repeat(each, np.diff(np.append(self.starts, len(self.ridge))))


def _block_problems(
    layout: BlockLayout, counts: FloatArray, own: FloatArray, found: EquivalentMoments
) -> Iterator[_Problems]:
    """The problems of the blocks, and those of their strong coordinates.

    Weak coordinates are to the strong ones what the coordinates of other blocks are to a block.
    """
    n, varies = counts.ravel(), own > 0.0
    sizes = np.add.reduceat(varies * 1.0, layout.starts)
    ridge = _over(found.outer_pull * found.outer_penalty, own)
    yield _Problems(n, sizes, layout.starts, ridge, varies)
    if np.any(n < sizes):
        strong = _strong(n, sizes, layout.starts, own)
        reached = np.divide(own, found.denominator, out=np.zeros(own.shape), where=varies & ~strong)
        pull = found.outer_pull + layout.per_coordinate(layout.sum_over_block(reached))
        sizes = np.add.reduceat(strong * 1.0, layout.starts)
        ridge = _over(pull * found.outer_penalty, own)
        yield _Problems(n, sizes, layout.starts, ridge, strong)


def _strong(n: FloatArray, sizes: FloatArray, starts: IntArray, variances: FloatArray) -> Any:
    """The strong coordinates of problems, a mask (d,): all where samples are not too few.

    Else they are at most as many as samples: all that are stronger than the first that would be
    one too many.
    """
    blocks = np.repeat(np.arange(len(n)), np.diff(np.append(starts, len(variances))))
    fewer, threshold = n < sizes, np.zeros(len(n))
    first_weak = starts[fewer] + n[fewer].astype(np.int64)
    threshold[fewer] = variances[np.lexsort((-variances, blocks))][first_weak]
    return variances > (1.0 + ROUNDING) * threshold[blocks]


def _over(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """The quotient; infinite where the denominator is zero, or the quotient beyond the floats."""
    out = np.full(denominator.shape, np.inf)
    with np.errstate(over="ignore"):
        return np.asarray(np.divide(numerator, denominator, out=out, where=denominator > 0.0))


def shift_alone(
    layout: BlockLayout,
    counts: FloatArray,
    own: FloatArray,
    found: EquivalentMoments,
    variance: FloatArray,
    noise_share: FloatArray,
    best: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    r"""What to add to the variance of each coefficient, and how far it may be off, (d,) each.

    For sets of one group. With :math:`\delta_1, \delta_2` of `discrepancies` in the problem of the
    block, the share of the variance that comes from noise is multiplied by one plus the mean of
    :math:`\delta_1` over the coordinates, and :math:`\delta_2\theta_m^2` is added. Where a smaller
    problem stands for a large one, the shift is multiplied by the square of the ratio of their
    sizes. The error is the size of the whole shift, and how far :math:`\delta_1` differs from its
    mean within the block, and both from those in the problem of the strong coordinates.

    Parameters
    ----------
    layout, counts, own
        As for `equivalent_weights.weights`.
    found : EquivalentMoments
    variance : (d,) array
        The variance with its 1/n term.
    noise_share : (d,) array
        The share of the variance that is due to the residual.
    best : (d,) array
        The best coefficients :math:`\theta_m`.
    """
    noise, squared = noise_share * variance, np.square(best)
    block, *strong = _block_problems(layout, counts, own, found)
    missed, lost = block.missed()
    gain = block.mean(missed)
    off = noise * block.largest(missed - gain)
    for problems in strong:
        missed_there, lost_there = problems.missed()
        # what the weak coordinates would explain is noise to the strong ones
        there = problems.largest(missed_there) * variance + noise * np.abs(gain)
        there += squared * np.abs(lost_there - lost)
        off = np.maximum(off, np.where(problems.member, there, 0.0))
    added = squared * lost
    shift = noise * gain + np.where(added > 0.0, added, limited(added, variance))
    return np.square(block.ratio()) * shift, off + np.abs(shift)


def joint_error(
    layout: BlockLayout,
    counts: FloatArray,
    own: FloatArray,
    other: FloatArray,
    a: float,
    c: float,
    found: EquivalentMoments,
    variance: FloatArray,
    best: FloatArray,
) -> FloatArray:
    r"""How far the variance of each coefficient may be off, (d,), for one set of all groups.

    With :math:`\delta_1, \delta_2` of `discrepancies` it is the sum of
    :math:`\max|\delta_1|\operatorname{Var}\hat\beta_m + |\delta_2|l_m^2` over the problems of the
    whole, of the block and of the strong coordinates of each. A ridge pulls a coefficient over the
    distance :math:`l_m` to zero, the samples of other groups to where they alone would put it. The
    part of the variance that is due to the samples of group h has the :math:`\delta_1` of block h,
    if that is more.

    Parameters
    ----------
    layout, counts, own, other
        As for `equivalent_weights.weights`.
    a, c : float
        As for `equivalent_weights.weights`.
    found, variance, best
        As for `shift_alone`.
    """
    varies = layout.sum_over_groups(counts, own, other)  # times the number of samples
    n, size = counts.sum(axis=-1), np.array([float(np.count_nonzero(varies))])
    ridges = _over(np.full(varies.shape, a * c * n.item()), varies)
    whole = _Problems(n, size, np.zeros(1, dtype=np.int64), ridges, varies > 0.0)
    length = np.maximum(np.abs(best), np.abs(found.mean))
    pulled = _over(np.abs(best - found.mean) * found.denominator, found.outer_penalty)
    parts = [(whole, length)]
    parts += [(each, length) for each in _strong_of_whole(whole, varies / n, a, c, found)]
    for problems in _block_problems(layout, counts, own, found):
        parts.append((problems, np.minimum(pulled, 2.0 * length)))
    off = np.zeros(variance.shape)
    for problems, distance in parts:
        missed, lost = problems.missed()
        largest = problems.largest(missed)
        part = largest * variance
        if len(problems.starts) > 1:  # what the samples of one group add to all coefficients
            of_groups = (largest * found.group_part)[layout.starts].reshape(layout.shape)
            added = layout.sum_over_groups(of_groups, own, other)
            part = np.maximum(part, added / np.square(np.maximum(found.denominator, TINY)))
        off = off + part + np.abs(lost) * np.square(distance)
    return off


def _strong_of_whole(
    whole: _Problems, variances: FloatArray, a: float, c: float, found: EquivalentMoments
) -> Iterator[_Problems]:
    """The problem of the strong coordinates, whatever block they are in, of too few samples."""
    if whole.samples.item() >= whole.sizes.item():
        return
    strong = _strong(whole.samples, whole.sizes, whole.starts, variances)
    weak = whole.member & ~strong
    pull = a + float(np.sum(variances[weak] / found.denominator[weak]))
    size = np.array([float(np.count_nonzero(strong))])
    yield _Problems(whole.samples, size, whole.starts, _over(pull * c * strong, variances), strong)

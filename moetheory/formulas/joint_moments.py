r"""Sums of labels and linear predictions over sets of coordinates (docs/theory.md §12).

The sums of two sets are merged to those of their union. Labels have the coefficients b,
predictions f. What f does not explain of b keeps its digits, since no near-equal sums are
subtracted, unless f is larger than b by many decades. Each set has its own unit of f, so that no
square leaves the range of floats.

Arrays have shape (..., K): leading axes are for several predictors, the last for sets of
coordinates, such as blocks.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.formulas import sums
from moetheory.formulas.expert_sums import groups_by_number


class Moments(NamedTuple):
    r"""Sums over a set of coordinates, S and N the variances of signal and noise in each.

    All fields are zero for the empty set.

    Attributes
    ----------
    unit : (...) array
        a, the unit of f in all other fields: :math:`f = af'`.
    truth, cross, fit : (...) arrays
        :math:`\sum Sb^2, \sum Sbf', \sum Sf'^2`.
    slope, residual : (...) arrays
        :math:`u = \sum S(b-f)f'/\sum Sf'^2` and :math:`\sum S(b-f-uf')^2`: what f does not
        explain of b, whatever its unit.
    noise : (...) array
        :math:`\sum Nf'^2`.
    """

    unit: FloatArray
    truth: FloatArray
    cross: FloatArray
    fit: FloatArray
    slope: FloatArray
    residual: FloatArray
    noise: FloatArray

    def at(self, index: Any) -> Moments:
        """Some sets of the last axis."""
        return Moments(*(each[..., index] for each in self))

    def empty(self) -> Moments:
        """Empty sets, in new arrays of the same shape."""
        return Moments(*(np.zeros_like(each) for each in self))


class BlockMoments(NamedTuple):
    """The `Moments` (..., K) of the coordinates of each block, while it is active and not."""

    active: Moments
    idle: Moments


def block_moments(
    group_probabilities: ArrayLike,
    block_of: IntArray,
    signal: ArrayLike,
    leakage: ArrayLike,
    noise: ArrayLike,
    interference: ArrayLike,
    coefficients: ArrayLike,
    fit: ArrayLike,
    errors: ArrayLike | None = None,
) -> BlockMoments:
    r"""The moments of each block for predictions with the coefficients f.

    Parameters
    ----------
    group_probabilities : (K,) array
        Only the number of blocks K matters.
    block_of : (d,) integer array
        The block of each coordinate.
    signal, leakage, noise, interference, coefficients : (d,) arrays or scalars
        :math:`\lambda, \nu, n, \kappa, b`.
    fit : (..., d) array or scalar
        f.
    errors : (..., d) array or scalar, optional
        :math:`b - f`, given apart to keep its digits where f is close to b.
    """
    blocks = np.ones(np.shape(group_probabilities))
    idle_noise = np.add(noise, interference)
    fits = (coefficients, fit) if errors is None else (coefficients, fit, errors)
    return BlockMoments(
        _moments(blocks, block_of, signal, noise, *fits),
        _moments(blocks, block_of, leakage, idle_noise, *fits),
    )


def _moments(blocks: FloatArray, block_of: IntArray, *arrays: ArrayLike) -> Moments:
    """The moments of each block, from S, N, b, f and, if given, b - f; ``blocks`` are ones."""

    def sizes(_: Any, signal: Any, noise: Any, b: Any, fit: Any, *error: Any) -> tuple[Any, ...]:
        """The size of what each coordinate adds to predictions."""
        return (np.sqrt(signal + noise) * np.abs(fit),)

    def products(
        unit: Any, signal: Any, noise: Any, b: Any, fit: Any, *error: Any
    ) -> tuple[Any, ...]:
        """The terms of all sums that need no slope; roots come first, lest a square is lost."""
        missed = error[0] if error else b - fit
        root, fit = np.sqrt(signal), fit / unit
        label, seen = root * b, root * fit
        return (
            np.square(label),
            label * seen,
            np.square(seen),
            root * missed * seen,
            np.square(np.sqrt(noise) * fit),
        )

    def residuals(
        slope: Any, signal: Any, _: Any, b: Any, fit: Any, *error: Any
    ) -> tuple[Any, ...]:
        """The terms of the residual sum."""
        missed = error[0] if error else b - fit
        return (np.square(np.sqrt(signal) * (missed - slope * fit)),)

    # the first argument of each term is a number of the block
    (unit,) = sums.by_block(sizes, blocks, block_of, *arrays)
    divisor = not_zero(unit)
    truth, cross, seen, missed, noise = sums.by_block(products, divisor, block_of, *arrays)
    slope = missed / not_zero(seen)
    (residual,) = sums.by_block(residuals, slope / divisor, block_of, *arrays)
    return Moments(unit, truth, cross, seen, slope, residual, noise)


def union(one: Moments, other: Moments) -> Moments:
    r"""The moments of the union of two sets of coordinates.

    In one unit of f, and with the weights :math:`w = \sum Sf'^2`, what is left of two regressions
    adds up to

    .. math:: r_1 + r_2 + \frac{w_1w_2}{w_1+w_2}(u_1-u_2)^2 .
    """
    unit = np.maximum(one.unit, other.unit)
    p, q = one.unit / not_zero(unit), other.unit / not_zero(unit)
    fit = np.square(p) * one.fit + np.square(q) * other.fit
    divisor = not_zero(fit)
    slope = (p * one.fit * one.slope + q * other.fit * other.slope) / divisor
    difference = q * one.slope - p * other.slope
    apart = np.where(
        fit > 0.0,
        one.fit * other.fit / divisor * difference * difference,
        # a fit so small that its square is lost explains nothing
        one.fit * one.slope * one.slope + other.fit * other.slope * other.slope,
    )
    return Moments(
        unit,
        one.truth + other.truth,
        p * one.cross + q * other.cross,
        fit,
        slope,
        one.residual + other.residual + apart,
        np.square(p) * one.noise + np.square(q) * other.noise,
    )


def unions_of_others(moments: Moments) -> Moments:
    """The union of all other sets of the last axis, for each set; nothing is subtracted."""
    if not any(each.any() for each in moments):
        return moments
    turn = slice(None, None, -1)
    return union(_unions_of_earlier(moments), _unions_of_earlier(moments.at(turn)).at(turn))


def _unions_of_earlier(moments: Moments) -> Moments:
    """The union of all earlier sets of the last axis, for each set."""
    moments, step = _shifted(moments, 1), 1
    while step < moments.fit.shape[-1]:  # each is the union of 1, 2, 4, ... sets
        moments, step = union(moments, _shifted(moments, step)), 2 * step
    return moments


def _shifted(moments: Moments, step: int) -> Moments:
    """Each set of the last axis, moved by ``step`` places; the first places become empty."""
    moved = moments.empty()
    for new, old in zip(moved, moments, strict=True):
        new[..., step:] = old[..., :-step]
    return moved


def unions_by_expert(moments: Moments, expert_of: IntArray) -> Moments:
    """The union of the sets of all groups that each expert serves, (..., E).

    ``expert_of`` (K,) holds the expert, 0 to E-1, of each group.
    """
    if np.array_equal(expert_of, np.arange(len(expert_of))):
        return moments
    unions = moments.at(slice(expert_of.max() + 1)).empty()
    for groups in groups_by_number(expert_of):
        parts = _union_of_all(moments.at(groups)).at(0)
        for new, old in zip(unions, parts, strict=True):
            new[..., expert_of[groups[:, 0]]] = old
    return unions


def _union_of_all(moments: Moments) -> Moments:
    """The union of all sets of the last axis, (..., 1)."""
    while (sets := moments.fit.shape[-1]) > 1:
        half = sets // 2
        pairs = union(moments.at(slice(half)), moments.at(slice(half, 2 * half)))
        moments = _joined(pairs, moments.at(slice(2 * half, None)))
    return moments


def _joined(*parts: Moments) -> Moments:
    """The sets of all parts, one after the other on the last axis."""
    return Moments(*(np.concatenate(fields, axis=-1) for fields in zip(*parts, strict=True)))


def unions_within_experts(moments: Moments, expert_of: IntArray) -> Moments:
    """The union of the sets of the other groups that the expert of a group serves, (..., K)."""
    within = moments.empty()
    for groups in groups_by_number(expert_of, fewest=2):
        for new, old in zip(within, unions_of_others(moments.at(groups)), strict=True):
            new[..., groups] = old
    return within


def choose(mask: Any, one: Moments, other: Moments) -> Moments:
    """The sets of ``one`` where the mask is true, else those of ``other``."""
    return Moments(*(np.where(mask, a, b) for a, b in zip(one, other, strict=True)))


def not_zero(values: FloatArray) -> FloatArray:
    """The values, with 1 in place of 0: what to divide by."""
    return np.where(values == 0.0, 1.0, values)

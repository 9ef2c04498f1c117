"""Experts fitted on training sets that are drawn in full."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.kernels.least_squares import least_squares, ridge_fit


def expert_fits(
    features: FloatArray,
    labels: FloatArray,
    groups: IntArray,
    block_of: IntArray,
    experts: int,
    ridge: float,
) -> FloatArray:
    r"""Coefficients of every expert, fitted on its group's samples and its own block, (R, d).

    An expert without samples predicts zero.

    Parameters
    ----------
    features, labels : (R, n, d) and (R, n) arrays
    groups : (R, n) integer array
    block_of : (d,) integer array
    experts : int
        K.
    ridge : float
        :math:`\mu \ge 0`.
    """
    fits = np.zeros((len(features), len(block_of)))
    for _, sets, own, rows, targets in expert_data(features, labels, groups, block_of, experts):
        fits[np.ix_(sets, own)] = ridge_fit(rows, targets, ridge)
    return fits


class JointFits(NamedTuple):
    """Fits of experts beside a shared one: what inputs meet, (R, d) each.

    Attributes
    ----------
    own : (R, d) array
        On the coordinates of the expert of the input: those of both experts together.
    shared : (R, d) array
        On all other coordinates: those of the shared expert.
    """

    own: FloatArray
    shared: FloatArray


def joint_fits(
    features: FloatArray,
    labels: FloatArray,
    groups: IntArray,
    block_of: IntArray,
    experts: int,
    ridge: float,
) -> JointFits:
    r"""Experts :math:`u_e` and a shared expert w that sees all coordinates, fitted jointly.

    .. math:: \min_{w,u}\; \frac1n\sum_i\big(y_i - \bar x_i^\top w
              - \bar x_{i,e(i)}^\top u_{e(i)}\big)^2
              + \mu\|w\|^2 + \mu\sum_e\frac{n_e}n\|u_e\|^2,

    for :math:`\mu = 0` the solution of minimum norm: least squares on 2d coordinates, of which
    the second d are those of the own expert and zero elsewhere. Parameters as for `expert_fits`.
    """
    own = block_of == groups[..., np.newaxis]
    design = np.concatenate([features, np.where(own, features, 0.0)], axis=2)
    sets, rows, dim = features.shape
    if ridge > 0.0:
        counts = np.count_nonzero(groups[..., np.newaxis] == np.arange(experts), axis=1)
        # an expert without samples is zero for any penalty above zero
        penalties = ridge * np.maximum(counts, 1)[:, block_of]
        both = np.concatenate([np.full((sets, dim), ridge * rows), penalties], axis=1)
        penalty_rows = np.sqrt(both)[:, np.newaxis] * np.eye(2 * dim)
        design = np.concatenate([design, penalty_rows], axis=1)
        labels = np.concatenate([labels, np.zeros((sets, 2 * dim))], axis=1)
    fits = least_squares(design, labels)
    return JointFits(fits[:, :dim] + fits[:, dim:], fits[:, :dim])


class ExpertData(NamedTuple):
    """The samples of one expert in the training sets that give it the same number c > 0 of them.

    Attributes
    ----------
    group : int
    sets : (S,) integer array
        Indices of these training sets.
    own : (s,) integer array
        The coordinates of the expert's block.
    features, labels : (S, c, s) and (S, c) arrays
    """

    group: int
    sets: IntArray
    own: IntArray
    features: FloatArray
    labels: FloatArray


def expert_data(
    features: FloatArray,
    labels: FloatArray,
    groups: IntArray,
    block_of: IntArray,
    experts: int,
) -> Iterator[ExpertData]:
    """The samples of every expert, grouped by their number; parameters as for `expert_fits`."""
    for g in range(experts):
        own = np.flatnonzero(block_of == g)
        seen, here = features[..., own], groups == g
        counts = np.count_nonzero(here, axis=1)
        # training sets with equally many samples of the group make one regular array
        for count in np.unique(counts[counts > 0]):
            chosen = counts == count
            rows = here & chosen[:, np.newaxis]
            yield ExpertData(
                g,
                np.flatnonzero(chosen),
                own,
                seen[rows].reshape(-1, count, len(own)),
                labels[rows].reshape(-1, count),
            )

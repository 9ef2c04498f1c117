"""Least squares in many training sets at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.kernels.gram_systems import gram_solutions
from moetheory.kernels.workspace import Workspace

# relative size of a diagonal entry of R at which rank deficiency is suspected: far above rounding,
# as a false alarm only costs the slower solver
RANK_TOLERANCE = 1e-10
TOLERANCE = 1e-13  # relative length of the gradient at which conjugate gradients stop


def ridge_fit(features: FloatArray, labels: FloatArray, ridge: float) -> FloatArray:
    r"""Ridge regression in each of R training sets, shape (R, d).

    .. math:: \hat\beta = (\bar X^\top \bar X/n + \mu I)^{-1} \bar X^\top y/n,

    as least squares with the d rows :math:`\sqrt{n\mu}\,I` more, which squares no condition
    number; for :math:`\mu = 0` the solution of minimum norm.

    Parameters
    ----------
    features, labels : (R, n, d) and (R, n) arrays
        n > 0.
    ridge : float
        :math:`\mu \ge 0`.
    """
    return _penalised(features, labels, features.shape[1] * ridge)


def _penalised(features: FloatArray, labels: FloatArray, penalty: float) -> FloatArray:
    """The minimiser of :math:`\\|\\bar X\\beta - y\\|^2 + \\alpha\\|\\beta\\|^2`, (R, d)."""
    if penalty > 0.0:
        sets, _, dim = features.shape
        rows = np.broadcast_to(np.sqrt(penalty) * np.eye(dim), (sets, dim, dim))
        features = np.concatenate([features, rows], axis=1)
        labels = np.concatenate([labels, np.zeros((sets, dim))], axis=1)
    return least_squares(features, labels)


def normal_fits(
    parts: Sequence[FloatArray],
    targets: FloatArray,
    penalties: FloatArray,
    work: Workspace,
) -> FloatArray:
    r"""The minimiser of :math:`\|M\beta - t\|^2 + \alpha\|\beta\|^2`, (P, R, d).

    The normal equations give :math:`(M^\top M + \alpha I)^{-1}M^\top t`; where they are ill
    conditioned, QR or singular values take their place. The columns need not be of equal length:
    elimination in a symmetric positive matrix does as well as if they were.

    Parameters
    ----------
    parts : (R, q_i, d) arrays
        M, one above the other; at least d rows in all.
    targets : (R, q) array
        t; rows beyond the last target have target zero.
    penalties : (P, R) array
        :math:`\alpha \ge 0` of each fit.
    work : Workspace
        Its arrays "system" and "product" are overwritten.
    """
    moment = transposed_product(parts, targets)
    fits, doubtful = gram_solutions(parts, moment, penalties, work)
    for fit, wrong, penalty in zip(fits, doubtful, penalties, strict=True):
        _solve_from_rows(fit, wrong, parts, 1, targets, penalty)
    return fits


def dual_fits(
    parts: Sequence[FloatArray],
    targets: FloatArray,
    penalties: FloatArray,
    work: Workspace,
) -> FloatArray:
    r"""The minimiser of `normal_fits` for few rows, :math:`M^\top(MM^\top + \alpha I)^{-1}t`.

    For :math:`\alpha = 0` the solution of minimum norm.

    Parameters
    ----------
    parts : (R, q, d_i) arrays
        M, side by side; at least q columns in all.
    targets : (R, q) array
    penalties, work
        As for `normal_fits`.
    """
    duals, doubtful = gram_solutions([part.mT for part in parts], targets, penalties, work)
    with np.errstate(over="ignore", invalid="ignore"):
        fits = np.concatenate([np.vecmat(duals, part) for part in parts], axis=2)
    for fit, wrong, penalty in zip(fits, doubtful, penalties, strict=True):
        _solve_from_rows(fit, wrong, parts, 2, targets, penalty)
    return fits


def _solve_from_rows(
    fit: FloatArray,
    doubtful: Any,
    parts: Sequence[FloatArray],
    axis: int,
    targets: FloatArray,
    penalty: FloatArray,
) -> None:
    """Replace the ``doubtful`` fits (R, d) by those of QR; ``parts`` are joined along ``axis``."""
    for value in np.unique(penalty[doubtful]):
        chosen = doubtful & (penalty == value)
        rows = np.concatenate([part[chosen] for part in parts], axis=axis)
        padded_targets = np.zeros(rows.shape[:2])
        padded_targets[:, : targets.shape[1]] = targets[chosen]
        fit[chosen] = _penalised(rows, padded_targets, value)


def conjugate_fits(
    parts: Sequence[FloatArray],
    targets: FloatArray,
    penalties: FloatArray,
    scale: FloatArray,
    work: Workspace,
    iterations: int,
) -> FloatArray:
    r"""The minimiser of `normal_fits`, found by conjugate gradients on the rows, (P, R, d).

    A step costs :math:`4qd` operations, a product and a solve about :math:`qd^2 + d^3`: for
    many coordinates, and singular values of M close to each other. The iteration ends when no
    gradient is longer than :math:`10^{-13}` of the first; sets in which one still is after
    ``iterations`` steps are solved by `normal_fits`.

    Parameters
    ----------
    parts, targets, penalties, work
        As for `normal_fits`.
    scale : (d,) array
        Factors that bring the columns of M to about the same length.
    iterations : int
        Steps at most.

    Source: Hestenes and Stiefel 1952 (on the normal equations, which are never formed).
    """
    first_gradient = transposed_product(parts, targets) * scale
    goal = TOLERANCE**2 * np.vecdot(first_gradient, first_gradient)
    fits = np.empty((len(penalties), *first_gradient.shape))
    for fit, penalty in zip(fits, penalties, strict=True):
        weights = penalty[:, np.newaxis] * np.square(scale)
        solution = np.zeros_like(first_gradient)
        predictions = [np.zeros(part.shape[:2]) for part in parts]
        gradient, direction = first_gradient, first_gradient.copy()
        size = np.vecdot(gradient, gradient)
        for _ in range(iterations):
            images = [np.matvec(part, direction * scale) for part in parts]
            curvature = sum(np.vecdot(image, image) for image in images)
            curvature += np.vecdot(direction * weights, direction)
            step = _ratio(size, curvature)
            solution += step * direction
            for fitted, image in zip(predictions, images, strict=True):
                fitted += step * image
            product = sum(np.vecmat(f, part) for f, part in zip(predictions, parts, strict=True))
            gradient = first_gradient - scale * product - weights * solution
            before, size = size, np.vecdot(gradient, gradient)
            if np.all(size <= goal):
                break
            direction *= _ratio(size, before)
            direction += gradient
        fit[:] = solution * scale
        slow = ~(size <= goal)
        if slow.any():
            some = [part[slow] for part in parts]
            fit[slow] = normal_fits(some, targets[slow], penalty[slow][np.newaxis], work)[0]
    return fits


def transposed_product(parts: Sequence[FloatArray], targets: FloatArray) -> FloatArray:
    r"""The product :math:`M^\top t`, (R, d)."""
    product, start = np.zeros((len(targets), parts[0].shape[2])), 0
    for part in parts:
        some = targets[:, start : start + part.shape[1]]
        if some.shape[1]:
            product += np.vecmat(some, part[:, : some.shape[1]])
        start += part.shape[1]
    return product


def _ratio(above: FloatArray, below: FloatArray) -> FloatArray:
    """The quotients ``above / below`` as a column; ``below`` is 0 only where ``above`` is."""
    return (above / np.where(below > 0.0, below, 1.0))[:, np.newaxis]


def least_squares(features: FloatArray, labels: FloatArray) -> FloatArray:
    r"""The minimiser of :math:`\|\bar X\beta - y\|` of minimum norm in each set, (R, d).

    It is found by Householder QR, of :math:`[\bar X \; y]` for :math:`n \ge d` and of
    :math:`\bar X^\top` for :math:`n < d`; by singular values where the triangle shows that the
    rank may be deficient.

    Parameters
    ----------
    features, labels : (R, n, d) and (R, n) arrays
        n > 0.
    """
    sets, rows, dim = features.shape
    right = labels[..., np.newaxis]
    fits = np.empty((sets, dim, 1))
    if rows >= dim:
        both = np.concatenate([features, right], axis=2)
        triangles: FloatArray = np.asarray(np.linalg.qr(both, mode="r"))[:, :dim]
        rank_deficient = _replace_singular(triangles[..., :dim])
        fits[:] = np.linalg.solve(triangles[..., :dim], triangles[..., dim:])
    else:
        bases, triangles = np.linalg.qr(features.mT)
        rank_deficient = _replace_singular(triangles)
        fits[:] = bases @ np.linalg.solve(triangles.mT, right)
    for i in rank_deficient:
        fits[i] = np.linalg.lstsq(features[i], right[i])[0]
    return fits[..., 0]


def _replace_singular(triangles: FloatArray) -> IntArray:
    """Indices of the triangles that may be singular, each replaced by the identity."""
    diagonals = np.abs(np.diagonal(triangles, axis1=1, axis2=2))
    singular = diagonals.min(axis=1) <= RANK_TOLERANCE * diagonals.max(axis=1)
    triangles[singular] = np.eye(triangles.shape[-1])
    return np.flatnonzero(singular)

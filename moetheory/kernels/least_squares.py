"""Least squares in many training sets at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.kernels.workspace import Workspace

# far above the rounding of a dependent column: a false alarm only costs the slower solver
SUSPICIOUS = 1e-10
# of a Gram matrix: beyond it coefficients would lose more than half of their digits
ILL_CONDITIONED = 1e8
TOLERANCE = 1e-13  # of conjugate gradients


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

    By the normal equations, :math:`(M^\top M + \alpha I)^{-1}M^\top t`; by QR or singular
    values where they are ill conditioned. The columns need not be of equal length: elimination
    in a symmetric positive matrix does as well as if they were.

    Parameters
    ----------
    parts : (R, q_i, d) arrays
        M, one above the other; at least d rows in all.
    targets : (R, q) array
        t, zero where it ends before the rows do.
    penalties : (P, R) array
        :math:`\alpha \ge 0` of each fit.
    work : Workspace
        Of which "system" and "product" are used.
    """
    system = gram([(part.mT, part) for part in parts], work)
    moment = transposed_product(parts, targets)
    fits = np.empty((len(penalties), *moment.shape))
    for fit, penalty in zip(fits, penalties, strict=True):
        fit[:], doubtful = _solve(system, moment, penalty)
        _solve_from_rows(fit, doubtful, parts, 1, targets, penalty)
    return fits


def dual_fits(
    parts: Sequence[FloatArray],
    targets: FloatArray,
    penalties: FloatArray,
    work: Workspace,
) -> FloatArray:
    r"""What `normal_fits` gives for few rows, :math:`M^\top(MM^\top + \alpha I)^{-1}t`.

    For :math:`\alpha = 0` the solution of minimum norm.

    Parameters
    ----------
    parts : (R, q, d_i) arrays
        M, side by side; at least q columns in all.
    targets : (R, q) array
    penalties, work
        As for `normal_fits`.
    """
    system = gram([(part, part.mT) for part in parts], work)
    sizes = [part.shape[2] for part in parts]
    fits = np.empty((len(penalties), len(targets), sum(sizes)))
    for fit, penalty in zip(fits, penalties, strict=True):
        dual, doubtful = _solve(system, targets, penalty)
        with np.errstate(over="ignore", invalid="ignore"):
            fit[:] = np.concatenate([np.vecmat(dual, part) for part in parts], axis=1)
        _solve_from_rows(fit, doubtful, parts, 2, targets, penalty)
    return fits


def _solve_from_rows(
    fit: FloatArray,
    doubtful: Any,
    parts: Sequence[FloatArray],
    axis: int,
    targets: FloatArray,
    penalty: FloatArray,
) -> None:
    """Replace the ``doubtful`` of the fits (R, d); ``parts`` follow each other along ``axis``."""
    for value in np.unique(penalty[doubtful]):
        those = doubtful & (penalty == value)
        rows = np.concatenate([part[those] for part in parts], axis=axis)
        known = np.zeros(rows.shape[:2])
        known[:, : targets.shape[1]] = targets[those]
        fit[those] = _penalised(rows, known, value)


def gram(pairs: Sequence[tuple[FloatArray, FloatArray]], work: Workspace) -> FloatArray:
    """The sum of products of each part with its transpose, in "system" of ``work``."""
    left, right = pairs[0]
    shape = (*left.shape[:2], right.shape[2])
    system = np.matmul(left, right, out=work.array("system", shape))
    for left, right in pairs[1:]:
        system += np.matmul(left, right, out=work.array("product", shape))
    return system


def _solve(system: FloatArray, right: FloatArray, penalty: FloatArray) -> tuple[FloatArray, Any]:
    """Solutions of ``system`` + penalty·I, and which of them are in doubt; (R, n) and (R,).

    A second right-hand side tells how far the inverse stretches a vector, in units in which the
    diagonal is 1. It is irregular: in one of ones, two rows that are nearly the same would cancel.
    """
    diagonal = np.arange(system.shape[-1])
    irregular = np.random.Generator(np.random.SFC64(0)).standard_normal(len(diagonal))
    bare = system[:, diagonal, diagonal]
    energies = bare + penalty[:, np.newaxis]
    # what is zero throughout is left alone
    energies[energies == 0.0] = 1.0
    units = np.sqrt(energies)
    system[:, diagonal, diagonal] = energies
    try:
        both = np.linalg.solve(system, np.stack([right, units * irregular], axis=-1))
        # contiguous: a product with strided vectors is no call of BLAS
        solved, probe = np.moveaxis(both, -1, 0).copy()
    except np.linalg.LinAlgError:  # one is exactly singular: nothing is known of any
        solved, probe = np.zeros_like(right), np.full_like(right, np.inf)
    system[:, diagonal, diagonal] = bare
    with np.errstate(over="ignore", invalid="ignore"):
        stretch = np.linalg.norm(probe * units, axis=-1) * np.sqrt(len(diagonal))
    return solved, ~(stretch < ILL_CONDITIONED)


def conjugate_fits(
    parts: Sequence[FloatArray],
    targets: FloatArray,
    penalties: FloatArray,
    scale: FloatArray,
    work: Workspace,
    iterations: int,
) -> FloatArray:
    r"""What `normal_fits` gives, by conjugate gradients on the rows, (P, R, d).

    A step costs :math:`4qd` operations, a product and a solve about :math:`qd^2 + d^3`: for
    many coordinates, and singular values of M close to each other. Iterates until no gradient
    is longer than :math:`10^{-13}` of the first; what is not there after ``iterations`` steps
    is solved by `normal_fits`.

    Parameters
    ----------
    parts, targets, penalties, work
        As for `normal_fits`.
    scale : (d,) array
        What the columns of M are to be multiplied by to become alike.
    iterations : int

    Source: Hestenes and Stiefel 1952 (on the normal equations, which are never formed).
    """
    first = transposed_product(parts, targets) * scale
    goal = TOLERANCE**2 * np.vecdot(first, first)
    fits = np.empty((len(penalties), *first.shape))
    for fit, penalty in zip(fits, penalties, strict=True):
        weights = penalty[:, np.newaxis] * np.square(scale)
        solution, left = np.zeros_like(first), [np.zeros(part.shape[:2]) for part in parts]
        gradient, direction = first, first.copy()
        size = np.vecdot(gradient, gradient)
        for _ in range(iterations):
            images = [np.matvec(part, direction * scale) for part in parts]
            curvature = sum(np.vecdot(image, image) for image in images)
            curvature += np.vecdot(direction * weights, direction)
            step = _ratio(size, curvature)
            solution += step * direction
            for fitted, image in zip(left, images, strict=True):
                fitted += step * image
            fallen = sum(np.vecmat(fitted, part) for fitted, part in zip(left, parts, strict=True))
            gradient = first - scale * fallen - weights * solution
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
    r""":math:`M^\top t`, (R, d)."""
    product, start = np.zeros((len(targets), parts[0].shape[2])), 0
    for part in parts:
        some = targets[:, start : start + part.shape[1]]
        if some.shape[1]:
            product += np.vecmat(some, part[:, : some.shape[1]])
        start += part.shape[1]
    return product


def _ratio(above: FloatArray, below: FloatArray) -> FloatArray:
    """Quotients as a column; 0 where nothing is left to do."""
    return (above / np.where(below > 0.0, below, 1.0))[:, np.newaxis]


def least_squares(features: FloatArray, labels: FloatArray) -> FloatArray:
    r"""The minimiser of :math:`\|\bar X\beta - y\|` of minimum norm in each set, (R, d).

    By Householder QR, of :math:`[\bar X \; y]` for :math:`n \ge d` and of
    :math:`\bar X^\top` for :math:`n < d`; by singular values where the triangle says that the
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
        deficient = _make_regular(triangles[..., :dim])
        fits[:] = np.linalg.solve(triangles[..., :dim], triangles[..., dim:])
    else:
        bases, triangles = np.linalg.qr(features.mT)
        deficient = _make_regular(triangles)
        fits[:] = bases @ np.linalg.solve(triangles.mT, right)
    for i in deficient:
        fits[i] = np.linalg.lstsq(features[i], right[i])[0]
    return fits[..., 0]


def _make_regular(triangles: FloatArray) -> IntArray:
    """Replace triangles that may be singular by the identity; which ones they were."""
    diagonals = np.abs(np.diagonal(triangles, axis1=1, axis2=2))
    suspicious = diagonals.min(axis=1) <= SUSPICIOUS * diagonals.max(axis=1)
    triangles[suspicious] = np.eye(triangles.shape[-1])
    return np.flatnonzero(suspicious)

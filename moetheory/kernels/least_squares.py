"""Least squares in many training sets at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.kernels.workspace import Workspace

# relative size of a diagonal entry of R at which rank deficiency is suspected: far above rounding,
# as a false alarm only costs the slower solver
RANK_TOLERANCE = 1e-10
# condition of a Gram matrix beyond which coefficients would lose more than half of their digits
ILL_CONDITIONED = 1e8
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
    """Replace the ``doubtful`` fits (R, d) by those of QR; ``parts`` are joined along ``axis``."""
    for value in np.unique(penalty[doubtful]):
        chosen = doubtful & (penalty == value)
        rows = np.concatenate([part[chosen] for part in parts], axis=axis)
        padded_targets = np.zeros(rows.shape[:2])
        padded_targets[:, : targets.shape[1]] = targets[chosen]
        fit[chosen] = _penalised(rows, padded_targets, value)


def gram(pairs: Sequence[tuple[FloatArray, FloatArray]], work: Workspace) -> FloatArray:
    """The sum of products of each part with its transpose, in "system" of ``work``."""
    left, right = pairs[0]
    shape = (*left.shape[:2], right.shape[2])
    system = np.matmul(left, right, out=work.array("system", shape))
    for left, right in pairs[1:]:
        system += np.matmul(left, right, out=work.array("product", shape))
    return system


def _solve(system: FloatArray, right: FloatArray, penalty: FloatArray) -> tuple[FloatArray, Any]:
    """Solutions with ``system`` + penalty·I, and which are ill conditioned; (R, n) and (R,).

    A second right-hand side, the probe, tells how far the inverse stretches a vector, in units
    in which the diagonal is 1. The probe is random: of a probe of ones, two rows that are nearly
    the same would see nothing.
    """
    diagonal = np.arange(system.shape[-1])
    probe_normals = np.random.Generator(np.random.SFC64(0)).standard_normal(len(diagonal))
    bare = system[:, diagonal, diagonal]
    energies = bare + penalty[:, np.newaxis]
    # a coordinate that is zero in all rows gets coefficient zero
    energies[energies == 0.0] = 1.0
    units = np.sqrt(energies)
    system[:, diagonal, diagonal] = energies
    try:
        both = np.linalg.solve(system, np.stack([right, units * probe_normals], axis=-1))
        # contiguous: a product with strided vectors is no call of BLAS
        solved, probe = np.moveaxis(both, -1, 0).copy()
    except np.linalg.LinAlgError:  # one is exactly singular: none is solved
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

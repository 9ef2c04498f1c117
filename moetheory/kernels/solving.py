"""Least squares in many training sets at once."""

from __future__ import annotations

import numpy as np

from moetheory.kernels.workspace import Workspace
from moetheory.validation import FloatArray, IntArray

# far above the rounding of a dependent column: a false alarm only costs the slower solver
SUSPICIOUS = 1e-10
# of a Gram matrix: beyond it coefficients would lose more than half of their digits
ILL_CONDITIONED = 1e8
TOLERANCE = 1e-13  # of conjugate gradients


def expert_fits(
    features: FloatArray,
    labels: FloatArray,
    groups: IntArray,
    block_of: IntArray,
    experts: int,
    ridge: float,
) -> FloatArray:
    """Every expert fitted on its group's samples and its block's coordinates, shape (R, d).

    An expert without samples predicts zero.

    Parameters
    ----------
    features, labels : (R, n, d) and (R, n) arrays
    groups : (R, n) integer array
    """
    fits = np.zeros((len(features), len(block_of)))
    for g in range(experts):
        own = np.flatnonzero(block_of == g)
        seen, here = features[..., own], groups == g
        counts = np.count_nonzero(here, axis=1)
        # training sets with equally many samples of the group make one regular array
        for count in np.unique(counts[counts > 0]):
            chosen = counts == count
            rows = here & chosen[:, np.newaxis]
            fits[np.ix_(chosen, own)] = ridge_fit(
                seen[rows].reshape(-1, count, len(own)), labels[rows].reshape(-1, count), ridge
            )
    return fits


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
    rows: FloatArray,
    targets: FloatArray,
    penalties: FloatArray,
    scale: FloatArray,
    work: Workspace,
) -> FloatArray:
    r"""The minimiser of :math:`\|MD^{-1}\beta - t\|^2 + \alpha\|\beta\|^2`, (P, R, d).

    By the normal equations, :math:`D(M^\top M + \alpha D^2)^{-1}M^\top t` for q ≥ d rows and
    :math:`M^\top(MM^\top + \alpha I)^{-1}t` for fewer, the solution of minimum norm for
    :math:`\alpha = 0`; by QR or singular values where a matrix is ill conditioned.

    Parameters
    ----------
    rows, targets : (R, q, d) and (R, q) arrays
        M and t.
    penalties : (P, R) array
        :math:`\alpha \ge 0` of each fit.
    scale : (d,) array
        Diagonal of D, by which the columns of M were multiplied; ones if q < d.
    work : Workspace
        Of which "system" is used.
    """
    sets, count, dim = rows.shape
    tall = count >= dim
    left, right = (rows.mT, rows) if tall else (rows, rows.mT)
    side = dim if tall else count
    system = np.matmul(left, right, out=work.array("system", (sets, side, side)))
    # a second right-hand side of ones, to see how far the inverse stretches a vector
    sides = np.ones((sets, side, 2))
    sides[..., 0] = np.vecmat(targets, rows) if tall else targets
    diagonal = np.arange(side)
    bare = system[:, diagonal, diagonal]
    weights = np.square(scale) if tall else np.ones(count)
    fits = np.empty((len(penalties), sets, dim))
    for fit, penalty in zip(fits, penalties, strict=True):
        energies = bare + penalty[:, np.newaxis] * weights
        # what is zero throughout is left alone
        energies[energies == 0.0] = 1.0
        system[:, diagonal, diagonal] = energies
        try:
            # contiguous: a product with strided vectors is no call of BLAS
            solved, probe = np.moveaxis(np.linalg.solve(system, sides), -1, 0).copy()
        except np.linalg.LinAlgError:  # one is exactly singular: nothing is known of any
            solved, probe = np.zeros((sets, side)), np.full((sets, side), np.inf)
        with np.errstate(over="ignore", invalid="ignore"):
            fit[:] = solved * scale if tall else np.vecmat(solved, rows)
            stretch = np.linalg.norm(probe, axis=-1) / np.sqrt(side)
            doubtful = ~(stretch * energies.sum(axis=-1) < ILL_CONDITIONED)
        for value in np.unique(penalty[doubtful]):
            those = doubtful & (penalty == value)
            fit[those] = _penalised(rows[those] / scale, targets[those], value)
    return fits


def conjugate_fits(
    rows: FloatArray,
    targets: FloatArray,
    penalties: FloatArray,
    scale: FloatArray,
    work: Workspace,
    iterations: int,
) -> FloatArray:
    r"""What `normal_fits` gives for q ≥ d rows, by conjugate gradients, (P, R, d).

    A step costs :math:`4qd` operations, a product and a solve about :math:`qd^2 + d^3`: for
    many coordinates, and singular values of M close to each other. Iterates until no gradient
    is longer than :math:`10^{-13}` of the first; what is not there after ``iterations`` steps
    is solved by `normal_fits`.

    Source: Hestenes and Stiefel 1952 (on the normal equations, which are never formed).
    """
    first = np.vecmat(targets, rows)
    goal = TOLERANCE**2 * np.vecdot(first, first)
    fits = np.empty((len(penalties), *first.shape))
    for fit, penalty in zip(fits, penalties, strict=True):
        weights = penalty[:, np.newaxis] * np.square(scale)
        solution, left = np.zeros_like(first), targets.copy()
        gradient, direction = first, first.copy()
        size = np.vecdot(gradient, gradient)
        for _ in range(iterations):
            image = np.matvec(rows, direction)
            curvature = np.vecdot(image, image) + np.vecdot(direction * weights, direction)
            step = _ratio(size, curvature)
            solution += step * direction
            left -= step * image
            gradient = np.vecmat(left, rows) - weights * solution
            before, size = size, np.vecdot(gradient, gradient)
            if np.all(size <= goal):
                break
            direction *= _ratio(size, before)
            direction += gradient
        fit[:] = solution * scale
        slow = ~(size <= goal)
        if slow.any():
            fit[slow] = normal_fits(rows[slow], targets[slow], penalty[slow][None], scale, work)[0]
    return fits


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

r"""Ridge regressions under many penalties at once, and their leave-out errors.

With :math:`C` the covariance of n samples, :math:`c` their covariance with the labels and
:math:`\tau N` the covariance of noise, :math:`\beta = (C + \tau N)^{-1} c`: under such feature
noise, added to these very samples, the least squares in expectation. Fitted without the samples of
a set S, the regression errs at these samples by

.. math:: e_S = (I - H_{SS})^{-1} r_S, \qquad
    h_{ij} = \tfrac1n + \tfrac1n (x_i - \bar x)^\top (C + \tau N)^{-1} (x_j - \bar x),

:math:`r` its residuals; an identity (Sherman, Morrison and Woodbury) where the penalty on the sum
of squares stays :math:`n \tau N`. One decomposition, :math:`W^\top CW = I` and
:math:`W^\top NW = \operatorname{diag}(\theta)`, serves all penalties:
:math:`(C + \tau N)^{-1} = W\operatorname{diag}(1+\tau\theta)^{-1}W^\top`. Source: docs/theory.md
§9.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import NamedTuple

import numpy as np

from moetheory.auditing.moments import SampleMoments
from moetheory.common.arrays import FloatArray, IntArray

FLOOR = 1e-8  # of the variance of a feature: the penalty that stands for none where one is needed
LEAST_CONDITION = 1e-9  # reciprocal, of a correlation matrix that needs no penalty
LEAST_LEFT = 1e-10  # of 1 - h: what is left out determines the fit, but for rounding
GRADED = 1e10  # ratio of noise beside variances from which rounding of the largest hides the least


class Pencil(NamedTuple):
    r"""The decomposition :math:`W^\top CW = I`, :math:`W^\top NW = \operatorname{diag}(\theta)`.

    Attributes
    ----------
    basis : (d, d) array
        W.
    noise : (d,) array
        :math:`\theta`.
    raised : bool
        Whether the covariance got `FLOOR` of each variance more.
    """

    basis: FloatArray
    noise: FloatArray
    raised: bool

    @classmethod
    def of(cls, second: FloatArray, factor: FloatArray, *, raised: bool = False) -> Pencil:
        """The decomposition for a covariance ``second`` and noise ``factor``.

        The factor is (d,), deviations of independent noise, or F (d, d) with :math:`N = FF^T`. All
        is in units of the features' own deviations, so that their units change nothing. Where
        features are collinear, or samples fewer than features, or if it is to be ``raised``, the
        covariance gets `FLOOR` of each variance more: the limit of small noise in proportion to the
        features. A feature that never varies gets the variance `FLOOR`.
        """
        from scipy.linalg import solve_triangular

        variances = second.diagonal()
        deviations = np.sqrt(np.where(variances > 0.0, variances, FLOOR))
        correlations = second / np.multiply.outer(deviations, deviations)
        np.fill_diagonal(correlations, 1.0)
        root, raised = _root(correlations, raised)
        relative = factor / (deviations if factor.ndim == 1 else deviations[:, np.newaxis])
        columns = np.diag(relative) if factor.ndim == 1 else relative
        rows = solve_triangular(root, columns, lower=True)
        theta, vectors = _squares_and_vectors(rows, relative)
        basis = solve_triangular(root, vectors, lower=True, trans="T")
        return cls(basis / deviations[:, np.newaxis], theta, raised)


def _root(correlations: FloatArray, raised: bool) -> tuple[FloatArray, bool]:
    """The lower Cholesky factor, and whether it is that of a matrix a little better conditioned."""
    from scipy.linalg import cholesky
    from scipy.linalg.lapack import dpocon

    if not raised:
        try:
            root: FloatArray = cholesky(correlations, lower=True)
            norm = float(np.abs(correlations).sum(axis=0).max())
            if float(dpocon(root, norm, uplo="L")[0]) >= LEAST_CONDITION:
                return root, False
        except np.linalg.LinAlgError:
            pass
    return cholesky(correlations + FLOOR * np.eye(len(correlations)), lower=True), True


def _squares_and_vectors(rows: FloatArray, relative: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The squared singular values and the left singular vectors of ``rows``."""
    sizes = np.abs(relative) if relative.ndim == 1 else np.linalg.norm(relative, axis=1)
    least = float(sizes.min())
    if least > 0.0 and float(sizes.max()) ** 2 <= GRADED * least**2:
        theta, vectors = np.linalg.eigh(rows @ rows.T)
        return np.maximum(theta, 0.0), vectors
    # one-sided Jacobi keeps the digits of noise that is small beside another feature's
    from scipy.linalg.lapack import dgejsv

    if rows.shape[0] < rows.shape[1]:
        rows = np.asarray(np.linalg.qr(rows.T, mode="r")).T
    values, vectors, _, scaling, _, failed = dgejsv(rows, jobu=0, jobv=3)
    if failed:
        raise np.linalg.LinAlgError("singular values of the noise did not converge")
    return np.square(values * (scaling[0] / scaling[1])), vectors


class RidgePath:
    r"""Regressions of m labels on the features behind ``moments``, one for each of T penalties.

    Parameters
    ----------
    moments : SampleMoments
    factor : (d,) or (d, d) array
        Of the noise, see `Pencil.of`.
    penalties : (T,) array
        :math:`\tau`.
    intercept : bool
        Whether the regressions have an intercept, without penalty.
    raised : bool
        Whether the covariance gets `FLOOR` of each variance more, needed or not.

    Attributes
    ----------
    is_raised : bool
        Whether the covariance got it.
    noise_gains : (T,) array
        :math:`\beta^\top N\beta`, summed over labels: what noise of one unit adds to the risk.
    """

    def __init__(
        self,
        moments: SampleMoments,
        factor: FloatArray,
        penalties: FloatArray,
        *,
        intercept: bool,
        raised: bool = False,
    ) -> None:
        centred = moments.centred(intercept)
        self._centre, self._label_centre = centred.centre, centred.label_centre
        self._count = moments.count
        # of each sample by itself: an intercept is fitted to all
        self._share = 1.0 / moments.count if intercept else 0.0
        self._basis, theta, self.is_raised = Pencil.of(centred.second, factor, raised=raised)
        # what it takes to leave out samples without which nothing determines the fit
        self._raised: Callable[[], RidgePath] | None = None
        if not self.is_raised:
            again = partial(RidgePath, moments, factor, penalties, intercept=intercept, raised=True)
            self._raised = cache(again)
        self._shrinkage = 1.0 / (1.0 + np.multiply.outer(theta, penalties))
        along = self._basis.T @ centred.cross
        self._rotated = self._shrinkage[:, :, np.newaxis] * along[:, np.newaxis]
        self.noise_gains = np.einsum("k,ktm->t", theta, self._rotated**2)

    def fits(self, which: IntArray) -> tuple[FloatArray, FloatArray]:
        """Intercepts (P, m) and coefficients (P, d, m) for the penalties of these indices."""
        coefficients = np.einsum("dk,kpm->pdm", self._basis, self._rotated[:, which], optimize=True)
        return self._label_centre - np.vecmat(self._centre, coefficients), coefficients

    def left_out(
        self,
        features: FloatArray,
        labels: FloatArray,
        sets: IntArray,
        groups: IntArray | None = None,
        shares: FloatArray | None = None,
    ) -> FloatArray:
        """Errors e, (rows, T, m), at fitted samples of fits without the set that each is in.

        ``sets`` (rows,) are equal for samples of one set, which come one after another, all of
        them. Where features and labels are measured from centres of their ``groups`` (rows,), each
        has an intercept, and ``shares`` (rows,) replace 1/n, the leverage by it. NaN where nothing
        is left to fit an intercept to. Where the others do not determine a fit, they get `FLOOR`.
        """
        rotated = (features - self._centre) @ self._basis
        flat = self._rotated.reshape(len(self._rotated), -1)
        errors = (labels - self._label_centre)[:, np.newaxis] - (rotated @ flat).reshape(
            len(labels), *self._rotated.shape[1:]
        )
        own = np.full(len(labels), self._share) if shares is None else shares
        same = np.zeros(len(labels), dtype=np.int64) if groups is None else groups
        starts = np.flatnonzero(np.diff(sets, prepend=sets[:1] - 1))
        sizes = np.diff(starts, append=len(sets))
        left = 1.0 - (np.square(rotated) @ self._shrinkage) / self._count - own[:, np.newaxis]
        left[np.repeat(sizes > 1, sizes)] = 1.0
        alone = own >= 1.0
        left[alone] = np.nan
        for start, size in zip(starts[sizes > 1], sizes[sizes > 1], strict=True):
            part = slice(start, start + size)
            self._solve_set(rotated[part], errors[part], left[part], own[part], same[part])
        lost = left < (0.0 if self._raised is None else LEAST_LEFT)
        errors /= np.where(lost, 1.0, left)[:, :, np.newaxis]
        if self._raised is not None and lost.any():
            rows = np.flatnonzero(np.isin(sets, sets[lost.any(axis=1)]))
            again = self._raised().left_out(
                features[rows],
                labels[rows],
                sets[rows],
                None if groups is None else groups[rows],
                None if shares is None else shares[rows],
            )
            errors[rows] = np.where(lost[rows, :, np.newaxis], again, errors[rows])
        return errors

    def _solve_set(
        self,
        rotated: FloatArray,
        errors: FloatArray,
        left: FloatArray,
        shares: FloatArray,
        groups: IntArray,
    ) -> None:
        """Make left-out ``errors`` (c, T, m) of the residuals of one set, in place.

        ``left`` (c, T) becomes NaN where nothing is left, 0 where nothing determines the fit.
        """
        same = groups[:, np.newaxis] == groups
        alone = same @ shares >= 1.0 - 1e-9  # the set is all that there is of the group
        left[alone] = np.nan
        if alone.all():
            return
        # a group that is left out whole tells of slopes alone
        weights = np.sqrt(np.where(alone, 0.0, shares))
        intercepts = (groups[:, np.newaxis] == np.unique(groups)) * weights[:, np.newaxis]
        factor = np.hstack([rotated, intercepts])
        scales = np.sqrt(self._shrinkage / self._count)
        scales = np.vstack([scales, np.ones((intercepts.shape[1], scales.shape[1]))])
        # H = FF', F the scaled factor: the smaller one of I - FF' and I - F'F is solved
        is_wide = factor.shape[1] >= len(factor)
        gram = np.empty((0, 0)) if is_wide else factor.T @ factor
        unit = np.eye(min(factor.shape))
        for t, scale in enumerate(scales.T):
            if is_wide:
                rest = unit - (np.square(scale) * factor) @ factor.T
            else:
                rest = unit - gram * np.multiply.outer(scale, scale)
            if self._raised is not None and not _is_determined(rest):
                left[~alone, t] = 0.0
            elif is_wide:
                errors[:, t] = np.linalg.solve(rest, errors[:, t])
            else:
                along = scale[:, np.newaxis] * (factor.T @ errors[:, t])
                errors[:, t] += factor @ (scale[:, np.newaxis] * np.linalg.solve(rest, along))


def _is_determined(rest: FloatArray) -> bool:
    """Whether I - H of a set is positive definite, but for rounding."""
    try:
        return float(np.linalg.cholesky(rest).diagonal().min()) ** 2 >= LEAST_LEFT
    except np.linalg.LinAlgError:
        return False

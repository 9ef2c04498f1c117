r"""Ridge regressions for many penalties at once, and their leave-one-out errors.

With :math:`C` the covariance of n samples, :math:`c` their covariance with the labels and
:math:`\tau` a penalty, :math:`\beta = (C + \tau I)^{-1} c`: under feature noise of variance
:math:`\tau` that is added to these very samples, the least squares in expectation. Fitted
without sample i, the regression errs at that sample by

.. math:: e_i = \frac{y_i - \bar y - (x_i - \bar x)^\top \beta}{1 - h_i}, \qquad
    h_i = \tfrac1n + \tfrac1n (x_i - \bar x)^\top (C + \tau I)^{-1} (x_i - \bar x),

an identity (Sherman and Morrison) where the penalty on the sum of squares stays :math:`n \tau`.
One eigendecomposition of :math:`C` serves all penalties. Source: docs/theory.md §9.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray

LEAST_PENALTY = 1e-8  # of the largest eigenvalue: stands for no penalty
ROUNDING = 1e-12  # of means: less variation than this is rounding


@dataclass
class SampleMoments:
    """First and second moments of samples and labels; sums of squares and products about means."""

    count: int
    mean: FloatArray
    label_mean: float
    scatter: FloatArray
    cross: FloatArray
    label_scatter: float

    @classmethod
    def of(cls, features: FloatArray, labels: FloatArray) -> SampleMoments:
        """The moments of one chunk of samples."""
        mean, label_mean = features.mean(axis=0), float(labels.mean())
        centred, centred_labels = features - mean, labels - label_mean
        scatter, cross = centred.T @ centred, centred.T @ centred_labels
        return cls(
            len(labels), mean, label_mean, scatter, cross, float(centred_labels @ centred_labels)
        )

    def __iadd__(self, other: SampleMoments) -> SampleMoments:
        """Add the moments of other samples (Chan, Golub and LeVeque: nothing cancels)."""
        total = self.count + other.count
        shift, label_shift = other.mean - self.mean, other.label_mean - self.label_mean
        weight = self.count * other.count / total
        self.scatter += other.scatter
        self.scatter += np.outer(weight * shift, shift)
        self.cross += other.cross + weight * label_shift * shift
        self.label_scatter += other.label_scatter + weight * label_shift**2
        self.mean = self.mean + shift * (other.count / total)
        self.label_mean += label_shift * other.count / total
        self.count = total
        return self

    def of_block(self, block: IntArray) -> SampleMoments:
        """The moments of some of the features."""
        return SampleMoments(
            self.count,
            self.mean[block],
            self.label_mean,
            self.scatter[np.ix_(block, block)],
            self.cross[block],
            self.label_scatter,
        )

    def centred(self, intercept: bool) -> Centred:
        """Second moments about the means, or about zero for predictors without an intercept."""
        if intercept:
            centre, label_centre, offset = self.mean, self.label_mean, np.zeros_like(self.mean)
        else:
            centre, label_centre, offset = np.zeros_like(self.mean), 0.0, self.mean
        label_offset = self.label_mean - label_centre
        return Centred(
            centre,
            label_centre,
            self.scatter / self.count + np.outer(offset, offset),
            self.cross / self.count + label_offset * offset,
            self.label_scatter / self.count + label_offset**2,
        )


class Centred(NamedTuple):
    """Second moments of features (d, d), of features and labels (d,), of labels, about centres."""

    centre: FloatArray
    label_centre: float
    second: FloatArray
    cross: FloatArray
    label: float

    @property
    def rounding_level(self) -> float:
        """The level up to which eigenvalues come from rounding."""
        return max((ROUNDING * float(np.linalg.norm(self.centre))) ** 2, np.finfo(float).tiny)


class RidgePath:
    """Regressions of the labels on the features behind ``moments``, one for each penalty.

    Parameters
    ----------
    moments : SampleMoments
    intercept : bool
        Whether the regressions have an intercept, without penalty.
    penalties : (L,) array
        At least `LEAST_PENALTY` of the largest eigenvalue is taken, so that no penalty is the
        limit of small ones: the least norm where samples are fewer than features.

    Attributes
    ----------
    intercepts : (L,) array
    coefficients : (L, d) array
    """

    def __init__(self, moments: SampleMoments, intercept: bool, penalties: FloatArray) -> None:
        centred = moments.centred(intercept)
        self._centre, self._label_centre = centred.centre, centred.label_centre
        self._count = moments.count
        self._intercept_leverage = 1.0 / moments.count if intercept else 0.0
        spectrum, self._basis = np.linalg.eigh(centred.second)
        resolved = (spectrum > centred.rounding_level)[:, np.newaxis]
        penalised = spectrum[:, np.newaxis] + np.maximum(penalties, LEAST_PENALTY * spectrum[-1])
        resolvent = np.where(resolved, 1.0 / np.where(resolved, penalised, 1.0), 0.0)
        self._leverages = resolvent / self._count
        self._rotated = resolvent * (self._basis.T @ centred.cross)[:, np.newaxis]
        self.coefficients = np.ascontiguousarray((self._basis @ self._rotated).T)
        self.intercepts = self._label_centre - self.coefficients @ self._centre

    def left_out(self, features: FloatArray, labels: FloatArray) -> FloatArray:
        """The leave-one-out errors e, (rows, L), at samples among the fitted ones.

        NaN where the sample is the only one: without it there is no intercept.
        """
        if self._intercept_leverage == 1.0:
            return np.full((len(labels), self._rotated.shape[1]), np.nan)
        rotated = (features - self._centre) @ self._basis
        errors: FloatArray = (labels - self._label_centre)[:, np.newaxis]
        errors = errors - rotated @ self._rotated
        np.square(rotated, out=rotated)
        errors /= 1.0 - self._intercept_leverage - rotated @ self._leverages
        return errors

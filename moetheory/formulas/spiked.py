r"""Singular values and vectors of a matrix of low rank in noise (docs/theory.md §8).

An (n, d) matrix of fixed rank with squared singular values :math:`\ell`, observed with added
independent N(0, :math:`\sigma^2/n`) entries, :math:`c = d/n`. Limits as n grows at fixed c,
:math:`\ell` and :math:`\sigma^2`; a spike is detectable above :math:`\sqrt c\,\sigma^2` only.
The arguments ``signal`` :math:`\ell`, ``aspect`` c and ``noise`` :math:`\sigma^2` broadcast.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from moetheory.common.arrays import FloatArray


def threshold(aspect: ArrayLike, noise: ArrayLike) -> FloatArray:
    r"""The detection threshold :math:`\sqrt c\,\sigma^2`: a weaker spike leaves no trace.

    >>> float(threshold(0.25, 2.0))
    1.0
    """
    return np.asarray(np.sqrt(aspect) * np.asarray(noise, dtype=np.float64))


def edge(aspect: ArrayLike, noise: ArrayLike) -> FloatArray:
    r"""The largest squared singular value of noise alone, :math:`\sigma^2(1+\sqrt c)^2`.

    >>> float(edge(0.25, 2.0))
    4.5
    """
    return np.asarray(np.square(1.0 + np.sqrt(aspect)) * np.asarray(noise, dtype=np.float64))


def observed(signal: ArrayLike, aspect: ArrayLike, noise: ArrayLike) -> FloatArray:
    r"""The observed squared singular value of a spike.

    .. math:: \frac{(\ell+\sigma^2)(\ell+c\sigma^2)}{\ell} \ \text{for}\ \ell > \sqrt c\,\sigma^2,
              \qquad \sigma^2(1+\sqrt c)^2 \ \text{else} .

    >>> observed([0.5, 1.0, 2.0], 0.25, 2.0)
    array([4.5, 4.5, 5. ])
    """
    spike, ratio, detectable = _detectable(signal, aspect, noise)
    value = spike * (1.0 + ratio) * (1.0 + np.asarray(aspect) * ratio)
    return np.where(detectable, value, edge(aspect, noise))


def left_overlap(signal: ArrayLike, aspect: ArrayLike, noise: ArrayLike) -> FloatArray:
    r"""Squared inner product of a left singular vector (n) with the one that is observed.

    .. math:: 1-\frac{\sigma^2(c\sigma^2+\ell)}{\ell(\ell+\sigma^2)}
              = \frac{\ell^2-c\sigma^4}{\ell(\ell+\sigma^2)} ,

    0 at and below the threshold.

    >>> left_overlap([1.0, 2.0], 0.25, 2.0)
    array([0.   , 0.375])
    """
    return _overlap(signal, aspect, noise, 1.0)


def right_overlap(signal: ArrayLike, aspect: ArrayLike, noise: ArrayLike) -> FloatArray:
    r"""Squared inner product of a right singular vector (d) with the one that is observed.

    .. math:: 1-\frac{c\sigma^2(\sigma^2+\ell)}{\ell(\ell+c\sigma^2)}
              = \frac{\ell^2-c\sigma^4}{\ell(\ell+c\sigma^2)} ,

    0 at and below the threshold.

    >>> right_overlap([1.0, 2.0], 0.25, 2.0)
    array([0. , 0.6])
    """
    return _overlap(signal, aspect, noise, aspect)


def _overlap(
    signal: ArrayLike, aspect: ArrayLike, noise: ArrayLike, factor: ArrayLike
) -> FloatArray:
    r"""The overlap :math:`(1-c\sigma^4/\ell^2)/(1+u\sigma^2/\ell)`, u the ``factor``: 1 or c."""
    spike, ratio, detectable = _detectable(signal, aspect, noise)
    limit = np.where(detectable, threshold(aspect, noise), 0.0)
    # in factors, for the digits that are left close to the threshold
    kept = (spike - limit) / spike * (1.0 + limit / spike)
    return np.where(detectable, kept / (1.0 + np.asarray(factor) * ratio), 0.0)


def _detectable(
    signal: ArrayLike, aspect: ArrayLike, noise: ArrayLike
) -> tuple[FloatArray, FloatArray, NDArray[np.bool_]]:
    r"""The arrays :math:`\ell` and :math:`\sigma^2/\ell`, and whether each spike is detectable.

    Spikes that are not detectable get 1 and 0.
    """
    detectable = np.greater(signal, threshold(aspect, noise))
    spike = np.where(detectable, signal, 1.0)
    return spike, np.where(detectable, noise, 0.0) / spike, detectable

"""Triangular roots of Wishart matrices, which stand for the Gram matrices of many rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray


def wishart_roots(rng: np.random.Generator, degrees: IntArray, out: FloatArray) -> FloatArray:
    r"""Upper trapezoids U with :math:`U^\top U \sim \mathrm{Wishart}(m, I)`, (..., rows, c).

    The triangular factor of an m × c matrix of independent standard normals: :math:`u_{ij}`
    normal above the diagonal, :math:`u_{ii}^2 \sim \chi^2_{m-i}` (counted from 0), all
    independent (Bartlett 1933). For m < c it has m rows; rows from m on are zero.

    Parameters
    ----------
    degrees : (...) integer array
        m of each factor; may be zero.
    out : (..., rows, c) array
        Contiguous, with at least min(m, c) rows for every factor, c at most; the roots are written
        into it.
    """
    rows, columns = out.shape[-2:]
    degrees, sets = degrees.ravel(), degrees.size
    roots = out.reshape(sets, rows, columns)
    # what lies below the diagonal of one square lies above it in its transpose
    above_diagonal = np.triu(np.ones((rows, rows)), 1)
    drawn = (sets + 1) // 2
    squares = rng.standard_normal((drawn, rows, rows))
    np.multiply(squares, above_diagonal, out=roots[:drawn, :, :rows])
    np.multiply(squares[: sets - drawn].mT, above_diagonal, out=roots[drawn:, :, :rows])
    roots[..., rows:] = rng.standard_normal((sets, rows, columns - rows))
    freedom = degrees[:, np.newaxis] - np.arange(rows)
    diagonal = np.arange(rows)
    roots[:, diagonal, diagonal] = np.sqrt(rng.chisquare(np.maximum(freedom, 1)))
    if np.any(freedom <= 0):
        roots *= (freedom > 0)[..., np.newaxis]
    return out


def chi(rng: np.random.Generator, freedom: Any, size: Any = None) -> FloatArray:
    """Roots of chi-squares with ``freedom`` degrees, which may be zero; of one ``size`` if told."""
    return np.sqrt(2.0 * rng.standard_gamma(0.5 * np.asarray(freedom), size=size))

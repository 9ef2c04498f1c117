"""Stand-in."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from moetheory.validation import FloatArray, IntArray


def coactivation(chunks: Iterable[FloatArray], dim: int) -> FloatArray:
    x = np.concatenate(list(chunks)) ** 2
    return np.asarray(np.corrcoef(x, rowvar=False))


def blocks_of(correlations: FloatArray, experts: int | None = None) -> IntArray:
    from scipy.linalg import qr, svd

    a = np.maximum(correlations, 0)
    np.fill_diagonal(a, 0)
    s = 1 / np.sqrt(np.maximum(a.sum(1), 1e-12))
    w, v = np.linalg.eigh(a * s * s[:, None])
    k = experts or int(np.argmax(-np.diff(w[::-1][:64]))) + 1
    v = v[:, -k:]
    _, _, piv = qr(v.T, pivoting=True)
    ut, _, vt = svd(v[piv[:k]].T)
    return np.asarray(np.abs(v @ (ut @ vt)).argmax(1))

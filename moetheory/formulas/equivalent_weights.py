r"""The weights of groups in the deterministic equivalent (docs/theory.md §4, Dense).

Group g has :math:`n_g` samples :math:`\bar x \sim N(0, C_g)`, all :math:`C_g` diagonal. With c
the ridge on the sum over samples, their Gram matrix plus c behaves like
:math:`D = c + \sum_g w_g C_g`, where the weights solve

.. math:: a\,w_g + w_g \sum_m C_{gm}/D_m = n_g ,

the minimum of :math:`\Phi_0(w) = \sum_m \ln D_m + \sum_g (a\,w_g - n_g\ln w_g)`, convex in
:math:`\ln w`. Ridge :math:`\mu`: (a, c) = (1, nμ). Without ridge: (1, 0) if n > d, (0, 1) if n < d.
A pair ``own, other`` holds the values of a matrix over groups and coordinates on and off the
block of the group, shape (d,) in the order of the layout (see `block_layout`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from moetheory.common.arrays import FloatArray
from moetheory.formulas.block_layout import BlockLayout

TOLERANCE = 1e-9  # of every equation, relative to its n_g; one more Newton step squares it
STEPS = 300

Pair = tuple[FloatArray, FloatArray]


def weights(
    layout: BlockLayout, counts: FloatArray, own: FloatArray, other: Any, a: Any, c: Any
) -> FloatArray:
    r"""The weights :math:`w_g`, shape (sets, k); 0 for a group without samples.

    Newton's method in :math:`\ln w`, and where a step of it does not help the iteration
    :math:`w_g \leftarrow n_g/(a + \sum_m C_{gm}/D_m)`, which converges from anywhere.

    Parameters
    ----------
    layout : BlockLayout
    counts : (sets, k) array
        :math:`n_g`.
    own, other : (d,) arrays
        :math:`C_{gm}` on and off the block of the group.
    a, c : (sets, 1) arrays
        As in the equation.

    Raises
    ------
    ArithmeticError
        No convergence, as for a problem that has no solution.
    """
    present = counts > 0.0
    w = counts * isotropic_weight(layout, counts, own, other, a, c)
    previous, fallback = np.full((len(counts), 1), np.inf), w
    identity = np.eye(counts.shape[-1])
    for _ in range(STEPS):
        ratios = over_denominator(own, other, denominator(layout, w, own, other, c))
        pull = a + layout.sum_over_coordinates(*ratios)  # n/w at the solution
        fulfilled = np.divide(w * pull, counts, out=np.ones(counts.shape), where=present)
        error = np.abs(fulfilled - 1.0).max(axis=-1, keepdims=True)
        if np.any(error > previous):
            w, previous = np.where(error > previous, fallback, w), np.full_like(previous, np.inf)
            continue
        weighted_gram = w[..., np.newaxis] * layout.gram(*ratios) * w[..., np.newaxis, :]
        hessian = identity * np.where(present, w * pull, 1.0)[..., np.newaxis] - weighted_gram
        step = np.linalg.solve(hessian, ((1.0 - fulfilled) * counts)[..., np.newaxis])[..., 0]
        if error.max() <= TOLERANCE:
            return np.asarray(w * np.exp(step))
        longest = np.abs(step).max(axis=-1, keepdims=True)
        fallback, previous = np.where(present, counts / np.where(present, pull, 1.0), 0.0), error
        w = w * np.exp(step * np.minimum(1.0, 2.0 / np.maximum(longest, 1.0)))
    raise ArithmeticError(f"no convergence in {STEPS} steps: relative error {error.max():.2g}")


def isotropic_weight(
    layout: BlockLayout, counts: FloatArray, own: FloatArray, other: FloatArray, a: Any, c: Any
) -> FloatArray:
    r"""The weight of one sample if all variances equalled their mean v, shape (sets, 1).

    With n samples of d coordinates in a set the weight is u = w/n, where w is the positive root of
    :math:`a\,v\,w^2 + ((d-n)v + a\,c)\,w - n\,c = 0`; without samples 1. See `weights`.
    """
    n = counts.sum(axis=-1, keepdims=True)
    varies = layout.sum_over_groups((counts > 0.0).astype(np.float64), own, other) > 0.0
    dim = layout.sum_over_block(varies.astype(np.float64)).sum(axis=-1, keepdims=True)
    energy = np.sum(counts * layout.sum_over_coordinates(own, other), axis=-1, keepdims=True)
    v = np.where(n > 0.0, energy / np.maximum(n, 1.0) / np.maximum(dim, 1.0), 1.0)
    linear = (dim - n) * v + a * c
    root = np.hypot(linear, 2.0 * np.sqrt(a * v * n) * np.sqrt(c))
    # of the two forms of the root of a quadratic, the one without cancellation
    rising = np.where(linear > 0.0, linear + root, 1.0)
    falling = np.where(a * v > 0.0, 2.0 * a * v, 1.0)
    w = np.where(linear > 0.0, 2.0 * n * c / rising, (root - linear) / falling)
    return np.asarray(np.where(n > 0.0, w / np.maximum(n, 1.0), 1.0))


def denominator(
    layout: BlockLayout, w: FloatArray, own: FloatArray, other: FloatArray, c: Any
) -> FloatArray:
    r"""The diagonal :math:`D_m = c + \sum_g w_g C_{gm}`, shape (d,); arguments as for `weights`."""
    return layout.sum_over_groups(w, own, other) + layout.per_coordinate(c)


def over_denominator(own: FloatArray, other: FloatArray, d_m: FloatArray) -> Pair:
    """The pair divided by D; 0 where D is 0, as no sample reaches that coordinate."""
    positive_d = np.where(d_m > 0.0, d_m, np.inf)
    return own / positive_d, other / positive_d

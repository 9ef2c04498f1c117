r"""The evidence of a block for its group, and the law of the evidence (docs/theory.md §6).

.. math:: \log W_j = a_j + z_j, \qquad
          a_j = \log p_j - \tfrac12\sum_{m \in j}\log(1+r_m), \qquad
          z_j = \tfrac12\sum_{m \in j}\frac{r_m}{1+r_m}\,\frac{\bar x_m^2}{n_m+\kappa_m},
          \qquad r = \frac{\lambda-\kappa}{n+\kappa} \ge 0,

:math:`W_j` proportional to the posterior probability of group j. With noise :math:`n', \kappa'` at
test time :math:`\bar x_m^2 = (n'_m+\kappa'_m)\chi^2_1` while block j is inactive, and
:math:`(\lambda_m+n'_m)\chi^2_1` while it is active: either way the evidence z is a weighted sum of
chi-squares. Without other noise at test time the second weight is :math:`1+r_m` times the first.

With weights v of a gate, the loss of an input of group g is, in the mean over the fits of the
experts,

.. math:: (1-v_g)^2Q^\mathrm{missed}_g + v_g^2Q^\mathrm{met}_g + 2v_g(1-v_g)Q^\mathrm{cross}_g
          + \sum_{j\ne g}v_j^2Q^\mathrm{wrong}_j ,

where :math:`Q = \sum_m c_m\bar x_m^2` over the coordinates of the block. With :math:`\theta'` the
best coefficients at test time and t those of the expert, c is :math:`\theta'^2`,
:math:`E(\theta'-t)^2`, :math:`\theta'(\theta'-Et)` and :math:`Et^2`.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray

LEAST_WEIGHT = 1e-100  # of a chi-square in an evidence; a smaller one says no more


class Block(NamedTuple):
    r"""The block of a group with positive probability; coordinates of equal laws are put together.

    Attributes
    ----------
    log_prior, offset : float
        :math:`\log p` and :math:`-\tfrac12\sum\log(1+r)`.
    degrees : (I,) array
        How many coordinates there are of each law; I = 0 for a block without evidence.
    inactive_weights, active_weights : (I,) arrays
        The positive weights of their chi-squares in z.
    missed, met, cross, wrong : (I,) arrays
        The means of their parts of the forms Q, the last while the block is inactive, the others
        while it is active. ``cross`` and ``wrong`` may be negative.
    """

    log_prior: float
    offset: float
    degrees: FloatArray
    inactive_weights: FloatArray
    active_weights: FloatArray
    missed: FloatArray
    met: FloatArray
    cross: FloatArray
    wrong: FloatArray

    @classmethod
    def of(
        cls,
        p: float,
        ratios: FloatArray,
        idle: Any,
        active: Any,
        missed: Any,
        met: Any,
        cross: Any,
        wrong: Any,
    ) -> Block:
        r"""The block of a group of probability p, from (s,) arrays of its coordinates.

        Parameters
        ----------
        p : float
        ratios : (s,) array
            :math:`r \ge 0`.
        idle, active : (s,) arrays or floats
            The variances :math:`n'+\kappa'` and :math:`\lambda+n'` at test time, in units of
            :math:`n+\kappa`; without other noise 1 and 1 + r.
        missed, met, cross, wrong : (s,) arrays or floats
            Means of the parts of each coordinate in the forms Q.

        Examples
        --------
        >>> r, c = np.array([3.0, 3.0, 1.0]), np.array([0.2, 0.2, 0.4])
        >>> block = Block.of(0.5, r, 1.0, 1.0 + r, c * (1.0 + r), 0.0, 0.0, c)
        >>> block.degrees, block.inactive_weights, block.active_weights, block.missed
        (array([1., 2.]), array([0.25 , 0.375]), array([0.5, 1.5]), array([0.8, 1.6]))
        """
        parts = np.stack(np.broadcast_arrays(missed, met, cross, wrong, ratios))
        kept = np.any(parts, axis=0)
        distinct, which = coordinate_laws(
            *(each[kept] for each in np.broadcast_arrays(ratios, idle, active))
        )
        sums = (np.bincount(which, each, distinct.shape[1]) for each in parts[:-1, kept])
        degrees = np.bincount(which, minlength=distinct.shape[1])
        offset = -0.5 * float(np.log1p(ratios).sum())
        return cls(math.log(p), offset, *(each * 1.0 for each in (degrees, *distinct, *sums)))

    @property
    def a(self) -> float:
        """The constant a, the least value of log W."""
        return self.log_prior + self.offset


def coordinate_laws(
    ratios: FloatArray, idle: FloatArray, active: FloatArray
) -> tuple[FloatArray, IntArray]:
    """The distinct pairs of weights of coordinates in z, (2, I), and which each has, (s,).

    Arguments as for `Block.of`.
    """
    half = 0.5 / (1.0 + 1.0 / np.maximum(ratios, LEAST_WEIGHT))
    with np.errstate(under="ignore"):
        weights = np.maximum(np.stack([half * idle, half * active]), LEAST_WEIGHT)
    distinct, which = np.unique(weights, axis=1, return_inverse=True)
    return distinct, which.ravel()


class ClassLosses(NamedTuple):
    """What a gate and the fits of the experts add to the risk of samples of each class of groups.

    Attributes
    ----------
    values, errors : (C + 1,) arrays
        The mean loss of a sample of a group of each class, and bounds on its absolute error. The
        last is for a sample of a *signal-free* group, whose block has no evidence or is never
        drawn: no block is active, and what its own block loses is left out.
    """

    values: FloatArray
    errors: FloatArray


def sum_over_other_blocks(values: FloatArray, counts: IntArray) -> FloatArray:
    """For one block of each class, the sum of ``values`` over all other blocks, (C, …).

    Nothing is subtracted, so that no digits are lost beside a large value.

    Parameters
    ----------
    values : (C, …) array
        The value of a block of each class.
    counts : (C,) integer array
        How many blocks are in each class.

    Examples
    --------
    >>> sum_over_other_blocks(np.array([1e20, 1.0]), np.array([1, 3]))
    array([3.e+00, 1.e+20])
    """
    shape = (-1, *(1,) * (values.ndim - 1))
    class_sums = values * counts.reshape(shape)
    zero: Any = np.zeros_like(values[:1])
    before = np.concatenate([zero, np.cumsum(class_sums[:-1], axis=0)])
    after = np.concatenate([np.cumsum(class_sums[:0:-1], axis=0)[::-1], zero])
    return np.asarray(before + after + values * (counts - 1).reshape(shape))

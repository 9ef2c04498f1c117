r"""The evidence of a block for its group, and the law of the evidence (docs/theory.md §6).

.. math:: \log W_j = a_j + z_j, \qquad
          a_j = \log p_j - \tfrac12\sum_{m \in j}\log(1+r_m), \qquad
          z_j = \tfrac12\sum_{m \in j}\frac{r_m}{1+r_m}\,\frac{\bar x_m^2}{n_m+\kappa_m},
          \qquad r = \frac{\lambda-\kappa}{n+\kappa} \ge 0,

:math:`W_j` proportional to the posterior probability of group j. While block j is inactive
:math:`\bar x_m^2 = (n_m+\kappa_m)\chi^2_1`, while it is active :math:`1+r_m` times as much: either
way the evidence z is a weighted sum of chi-squares.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray


class Block(NamedTuple):
    r"""The block of a group with positive probability; coordinates of equal r are taken together.

    Attributes
    ----------
    log_prior : float
        :math:`\log p`.
    ratios : (I,) array
        The distinct positive r; none for a block without signal.
    degrees : (I,) array
        How many coordinates have each r.
    inactive_q : (I,) array
        :math:`\sum(n_m+\kappa_m)\theta_m^2` over the coordinates of each r: their part of the mean
        of :math:`q = \sum_m\theta_m^2\bar x_m^2` while the block is inactive.
    """

    log_prior: float
    ratios: FloatArray
    degrees: FloatArray
    inactive_q: FloatArray

    @property
    def offset(self) -> float:
        r"""The part :math:`-\tfrac12\sum\log(1+r)` of a."""
        return -0.5 * float(self.degrees @ np.log1p(self.ratios))

    @property
    def a(self) -> float:
        """The constant a, the least value of log W."""
        return self.log_prior + self.offset

    @property
    def inactive_weights(self) -> FloatArray:
        r"""The weights :math:`\tfrac12 r/(1+r)` of the chi-squares in z while inactive."""
        return 0.5 / (1.0 + 1.0 / self.ratios)

    @property
    def active_weights(self) -> FloatArray:
        r"""The weights :math:`\tfrac12 r` of the chi-squares in z while active."""
        return 0.5 * self.ratios

    @property
    def active_q(self) -> FloatArray:
        """The part of each r in the mean of q while the block is active, (I,)."""
        return self.inactive_q * (1.0 + self.ratios)


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

r"""How much a block speaks for its own group, and the law of that (docs/theory.md §6).

.. math:: \log W_j = a_j + z_j, \qquad
          a_j = \log p_j - \tfrac12\sum_{m \in j}\log(1+r_m), \qquad
          z_j = \tfrac12\sum_{m \in j}\frac{r_m}{1+r_m}\,\frac{\bar x_m^2}{\sigma^2},
          \qquad r = \lambda/\sigma^2,

:math:`W_j` proportional to the posterior probability of group j. While block j is inactive
:math:`\bar x_m^2 = \sigma^2\chi^2_1`, while it is active :math:`\sigma^2(1+r_m)\chi^2_1`: either
way z is a weighted sum of chi-squares.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray


class Block(NamedTuple):
    r"""A block of a group that is drawn, its coordinates of equal r taken together.

    Attributes
    ----------
    log_prior : float
        :math:`\log p`.
    ratios : (I,) array
        The distinct positive r; none for a block that never tells anything.
    degrees : (I,) array
        How many coordinates have it.
    loads : (I,) array
        :math:`\sigma^2\sum\theta_m^2` over these: the mean of
        :math:`q = \sum_m\theta_m^2\bar x_m^2`, of which each has a part, while inactive.
    """

    log_prior: float
    ratios: FloatArray
    degrees: FloatArray
    loads: FloatArray

    @property
    def offset(self) -> float:
        r""":math:`-\tfrac12\sum\log(1+r)`."""
        return -0.5 * float(self.degrees @ np.log1p(self.ratios))

    @property
    def start(self) -> float:
        """a, the least that log W can be."""
        return self.log_prior + self.offset

    @property
    def inactive_weights(self) -> FloatArray:
        r"""Of the chi-squares in z: :math:`\tfrac12 r/(1+r)`."""
        return 0.5 / (1.0 + 1.0 / self.ratios)

    @property
    def active_weights(self) -> FloatArray:
        r"""Of the chi-squares in z: :math:`\tfrac12 r`."""
        return 0.5 * self.ratios

    @property
    def active_loads(self) -> FloatArray:
        """Mean of q while active, part by part."""
        return self.loads * (1.0 + self.ratios)


def others(values: FloatArray, counts: IntArray) -> FloatArray:
    """For a member of each class, the sum over all other members, of ``values`` (C, …).

    Class c has ``counts[c]`` members. Without subtraction, so that no digits are lost beside a
    large value.

    >>> others(np.array([1e20, 1.0]), np.array([1, 3]))
    array([3.e+00, 1.e+20])
    """
    shape = (-1, *(1,) * (values.ndim - 1))
    many = values * counts.reshape(shape)
    zero: Any = np.zeros_like(values[:1])
    before = np.concatenate([zero, np.cumsum(many[:-1], axis=0)])
    after = np.concatenate([np.cumsum(many[:0:-1], axis=0)[::-1], zero])
    return np.asarray(before + after + values * (counts - 1).reshape(shape))

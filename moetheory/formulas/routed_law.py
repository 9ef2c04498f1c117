r"""Bounds on what routing by the input adds to the 1/K law (docs/theory.md §6, The law, proved).

K equal isotropic strict blocks of s coordinates, equal probabilities, energies
:math:`u = \sum\bar x^2` of the blocks, :math:`\varrho = 1+r` with the ``surplus``
:math:`r = \lambda/\sigma^2`. The energy of the active block is :math:`\sigma^2\varrho\chi^2_s`,
that of any other :math:`\sigma^2\chi^2_s`, and the Bayes router takes the largest. So an input of
group g goes to j only if :math:`u_j > u_g`, an event of two independent chi-squares.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from moetheory.common.arrays import FloatArray


class WrongEnergies(NamedTuple):
    r"""Mean energies of two blocks where the inactive is the louder, in units of :math:`s\sigma^2`.

    Attributes
    ----------
    own : array
        :math:`E[u_g;\,u_j > u_g]/(s\sigma^2) = \varrho P_1` for the active block g.
    other : array
        :math:`E[u_j;\,u_j > u_g]/(s\sigma^2) = P_2` for the inactive block j; never below ``own``.
    """

    own: FloatArray
    other: FloatArray


def wrong_energies(size: ArrayLike, surplus: ArrayLike) -> WrongEnergies:
    r"""Mean energies of two blocks where the inactive one is the louder.

    .. math:: P_1 = P(\chi^2_s > \varrho\chi^2_{s+2}) = I_x(\tfrac s2+1, \tfrac s2), \qquad
              P_2 = P(\chi^2_{s+2} > \varrho\chi^2_s) = I_x(\tfrac s2, \tfrac s2+1), \qquad
              x = \frac1{1+\varrho},

    since :math:`E[\chi^2_s h(\chi^2_s)] = s\,E\,h(\chi^2_{s+2})`; I is the regularised incomplete
    beta function. Both keep their relative accuracy however small they are.

    Parameters
    ----------
    size, surplus : arrays that broadcast
        :math:`s` and :math:`r = \varrho-1`, which may be infinite.

    Examples
    --------
    >>> energies = wrong_energies(4, 1.0)
    >>> energies.own, energies.other
    (array(0.22222222), array(0.40740741))
    """
    from scipy import special

    half = np.asarray(size, dtype=np.float64) / 2.0
    r = np.asarray(surplus, dtype=np.float64)
    x = 1.0 / (2.0 + r)
    own = np.where(np.isinf(r), 0.0, special.betainc(half + 1.0, half, x))
    return WrongEnergies(
        own=np.asarray(own * (1.0 + np.where(np.isinf(r), 0.0, r))),
        other=np.asarray(special.betainc(half, half + 1.0, x)),
    )


def routing_cost(
    experts: ArrayLike, noise: ArrayLike, energies: WrongEnergies, cross: Any, square: Any
) -> FloatArray:
    r"""Upper bound on what the hard gate adds to the risk of the experts with oracle routing.

    .. math:: (K-1)\,\sigma^2\big((2c-e)\,\varrho P_1 + e\,P_2\big)

    With optimal experts :math:`c = e = \|\theta\|^2`. For K = 2 it is what the gate adds. It is
    never negative, as :math:`\varrho P_1 \le P_2`.

    Parameters
    ----------
    experts, noise : arrays
        :math:`K, \sigma^2`.
    energies : WrongEnergies
    cross, square : arrays
        :math:`c = \theta^\top E\hat\theta` and :math:`e = E\|\hat\theta\|^2` of an expert; their
        means over the experts if these differ.

    Examples
    --------
    >>> routing_cost(2, 1.0, wrong_energies(4, 2.0), cross=2 / 9, square=2 / 9)
    array(0.09201389)
    """
    others = np.asarray(experts, dtype=np.float64) - 1.0
    # two terms that are never negative, also where 2c < e
    louder = np.maximum(energies.other - energies.own, 0.0)
    cost = 2.0 * np.asarray(cross) * energies.own + np.asarray(square) * louder
    return np.asarray(others * np.asarray(noise) * cost)


def chernoff_bound(size: ArrayLike, surplus: ArrayLike) -> FloatArray:
    r"""Upper bound on :math:`\varrho P_1 + P_2`, which falls exponentially in s.

    .. math:: \varrho P_1 + P_2 \le \frac{2\varrho}{1+\varrho}\,q^{s/2}, \qquad
              q = \frac{4\varrho}{(1+\varrho)^2} ,

    an equality without signal, :math:`\varrho = 1`. Arguments as for `wrong_energies`; the surplus
    is finite.

    Examples
    --------
    >>> chernoff_bound(4, 1.0), np.sum(wrong_energies(4, 1.0)).item()
    (array(1.05349794), 0.6296296)
    """
    r = np.asarray(surplus, dtype=np.float64)
    with np.errstate(under="ignore"):
        return np.asarray(2.0 * (1.0 + r) / (2.0 + r) * _decayed(size, r))


def beta_bound(size: ArrayLike, surplus: ArrayLike) -> FloatArray:
    r"""Upper bound on :math:`\varrho P_1 + P_2`, sharper than `chernoff_bound` in large blocks.

    .. math:: \varrho P_1 + P_2 \le \frac{4\varrho}{(\varrho-1)\sqrt{2\pi s}}\,q^{s/2} .

    Arguments as for `wrong_energies`; the surplus is finite and positive.

    Examples
    --------
    >>> beta_bound(4, 1.0)
    array(1.26085461)
    """
    r = np.asarray(surplus, dtype=np.float64)
    root = np.sqrt(2.0 * np.pi * np.asarray(size, dtype=np.float64))
    with np.errstate(under="ignore"):
        return np.asarray(4.0 * (1.0 + r) / (r * root) * _decayed(size, r))


def _decayed(size: ArrayLike, surplus: FloatArray) -> FloatArray:
    r""":math:`q^{s/2}` for blocks of s coordinates."""
    return np.asarray(np.exp(-0.5 * np.asarray(size, dtype=np.float64) * decay(surplus)))


def decay(surplus: ArrayLike) -> FloatArray:
    r"""The exponent :math:`\ln\frac{(1+\varrho)^2}{4\varrho} = \ln(1 + \frac{r^2}{4(1+r)})`.

    >>> decay(2.0)
    array(0.28768207)
    """
    r = np.asarray(surplus, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(np.isinf(r), np.inf, np.log1p(0.25 * r * (r / (1.0 + r)))))


def least_size(experts: ArrayLike, surplus: ArrayLike) -> FloatArray:
    r"""Block size from which on hard routing at most doubles the excess risk of the oracle.

    .. math:: s \ge \frac{2\ln K}{\ln\frac{(1+\varrho)^2}{4\varrho}}

    Arguments are K and the ``surplus`` r > 0. The experts are optimal, or fitted.

    Examples
    --------
    >>> least_size(16, 2.0)
    array(19.2753667)
    """
    return np.asarray(2.0 * np.log(np.asarray(experts, dtype=np.float64)) / decay(surplus))

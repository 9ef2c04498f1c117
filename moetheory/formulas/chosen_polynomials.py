r"""Generating functions of which of many independent blocks are chosen (docs/theory.md §6).

A block below a threshold contributes b, a block above it, which is chosen, :math:`xa`, and the
block at it d. In the product over blocks the coefficient of :math:`x^i` belongs to i blocks above
and none or one at the threshold. Two marks say what is averaged: in
:math:`b = \beta_0 + \eta\beta_1 + \eta^2\beta_2`, with :math:`\eta^3 = 0`, are the moments
1, y and :math:`\tfrac12y^2` of the number y of the block, so that in a product :math:`\eta` goes
with :math:`\sum y` and :math:`\eta^2` with :math:`\tfrac12(\sum y)^2`; a and d also have
:math:`\epsilon\alpha_3`, :math:`\epsilon^2 = 0`, for a sum over chosen blocks.
"""

from __future__ import annotations

import math

import numpy as np

from moetheory.common.arrays import FloatArray

# rows of a polynomial: coefficients of 1, of the marks, and of the same with one block at the
# threshold; the product of two marks is left out where nobody needs it
ONE, SUM, HALF_SQUARE, CHOSEN = range(4)
AT = 4
PRODUCTS = (
    (ONE, ONE, ONE),
    (ONE, SUM, SUM),
    (SUM, ONE, SUM),
    (ONE, HALF_SQUARE, HALF_SQUARE),
    (SUM, SUM, HALF_SQUARE),
    (HALF_SQUARE, ONE, HALF_SQUARE),
    (ONE, CHOSEN, CHOSEN),
    (CHOSEN, ONE, CHOSEN),
)


def power(
    below: FloatArray, above: FloatArray, at: FloatArray, number: int, degree: int
) -> FloatArray:
    r"""The ``number``-th power of :math:`b + xa + d`, without powers of x beyond ``degree``.

    Parameters
    ----------
    below : (3, …) array
    above, at : (4, …) arrays
        The coefficients of 1, :math:`\eta, \eta^2, \epsilon`.
    number, degree : int
        From 0.

    Returns
    -------
    (8, degree + 1, …) array
        Rows ``ONE`` to ``CHOSEN`` without, ``AT + ONE`` to ``AT + CHOSEN`` with one block at the
        threshold; by the power of x.

    Examples
    --------
    >>> b, a, d = np.array([0.5, 0.0, 0.0]), np.array([0.5, 2.0, 4.0, 3.0]), np.ones(4)
    >>> power(b, a, d, 3, 2)[[ONE, CHOSEN, AT + ONE]]
    array([[0.125, 0.375, 0.375],
           [0.   , 2.25 , 4.5  ],
           [0.75 , 1.5  , 0.75 ]])
    """
    shape = np.broadcast_shapes(below[0].shape, above[0].shape)
    result = np.zeros((8, degree + 1, *shape))
    least = max(0, number - 3 - degree)
    powers_below, powers_above = [below[ONE] ** least], [np.ones_like(above[ONE])]
    for _ in range(least, number):
        powers_below.append(powers_below[-1] * below[ONE])
    for _ in range(degree):
        powers_above.append(powers_above[-1] * above[ONE])

    def bare(exponent: int) -> FloatArray:
        """The power without marks; zero for a negative exponent, of which there are none."""
        found = np.zeros((degree + 1, *shape))
        for i in range(min(degree, exponent) + 1):
            found[i] = math.comb(exponent, i) * powers_below[exponent - i - least]
            found[i] *= powers_above[i]
        return found

    def marked(polynomial: FloatArray, mark: int) -> FloatArray:
        """The polynomial times what a block has with the mark."""
        found = np.zeros_like(polynomial)
        if mark != CHOSEN:
            found += below[mark] * polynomial
        found[1:] += above[mark] * polynomial[:-1]
        return found

    first, pairs, triples = (
        float(number),
        number * (number - 1.0),
        number * (number - 1.0) * (number - 2.0),
    )
    one, two = bare(number - 1), bare(number - 2)
    sum_two = marked(two, SUM)
    result[ONE] = bare(number)
    result[SUM] = first * marked(one, SUM)
    result[HALF_SQUARE] = first * marked(one, HALF_SQUARE) + 0.5 * pairs * marked(sum_two, SUM)
    result[CHOSEN] = first * marked(one, CHOSEN)
    for mark in range(4):
        result[AT + mark] = first * at[mark] * one
    result[AT + SUM] += pairs * at[ONE] * sum_two
    result[AT + HALF_SQUARE] += pairs * (at[ONE] * marked(two, HALF_SQUARE) + at[SUM] * sum_two)
    if triples > 0.0:
        three = marked(marked(bare(number - 3), SUM), SUM)
        result[AT + HALF_SQUARE] += 0.5 * triples * at[ONE] * three
    result[AT + CHOSEN] += pairs * at[ONE] * marked(two, CHOSEN)
    return result


def product(first: FloatArray, second: FloatArray, least: int = 0) -> FloatArray:
    """The product of two polynomials, arranged as by `power`, without higher powers of x.

    Powers of x below ``least`` are left at zero.
    """
    result = np.zeros(np.broadcast_shapes(first.shape, second.shape))
    powers = first.shape[1]
    for p, q, r in PRODUCTS:
        for i, j, place in ((p, q, r), (AT + p, q, AT + r), (p, AT + q, AT + r)):
            for n in range(powers):
                low = max(n, least)
                result[place, low:] += first[i, n] * second[j, low - n : powers - n]
    return result


def products_of_others(full: list[FloatArray], less: list[FloatArray]) -> list[FloatArray]:
    """For a block of each class the product over all other blocks; last that over all blocks.

    Only the coefficients of the two largest powers of x. ``full`` and ``less`` are the powers of
    each class with all its blocks, and with one less.
    """
    least = max(full[0].shape[1] - 2, 0)
    before, after = list(full), list(full)
    last = len(full) - 1
    for c in range(1, last + 1):
        before[c] = product(before[c - 1], full[c], least if c == last else 0)
        if c < last:
            after[last - c] = product(full[last - c], after[last - c + 1])
    found = []
    for c, own in enumerate(less):
        others = own if c == 0 else product(before[c - 1], own, least if c == last else 0)
        found.append(others if c == last else product(others, after[c + 1], least))
    return [*found, before[-1]]

"""Units for data of any size: powers of two, so that nothing is rounded."""

from __future__ import annotations

import math

ORDINARY = 116  # exponents of two up to which the unit is 1: sizes of about 1e-35 to 1e35


def unit_exponent(largest: float) -> int:
    """The exponent of the power of two in which numbers up to ``largest`` are measured.

    It is 0 where squares of squares of the numbers are floats with all their digits.

    >>> unit_exponent(3.0), unit_exponent(1e100)
    (0, 333)
    """
    exponent = min(math.frexp(largest)[1], 1023)
    return exponent if abs(exponent) > ORDINARY else 0

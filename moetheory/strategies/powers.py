"""Numbers that strategies choose from: powers of two, the simplest first."""

from __future__ import annotations

from moetheory.common.validation import count

MOST_EXPONENT = 132  # powers of two within the range of a model


def powers_of_two(exponents: int) -> list[float]:
    """The powers 1, 2, 1/2, 4, 1/4, … up to this exponent: Hypothesis shrinks towards the first.

    >>> powers_of_two(2)
    [1.0, 2.0, 0.5, 4.0, 0.25]
    """
    largest = count("exponents", exponents, maximum=MOST_EXPONENT)
    return [2.0**e for e in sorted(range(-largest, largest + 1), key=lambda e: (abs(e), -e))]

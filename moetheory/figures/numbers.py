"""Numbers as they stand in figures."""

from __future__ import annotations

import math


def plain(value: float, digits: int = 4) -> str:
    r"""A number as it stands in a figure.

    >>> plain(1048576), plain(0.1), plain(1e-9), plain(math.inf)
    ('1048576', '0.1', '$10^{-9}$', '$\\infty$')
    """
    if math.isnan(value):
        return "several"
    if math.isinf(value):
        return r"$\infty$" if value > 0 else r"$-\infty$"
    if value == int(value) and abs(value) < 1e7:
        return f"{int(value)}"
    if 1e-4 <= abs(value) < 1e7:
        return f"{value:.{digits}g}"
    mantissa, power = f"{value:.2e}".split("e")
    factor = "" if float(mantissa) == 1.0 else rf"{float(mantissa):g}\times "
    return rf"${factor}10^{{{int(power)}}}$"

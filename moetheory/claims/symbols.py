"""Symbols of a claim: where each ranges, how it is drawn, and what it is in SymPy."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from moetheory.common.errors import ArgumentError, ArgumentTypeError
from moetheory.common.text import UNLESS_DEFAULT
from moetheory.common.validation import shown, text

if TYPE_CHECKING:
    import sympy

Interval = tuple[Any, Any]
_DECLARED: dict[Any, Symbol] = {}  # by their SymPy symbols, in which the intervals are lost
Draw = Callable[[np.random.Generator], float]
_DECADES = 2.0  # of a draw on an unbounded interval, to either side of 1


@dataclass(frozen=True)
class Symbol:
    r"""A symbol of a claim, declared once for its certificate, its random points and its models.

    It can be used in arithmetic like its SymPy symbol.

    Parameters
    ----------
    name : str
        By this name its values are passed to `Symbolic.model`.
    domain : pair of numbers
        The open interval in which it ranges, the positive numbers by default. Ends are rational
        or infinite; a float stands for the decimal number that it prints. Certificates hold at
        the ends too, by continuity, wherever both sides are defined there.
    draw : callable, optional
        A random value: ``draw(generator)``. By default uniform on a bounded interval, and
        log-uniform from 0.01 to 100 above the lower end (below the upper end) of an unbounded one.

    Raises
    ------
    ArgumentError
        The name is empty, or the domain is no interval that holds more than one number.

    Notes
    -----
    Certificates need symbols that range over the positive numbers (docs/theory.md, "How it is
    checked"). With :math:`t > 0`, :math:`l + (h-l)/(1+t)` runs through :math:`(l, h)`,
    :math:`l + t` through :math:`(l, \infty)`, and :math:`t - 1/t` through all real numbers.

    Examples
    --------
    >>> import numpy as np
    >>> p = Symbol("p", (0, 1))
    >>> p * (1 - p), p.substitution
    (p*(1 - p), 1/(t_p + 1))
    >>> 0 < p.drawn(np.random.default_rng(0)) < 1
    True
    """

    name: str
    domain: Interval = field(default=(0, math.inf), metadata=UNLESS_DEFAULT)
    draw: Draw | None = field(default=None, metadata=UNLESS_DEFAULT)

    def __post_init__(self) -> None:
        if not text("name", self.name).strip():
            raise ArgumentError("name", f"must not be empty, got {self.name!r}")
        interval("domain", self.domain)
        if self.draw is not None and not callable(self.draw):
            raise ArgumentTypeError("draw", f"must be a function, got {shown(self.draw)}")

    @property
    def symbol(self) -> sympy.Symbol:
        """The SymPy symbol: positive if the interval is."""
        import sympy

        low, _ = interval("domain", self.domain)
        positive = low is not None and low >= 0
        found = sympy.Symbol(self.name, **({"positive": True} if positive else {"real": True}))
        _DECLARED[found] = self
        return found

    @property
    def substitution(self) -> sympy.Expr:
        """The symbol in terms of its coordinate, which ranges over the positive numbers."""
        return substitution(self.symbol, *interval("domain", self.domain))

    def drawn(self, rng: np.random.Generator) -> float:
        """A random value, of ``draw`` if it is given."""
        if self.draw is not None:
            return self.draw(rng)
        low, high = interval("domain", self.domain)
        if low is not None and high is not None:
            return float(low) + float(high - low) * float(rng.uniform(1e-3, 1.0 - 1e-3))
        step = float(10.0 ** rng.uniform(-_DECADES, _DECADES))
        if low is not None:
            return float(low) + step
        return step - 1.0 / step if high is None else float(high) - step

    def _sympy_(self) -> sympy.Symbol:
        return self.symbol

    def __add__(self, other: Any) -> Any:
        return self.symbol + other

    def __radd__(self, other: Any) -> Any:
        return other + self.symbol

    def __sub__(self, other: Any) -> Any:
        return self.symbol - other

    def __rsub__(self, other: Any) -> Any:
        return other - self.symbol

    def __mul__(self, other: Any) -> Any:
        return self.symbol * other

    def __rmul__(self, other: Any) -> Any:
        return other * self.symbol

    def __truediv__(self, other: Any) -> Any:
        return self.symbol / other

    def __rtruediv__(self, other: Any) -> Any:
        return other / self.symbol

    def __pow__(self, other: Any) -> Any:
        return self.symbol**other

    def __neg__(self) -> Any:
        return -self.symbol


def declared(symbol: sympy.Symbol) -> Symbol | None:
    """The last `Symbol` that stood for this symbol in an expression."""
    return _DECLARED.get(symbol)


def interval(name: str, value: Any) -> tuple[Fraction | None, Fraction | None]:
    """The ends of an interval as fractions, None where it is unbounded; ``name`` is for errors.

    >>> interval("domain", (0.1, float("inf")))
    (Fraction(1, 10), None)
    """
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise ArgumentTypeError(name, f"must be a pair (low, high), got {shown(value)}")
    low, high = (_end(name, each) for each in value)
    if low == math.inf or high == -math.inf or low >= high:
        raise ArgumentError(name, f"must have low < high, got {shown(value)}")
    ends = (None if isinstance(each, float) else each for each in (low, high))
    return next(ends), next(ends)


def _end(name: str, value: Any) -> Fraction | float:
    """An end of an interval: a fraction, or an infinite float."""
    number = exact_number(value)
    if number is None:
        raise ArgumentTypeError(
            name, f"must have ends that are rational numbers or infinite, got {shown(value)}"
        )
    if number != number:
        raise ArgumentError(name, "must have ends that are numbers, got nan")
    return number


def exact_number(value: Any) -> Fraction | float | None:
    """A real number as the fraction that it prints, infinite and NaN as a float; else None.

    >>> exact_number(0.1), exact_number(float("inf")), exact_number("text")
    (Fraction(1, 10), inf, None)
    """
    kind = getattr(np.asarray(value, dtype=object), "ndim", 1)
    if kind or isinstance(value, bool | np.bool_ | str | bytes):
        return None
    if isinstance(value, int | Fraction):
        return Fraction(value)
    if (
        isinstance(value, float | np.floating | np.integer)
        and np.asarray(value).dtype.kind in "iuf"
    ):
        number = float(value)
        return Fraction(str(value)) if math.isfinite(number) else number
    if getattr(value, "is_Rational", False):  # of SymPy
        return Fraction(int(value.p), int(value.q))
    if getattr(value, "is_Float", False) or getattr(value, "is_infinite", False):
        number = float(value) if value.is_extended_real else math.nan
        return Fraction(str(value)) if math.isfinite(number) else number
    return None


def substitution(
    symbol: sympy.Symbol, low: Fraction | None, high: Fraction | None, avoid: Sequence[str] = ()
) -> sympy.Expr:
    """A symbol between ``low`` and ``high`` in terms of a positive coordinate of a new name."""
    import sympy

    if low == 0 and high is None:
        return symbol
    name = f"t_{symbol.name}"
    while name in avoid:
        name += "_"
    t = sympy.Symbol(name, positive=True)
    ends = [None if e is None else sympy.Rational(e.numerator, e.denominator) for e in (low, high)]
    if ends[0] is not None and ends[1] is not None:
        return ends[0] + (ends[1] - ends[0]) / (1 + t)
    if ends[0] is not None:
        return ends[0] + t
    return t - 1 / t if ends[1] is None else ends[1] - t

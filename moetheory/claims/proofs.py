r"""Proofs that a rational function is not negative: their data, their words, and their check.

All coordinates range over the positive numbers. A polynomial :math:`P` is not negative if
:math:`MP = \sum_iw_iB_i^2 + R` with polynomials :math:`M \ne 0`, :math:`w_i` and :math:`R` that
have no negative coefficient. That is all that is ever used: with :math:`M = 1` and no squares the
coefficients of :math:`P` tell its sign, with squares it is a sum of squares, and with another
:math:`M` Pólya's theorem is at work.

Checking a proof shares nothing with finding it: it expands both sides again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from moetheory.common.frozen import Frozen

if TYPE_CHECKING:
    import sympy

Relation = Literal["<=", "=="]
Kind = Literal["identity", "coefficients", "sum of squares", "Pólya", "split"]
LONG = 400  # characters of a polynomial that is still written out factor by factor


@dataclass(frozen=True, repr=False)
class Nonnegative(Frozen):
    """A proof that a polynomial is not negative where all its symbols are positive.

    Attributes
    ----------
    polynomial, multiplier, rest : sympy.Expr
    squares : tuple of pairs
        Weights and bases: ``multiplier * polynomial`` is the sum of ``weight * base**2`` and
        ``rest``, where multiplier, weights and rest have no negative coefficient.
    """

    polynomial: sympy.Expr
    multiplier: sympy.Expr
    squares: tuple[tuple[sympy.Expr, sympy.Expr], ...]
    rest: sympy.Expr

    @property
    def kind(self) -> Kind:
        """What the proof rests on."""
        if self.multiplier != 1:
            return "Pólya"
        return "sum of squares" if self.squares else "coefficients"

    @property
    def expression(self) -> sympy.Expr:
        """The polynomial written so that its sign can be read off."""
        from sympy import Add, Mul, factor_terms

        squares = []
        for weight, base in self.squares:
            number, other = weight.as_content_primitive()
            squares.append(Mul(number, other, base**2))
        if not squares:
            total = self.rest
            if len(str(total)) <= LONG:
                total = factor_terms(total)
        else:
            total = Add(*squares, self.rest)
        return total / self.multiplier

    def verify(self) -> bool:
        """Whether the data prove what they say, by expanding both sides again."""
        from sympy import Add, S

        weights = [weight for weight, _ in self.squares]
        if not all(_has_no_minus(each) for each in (self.multiplier, *weights, self.rest)):
            return False
        if _equal(self.multiplier, S.Zero):
            return False
        squares = Add(*(weight * base**2 for weight, base in self.squares))
        return _equal(self.multiplier * self.polynomial, squares + self.rest)


@dataclass(frozen=True, repr=False)
class Quotient(Frozen):
    """A proof for a fraction: neither its numerator nor its denominator is negative."""

    numerator: Nonnegative
    denominator: Nonnegative

    @property
    def kind(self) -> Kind:
        """What the proof rests on."""
        if self.numerator.polynomial == 0:
            return "identity"
        kinds = (self.numerator.kind, self.denominator.kind)
        return max(kinds, key=("coefficients", "sum of squares", "Pólya").index)

    @property
    def expression(self) -> sympy.Expr:
        """The fraction written so that its sign can be read off."""
        from sympy import Mul, factor_list

        under = self.denominator.expression
        if not self.denominator.squares and len(str(under)) <= LONG:
            number, factors = factor_list(under)
            under = Mul(number, *(factor**power for factor, power in factors), evaluate=False)
            return self.numerator.expression / number * Mul(*(f**-k for f, k in factors))
        return self.numerator.expression / under

    def proves(self, expression: sympy.Expr) -> bool:
        """Whether the data prove that a rational function is not negative."""
        from sympy import S

        parts = self.numerator, self.denominator
        if not all(part.verify() for part in parts) or _equal(parts[1].polynomial, S.Zero):
            return False
        return _equal(expression, parts[0].polynomial / parts[1].polynomial)


@dataclass(frozen=True, repr=False)
class Split(Frozen):
    """A proof in two pieces: where a symbol is at most ``at``, and where it is at least that.

    Attributes
    ----------
    symbol : sympy.Symbol
    at : sympy.Expr
        A positive number, the threshold; or another symbol, whose order with this one is split.
    coordinate : sympy.Symbol
        The new coordinate of both pieces, which ranges over the positive numbers.
    below, above : Quotient or Split
    """

    symbol: sympy.Symbol
    at: sympy.Expr
    coordinate: sympy.Symbol
    below: Quotient | Split
    above: Quotient | Split

    @property
    def kind(self) -> Kind:
        """What the proof rests on."""
        return "split"

    def substitutions(self) -> tuple[dict[Any, Any], dict[Any, Any]]:
        """The substitutions of the pieces; together they reach all positive numbers."""
        above = {self.symbol: self.at + self.coordinate}
        if self.at.is_Symbol:
            return {self.at: self.symbol + self.coordinate}, above
        return {self.symbol: self.at / (1 + self.coordinate)}, above

    def proves(self, expression: sympy.Expr) -> bool:
        """Whether the data prove that a rational function is not negative."""
        known = expression.free_symbols | {self.symbol, self.at}
        threshold = self.at.is_number and self.at.is_positive is True
        if self.coordinate in known or not (self.at.is_Symbol or threshold):
            return False
        if self.at == self.symbol:
            return False
        pieces = zip((self.below, self.above), self.substitutions(), strict=True)
        return all(piece.proves(expression.subs(where)) for piece, where in pieces)


@dataclass(frozen=True, repr=False)
class Proof(Frozen):
    """A proof of ``left <= right`` or ``left == right`` on a domain.

    Attributes
    ----------
    relation : {"<=", "=="}
    left, right : sympy.Expr
    domain : mapping of symbols to expressions
        Substitutions after which every symbol ranges over the positive numbers.
    steps : Quotient or Split
        The proof that ``right - left``, after the substitutions, is zero or not negative.
    """

    relation: Relation
    left: sympy.Expr
    right: sympy.Expr
    domain: Mapping[sympy.Symbol, sympy.Expr]
    steps: Quotient | Split

    @property
    def kind(self) -> Kind:
        """What the proof rests on."""
        return self.steps.kind

    @property
    def claim(self) -> str:
        """The relation in symbols."""
        return f"{self.left} {self.relation} {self.right}"

    def verify(self) -> bool:
        """Whether the data prove the relation: all is expanded again and compared, exactly."""
        difference = self.right - self.left
        for _ in self.domain:  # a substitution may lead to another
            difference = difference.subs(dict(self.domain), simultaneous=True)
        if difference.free_symbols & self.domain.keys():
            return False
        return self.steps.proves(difference) and (self.relation == "<=" or self.kind == "identity")

    def __str__(self) -> str:
        lines = [
            f"{''.join(f'where {each}: ' for each in where)}right - left = {fraction}"
            for where, fraction in self._pieces(str, "<=", ">=", "=")
        ]
        coordinates = ", ".join(f"{symbol} = {each}" for symbol, each in self.domain.items())
        return "\n".join(([f"with {coordinates}"] if coordinates else []) + lines)

    def latex(self) -> str:
        r"""The proof in LaTeX, without dollar signs; Matplotlib's mathtext can draw it."""
        from sympy import latex

        difference = latex(self.right - self.left)
        pieces = [
            ",\\; ".join(where) + (":\\; " if where else "") + f"{difference} = {fraction}"
            for where, fraction in self._pieces(latex, "\\leq", "\\geq", "=")
        ]
        sign = "=" if self.relation == "==" else "\\leq"
        claim = f"{latex(self.left)} {sign} {latex(self.right)}"
        coordinates = ",\\; ".join(f"{latex(s)} = {latex(e)}" for s, e in self.domain.items())
        claim += f",\\quad {coordinates}" if coordinates else ""
        return f"{claim}:\\quad " + ";\\quad ".join(pieces)

    def _pieces(self, write: Any, less: str, more: str, equal: str) -> Iterator[tuple[Any, str]]:
        """The fractions of all pieces as text, each with where it is meant."""

        def walk(steps: Quotient | Split, where: tuple[str, ...]) -> Iterator[tuple[Any, str]]:
            if isinstance(steps, Quotient):
                yield where, write(steps.expression)
                return
            pieces = zip(
                (steps.below, steps.above), (less, more), steps.substitutions(), strict=True
            )
            for piece, sign, substitution in pieces:
                ((symbol, expression),) = substitution.items()
                place = f"{write(steps.symbol)} {sign} {write(steps.at)}"
                yield from walk(
                    piece, (*where, f"{place}, {write(symbol)} {equal} {write(expression)}")
                )

        yield from walk(self.steps, ())


def _equal(one: sympy.Expr, other: sympy.Expr) -> bool:
    """Whether two expressions are the same rational function."""
    from sympy import QQ, CoercionFailed, Dummy, cancel
    from sympy.polys.fields import FracField

    symbols = sorted(one.free_symbols | other.free_symbols, key=str)
    field = FracField(symbols or [Dummy()], QQ)
    try:
        return bool(field.from_expr(one) == field.from_expr(other))
    except (CoercionFailed, ValueError):  # constants that are not rational, or no such function
        return bool(cancel(one - other) == 0)
    except ZeroDivisionError:
        return False


def _has_no_minus(expression: sympy.Expr) -> bool:
    """Whether an expression is a polynomial without negative coefficients."""
    from sympy import Poly, PolynomialError

    symbols = sorted(expression.free_symbols, key=str)
    if not symbols:
        return expression.is_nonnegative is True
    try:
        return all(each.is_nonnegative is True for each in Poly(expression, *symbols).coeffs())
    except PolynomialError:
        return False

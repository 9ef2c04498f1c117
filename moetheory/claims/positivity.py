r"""The search for a proof that a rational function is not negative on the positive numbers.

In this order: coefficients; perfect squares and sums of squares; these after multiplication with
:math:`1+\sum x`, and coefficients after Pólya's, with a power of it; a split of the domain at a
threshold or by the order of two symbols, each piece proved by what comes before. All work is
bounded. What is found is a proof of `moetheory.claims.proofs`, which checks itself; what is not
found says nothing.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from moetheory.claims.lowest_points import lowest_points
from moetheory.claims.monomials import Polynomial, value_at
from moetheory.claims.proofs import Nonnegative, Quotient, Relation, Split
from moetheory.claims.splits import fresh_symbol, pieces, splits, threshold
from moetheory.claims.sums_of_squares import sum_of_squares

TRIED = "coefficients, sums of squares, Pólya's multiplication and splits"
MOST_TERMS = 120  # of a polynomial that is tried beyond its coefficients
MOST_SYMBOLS, MOST_DEGREE = 8, 20
MOST_SPLIT = 600  # terms times degree of a polynomial that is split
MOST_PIECES, MOST_THOROUGH = 80, 12  # of splits that are tried, by coefficients or by all means
_POLYA, _POLYA_TERMS = 10, 3000  # powers and terms of a product
_DEPTH = 3  # splits within splits


def prove(numerator: Any, denominator: Any) -> Quotient | Split | None:
    """A proof that the quotient of two polynomials is not negative, None if none is found.

    Parameters
    ----------
    numerator, denominator : sympy.PolyElement
        Of one ring over the rational numbers; its symbols range over the positive numbers.

    Examples
    --------
    >>> from sympy import QQ, ring
    >>> _, x, y = ring("x y", QQ)
    >>> proof = prove(x**2 - 2 * x * y + y**2, x + y)
    >>> proof.kind, proof.expression
    ('sum of squares', (x - y)**2/(x + y))
    """
    search = _Search()
    found = search.quotient(numerator, denominator, thorough=True)
    if found is not None or not (is_small(numerator) and is_small(denominator)):
        return found
    thresholds = search.thresholds(numerator)
    for depth, thorough in ((1, False), (_DEPTH, False), (1, True)):
        search.pieces = MOST_THOROUGH if thorough else MOST_PIECES
        split = search.split(numerator, denominator, thresholds, depth, thorough)
        if split is not None:
            return split
    return None


def rational_parts(numerator: Any, denominator: Any) -> tuple[Any, Any]:
    """Two polynomials with integer coefficients as ones over the rational numbers."""
    from sympy import QQ

    ring = numerator.ring.clone(domain=QQ)
    return numerator.set_ring(ring), denominator.set_ring(ring)


def steps_of(relation: Relation, numerator: Any, denominator: Any) -> Quotient | None:
    """The proof that is read off a fraction: it is zero, or no coefficient is negative."""
    if numerator != 0 and (
        relation == "=="
        or any(each < 0 for part in (numerator, denominator) for each in part.coeffs())
    ):
        return None
    top, bottom = numerator.as_expr(), denominator.as_expr()
    one = numerator.ring.one.as_expr()
    return Quotient(Nonnegative(top, one, (), top), Nonnegative(bottom, one, (), bottom))


def as_dictionary(polynomial: Any) -> Polynomial:
    """The coefficients of a polynomial of a ring by exponents, as fractions."""
    return {u: Fraction(int(c.numerator), int(c.denominator)) for u, c in polynomial.terms() if c}


def is_small(polynomial: Any) -> bool:
    """Whether more than the coefficients of a polynomial is looked at."""
    degree = max(map(sum, polynomial.monoms()), default=0)
    few = len(polynomial) <= MOST_TERMS and polynomial.ring.ngens <= MOST_SYMBOLS
    return few and degree <= MOST_DEGREE


def _extent(polynomial: Any) -> int:
    """The number of terms times the degree, with which a split grows."""
    return len(polynomial) * max(map(sum, polynomial.monoms()), default=0)


def _no_minus(polynomial: Any) -> bool:
    return all(each >= 0 for each in polynomial.coeffs())


class _Search:
    """What has been found of polynomials, and how many pieces may still be tried."""

    def __init__(self) -> None:
        self.known: dict[tuple[Any, bool], Nonnegative | None] = {}
        self.pieces = MOST_PIECES

    def quotient(self, numerator: Any, denominator: Any, *, thorough: bool) -> Quotient | None:
        """A proof without splits, of the fraction or of both its parts with the other sign."""
        if denominator.LC < 0:
            numerator, denominator = -numerator, -denominator
        bottom = self.nonnegative(denominator, thorough=thorough)
        if bottom is None and _no_minus(-denominator):
            numerator, denominator = -numerator, -denominator
            bottom = self.nonnegative(denominator, thorough=thorough)
        top = None if bottom is None else self.nonnegative(numerator, thorough=thorough)
        return None if top is None or bottom is None else Quotient(top, bottom)

    def nonnegative(self, polynomial: Any, *, thorough: bool) -> Nonnegative | None:
        """A proof that a polynomial is not negative; only by its coefficients if not thorough."""
        key = polynomial, thorough
        if key not in self.known:
            self.known[key] = _nonnegative(polynomial, thorough)
        return self.known[key]

    def thresholds(self, numerator: Any) -> list[tuple[Fraction, ...]]:
        """Where the range of each symbol may be split: at 1, and where the numerator is low."""
        points = lowest_points(as_dictionary(numerator))[:2] if numerator.ring.ngens else []
        found = [
            [Fraction(1), *(point[i] for point in points)] for i in range(numerator.ring.ngens)
        ]
        simple = [
            {each.limit_denominator(10) for each in column} - {Fraction(0)} for column in found
        ]
        return [tuple(sorted(column)) for column in simple]

    def split(
        self,
        numerator: Any,
        denominator: Any,
        thresholds: list[tuple[Fraction, ...]],
        depth: int,
        thorough: bool,
    ) -> Split | None:
        """A proof in two pieces, each split further up to ``depth``."""
        ring = numerator.ring
        if max(map(_extent, (numerator, denominator))) > MOST_SPLIT:
            return None
        for index, at in splits(ring, thresholds, first=depth == _DEPTH or depth == 1):
            coordinate = fresh_symbol(ring.symbols, ring.symbols[index])
            proved: list[Quotient | Split] = []
            for piece in pieces(numerator, denominator, index, at, coordinate):
                if self.pieces <= 0:
                    return None
                self.pieces -= 1
                found: Quotient | Split | None = self.quotient(*piece, thorough=thorough)
                if found is None and depth > 1:
                    found = self.split(*piece, thresholds, depth - 1, thorough)
                if found is None:
                    break
                proved.append(found)
            else:
                return Split(ring.symbols[index], threshold(ring, at), coordinate, *proved)
        return None


# --- one polynomial -------------------------------------------------------------------------------


def _nonnegative(polynomial: Any, thorough: bool) -> Nonnegative | None:
    """A proof that a polynomial is not negative, None if none is found."""
    ring = polynomial.ring
    whole = polynomial.as_expr()
    one = ring.one.as_expr()
    if _no_minus(polynomial):
        return Nonnegative(whole, one, (), whole)
    if not thorough or not ring.ngens or not is_small(polynomial):
        return None
    number, factors = polynomial.factor_list()
    weight, base, left = ring(abs(number)), ring.one, ring.one if number > 0 else -ring.one
    for factor, power in factors:
        if _no_minus(factor) or _no_minus(-factor):
            sign = 1 if _no_minus(factor) else -1
            weight, left = weight * (sign * factor) ** power, left * sign**power
        else:
            base, left = base * factor ** (power // 2), left * factor ** (power % 2)
    if left.is_ground:
        square = (_factored(weight), base.as_expr())
        return Nonnegative(whole, one, (square,), ring.zero.as_expr()) if left.LC > 0 else None
    found = _as_sum(left)
    if found is None:
        return None
    multiplier, terms, rest = found
    # weight * base**2 * left, where left is the sum that was found
    if base == 1:
        whole_rest, extra = weight * rest, []
    else:
        whole_rest, extra = ring.zero, [(rest * weight, base)] if rest else []
    squares = [(w * weight, b * base) for w, b in terms] + extra
    made = tuple(_clean(w, b) for w, b in squares)
    proof = Nonnegative(whole, multiplier.as_expr(), made, whole_rest.as_expr())
    return proof if proof.verify() else None


def _as_sum(polynomial: Any) -> tuple[Any, list[tuple[Any, Any]], Any] | None:
    """A multiplier, weights and bases of squares, and a rest: their sum is the product of both."""
    ring = polynomial.ring
    lows = lowest_points(as_dictionary(polynomial))
    values = [value_at(as_dictionary(polynomial), each) for each in lows]
    if min(values) < 0:
        return None
    zeros = [low for low, value in zip(lows, values, strict=True) if value == 0]
    is_form = len(set(map(sum, polynomial.monoms()))) == 1
    total = sum(ring.gens, ring.zero if is_form else ring.one)
    for multiplier in (ring.one, total):
        found = sum_of_squares(as_dictionary(multiplier * polynomial), zeros, lows[0])
        if found is not None:
            terms = [(_ring(ring, w), _ring(ring, b)) for w, b in found.squares]
            return multiplier, terms, _ring(ring, found.rest)
    for power in range(1, 1 if zeros else _POLYA + 1):  # positive on all of the domain
        product = total**power * polynomial
        if len(product) > _POLYA_TERMS:
            return None
        if _no_minus(product):
            return total**power, [], product
    return None


def _ring(ring: Any, polynomial: Polynomial) -> Any:
    """A polynomial of a ring from its coefficients."""
    return ring.from_dict(
        {u: ring.domain(c.numerator, c.denominator) for u, c in polynomial.items()}
    )


def _clean(weight: Any, base: Any) -> tuple[Any, Any]:
    """A weight and a base of integers without a common divisor or symbol, as expressions."""
    number, base = base.primitive()
    common = base.ring.from_dict(
        {tuple(map(min, *base.monoms(), base.degrees())): base.ring.domain.one}
    )
    weight, base = weight * common**2, base.quo(common)
    base = base if base.LC > 0 else -base
    return _factored(weight * number**2), base.as_expr()


def _factored(weight: Any) -> Any:
    """A polynomial as a product of its factors, as an expression."""
    from sympy import Mul

    number, factors = weight.factor_list()
    domain = weight.ring.domain
    return Mul(domain.to_sympy(number), *(f.as_expr() ** k for f, k in factors))

"""What a relation is stated in: its sides, its symbols and their domain, read and refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from moetheory.claims.domains import require_positive
from moetheory.claims.rational_functions import integer_parts
from moetheory.claims.symbols import Symbol, declared, exact_number, interval, substitution
from moetheory.common.errors import ArgumentError, ArgumentTypeError
from moetheory.common.validation import shown

if TYPE_CHECKING:
    import sympy

DOUBLE = 53  # bits of a float
MOST_POWER = 100  # of a side: it is multiplied out
Domain = Mapping[Any, Any] | Sequence[Symbol]


def as_substitutions(
    domain: Domain, others: Sequence[sympy.Symbol] = ()
) -> dict[sympy.Symbol, sympy.Expr]:
    """The domain of a claim as substitutions of positive coordinates; ``others`` name symbols too.

    Parameters
    ----------
    domain : mapping or sequence
        A mapping of symbols to intervals or to expressions, or a sequence of `Symbol`.

    Raises
    ------
    ArgumentError
        A key is no symbol, a symbol comes twice, an interval is empty, or a substitution leads
        out of the positive numbers or back to its symbol.

    Examples
    --------
    >>> as_substitutions([Symbol("a"), Symbol("p", (0, 1))])
    {p: 1/(t_p + 1)}
    """
    import sympy

    pairs = _pairs(domain)
    symbols = [each.symbol if isinstance(each, Symbol) else each for each, _ in pairs]
    for each in symbols:
        if not isinstance(each, sympy.Symbol):
            raise ArgumentTypeError("domain", f"must be about symbols, got {shown(each)}")
    names = [each.name for each in symbols]
    twice = [each for each in names if names.count(each) > 1]
    if twice:
        raise ArgumentError("domain", f"must name each symbol once, got {twice[0]} twice")
    names += [each.name for each in others]
    names += [s.name for _, e in pairs if isinstance(e, sympy.Expr) for s in e.free_symbols]
    found: dict[sympy.Symbol, sympy.Expr] = {}
    for symbol, (_, where) in zip(symbols, pairs, strict=True):
        if isinstance(where, sympy.Expr) and not isinstance(where, sympy.Number):
            found[symbol] = where
        else:
            moved = substitution(symbol, *interval("domain", where), names)
            found |= {} if moved == symbol else {symbol: moved}
    try:
        require_positive(found)
    except ValueError as error:
        raise ArgumentError("domain", f"is refused, for {error}") from None
    return found


def _pairs(domain: Domain) -> list[tuple[Any, Any]]:
    """The symbols of a domain, each with its interval or its substitution."""
    if isinstance(domain, Mapping):
        return list(domain.items())
    if not isinstance(domain, list | tuple):
        raise ArgumentTypeError(
            "domain",
            "must be a sequence of Symbols, or map symbols to intervals or substitutions, got "
            f"{shown(domain)}",
        )
    for each in domain:
        if not isinstance(each, Symbol):
            raise ArgumentTypeError("domain", f"must hold Symbols, got {shown(each)}")
    return [(each, each.domain) for each in domain]


def require_known(
    symbols: Sequence[sympy.Symbol],
    found: Mapping[sympy.Symbol, sympy.Expr],
    domain: Domain | None,
) -> None:
    """Refuse symbols that a domain takes for others than those of the sides, or does not fit.

    Parameters
    ----------
    symbols : sequence of symbols
        Those of both sides.
    found : mapping
        The domain as substitutions.
    domain : mapping or sequence
        The domain as given.
    """
    given = [
        e.symbol if isinstance(e, Symbol) else e
        for e, _ in _pairs(() if domain is None else domain)
    ]
    for each in set(symbols) - set(given):
        meant = declared(each)
        if meant is not None and meant.substitution != each:  # not all positive numbers
            raise ArgumentError(
                "domain",
                f"must hold {each}, a Symbol that was declared with the interval {meant.domain}",
            )
    inside = set(symbols).union(*(each.free_symbols for each in found.values()))
    for each in given:
        alike = [s for s in inside if s.name == each.name and s != each]
        if alike:
            raise ArgumentError(
                "domain",
                f"must hold the symbols of the sides themselves, got another {each} with other "
                "assumptions (positive, real)",
            )
        if each not in inside:
            raise ArgumentError("domain", f"must be about symbols of left or right, got {each}")
    names = [each.name for each in inside]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise ArgumentError(
            "right",
            f"must share the symbols of left, got two symbols {min(twice)} that differ in "
            "their assumptions (positive, real)",
        )
    for each in inside:
        bad = [k for k in ("integer", "rational") if each.assumptions0.get(k)]
        free = each not in found
        if bad or each.is_real is False or (free and each.is_positive is False):
            what = bad[0] if bad else "not positive" if each.is_real is not False else "not real"
            raise ArgumentError(
                "domain" if not free else "left",
                f"must be about symbols of real intervals, got {each}, which is {what}",
            )


def require_rational(
    sides: tuple[sympy.Expr, sympy.Expr], domain: Mapping[sympy.Symbol, sympy.Expr]
) -> None:
    """Refuse sides that are no rational functions after the substitutions of ``domain``."""
    import sympy

    for name, side in zip(("left", "right"), sides, strict=True):
        powers = [abs(int(each.exp)) for each in side.atoms(sympy.Pow) if each.exp.is_Integer]
        if max(powers, default=0) > MOST_POWER:
            raise ArgumentError(
                name, f"must have exponents of at most {MOST_POWER}, got {shown(max(powers))}"
            )
        try:
            integer_parts(side, domain)
        except (sympy.CoercionFailed, sympy.PolynomialError) as error:
            raise ArgumentError(
                name,
                "must be a rational function with rational coefficients after the substitutions of "
                f"the domain, got {shown(side)} ({error})",
            ) from None


def range_in_words(
    symbols: Sequence[sympy.Symbol],
    found: Mapping[sympy.Symbol, sympy.Expr],
    domain: Domain | None,
) -> str:
    """Where the symbols of both sides range, in words that follow "proved for"."""
    if not symbols:
        return "these numbers"
    given = {
        (e.symbol if isinstance(e, Symbol) else e).name: where
        for e, where in _pairs(() if domain is None else domain)
    }
    positive = [each.name for each in symbols if each not in found]
    words = [f"{', '.join(positive)} > 0"] if positive else []
    for each in symbols:
        if each not in found:
            continue
        where = given[each.name]
        if isinstance(where, tuple | list):
            low, high = interval("domain", where)
            ends = (
                f"{'' if low is None else f'{low} < '}{each}{'' if high is None else f' < {high}'}"
            )
            words.append(f"real {each}" if low is None and high is None else ends)
        else:
            words.append(f"{each} = {where}")
    return f"any {'; '.join(words)}"


def as_expression(name: str, value: Any) -> sympy.Expr:
    """A side of a relation as a SymPy expression without floats; ``name`` is for errors."""
    import sympy

    if isinstance(value, Symbol):
        return value.symbol
    expression = value
    if not isinstance(value, sympy.Expr):
        number = exact_number(value)
        if number is None:
            raise ArgumentTypeError(
                name, f"must be a SymPy expression or a real number, got {shown(value)}"
            )
        if isinstance(number, float):
            raise ArgumentError(name, f"must be finite, got {number}")
        return sympy.Rational(number.numerator, number.denominator)
    strange = (sympy.nan, sympy.oo, -sympy.oo, sympy.zoo, sympy.I)
    if expression.has(*strange):
        raise ArgumentError(name, f"must be real and finite, got {shown(value)}")
    if not getattr(expression, "is_commutative", False):
        raise ArgumentTypeError(name, f"must be commutative, got {shown(value)}")
    return expression.xreplace({f: _as_printed(f) for f in expression.atoms(sympy.Float)})


def _as_printed(number: sympy.Float) -> sympy.Rational:
    """The decimal number that a float prints, with as many digits as tell it from others."""
    import sympy

    digits = str(number) if number._prec > DOUBLE else repr(float(number))
    return sympy.Rational(digits)

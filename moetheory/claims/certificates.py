r"""Certificates: a rational function is positive because all its coefficients are.

A difference of two risks is rational in positive symbols. Once a substitution has turned its
domain into "all symbols positive" (p = 1/(1+t) for a probability, say), cancelling and expanding
leaves a numerator and a denominator; if all coefficients of both are positive, so is the function.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from moetheory.claims.assumptions import Assumption
from moetheory.claims.domains import Values, require_covered, require_positive
from moetheory.claims.rational_functions import evaluate, in_lowest_terms
from moetheory.common.errors import NoClosedForm, OutOfRangeError
from moetheory.common.frozen import Frozen
from moetheory.problem.model import BlockModel

if TYPE_CHECKING:
    import sympy

Relation = Literal["<=", "=="]
RESOLUTION = 0.01  # the relative error that every comparison must be able to see by default
FEWEST_POINTS = 4  # random points of each case of a claim
_TIE = 1e-12  # the relative difference that is allowed between symbolic and shipped sides


def _any_model(_: BlockModel) -> bool:
    """The scope of a proof that covers every model of the claim."""
    return True


@dataclass(frozen=True, eq=False)
class Symbolic:
    """A claim ``left <= right`` or ``left == right`` in SymPy expressions.

    Attributes
    ----------
    left, right : sympy.Expr
    scope : str
        What a proof covers, in words that follow "proved for": "any model", "K = 2 to 5".
    domain : mapping of symbols to expressions
        Substitutions after which every symbol ranges over the positive numbers; symbols that
        are not named range over them already. Each has one coordinate of its own. An expression
        may hold other symbols of the domain, unless they lead back to its own.
    draw : callable
        A random point of the scope: ``draw(generator)`` maps symbol names to values. Points
        outside the domain are refused, for the proof would not cover them.
    model : callable
        The model that such values stand for; or a tuple of it and what else the sides of the
        claim take, such as a step size.
    covers : callable
        Whether the scope contains a model at which the claim is evaluated, or the user's if
        there is none. By default any. The words and this predicate must say the same.

    Raises
    ------
    ValueError
        The scope has no words, or the domain is empty or not positive.
    """

    left: sympy.Expr
    right: sympy.Expr
    scope: str
    domain: Mapping[sympy.Symbol, sympy.Expr]
    draw: Callable[[np.random.Generator], dict[str, Any]]
    model: Callable[[Values], Any]
    covers: Callable[[BlockModel], bool] = _any_model

    def __post_init__(self) -> None:
        if not self.scope.strip():
            raise ValueError('scope must say what the proof covers, such as "any model", got ""')
        require_positive(self.domain)


def cases_of(claim: Symbolic | Sequence[Symbolic]) -> tuple[Symbolic, ...]:
    """The cases of a claim's symbolic form, one if there are no several."""
    return (claim,) if isinstance(claim, Symbolic) else tuple(claim)


class Shipped(NamedTuple):
    """The library's code for both sides of a claim, and the scale of their rounding errors."""

    left: Callable[[BlockModel], float]
    right: Callable[[BlockModel], float]
    scale: Callable[[BlockModel], float]


@dataclass(frozen=True, repr=False)
class Certificate(Frozen):
    """The result of `certify`: whether algebra proves a claim.

    Attributes
    ----------
    status : {"proved", "refuted", "open"}
        Refuted: a random point of the domain is a counterexample, or the shipped formulas are
        not the certified expressions. Open: not proved, or the shipped formulas could be
        compared with the expressions at no random point.
    numerator, denominator : str
        ``right - left`` after the substitutions, as one fraction. A numerator of zero proves an
        identity; numerator and denominator with positive coefficients prove an inequality.
    discrepancy : float
        Largest relative difference between a symbolic side and the shipped one; NaN if a side
        is, or if no random point compares them.
    scope : str
        What is proved, in words that follow "proved for".
    covers : bool
        Whether the scope contains the models at which the claim is evaluated; set by `check`.
    counterexample : mapping or None
        The values of the symbols at a point that contradicts the claim.
    """

    status: Literal["proved", "refuted", "open"]
    numerator: str
    denominator: str
    discrepancy: float
    scope: str
    covers: bool = True
    counterexample: Values | None = None

    @property
    def summary(self) -> str:
        """The status in words, with the scope of a proof."""
        if self.status != "proved":
            return self.status
        return f"proved for {self.scope}{'' if self.covers else ', not here'}"


def certify(
    relation: Relation,
    claim: Symbolic | Sequence[Symbolic],
    shipped: Shipped,
    *,
    given: Sequence[Assumption] = (),
    points: int = 8,
    seed: int = 0,
) -> Certificate:
    """The certificate of a claim: proved, refuted at a random point, or left open.

    Both symbolic sides are also compared with the library's own code at random points: those
    whose model is accepted and at which rounding hides less than 1 % of the sides.

    Parameters
    ----------
    relation : {"<=", "=="}
    claim : Symbolic or sequence of them
        Several are cases of one claim, with the same scope: all must be proved.
    shipped : Shipped
        What the library computes for the two sides.
    given : sequence of Assumption
        What the claim assumes of a model; the random models must meet it.
    points, seed : int
        Random points at which the symbolic sides meet the shipped ones, over all cases.

    Raises
    ------
    ValueError
        There are no cases, or cases of different scopes; the scope contradicts an assumption; the
        domain does not cover the random points, or these are all alike; the sides are not
        rational.

    Examples
    --------
    >>> import sympy
    >>> from moetheory import BlockModel, moe_bound
    >>> V, sigma2 = sympy.symbols("V sigma2", positive=True)
    >>> claim = Symbolic(
    ...     V * sigma2 / (1 + sigma2), V * sigma2, "one coordinate", domain={},
    ...     draw=lambda rng: {"V": rng.uniform(0.1, 9.0), "sigma2": rng.uniform(0.1, 9.0)},
    ...     model=lambda v: BlockModel.isotropic(1, 1, v["sigma2"], label_power=v["V"]))
    >>> from moetheory.claims.quantities import moe_excess
    >>> certificate = certify("<=", claim, Shipped(moe_excess, moe_bound, moe_excess))
    >>> certificate.status, certificate.scope
    ('proved', 'one coordinate')
    """
    cases = cases_of(claim)
    scopes = sorted({case.scope for case in cases})
    if len(scopes) != 1:
        raise ValueError(f"the symbolic form of a claim must have one scope, got {scopes}")
    each = max(math.ceil(points / len(cases)), FEWEST_POINTS)
    rng = np.random.default_rng(seed)
    found = [_certify_case(relation, case, shipped, given, each, rng) for case in cases]
    return min(found, key=lambda each: ("refuted", "open", "proved").index(each.status))


def within_scope(claim: Symbolic | Sequence[Symbolic], models: Iterable[BlockModel]) -> bool:
    """Whether the scope of a claim's symbolic form contains all of these models."""
    cases = cases_of(claim)
    return all(any(case.covers(model) for case in cases) for model in models)


def _certify_case(
    relation: Relation,
    claim: Symbolic,
    shipped: Shipped,
    given: Sequence[Assumption],
    points: int,
    rng: np.random.Generator,
) -> Certificate:
    """The certificate of one case."""
    from sympy import PolynomialError

    try:
        slack = in_lowest_terms(claim.right - claim.left, claim.domain)
    except PolynomialError as error:
        raise ValueError(
            "the sides of a certificate must be rational functions after the substitutions of its "
            f"domain, got {claim.left} and {claim.right} ({error})"
        ) from None
    drawn = [claim.draw(rng) for _ in range(points)]
    symbols = sorted(claim.left.free_symbols | claim.right.free_symbols, key=attrgetter("name"))
    require_covered(claim.domain, symbols, drawn)
    at_points = list(zip(drawn, _sides(claim, symbols, drawn), strict=True))
    counterexample = next(
        (values for values, sides in at_points if _contradict(relation, *sides)), None
    )
    found = (_discrepancy(claim, shipped, given, *each) for each in at_points)
    discrepancies = [discrepancy for discrepancy in found if discrepancy is not None]
    # NaN must not pass for agreement
    agree = all(discrepancy <= _TIE for discrepancy in discrepancies)
    proved = slack.zero or (relation == "<=" and slack.positive)
    status: Literal["proved", "refuted", "open"] = "proved" if proved and discrepancies else "open"
    if counterexample is not None or not agree:
        status = "refuted"
    return Certificate(
        status,
        slack.numerator,
        slack.denominator,
        float(np.max(discrepancies)) if discrepancies else math.nan,
        claim.scope,
        counterexample=counterexample,
    )


def _sides(
    claim: Symbolic, symbols: Sequence[sympy.Symbol], drawn: Sequence[Values]
) -> list[tuple[Any, Any]]:
    """The values of both symbolic sides at each of the points ``drawn``."""
    values = {each.name: [point[each.name] for point in drawn] for each in symbols}
    left, right = (
        np.broadcast_to(evaluate(side, values), len(drawn)) for side in (claim.left, claim.right)
    )
    return list(zip(left, right, strict=True))


def _contradict(relation: Relation, left: Any, right: Any) -> bool:
    """Whether the values of the sides contradict the claim."""
    excess = left - right if relation == "<=" else abs(left - right)
    return bool(excess > 1e-25 * (abs(left) + abs(right)))


def _discrepancy(
    claim: Symbolic,
    shipped: Shipped,
    given: Sequence[Assumption],
    values: Values,
    sides: tuple[Any, Any],
) -> float | None:
    """The largest relative difference between symbolic and shipped sides; NaN if any side is.

    None where there is nothing to compare: the model is outside the accepted range, or rounding
    hides 1 % of the sides.
    """
    try:
        point = claim.model(values)
        _require_assumptions(claim, given, point)
        computed = shipped.left(point), shipped.right(point)
        scale = abs(computed[0] if shipped.scale is shipped.left else shipped.scale(point))
    except (OutOfRangeError, NoClosedForm):
        return None
    left, right = sides
    scale = max(abs(left), scale)
    if math.isfinite(scale) and _TIE * scale > RESOLUTION * max(abs(left), abs(right)):
        return None
    apart = _relative(computed[0] - left, scale), _relative(computed[1] - right, abs(right))
    return float(np.max(np.array(apart, dtype=np.float64)))


def _require_assumptions(claim: Symbolic, given: Sequence[Assumption], point: Any) -> None:
    """Refuse a scope that contains a model which the claim is not about."""
    for model in point if isinstance(point, tuple) else (point,):
        failed = [a.name for a in given if isinstance(model, BlockModel) and not a.holds(model)]
        if failed:
            raise ValueError(
                f"the scope of a certificate must meet the claim's assumptions, got "
                f"{claim.scope!r} with {model!r}, which contradicts {failed[0]!r}"
            )


def _relative(difference: Any, scale: Any) -> Any:
    """The size of a difference relative to ``scale``."""
    return abs(difference) / scale if scale else math.inf if difference else 0.0

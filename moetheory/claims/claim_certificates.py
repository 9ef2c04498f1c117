"""Certificates of a theorem's claims: proved in symbols, and tied to the library's own code."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from moetheory.claims.assumptions import Assumption
from moetheory.claims.certificates import (
    RESOLUTION,
    Certificate,
    Symbolic,
    cases_of,
)
from moetheory.claims.domains import Values, require_covered
from moetheory.claims.positivity import TRIED, prove, rational_parts, steps_of
from moetheory.claims.proofs import Nonnegative, Proof, Quotient, Relation
from moetheory.claims.rational_functions import as_fraction, coprime_parts, evaluate
from moetheory.common.errors import NoClosedForm, OutOfRangeError
from moetheory.problem.model import BlockModel

if TYPE_CHECKING:
    import sympy

FEWEST_POINTS = 4  # random points of each case of a claim
_TIE = 1e-12  # the relative difference that is allowed between symbolic and shipped sides


class Shipped(NamedTuple):
    """The library's code for both sides of a claim, and the scale of their rounding errors."""

    left: Callable[[BlockModel], float]
    right: Callable[[BlockModel], float]
    scale: Callable[[BlockModel], float]


def certify_claim(
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
    >>> certificate = certify_claim("<=", claim, Shipped(moe_excess, moe_bound, moe_excess))
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
    worst = min(found, key=lambda each: ("refuted", "open", "proved").index(each.status))
    proofs = sum((each.proofs for each in found), ()) if worst.status == "proved" else ()
    return replace(worst, proofs=proofs)


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
        parts = coprime_parts(claim.right - claim.left, claim.substitutions)
        slack = as_fraction(*parts)
    except PolynomialError as error:
        raise ValueError(
            "the sides of a certificate must be rational functions after the substitutions of its "
            f"domain, got {claim.left} and {claim.right} ({error})"
        ) from None
    drawn = [claim.drawn(rng) for _ in range(points)]
    symbols = sorted(claim.left.free_symbols | claim.right.free_symbols, key=attrgetter("name"))
    require_covered(claim.substitutions, symbols, drawn)
    at_points = list(zip(drawn, _sides(claim, symbols, drawn), strict=True))
    counterexample = next(
        (values for values, sides in at_points if _contradict(relation, *sides)), None
    )
    found = (_discrepancy(claim, shipped, given, *each) for each in at_points)
    discrepancies = [discrepancy for discrepancy in found if discrepancy is not None]
    # NaN must not pass for agreement
    agree = all(discrepancy <= _TIE for discrepancy in discrepancies)
    proof = None if counterexample is not None else _proof(relation, claim, parts)
    status: Literal["proved", "refuted", "open"]
    status = "proved" if proof is not None and discrepancies else "open"
    if counterexample is not None or not agree:
        status = "refuted"
    return Certificate(
        status,
        slack.numerator,
        slack.denominator,
        float(np.max(discrepancies)) if discrepancies else math.nan,
        claim.scope,
        counterexample=counterexample,
        reason=f"tried in vain: {TRIED}" if proof is None and status == "open" else "",
        proofs=(proof,) if proof is not None and status == "proved" else (),
    )


def _proof(relation: Relation, claim: Symbolic, parts: tuple[Any, Any]) -> Proof | None:
    """The proof of a case from the numerator and the denominator of its difference."""
    from sympy import S

    made = (relation, claim.left, claim.right, claim.substitutions)
    if not hasattr(parts[0], "ring"):  # constants that are not rational: signs alone
        slack = as_fraction(*parts)
        top, bottom = (Nonnegative(part, S.One, (), part) for part in parts)
        proved = slack.zero or (relation == "<=" and slack.positive)
        return Proof(*made, Quotient(top, bottom)) if proved else None
    numerator, denominator = rational_parts(*parts)
    steps = steps_of(relation, numerator, denominator)
    if steps is not None:
        return Proof(*made, steps)
    found = prove(numerator, denominator) if relation == "<=" else None
    proof = None if found is None else Proof(*made, found)
    return proof if proof is not None and proof.verify() else None


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
        assert claim.model is not None
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

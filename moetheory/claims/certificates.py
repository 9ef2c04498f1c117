r"""Certificates: what algebra says of an inequality or an identity of rational functions.

A difference of two risks is rational in positive symbols. Once a substitution has turned its
domain into "all symbols positive" (p = 1/(1+t) for a probability, say), cancelling and expanding
leaves a numerator and a denominator. `moetheory.claims.positivity` looks for a proof that they have
one sign, `moetheory.claims.proofs` is that proof.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from moetheory.claims.domains import Values, require_positive
from moetheory.claims.positivity import TRIED, prove, rational_parts, steps_of
from moetheory.claims.proofs import Kind, Proof, Quotient, Relation, Split
from moetheory.claims.rational_functions import integer_parts
from moetheory.claims.refutations import refutation
from moetheory.claims.relations import (
    Domain,
    as_expression,
    as_substitutions,
    range_in_words,
    require_known,
    require_rational,
)
from moetheory.claims.symbols import Symbol
from moetheory.common.cached import cached
from moetheory.common.frozen import Frozen
from moetheory.common.text import NOT_IN_JSON, UNLESS_DEFAULT
from moetheory.common.validation import choice
from moetheory.problem.model import BlockModel

if TYPE_CHECKING:
    import sympy

RESOLUTION = 0.01  # the relative error that every comparison must be able to see by default
UNTIED = "tied to no formula of the library"


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
    domain : mapping of symbols to expressions, or sequence of Symbol
        Substitutions after which every symbol ranges over the positive numbers; symbols that
        are not named range over them already. Each has one coordinate of its own. An expression
        may hold other symbols of the domain, unless they lead back to its own. Or the claim's
        symbols, each declared with its interval.
    draw : callable, optional
        A random point of the scope: ``draw(generator)`` maps symbol names to values. Points
        outside the domain are refused, for the proof would not cover them. Not needed if the
        domain is a sequence of `Symbol`.
    model : callable
        The model that such values stand for; or a tuple of it and what else the sides of the
        claim take, such as a step size.
    covers : callable
        Whether the scope contains a model at which the claim is evaluated, or the user's if
        there is none. By default any. The words and this predicate must say the same.

    Raises
    ------
    ValueError
        The scope has no words, the domain is empty or not positive, or there is no model, or
        nothing to draw points from.
    """

    left: sympy.Expr
    right: sympy.Expr
    scope: str
    domain: Mapping[sympy.Symbol, sympy.Expr] | Sequence[Symbol]
    draw: Callable[[np.random.Generator], dict[str, Any]] | None = None
    model: Callable[[Values], Any] | None = None
    covers: Callable[[BlockModel], bool] = _any_model

    def __post_init__(self) -> None:
        if not self.scope.strip():
            raise ValueError('scope must say what the proof covers, such as "any model", got ""')
        if self.model is None:
            raise ValueError("model must be a function of the values of the symbols, got None")
        if self.draw is None and isinstance(self.domain, Mapping):
            raise ValueError("draw must be a function, or domain a sequence of Symbols, got None")
        require_positive(self.substitutions)

    @cached
    def substitutions(self) -> Mapping[sympy.Symbol, sympy.Expr]:
        """The domain as substitutions."""
        return self.domain if isinstance(self.domain, Mapping) else as_substitutions(self.domain)

    def drawn(self, rng: np.random.Generator) -> dict[str, Any]:
        """A random point of the scope: symbol names to values."""
        if self.draw is not None:
            return self.draw(rng)
        assert not isinstance(self.domain, Mapping)
        return {each.name: each.drawn(rng) for each in self.domain}


def cases_of(claim: Symbolic | Sequence[Symbolic]) -> tuple[Symbolic, ...]:
    """The cases of a claim's symbolic form, one if there are no several."""
    return (claim,) if isinstance(claim, Symbolic) else tuple(claim)


@dataclass(frozen=True, repr=False)
class Certificate(Frozen):
    """The result of `certify`: whether algebra proves a claim; printed, it shows the proof.

    Attributes
    ----------
    status : {"proved", "refuted", "open"}
        Refuted: a point of the domain is a counterexample, or the shipped formulas are not the
        certified expressions. Open: not proved, or the shipped formulas could be compared with
        the expressions at no random point.
    numerator, denominator : str
        ``right - left`` after the substitutions, as one fraction.
    discrepancy : float or None
        Largest relative difference between a symbolic side and the shipped one; NaN if a side
        is, or if no random point compares them. None for a certificate of bare expressions, which
        is tied to no formula of the library.
    scope : str
        What is proved, in words that follow "proved for".
    covers : bool
        Whether the scope contains the models at which the claim is evaluated; set by `check`.
    counterexample : mapping or None
        The values of the symbols at a point that contradicts the claim; those of bare expressions
        are fractions.
    claim : str
        The relation in symbols, of bare expressions.
    reason : str
        What contradicts the claim, or what was tried in vain.
    proofs : tuple of Proof
        The proof of each case of the claim, with all data that it takes to check it.
    """

    status: Literal["proved", "refuted", "open"]
    numerator: str
    denominator: str
    discrepancy: float | None
    scope: str
    covers: bool = True
    counterexample: Values | None = None
    claim: str = ""
    reason: str = field(default="", metadata=UNLESS_DEFAULT)
    proofs: tuple[Proof, ...] = field(default=(), metadata={**UNLESS_DEFAULT, **NOT_IN_JSON})

    @property
    def tied(self) -> bool:
        """Whether the expressions were compared with formulas of the library."""
        return self.discrepancy is not None

    @property
    def summary(self) -> str:
        """The status in words, with the scope of a proof."""
        words: str = self.status
        if self.status == "proved":
            words = f"proved for {self.scope}{'' if self.covers else ', not here'}"
        return words if self.tied else f"{words}; {UNTIED}"

    @property
    def kind(self) -> Kind | None:
        """What the proof rests on; of several cases, that which asks for most. None without one."""
        order = ("identity", "coefficients", "sum of squares", "Pólya", "split")
        return max((each.kind for each in self.proofs), key=order.index, default=None)

    def verify(self) -> bool:
        """Whether the proofs prove the claim, from their own data alone.

        All is expanded again in exact arithmetic and compared. Nothing is shared with the search
        for the proofs but SymPy.

        Raises
        ------
        ValueError
            Nothing is proved.
        """
        if self.status != "proved" or not self.proofs:
            raise ValueError(f"only a proof can be verified, and the certificate is {self.status}")
        return all(each.verify() for each in self.proofs)

    def latex(self) -> str:
        r"""The proof in LaTeX, without dollar signs; several cases are separated by ``\qquad``.

        Raises
        ------
        ValueError
            Nothing is proved.
        """
        if self.status != "proved" or not self.proofs:
            raise ValueError(f"only a proof can be written, and the certificate is {self.status}")
        return " \\qquad ".join(each.latex() for each in self.proofs)

    def __str__(self) -> str:
        lines = [f"{self.claim}: {self.summary}" if self.claim else self.summary]
        if self.reason:
            lines.append(self.reason)
        for proof in self.proofs:
            lines += [] if self.claim else [f"{proof.claim}:"]
            lines += [f"by {_BY[proof.kind]}:", str(proof)]
        return "\n".join(lines)


_BY: dict[Kind, str] = {
    "identity": "cancelling",
    "coefficients": "coefficients, none of which is negative",
    "sum of squares": "a sum of squares",
    "Pólya": "multiplication (Pólya)",
    "split": "a split of the domain",
}


def certify(
    left: Any, right: Any, domain: Domain | None = None, *, relation: Relation = "<="
) -> Certificate:
    r"""The certificate of a relation between two rational functions, on a domain of real numbers.

    A proof shows that :math:`(\text{right} - \text{left})` is zero or not negative, in exact
    arithmetic: by positive coefficients, as a sum of squares with positive weights, by Pólya's
    multiplication, or piece by piece. A refutation shows a point. The expressions stand for
    themselves: the certificate is tied to no formula of the library, unlike those of `check`.

    Parameters
    ----------
    left, right : SymPy expressions or numbers
        Rational functions with rational coefficients; a float stands for the decimal number that
        it prints.
    domain : mapping or sequence, optional
        Where the symbols range: a mapping of symbols to open intervals ``(low, high)`` or to
        substitutions in positive symbols (``{a: b + u}`` for a > b), or a sequence of `Symbol`.
        Symbols that are not named, by default all, range over the positive numbers.
    relation : {"<=", "=="}

    Returns
    -------
    Certificate
        Its relation is meant wherever both sides are defined. "open" says nothing of the claim.

    Raises
    ------
    ArgumentError
        A side is no rational function, or a symbol of the domain occurs nowhere, ranges over no
        interval, or has the name of another.

    References
    ----------
    docs/theory.md, "How it is checked". G. Pólya, Über positive Darstellung von Polynomen (1928);
    H. Peyrl and P. A. Parrilo, Computing sum of squares decompositions with rational coefficients
    (2008).

    Examples
    --------
    >>> import sympy
    >>> x, y = sympy.symbols("x y")
    >>> certificate = certify(x * y / (x + y), (x + y) / 4)
    >>> print(certificate)
    x*y/(x + y) <= x/4 + y/4: proved for any x, y > 0; tied to no formula of the library
    by a sum of squares:
    right - left = (x - y)**2/(4*(x + y))
    >>> certificate.verify()
    True
    >>> p = Symbol("p", (0, 1))
    >>> certify(p * (1 - p), 0.2, [p]).counterexample
    mappingproxy({'p': Fraction(1, 2)})
    """
    kind: Relation = choice("relation", relation, ("<=", "=="))
    sides = as_expression("left", left), as_expression("right", right)
    symbols = sorted(sides[0].free_symbols | sides[1].free_symbols, key=attrgetter("name"))
    where = as_substitutions(() if domain is None else domain, symbols)
    require_known(symbols, where, domain)
    require_rational(sides, where)
    parts = rational_parts(*integer_parts(sides[1] - sides[0], where))
    steps: Quotient | Split | None = steps_of(kind, *parts)
    found = None if steps is not None else refutation(kind, sides, where, parts)
    if steps is None and found is None and kind == "<=":
        steps = prove(*parts)
    proof = None if steps is None else Proof(kind, *sides, where, steps)
    status: Literal["proved", "refuted", "open"] = "open"
    reason = f"tried in vain: {TRIED}, and a search for a counterexample"
    if proof is not None and proof.verify():
        status, reason = "proved", ""
    elif found is not None:
        status, reason = "refuted", found[1]
    return Certificate(
        status,
        str(parts[0]),
        str(parts[1]),
        None,
        range_in_words(symbols, where, domain),
        counterexample=None if found is None else found[0],
        claim=f"{sides[0]} {kind} {sides[1]}",
        reason=reason,
        proofs=(proof,) if proof is not None and status == "proved" else (),
    )

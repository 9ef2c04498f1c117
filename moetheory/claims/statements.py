"""Claims in few words: two functions of a model and a relation, to check or to break."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, SupportsFloat

import numpy as np

from moetheory.claims.assumptions import Assumption
from moetheory.claims.declaration import Claim, Theorem, in_one_line
from moetheory.claims.model_space import ModelSpace
from moetheory.claims.proofs import Relation
from moetheory.claims.random_models import random_models
from moetheory.common.errors import ArgumentError, ArgumentTypeError
from moetheory.common.validation import choice, members, number, shown, text
from moetheory.problem.model import BlockModel

Value = Callable[[BlockModel], SupportsFloat] | SupportsFloat
Assumed = Assumption | Callable[[BlockModel], bool]
CONTROLS: dict[Relation, float] = {"<=": 0.5, "==": 1.01}  # factors of the right side


@dataclass(frozen=True)
class Condition:
    """A user's function of a model that says whether it meets an assumption."""

    function: Callable[[BlockModel], Any]

    def __call__(self, model: BlockModel) -> bool:
        """Whether the model meets it; what the function raises goes on, with the model."""
        try:
            return bool(self.function(model))
        except Exception as error:
            error.add_note(f"raised by an assumption of a claim for {in_one_line(model)}")
            raise


@dataclass(frozen=True)
class Constant:
    """A side that is the same number for every model."""

    value: float

    def __call__(self, _: BlockModel) -> float:
        """The number."""
        return self.value


def claim(
    left: Value,
    right: Value,
    relation: Relation = "<=",
    *,
    name: str = "",
    assume: Assumed | Iterable[Assumed] = (),
) -> Claim:
    """The claim ``left(model) <= right(model)``, or ``==``, for every model that meets ``assume``.

    `check` evaluates it at many models, `falsify` looks for one that breaks it. It has no proof
    and no simulation; `Claim` has fields for both.

    Parameters
    ----------
    left, right : callable or number
        Each a function of a `BlockModel` that returns a number, or what ``float`` makes one of,
        such as a `Risk`.
    relation : {"<=", "=="}
    name : str, optional
        The claim as reports show it; if not given, made of the names of the functions.
    assume : Assumption, callable or several of them, optional
        What a model must meet; a callable is a function of a model that says whether it does.

    Returns
    -------
    Claim

    Raises
    ------
    ArgumentError
        A side is neither a function nor a number, or there is no such relation.

    Examples
    --------
    >>> import moetheory as mt
    >>> frugal = mt.claim(
    ...     lambda model: mt.risk(mt.MoE(), model).excess,
    ...     lambda model: mt.risk(mt.Dense(), model).excess,
    ...     name="MoE <= dense", assume=lambda model: model.strict)
    >>> mt.check(frugal).status
    'holds'
    """
    relation = choice("relation", relation, ("<=", "=="))
    sides = _side("left", left), _side("right", right)
    words = (_words(side, given) for side, given in zip(("left", "right"), sides, strict=True))
    return Claim(
        text("name", name) or f" {relation} ".join(words),
        relation,
        CONTROLS[relation],
        *sides,
        assumptions=_assumptions(assume),
    )


def theorem_of(claim: Claim) -> Theorem:
    """The theorem that says nothing but this claim, under the claim's own assumptions."""

    def example() -> BlockModel:
        return example_for(claim)

    return Theorem(
        statement=claim.name,
        latex="",
        guarantee="",
        source="",
        assumptions=claim.assumptions,
        claims=(claim,),
        example=example,
        name=claim.name,
    )


def example_for(claim: Claim) -> BlockModel:
    """A generic model that meets the assumptions of a claim.

    Raises
    ------
    ArgumentError
        None of the models that are tried does.
    """
    generic = BlockModel([0.4, 0.6], [0, 1, 1], [1.0, 2.0, 0.5], [1.0, -1.0, 2.0], 4.0)
    rng = np.random.default_rng(0)
    for space in (None, ModelSpace(strict=True, interference=False, iso_parameter=True)):
        drawn = random_models(rng, 1, space, claim.assumptions)
        for model in (generic, *drawn):
            if all(each.holds(model) for each in claim.assumptions):
                return model
    raise ArgumentError(
        "model", f"must be given: no example was found that meets the claim's {claim.needs!r}"
    )


def _side(side: str, given: Any) -> Callable[[BlockModel], Any]:
    if callable(given):
        function: Callable[[BlockModel], Any] = given
        return function
    try:
        return Constant(number(side, given))
    except ArgumentTypeError:
        raise ArgumentTypeError(
            side, f"must be a function of a model or a number, got {shown(given)}"
        ) from None


def _condition_in_words(function: Any) -> str:
    """The name of a user's condition, or of one without a name where it stands."""
    name = str(getattr(function, "__name__", ""))
    code = getattr(function, "__code__", None)
    if name and (name != "<lambda>" or code is None):
        return name
    where = "" if code is None else f" of line {code.co_firstlineno}"
    return f"the condition{where}"


def _words(side: str, function: Callable[[BlockModel], Any]) -> str:
    if isinstance(function, Constant):
        return f"{function.value:g}"
    name = getattr(function, "__name__", side)
    return side if name == "<lambda>" else str(name)


def _assumptions(given: Any) -> tuple[Assumption, ...]:
    if isinstance(given, Assumption) or callable(given):
        return (_assumption(given),)
    several = members("assume", given, "functions of a model")
    if isinstance(given, np.ndarray):
        raise ArgumentTypeError("assume", f"must be a sequence of functions, got {shown(given)}")
    return tuple(map(_assumption, several))


def _assumption(given: Any) -> Assumption:
    if isinstance(given, Assumption):
        return given
    if not callable(given):
        raise ArgumentTypeError(
            "assume", f"must hold functions of a model or Assumptions, got {shown(given)}"
        )
    return Assumption(_condition_in_words(given), Condition(given))

"""An assertion about a claim at a model."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, get_args

from moetheory.checking.checker import theorem_named
from moetheory.checking.decisions import evaluate
from moetheory.checking.verdicts import ClaimPoint
from moetheory.claims.declaration import Claim, Theorem
from moetheory.claims.proofs import Relation
from moetheory.claims.statements import claim as claim_of
from moetheory.common.errors import ArgumentKeyError, ArgumentTypeError
from moetheory.common.validation import choice, shown
from moetheory.problem.model import BlockModel, checked_model

Side = Callable[[BlockModel], float]
Claimed = Claim | Theorem | str | tuple[Side, Side]
RELATIONS: tuple[Relation, ...] = get_args(Relation)
MOST_COORDINATES = 128  # of a model that a message writes out


class AssumptionsNotMet(AssertionError):  # noqa: N818 - a status of a verdict
    """A failure: the model is outside what the claim is about."""


class Undecided(AssertionError):  # noqa: N818 - a failure, not an error
    """A failure: the sides of the claim cannot be compared at the model."""


def assert_holds(claim: Claimed, model: BlockModel, *, relation: Relation = "<=") -> None:
    """Assert that a claim holds at a model, both sides evaluated in closed form.

    Rounding is allowed for as by `check`: 1e-10 of the larger side, and 1e-14 of the risks whose
    difference a side is. Sides that are both exactly 0 are equal, and meet the claim.

    Parameters
    ----------
    claim : Claim, Theorem, str or pair of callables
        A claim, such as `moetheory.claim` makes; a theorem or its name in the catalogue, which
        stands for all of its claims with two sides at points that derive from the model; or left
        and right side, each a function of a model.
    model : BlockModel
    relation : {"<=", "=="}
        For a pair: how the sides compare.

    Raises
    ------
    AssertionError
        The claim is violated. The message has both sides, the slack (right - left) and the model
        as code that can be pasted.
    AssumptionsNotMet
        An AssertionError too: the model does not meet an assumption, which the message names.
    Undecided
        An AssertionError too: a side is NaN, has no closed form at this model, or is hidden by
        rounding errors. Of a theorem no side may be NaN, and one claim must be decided. Nothing
        was tested otherwise, so this is no success.

    Notes
    -----
    Nothing is simulated or proved; that is for `check`. In a property test keep the models that
    the claim is about: ``hypothesis.assume(assumptions_met(claim, model))``. Compare two risks
    rather than their difference with 0, which may be all rounding.

    Examples
    --------
    >>> import moetheory as mt
    >>> model = mt.BlockModel.isotropic(dim=2, experts=2, noise_variance=1.0)
    >>> assert_holds("generalization", model)
    >>> dense = lambda model: mt.risk(mt.Dense(), model).value
    >>> moe = lambda model: mt.risk(mt.MoE(), model).value
    >>> assert_holds(mt.claim(dense, moe, name="dense is no worse"), model)
    Traceback (most recent call last):
    AssertionError: dense is no worse is violated
    left <= right
    left:  0.66667
    right: 0.5
    slack: -0.16667
    model = BlockModel(group_probabilities=[0.5, 0.5], block_of=[0, 1], signal_variances=[1.0, 1.0],
        coefficients=[1.0, 1.0], noise_variance=1.0)
    """
    theorem, model = _theorem_of(claim, relation), checked_model(model)
    for assumption in theorem.assumptions:
        if not assumption.holds(model):
            raise AssumptionsNotMet(
                f"{theorem.name}: the model does not meet an assumption: {assumption.name}\n"
                f"{_pasteable(model)}"
            )
    decided, reasons = False, []
    for each in theorem.claims:
        if each.fixed or each.left is None or each.right is None:
            continue
        evaluation = evaluate(each, model)
        unmet = f"{each.name} needs {each.needs}" if each.needs and not evaluation.points else ""
        reasons.append(evaluation.refusal or unmet)
        for at, point in evaluation.points.items():
            if _is_met(each, at, point):
                decided = True
            else:
                reasons.append(f"{each.name}: {point.reason}")
    if not decided:
        why = next(filter(None, reasons), "no claim has two sides in closed form at this model")
        raise Undecided(f"{theorem.name} is not decided: {why}\n{_pasteable(model)}")


def assumptions_met(claim: Claimed, model: BlockModel) -> bool:
    """Whether a model meets all that a claim assumes; for ``hypothesis.assume``.

    Examples
    --------
    >>> model = BlockModel.isotropic(dim=4, experts=2, noise_variance=1.0)
    >>> leaking = model.replace(leakage_variances=0.1)
    >>> [assumptions_met("generalization", each) for each in (model, leaking)]
    [True, False]
    """
    theorem, model = _theorem_of(claim, "<="), checked_model(model)
    return all(assumption.holds(model) for assumption in theorem.assumptions)


def _theorem_of(claim: Any, relation: Relation) -> Theorem:
    """The theorem that says what was claimed."""
    relation = choice("relation", relation, RELATIONS)
    if isinstance(claim, tuple) and len(claim) == 2:
        return theorem_named(claim_of(*claim, relation))
    if relation != "<=":
        raise ArgumentTypeError(
            "relation", f"must be left out unless the claim is a pair, got {relation!r}"
        )
    if not isinstance(claim, Claim | Theorem | str):
        raise ArgumentTypeError(
            "claim",
            "must be a Claim, a Theorem, the name of one or a pair of functions of a model, "
            f"got {shown(claim)}",
        )
    try:
        return theorem_named(claim)
    except ArgumentKeyError as error:
        raise ArgumentKeyError("claim", *error.args[1:]) from None


def _is_met(claim: Claim, model: BlockModel, point: ClaimPoint) -> bool:
    """Whether the sides at a point meet the claim; False if they cannot be compared.

    Raises
    ------
    AssertionError
        They do not meet the claim, or one of them is no number.
    """
    left, right = point.left, point.right
    if left is None or right is None:  # no closed form here
        return False
    if point.holds or left == right:
        return True
    if point.holds is None and not (math.isnan(left) or math.isnan(right)):
        return False
    kind, what = (
        (AssertionError, "is violated")
        if point.holds is False
        else (Undecided, f"is not decided: {point.reason}")
    )
    raise kind(
        f"{claim.name} {what}\n"
        f"left {claim.relation} right\n"
        f"left:  {left!r}\n"
        f"right: {right!r}\n"
        f"slack: {right - left!r}\n"
        f"{_pasteable(model)}"
    )


def _pasteable(model: BlockModel) -> str:
    """The model as code, or what it is and how to keep it if it is large."""
    if model.dim <= MOST_COORDINATES:
        return f"model = {model.to_code()}"
    return f"model: {model.summary}; model.to_json(path) keeps it"

"""Decisions: what a point says of a claim, all routes of a claim, all claims of a theorem."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from moetheory.checking.verdicts import ClaimPoint, ClaimVerdict, Comparison, Status
from moetheory.claims.certificates import RESOLUTION, Certificate
from moetheory.claims.declaration import Claim, in_one_line
from moetheory.claims.proofs import Relation
from moetheory.common.errors import NoClosedForm, OutOfRangeError
from moetheory.common.text import counted
from moetheory.problem.model import BlockModel

ROUNDING, CANCELLATION = 1e-10, 1e-14  # relative: errors of a side, and of a difference of risks
UNAVAILABLE = (OutOfRangeError, NoClosedForm)  # there is no such model, or no such number


class Evaluation(NamedTuple):
    """A claim evaluated at its points: in closed form, then by simulation.

    Attributes
    ----------
    points : dict
        The point of each model.
    simulated : list of BlockModel
        Models that are to be simulated. A point that decides nothing is not: a simulation would
        confirm its left side, never the claim. Nor is an infinite left side.
    refusal : str
        Why there are no points, if the claim's models lie outside the accepted range.
    """

    points: dict[BlockModel, ClaimPoint]
    simulated: list[BlockModel]
    refusal: str

    def add(self, model: BlockModel, comparison: Comparison) -> None:
        """Add a simulation to the point of a model."""
        self.points[model] = replace(self.points[model], comparison=comparison)

    def refuse(self, model: BlockModel, reason: str) -> None:
        """Note why a model cannot be simulated."""
        self.points[model] = replace(self.points[model], reason=reason)

    def evaluate_more(self, claim: Claim, models: Iterable[BlockModel]) -> None:
        """Add points at models that do not follow from the user's, where they decide or are NaN."""
        for model in models:
            point = replace(_evaluate_at(claim, model), model=model)
            if model not in self.points and (point.holds is not None or point.is_nan):
                self.points[model] = point


def evaluate(claim: Claim, model: BlockModel, *, anyway: bool = False) -> Evaluation:
    """The sides of a claim in closed form, at every point that follows from the user's model.

    Points that do not meet what the claim assumes are left out, unless they are wanted ``anyway``.
    """
    try:
        points = {
            each: _evaluate_at(claim, each)
            for each in claim.points(model)
            if anyway or all(assumption.holds(each) for assumption in claim.assumptions)
        }
        wanted = set(claim.simulated(model))
    except OutOfRangeError as refusal:
        return Evaluation({}, [], str(refusal))
    simulated = [
        each
        for each, point in points.items()
        if each in wanted and not point.reason and math.isfinite(point.left or 0.0)
    ]
    return Evaluation(points, simulated, "")


def _evaluate_at(claim: Claim, model: BlockModel) -> ClaimPoint:
    """The sides of a claim at one model, and whether they meet it."""
    label, holds, reason = claim.label(model), None, ""
    try:
        left, right = claim.sides(model)
        scale = 0.0 if claim.scale is None else abs(float(claim.scale.size(model)))
    except UNAVAILABLE as refusal:
        return ClaimPoint(label, None, None, None, str(refusal))
    if left is not None and math.isnan(left):
        reason = "the left side is NaN"
    elif right is not None and math.isnan(right):
        reason = "the right side is NaN"
    elif left is not None and right is not None:
        holds, reason = compare_sides(claim.relation, left, right, scale)
    return ClaimPoint(label, left, right, holds, reason)


def compare_sides(
    relation: Relation, left: float, right: float, scale: float = 0.0
) -> tuple[bool | None, str]:
    """Whether two sides meet a relation; None, and why, if they decide nothing.

    Sides that differ by more than rounding decide. Sides that do not are equal, provided that
    rounding is small beside them. Zeros decide nothing: they would meet a wrong claim too.

    Parameters
    ----------
    relation : {"<=", "=="}
    left, right : float
        Any numbers but NaN.
    scale : float
        The size of the risks whose difference ``left`` is; 0 if it is no difference.

    Examples
    --------
    >>> compare_sides("<=", 1.0, 2.0), compare_sides("<=", float("inf"), 2.0)
    ((True, ''), (False, ''))
    >>> compare_sides("==", 1e-16, 2e-16, scale=1.0)
    (None, 'rounding errors of up to 1e-14 hide the sides')
    """
    if left == right:
        return (None, "both sides are 0") if left == 0.0 else (True, "")
    if math.isinf(left) or math.isinf(right):
        return relation == "<=" and left < right, ""
    largest = max(abs(left), abs(right))
    rounding = ROUNDING * largest + CANCELLATION * scale
    if abs(left - right) > rounding:
        return relation == "<=" and left < right, ""
    if rounding <= RESOLUTION * largest:
        return True, ""
    return None, f"rounding errors of up to {rounding:.2g} hide the sides"


def decide_claim(
    claim: Claim, evaluation: Evaluation, certificate: Certificate | None
) -> ClaimVerdict:
    """The verdict on one claim: it holds if a route decides for it and none against it."""
    points = tuple(evaluation.points.values())
    compared = [(point, point.comparison) for point in points if point.comparison is not None]
    wrong = [point for point in points if point.holds is False]
    # too few replicates make no normal mean, so they contradict nothing either
    contradicted = [p for p, c in compared if c.decides and not c.agrees]
    blind = [(point, c) for point, c in compared if not c.decides]
    proof = "" if certificate is None else certificate.status
    proved = certificate is not None and proof == "proved" and certificate.covers
    status: Status = "holds"
    reason, shown = "", points[0] if points else None
    if wrong:
        status, shown = "violated", wrong[0]
        reason = f"at {shown.label} left is {shown.left:.12g}, right is {shown.right:.12g}"
        if shown.model is not None:
            reason += f", for {in_one_line(shown.model)}"
    elif certificate is not None and proof == "refuted":
        status, reason = "violated", _refutation(certificate)
    elif contradicted:
        status, shown = "violated", contradicted[0]
        what = "the claim" if shown.left is None else "the left side"
        reason = f"simulation contradicts {what} at {shown.label}"
    elif proof == "open":
        status, reason = "inconclusive", "the certificate neither proves nor refutes it"
    elif blind:
        status, (shown, worst) = "inconclusive", max(blind, key=lambda pair: pair[1].needed)
        reason = f"at {shown.label} {_blindness(worst)}"
    elif not proved and not any(point.supports for point in points):
        status = "not evaluated"
        shown, reason = _not_evaluated(claim, points, evaluation.refusal)
    applies = bool(points or evaluation.refusal or not claim.needs)
    evidence = _evidence(points, certificate)
    precision = ""
    if compared and status == "holds" and not proved:
        weakest, found = max(compared, key=lambda pair: pair[1].power)
        precision = found.seen
        shown = shown if shown is not None and shown.comparison is not None else weakest
    return ClaimVerdict(
        claim.name,
        claim.relation,
        status,
        reason,
        points,
        shown,
        certificate,
        evidence,
        precision,
        applies,
    )


def _evidence(points: Sequence[ClaimPoint], certificate: Certificate | None) -> tuple[str, ...]:
    """What speaks for a claim, in words: a proof and its scope, evaluations, simulations."""
    evidence = []
    if certificate is not None and certificate.status == "proved":
        evidence.append(certificate.summary)
    if evaluated := sum(point.holds is True for point in points):
        evidence.append(f"evaluated at {counted(evaluated, 'model')}")
    if without := [point.model for point in points if point.is_nan and point.model is not None]:
        evidence.append(
            f"NaN at {counted(len(without), 'model')}, such as {in_one_line(without[0])}"
        )
    comparisons = (point.comparison for point in points)
    agreeing = [c for c in comparisons if c is not None and c.decides and c.agrees]
    if agreeing:
        evidence.append(f"simulated to {max(agreeing, key=lambda c: c.power).seen}")
    return tuple(evidence)


def _refutation(certificate: Certificate) -> str:
    """Why a certificate is refuted."""
    if certificate.counterexample is None:
        return f"shipped and certified sides differ by {certificate.discrepancy:.2g}"
    values = (
        # a value may be a list of numbers, such as sizes
        f"{name}={value:.4g}" if np.ndim(value) == 0 else f"{name}={np.asarray(value).tolist()}"
        for name, value in certificate.counterexample.items()
    )
    return f"counterexample {', '.join(values)}"


def _blindness(comparison: Comparison) -> str:
    """Why a comparison does not decide, and how many replicates would."""
    seen = (
        f"{100 * comparison.resolution:.3g} % of {comparison.relative_to}"
        if comparison.relative_to
        else f"{comparison.resolution:g}"
    )
    if not math.isfinite(comparison.needed):
        return f"no simulation can see an error of {seen}: rounding hides it, or nothing varies"
    return (
        f"the simulation is too small to see an error of {seen}; that takes "
        f"about {comparison.needed:.2g} replicates"
    )


def _not_evaluated(
    claim: Claim, points: Sequence[ClaimPoint], refusal: str
) -> tuple[ClaimPoint | None, str]:
    """The point that a report shows of a claim that no route decides, and why none does."""
    undecided = next((point for point in points if point.reason), None)
    if undecided is not None:
        return undecided, f"at {undecided.label} {undecided.reason}; check another model"
    if points:
        return points[0], f"at {points[0].label} there are neither two sides nor a simulation"
    if refusal:
        return None, f"{refusal}; check another model"
    if claim.needs:
        return None, f"condition not met: {claim.needs}"
    return None, "it has no point for this model; check another model"


def decide_theorem(
    name: str, failed: Sequence[str], claims: Sequence[Claim], verdicts: Sequence[ClaimVerdict]
) -> tuple[Status, str]:
    """The status of a theorem and its reason; ``failed`` names the assumptions that fail.

    A claim of one's own is a theorem of that ``name``, which a reason need not repeat.
    """
    for status in ("violated", "assumptions not met", "inconclusive", "not evaluated"):
        if status == "assumptions not met" and failed:
            return "assumptions not met", failed[0]
        for verdict in verdicts:
            if verdict.status == status and verdict.applies:
                which = "" if verdict.name == name else f"{verdict.name}: "
                return verdict.status, which + verdict.reason
    if not claims:
        return "not evaluated", "the theorem has no claim"
    own = [
        verdict.points for claim, verdict in zip(claims, verdicts, strict=True) if not claim.fixed
    ]
    if not any(point.supports and point.model is None for points in own for point in points):
        reasons = (f" (at {p.label} {p.reason})" for points in own for p in points if p.reason)
        why = next(reasons, "")
        return "not evaluated", f"no claim is evaluated at this model{why}; check another model"
    return "holds", ""

"""Trials: what a claim says of one model, how far it is from being violated, and their tally."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

from moetheory.checking.confirmation import confirmed
from moetheory.checking.decisions import UNAVAILABLE, compare_sides
from moetheory.claims.assumptions import Assumption
from moetheory.claims.declaration import Claim, Theorem, in_one_line
from moetheory.claims.expression_values import Side
from moetheory.claims.expressions import has_free_samples
from moetheory.claims.model_space import ModelSpace
from moetheory.claims.proofs import Relation
from moetheory.claims.random_models import Layout, Point
from moetheory.common.arrays import FloatArray
from moetheory.problem.model import BlockModel

CLEAR = 1e-8  # of a violation that counts, relative to the larger side
MET = -1.0  # the violation of an identity that holds


class Place(NamedTuple):
    """Where a search found a model."""

    layout: Layout
    vector: FloatArray


class Trial(NamedTuple):
    """Both sides of a claim at a model.

    Attributes
    ----------
    claim : Claim
    base : BlockModel
        The model that was drawn.
    model : BlockModel
        The model at which the claim is evaluated, which may derive from it.
    samples : int or None
    left, right : float
    violation : float
        By how much the claim is violated, relative to the larger side; negative if it is not,
        and -1 for an identity that holds.
    clear : bool
        Whether it is violated beyond all errors.
    confirmation : str
        What says so, or that it is not; empty without a violation.
    place : Place or None
    """

    claim: Claim
    base: BlockModel
    model: BlockModel
    samples: int | None
    left: float
    right: float
    violation: float
    clear: bool
    confirmation: str = ""
    place: Place | None = None

    @property
    def point(self) -> Point:
        """What was drawn."""
        return Point(self.base, self.samples)

    @property
    def finite(self) -> bool:
        """Whether both sides are finite: a violation by an infinite one shows less."""
        return math.isfinite(self.left) and math.isfinite(self.right)


@dataclass(frozen=True, eq=False)
class Target:
    """What a search tries to break.

    Attributes
    ----------
    stated : Theorem or Claim
    space : ModelSpace
    anyway : bool
        Whether assumptions are ignored.
    only : Claim or None
        The claim of the theorem that is to be broken, of all.
    """

    stated: Theorem | Claim
    space: ModelSpace
    anyway: bool = False
    only: Claim | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return Target, (self.stated, self.space, self.anyway, self.only)

    @cached_property
    def claims(self) -> tuple[Claim, ...]:
        """The claims, with two sides each; those about models of the theorem's own are left out."""
        if self.only is not None:
            return (self.only,)
        own = self.stated.claims if isinstance(self.stated, Theorem) else (self.stated,)
        kept = (c for c in own if not (c.fixed and isinstance(self.stated, Theorem)))
        return tuple(each for each in kept if each.left and each.right)

    @cached_property
    def assumptions(self) -> tuple[Assumption, ...]:
        """The assumptions of the theorem, beside those of each claim."""
        return self.stated.assumptions if isinstance(self.stated, Theorem) else ()

    @cached_property
    def fitted(self) -> bool:
        """Whether a claim is about any number of samples."""
        return any(map(has_free_samples, self.claims))

    @property
    def limits(self) -> tuple[Assumption, ...]:
        """The assumptions that every model of the search meets."""
        if self.anyway:
            return ()
        alone = self.claims[0].assumptions if len(self.claims) == 1 else ()
        return (*self.assumptions, *alone)

    def excluding(self, trial: Trial) -> tuple[str, ...]:
        """The names of the assumptions that a model does not meet."""
        failed = [each.name for each in self.assumptions if not each.holds(trial.base)]
        failed += [a.name for a in trial.claim.assumptions if not a.holds(trial.model)]
        return tuple(dict.fromkeys(failed))

    def of(self, claim: Claim) -> Target:
        """A search in this space that breaks one claim alone."""
        return replace(self, only=claim)

    def meets(self, point: Point) -> bool:
        """Whether a model meets the theorem's assumptions, or need not."""
        return self.anyway or all(each.holds(point.model) for each in self.assumptions)


@dataclass
class Tally:
    """What trials have come to so far.

    Attributes
    ----------
    tried, met, applied : int
        Models; those that meet the assumptions; those for which a claim has two sides, too.
    undefined : int
        Models for which a side is NaN.
    undefined_at : BlockModel or None
        The first of them.
    refusal : str
        Why the first side that could not be had was refused.
    doubt : str
        Why the first violation that may be an error of rounding or of a formula does not count.
    best : Trial or None
        The first clear violation, or the first of finite sides.
    closest : Trial or None
        The trial of an inequality that is the nearest to a violation, without a clear one.
    """

    tried: int = 0
    met: int = 0
    applied: int = 0
    undefined: int = 0
    undefined_at: BlockModel | None = None
    refusal: str = ""
    doubt: str = ""
    best: Trial | None = None
    closest: Trial | None = None

    def add(self, target: Target, point: Point, place: Place | None = None) -> Trial | None:
        """Try a model; None if no claim has two sides there."""
        self.tried += 1
        if not target.meets(point):
            return None
        worst: Trial | None = None
        seen = False
        for claim in target.claims:
            try:
                models = claim.points(point.model)
            except UNAVAILABLE as refusal:
                self.refusal = self.refusal or str(refusal)
                continue
            for model in models:
                if not target.anyway and not all(a.holds(model) for a in claim.assumptions):
                    continue
                seen = True
                trial = self._trial(claim, point, model, place)
                if trial is not None and (worst is None or trial.violation > worst.violation):
                    worst = trial
        self.met += seen
        self.applied += worst is not None
        if worst is None:
            return None
        if worst.clear:
            self._improve(worst)
        else:
            self._approach(worst)
        return worst

    @property
    def broken(self) -> bool:
        """Whether a clear violation was found."""
        return self.best is not None

    @property
    def ends(self) -> bool:
        """Whether there is nothing better to look for."""
        return self.best is not None and self.best.finite

    def _improve(self, trial: Trial) -> None:
        if self.best is None or (trial.finite and not self.best.finite):
            self.best = trial

    def _approach(self, trial: Trial) -> None:
        near = self.closest is None or trial.violation > self.closest.violation
        if near and trial.claim.relation == "<=":
            self.closest = trial

    def _trial(
        self, claim: Claim, point: Point, model: BlockModel, place: Place | None
    ) -> Trial | None:
        try:
            left, right = at_samples(claim, point.samples).sides(model)
        except UNAVAILABLE as refusal:
            self.refusal = self.refusal or str(refusal)
            return None
        assert left is not None
        assert right is not None
        if math.isnan(left) or math.isnan(right):
            self.undefined += 1
            self.undefined_at = self.undefined_at or model
            return None
        holds, _ = compare_sides(claim.relation, left, right)
        if claim.scale is not None and not holds:
            scale = abs(float(claim.scale.size(model)))
            holds, _ = compare_sides(claim.relation, left, right, scale)
        if holds is None:
            return None
        size = violation(claim.relation, left, right)
        if holds and claim.relation == "==":
            size = MET  # what is left is rounding
        clear, words = False, ""
        if not holds and size > CLEAR:
            clear, words = confirmed(claim, model, point.samples)
            if not clear and not self.doubt:
                self.doubt = f"{words}, for {in_one_line(model)}"
        return Trial(
            claim, point.model, model, point.samples, left, right, size, clear, words, place
        )

    def merge(self, other: Tally) -> None:
        """Add the trials of another tally, which come after those of this one."""
        self.tried += other.tried
        self.met += other.met
        self.applied += other.applied
        self.undefined += other.undefined
        self.undefined_at = self.undefined_at or other.undefined_at
        self.refusal = self.refusal or other.refusal
        self.doubt = self.doubt or other.doubt
        if other.best is not None:
            self._improve(other.best)
        if other.closest is not None:
            self._approach(other.closest)


def at_samples(claim: Claim, samples: int | None) -> Claim:
    """The claim at a number of samples, if it is about any."""
    if samples is None:
        return claim
    left, right = (
        side.at(samples) if isinstance(side, Side) else side for side in (claim.left, claim.right)
    )
    return replace(claim, left=left, right=right)


def violation(relation: Relation, left: float, right: float) -> float:
    """By how much two sides violate a relation, relative to the larger side; negative if not.

    >>> violation("<=", 2.0, 1.0), violation("<=", 1.0, 2.0), violation("==", 1.0, 2.0)
    (0.5, -0.5, 0.5)
    >>> violation("<=", float("inf"), 2.0)
    1.0
    """
    if left == right:
        return 0.0
    if math.isinf(left) or math.isinf(right):
        return 1.0 if relation == "==" or left > right else -1.0
    apart = (left - right) / max(abs(left), abs(right))
    return abs(apart) if relation == "==" else apart

"""Verdicts: the results of checks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from moetheory.checking.claim_rows import COLUMNS, claim_lines, heading
from moetheory.claims.certificates import Certificate
from moetheory.claims.proofs import Relation
from moetheory.common import text
from moetheory.common.frozen import Frozen
from moetheory.common.text import counted
from moetheory.common.validation import flag
from moetheory.problem.model import BlockModel

WIDE_COLUMNS = (
    "claim",
    "at",
    "left",
    "right",
    "slack",
    "certificate",
    "simulated ± sem",
    "z",
    "power",
    "verdict",
)
Status = Literal["holds", "violated", "inconclusive", "assumptions not met", "not evaluated"]


@dataclass(frozen=True, repr=False)
class Comparison(Frozen):
    """A simulated left side against its closed form.

    Attributes
    ----------
    simulated, sem : float
        Excess risk, and its standard error: the observed one, or the one that follows from the
        law of the errors where that is larger.
    replicates : int
        Test samples, or training sets of an experiment.
    z : float
        Deviation in standard errors, beyond what rounding explains.
    threshold : float
        The |z| beyond which the closed form is contradicted (family-wise level).
    power : float
        Smallest relative error that would have been seen with a probability of 99 %.
    relative_to : str
        What ``power`` is a fraction of: "left" (the left side), another name, or "" (absolute).
    decides : bool
        Whether the power is at most ``resolution`` and the mean approximately normal. If not, the
        comparison neither supports nor contradicts the claim.
    needed : float
        Replicates with which the comparison would decide.
    entropy : int
        Seed that replays the simulation (of fresh data: for the model without label noise).
    resolution : float
        The largest ``power`` with which the comparison decides.
    note : str
        A remark of the experiment, for the report.
    """

    simulated: float
    sem: float
    replicates: int
    z: float
    threshold: float
    power: float
    relative_to: str
    decides: bool
    needed: float
    entropy: int
    resolution: float
    note: str = ""

    @property
    def seen(self) -> str:
        """The power in words: "0.98 %" of the left side, "2 % of risk", or a plain number."""
        if not self.relative_to:
            return f"{self.power:.2g}"
        suffix = "" if self.relative_to == "left" else f" of {self.relative_to}"
        return f"{100.0 * self.power:.2g} %{suffix}"

    @property
    def agrees(self) -> bool:
        """Whether the deviation is within chance."""
        return abs(self.z) <= self.threshold


@dataclass(frozen=True, repr=False)
class ClaimPoint(Frozen):
    """Both sides of a claim for one model.

    Attributes
    ----------
    label : str
    left, right : float or None
        The sides; None if the claim has no such side, or if it cannot be computed.
    holds : bool or None
        Whether the sides meet the claim up to rounding; None if they decide nothing.
    reason : str
        Why a point decides nothing: "both sides are 0". Empty if the sides decide, and for a
        claim without both sides, which is for simulation to decide.
    comparison : Comparison or None
        The simulation at this model.
    model : BlockModel or None
        The model, if it does not follow from the user's: a random one, or a corner.
    """

    label: str
    left: float | None
    right: float | None
    holds: bool | None
    reason: str = ""
    comparison: Comparison | None = None
    model: BlockModel | None = None

    @property
    def is_nan(self) -> bool:
        """Whether a side is no number."""
        return any(side is not None and math.isnan(side) for side in (self.left, self.right))

    @property
    def supports(self) -> bool:
        """Whether the point decides for the claim: by its sides or, lacking one, by simulation.

        A simulation that measures nothing but zeros decides nothing.
        """
        if self.left is not None and self.right is not None:
            return self.holds is True
        found = self.comparison
        measured = found is not None and (found.sem != 0.0 or found.simulated != 0.0)
        return found is not None and measured and found.decides and found.agrees

    @property
    def slack(self) -> float | None:
        """The difference ``right - left``, None without both sides."""
        return None if self.left is None or self.right is None else self.right - self.left


@dataclass(frozen=True, repr=False)
class ClaimVerdict(Frozen):
    """The verdict on one claim of a theorem, with its points, certificate and evidence.

    Attributes
    ----------
    name, relation, status, reason
    points : tuple of ClaimPoint
    shown : ClaimPoint or None
        The point that a report shows: one that fails, else one whose simulation or sides do not
        decide, else the first, which is the user's own model if the claim is evaluated there; a
        simulated one if the claim rests on a simulation.
    certificate : Certificate or None
        None for a claim without symbolic sides.
    evidence : tuple of str
        What speaks for the claim: "proved for any model", "evaluated at 5 models",
        "simulated to 0.98 %" (the error that would have been seen).
    precision : str
        The error up to which the claim holds, if that rests on a simulation: "1.6 %".
    applies : bool
        False for a claim whose condition the model does not meet: the claim is not evaluated, the
        theorem can hold.
    """

    name: str
    relation: Relation
    status: Status
    reason: str
    points: tuple[ClaimPoint, ...]
    shown: ClaimPoint | None
    certificate: Certificate | None
    evidence: tuple[str, ...] = ()
    precision: str = ""
    applies: bool = True

    @property
    def proved(self) -> bool:
        """Whether a certificate proves the claim for all models at which it is evaluated."""
        found = self.certificate
        return found is not None and found.status == "proved" and found.covers

    @property
    def only_evaluated(self) -> bool:
        """Whether nothing but evaluations speaks for a claim that holds."""
        return self.status == "holds" and not (self.proved or self.precision)

    @property
    def outcome(self) -> str:
        """The status in words, with what it rests on if that is no proof.

        "holds to 1.6 %" rests on a simulation, "holds at 5 models, not proved" on evaluations.
        """
        if self.precision:
            return f"{self.status} to {self.precision}"
        if not self.only_evaluated:
            return self.status
        models = sum(point.holds is True for point in self.points)
        return f"holds at {counted(models, 'model')}, not proved"

    @property
    def cells(self) -> tuple[str, ...]:
        """The cells of the claim in a table with the columns `COLUMNS`."""
        return (self.name, "; ".join(self.evidence), self.outcome)

    @property
    def wide_cells(self) -> tuple[str, ...]:
        """The cells of the claim in a table with the columns `WIDE_COLUMNS`."""
        point = self.shown
        proof = "" if self.certificate is None else self.certificate.summary
        if point is None:
            return (self.name, *[""] * 4, proof, *[""] * 3, self.outcome)
        sides = (point.label, *map(_side, (point.left, point.right, point.slack)))
        comparison = point.comparison
        simulated = ("", "", "")
        if comparison is not None:
            simulated = (
                text.with_error(comparison.simulated, comparison.sem),
                f"{comparison.z:+.2f}",
                comparison.seen,
            )
        return (self.name, *sides, proof, *simulated, self.outcome)


@dataclass(frozen=True, repr=False)
class Verdict(Frozen):
    """The outcome of `moetheory.check`.

    Attributes
    ----------
    theorem : str
    model : BlockModel
        The model on which the theorem was checked.
    status : {"holds", "violated", "inconclusive", "assumptions not met", "not evaluated"}
    reason : str
        The first claim or assumption that fails, or what was not evaluated and why; empty if
        the theorem holds.
    claims : tuple of ClaimVerdict
    level : float
        Family-wise level of the simulated comparisons.
    entropy : int
        ``check(..., rng=verdict.entropy)`` replays the check.
    """

    theorem: str
    model: BlockModel
    status: Status
    reason: str
    claims: tuple[ClaimVerdict, ...]
    level: float
    entropy: int

    @property
    def comparisons(self) -> tuple[Comparison, ...]:
        """All simulated comparisons."""
        points = (point for claim in self.claims for point in claim.points)
        return tuple(point.comparison for point in points if point.comparison is not None)

    @property
    def largest_z(self) -> float:
        """Largest |z| of the comparisons; 0 without any."""
        return max((abs(comparison.z) for comparison in self.comparisons), default=0.0)

    @property
    def power(self) -> float:
        """Worst power of the comparisons with a resolution of 1 %; 0 without any."""
        asked = [c.power for c in self.comparisons if c.resolution <= 0.01]
        return max(asked, default=0.0)

    def table(self, width: int | None = None, *, wide: bool = False) -> str:
        """The table of the claims as text: what speaks for each, and its verdict.

        Parameters
        ----------
        width : int, optional
            The columns of the screen: cells are broken between words, or below 60 columns written
            one below the other; a ``wide`` table that is wider is written as blocks of lines.
        wide : bool
            Whether to show the sides, the certificate and the simulation of each claim instead of
            its evidence in words.

        Examples
        --------
        >>> from moetheory import check
        >>> print(check("generalization", replicates=1000, rng=0).table(width=80))
          claim                          evidence                       verdict
          MoE <= dense                   proved for any strict model;   inconclusive
                                         evaluated at 1 model
          dense - MoE == gap             proved for any strict model;   inconclusive
                                         evaluated at 1 model
        """
        width, wide = text.checked_width(width), flag("wide", wide)
        if not self.claims:
            return f"{self.theorem}: {self.outcome}"
        if wide:
            return text.table(WIDE_COLUMNS, [claim.wide_cells for claim in self.claims], width)
        if width is None:
            return text.table(COLUMNS, [claim.cells for claim in self.claims], None)
        lines = (line for claim in self.claims for line in claim_lines(claim.cells, width))
        return "\n".join([heading(width), *lines]).strip("\n")

    def _repr_html_(self) -> str:
        return text.html_table(COLUMNS, len(self.claims), lambda row: self.claims[row].cells)

    @property
    def outcome(self) -> str:
        """The status and its reason in words: "assumptions not met: needs strict blocks"."""
        needs = "needs " if self.status == "assumptions not met" else ""
        return f"{self.status}: {needs}{self.reason}" if self.reason else self.status

    def __repr__(self) -> str:
        power = f", power {100 * self.power:.2g} %" if self.power else ""
        said = f"{self.theorem}: {self.outcome}"
        evaluated = sum(claim.only_evaluated for claim in self.claims)
        if evaluated:
            said += f" ({counted(evaluated, 'claim')} at models alone, not proved)"
        if count := len(self.comparisons):
            said += (
                f"; {counted(count, 'simulated comparison')}, largest |z| "
                f"{self.largest_z:.2f}{power}"
            )
        return text.code(f"<Verdict {said}>")


def _side(value: float | None) -> str:
    return "" if value is None else f"{value:.5g}"

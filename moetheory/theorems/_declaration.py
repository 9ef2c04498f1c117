"""What a theorem declares. Deciding is for `moetheory.checking`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from moetheory.certificates import Relation, Symbolic
from moetheory.estimators import Dense, Estimator, MoE
from moetheory.model import BlockModel


def _own(model: BlockModel) -> Sequence[BlockModel]:
    return (model,)


class Scale(NamedTuple):
    """What rounding and the power of a simulation are relative to, and what to call it."""

    name: str
    of: Callable[[BlockModel], float]


@dataclass(frozen=True)
class Assumption:
    """A condition on the model, in words and as a predicate."""

    name: str
    holds: Callable[[BlockModel], bool]


@dataclass(frozen=True, eq=False)
class Claim:
    """``left(model) <= right(model)``, or ``==``, at every point.

    Attributes
    ----------
    name : str
    relation : {"<=", "=="}
    left, right : callable
        Both sides in closed form, for one model.
    symbolic : callable
        Both sides as SymPy expressions, made when called.
    weights : callable
        What simulation measures: the left side as a weighted sum of the excess risks of
        `Theorem.estimators`, one weight for each.
    control : float
        What the negative control multiplies the right side by; at most a factor 2 off.
    points : callable
        The models at which the claim is evaluated, given the user's, which comes first if it is
        one of them.
    simulated : callable
        Those of them that are simulated.
    scale : Scale, optional
        For a left side that is a difference of risks: what rounding and the power of a
        simulation are relative to. The left side itself if not given.
    """

    name: str
    relation: Relation
    left: Callable[[BlockModel], float]
    right: Callable[[BlockModel], float]
    symbolic: Callable[[], Symbolic]
    weights: Callable[[BlockModel], Sequence[float]]
    control: float
    points: Callable[[BlockModel], Sequence[BlockModel]] = _own
    simulated: Callable[[BlockModel], Sequence[BlockModel]] = _own
    scale: Scale | None = None

    @property
    def negative_control(self) -> Claim:
        """The wrong variant: the right side times ``control``, which a check must not let pass."""
        factor = self.control

        def symbolic() -> Symbolic:
            claim = self.symbolic()
            return replace(claim, right=factor * claim.right)

        return replace(
            self,
            name=f"{self.name} [right x {factor:g}]",
            right=lambda model: factor * self.right(model),
            symbolic=symbolic,
        )


@dataclass(frozen=True, eq=False, repr=False)
class Theorem:
    """A statement about every model that meets the assumptions.

    Attributes
    ----------
    statement, latex : str
    guarantee : str
        Identity, upper bound, and when it is tight.
    source : str
    assumptions : tuple of Assumption
    claims : tuple of Claim
        Checked when all assumptions hold.
    otherwise : tuple of Claim
        What still holds, and is checked, when one fails.
    example : callable
        The model of a check that is given none.
    estimators : tuple
        What `Claim.weights` refer to.
    name : str
        The name of the theorem's file; set by the catalogue.
    """

    statement: str
    latex: str
    guarantee: str
    source: str
    assumptions: tuple[Assumption, ...]
    claims: tuple[Claim, ...]
    example: Callable[[], BlockModel]
    otherwise: tuple[Claim, ...] = ()
    estimators: tuple[Estimator, ...] = (Dense(), MoE())
    name: str = ""

    def __repr__(self) -> str:
        return f"<Theorem {self.name}: {self.statement}>"

    @property
    def symbolic(self) -> Mapping[str, Symbolic]:
        """Both sides of each claim, those of ``otherwise`` included, as SymPy expressions."""
        return {claim.name: claim.symbolic() for claim in (*self.claims, *self.otherwise)}

    @property
    def negative_control(self) -> Theorem:
        """The theorem with every claim made wrong; a check of it must find it violated."""
        return replace(
            self,
            name=f"{self.name} [negative control]",
            claims=tuple(claim.negative_control for claim in self.claims),
            otherwise=tuple(claim.negative_control for claim in self.otherwise),
        )

"""What a theorem declares. Deciding is for `moetheory.checking.checker`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from moetheory.claims.certificates import Relation, Symbolic
from moetheory.problem.estimators import Dense, Estimator, MoE
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation

Side = Callable[[BlockModel], float]
Under = Callable[[BlockModel], Perturbation | None]
RESOLUTION = 0.01  # the relative error that a simulation must be able to see, unless told
ABSOLUTE = ""  # a power that is relative to nothing
DETECTION = 2.3263  # 99 % quantile of the normal law: how surely an error must be seen


def _own(model: BlockModel) -> Sequence[BlockModel]:
    return (model,)


def as_trained(model: BlockModel) -> None:
    """The test is like the training."""


def _experts(model: BlockModel) -> str:
    return f"K={model.experts}"


class Scale(NamedTuple):
    """What rounding and the power of a simulation are relative to, and what to call it."""

    name: str
    of: Callable[[BlockModel], float]


class Setting(NamedTuple):
    """What an experiment is given.

    Attributes
    ----------
    replicates : int or None
        Training sets to draw; the experiment's own choice if None.
    entropy : int
        Its randomness.
    threshold : float
        The |z| beyond which it will contradict the claim.
    control : float
        The claim's factor in a negative control, else 1.
    """

    replicates: int | None
    entropy: int
    threshold: float
    control: float


class Outcome(NamedTuple):
    """What an experiment found; whether that decides anything is not for it to say.

    Attributes
    ----------
    simulated, sem : float
        The measured quantity and its standard error.
    z : float
        Deviation from the claim in standard errors, or the normal deviate of the same
        probability; for an inequality 0 or negative where it is met.
    replicates : int
    power : float
        Smallest error that would have been seen 99 times out of 100, ...
    resolution : float
        ... and the one that must be.
    relative_to : str
        What both are a fraction of.
    note : str
        What else there is to say, for the report.
    """

    simulated: float
    sem: float
    z: float
    replicates: int
    power: float
    resolution: float
    relative_to: str = "left"
    note: str = ""


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
    left, right : callable, optional
        Both sides in closed form, for one model. A claim about a simulation alone has none, or
        only a right one.
    symbolic : callable, optional
        Both sides as SymPy expressions, made when called. Without it there is no certificate.
    weights : callable, optional
        What simulation of fresh data measures: the left side as a weighted sum of the excess
        risks of `Theorem.estimators`, one weight for each.
    under : callable
        What differs at test time in that simulation: noise variance, confusion and drag.
    resolution : float
        The relative error that it must be able to see.
    experiment : callable, optional
        In place of ``weights``, for claims about training sets: takes a model and a `Setting`.
    control : float or Claim
        What the negative control multiplies the right side by (an experiment is told), at most
        a factor 2 off; or a claim that is easily taken for this one and is wrong.
    points : callable
        The models at which the claim is evaluated, given the user's, which comes first if it is
        one of them.
    simulated : callable
        Those of them that are simulated.
    label : callable
        What to call a point in a report.
    scale : Scale, optional
        For a left side that is a difference of risks: what rounding and the power of a
        simulation are relative to. The left side itself if not given.
    """

    name: str
    relation: Relation
    control: float | Claim
    left: Side | None = None
    right: Side | None = None
    symbolic: Callable[[], Symbolic] | None = None
    weights: Callable[[BlockModel], Sequence[float]] | None = None
    under: Under = as_trained
    resolution: float = RESOLUTION
    experiment: Callable[[BlockModel, Setting], Outcome] | None = None
    points: Callable[[BlockModel], Sequence[BlockModel]] = _own
    simulated: Callable[[BlockModel], Sequence[BlockModel]] = _own
    label: Callable[[BlockModel], str] = _experts
    scale: Scale | None = None
    factor: float = 1.0

    @property
    def negative_control(self) -> Claim:
        """The wrong variant, ``control`` says which, that a check must not let pass."""
        if isinstance(self.control, Claim):
            return self.control
        factor, symbolic, right = self.control, self.symbolic, self.right

        def wrong(model: BlockModel) -> float:
            assert right is not None
            return factor * right(model)

        def wrong_symbols() -> Symbolic:
            assert symbolic is not None
            claim = symbolic()
            return replace(claim, right=factor * claim.right)

        return replace(
            self,
            name=f"{self.name} [right x {factor:g}]",
            right=None if right is None else wrong,
            symbolic=None if symbolic is None else wrong_symbols,
            factor=factor,
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
        """Both sides of claims that are proved, ``otherwise`` included, as SymPy expressions."""
        claims = (*self.claims, *self.otherwise)
        return {c.name: c.symbolic() for c in claims if c.symbolic is not None}

    @property
    def negative_control(self) -> Theorem:
        """The theorem with every claim made wrong; a check of it must find it violated."""
        return replace(
            self,
            name=f"{self.name} [negative control]",
            claims=tuple(claim.negative_control for claim in self.claims),
            otherwise=tuple(claim.negative_control for claim in self.otherwise),
        )

"""The declaration of a theorem. Deciding is for `moetheory.checking.checker`.

A theorem is a file in ``moetheory/theorems`` with ``THEOREM = Theorem(...)``. ``_template.py`` and
``_template_experiment.py`` there are complete examples to copy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeVar

import numpy as np

from moetheory.claims.assumptions import Assumption
from moetheory.claims.certificates import RESOLUTION, Symbolic, cases_of
from moetheory.claims.experiments import Outcome, Setting
from moetheory.claims.pickles import FoundByName, part_of
from moetheory.claims.proofs import Relation
from moetheory.common.cached import cached
from moetheory.common.errors import ArgumentError, ArgumentTypeError, NoClosedForm, OutOfRangeError
from moetheory.common.text import code
from moetheory.common.validation import shown
from moetheory.problem.estimators import Dense, Estimator, MoE
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation

LARGEST_SHOWN = 64  # coordinates of a model whose code stands in a message
Side = Callable[[BlockModel], float]
Under = Callable[[BlockModel], Perturbation | None]
Estimators = tuple[Estimator, ...]
T = TypeVar("T")


def _given_model(model: BlockModel) -> Sequence[BlockModel]:
    """The user's model as the only point of a claim."""
    return (model,)


def accepted_models(make: Callable[[T], BlockModel], values: Iterable[T]) -> list[BlockModel]:
    """The models ``make(value)``, without those that lie outside the accepted range.

    Raises
    ------
    OutOfRangeError
        None of the models is accepted.

    Examples
    --------
    >>> model = BlockModel.isotropic(4, 2, noise_variance=1.0)
    >>> noises = (1.0, 10.0, 1e30)  # the last is too large beside the signal
    >>> len(accepted_models(lambda noise: model.replace(noise_variance=noise), noises))
    2
    """
    models: list[BlockModel] = []
    refusals: list[OutOfRangeError] = []
    for value in values:
        try:
            models.append(make(value))
        except OutOfRangeError as refusal:
            refusals.append(refusal)
    if refusals and not models:
        raise refusals[0]
    return models


def as_trained(model: BlockModel) -> None:
    """The perturbation of a test that is like the training: none."""


def real_number(side: str, value: Any, model: BlockModel) -> float:
    """What a side of a claim returned, as a float: a number, or a result that is one."""
    is_number = hasattr(type(value), "__float__") and np.ndim(value) == 0
    if not is_number or isinstance(value, complex | np.complexfloating):
        raise ArgumentTypeError(
            side, f"must return a number, got {shown(value)} for {in_one_line(model)}"
        )
    try:
        return float(value)
    except OverflowError:
        raise ArgumentError(
            side, f"must return a number that is a float, got a larger one for {in_one_line(model)}"
        ) from None


def in_one_line(model: BlockModel) -> str:
    """The code of a model for a message, or its summary if it is large."""
    return " ".join((model.to_code() if model.dim <= LARGEST_SHOWN else repr(model)).split())


def _experts_label(model: BlockModel) -> str:
    """The number of experts, as the name of a point in a report."""
    return f"K={model.experts}"


class Scale(NamedTuple):
    """The size that rounding errors and the power of a simulation are relative to.

    Attributes
    ----------
    name : str
        Its name in reports: "risk" makes the power "0.98 % of risk".
    size : callable
        Its value for a model.
    """

    name: str
    size: Callable[[BlockModel], float]


@dataclass(frozen=True, eq=False, repr=False)
class Claim(FoundByName):
    """A statement ``left(model) <= right(model)``, or ``==``, about every model of `points`.

    A claim needs a name, a relation and a control; and at least one of both sides and an
    experiment, so that there is something to compare.

    Attributes
    ----------
    name : str
        The claim as reports show it: "MoE <= dense".
    relation : {"<=", "=="}
        How the sides compare. Rounding is allowed for: 1e-10, relative. A point decides nothing
        where both sides are 0, where a side is NaN, or where rounding hides 1 % of the sides.
    control : float or Claim
        The negative control, a wrong variant that a check must find violated. A number multiplies
        the right side: 0.5 for a bound, 1.01 for an identity, never more than a factor 2 away
        from 1 (an experiment is told by `Setting.control`). A claim replaces this one, such as a
        statement that is easily taken for it and is false.
    left, right : callable, optional
        Both sides in closed form, each a function of a model:
        ``lambda model: risk(MoE(), model).excess``. A claim that only an experiment can settle
        has none, or one to be shown.
    symbolic : callable, optional
        A function without arguments that returns a `Symbolic`, both sides as SymPy expressions
        for a family of models (import SymPy inside), or several of them, the cases of one proof.
        ``direction(leaking=False).claim(...)`` of `moetheory.claims.quantities` makes one for
        risks, which are sums over directions. Both sides are needed too, for the certificate
        ties the expressions to them. Without ``symbolic`` there is no certificate.
    weights : callable, optional
        The simulation of fresh data that measures ``left``, as a weighted sum of the excess risks
        of the theorem's estimators, one weight for each: with (dense, MoE)
        ``lambda model: (1.0, -1.0)`` is dense minus MoE. Without ``weights`` nothing of this kind
        is simulated.
    under : callable
        The `Perturbation` of the test data in that simulation, as a function of the model: noise
        variance, confusion and drag only. ``left`` must be under that perturbation too. None is a
        test like the training.
    resolution : float
        The relative error of ``left`` that this simulation must be able to see.
    experiment : callable, optional
        A simulation of the claim's own in place of ``weights``, for claims about fitted
        estimators, laws or rates: ``experiment(model, setting)`` takes a `Setting` and returns an
        `Outcome`, both of `moetheory.claims.experiments`.
    points : callable
        The models at which the claim is evaluated, as a function of the user's model (which comes
        first if it is one of them). By default the user's model alone.
        ``lambda model: [model.replace(noise_variance=c) for c in (0.1, 1.0, 10.0)]`` evaluates
        three noise levels; `accepted_models` leaves out those beyond the accepted range. With
        an empty list only the certificate is checked, and another claim of the theorem must be
        evaluated.
    fixed : bool
        Whether the points do not depend on the user's model: they are examples of the theorem's
        own. Such a claim says nothing about the user's model.
    condition : str
        What a model must have for the claim to be about it, in words: "a crossover". For a model
        without it ``points`` returns an empty list; the claim is then "not evaluated", and the
        theorem can hold without it.
    simulated : callable
        Those of the points that are simulated, by ``weights`` or ``experiment``; models that are
        not among the points are ignored. By default the user's model.
    assumptions : tuple of Assumption
        What the claim itself assumes, beside what its theorem does. Points that do not meet them
        are left out; a check of the claim alone says which one the model does not meet.
    label : callable
        The name of a point in a report: ``lambda model: f"d={model.dim}"``. By default K.
    scale : Scale, optional
        What rounding and the power of a simulation are relative to, if ``left`` is a difference
        of risks, which may be tiny beside them:
        ``Scale("risk", lambda model: risk(Dense(), model).excess)``. By default ``left``. A
        simulation that sees 1 % of the risk confirms ``left`` to 1 % of the risk, no more.
    factor : float
        Set by `negative_control`, never in a theorem: what `Setting.control` passes on.
    """

    name: str
    relation: Relation
    control: float | Claim
    left: Side | None = None
    right: Side | None = None
    symbolic: Callable[[], Symbolic | Sequence[Symbolic]] | None = None
    weights: Callable[[BlockModel], Sequence[float]] | None = None
    under: Under = as_trained
    resolution: float = RESOLUTION
    experiment: Callable[[BlockModel, Setting], Outcome] | None = None
    points: Callable[[BlockModel], Sequence[BlockModel]] = _given_model
    simulated: Callable[[BlockModel], Sequence[BlockModel]] = _given_model
    fixed: bool = False
    condition: str = ""
    label: Callable[[BlockModel], str] = _experts_label
    assumptions: tuple[Assumption, ...] = ()
    scale: Scale | None = None
    factor: float = 1.0

    def __repr__(self) -> str:
        return f"<Claim {self.name}>"

    @cached
    def cases(self) -> tuple[Symbolic, ...]:
        """The cases of the symbolic form, made once; empty without one."""
        return () if self.symbolic is None else cases_of(self.symbolic())

    @property
    def needs(self) -> str:
        """What a model must have for the claim to be about it, in words; empty if nothing."""
        return self.condition or ", ".join(each.name for each in self.assumptions)

    def sides(self, model: BlockModel) -> tuple[float | None, float | None]:
        """Both sides at a model; None for one that the claim does not have.

        Raises
        ------
        ArgumentTypeError
            A side is no real number, such as an array. Whatever the function of a side raises
            goes on, with a note that shows the model.
        """
        return self._side("left", model), self._side("right", model)

    def _side(self, side: str, model: BlockModel) -> float | None:
        function: Side | None = getattr(self, side)
        if function is None:
            return None
        try:
            value = function(model)
        except (OutOfRangeError, NoClosedForm):
            raise
        except Exception as error:
            error.add_note(
                f"raised by the {side} side of the claim {self.name!r} for {in_one_line(model)}"
            )
            raise
        return real_number(side, value, model)

    @property
    def negative_control(self) -> Claim:
        """The wrong variant of the claim, given by ``control``; a check must find it violated."""
        if isinstance(self.control, Claim):
            self.control.pickled_as(part_of, self, "control")
            return self.control
        factor, right = self.control, self.right

        def wrong(model: BlockModel) -> float:
            assert right is not None
            return factor * right(model)

        def wrong_symbols() -> Sequence[Symbolic]:
            from sympy import Rational

            exact = Rational(str(factor))  # not the binary fraction next to it
            return [replace(case, right=exact * case.right) for case in self.cases]

        control = replace(
            self,
            name=f"{self.name} [right x {factor:g}]",
            right=None if right is None else wrong,
            symbolic=None if self.symbolic is None else wrong_symbols,
            factor=factor,
        )
        control.pickled_as(part_of, self, "negative_control")
        return control


@dataclass(frozen=True, eq=False, repr=False)
class Theorem(FoundByName):
    """A statement about every model that meets the assumptions, with the claims that check it.

    Attributes
    ----------
    statement : str
        The theorem in words.
    latex : str
        The theorem's equations in LaTeX, without dollar signs.
    guarantee : str
        The type of the claims (identity, upper bound, limit) and when a bound is tight.
    source : str
        Where it is proved: "[SNB] Theorem 4.2; docs/theory.md §2".
    assumptions : tuple of Assumption
        Conditions on the user's model. The first that fails is the reason of the verdict
        "assumptions not met". An empty tuple: the theorem is about every model.
    claims : tuple of Claim
        Claims that are checked when all assumptions hold. The theorem holds if all of them do
        (but for those whose `Claim.condition` is not met), and at least one is evaluated at
        models that derive from the user's.
    example : callable
        A function without arguments: the model of a check that is given none. Choose a generic
        one, with unequal blocks, probabilities and variances; symmetry hides wrong formulas.
    otherwise : tuple of Claim
        Claims that hold without the assumptions and are checked when one fails.
    estimators : tuple or callable
        The estimators that `Claim.weights` refer to, in this order; or a function of the model
        that returns them, if they hang on it.
    name : str
        The name of the theorem's file with dashes; set by the catalogue.

    Examples
    --------
    A theorem of your own need not be in the catalogue:

    >>> from moetheory import BlockModel, check
    >>> from moetheory.claims.quantities import moe_excess
    >>> claim = Claim(name="MoE <= null", relation="<=", control=0.5, left=moe_excess,
    ...               right=lambda model: model.label_power)
    >>> theorem = Theorem(
    ...     statement="Experts are never worse than a prediction of zero.",
    ...     latex=r"R_{\\mathrm{MoE}} \\le V", guarantee="upper bound", source="docs/theory.md §2",
    ...     assumptions=(), claims=(claim,),
    ...     example=lambda: BlockModel([0.4, 0.6], [0, 1, 1], [1, 2, 0.5], [1, -1, 2], 4.0))
    >>> check(theorem).status, check(theorem.negative_control).status
    ('holds', 'violated')
    """

    statement: str
    latex: str
    guarantee: str
    source: str
    assumptions: tuple[Assumption, ...]
    claims: tuple[Claim, ...]
    example: Callable[[], BlockModel]
    otherwise: tuple[Claim, ...] = ()
    estimators: Estimators | Callable[[BlockModel], Estimators] = (Dense(), MoE())
    name: str = ""

    def __repr__(self) -> str:
        return code(f"<Theorem {self.name}: {self.statement}>")

    def pickled_as(self, find: Callable[..., Any], *arguments: object) -> None:
        """From now on pickle as the result of ``find(*arguments)``; the claims by their place."""
        super().pickled_as(find, *arguments)
        for place in ("claims", "otherwise"):
            for index, claim in enumerate(getattr(self, place)):
                claim.pickled_as(part_of, self, place, index)

    def estimators_for(self, model: BlockModel) -> Estimators:
        """The estimators that are simulated for a model."""
        return self.estimators(model) if callable(self.estimators) else self.estimators

    @property
    def symbolic(self) -> Mapping[str, tuple[Symbolic, ...]]:
        """The symbolic cases of all claims that have them, ``otherwise`` included, by name."""
        claims = (*self.claims, *self.otherwise)
        return {claim.name: claim.cases for claim in claims if claim.symbolic is not None}

    @property
    def negative_control(self) -> Theorem:
        """The theorem with every claim made wrong; a check must find it violated."""
        control = replace(
            self,
            name=f"{self.name} [negative control]",
            claims=tuple(claim.negative_control for claim in self.claims),
            otherwise=tuple(claim.negative_control for claim in self.otherwise),
        )
        vars(control)["_found"] = (part_of, (self, "negative_control"))
        return control

"""The declaration of a row of the paper: what it says, and the numbers that speak for a verdict.

A row is a file in ``moetheory/paper`` with ``ROW = Row(...)``; its name stands in ``__init__.py``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

from moetheory.checking import Verdict, check
from moetheory.common.errors import ArgumentTypeError
from moetheory.common.seeding import RNG, entropy_of
from moetheory.common.text import code
from moetheory.common.validation import choice
from moetheory.figures.style import SIZE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Judgement = Literal["reproduced", "corrected", "explained", "out of reach"]
JUDGEMENTS: tuple[Judgement, ...] = get_args(Judgement)
NOT_SHOWN = "not shown"


class Fact(NamedTuple):
    """A sentence with numbers that were computed, and whether they bear it out.

    Attributes
    ----------
    text : str
        The sentence: "at p = 1/25 and λ = 5 σ² the crossover is at 21.6 σ²".
    holds : bool
    numbers : mapping
        The numbers by name, for machines.
    """

    text: str
    holds: bool
    numbers: Mapping[str, Any]


def turns(lead: Callable[[float], float], place: float, apart: float = 0.01) -> bool:
    """Whether a lead is positive a share ``apart`` below a finite place, and negative above.

    >>> turns(lambda x: 2.0 - x, 2.0), turns(lambda x: 2.0 - x, 2.1)
    (True, False)
    """
    below, above = (1.0 - apart) * place, (1.0 + apart) * place
    return math.isfinite(place) and lead(below) > 0.0 > lead(above)


class Computed(NamedTuple):
    """What a row computes: facts, and what its figure is drawn from."""

    facts: Sequence[Fact]
    drawn: Any = None


@dataclass(frozen=True, eq=False, repr=False)
class Row:
    """A theorem, table or claim of the paper, with the verdict that computed facts must bear out.

    Attributes
    ----------
    place : str
        Where the paper has it: "Theorem 4.3".
    says : str
        What the paper says, as it is publicly summarised.
    verdict : {"reproduced", "corrected", "explained", "out of reach"}
        The verdict if all facts hold and all theorems are confirmed; if not, the row is "not
        shown". "corrected": true under another condition, which the facts show; "explained": a
        closed form accounts for reported numbers; "out of reach": the experiment is not repeated
        here, and the facts are what the theory says about it.
    because : str
        The verdict in one sentence: the condition, or why the experiment is out of reach.
    compute : callable
        A function of a seed that returns `Computed`.
    theorems : tuple of str
        Theorems of `moetheory.catalogue` that are checked with the row.
    commands : tuple of str
        Further commands that show more, from a checkout.
    draw : callable, optional
        ``draw(figure, drawn)`` draws the row on an empty Matplotlib figure.
    size : tuple of float
        The size of this figure, inches.
    name : str
        The name of the row's file with dashes; set by `moetheory.paper.rows`.
    """

    place: str
    says: str
    verdict: Judgement
    because: str
    compute: Callable[[int], Computed]
    theorems: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    draw: Callable[[Figure, Any], None] | None = None
    size: tuple[float, float] = SIZE
    name: str = ""

    def __post_init__(self) -> None:
        choice("verdict", self.verdict, JUDGEMENTS)

    @property
    def shown_by(self) -> tuple[str, ...]:
        """The commands that a reader can run to see what the row says."""
        checks = (f"moetheory check {name}" for name in self.theorems)
        return (f"moetheory paper {self.name}", *checks, *self.commands)

    def evaluate(self, rng: RNG = None) -> Evaluation:
        """Compute the facts and check the theorems.

        Parameters
        ----------
        rng : int, SeedSequence, Generator or None
            The seed of what is simulated; ``rng=evaluation.entropy`` replays it.

        Returns
        -------
        Evaluation

        Examples
        --------
        >>> from moetheory.paper import rows
        >>> rows["theorem-4-3"].evaluate(rng=0).outcome
        'corrected'
        """
        entropy = entropy_of(rng)
        facts, drawn = self.compute(entropy)
        checks = tuple(check(name, rng=entropy) for name in self.theorems)
        return Evaluation(self, tuple(facts), checks, entropy, drawn)

    def __repr__(self) -> str:
        return code(f"<Row {self.name}: {self.place}, {self.verdict}>")


@dataclass(frozen=True, eq=False, repr=False)
class Evaluation:
    """A row with its computed facts and the verdicts on its theorems.

    Attributes
    ----------
    row : Row
    facts : tuple of Fact
    checks : tuple of Verdict
    entropy : int
        ``row.evaluate(rng=entropy)`` replays the evaluation.
    drawn : object
        What the figure is drawn from.
    """

    row: Row
    facts: tuple[Fact, ...]
    checks: tuple[Verdict, ...]
    entropy: int
    drawn: Any

    @property
    def all_facts(self) -> tuple[Fact, ...]:
        """The facts, with one for each theorem."""
        return (*self.facts, *map(_fact_of, self.checks))

    @property
    def outcome(self) -> str:
        """The verdict of the row, or "not shown" where a fact does not hold or there is none."""
        facts = self.all_facts
        return self.row.verdict if facts and all(fact.holds for fact in facts) else NOT_SHOWN

    def draw(self, figure: Figure | None = None) -> Figure:
        """Draw the row on a figure, which is cleared before, or on a new one of `Row.size`.

        The figure of a row that draws nothing stays empty.
        """
        from matplotlib.figure import Figure

        from moetheory.figures.furniture import refurnish

        if figure is None:
            from matplotlib import pyplot

            figure = pyplot.figure(figsize=self.row.size, layout="constrained")
        if not isinstance(figure, Figure):
            raise ArgumentTypeError(
                "figure", f"must be a matplotlib Figure, got {type(figure).__name__}"
            )
        figure.clear()
        if self.row.draw is not None:
            self.row.draw(figure, self.drawn)
            refurnish(figure)  # for axes whose limits were set after their names
        return figure

    def __repr__(self) -> str:
        return code(f"<Evaluation of {self.row.name}: {self.outcome}, {len(self.all_facts)} facts>")


def _fact_of(verdict: Verdict) -> Fact:
    """The fact that a theorem is confirmed, with the number of its claims and what proves them."""
    holding = sum(claim.status == "holds" for claim in verdict.claims)
    proved = sum(claim.certificate is not None for claim in verdict.claims)
    number = len(verdict.claims)
    text = (
        f"moetheory check {verdict.theorem}: {holding} of {number} claims hold, "
        f"{proved} proved by computer algebra; simulated comparisons: {len(verdict.comparisons)}"
    )
    numbers = {"theorem": verdict.theorem, "status": verdict.status, "claims": number}
    return Fact(text, verdict.status == "holds", {**numbers, "hold": holding, "proved": proved})

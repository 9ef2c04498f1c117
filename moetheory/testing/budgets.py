"""The probability of false alarms, shared by all comparisons of a test session."""

from __future__ import annotations

from dataclasses import dataclass, field

from moetheory.common.errors import ArgumentError
from moetheory.common.validation import count, number

LEVEL, COMPARISONS = 1e-6, 300  # those of moetheory's own tests


@dataclass(eq=False)
class ErrorBudget:
    r"""A family-wise level, shared evenly by a declared number of comparisons with chance.

    Each of at most m comparisons may raise a false alarm with the probability :math:`\alpha/m`.
    The probability that any of them does is at most the sum,

    .. math:: P\Big(\bigcup_k A_k\Big) \le \sum_{k \le m} P(A_k) \le \alpha,

    whatever their dependence (Boole). The number m is declared beforehand, so that a comparison
    has the same threshold whichever tests run beside it, in whatever order and in how many
    processes: these have the same share, and it is the sum of their comparisons that must not
    exceed m. A threshold grows slowly with m: from 5.9 to 6.3 standard errors for ten times as
    many comparisons.

    Parameters
    ----------
    level : float
        The family-wise level :math:`\alpha`, between 0 and 1.
    comparisons : int
        The number m of comparisons that may be made.

    Attributes
    ----------
    made : int
        The number of comparisons that were made.
    largest_z, worst_power : float
        The largest :math:`|z|` and the largest of the powers of these comparisons.

    Examples
    --------
    >>> budget = ErrorBudget(level=1e-6, comparisons=100)
    >>> budget.spend(), budget.made  # the probability of a false alarm on either side
    (5e-09, 1)
    """

    level: float = LEVEL
    comparisons: int = COMPARISONS
    made: int = field(default=0, init=False)
    largest_z: float = field(default=0.0, init=False)
    worst_power: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self.level = number("level", self.level, above=0.0, below=1.0)
        self.comparisons = count("comparisons", self.comparisons, minimum=1)

    def spend(self) -> float:
        """The probability with which the next comparison may err on either side.

        Raises
        ------
        ArgumentError
            As many comparisons as were declared have been made.
        """
        if self.made >= self.comparisons:
            raise ArgumentError(
                "comparisons",
                f"must be at least the number of comparisons that are made, got {self.comparisons}"
                f" and comparison {self.made + 1}: declare more",
            )
        self.made += 1
        return self.level / (2 * self.comparisons)

    def record(self, z: float, power: float) -> None:
        """Keep what came out of a comparison, for `summary`."""
        self.largest_z = max(self.largest_z, abs(float(z)))
        self.worst_power = max(self.worst_power, float(power))

    def add(self, made: int, largest_z: float, worst_power: float) -> None:
        """Count the comparisons that another process has made from its budget of equal share."""
        self.made += made
        self.record(largest_z, worst_power)

    @property
    def exceeded(self) -> bool:
        """Whether the processes together have made more comparisons than were declared."""
        return self.made > self.comparisons

    @property
    def summary(self) -> str:
        """What was compared, in one line.

        >>> budget = ErrorBudget(comparisons=2)
        >>> budget.spend()
        2.5e-07
        >>> budget.record(z=-1.5, power=0.008)
        >>> budget.summary
        '1 of at most 2 comparisons, family-wise level 1e-06: largest |z| 1.50, worst power 0.8 %'
        """
        return (
            f"{self.made} of at most {self.comparisons} comparisons, family-wise level "
            f"{self.level:g}: largest |z| {self.largest_z:.2f}, "
            f"worst power {100.0 * self.worst_power:.2g} %"
        )


_shared = [ErrorBudget()]


def shared_budget() -> ErrorBudget:
    """The budget of comparisons that are given none: one for the process, or for the session."""
    return _shared[-1]


def share(budget: ErrorBudget) -> None:
    """Make ``budget`` the shared one until `unshare`."""
    _shared.append(budget)


def unshare(budget: ErrorBudget) -> None:
    """Undo `share`."""
    _shared.remove(budget)

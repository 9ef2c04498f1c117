"""The gates: how a mixture weighs its experts for an input; configuration, never fitted state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from moetheory.common.validation import count, number

Moments = Literal["blocks", "full"]


class _PicksOne:
    def active(self, experts: int) -> int:
        """How many of the experts are used for an input, at most."""
        return 1


@dataclass(frozen=True)
class Oracle(_PicksOne):
    """The gate that knows each input's group.

    >>> Oracle()
    Oracle()
    """

    @property
    def label(self) -> str:
        """A short name for tables and columns; empty, as it is what a mixture has unless told."""
        return ""


@dataclass(frozen=True)
class Hard(_PicksOne):
    r"""The Bayes router: all weight on the group that is most probable given the noisy input.

    :math:`v_j = 1` for the largest :math:`w_j = P(g = j \mid \bar x)`; of equal ones, the first.
    Source: docs/theory.md §6; [SNB] Theorem 4.1.

    >>> Hard().label
    'hard'
    """

    @property
    def label(self) -> str:
        """A short name for tables and columns."""
        return "hard"


@dataclass(frozen=True)
class Soft:
    r"""Weights :math:`v_j \propto w_j^{1/T}`, w the posterior probabilities of the groups.

    At temperature T = 1 the mixture is the best of all predictors; T → 0 is `Hard`.

    Parameters
    ----------
    temperature : float
        T > 0.

    Examples
    --------
    >>> Soft().label, Soft(temperature=0.5).label
    ('soft', 'soft temperature=0.5')
    """

    temperature: float = 1.0

    def __post_init__(self) -> None:
        value = number("temperature", self.temperature, above=0.0)
        object.__setattr__(self, "temperature", value)

    @property
    def label(self) -> str:
        """A short name for tables and columns."""
        return "soft" if self.temperature == 1.0 else f"soft temperature={self.temperature:g}"

    def active(self, experts: int) -> int:
        """How many of the experts are used for an input, at most."""
        return experts


@dataclass(frozen=True)
class TopK:
    """The posterior probabilities of the k most probable groups, scaled to sum to 1.

    k = 1 is `Hard`, k = K is `Soft`.

    Parameters
    ----------
    k : int
        From 1 to the number of experts of the model it meets.

    Examples
    --------
    >>> TopK(2).label
    'top-2'
    """

    k: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "k", count("k", self.k, minimum=1))

    @property
    def label(self) -> str:
        """A short name for tables and columns."""
        return f"top-{self.k}"

    def active(self, experts: int) -> int:
        """How many of the experts are used for an input, at most."""
        if self.k > experts:
            raise ValueError(f"k must be at most {experts}, the number of experts, got {self.k}")
        return self.k


@dataclass(frozen=True)
class Learned(_PicksOne):
    r"""`Hard` with the posterior of a router that was fitted on n labelled samples.

    It estimates the shares of the groups and the second moments of the noisy features, and puts
    them in the place of the true ones.

    Parameters
    ----------
    samples : int, optional
        n, divided among the groups by largest remainder. Infinitely many if not given, which is
        `Hard`.
    moments : {"blocks", "full"}
        What is estimated. "blocks": of every block its second moments while it is active and
        while it is not, :math:`s_j(s_j+1)` numbers. "full": of every group all d coordinates
        (quadratic discriminant analysis), :math:`d(d+1)/2` numbers.

    Examples
    --------
    >>> Learned(1000).label, Learned(1000, "full").label
    ('learned samples=1000', 'learned samples=1000 moments=full')
    """

    samples: int | None = None
    moments: Moments = "blocks"

    def __post_init__(self) -> None:
        if self.samples is not None:
            object.__setattr__(self, "samples", count("samples", self.samples, minimum=1))
        if self.moments not in get_args(Moments):
            raise ValueError(f'moments must be "blocks" or "full", got {self.moments!r}')

    @property
    def label(self) -> str:
        """A short name for tables and columns."""
        samples = "" if self.samples is None else f" samples={self.samples}"
        return f"learned{samples}" + (
            "" if self.moments == "blocks" else f" moments={self.moments}"
        )


Gate = Oracle | Hard | Soft | TopK | Learned


def checked_gate(gate: Gate) -> Gate:
    """``gate`` itself; ValueError for anything that is not one."""
    if not isinstance(gate, Gate):
        raise ValueError(
            f"gate must be Oracle(), Hard(), Soft(...), TopK(...) or Learned(...), got {gate!r}"
        )
    return gate


def resolved(gate: Gate, experts: int) -> Gate:
    """The simplest gate that is the same for a model with so many experts.

    >>> resolved(TopK(1), 4), resolved(TopK(4), 4), resolved(Learned(), 4)
    (Hard(), Soft(temperature=1.0), Hard())
    """
    active = gate.active(experts)  # refuses a k that is too large
    if isinstance(gate, TopK) and active == experts:
        return Soft() if experts > 1 else Hard()
    if (isinstance(gate, TopK) and active == 1) or gate == Learned():
        return Hard()
    return gate

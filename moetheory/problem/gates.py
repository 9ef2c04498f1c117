"""The gates: how a mixture weighs its experts for an input, without any fitted state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from moetheory.common.errors import ArgumentError, ArgumentTypeError
from moetheory.common.validation import choice, count, flag, number, shown

MomentKind = Literal["blocks", "full"]
MOMENT_KINDS: tuple[MomentKind, ...] = get_args(MomentKind)


class _OneExpertGate:
    """A gate that sends each input to one expert."""

    def active(self, experts: int) -> int:
        """The largest number of experts used for an input."""
        return min(count("experts", experts, minimum=1), 1)


@dataclass(frozen=True)
class Oracle(_OneExpertGate):
    """The gate that knows each input's group.

    >>> Oracle()
    Oracle()
    """

    @property
    def label(self) -> str:
        """A short name for tables and columns; empty, as `Oracle` is the default gate."""
        return ""


@dataclass(frozen=True)
class Hard(_OneExpertGate):
    r"""The Bayes router: all weight on the group that is most probable given the noisy input.

    :math:`v_j = 1` for the largest :math:`w_j = P(g = j \mid \bar x)`, the first of equal ones.
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
    r"""The gate with weights :math:`v_j \propto w_j^{1/T}`, w the posterior weights of the groups.

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
        """The largest number of experts used for an input."""
        return count("experts", experts, minimum=1)


@dataclass(frozen=True)
class TopK:
    """The gate with the posterior weights of the k most probable groups.

    k = K is `Soft`; k = 1 is `Hard`, if the weights are scaled to sum to 1.

    Parameters
    ----------
    k : int
        From 1 to the number of experts of the model.
    renormalised : bool
        Whether the k weights are scaled to sum to 1. Plain ones, False, are closer to those of
        `Soft`, and so is the risk; weight that other groups have is then lost.

    Examples
    --------
    >>> TopK(2).label, TopK(2, renormalised=False).label
    ('top-2', 'top-2 plain')
    """

    k: int
    renormalised: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "k", count("k", self.k, minimum=1))
        object.__setattr__(self, "renormalised", flag("renormalised", self.renormalised))

    def __repr__(self) -> str:
        return f"TopK(k={self.k}{'' if self.renormalised else ', renormalised=False'})"

    @property
    def label(self) -> str:
        """A short name for tables and columns."""
        return f"top-{self.k}{'' if self.renormalised else ' plain'}"

    def active(self, experts: int) -> int:
        """The largest number of experts used for an input."""
        if self.k > count("experts", experts, minimum=1):
            raise ArgumentError(
                "k", f"must be at most {experts}, the number of experts, got {self.k}"
            )
        return self.k


@dataclass(frozen=True)
class Learned(_OneExpertGate):
    r"""The `Hard` gate with a posterior that was estimated from n labelled samples.

    The router estimates the group probabilities and the second moments of the noisy features, and
    uses the estimates in place of the true values.

    Parameters
    ----------
    samples : int, optional
        n, divided among the groups by largest remainder. Infinitely many if not given: then the
        gate is `Hard`.
    moments : {"blocks", "full"}
        What is estimated. "blocks": the second moments of every block while it is active and
        while it is inactive, :math:`s_j(s_j+1)` numbers. "full": the second moments of all d
        coordinates in every group (quadratic discriminant analysis), :math:`d(d+1)/2` numbers.

    Examples
    --------
    >>> Learned(1000).label, Learned(1000, "full").label
    ('learned samples=1000', 'learned samples=1000 moments=full')
    """

    samples: int | None = None
    moments: MomentKind = "blocks"

    def __post_init__(self) -> None:
        if self.samples is not None:
            object.__setattr__(self, "samples", count("samples", self.samples, minimum=1))
        object.__setattr__(self, "moments", choice("moments", self.moments, MOMENT_KINDS))

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
        raise ArgumentTypeError(
            "gate",
            f"must be Oracle(), Hard(), Soft(...), TopK(...) or Learned(...), got {shown(gate)}",
        )
    return gate


def resolved(gate: Gate, experts: int) -> Gate:
    """The simplest gate that is equivalent to ``gate`` for a model with this number of experts.

    >>> resolved(TopK(1), 4), resolved(TopK(4), 4), resolved(Learned(moments="full"), 4)
    (Hard(), Soft(temperature=1.0), Hard())
    >>> resolved(TopK(1, renormalised=False), 4)
    TopK(k=1, renormalised=False)
    """
    active = gate.active(experts)  # refuses a k that is too large
    if isinstance(gate, TopK) and active == experts:
        return Soft() if experts > 1 else Hard()
    if gate == TopK(1) or (isinstance(gate, Learned) and gate.samples is None):
        return Hard()
    return gate

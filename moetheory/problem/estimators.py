"""The estimators: what is fitted and how inputs are routed, without any fitted state."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, TypeGuard

import numpy as np

from moetheory.common.arrays import IntArray
from moetheory.common.errors import ArgumentError, ArgumentTypeError, Call, Mention, NoClosedForm
from moetheory.common.validation import count, flag, members, number, shown, zero_or_within
from moetheory.problem import limits
from moetheory.problem.custom_estimators import WANTED, Custom, adapter_for, refuse_custom
from moetheory.problem.gates import (
    MOMENT_KINDS,
    Gate,
    Hard,
    Learned,
    Oracle,
    TopK,
    checked_gate,
    resolved,
)
from moetheory.problem.model import BlockModel, checked_model

MOST_EXPERTS = 2**27  # the groups of the largest model
LONGEST_LABEL = 24  # characters of an assignment in a label


class Parameters(NamedTuple):
    """The number of coefficients held (``total``) and used for an input (``active``).

    Parameters of a gate are not counted. ``active`` is the average with oracle routing, and the
    largest possible number with other gates.
    """

    total: int
    active: float


@dataclass(frozen=True)
class Dense:
    r"""One linear predictor on all d coordinates.

    Parameters
    ----------
    ridge : float
        :math:`\mu`, 0 or from 1e-40 to 1e40, added to the second moment of the inputs: at
        infinite samples the shrinkage of a direction of second moment h is
        :math:`h/(h+\sigma^2+\mu)`.

    Examples
    --------
    >>> Dense().parameters(BlockModel.isotropic(12, 3, noise_variance=1.0))
    Parameters(total=12, active=12.0)
    """

    ridge: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "ridge", _checked_ridge(self.ridge))

    @property
    def label(self) -> str:
        """A short name for tables and columns."""
        return _estimator_label("dense", "", self.ridge)

    def parameters(self, model: BlockModel) -> Parameters:
        """The numbers of coefficients held and used: all d, for every input."""
        dim = checked_model(model).dim
        return Parameters(dim, float(dim))


@dataclass(frozen=True, repr=False)
class MoE:
    r"""K linear experts, expert g on the coordinates of block g, and a gate that weighs them.

    With an ``assignment``, an expert serves several groups: it sees the union of their blocks and
    is fitted on the samples of all of them. One expert for all groups is `Dense`. With ``shared``
    there is one more expert, which is always on and sees all coordinates; both are fitted jointly.

    Parameters
    ----------
    gate : Oracle, Hard, Soft, TopK or Learned
        How an input is routed: `Oracle` by its group, the other gates by the noisy input.
    ridge : float
        :math:`\mu`, 0 or from 1e-40 to 1e40, added to each expert's second moment: at infinite
        samples the shrinkage of a direction is :math:`\lambda/(\lambda+\sigma^2+\mu)`.
        With ``shared``, the penalty is :math:`\mu\|w\|^2` on the shared expert and
        :math:`\mu\sum_ep_e\|u_e\|^2` on the others.
    assignment : sequence of K integers, optional
        The expert that serves each group, numbered from 0 without a gap. One expert a group if not
        given. A gate then gives an expert the posterior weight of all its groups.
    shared : bool
        Whether there is a shared expert.
    retrained : bool
        Whether expert j is fitted on the inputs that the gate sends to it, of all groups, and not
        on those of group j: what joint training settles at for a fixed gate. For `Hard`, without
        ridge, with one expert a group.

    Notes
    -----
    Source: docs/theory.md §2, §6, §11.

    Examples
    --------
    >>> model = BlockModel.isotropic(12, 3, noise_variance=1.0)
    >>> MoE().parameters(model), MoE(assignment=(0, 0, 1)).parameters(model)
    (Parameters(total=12, active=4.0), Parameters(total=12, active=6.666667))
    >>> MoE(shared=True).parameters(model)
    Parameters(total=24, active=16.0)
    >>> MoE(gate=Hard(), retrained=True).label
    'moe(hard retrained)'
    """

    gate: Gate = field(default_factory=Oracle)
    ridge: float = 0.0
    assignment: tuple[int, ...] | None = None
    shared: bool = False
    retrained: bool = False

    def __post_init__(self) -> None:
        checked_gate(self.gate)
        object.__setattr__(self, "ridge", _checked_ridge(self.ridge))
        if self.assignment is not None:
            object.__setattr__(self, "assignment", _checked_assignment(self.assignment))
        object.__setattr__(self, "shared", flag("shared", self.shared))
        object.__setattr__(self, "retrained", flag("retrained", self.retrained))
        if self.retrained:
            self._require_retrainable()

    def _require_retrainable(self) -> None:
        """Refuse what experts that are fitted under their own router are not known for."""
        if self.gate not in (Hard(), TopK(1), *(Learned(None, kind) for kind in MOMENT_KINDS)):
            raise ArgumentError(
                "retrained",
                "needs a gate that sends each input to one expert by what it sees, Hard(), got ",
                Mention("gate", self.gate),
            )
        for name, usual in (("ridge", 0.0), ("assignment", None), ("shared", False)):
            if (value := getattr(self, name)) != usual:
                raise ArgumentError(
                    "retrained",
                    f"needs the default {name}={usual!r}, got ",
                    Mention(name, value),
                )

    def __repr__(self) -> str:
        # arguments of their default value say nothing
        given: dict[str, object] = {"gate": self.gate, "ridge": self.ridge}
        if self.assignment is not None:
            given["assignment"] = self.assignment
        if self.shared:
            given["shared"] = self.shared
        if self.retrained:
            given["retrained"] = self.retrained
        return f"MoE({', '.join(f'{name}={value!r}' for name, value in given.items())})"

    @property
    def label(self) -> str:
        """A short name for tables and columns."""
        return _estimator_label(
            "moe",
            self.gate.label,
            self.ridge,
            "" if self.assignment is None else f"assignment={_assignment_text(self.assignment)}",
            "shared" if self.shared else "",
            "retrained" if self.retrained else "",
        )

    def parameters(self, model: BlockModel) -> Parameters:
        r"""The numbers of coefficients held and used: d and, with `Oracle`, :math:`\sum_g p_g s_g`.

        A gate that uses k experts uses at most the coefficients of the k largest experts. A shared
        expert adds d to both numbers.
        """
        experts = experts_of(self, checked_model(model))
        sizes = np.bincount(experts, model.sizes)
        used = self.gate.active(len(sizes))
        active = np.sort(sizes)[-used:].sum()
        if isinstance(self.gate, Oracle):
            active = model.group_probabilities @ sizes[experts]
        shared = model.dim if self.shared else 0
        return Parameters(model.dim + shared, float(active) + shared)


Estimator = Dense | MoE
Simulated = Dense | MoE | Custom  # what `simulate` knows, and theory in part


def _checked_assignment(assignment: Sequence[int]) -> tuple[int, ...]:
    """``assignment`` as a tuple of integers from 0 that skip none."""
    experts = tuple(
        count(f"assignment[{g}]", expert, maximum=MOST_EXPERTS)
        for g, expert in enumerate(members("assignment", assignment, of="integers"))
    )
    if not experts:
        raise ArgumentError("assignment", "must name an expert for each group, got none")
    used = set(experts)
    if len(used) <= max(used):
        skipped = next(expert for expert in range(len(experts)) if expert not in used)
        raise ArgumentError(
            "assignment",
            f"must number the experts from 0 and skip none, got {max(used)} and no {skipped}",
        )
    return experts


def _assignment_text(assignment: tuple[int, ...]) -> str:
    """An assignment in a label: digits up to ten experts, shortened for many groups."""
    text = ("" if max(assignment) < 10 else "-").join(map(str, assignment))
    if len(text) <= LONGEST_LABEL:
        return text
    mark = zlib.crc32(text.encode()) & 0xFFFF  # tells assignments of one size apart
    return f"{len(assignment)} groups to {max(assignment) + 1} experts #{mark:04x}"


def experts_of(estimator: Estimator, model: BlockModel) -> IntArray:
    """The expert, 0 to E-1, that serves each group, (K,); dense counts as one for all groups.

    >>> model = BlockModel.isotropic(12, 3, noise_variance=1.0)
    >>> [experts_of(each, model).tolist() for each in (Dense(), MoE(), MoE(assignment=(1, 0, 1)))]
    [[0, 0, 0], [0, 1, 2], [1, 0, 1]]
    """
    if isinstance(estimator, Dense):
        return np.zeros(model.experts, dtype=np.int64)
    if estimator.assignment is None:
        return np.arange(model.experts)
    if len(estimator.assignment) != model.experts:
        raise ArgumentError(
            "assignment",
            f"must have {model.experts} entries, one for each group of the model, "
            f"got {len(estimator.assignment)}",
        )
    return np.array(estimator.assignment)


def resolved_gate(estimator: MoE, model: BlockModel) -> Gate:
    """The simplest gate that is equivalent for the experts of ``estimator``; see `resolved`.

    A gate that uses more experts than there are is refused.
    """
    return resolved(estimator.gate, int(experts_of(estimator, model).max()) + 1)


def simplest(estimator: Estimator, model: BlockModel) -> Estimator:
    """The simplest estimator that is equivalent to ``estimator`` for ``model``.

    An expert for each group needs no assignment. One expert for all is dense, whatever the gate.

    >>> model = BlockModel.isotropic(12, 3, noise_variance=1.0)
    >>> simplest(MoE(assignment=(1, 0, 2)), model), simplest(MoE(assignment=(0, 0, 0)), model)
    (MoE(gate=Oracle(), ridge=0.0), Dense(ridge=0.0))
    """
    if isinstance(estimator, Dense) or estimator.assignment is None:
        return estimator
    experts = len(set(experts_of(estimator, model).tolist()))
    if experts == model.experts:
        return replace(estimator, assignment=None)
    if experts == 1 and not estimator.shared:
        estimator.gate.active(experts)  # refuses a k that is too large
        return Dense(estimator.ridge)
    return estimator


def one_each(estimator: Estimator) -> bool:
    """Whether ``estimator`` is dense, or has one expert for each group and none beside."""
    return isinstance(estimator, Dense) or (estimator.assignment is None and not estimator.shared)


def _checked_ridge(ridge: float) -> float:
    """``ridge`` as a float that is 0 or within the range of all numbers."""
    value = number("ridge", ridge, minimum=0.0)
    zero_or_within("ridge", value, limits.NUMBERS)
    return value


def checked_estimator(estimator: Estimator, name: str = "estimator") -> Estimator:
    """``estimator`` itself; an error with ``name`` for anything that is not one.

    `NoClosedForm` for `Custom`, of which no theory is known.
    """
    if isinstance(estimator, Custom):
        refuse_custom(estimator)
    if not isinstance(estimator, Dense | MoE):
        raise ArgumentTypeError(name, f"must be Dense(...) or MoE(...), got {shown(estimator)}")
    return estimator


def checked_simulated(estimator: Any, name: str = "estimator") -> Simulated:
    """``estimator`` itself, or the `Custom` of a function; an error for anything else."""
    if isinstance(estimator, Dense | MoE | Custom):
        return estimator
    if callable(estimator) and not isinstance(estimator, type):
        return Custom(estimator)
    raise ArgumentTypeError(
        name,
        f"must be Dense(...), MoE(...) or {WANTED}, got {shown(estimator)}{adapter_for(estimator)}",
    )


def routes_by_input(estimator: Simulated) -> TypeGuard[MoE]:
    """Whether ``estimator`` has a gate that routes by the noisy input."""
    return isinstance(estimator, MoE) and not isinstance(estimator.gate, Oracle)


def require_simulated_gate(estimator: Estimator, model: BlockModel, *, signs: bool = False) -> None:
    """Refuse a gate that routes by the input and that `simulate` would not take either.

    ``signs``: whether wrong signs would be counted.
    """
    if not (isinstance(estimator, MoE) and routes_by_input(estimator)):
        return
    learned = isinstance(resolved_gate(estimator, model), Learned)
    if learned and signs and not model.strict:
        raise NoClosedForm(
            "signs with a gate that learns are known, and simulated, for strict blocks, "
            "got leakage and ",
            estimator,
        )
    if learned and not one_each(estimator):
        raise NoClosedForm(
            "a gate that learns is known, and simulated, for one expert a group and no shared "
            "expert, got ",
            estimator,
        )


def checked_oracle(estimator: Estimator, model: BlockModel, what: str) -> Estimator:
    """The `simplest` estimator that is equivalent to ``estimator``, both arguments checked.

    `NoClosedForm` for gates other than `Oracle`, experts that serve several groups and a shared
    one: ``what`` names the quantity that has a closed form only without them.
    """
    found = simplest(checked_estimator(estimator), checked_model(model))
    require_oracle(found, what)
    return found


def require_oracle(estimator: Estimator, what: str, instead: Call | None = None) -> None:
    """Refuse gates other than `Oracle`, with which ``what`` has no closed form.

    Also experts that serve several groups, and a shared one. The message ends with the call that
    helps, if it is given.
    """
    if routes_by_input(estimator):
        more = () if instead is None else ("; ", instead)
        raise NoClosedForm(
            f"{what} is known for dense and for oracle routing only, got ", estimator, *more
        )
    require_one_each(estimator, what, instead)


def require_one_each(estimator: Estimator, what: str, instead: Call | None = None) -> None:
    """Refuse experts that serve several groups, and a shared one; `require_oracle` does too."""
    if not one_each(estimator):
        more = () if instead is None else ("; ", instead)
        raise NoClosedForm(
            f"{what} is known for dense and for one expert a group, without a shared expert, got ",
            estimator,
            *more,
        )


def _estimator_label(kind: str, gate: str, ridge: float, *experts: str) -> str:
    """The label of an estimator: its kind, gate and ridge where they are not the default."""
    ridge_text = f"ridge={str(ridge).removesuffix('.0')}" * (ridge > 0.0)
    said = " ".join(filter(None, (gate, ridge_text, *experts)))
    return f"{kind}({said})" if said else kind

"""The estimators: what is fitted and how inputs are routed, without any fitted state."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from moetheory.common.errors import ArgumentError, ArgumentTypeError, Call, Mention, NoClosedForm
from moetheory.common.validation import number, shown, zero_or_within
from moetheory.problem import limits
from moetheory.problem.gates import Gate, Oracle, checked_gate
from moetheory.problem.model import BlockModel, checked_model


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


@dataclass(frozen=True)
class MoE:
    r"""K linear experts, expert g on the coordinates of block g, and a gate that weighs them.

    Parameters
    ----------
    gate : Oracle, Hard, Soft, TopK or Learned
        How an input is routed: `Oracle` by its group, the other gates by the noisy input. The
        other gates need strict blocks.
    ridge : float
        :math:`\mu`, 0 or from 1e-40 to 1e40, added to each expert's second moment: at infinite
        samples the shrinkage of a direction is :math:`\lambda/(\lambda+\sigma^2+\mu)`.

    Examples
    --------
    >>> MoE().parameters(BlockModel.isotropic(12, 3, noise_variance=1.0))
    Parameters(total=12, active=4.0)
    """

    gate: Gate = field(default_factory=Oracle)
    ridge: float = 0.0

    def __post_init__(self) -> None:
        checked_gate(self.gate)
        object.__setattr__(self, "ridge", _checked_ridge(self.ridge))

    @property
    def label(self) -> str:
        """A short name for tables and columns."""
        return _estimator_label("moe", self.gate.label, self.ridge)

    def parameters(self, model: BlockModel) -> Parameters:
        r"""The numbers of coefficients held and used: d and, with `Oracle`, :math:`\sum_g p_g s_g`.

        A gate that uses k experts uses at most the coefficients of the k largest blocks.
        """
        used = self.gate.active(checked_model(model).experts)
        if isinstance(self.gate, Oracle):
            return Parameters(model.dim, float(model.group_probabilities @ model.sizes))
        return Parameters(model.dim, float(np.sort(model.sizes)[-used:].sum()))


Estimator = Dense | MoE


def _checked_ridge(ridge: float) -> float:
    """``ridge`` as a float that is 0 or within the range of all numbers."""
    value = number("ridge", ridge, minimum=0.0)
    zero_or_within("ridge", value, limits.NUMBERS)
    return value


def checked_estimator(estimator: Estimator, name: str = "estimator") -> Estimator:
    """``estimator`` itself; an error with ``name`` for anything that is not one."""
    if not isinstance(estimator, Dense | MoE):
        raise ArgumentTypeError(name, f"must be Dense(...) or MoE(...), got {shown(estimator)}")
    return estimator


def routes_by_input(estimator: Estimator) -> bool:
    """Whether ``estimator`` has a gate that routes by the noisy input."""
    return isinstance(estimator, MoE) and not isinstance(estimator.gate, Oracle)


def require_strict(model: BlockModel) -> None:
    """Refuse leakage, for which the posterior weights of the gates do not hold."""
    if not model.strict:
        raise ArgumentError(
            "model",
            "must have strict blocks, ",
            Mention("leakage_variances", 0),
            ", for gates that route by the input, got leakage, with which dense and oracle routing "
            "work",
        )


def checked_oracle(estimator: Estimator, what: str) -> Estimator:
    """``estimator`` itself, checked; `NoClosedForm` for gates other than `Oracle`.

    Raises `ValueError` for anything that is not an estimator. ``what`` names the quantity that has
    a closed form only for dense and for oracle routing.
    """
    require_oracle(checked_estimator(estimator), what)
    return estimator


def require_oracle(estimator: Estimator, what: str, instead: Call | None = None) -> None:
    """Refuse gates other than `Oracle`, with which ``what`` has no closed form.

    The message ends with the call that helps, if it is given.
    """
    if routes_by_input(estimator):
        more = () if instead is None else ("; ", instead)
        raise NoClosedForm(
            f"{what} is known for dense and for oracle routing only, got ", estimator, *more
        )


def _estimator_label(kind: str, gate: str, ridge: float) -> str:
    """The label of an estimator: its kind, gate and ridge where they are not the default."""
    said = " ".join(filter(None, (gate, f"ridge={str(ridge).removesuffix('.0')}" * (ridge > 0.0))))
    return f"{kind}({said})" if said else kind

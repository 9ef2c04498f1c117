"""The estimators: what is fitted and how inputs are routed; configuration, never fitted state."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from moetheory.common.errors import NoClosedForm
from moetheory.common.validation import number
from moetheory.problem.gates import Gate, Oracle, checked_gate
from moetheory.problem.model import BlockModel


class Parameters(NamedTuple):
    """Coefficients held (``total``) and used for an input (``active``); not those of a gate.

    ``active`` is the average with oracle routing, the most there can be with other gates.
    """

    total: int
    active: float


@dataclass(frozen=True)
class Dense:
    r"""One linear predictor on all d coordinates.

    Parameters
    ----------
    ridge : float
        :math:`\mu \ge 0`, added to the second moment of the inputs: at infinite samples the
        shrinkage of a direction of second moment h is :math:`h/(h+\sigma^2+\mu)`.

    Examples
    --------
    >>> Dense().parameters(BlockModel.isotropic(12, 3, noise_variance=1.0))
    Parameters(total=12, active=12.0)
    """

    ridge: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "ridge", number("ridge", self.ridge, minimum=0.0))

    @property
    def label(self) -> str:
        """A short name for tables and columns."""
        return _label("dense", "", self.ridge)

    def parameters(self, model: BlockModel) -> Parameters:
        """All d coefficients, for every input."""
        return Parameters(model.dim, float(model.dim))


@dataclass(frozen=True)
class MoE:
    r"""K linear experts, expert g on the coordinates of block g, and a gate that weighs them.

    Parameters
    ----------
    gate : Oracle, Hard, Soft, TopK or Learned
        How an input is routed: by its group, or by the noisy input itself. The latter need
        strict blocks.
    ridge : float
        :math:`\mu \ge 0`, added to each expert's second moment: at infinite samples the
        shrinkage of a direction is :math:`\lambda/(\lambda+\sigma^2+\mu)`.

    Examples
    --------
    >>> MoE().parameters(BlockModel.isotropic(12, 3, noise_variance=1.0))
    Parameters(total=12, active=4.0)
    """

    gate: Gate = field(default_factory=Oracle)
    ridge: float = 0.0

    def __post_init__(self) -> None:
        checked_gate(self.gate)
        object.__setattr__(self, "ridge", number("ridge", self.ridge, minimum=0.0))

    @property
    def label(self) -> str:
        """A short name for tables and columns."""
        return _label("moe", self.gate.label, self.ridge)

    def parameters(self, model: BlockModel) -> Parameters:
        r"""All d coefficients held, :math:`\sum_g p_g s_g` of them used by `Oracle` on average.

        By a gate that uses k experts: at most those of the k largest blocks.
        """
        used = self.gate.active(model.experts)
        if isinstance(self.gate, Oracle):
            return Parameters(model.dim, float(model.group_probabilities @ model.sizes))
        return Parameters(model.dim, float(np.sort(model.sizes)[-used:].sum()))


Estimator = Dense | MoE


def checked_estimator(estimator: Estimator) -> Estimator:
    """``estimator`` itself; ValueError for anything that is not one."""
    if not isinstance(estimator, Dense | MoE):
        raise ValueError(f"estimator must be Dense(...) or MoE(...), got {estimator!r}")
    return estimator


def routes_by_input(estimator: Estimator) -> bool:
    """Whether it has a gate that looks at the noisy input."""
    return isinstance(estimator, MoE) and not isinstance(estimator.gate, Oracle)


def require_strict(model: BlockModel) -> None:
    """Refuse leakage, with which the posterior of the groups is another."""
    if not model.strict:
        raise ValueError(
            "gates that route by the input need strict blocks, leakage_variances=0, got a model "
            "with leakage; Dense(...) and MoE(gate=Oracle()) know leakage"
        )


def checked_oracle(estimator: Estimator, what: str) -> Estimator:
    """``estimator``, if it is dense or routed by the oracle; `NoClosedForm` for other gates.

    ``what`` names the quantity that is known for these alone.
    """
    if routes_by_input(checked_estimator(estimator)):
        raise NoClosedForm(
            f"{what} is known for Dense(...) and MoE(gate=Oracle()) only, got {estimator!r}"
        )
    return estimator


def _label(kind: str, gate: str, ridge: float) -> str:
    said = " ".join(filter(None, (gate, f"ridge={str(ridge).removesuffix('.0')}" * (ridge > 0.0))))
    return f"{kind}({said})" if said else kind

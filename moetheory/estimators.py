"""The estimators: what is fitted and how inputs are routed; configuration, never fitted state."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from moetheory.model import BlockModel
from moetheory.validation import number


class Parameters(NamedTuple):
    """Coefficients held (``total``) and used for an input on average (``active``)."""

    total: int
    active: float


@dataclass(frozen=True)
class Oracle:
    """The gate that knows each input's group.

    >>> Oracle()
    Oracle()
    """


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
        return _label("dense", self.ridge)

    def parameters(self, model: BlockModel) -> Parameters:
        """All d coefficients, for every input."""
        return Parameters(model.dim, float(model.dim))


@dataclass(frozen=True)
class MoE:
    r"""K linear experts, expert g on the coordinates of block g, and a gate that picks one.

    Parameters
    ----------
    gate : Oracle
        How an input is routed. Gates that route by the input itself are not available yet.
    ridge : float
        :math:`\mu \ge 0`, added to each expert's second moment: at infinite samples the
        shrinkage of a direction is :math:`\lambda/(\lambda+\sigma^2+\mu)`.

    Examples
    --------
    >>> MoE().parameters(BlockModel.isotropic(12, 3, noise_variance=1.0))
    Parameters(total=12, active=4.0)
    """

    gate: Oracle = field(default_factory=Oracle)
    ridge: float = 0.0

    def __post_init__(self) -> None:
        if not isinstance(self.gate, Oracle):
            raise ValueError(
                f"gate must be Oracle(), the only gate available yet, got {self.gate!r}"
            )
        object.__setattr__(self, "ridge", number("ridge", self.ridge, minimum=0.0))

    @property
    def label(self) -> str:
        """A short name for tables and columns."""
        return _label("moe", self.ridge)

    def parameters(self, model: BlockModel) -> Parameters:
        r"""All d coefficients held, :math:`\sum_g p_g s_g` of them used on average."""
        return Parameters(model.dim, float(model.group_probabilities @ model.sizes))


Estimator = Dense | MoE


def known(estimator: Estimator) -> Estimator:
    """``estimator`` itself; ValueError for anything that is not one."""
    if not isinstance(estimator, Dense | MoE):
        raise ValueError(f"estimator must be Dense(...) or MoE(...), got {estimator!r}")
    return estimator


def _label(kind: str, ridge: float) -> str:
    return f"{kind}(ridge={str(ridge).removesuffix('.0')})" if ridge else kind

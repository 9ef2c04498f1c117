"""How far the 1/K law reaches when inputs are routed by what the gate sees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moetheory.common import text
from moetheory.problem.gates import Gate
from moetheory.results.tables import Columns


@dataclass(frozen=True, eq=False, repr=False)
class LawEnds(Columns):
    r"""The number of experts up to which a gate follows the 1/K law of the oracle.

    "Up to K" means: at every divisor of d from 2 to K at which the oracle's own risk is finite.
    Divisors at which it is infinite are passed over.

    Attributes
    ----------
    experts : int
        The number of experts up to which the gate's excess risk is at most ``factor`` times that of
        the oracle.
    guaranteed : int
        The number up to which the bound is, 1 if it is at none; never more than ``experts``.
    rule : int
        The number up to which :math:`s \ge 2\ln K/\ln\frac{(1+\varrho)^2}{4\varrho}`, whatever the
        ``factor``, 1 if it is at none; never more than ``guaranteed`` for a factor of 2 or more.
    factor : float
    gate : Hard, Soft or TopK
    columns : mapping of str to (n,) array
        By name, ``result["ratio"]``, for the divisors of d: ``experts``; the excess risks
        ``oracle`` and ``gate``, with ``error``, an estimate of the latter's error; their ``ratio``,
        NaN where both are infinite; the ``bound`` on the gate's excess risk.
    samples : int, optional
        The training samples of the experts; infinitely many if None.
    noise_variance, signal_energy : float
        Those of the models that are compared.
    """

    experts: int
    guaranteed: int
    rule: int
    factor: float
    gate: Gate
    columns: Mapping[str, NDArray[Any]]
    samples: int | None
    noise_variance: float
    signal_energy: float

    def __repr__(self) -> str:
        return (
            f"<LawEnds of {self.gate.label}: within {self.factor:g} times the oracle up to "
            f"K={self.experts}, guaranteed to {self.guaranteed}, by the rule to {self.rule}>"
        )

    def __str__(self) -> str:
        return self.table()

    def __len__(self) -> int:
        return len(self["experts"])

    def table(self, width: int | None = None) -> str:
        """The columns as text, with a remark at the last K of each kind.

        A K at which the oracle's own risk is infinite has the remark "oracle infinite".

        >>> from moetheory import law_ends
        >>> print(law_ends(8, 1.0, signal_energy=8.0))
        K    oracle      gate     bound    ratio  up to here
        1       0.5       0.5       0.5        1  rule
        2  0.333333  0.425347  0.425347  1.27604  bound
        4       0.2  0.361429  0.413333  1.80715  risk
        8  0.111111  0.320979  0.470922  2.88881
        """
        ends = {"risk": self.experts, "bound": self.guaranteed, "rule": self.rule}
        rows = []
        for row, experts in enumerate(self["experts"].tolist()):
            numbers = [text.number(float(self[name][row])) for name in _NUMBERS]
            remarks = [what for what, end in ends.items() if end == experts]
            if np.isinf(self["oracle"][row]):
                numbers[_NUMBERS.index("ratio")], remarks = "", ["oracle infinite"]
            rows.append([str(experts), *numbers, ", ".join(remarks)])
        return text.table(["K", *_NUMBERS, "up to here"], rows, text.checked_width(width))


_NUMBERS = ("oracle", "gate", "bound", "ratio")

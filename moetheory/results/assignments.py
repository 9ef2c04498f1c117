"""Which groups share an expert, and what it costs."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from moetheory.common.arrays import IntArray
from moetheory.common.frozen import Frozen
from moetheory.common.text import COLUMNS, LINES
from moetheory.problem.estimators import MoE
from moetheory.results.risks import Risk


class Rung(NamedTuple):
    """An ``assignment`` of the groups to experts, its ``excess`` risk and the ``error`` of this."""

    assignment: tuple[int, ...]
    excess: float
    error: float = 0.0


@dataclass(frozen=True, eq=False, repr=False)
class BestAssignment(Frozen):
    """Which groups should share an expert.

    Neighbours on the ladder whose risks differ by less than their errors are as good as the best,
    as far as theory can tell. `simulate` of both with ``method="data"`` pairs them.

    Attributes
    ----------
    assignment : tuple of K integers
        The expert of each group, as `MoE` takes it, numbered in the order of their first groups.
    experts : int
        Their number.
    risk : Risk
        The risk of `estimator`.
    ladder : mapping
        For each number of experts, from 1 to K, the best assignment that was found: a `Rung` with
        its ``.assignment``, ``.excess`` risk and the ``.error`` of this. The risk is NaN where it
        has no formula.
    samples : (K,) integers, optional
        The training samples of each group.
    """

    assignment: tuple[int, ...]
    experts: int
    risk: Risk
    ladder: dict[int, Rung]
    samples: IntArray | None = None

    def __repr__(self) -> str:
        shared = (" ".join(map(str, each)) for each in self.groups if len(each) > 1)
        text = (
            f"<BestAssignment of {len(self.assignment)} groups to {self.experts} experts, "
            f"excess {self.risk.excess:.6g}; sharing: {', '.join(shared) or 'none'}>"
        )
        return "\n".join(textwrap.wrap(text, COLUMNS, max_lines=LINES))

    @property
    def groups(self) -> tuple[tuple[int, ...], ...]:
        """The groups that each expert serves."""
        served: list[list[int]] = [[] for _ in range(self.experts)]
        for group, expert in enumerate(self.assignment):
            served[expert].append(group)
        return tuple(map(tuple, served))

    @property
    def estimator(self) -> MoE:
        """The mixture with this assignment."""
        return MoE(assignment=self.assignment)

    @property
    def best_experts(self) -> int:
        """The number of experts with the least risk on the ladder; of equal ones the largest."""
        return best_of(self.ladder)


TOLERANCE = 1e-9  # relative: risks that are closer count as equal, so that rounding decides nothing


def best_of(ladder: dict[int, Rung]) -> int:
    """The number of experts with the least excess risk, of equal ones the largest.

    >>> best_of({1: Rung((0, 0), 0.5), 2: Rung((0, 1), 0.5)})
    2
    """
    excess = {experts: rung.excess for experts, rung in ladder.items()}
    known = [each for each in excess.values() if not np.isnan(each)]
    least = min(known, default=np.nan)
    return max(
        (experts for experts, each in excess.items() if each <= least * (1.0 + TOLERANCE)),
        default=1,
    )

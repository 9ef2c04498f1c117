"""Linear equations in fractions."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple


class Solved(NamedTuple):
    """Linear equations in reduced form: the rows of the pivots, and the columns left free."""

    rows: list[list[Fraction]]
    pivots: list[int]
    free: list[int]

    def at(self, free: Sequence[Fraction]) -> list[Fraction]:
        """The solution with these values of the free unknowns."""
        values = [Fraction(0)] * (len(self.pivots) + len(self.free))
        for place, value in zip(self.free, free, strict=True):
            values[place] = value
        for pivot, row in zip(self.pivots, self.rows, strict=True):
            known = (row[place] * values[place] for place in self.free if row[place])
            values[pivot] = row[-1] - sum(known, Fraction(0))
        return values


def solved_exactly(rows: list[list[Fraction]], unknowns: int) -> Solved | None:
    """Equations by elimination, the right side in the last column; None if they contradict."""
    from sympy import QQ
    from sympy.polys.matrices import DomainMatrix

    if not rows:
        return Solved([], [], list(range(unknowns)))
    matrix = DomainMatrix(
        [[QQ(each.numerator, each.denominator) for each in row] for row in rows],
        (len(rows), unknowns + 1),
        QQ,
    )
    reduced, pivots = matrix.to_sparse().rref()
    if unknowns in pivots:
        return None
    found = reduced.to_dense().to_list()[: len(pivots)]
    exact = [[Fraction(int(x.numerator), int(x.denominator)) for x in row] for row in found]
    return Solved(exact, list(pivots), sorted(set(range(unknowns)) - set(pivots)))

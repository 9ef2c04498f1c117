"""Maps of who wins: two estimators over the values of two quantities."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moetheory.common import text
from moetheory.common.arrays import FloatArray
from moetheory.common.text import counted
from moetheory.problem.estimators import Estimator
from moetheory.problem.perturbation import Perturbation
from moetheory.results.tables import Columns

TIE, NO_FORMULA = "tie", ""


@dataclass(frozen=True, eq=False, repr=False)
class PhaseMap(Columns):
    """Which of two estimators has the smaller risk, over the values of two quantities.

    Arrays of cells have the shape (values of y, values of x).

    Attributes
    ----------
    x, y : str
        The quantities.
    a, b : Dense or MoE
        The estimators.
    columns : mapping of str to (cells,) array
        One row a cell, x changes fastest: the values of x and y; the excess risks of ``a`` and
        ``b``, by their labels, NaN where there is no formula; ``winner``; where a risk is
        asymptotic anywhere, ``error``.
    border : (N, 2) array
        Points (x, y) at which the order of the estimators changes: roots along the rows and the
        columns of the grid, which are not interpolated. Over an integer and a real quantity they
        are the roots along the real one, at each integer. Over two integers, for each value of
        the axis with fewer values, the middles between two neighbours that can be made.
    border_lines : tuple of (M, 2) arrays
        The same points joined to lines. Over an integer and a real quantity roots at neighbouring
        integers are joined in order where they are as many and the order changes the same way;
        between two integers there is no border, and `plot` draws steps.
    samples : int, (K,) integers or None
        The training samples of fitted estimators, where neither x nor y is "samples".
    under : Perturbation or None
    setting : mapping of str to float
        What is the same in all cells, where it is one number, as for `Sweep`.

    Examples
    --------
    >>> from moetheory import BlockModel, phase_map
    >>> model = BlockModel.isotropic(8, 4, 1.0, signal_energy=8.0)
    >>> found = phase_map(model, ("misrouting", [0.0, 0.5]), ("noise_variance", [1.0, 4.0]))
    >>> found.winner.tolist()
    [['moe', 'dense'], ['moe', 'dense']]
    >>> found.border[:, 0].tolist(), found.border[:, 1].tolist()
    ([0.3125, 0.4], [1.0, 4.0])
    """

    x: str
    y: str
    a: Estimator
    b: Estimator
    columns: Mapping[str, NDArray[Any]]
    border: FloatArray
    border_lines: tuple[FloatArray, ...]
    samples: Any = field(default=None, metadata=text.UNLESS_DEFAULT)
    under: Perturbation | None = field(default=None, metadata=text.UNLESS_DEFAULT)
    setting: Mapping[str, float] = field(default_factory=dict, repr=False)

    @property
    def shape(self) -> tuple[int, int]:
        """The numbers of values of y and of x."""
        cells = len(self.columns[self.x])
        across = int(np.argmax(self.columns[self.y] != self.columns[self.y][0])) or cells
        return cells // across, across

    @property
    def x_values(self) -> NDArray[Any]:
        """The values of x, ascending."""
        return np.asarray(self._cells(self.x)[0])

    @property
    def y_values(self) -> NDArray[Any]:
        """The values of y, ascending."""
        return self._cells(self.y)[:, 0]

    @property
    def excess_a(self) -> FloatArray:
        """The excess risk of ``a`` in each cell, NaN where there is no formula."""
        return self._cells(self.a.label)

    @property
    def excess_b(self) -> FloatArray:
        """The excess risk of ``b`` in each cell, NaN where there is no formula."""
        return self._cells(self.b.label)

    @property
    def error(self) -> FloatArray:
        """The estimated error of the difference of both risks; 0 where no risk is asymptotic."""
        if "error" in self.columns:
            return self._cells("error")
        return np.zeros(self.shape)

    @property
    def winner(self) -> NDArray[np.str_]:
        """The label of the better estimator, "tie", or "" where there is no formula.

        Two infinite risks are a tie, and are told apart by `both_infinite`. The winner is decided
        by differences that keep their digits where risks are nearly equal.
        """
        return self._cells("winner")

    @property
    def advantage(self) -> FloatArray:
        """The ratio of the excess risk of ``a`` to that of ``b``: above 1 where ``b`` is better.

        Two risks that are both zero, or both infinite, have the ratio 1.
        """
        return _ratio(self.excess_a, self.excess_b)

    @property
    def both_infinite(self) -> NDArray[np.bool_]:
        """Whether both risks are infinite, so that neither estimator can be used."""
        return np.isinf(self.excess_a) & np.isinf(self.excess_b)

    @property
    def uncertain(self) -> NDArray[np.bool_]:
        """Whether the difference of the risks is within the error of asymptotic formulas."""
        above, below = self.excess_a, self.excess_b
        both = np.isfinite(above) & np.isfinite(below) & (self.error > 0.0)
        with np.errstate(invalid="ignore"):
            return both & (np.abs(above - below) <= self.error)

    @property
    def summary(self) -> str:
        """Who wins where and by how much, in words, a few lines."""
        return "\n".join(self._lines())

    def __str__(self) -> str:
        return self.summary

    def _repr_html_(self) -> str:
        lines = "<br>".join(html.escape(line) for line in self._lines())
        return f"<p>{lines}</p>{super()._repr_html_()}"

    def _lines(self) -> Iterator[str]:
        """The lines of the `summary`."""
        yield (
            f"{self.a.label} or {self.b.label} over {self._span(self.x)} and {self._span(self.y)}, "
            f"{counted(self.winner.size, 'cell')}"
        )
        yield self._share(self.b.label, self.advantage)
        yield self._share(self.a.label, _ratio(self.excess_b, self.excess_a))
        for what, cells in (
            ("both are equal", (self.winner == TIE) & ~self.both_infinite),
            ("both are infinite", self.both_infinite),
            ("no formula is known", self.winner == NO_FORMULA),
            ("the difference is within the error of asymptotic formulas", self.uncertain),
        ):
            if cells.any():
                yield f"{what} in {counted(int(cells.sum()), 'cell')}"
        if len(self.border):
            yield f"the order changes at {counted(len(self.border), 'point')} of the border"

    def _share(self, label: str, ratio: FloatArray) -> str:
        """In how many cells an estimator wins, and by how much at most."""
        won = self.winner == label
        if not won.any():
            return f"{label} wins nowhere"
        at = np.unravel_index(np.argmax(np.where(won, ratio, 0.0)), ratio.shape)
        most = float(ratio[at])
        by = f"by up to a factor of {most:.3g}" if most < 1e300 else "without a limit"
        place = f"at {self.x} {self.x_values[at[1]]:g}, {self.y} {self.y_values[at[0]]:g}"
        share = f"{100.0 * won.mean():.3g} %" if not won.all() else "all"
        return f"{label} wins in {share} of the cells, {by} ({place})"

    def _span(self, name: str) -> str:
        """A quantity with its first and last value."""
        values = self.columns[name]
        return f"{name} ({values[0]:g} to {values[-1]:g})"

    def _cells(self, name: str) -> NDArray[Any]:
        return self.columns[name].reshape(self.shape)


def stepped_axis(x_values: NDArray[Any], y_values: NDArray[Any]) -> int | None:
    """The axis of integers over which a border goes in steps, 0 for x and 1 for y; None: neither.

    Of two such axes it is the one with fewer values.

    >>> stepped_axis(np.array([1, 2]), np.array([0.1, 0.2])), stepped_axis(np.ones(2), np.ones(2))
    (0, None)
    """
    integers = {
        len(each): along
        for along, each in reversed([*enumerate((x_values, y_values))])
        if each.dtype.kind in "iu"
    }
    return integers[min(integers)] if integers else None


def _ratio(above: FloatArray, below: FloatArray) -> FloatArray:
    """The ratio of risks, 1 where both are zero or infinite."""
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        ratio = above / below
    ratio[(above == below) & ((above == 0.0) | np.isinf(above))] = 1.0
    return np.asarray(ratio)

r"""The laws of the scores :math:`a_j + z_j` of blocks on a logarithmic scale.

The density of z is the work of an inversion at each point. But its logarithm is a smooth function
of the logarithm of z, so that polynomials through a few points replace it (docs/theory.md §6, Hard
routing). The distribution function is the running integral of the density: as nothing cancels, it
has the relative accuracy of the density, however small it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.formulas import chisquares
from moetheory.formulas.block_evidence import Block
from moetheory.formulas.chebyshev_tables import Table, tabulated
from moetheory.formulas.chisquare_laws import Laws
from moetheory.formulas.score_panels import gauss_rule

RULE = gauss_rule(16)
LONGEST = 5.0  # of a panel of a table
NOTHING = -750.0  # logarithm of a density that is not needed
CLOSE = 2e-14  # error of a polynomial that is small enough


class ScoreLogs(NamedTuple):
    """Logarithms of the laws of C scores at N points.

    Attributes
    ----------
    densities : (2, 1 + R, C, N) array
        Of z, idle and active, without loads and with each row of loads.
    below : (2, 1 + R, C, N) array
        The probability of a lower score, or the mean of the loads there.
    """

    densities: FloatArray
    below: FloatArray


class GaussPanels(NamedTuple):
    """Panels of equal length of a Gauss rule, with N nodes and weights."""

    left: float
    length: float
    nodes: FloatArray
    weights: FloatArray

    @classmethod
    def of(cls, left: float, right: float, number: int) -> GaussPanels:
        """This number of panels."""
        length = (right - left) / number
        begins = left + length * np.arange(number)[:, np.newaxis]
        nodes = begins + 0.5 * length * (1.0 + RULE.nodes)
        return cls(left, length, nodes.ravel(), np.tile(0.5 * length * RULE.weights, number))

    def running(self, values: FloatArray) -> FloatArray:
        """The integrals of functions (..., N) from the left end to each node."""
        parts = values.reshape(*values.shape[:-1], -1, len(RULE.nodes)) * (0.5 * self.length)
        wholes = parts @ RULE.weights
        before = np.zeros_like(wholes)
        np.cumsum(wholes[..., :-1], axis=-1, out=before[..., 1:])
        return (before[..., np.newaxis] + parts @ RULE.below.T).reshape(values.shape)


class ScoreLaws:
    r"""The laws of scores at A + e^v, for blocks whose a is below A by the ``a_gaps``.

    Parameters
    ----------
    blocks : sequence of C Block
    a_gaps : (C,) array
        :math:`A - a \ge 0`.
    idle_loads, active_loads : sequences of C sequences of R arrays (I,)
        Loads of the coordinates of each block while it is inactive and while it is active.
    """

    def __init__(
        self,
        blocks: Sequence[Block],
        a_gaps: FloatArray,
        idle_loads: Sequence[Sequence[FloatArray]],
        active_loads: Sequence[Sequence[FloatArray]],
    ) -> None:
        weights = [block.inactive_weights for block in blocks]
        weights += [block.active_weights for block in blocks]
        degrees = [block.degrees for block in blocks] * 2
        self.laws = Laws.of(weights, degrees, [*idle_loads, *active_loads])
        self.a_gaps = np.tile(a_gaps, 2)
        none = np.zeros((len(weights), 1))
        self.log_loads = np.hstack([none, self.laws.log_loads]).T.reshape(-1, 2, len(blocks))
        self.log_loads = self.log_loads.swapaxes(0, 1)[..., np.newaxis]
        self.error = 0.0  # the largest relative one of all laws so far
        self.table: Table | None = None

    def approximate(self, v: FloatArray) -> ScoreLogs:
        """The laws at v by saddle points alone, within a small factor."""
        with np.errstate(over="ignore"):
            x = (self.a_gaps[:, np.newaxis] + np.exp(v)).ravel()
        which = np.repeat(np.arange(len(self.a_gaps)), len(v))
        both = (
            self._shaped(chisquares.rough_logs(x, which, self.laws, pole=pole)) + self.log_loads
            for pole in (False, True)
        )
        return ScoreLogs(*both)

    def tabulate(self, lower: float, upper: float) -> None:
        """Prepare the laws for v from ``lower`` to ``upper``."""

        def densities(v: FloatArray, which: IntArray) -> tuple[FloatArray, FloatArray]:
            x = self.a_gaps[which] + np.exp(v)
            return chisquares.log_values(x, which, self.laws, pole=False)

        self.table = tabulated(
            densities,
            len(self.a_gaps),
            lower,
            upper,
            longest=LONGEST,
            tolerance=CLOSE,
            least=NOTHING,
        )
        self.error = max(self.error, self.table.error)

    def at(self, panels: GaussPanels) -> ScoreLogs:
        """The laws at the nodes of ``panels`` that begin where the table does."""
        if self.table is None:
            raise ValueError("the laws have not been tabulated")
        logs = self._in_shape(self.table(panels.nodes))
        start = np.exp(self._shares_below(np.exp(np.array([panels.left]))))
        with np.errstate(divide="ignore", under="ignore"):
            below = panels.running(np.exp(logs + panels.nodes)) + start
            below = np.log(np.maximum(below, 0.0))
        return ScoreLogs(logs + self.log_loads, np.minimum(below, 0.0) + self.log_loads)

    def below(self, above: FloatArray) -> FloatArray:
        """The logarithms `ScoreLogs.below` at A + ``above``, each inverted for itself."""
        return self._shares_below(above) + self.log_loads

    def _shares_below(self, above: FloatArray) -> FloatArray:
        """The logarithms of `below` for loads that add up to 1."""
        x = (self.a_gaps[:, np.newaxis] + above).ravel()
        which = np.repeat(np.arange(len(self.a_gaps)), len(above))
        values, errors = chisquares.log_values(x, which, self.laws, pole=True)
        matter = values[0] > NOTHING
        self.error = max(self.error, float(np.max(errors[matter], initial=0.0)))
        return self._shaped(values)

    def _in_shape(self, values: FloatArray) -> FloatArray:
        """Values (1 + R, 2C, N) as (2, 1 + R, C, N)."""
        rows, laws, points = values.shape
        return values.reshape(rows, 2, laws // 2, points).swapaxes(0, 1)

    def _shaped(self, values: FloatArray) -> FloatArray:
        """Values (1 + R, 2CN) as (2, 1 + R, C, N)."""
        return self._in_shape(values.reshape(len(values), len(self.a_gaps), -1))

"""Log scores of the groups, by one law of the coordinates, as a function of squares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from moetheory import kernels
from moetheory.common.arrays import FloatArray, block_sums
from moetheory.kernels.gate_weights import BoolArray
from moetheory.predictors.coordinate_laws import CoordinateLaw
from moetheory.problem.model import BlockModel
from moetheory.simulation.methods.squares_layout import SquaresLayout


@dataclass(frozen=True, eq=False)
class GroupScores:
    """Log scores of the groups by one law, as a function of squares.

    ``still`` has the coordinates that are zero while their block is inactive (False), or while it
    is active: for each of both that there are, which blocks have some, (K, 1), and 1 for their
    units, (U,).
    """

    squares: SquaresLayout
    constants: FloatArray  # (K, 1)
    slopes: FloatArray | None  # (U,); None where nothing has noise
    still: list[tuple[bool, BoolArray, FloatArray]]

    @classmethod
    def of(
        cls, model: BlockModel, squares: SquaresLayout, unit: float | FloatArray, law: CoordinateLaw
    ) -> GroupScores:
        """The scores by ``law``, from squares in ``unit``, a float or (d,)."""
        p = model.group_probabilities
        noiseless = not np.any(law.idle)
        if noiseless:
            constants, slopes = kernels.log_probabilities(p), None
        else:
            constants, each = kernels.score_terms(
                p, model.block_of, law.signal, law.noise, law.beside
            )
            idle = law.idle_variances
            each = each * (unit / np.where(idle > 0.0, idle, 1.0))
            slopes = squares.unit_weights(each, model.block_of)
        still = _still(model, squares, law, noiseless)
        return cls(squares, constants[:, np.newaxis], slopes, still)

    def __call__(self, squares: FloatArray) -> FloatArray:
        """Log scores (K, n) from squares (U, n)."""
        scores = self.constants
        if self.slopes is not None:
            scores = self.squares.block_forms(self.slopes, squares)
            scores += self.constants
        if not self.still:
            return scores if self.slopes is not None else np.repeat(scores, squares.shape[1], 1)
        certain = impossible = np.zeros((len(self.constants), squares.shape[1]), dtype=bool)
        for while_active, blocks, weights in self.still:
            moves = self.squares.block_forms(weights, squares) > 0.0
            rests = blocks & ~moves
            certain = certain | (rests if while_active else moves)
            impossible = impossible | (moves if while_active else rests)
        return kernels.decided_scores(scores, certain, impossible)


def _still(
    model: BlockModel, squares: SquaresLayout, law: CoordinateLaw, noiseless: bool
) -> list[tuple[bool, BoolArray, FloatArray]]:
    """The field ``still`` of `GroupScores`."""
    found = []
    variances = (law.idle_variances, law.active)
    for state in (0, 1):
        still = (variances[state] == 0.0) & (variances[1 - state] > 0.0)
        # where nothing has noise, any block that is not zero is active
        units = variances[state] == 0.0 if noiseless and not state else still
        if units.any():
            blocks = block_sums(still.astype(np.float64), model.block_of) > 0.0
            weights = squares.unit_weights(units.astype(np.float64), model.block_of)
            found.append((bool(state), blocks[:, np.newaxis], weights))
    return found

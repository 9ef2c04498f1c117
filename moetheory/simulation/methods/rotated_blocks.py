"""Isotropic blocks after rotations of their coordinates; helper of "krylov" and "statistics"."""

from __future__ import annotations

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray, block_sums
from moetheory.kernels import BidiagonalRows
from moetheory.predictors.perturbed_risks import UNCHANGED
from moetheory.problem.losses import Loss
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation


def rotatable(model: BlockModel, under: Perturbation | None, loss: Loss) -> bool:
    """Whether no risk changes when the coordinates of a block are rotated.

    Every block must have one signal variance, compared exactly, and at test one noise variance; in
    training that of the noise must be the same for all blocks. Signs are counted in the
    coordinates of the model.
    """
    if loss == "sign" or not model.strict or model.interferes or np.ndim(model.noise_variance) > 0:
        return False
    under = under or UNCHANGED
    test_noise = under.noise_of(model.noise_variance), under.interference_of(0.0)
    return constant_in_blocks(model, model.signal_variances, *test_noise)


def constant_in_blocks(model: BlockModel, *values: float | FloatArray) -> bool:
    """Whether all ``values``, numbers or (d,) arrays, are the same in all of a block, exactly."""
    one_each = np.unique(model.block_of, return_index=True)[1][model.block_of]
    vectors = [np.asarray(each) for each in values if np.ndim(each)]
    return all(np.array_equal(each, each[one_each]) for each in vectors)


class RotatedBlocks:
    r"""Coordinates in which the clean features of every block have two diagonals.

    Block g is rotated so that its coefficients lie along its first coordinate, and its clean
    features in few others, as `kernels.BidiagonalRows` says. Those without clean features are
    alike: of a fit, only the length there matters, and the direction is uniform.

    Attributes
    ----------
    heights : (K,) integer array
        Rows of each block.
    columns : int
        p, the number of coordinates with clean features.
    order : (d,) integer array
        The coordinate of each column of `kernels.BidiagonalRows`, and then the others.
    coefficients : (d,) array
        The lengths of the coefficients of all blocks, at the first coordinate of each.
    deviations : (K,) array
        Roots of the signal variances of the blocks.
    """

    def __init__(self, model: BlockModel, most_samples: IntArray) -> None:
        sizes = model.sizes
        self.sizes, self.heights = sizes, np.minimum(most_samples, sizes)
        order = np.argsort(model.block_of, kind="stable")
        starts = np.cumsum(sizes) - sizes
        group = np.repeat(np.arange(len(sizes)), self.heights)
        place = np.arange(len(group)) - (np.cumsum(self.heights) - self.heights)[group]
        longer = (self.heights > 0) & (self.heights < sizes)
        places = np.concatenate([starts[group] + place, (starts + self.heights)[longer]])
        self.columns = len(places)
        self.order = order[np.concatenate([places, np.setdiff1d(np.arange(model.dim), places)])]
        first = order[starts]
        self.deviations = np.sqrt(model.signal_variances[first])
        self.coefficients = np.zeros(model.dim)
        self.coefficients[first] = np.sqrt(
            block_sums(np.square(model.coefficients), model.block_of)
        )

    def draw(self, rng: np.random.Generator, counts: IntArray) -> tuple[BidiagonalRows, FloatArray]:
        """Clean features T and labels Tβ, (R, q), for ``counts`` (R, K) samples."""
        clean = BidiagonalRows.draw(rng, counts, self.sizes, self.heights, self.deviations)
        labels = np.zeros(clean.diagonal.shape)
        seen = self.coefficients[self.order[: self.columns]]
        clean.add_product(np.broadcast_to(seen, (len(counts), self.columns)), labels)
        return clean, labels

    def predictors(
        self, rng: np.random.Generator, fits: FloatArray, beyond: FloatArray
    ) -> FloatArray:
        """Coefficients of all coordinates, (..., R, d), the same directions for all fits.

        ``fits`` (..., R, ≥ p) are those of the first coordinates in ``order``, ``beyond`` (..., R)
        are the lengths in those that are left.
        """
        named, dim = fits.shape[-1], len(self.order)
        predictors = np.empty((*fits.shape[:-1], dim))
        predictors[..., self.order[:named]] = fits
        if named < dim:
            direction = rng.standard_normal((fits.shape[-2], dim - named))
            length = np.sqrt(np.vecdot(direction, direction))
            predictors[..., self.order[named:]] = (beyond / length)[..., np.newaxis] * direction
        return predictors

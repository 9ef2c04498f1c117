"""Training sets drawn sample by sample; helper of method="data"."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.common.seeding import stream


class TrainingSets(NamedTuple):
    """R training sets of n samples.

    Attributes
    ----------
    features, labels : (R, n, d) and (R, n) arrays
    groups : (R, n) integer array
    seed : int
        Seed of the random streams that estimators of one's own have beside the samples.
    first : int
        The number of the first set among those with this seed.
    """

    features: FloatArray
    labels: FloatArray
    groups: IntArray
    seed: int = 0
    first: int = 0

    def only(self, place: int) -> TrainingSets:
        """The one training set at ``place``."""
        here = slice(place, place + 1)
        return TrainingSets(
            self.features[here], self.labels[here], self.groups[here], self.seed, self.first + place
        )

    def stream(self, place: int, use: int) -> np.random.Generator:
        """A random stream of the training set at ``place``, one for each ``use``."""
        return stream(self.seed, self.first + place, (use,))

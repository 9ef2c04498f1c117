"""First and second moments of samples and labels, summed chunk by chunk."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray


class Centred(NamedTuple):
    """Second moments about centres: of features (d, d), of them with m labels (d, m), of these."""

    centre: FloatArray
    label_centre: FloatArray
    second: FloatArray
    cross: FloatArray
    label: FloatArray


@dataclass
class SampleMoments:
    """Moments of samples and m labels; sums of squares and products about means."""

    count: int
    mean: FloatArray
    label_mean: FloatArray
    scatter: FloatArray
    cross: FloatArray
    label_scatter: FloatArray

    @classmethod
    def of(cls, features: FloatArray, labels: FloatArray) -> Self:
        """The moments of one chunk of samples: features (n, d), labels (n, m)."""
        # from the first sample: what is constant has no scatter, not that of a rounded mean
        centred, centred_labels = features - features[0], labels - labels[0]
        shift, label_shift = centred.mean(axis=0), centred_labels.mean(axis=0)
        centred -= shift
        centred_labels -= label_shift
        return cls(
            len(labels),
            features[0] + shift,
            labels[0] + label_shift,
            centred.T @ centred,
            centred.T @ centred_labels,
            np.square(centred_labels).sum(axis=0),
        )

    @classmethod
    def total(cls, parts: Iterable[SampleMoments]) -> SampleMoments:
        """The moments of all samples of several parts, of which one at least is there."""
        iterator = iter(parts)
        found = next(iterator)
        for each in iterator:
            found += each
        return found

    def __iadd__(self, other: SampleMoments) -> Self:
        """Add the moments of other samples (Chan, Golub and LeVeque: nothing cancels)."""
        total = self.count + other.count
        shift, label_shift = other.mean - self.mean, other.label_mean - self.label_mean
        weight = self.count * other.count / total
        self.scatter += other.scatter
        self.scatter += np.outer(weight * shift, shift)
        self.cross += other.cross + np.outer(weight * shift, label_shift)
        self.label_scatter += other.label_scatter + weight * label_shift**2
        self.mean = self.mean + shift * (other.count / total)
        self.label_mean = self.label_mean + label_shift * (other.count / total)
        self.count = total
        return self

    def add_within(self, other: SampleMoments) -> None:
        """Add the scatter of other samples about their own means."""
        self.count += other.count
        self.scatter += other.scatter
        self.cross += other.cross
        self.label_scatter += other.label_scatter

    def of_features(self, seen: IntArray) -> SampleMoments:
        """The moments of some of the features."""
        return SampleMoments(
            self.count,
            self.mean[seen],
            self.label_mean,
            self.scatter[np.ix_(seen, seen)],
            self.cross[seen],
            self.label_scatter,
        )

    def rescaled(self, scale: FloatArray) -> SampleMoments:
        """The moments of features times ``scale`` (d,)."""
        return SampleMoments(
            self.count,
            self.mean * scale,
            self.label_mean,
            self.scatter * np.multiply.outer(scale, scale),
            self.cross * scale[:, np.newaxis],
            self.label_scatter,
        )

    def centred(self, intercept: bool) -> Centred:
        """Second moments about the means, or about zero for predictors without an intercept."""
        if intercept:
            centre, label_centre, offset = self.mean, self.label_mean, np.zeros_like(self.mean)
        else:
            centre, offset = np.zeros_like(self.mean), self.mean
            label_centre = np.zeros_like(self.label_mean)
        label_offset = self.label_mean - label_centre
        return Centred(
            centre,
            label_centre,
            self.scatter / self.count + np.outer(offset, offset),
            self.cross / self.count + np.outer(offset, label_offset),
            self.label_scatter / self.count + label_offset**2,
        )

"""Fixed designs with a few strong directions (spikes)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.common.errors import ArgumentError, Mention
from moetheory.common.validation import read_only
from moetheory.problem.estimators import Estimator, MoE, checked_oracle
from moetheory.problem.model import BlockModel
from moetheory.problem.sample_counts import counts_of


@dataclass(frozen=True, eq=False)
class Design:
    r"""A fixed design: spikes of clean rows :math:`X/\sqrt n`, and the predictor of each spike.

    The clean rows have their expected second moment.

    Attributes
    ----------
    coordinates, groups : (r,) integer arrays
        The coordinate and the group of each spike, in the model's order. A spike is a coordinate
        with signal in a group with samples.
    signal : (r,) array
        The squared singular values of the spikes, :math:`\ell_m = (n_g/n)\lambda_m`.
    predictor_of : (r,) integer array
        The predictor that observes each spike.
    rows, columns : (P,) integer arrays
        The shape of the submatrix that each predictor observes.
    samples : int
        The number of rows n.
    """

    coordinates: IntArray
    groups: IntArray
    signal: FloatArray
    predictor_of: IntArray
    rows: IntArray
    columns: IntArray
    samples: int

    def __post_init__(self) -> None:
        read_only(self.coordinates, self.groups, self.signal)

    @classmethod
    def of(cls, estimator: Estimator, model: BlockModel, samples: Any) -> Design:
        """The design of ``model``; ValueError where ``model`` or ``samples`` define no spikes."""
        estimator = checked_oracle(estimator, model, "the spectrum of a fixed design")
        if estimator.ridge:
            raise ArgumentError(
                "estimator",
                "must have no ridge: the spectrum of a design does not depend on it, got ",
                estimator,
            )
        if not model.strict:
            raise ArgumentError(
                "model",
                "must have strict blocks, ",
                Mention("leakage_variances", 0),
                ": with leakage a group's rows are not zero off its block",
            )
        counts = counts_of(samples, model)
        n = int(counts.sum())
        coordinates = np.flatnonzero((model.signal_variances > 0.0) & (counts[model.block_of] > 0))
        groups = model.block_of[coordinates]
        spike_counts = np.bincount(groups, minlength=model.experts)
        if np.any(spike_counts > counts):
            g = int(np.argmax(spike_counts > counts))
            raise ArgumentError(
                "samples",
                f"must give group {g} a row for each of its {spike_counts[g]} coordinates "
                f"with signal, or none, got {counts[g]}",
            )
        signal = counts[groups] / n * model.signal_variances[coordinates]
        if isinstance(estimator, MoE):
            return cls(coordinates, groups, signal, groups, counts, model.sizes, n)
        shape_of_dense = np.array([n]), np.array([model.dim])
        return cls(coordinates, groups, signal, np.zeros_like(groups), *shape_of_dense, n)

    def conditioning(self, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        r"""The values :math:`\kappa` and :math:`(\kappa-1)/(\kappa+1)` of each predictor, (..., P).

        ``values`` (..., r) are the squared singular values of the spikes. NaN without spikes.
        """
        shape = (*values.shape[:-1], len(self.rows))
        condition, contraction = np.full(shape, np.nan), np.full(shape, np.nan)
        for predictor in np.unique(self.predictor_of):
            own_values = values[..., self.predictor_of == predictor]
            top, bottom = own_values.max(axis=-1), own_values.min(axis=-1)
            condition[..., predictor] = top / bottom
            contraction[..., predictor] = (top - bottom) / (top + bottom)
        return condition, contraction

"""Designs with a few strong directions, held fixed while only the noise is drawn again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.common.validation import read_only
from moetheory.problem.estimators import Estimator, MoE, checked_oracle
from moetheory.problem.model import BlockModel, checked_model
from moetheory.problem.sample_counts import counts_of


@dataclass(frozen=True, eq=False)
class Design:
    r"""Clean rows :math:`X/\sqrt n` at their expected second moment, and who looks at what.

    Attributes
    ----------
    coordinates, groups : (r,) integer arrays
        Of the spikes: coordinates with signal in groups with samples, in the model's order.
    signal : (r,) array
        Their squared singular values :math:`\ell_m = (n_g/n)\lambda_m`.
    seen_by : (r,) integer array
        The predictor of each.
    rows, columns : (P,) integer arrays
        Shape of what each predictor looks at.
    samples : int
        n.
    """

    coordinates: IntArray
    groups: IntArray
    signal: FloatArray
    seen_by: IntArray
    rows: IntArray
    columns: IntArray
    samples: int

    def __post_init__(self) -> None:
        read_only(self.coordinates, self.groups, self.signal)

    @classmethod
    def of(cls, estimator: Estimator, model: BlockModel, samples: Any) -> Design:
        """The design of ``model``; ValueError where it has no few spikes to speak of."""
        checked_oracle(estimator, "the spectrum of a fixed design")
        if estimator.ridge:
            raise ValueError(
                "estimator must have no ridge, which is no part of what it observes, "
                f"got {estimator!r}"
            )
        if not checked_model(model).strict:
            raise ValueError(
                "model must have strict blocks, leakage_variances=0: with leakage a group's rows "
                "are not zero off its block"
            )
        counts = counts_of(samples, model)
        n = int(counts.sum())
        coordinates = np.flatnonzero((model.signal_variances > 0.0) & (counts[model.block_of] > 0))
        groups = model.block_of[coordinates]
        ranks = np.bincount(groups, minlength=model.experts)
        if np.any(ranks > counts):
            g = int(np.argmax(ranks > counts))
            raise ValueError(
                f"samples must give group {g} a row for each of its {ranks[g]} coordinates with "
                f"signal, or none, got {counts[g]}"
            )
        signal = counts[groups] / n * model.signal_variances[coordinates]
        if isinstance(estimator, MoE):
            return cls(coordinates, groups, signal, groups, counts, model.sizes, n)
        whole = np.array([n]), np.array([model.dim])
        return cls(coordinates, groups, signal, np.zeros_like(groups), *whole, n)

    def conditioning(self, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        r""":math:`\kappa` and :math:`(\kappa-1)/(\kappa+1)` of each predictor, (..., P).

        From the squared singular values (..., r) of its spikes; NaN without any.
        """
        shape = (*values.shape[:-1], len(self.rows))
        condition, contraction = np.full(shape, np.nan), np.full(shape, np.nan)
        for predictor in np.unique(self.seen_by):
            own = values[..., self.seen_by == predictor]
            top, bottom = own.max(axis=-1), own.min(axis=-1)
            condition[..., predictor] = top / bottom
            contraction[..., predictor] = (top - bottom) / (top + bottom)
        return condition, contraction

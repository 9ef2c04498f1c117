"""The result of an audit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from moetheory.auditing.findings import Findings
from moetheory.auditing.predictors import (
    ByName,
    LinearPredictor,
)
from moetheory.auditing.tabular import Table
from moetheory.auditing.verdict import headline, warnings
from moetheory.auditing.verdict_details import conclusions
from moetheory.common import text
from moetheory.common.arrays import FloatArray, IntArray
from moetheory.common.errors import ArgumentError, OutOfRangeError
from moetheory.common.validation import regular_array
from moetheory.problem.model import BlockModel

REPR_LINES, REPR_WIDTH = 10, 100  # a screen
STRONGEST = 10  # features of a block that the table names


@dataclass(frozen=True, eq=False, repr=False)
class Audit(Findings):
    """The result of an audit: its findings, a verdict in words, predictions and a model.

    The attributes are those of `Findings`.
    """

    def __repr__(self) -> str:
        lines = text.wrapped(headline(self), REPR_WIDTH).splitlines()
        return "\n".join(lines if len(lines) <= REPR_LINES else [*lines[: REPR_LINES - 1], "…"])

    def __str__(self) -> str:
        return text.wrapped("\n".join(filter(None, [headline(self), warnings(self)])), REPR_WIDTH)

    @property
    def model(self) -> BlockModel:
        """The nearest block model by second moments, at a noise variance of a typical feature's.

        It measures features in units of a typical feature, labels in theirs. Raises
        `OutOfRangeError`, a ValueError, if there is none: its numbers lie outside the range in
        which results are right, there are several labels, or groups that share a block.
        """
        if isinstance(self.nearest, OutOfRangeError):
            raise OutOfRangeError("model", f"nearest to the data cannot be had: {self.nearest}")
        return self.nearest

    @property
    def predictors(self) -> Mapping[str, LinearPredictor]:
        """The predictors by name, of features in the units of the data less their centre."""
        found = {name: self.units.of_data(each) for name, each in self.standardised.items()}
        return MappingProxyType(ByName(found))

    @property
    def label_unit(self) -> float:
        """The unit in which labels are measured, in whose square risks are: 1 for usual sizes."""
        return self.units.label_unit

    @property
    def centre(self) -> FloatArray:
        """What is subtracted from the features, (d,)."""
        return self.units.all_columns(self.units.centre, 0.0)

    def predict(self, name: str, features: Any, groups: ArrayLike | None = None) -> FloatArray:
        """The predictions of a fitted predictor at each noise level, (L, n), or (L, n, m).

        Parameters
        ----------
        name : str
            One of ``predictors``.
        features : (n, d) array or table
            As they were given to the audit, with whatever noise they have now. The columns of a
            frame must be those of the audit, in their order.
        groups : (n,) array, optional
            Indices of ``names``, for experts that are told the groups.

        Returns
        -------
        (L, n) array, or (L, n, m) of m labels
            Predicted labels; two classes are 0 and 1, or the two numbers given as labels; of more
            classes the score of each.

        Raises
        ------
        ValueError
            There is no such predictor, features have another shape, other columns or are not
            finite, groups are missing where experts are told, or are not such indices.

        Examples
        --------
        >>> from moetheory import audit
        >>> features = np.random.default_rng(0).normal(size=(200, 4))
        >>> found = audit(features, features.sum(axis=1), noise_variances=[0, 1], rng=0)
        >>> found.predict("dense", np.ones((1, 4))).round(1)
        array([[4.],
               [2.]])
        """
        name = self._known(name)
        predictor = self.standardised[name]
        given = Table.matching(features, self.units.names).array
        if given.ndim != 2 or given.shape[1] != len(self.block_of):
            raise ArgumentError(
                "features", f"must have shape (n, {len(self.block_of)}), got {given.shape}"
            )
        x = self.units.standardised(given)
        if not np.isfinite(x).all():
            raise ArgumentError("features", "must be finite, got some that are not")
        if predictor.needs_groups and groups is None:
            raise ArgumentError(
                "groups", f"must be given for {name}, whose experts are told the groups"
            )
        indices = self._indices(groups, len(x))
        found = []
        for level in range(len(self.noise_variances)):
            chosen = indices if predictor.router is None else predictor.router.route(x, level)
            found.append(predictor.predict(x, chosen, level))
        predictions = np.array(found) * self.label_unit
        return predictions[..., 0] if predictions.shape[2] == 1 else predictions

    def _indices(self, groups: ArrayLike | None, samples: int) -> IntArray:
        """The groups of samples as checked indices of ``names``, (n,); 0 if not given."""
        if groups is None:
            return np.zeros(samples, dtype=np.int64)
        indices = regular_array("groups", groups)
        if indices.shape != (samples,) or indices.dtype.kind not in "iu":
            raise ArgumentError(
                "groups",
                f"must be ({samples},) indices of names, "
                f"got {indices.dtype} values of shape {indices.shape}",
            )
        if indices.size and not 0 <= indices.min() <= indices.max() < len(self.names):
            raise ArgumentError(
                "groups",
                f"must be from 0 to {len(self.names) - 1}, got {indices.min()} to {indices.max()}",
            )
        return indices

    def table(self, width: int | None = None) -> str:
        """Predicted and measured risks, ± their standard errors, and the blocks, as text."""
        header, rows = self._cells()
        parts = [text.tables(header, rows, text.checked_width(width), lead=2)]
        if len(self.names) > 1:
            parts.append("\n".join(text.wrapped(line, width) for line in self._blocks()))
        return "\n\n".join(parts)

    def _repr_html_(self) -> str:
        header, rows = self._cells()
        return text.html_table(header, len(rows), rows.__getitem__)

    def _cells(self) -> tuple[list[str], list[list[str]]]:
        """The header and the rows of the table."""
        header = [self.level_name, "risk", *self.shown]
        rows = []
        for level, noise in enumerate(self.noise_variances):
            for what, sem in (("predicted", "predicted_sem"), ("measured", "sem")):
                cells = [
                    text.with_error(self[f"{name}_{what}"][level], self[f"{name}_{sem}"][level])
                    for name in self.shown
                ]
                rows.append([f"{noise:.4g}", what, *cells])
            if self.classes is not None:
                shares = [f"{100 * self[f'{name}_accuracy'][level]:.1f} %" for name in self.shown]
                rows.append([f"{noise:.4g}", "accuracy", *shares])
        return header, rows

    def _blocks(self) -> list[str]:
        """The strongest features of each block, a line each."""
        experts = self.standardised["moe(block)"].coefficients[0]  # (K, d, m)
        strength = np.linalg.norm(experts, axis=2).max(axis=0)
        lines = []
        for block in range(int(self.block_of.max()) + 1):
            own = np.flatnonzero(self.block_of[self.units.kept] == block)
            order = own[np.argsort(-strength[own], kind="stable")]
            named = [self.units.name(int(self.units.kept[m])) for m in order[:STRONGEST]]
            more = ", …" if len(own) > STRONGEST else ""
            lines.append(f"block {block}, {len(own)} features: {', '.join(named)}{more}")
        return lines

    @property
    def verdict(self) -> str:
        """The conclusions in words: three lines, warnings, and how well theory predicted."""
        return conclusions(self)

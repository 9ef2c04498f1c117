"""Theoretical results: risks, misclassifications and routing matrices."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from moetheory.common.arrays import FloatArray
from moetheory.common.errors import ArgumentIndexError
from moetheory.common.frozen import Frozen
from moetheory.common.validation import shown

Exactness = Literal["exact", "quadrature", "asymptotic"]


@dataclass(frozen=True, eq=False, repr=False)
class Risk(Frozen):
    r"""A theoretical risk :math:`R = \mathbb E (f(\bar x) - y)^2`.

    Attributes
    ----------
    value : float
        The risk, ``excess`` plus the label-noise variance.
    excess : float
        The risk beyond that of predicting from the clean features; the primary quantity.
    per_group : (K,) array
        The risk given the group.
    exactness : {"exact", "quadrature", "asymptotic"}
    error : float
        Bound or estimate of the error of ``value``; 0 if exact (up to rounding).

    Notes
    -----
    ``float(risk)`` is ``risk.value``.
    """

    value: float
    excess: float
    per_group: FloatArray
    exactness: Exactness = "exact"
    error: float = 0.0

    def __float__(self) -> float:
        return self.value


@dataclass(frozen=True, eq=False, repr=False)
class Misclassification(Frozen):
    """The probability that a prediction has the wrong sign, in theory.

    Attributes
    ----------
    value : float
        The probability that the signs of prediction and label differ.
    per_group : (K,) array
        The same probability given the group; NaN for a group that is never drawn and whose labels
        do not vary.

    Notes
    -----
    ``float(misclassification)`` is ``misclassification.value``.
    """

    value: float
    per_group: FloatArray

    @property
    def accuracy(self) -> float:
        """The probability that the sign is right, 1 - ``value``."""
        return 1.0 - self.value

    def __float__(self) -> float:
        return self.value


@dataclass(frozen=True, eq=False, repr=False)
class RoutingMatrix(Frozen):
    """The routing probabilities of a gate: where it sends the samples of each group.

    Attributes
    ----------
    matrix : (K, K) array
        Probability that a sample of group g is sent to expert j; rows sum to 1.
    group_probabilities : (K,) array
    error : float
        Bound on the error of every entry. Rows are not normalised: the difference of their sums
        from 1 is part of the error.

    Notes
    -----
    ``np.asarray(result)`` is ``result.matrix``; ``result[g, j]``, ``len(result)`` and iteration are
    those of the matrix.
    """

    matrix: FloatArray
    group_probabilities: FloatArray
    error: float

    def __len__(self) -> int:
        return len(self.matrix)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.matrix)

    def __getitem__(self, index: Any) -> Any:
        try:
            return self.matrix[index]
        except (IndexError, TypeError, ValueError) as error:
            raise ArgumentIndexError(
                "index", f"must be an index of the matrix, got {shown(index)}: {error}"
            ) from None

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        result: NDArray[Any] = np.array(self.matrix, dtype=dtype, copy=copy)
        return result

    @property
    def per_group(self) -> FloatArray:
        """The misrouting probability given the group, (K,), accurate however small."""
        return np.asarray((self.matrix - np.diag(np.diagonal(self.matrix))).sum(axis=1))

    @property
    def misrouting(self) -> float:
        """The misrouting probability, a sum over wrong experts: small values are accurate."""
        return float(self.group_probabilities @ self.per_group)

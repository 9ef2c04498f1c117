"""What differs between training and test."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from moetheory.validation import FloatArray, read_only, real_array


@dataclass(frozen=True, init=False, eq=False)
class Perturbation:
    r"""A change at test time, of inputs routed by `Oracle`.

    Parameters
    ----------
    confusion : (K, K) array
        Row g: the probabilities with which an input of group g is sent to each expert, whatever
        the input is. Rows sum to 1 within 1e-9.

    Raises
    ------
    ValueError
        The matrix is not square or has a negative entry, or a row does not sum to 1.

    Notes
    -----
    A gate that looks at the input errs where the input is misleading; `routing_matrix` of such a
    gate, given here, has its error rates but not its risk. Source: docs/theory.md §6.

    Examples
    --------
    >>> from moetheory import BlockModel, MoE, risk
    >>> model = BlockModel.isotropic(8, 2, noise_variance=1.0, signal_energy=8.0)
    >>> often = Perturbation(confusion=[[0.9, 0.1], [0.1, 0.9]])
    >>> risk(MoE(), model).value, risk(MoE(), model, under=often).value
    (0.3333333, 0.4222222)
    """

    confusion: FloatArray

    def __init__(self, confusion: ArrayLike) -> None:
        matrix = real_array("confusion", np.asarray(confusion))
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or matrix.size == 0:
            raise ValueError(f"confusion must be a square matrix, got shape {matrix.shape}")
        if matrix.min() < 0.0:
            g, j = (int(i) for i in np.argwhere(matrix < 0.0)[0])
            raise ValueError(
                f"confusion must not be negative, got {matrix[g, j]:g} at index ({g}, {j})"
            )
        sums = matrix.sum(axis=1)
        worst = int(np.argmax(np.abs(sums - 1.0)))
        if abs(sums[worst] - 1.0) > 1e-9:
            raise ValueError(
                f"rows of confusion must sum to 1, got {sums[worst]:.12g} in row {worst}"
            )
        read_only(matrix)
        object.__setattr__(self, "confusion", matrix)

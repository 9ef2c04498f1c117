"""Types of arrays, and sums over blocks of coordinates."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
ComplexArray = NDArray[np.complex128]


def block_sums(values: FloatArray, block_of: IntArray) -> FloatArray:
    """The sums of ``values`` (..., d) over the coordinates of each block, (..., K).

    No block may be empty.
    """
    order = np.argsort(block_of, kind="stable")
    sorted_blocks = block_of[order]
    starts = np.flatnonzero(np.diff(sorted_blocks, prepend=-1))
    if not np.array_equal(sorted_blocks, block_of):
        values = values[..., order]
    sums: FloatArray = np.add.reduceat(values, starts, axis=-1)
    return sums

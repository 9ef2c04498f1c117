"""Memory that is written again: touching fresh pages costs more than what is computed in them."""

from __future__ import annotations

import math

import numpy as np

from moetheory.common.arrays import FloatArray


class Workspace:
    """Arrays by name; the next one of that name takes the memory of the last.

    >>> work = Workspace()
    >>> first = work.array("rows", (2, 3))
    >>> np.shares_memory(first, work.array("rows", (3,)))
    True
    """

    def __init__(self) -> None:
        self._buffers: dict[str, FloatArray] = {}

    def array(self, name: str, shape: tuple[int, ...]) -> FloatArray:
        """An array of this shape with whatever is in it."""
        size = math.prod(shape)
        buffer = self._buffers.get(name)
        if buffer is None or buffer.size < size:
            buffer = self._buffers[name] = np.empty(size)
        return buffer[:size].reshape(shape)

    @property
    def size(self) -> int:
        """Bytes in all."""
        return sum(buffer.nbytes for buffer in self._buffers.values())

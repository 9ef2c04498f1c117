"""Memory that is reused: touching fresh pages costs more than what is computed in them."""

from __future__ import annotations

import math

import numpy as np

from moetheory.common.arrays import FloatArray


class Workspace:
    """Arrays by name; a new array takes the memory of the last one of its name.

    >>> work = Workspace()
    >>> first = work.array("rows", (2, 3))
    >>> np.shares_memory(first, work.array("rows", (3,)))
    True
    """

    def __init__(self) -> None:
        self._buffers: dict[str, FloatArray] = {}

    def array(self, name: str, shape: tuple[int, ...]) -> FloatArray:
        """An array of this shape and name, not initialised."""
        size = math.prod(shape)
        buffer = self._buffers.get(name)
        if buffer is None or buffer.size < size:
            buffer = self._buffers[name] = np.empty(size)
        return buffer[:size].reshape(shape)

    @property
    def size(self) -> int:
        """Bytes of all buffers."""
        return sum(buffer.nbytes for buffer in self._buffers.values())

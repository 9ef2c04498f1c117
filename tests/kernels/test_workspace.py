"""Memory that is reused."""

import numpy as np

from moetheory import kernels


def test_a_workspace_hands_out_its_memory_again():
    work = kernels.Workspace()
    first = work.array("a", (2, 3))
    assert np.shares_memory(first, work.array("a", (3, 1)))
    assert not np.shares_memory(first, work.array("b", (2, 3)))
    assert work.array("a", (4, 5)).shape == (4, 5)

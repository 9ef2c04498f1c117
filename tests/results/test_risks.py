"""Theoretical results: a routing matrix is indexed like its matrix."""

import numpy as np
import pytest

import moetheory as mt

MODEL = mt.BlockModel([0.3, 0.7], [0, 0, 1], [1.0, 2.0, 3.0], [1.0, 1.0, 1.0], 1.0)


@pytest.fixture(scope="module")
def routing():
    return mt.routing_matrix(mt.Hard(), MODEL)


@pytest.mark.parametrize("index", [(0, 1), 0, -1, slice(1), (..., 1), [1, 0], (slice(None), 0)])
def test_a_routing_matrix_is_indexed_like_its_matrix(routing, index):
    np.testing.assert_array_equal(routing[index], routing.matrix[index])


def test_a_routing_matrix_is_a_sequence_of_rows(routing):
    assert len(routing) == 2
    np.testing.assert_array_equal(list(routing), routing.matrix)
    np.testing.assert_array_equal(np.asarray(routing), routing.matrix)


@pytest.mark.parametrize("index", [2, (0, 2), "no such", object(), 1.5, (0, 0, 0), [[0], [0, 1]]])
def test_what_is_no_index_of_it_is_refused(routing, index):
    with pytest.raises(IndexError, match=r"^index must be an index of the matrix, got") as error:
        routing[index]
    assert isinstance(error.value, ValueError)
    assert error.value.argument == "index"

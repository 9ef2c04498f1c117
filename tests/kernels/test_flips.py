"""Means over flips of signs, against all flips one by one."""

import itertools

import numpy as np
import pytest

from moetheory import kernels

BLOCK_OF = np.array([1, 0, 0, 1, 2])
COEFFICIENTS = np.array([0.9, -1.4, 0.4, -0.7, 1.2])
PREDICTORS = np.array(
    [[0.3, 0.2, -0.1, 0.5, 0.8], [0.6, -1.0, 0.2, -0.4, 0.9], [0.1, 0.7, 0.3, -0.2, 0.4]]
)
ROUTES = (False, True, np.array([0, 1, 0]))
SHARED = [None, None, np.array([0.2, 0.1, -0.3, 0.05, 0.1])]


def drawn(leakage):
    return kernels.draw_inputs(
        np.random.default_rng(1),
        np.array([0, 2, 1, 1]),
        BLOCK_OF,
        np.array([2.0, 1.0, 0.5, 1.5, 3.0]),
        leakage,
        COEFFICIENTS,
        0.7,
        0.0,
        0.4,
        with_parts=True,
    )


@pytest.mark.parametrize("leakage", [None, np.array([0.3, 0.2, 0.0, 0.5, 0.1])])
def test_the_mean_is_that_of_all_flips(leakage):
    inputs = drawn(leakage)
    # taken for other groups than their own
    inputs = inputs._replace(routed=kernels.BlockEntries.of(BLOCK_OF, np.array([0, 1, 2, 1])))

    def gate(features):
        return np.stack([np.square(features[:, g == BLOCK_OF]).sum(axis=1) for g in range(3)])

    routes = (*ROUTES, gate)
    arguments = BLOCK_OF, np.concatenate([PREDICTORS, PREDICTORS[:1]]), routes, [*SHARED, SHARED[2]]
    found = kernels.mean_squares_over_flips(inputs, *arguments)
    squares = []
    for signs in itertools.product([-1.0, 1.0], repeat=5):
        flipped = inputs._replace(
            features=inputs.features * signs, labels=(inputs.label_parts * signs).sum(axis=1)
        )
        squares.append(np.square(kernels.prediction_errors(flipped, *arguments)))
    np.testing.assert_allclose(found, np.mean(squares, axis=0), rtol=1e-12)


@pytest.mark.parametrize("leakage", [None, np.full(5, 0.3)])
def test_parts_add_up_to_labels_and_cost_no_draw(leakage):
    inputs = drawn(leakage)
    np.testing.assert_allclose(inputs.label_parts.sum(axis=1), inputs.labels, rtol=1e-12)
    if leakage is None:
        own = np.array([0, 2, 1, 1])[:, np.newaxis] == BLOCK_OF
        assert not inputs.label_parts[~own].any()

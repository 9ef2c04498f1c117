"""Products over blocks against the sum over everything that can happen to each of them."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moetheory.formulas.chosen_polynomials import (
    AT,
    CHOSEN,
    HALF_SQUARE,
    ONE,
    SUM,
    power,
    product,
    products_of_others,
)


def factors(rng, number):
    """Below, above and at the threshold: the coefficients of each of some blocks."""
    return [(rng.random(3), rng.random(4), rng.random(4)) for _ in range(number)]


def enumerated(blocks, degree):
    """The polynomial of the product, one choice of a place for each block after another."""
    result = np.zeros((8, degree + 1))
    for places in itertools.product(range(3), repeat=len(blocks)):
        above, at = places.count(1), places.count(2)
        if at > 1 or above > degree:
            continue
        one, total, half, chosen = 1.0, 0.0, 0.0, 0.0
        for block, place in zip(blocks, places, strict=True):
            values = np.append(block[place], 0.0)
            # (p + ηq + η²r)(a + ηb + η²c), and ε alone
            half = half * values[ONE] + total * values[SUM] + one * values[HALF_SQUARE]
            chosen = chosen * values[ONE] + one * values[CHOSEN]
            total = total * values[ONE] + one * values[SUM]
            one *= values[ONE]
        result[AT * at : AT * at + AT, above] += one, total, half, chosen
    return result


@given(st.integers(0, 2**32), st.integers(0, 5), st.integers(0, 6))
def test_a_power_is_the_sum_over_all_places(seed, number, degree):
    (block,) = factors(np.random.default_rng(seed), 1)
    np.testing.assert_allclose(
        power(*block, number, degree), enumerated([block] * number, degree), rtol=1e-13, atol=1e-300
    )


@given(st.integers(0, 2**32), st.lists(st.integers(1, 2), min_size=1, max_size=3))
def test_products_leave_out_one_block(seed, counts):
    classes = factors(np.random.default_rng(seed), len(counts))
    degree = 2
    full = [power(*block, count, degree) for block, count in zip(classes, counts, strict=True)]
    less = [power(*block, count - 1, degree) for block, count in zip(classes, counts, strict=True)]
    *others, everything = products_of_others(full, less)
    blocks = [c for c, count in enumerate(counts) for _ in range(count)]

    def wanted(kept):
        return enumerated([classes[c] for c in kept], degree)[:, 1:]

    np.testing.assert_allclose(everything[:, 1:], wanted(blocks), rtol=1e-12, atol=1e-300)
    for c, found in enumerate(others):
        kept = list(blocks)
        kept.remove(c)
        np.testing.assert_allclose(found[:, 1:], wanted(kept), rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize("least", [0, 2])
def test_a_product_of_arrays_takes_them_one_by_one(least):
    rng = np.random.default_rng(5)
    first, second = rng.random((2, 8, 4, 3, 1)) * np.ones(6)
    both = product(first, second, least)
    assert both.shape == (8, 4, 3, 6)
    np.testing.assert_array_equal(both[:, :least], 0.0)
    alone = product(first[..., 1, 2], second[..., 1, 2])
    np.testing.assert_allclose(both[:, least:, 1, 2], alone[:, least:], rtol=1e-15)

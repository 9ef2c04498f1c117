"""The 1/n term within limits: a term that is small is added, and none leaves the range."""

import numpy as np
import pytest

from moetheory.formulas.equivalent import EquivalentMoments
from moetheory.formulas.equivalent_correction import limited, with_correction

B = np.array([2.0, -3.0, 0.5, 0.0])
MISFIT = np.array([0.1, 0.0, 0.0, 5.0])


def moments(mean_correction, variance_correction):
    kept = np.array([0.9, 0.2, 1.0, 0.4])
    nothing = np.zeros(4)
    return EquivalentMoments(
        mean=kept * B,
        coefficient_error=(1.0 - kept) * B,
        variance=np.array([0.3, 2.0, 0.0, 1e-3]),
        mean_correction=np.asarray(mean_correction) * np.ones(4),
        variance_correction=np.asarray(variance_correction) * np.ones(4),
        misfit=MISFIT,
        group_part=nothing,
        denominator=nothing,
        outer_pull=nothing,
        outer_penalty=nothing,
    )


def test_a_small_term_is_added_as_it_is():
    """The cube of its relative size is what is missing."""
    for size in (1e-2, -1e-3):
        scale = np.array([0.5, 7.0, 1e-9])
        np.testing.assert_allclose(
            limited(size * scale, scale), size * scale * (1.0 - size**2 / 2), rtol=size**4
        )
    found = moments(1e-7, -1e-9)
    mean, error, variance = with_correction(found, B)
    np.testing.assert_allclose((mean - found.mean)[:2], 1e-7, rtol=1e-6)
    np.testing.assert_allclose((variance - found.variance)[:2], -1e-9, rtol=1e-6)
    np.testing.assert_allclose(mean + error, B, rtol=1e-15)


@pytest.mark.parametrize("term", [1e-3, 1.0, 1e200, np.array([5.0, -3.0, 1.0, 7.0])])
@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_no_term_is_large_enough_to_leave_the_range(term, sign):
    found = moments(sign * term, sign * term)
    mean, error, variance = with_correction(found, B)
    share = mean[:3] / B[:3]
    assert np.all((share >= 0.0) & (share <= 1.0))
    room = MISFIT if sign > 0.0 else 0.0
    assert np.all((variance >= 0.0) & (variance <= (2.0 * found.variance + room) * (1.0 + 1e-15)))
    # what is kept, or not random, stays so; without a coefficient there is no mean
    assert (mean[2], error[2], variance[2]) == (B[2], 0.0, 0.0)
    assert mean[3] == 0.0


def test_a_term_may_exceed_the_variance_where_the_fit_misses_much():
    """Many samples: the variance falls like 1/n, and so does a term that comes from the misfit."""
    for n in (1e4, 1e6):
        found = moments(0.0, 3.0 / n)._replace(variance=np.full(4, 1.0 / n))
        gain = with_correction(found, B)[2] - found.variance
        np.testing.assert_allclose(gain[[0, 3]], 3.0 / n, rtol=1e3 / n)
        assert np.all(gain[[1, 2]] < 1.0 / n)


def test_more_of_a_term_adds_more():
    terms = np.linspace(-30.0, 30.0, 61)
    assert np.all(np.diff(limited(terms, np.full(61, 2.0))) > 0.0)
    assert limited(np.array([0.0]), np.array([0.0])) == 0.0

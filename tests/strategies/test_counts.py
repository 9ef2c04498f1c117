"""Sample counts are valid, within their bounds, and shrink to one sample."""

import pytest
from hypothesis import find, given
from hypothesis import strategies as st

import moetheory as mt
from moetheory.problem.sample_counts import counts_of
from moetheory.strategies import block_models, sample_counts


@given(model=block_models(), data=st.data())
def test_counts_suit_the_model_and_keep_their_bounds(model, data):
    samples = data.draw(sample_counts(model, min_samples=5, max_samples=40))
    assert 5 <= counts_of(samples, model).sum() <= 40
    assert isinstance(data.draw(sample_counts()), int)


def test_they_vary_and_shrink():
    model = mt.BlockModel.isotropic(4, 4, noise_variance=1.0)
    assert find(sample_counts(model), lambda n: True) == 1
    assert find(sample_counts(model), lambda n: isinstance(n, list) and all(n)) == [1, 1, 1, 1]
    assert find(sample_counts(model), lambda n: isinstance(n, list) and n[3] == 7) == [0, 0, 0, 7]
    assert find(sample_counts(), lambda n: n == 1000) == 1000


def test_bounds_that_leave_nothing_are_refused():
    with pytest.raises(mt.ArgumentError, match="max_samples must be at least min_samples, 9, got"):
        sample_counts(min_samples=9, max_samples=8)

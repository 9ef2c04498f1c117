"""A model in which nothing is equal, a sample of it, and its audit."""

import numpy as np
import pytest

import moetheory as mt

SHORT = np.array([0.0, 0.3, 2.0])


@pytest.fixture(scope="session")
def leaking():
    """Unequal blocks, probabilities, spectra, coefficients; leakage, label noise."""
    ranks = np.arange(1.0, 13.0)
    return mt.BlockModel(
        [0.2, 0.5, 0.3],
        np.array([2, 0, 1, 1, 0, 2, 2, 1, 2, 0, 1, 2]),
        3.0 / np.sqrt(ranks),
        np.cos(ranks) + 0.2,
        0.0,
        leakage_variances=0.3 / np.sqrt(ranks),
        label_noise_variance=0.5,
    )


@pytest.fixture(scope="session")
def sample(leaking):
    """400 samples of it."""
    return leaking.sample(400, rng=7)


@pytest.fixture(scope="session")
def again(leaking, sample):
    """``again(**changes)``: the audit of the sample, told all, with some arguments changed."""

    def call(**changes):
        given = {
            "features": sample.features,
            "labels": sample.labels,
            "groups": sample.groups,
            "block_of": leaking.block_of,
            "noise_variances": SHORT,
            "rng": 3,
        } | changes
        return mt.audit(given.pop("features"), given.pop("labels"), **given)

    return call


@pytest.fixture(scope="session")
def found(again):
    """The audit of the sample."""
    return again()

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
def sloped():
    """``sloped(...)``: an audit of leaky blocks, labels with slopes of each group's own.

    Groups are found by energies, which noise hides.
    """

    def call(samples=2000, seed=0, experts=4, block=2, leak=0.3, common=1.0, spread=0.2, **options):
        rng, dim = np.random.default_rng(seed), experts * block
        block_of, groups = np.repeat(np.arange(experts), block), rng.integers(experts, size=samples)
        amplitudes = np.where(groups[:, np.newaxis] == block_of, 1.0, leak)
        features = rng.normal(size=(samples, dim)) * amplitudes
        slopes = common + spread * rng.normal(size=(experts, dim))
        spoilt = options.pop("label_noise", 0.2) * rng.normal(size=samples)
        labels = (features * slopes[groups]).sum(axis=1) + spoilt
        return mt.audit(features, labels, **{"block_of": block_of, "rng": seed} | options)

    return call


@pytest.fixture(scope="session")
def short_lived(sloped):
    """Experts lead most at a noise at which their router has lost its way; before, both lead."""
    return sloped(3000, experts=8, block=1, repeats=1)


@pytest.fixture(scope="session")
def strict():
    """``strict(samples, seed, **options)``: an audit of strict blocks, told all."""
    model = mt.BlockModel.isotropic(12, 3, 0.0, signal_energy=12.0, label_noise_variance=0.1)

    def call(samples=3000, seed=0, **options):
        sample = model.sample(samples, rng=seed)
        given = {"groups": sample.groups, "block_of": model.block_of, "rng": 0} | options
        return mt.audit(sample.features, sample.labels, **given)

    return call


@pytest.fixture(scope="session")
def found(again):
    """The audit of the sample."""
    return again()

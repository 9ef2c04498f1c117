"""Fixtures that tests of several figures share."""

import matplotlib as mpl
import pytest

import moetheory as mt

mpl.use("Agg")


@pytest.fixture(scope="session")
def sweep():
    return mt.sweep(
        lambda k: mt.BlockModel.isotropic(12, k, 1.0, signal_energy=12.0),
        "experts",
        [1, 2, 3, 4, 6, 12],
        replicates=200,
        rng=0,
    )


@pytest.fixture(autouse=True)
def close_figures():
    yield
    from matplotlib import pyplot

    pyplot.close("all")


@pytest.fixture(scope="session")
def fitted():
    sizes = [4, 6, 8, 9, 10, 11, 12, 13, 14, 16, 18, 24, 48, 96]
    model = mt.BlockModel.isotropic(12, 2, 1.0, signal_energy=12.0)
    return mt.sweep(model, "samples", sizes, replicates=20, rng=0)


@pytest.fixture(scope="session")
def audit():
    model = mt.BlockModel.isotropic(12, 3, 0.0, signal_energy=12.0)
    model = model.replace(leakage_variances=0.05, label_noise_variance=0.1)
    sample = model.sample(1000, rng=0)
    return mt.audit(sample.features, sample.labels, block_of=model.block_of, repeats=1, rng=0)

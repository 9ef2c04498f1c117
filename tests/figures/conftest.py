"""Results that tests of several figures share."""

import matplotlib as mpl
import pytest
from drawn_models import BOTH, GATES, LADDER, SPIKED, STEPS, UNEQUAL

import moetheory as mt

mpl.use("Agg")


@pytest.fixture(autouse=True)
def close_figures():
    yield
    from matplotlib import pyplot

    pyplot.close("all")


@pytest.fixture(scope="session")
def sweep():
    return mt.sweep(
        lambda k: mt.BlockModel.isotropic(12, k, 1.0, signal_energy=12.0),
        "experts",
        [1, 2, 3, 4, 6, 12],
        replicates=200,
        rng=0,
    )


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


@pytest.fixture(scope="session")
def laws():
    return [
        mt.law_ends(64, 1.0, signal_energy=64.0, gate=gate, samples=samples)
        for samples in (None, 512)
        for gate in (mt.Soft(), mt.Hard())
    ]


@pytest.fixture(scope="session")
def verdict():
    return mt.check("generalization", replicates=1000, rng=0)


@pytest.fixture(scope="session")
def every(sweep, fitted, audit, laws, verdict):
    """A result of each kind, and lists, with the keywords with which they are drawn."""
    estimates = mt.simulate(BOTH, UNEQUAL, replicates=500, rng=0)
    paths = [
        mt.simulate_descent(each, SPIKED, STEPS, samples=90, replicates=20, rng=0) for each in BOTH
    ]
    descents = [mt.descent(each, SPIKED.replace(noise_variance=0.01), STEPS) for each in BOTH]
    spectra = [mt.spiked_spectrum(each, SPIKED, 600) for each in BOTH]
    ladders = [mt.best_assignment(LADDER, samples=n) for n in (120, None)]
    tails = [mt.risk_distribution(mt.MoE(), UNEQUAL, n) for n in (80, 200, 400)]
    both = {"label": BOTH}
    return {
        "sweep": (sweep, {}),
        "fitted": (fitted, {"title": "Two peaks"}),
        "audit": (audit, {"title": "An audit"}),
        "law": (laws[1], {}),
        "laws": (laws, {"title": "How far the law reaches"}),
        "ladder": (ladders[0], {}),
        "ladders": (ladders, {}),
        "risk": (mt.risk(mt.MoE(), UNEQUAL), {}),
        "risks": ([mt.risk(each, UNEQUAL) for each in GATES], {"label": GATES}),
        "misclassifications": ([mt.misclassification(each, UNEQUAL) for each in BOTH], both),
        "estimate": (estimates[0], {}),
        "estimates": (estimates, both),
        "descent": (descents[0], {}),
        "descents": (descents, both),
        "path": (paths[0], {}),
        "paths": (paths, both),
        "tail": (tails[0], {}),
        "tails": (tails, {"label": ["80 samples", "200 samples", "400 samples"]}),
        "routing": (mt.routing_matrix(mt.Hard(), UNEQUAL), {}),
        "spectrum": (spectra[0], {}),
        "spectra": (spectra, both),
        "verdict": (verdict, {}),
    }

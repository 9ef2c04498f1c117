"""Losses averaged over flips of signs: the same mean, in any model and under perturbations."""

import numpy as np
import pytest
from scipy import stats

import moetheory as mt

MODEL = mt.BlockModel(
    [0.2, 0.5, 0.3],
    [1, 0, 2, 2, 1],
    signal_variances=[2.1, 1.7, 1.3, 3.2, 0.9],
    coefficients=[0.9, -1.4, 0.4, -0.7, 1.2],
    noise_variance=[0.3, 1.0, 0.1, 1.5, 0.8],
    interference_variances=[0.8, 0.0, 0.5, 4.0, 0.2],
    leakage_variances=[0.3, 0.5, 0.2, 0.0, 0.4],
    label_noise_variance=0.6,
)
CONFUSION = [[0.8, 0.15, 0.05], [0.1, 0.7, 0.2], [0.3, 0.1, 0.6]]
ESTIMATORS = [
    mt.Dense(),
    mt.MoE(),
    mt.MoE(assignment=(0, 0, 1)),
    mt.MoE(ridge=0.3, assignment=(1, 0, 1), shared=True),
]


@pytest.mark.parametrize(
    "under", [None, mt.Perturbation(noise_variance=0.7, confusion=CONFUSION, drag=0.5)]
)
def test_means_are_those_of_theory(agrees, under):
    estimates = mt.simulate(
        ESTIMATORS, MODEL, under=under, method="flips", replicates=400_000, rng=1
    )
    for estimator, estimate in zip(ESTIMATORS, estimates, strict=True):
        theory = mt.risk(estimator, MODEL, under=under)
        assert estimate.method == "flips"
        assert agrees(estimate.mean, estimate.sem, estimate.replicates, theory.value)
        np.testing.assert_allclose(estimate.per_group, theory.per_group, rtol=0.02)


def test_gates_read_what_no_flip_changes(agrees):
    model = mt.BlockModel.isotropic(24, 3, 0.5, signal_energy=12.0)
    gates = [mt.MoE(gate=mt.Hard()), mt.MoE(gate=mt.Soft())]
    found = mt.simulate(gates, model, method="flips", replicates=300_000, rng=2)
    drawn = mt.simulate(gates, model, method="population", replicates=300_000, rng=2)
    for gate, estimate, single in zip(gates, found, drawn, strict=True):
        assert agrees(estimate.mean, estimate.sem, estimate.replicates, mt.risk(gate, model).value)
        assert estimate.sem < 0.6 * single.sem


def test_many_coordinates_leave_little_spread():
    """Errors of d equal coordinates: the variance of a mean of d squares, not of the square."""
    model = mt.BlockModel.isotropic(64, 4, 1.0, signal_energy=64.0)
    flips, single = (
        mt.simulate(mt.MoE(), model, method=method, replicates=20_000, rng=3)
        for method in ("flips", "population")
    )
    assert flips.sem == pytest.approx(single.sem / 4.0, rel=0.05)


@pytest.mark.parametrize(
    ("options", "got"),
    [
        ({"under": mt.Perturbation(noise=stats.t(5))}, "noise"),
        ({"under": mt.Perturbation(erasure=0.1)}, "erasure=0.1"),
        ({"under": mt.Perturbation(radius=0.2)}, "radius=0.2"),
        ({"loss": "sign"}, 'loss="sign"'),
    ],
)
def test_losses_that_flips_change_otherwise_are_refused(options, got):
    with pytest.raises(ValueError, match=f'^method="flips" is known for squared errors.*{got}'):
        mt.simulate(mt.Dense(), MODEL, method="flips", replicates=100, rng=0, **options)


def test_flips_draw_no_training_sets_and_learn_no_gate():
    with pytest.raises(ValueError, match=r'^method="flips" draws no training sets, got samples=50'):
        mt.simulate(mt.Dense(), MODEL, samples=50, method="flips", replicates=2, rng=0)
    learned = mt.MoE(gate=mt.Learned(samples=500))
    strict = MODEL.replace(leakage_variances=np.zeros(5))
    with pytest.raises(ValueError, match=r"^estimator must not learn its gate"):
        mt.simulate(learned, strict, method="flips", replicates=100, rng=0)

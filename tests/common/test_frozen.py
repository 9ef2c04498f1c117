"""Frozen results: read-only arrays also in copies and pickles, and reprs that fit a screen."""

import copy
import dataclasses
import pickle
from collections.abc import Mapping
from functools import cache

import numpy as np
import pytest

import moetheory as mt
from moetheory.common.frozen import Frozen, freeze
from moetheory.common.text import fits_screen

GROUPS = 1000
LARGE = mt.BlockModel.isotropic(2 * GROUPS, GROUPS, 1.0)
MODEL = mt.BlockModel([0.3, 0.7], [0, 0, 1, 1], [1.0, 2.0, 3.0, 4.0], [1.0] * 4, 1.0)
DENSE, MOE = mt.Dense(), mt.MoE()


@cache
def audit():
    data = MODEL.replace(noise_variance=0.0, label_noise_variance=0.1).sample(300, rng=0)
    return mt.audit(data.features, data.labels, rng=0)


MADE = {
    "BlockModel": lambda: MODEL,
    "large BlockModel": lambda: LARGE,
    "Perturbation": lambda: mt.Perturbation(confusion=np.eye(40)),
    "Risk": lambda: mt.risk(MOE, LARGE),
    "Misclassification": lambda: mt.misclassification(MOE, LARGE),
    "RoutingMatrix": lambda: mt.routing_matrix(mt.Hard(), MODEL),
    "RiskDistribution": lambda: mt.risk_distribution(MOE, MODEL, 40),
    "OptimalRidge": lambda: mt.optimal_ridge(MOE, MODEL, 40),
    "BestAssignment": lambda: mt.best_assignment(MODEL, samples=40),
    "BestExperts": lambda: mt.best_experts(64, 300, 1.0),
    "CovarianceRisks": lambda: mt.covariance_risks(
        [np.eye(40)] * 2, [np.eye(40)] * 2, np.ones(40), block_of=np.arange(40) % 2
    ),
    "Contraction": lambda: mt.contraction_factor(MOE, LARGE),
    "Descent": lambda: mt.descent(MOE, MODEL, range(3000)),
    "SpikedSpectrum": lambda: mt.spiked_spectrum(MOE, MODEL, 40),
    "PhaseMap": lambda: mt.phase_map(
        MODEL, ("noise_variance", [0.5, 2.0]), ("leakage", [0.0, 1.0])
    ),
    "LawEnds": lambda: mt.law_ends(64, 1.0, signal_energy=64.0),
    "Sweep": lambda: mt.sweep(MODEL, "noise_variance", np.linspace(1.0, 2.0, 200), [DENSE, MOE]),
    "Audit": audit,
    "Falsification": lambda: mt.falsify("risk(MoE()) <= risk(Dense())", rng=0),
    "Predictor": lambda: audit().predictors["moe(hard)"],
    "Crossovers": lambda: audit().crossovers["moe"],
    "Estimate": lambda: mt.simulate(DENSE, MODEL, samples=40, replicates=200, rng=0),
    "Estimates": lambda: mt.simulate([DENSE, MOE] * 20, MODEL, samples=40, replicates=50, rng=0),
    "DescentEstimate": lambda: mt.simulate_descent(
        DENSE, MODEL, range(100), samples=40, replicates=20, rng=0
    ),
    "RoutingEstimate": lambda: mt.simulate_routing(
        mt.Learned(50), MODEL, replicates=20, inputs=10, rng=0
    ),
    "SpectrumEstimate": lambda: mt.simulate_spectrum(DENSE, MODEL, 40, replicates=20, rng=0),
    "SimulationPlan": lambda: mt.simulation_plan(DENSE, MODEL, samples=40, replicates=200),
    "Verdict": lambda: mt.check("generalization", replicates=100, rng=0),
    "ClaimVerdict": lambda: mt.check("generalization", replicates=100, rng=0).claims[0],
    "Symbol": lambda: mt.Symbol("p", (0, 1)),
    "Certificate": lambda: mt.check("generalization", replicates=100, rng=0).claims[0].certificate,
}


@cache
def made(name):
    return MADE[name]()


COPIES = {
    "as made": lambda it: it,
    "pickle": lambda it: pickle.loads(pickle.dumps(it)),
    "old pickle": lambda it: pickle.loads(pickle.dumps(it, protocol=2)),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
}


def arrays(value):
    """All arrays that an object holds."""
    if isinstance(value, np.ndarray):
        return [value]
    if isinstance(value, Mapping):
        return arrays(list(value.values()))
    if isinstance(value, list | tuple):
        return [array for each in value for array in arrays(each)]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return arrays(list(vars(value).values()))
    return []


@pytest.mark.parametrize("name", MADE)
def test_arrays_stay_read_only(name):
    original = made(name)
    expected = len(arrays(original))
    for copied, function in COPIES.items():
        found = arrays(function(original))
        assert len(found) == expected, copied
        assert not any(array.flags.writeable for array in found), copied


@pytest.mark.parametrize("name", ["Sweep", "Audit", "Descent"])
def test_dictionaries_stay_read_only(name):
    original = made(name)
    for copied, function in COPIES.items():
        held = [each for each in vars(function(original)).values() if isinstance(each, Mapping)]
        assert held, copied
        for each in held:
            with pytest.raises(TypeError, match="does not support item assignment"):
                each["dense"] = 5


@pytest.mark.parametrize("name", MADE)
def test_reprs_fit_a_screen(name):
    text = repr(made(name))
    assert fits_screen(text), text


def test_most_of_what_is_made_has_arrays():
    with_arrays = {name for name in MADE if arrays(made(name))}
    assert set(MADE) - with_arrays <= {"Crossovers", "Verdict", "ClaimVerdict", "Certificate"} | {
        "BestExperts",
        "SimulationPlan",
        "Symbol",
    }


def test_each_public_result_is_among_them():
    classes = {name for name in mt.__all__ if isinstance(getattr(mt, name), type)}
    nouns = {"Dense", "MoE", "Oracle", "Hard", "Soft", "TopK", "Learned", "Custom"}
    nouns |= {"Assumption", "Claim", "Theorem", "ModelSpace"}
    errors = {name for name in classes if issubclass(getattr(mt, name), BaseException)}
    assert classes - nouns - errors <= set(MADE)


def test_arrays_inside_of_anything_are_found():
    inner = np.ones(3)
    freeze([{"a": (inner, "text", 3)}])
    assert not inner.flags.writeable


def test_very_many_fields_are_abridged():
    fields = [(f"field_{i}", object) for i in range(20)]
    kind = dataclasses.make_dataclass("Wide", fields, bases=(Frozen,), frozen=True, repr=False)
    value = kind(*[np.ones((50, 50)), "x" * 300, list(range(999)), {i: i for i in range(50)}] * 5)
    assert fits_screen(repr(value))

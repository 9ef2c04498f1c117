"""The identity of a run: what changes it, and what does not."""

import json

import numpy as np
import pytest
from scipy import stats

import moetheory as mt
from moetheory.simulation.arguments import checked_samples
from moetheory.simulation.plans import families
from moetheory.simulation.runs.fingerprint import run_identity

BOTH = (mt.Dense(), mt.MoE())


def of(
    model,
    estimators=BOTH,
    samples=30,
    counts="fixed",
    method=None,
    seed=1,
    under=None,
    loss="squared",
):
    models = model if isinstance(model, tuple) else (model,)
    sizes = checked_samples(samples, counts, method, models[0])
    plan = families(estimators, models, sizes, counts, method, under, loss)
    return run_identity(estimators, models, sizes, counts, plan, seed, under, loss=loss)


def test_it_names_the_versions_on_which_the_bits_depend(generic):
    there = of(generic())
    assert (there["moetheory"], there["numpy"]) == (mt.__version__, np.__version__)


def test_equal_runs_are_the_same_however_they_are_written(generic):
    """An integer of samples means the counts that it is divided into."""
    assert of(generic()) == of(generic().replace(), samples=[6, 15, 9])


@pytest.mark.parametrize(
    "changes",
    [
        {"samples": 31},
        {"samples": None},
        {"counts": "multinomial"},
        {"method": "data"},
        {"loss": "sign"},
        {"estimators": (mt.Dense(), mt.MoE(shared=True))},
        {"estimators": (mt.Dense(), mt.MoE(assignment=(0, 0, 1)))},
        {"seed": 2},
        {"under": mt.Perturbation()},
        {"estimators": (mt.Dense(), mt.MoE(ridge=1e-40))},
        {"estimators": (mt.MoE(), mt.Dense())},
    ],
)
def test_another_question_is_another_run(generic, changes):
    assert of(generic(), **changes) != of(generic())


def test_squared_errors_need_no_name(generic):
    assert "loss" not in of(generic())


def test_another_model_is_another_run(generic):
    here = of(generic())
    for field, value in (
        ("noise_variance", 0.4 + 1e-16),
        ("label_noise_variance", 1e-80),
        ("coefficients", np.roll(generic().coefficients, 1)),
        ("rotations", tuple(np.eye(size) for size in generic().sizes)),
        ("noise_variance", np.linspace(0.3, 0.5, 9)),
        ("interference_variances", 1e-40),
    ):
        assert of(generic().replace(**{field: value})) != here
    assert of((generic(), generic())) != here


def test_another_perturbation_is_another_run(generic):
    bars = [stats.rv_histogram((np.array(h), np.array([0, 1, 2]))) for h in ([1, 1], [1, 2])]
    many = np.linspace(0.1, 1.0, 20)
    perturbations = [
        mt.Perturbation(noise_variance=0.4),
        mt.Perturbation(noise_variance=0.4 + 1e-16),
        mt.Perturbation(erasure=1e-300),
        mt.Perturbation(confusion=mt.even_confusion(3, 0.1)),
        mt.Perturbation(confusion=mt.even_confusion(3, 0.1), drag=0.5),
        mt.Perturbation(noise=stats.t(5)),
        mt.Perturbation(noise=stats.t(6)),
        mt.Perturbation(interference_variances=0.0),
        mt.Perturbation(interference_variances=0.4),
        # too many to be written out
        mt.Perturbation(noise_variance=many),
        mt.Perturbation(noise_variance=many[::-1]),
        mt.Perturbation(interference_variances=many),
        mt.Perturbation(interference_variances=many[::-1]),
        *(mt.Perturbation(noise=law()) for law in bars),
    ]
    assert repr(perturbations[-1]) == repr(perturbations[-2])
    # on data: what is planned otherwise looks at the variances, of which here are too many
    found = [json.dumps(of(generic(), under=under, method="data")) for under in perturbations]
    assert len(set(found)) == len(found)
    again = of(generic(), under=mt.Perturbation(noise=stats.t(5)), method="data")
    assert json.dumps(again) == found[5]

"""Tables over the steps of gradient descent."""

import numpy as np
import pytest

import moetheory as mt

STEPS = [0, 1, 5, 100]


def test_in_theory_it_is_descent(generic):
    model = generic(label_noise_variance=0.3)
    for how in ({}, {"step_size": 0.1}, {"training": "joint"}):
        table = mt.sweep(model, "steps", STEPS, [mt.Dense(), mt.MoE(ridge=0.5)], **how)
        assert list(table.columns) == ["steps", "dense", "moe(ridge=0.5)"]
        assert table["steps"].tolist() == STEPS
        for estimator in (mt.Dense(), mt.MoE(ridge=0.5)):
            expected = mt.descent(estimator, model, STEPS, **how).excess
            np.testing.assert_array_equal(table[estimator.label], expected)
        assert (table.replicates, table.entropy) == (0, None)


def test_on_samples_it_is_the_simulation(generic):
    model = generic(label_noise_variance=0.3)
    how = {"step_size": 0.05, "samples": 60, "replicates": 50, "training": "joint"}
    under = mt.Perturbation(noise_variance=1.0)
    table = mt.sweep(model, "steps", STEPS, rng=3, under=under, **how)
    paths = mt.simulate_descent([mt.Dense(), mt.MoE()], model, STEPS, rng=3, under=under, **how)
    for label, path in zip(("dense", "moe"), paths, strict=True):
        assert np.all(np.isnan(table[label]))
        np.testing.assert_allclose(table[f"{label}_simulated"], path.mean - 0.3, rtol=1e-14)
        np.testing.assert_array_equal(table[f"{label}_sem"], path.sem)
    assert (table.replicates, table.entropy) == (50, 3)
    told = []
    mt.sweep(model, "steps", STEPS, rng=3, progress=lambda *each: told.append(each), **how)
    assert told[-1] == (50, 50)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (("steps", [1]), {"replicates": 5}, "replicates needs samples with over="),
        (("steps", [1]), {"under": mt.Perturbation(2.0)}, "under needs samples with over="),
        (("steps", [1.5]), {}, "values must be an integer, got 1.5"),
        (("steps", [-1]), {}, "values must be at least 0, got -1"),
        (("steps", [1]), {"drag": 0.5}, 'drag is for over="misrouting" of a BlockModel only'),
        (("steps", [1]), {"training": "none"}, 'training must be "own" or "joint"'),
        (("steps", [1]), {"step_size": 99.0}, "step_size must be less than"),
        (("samples", [9]), {"step_size": 0.1}, 'step_size is for over="steps"'),
        (("noise_variance", [9]), {"training": "joint"}, 'training is for over="steps" only'),
    ],
)
def test_what_is_refused(generic, arguments, options, message):
    with pytest.raises(ValueError, match=message):
        mt.sweep(generic(), *arguments, **options)


def test_finite_samples_without_replicates_name_the_call(generic):
    with pytest.raises(mt.NoClosedForm, match=r"simulate_descent\(estimator, model, steps, sampl"):
        mt.sweep(generic(), "steps", [1], samples=50)


def test_a_factory_is_refused(generic):
    with pytest.raises(ValueError, match='model must be a BlockModel with over="steps"'):
        mt.sweep(lambda t: generic(), "steps", [1])

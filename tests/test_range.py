"""Results in the corners of the range: the same numbers in any unit, finite and not negative."""

import math
import re

import numpy as np
import pytest

import moetheory as mt
from moetheory.cli import main

DENSE, MOE, HARD, SOFT = mt.Dense(), mt.MoE(), mt.MoE(gate=mt.Hard()), mt.MoE(gate=mt.Soft())


def corner(inputs=0, labels=0, noise=0.5, leakage=0.0, label_noise=0.0, probabilities=(0.3, 0.7)):
    """A model with variances times ``4**inputs`` and labels times ``2**labels``."""
    unit = 4.0**inputs
    return mt.BlockModel(
        probabilities,
        [0, 0, 1, 1],
        unit * np.array([2.0, 0.5, 1.0, 1.5]),
        np.ldexp([1.0, -1.5, 2.0, 0.5], labels - inputs),
        unit * noise,
        leakage_variances=unit * leakage,
        label_noise_variance=math.ldexp(label_noise, 2 * labels),
    )


def risks_of(model):
    """Risks, all in the unit of squared labels, by every route that is cheap."""
    v = float(model.signal_variances[2])
    perturbed = (
        mt.Perturbation(noise_variance=3.0 * v),
        mt.Perturbation(confusion=mt.even_confusion(2, 0.2), drag=0.5, erasure=0.1),
        mt.Perturbation(radius=0.5 * math.sqrt(v)),
    )
    found = [mt.gap(model), mt.moe_bound(model)]
    for estimator in (DENSE, MOE, mt.Dense(ridge=v), mt.MoE(ridge=v)):
        found += [mt.risk(estimator, model, under=u).value for u in (None, *perturbed)]
        found += [mt.risk(estimator, model, samples=n).value for n in (12, 40)]
        found += mt.descent(estimator, model, [0, 1, 10**6]).value.tolist()
        found += [mt.simulate(estimator, model, replicates=20, rng=0).mean]
        fits = [mt.simulate(estimator, model, samples=40, replicates=4, rng=0, method=m)
                for m in ("data", "statistics")]  # fmt: skip
        found += [fit.mean for fit in fits]
    sweep = mt.sweep(model, "misrouting", [0.0, 0.1], [DENSE, MOE], samples=40)
    found += [*sweep["dense"], *sweep["moe"]]
    law = mt.risk_distribution(MOE, model, 40)
    found += [law.mean, law.std, law.quantile(0.9)]
    found += [mt.high_probability_bound(model, 40, 1e-3).value]
    found += [mt.excess_rate(each, model) for each in (DENSE, MOE)]
    if model.strict:
        found += [mt.risk(each, model).value for each in (HARD, SOFT)]
        found += [mt.mmse(model).value]
        if model.noise_variance > 1e-3 * v:  # else hardly any input is misrouted
            found += [mt.simulate(each, model, replicates=20, rng=0).mean for each in (HARD, SOFT)]
    return np.array(found)


def numbers_of(model):
    """Pure numbers: routing, leads and shapes of spectra."""
    found = [mt.steps_to(each, model, 0.01, relative=True) for each in (DENSE, MOE)]
    found += [mt.crossover(DENSE, MOE, model, over=o) for o in ("misrouting", "leakage")]
    if model.strict:
        found += mt.routing_matrix(mt.Hard(), model).matrix.ravel().tolist()
        found += mt.spiked_spectrum(DENSE, model, 40).condition.tolist()
    return np.array(found)


# the ends of the range: variances and coefficients both large, both small, or one of each
ENDS = [(65, 195), (-65, -195), (65, -65), (-65, 65)]
LABELS = [(0, 130), (0, -130)]  # with noise on labels, which has an end of its own


@pytest.mark.filterwarnings("ignore::moetheory.HeavyTailWarning")
@pytest.mark.parametrize(
    ("noise", "leakage", "label_noise", "ends"),
    [
        (5e-15, 0.0, 0.0, ENDS[::2]),
        (5e-15, 0.25, 0.0, ENDS[::2]),
        (0.5, 0.0, 0.0, ENDS),
        (0.5, 0.25, 0.25, LABELS),
        (2e15, 0.0, 0.0, ENDS[1::2]),
        (2e15, 0.25, 0.0, ENDS[1::2]),
    ],
)
def test_risks_scale_with_the_units_of_inputs_and_labels(noise, leakage, label_noise, ends):
    numbers = {"noise": noise, "leakage": leakage, "label_noise": label_noise}
    plain = corner(**numbers)
    risks, pure = risks_of(plain), numbers_of(plain)
    assert risks[0] >= 0.0 or leakage  # the gap
    assert np.all(risks[1:] >= 0.0)
    assert np.all(np.isfinite(risks))
    for inputs, labels in ends:
        model = corner(inputs, labels, **numbers)
        np.testing.assert_allclose(np.ldexp(risks_of(model), -2 * labels), risks, rtol=1e-12)
        np.testing.assert_allclose(numbers_of(model), pure, rtol=1e-12)


@pytest.mark.parametrize("rare", [1e-6, 1e-16, 1e-40])
@pytest.mark.parametrize("leakage", [0.0, 0.25])
def test_a_rare_group_costs_dense_what_the_exact_gap_says(rare, leakage):
    """With 100 digits, in which 1 - p is not rounded."""
    from mpmath import mp

    model = corner(probabilities=(1.0 - rare, rare), leakage=leakage)
    with mp.workdps(100):
        exact, s, nu = mp.mpf(0), mp.mpf(model.noise_variance), mp.mpf(leakage)
        for m, block in enumerate(model.block_of.tolist()):
            q = mp.mpf(rare) if block == 0 else 1 - mp.mpf(rare)
            lam, b = mp.mpf(model.signal_variances[m]), mp.mpf(model.coefficients[m])
            h = (1 - q) * lam + q * nu
            dense, moe = h * s / (h + s), (1 - q) * lam * s / (lam + s) + q * nu
            exact += b**2 * (dense - moe)
    assert mt.gap(model) == pytest.approx(float(exact), rel=1e-10, abs=0.0)
    for estimator in (DENSE, MOE):
        found = mt.risk(estimator, model)
        assert 0.0 < found.excess <= model.null_risk
        assert mt.risk(estimator, model, samples=40).value >= found.value
        assert np.all(found.per_group > 0.0)


@pytest.mark.parametrize("over", ["noise_variance", "test_noise_variance", "leakage", "radius"])
@pytest.mark.parametrize(("inputs", "labels"), ENDS)
def test_searches_stay_inside_the_range(inputs, labels, over):
    model = corner(inputs, labels)
    unit = {"leakage": 1.0, "radius": 2.0**inputs}.get(over, 4.0**inputs)
    for a, b in ((DENSE, MOE), (MOE, DENSE), (MOE, mt.MoE(ridge=float(model.signal_variances[0])))):
        found = mt.crossover(a, b, model, over=over)
        plain = mt.crossover(a, b if b in (DENSE, MOE) else mt.MoE(ridge=2.0), corner(), over=over)
        assert found == pytest.approx(unit * plain, rel=1e-9)


@pytest.mark.parametrize(("inputs", "labels"), ENDS)
def test_the_best_ridge_is_one_that_an_estimator_may_have(inputs, labels):
    model = corner(inputs, labels)
    found = mt.optimal_ridge(MOE, model, 20)
    assert mt.risk(mt.MoE(ridge=found.ridge), model, samples=20).value == found.risk.value
    if 1e-40 < 0.01 * 4.0**inputs < 1e39:  # else it is at the end of the range
        plain = mt.optimal_ridge(MOE, corner(), 20).ridge
        assert found.ridge == pytest.approx(4.0**inputs * plain, rel=1e-4)


@pytest.mark.parametrize(
    ("over", "value"),
    [
        ("noise_variance", 1e17),
        ("label_noise_variance", 1e90),
        ("leakage", 1e30),
        ("test_noise_variance", 1e50),
        ("radius", 1e30),
    ],
)
def test_a_sweep_beyond_the_range_is_refused_at_its_value(over, value):
    name = {"test_noise_variance": "noise_variance", "leakage": "leakage_variances"}.get(over, over)
    message = rf"^at {over}={re.escape(str(value))}: {name} must be 0 or between .*, got "
    with pytest.raises(ValueError, match=message):
        mt.sweep(corner(), over, [1.0, value])


@pytest.mark.parametrize(
    "words",
    [
        "check one-over-k --noise-variance 1e308",
        "check one-over-k --noise-variance 1e-320",
        "check routing --noise-variance 1e20",
        "check one-over-k --signal-energy 1e308",
        "simulate --dim 8 --replicates 50 --label-power 1e154",
        "risk --dim 8 --leakage-variances 1e50",
        "risk --dim 8 --label-noise-variance 1e90",
        "risk --dim 8 --experts 1 --decay 1e4",
        "risk --dim 8 --ridge 1e50",
        "risk --dim 8 --radius 1e50",
        "risk --dim 8 --misrouting 0.1 --drag 1e50",
        "risk --dim 8 --test-noise-variance 1e50",
        "sweep --dim 8 --over noise_variance --values 1,1e50",
    ],
)
def test_the_command_line_refuses_in_one_line(words, capsys):
    assert main(words.split()) == 2
    captured = capsys.readouterr()
    assert not captured.out
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("moetheory: error: ")

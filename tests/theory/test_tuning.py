"""The best ridge and the best number of experts, against closed forms and brute force."""

import math
import time
import tracemalloc

import numpy as np
import pytest

import moetheory as mt
from general_noise import GENERAL
from moetheory.common.errors import OutOfRangeError
from moetheory.theory.tuning import best_experts, optimal_ridge


def both(ridge=0.0):
    return [mt.Dense(ridge=ridge), mt.MoE(ridge=ridge)]


# --- ridge -------------------------------------------------------------------------------------


@pytest.mark.parametrize("samples", [6, 20, 21, 1000])
@pytest.mark.parametrize("noise", [0.1, 10.0])
def test_one_isotropic_group_has_a_known_best_ridge(samples, noise):
    """n μ = ρ s/‖θ‖², the ratio of the residual variance to the mean squared coefficient."""
    s, signal, omega = 20, 1.5, 0.2
    b = np.cos(np.arange(s)) + 0.2
    model = mt.BlockModel([1.0], [0] * s, [signal] * s, b, noise, label_noise_variance=omega)
    theta = b * signal / (signal + noise)
    rho = (b**2).sum() * signal * noise / (signal + noise) + omega
    expected = rho * s / (theta @ theta) / samples
    for estimator in both():
        tuned = optimal_ridge(estimator, model, samples)
        assert tuned.ridge == pytest.approx(expected, rel=1e-3)  # a minimum is flat
        exact = mt.risk(type(estimator)(ridge=expected), model, samples=samples)
        assert tuned.risk.excess == pytest.approx(exact.excess, rel=1e-7)


@pytest.mark.parametrize("samples", [4, 9, 12, 60, (3, 30, 8)])
@pytest.mark.parametrize("estimator", both())
def test_the_best_ridge_is_a_minimum(generic, estimator, samples):
    model = generic(1.0, leakage_variances=0.1, label_noise_variance=0.2)
    tuned = optimal_ridge(estimator, model, samples)
    kind = type(estimator)
    assert 0.0 < tuned.ridge < math.inf
    assert tuned.risk.value == mt.risk(kind(ridge=tuned.ridge), model, samples=samples).value
    for factor in (0.0, 0.01, 0.5, 0.9, 0.99, 1.01, 1.1, 2.0, 100.0):
        other = mt.risk(kind(ridge=factor * tuned.ridge), model, samples=samples).excess
        assert tuned.risk.excess <= other * (1 + 1e-12)
    assert tuned.risk.excess <= model.label_power


@pytest.mark.parametrize("name", GENERAL)
@pytest.mark.parametrize("estimator", both())
def test_the_best_ridge_for_noise_in_general(name, estimator):
    model, kind = GENERAL[name], type(estimator)
    tuned = optimal_ridge(estimator, model, 40)
    assert 0.0 < tuned.ridge < math.inf
    for factor in (0.0, 0.01, 0.9, 1.1, 100.0):
        other = mt.risk(kind(ridge=factor * tuned.ridge), model, samples=40).excess
        assert tuned.risk.excess < other
    if estimator == mt.MoE():  # no expert sees interference, however loud
        louder = model.replace(interference_variances=1e9)
        assert optimal_ridge(estimator, louder, 40).ridge == tuned.ridge


@pytest.mark.parametrize("coefficients", [(1.0, 1.0), (3.0, -4.0)])
@pytest.mark.parametrize("estimator", both())
def test_the_best_ridge_is_best_in_simulation_too(estimator, coefficients):
    """Strong rare groups and next to no samples, where an equivalent may have a wrong minimum."""
    model = mt.BlockModel([0.876, 0.124], [0, 1], [10180.0, 326.0], coefficients, 1.33)
    tuned = optimal_ridge(estimator, model, (2, 1))

    def simulated(ridge):
        kind = type(estimator)(ridge=ridge)
        return mt.simulate(kind, model, samples=(2, 1), replicates=60_000, rng=3)

    best = simulated(tuned.ridge)
    assert abs(tuned.risk.value - best.mean) <= tuned.risk.error + 6.0 * best.sem
    for factor in (0.02, 0.3, 3.0, 50.0):
        other = simulated(factor * tuned.ridge)
        assert best.mean < other.mean + 6.0 * math.hypot(best.sem, other.sem)
    assert best.mean < other.mean - 6.0 * math.hypot(best.sem, other.sem)


def test_the_ridge_of_the_estimator_itself_does_not_matter(generic):
    model = generic()
    for with_ridge, without in zip(both(3.0), both(), strict=True):
        assert optimal_ridge(with_ridge, model, 20).ridge == optimal_ridge(without, model, 20).ridge


@pytest.mark.parametrize("estimator", both())
def test_predicting_zero_is_best_where_labels_are_noise(generic, estimator):
    model = generic(label_noise_variance=0.7).replace(coefficients=np.zeros(9))
    tuned = optimal_ridge(estimator, model, 30)
    assert tuned.ridge == math.inf
    assert (tuned.risk.value, tuned.risk.excess) == (0.7, 0.0)
    np.testing.assert_array_equal(tuned.risk.per_group, np.full(3, 0.7))


@pytest.mark.parametrize("samples", [9, 30])
def test_no_ridge_is_best_where_there_is_no_noise_at_all(generic, samples):
    for estimator in both():
        tuned = optimal_ridge(estimator, generic(0.0), [samples] * 3)
        assert tuned.ridge == 0.0
        assert tuned.risk.excess == pytest.approx(0.0, abs=1e-20)


def test_the_units_of_the_features_do_not_matter(generic):
    model = generic()
    scaled = model.replace(
        signal_variances=2.0**20 * model.signal_variances,
        noise_variance=2.0**20 * model.noise_variance,
        coefficients=2.0**-10 * model.coefficients,
    )
    for estimator in both():
        one, other = (optimal_ridge(estimator, each, 20) for each in (model, scaled))
        assert other.ridge == pytest.approx(2.0**20 * one.ridge, rel=1e-4)
        assert other.risk.excess == pytest.approx(one.risk.excess, rel=1e-9)


def test_the_best_ridge_may_be_small_beside_the_largest_variance():
    """Experts that differ by 15 orders of magnitude: only the weak one has labels."""
    strong = mt.BlockModel([0.5, 0.5], [0, 0, 1, 1], [1e15, 1e15, 1, 1], [0, 0, 1.0, 1.0], 5.0)
    weak = strong.replace(signal_variances=np.ones(4))
    found, wanted = (optimal_ridge(mt.MoE(), each, 8) for each in (strong, weak))
    assert found.risk.excess == pytest.approx(wanted.risk.excess, rel=1e-9)
    assert found.ridge == pytest.approx(wanted.ridge, rel=1e-3)


def test_least_squares_without_a_formula_is_left_out():
    """Without feature noise, where some coordinates leak, only dense with a ridge has one."""
    model = mt.BlockModel(
        [0.5, 0.5], [0, 1], [1.0, 2.0], [1.0, 1.0], 0.0,
        leakage_variances=[0.1, 0.0], label_noise_variance=1.0,
    )  # fmt: skip
    with pytest.raises(mt.NoClosedForm):
        mt.risk(mt.Dense(), model, samples=5)
    found = optimal_ridge(mt.Dense(), model, 5)
    assert 0.0 < found.ridge < math.inf
    assert found.risk.value == mt.risk(mt.Dense(found.ridge), model, samples=5).value


def test_tuning_refuses_what_risk_refuses(generic):
    for samples in (0, 2.5, [1, 2]):
        with pytest.raises(ValueError, match="samples"):
            optimal_ridge(mt.Dense(), generic(), samples)
    with pytest.raises(ValueError, match="estimator must be"):
        optimal_ridge("dense", generic(), 20)
    with pytest.raises(ValueError, match="model must be"):
        optimal_ridge(mt.Dense(), "model", 20)


# --- the number of experts ---------------------------------------------------------------------


def in_closed_form(d, n, noise, energy, k):
    """E R/V of docs/theory.md §4, K dividing d and n."""
    return d * noise / (k * energy + d * noise) * (n - k) / (n - d - k)


def divisors(d):
    return [k for k in range(1, d + 1) if d % k == 0]


@pytest.mark.parametrize(
    ("d", "n", "noise", "energy"),
    [(64, 256, 1.0, 64.0), (64, 192, 1.0, 64.0), (48, 96, 3.0, 10.0), (60, 240, 0.01, 1.0)],
)
def test_the_best_number_of_experts_is_that_of_the_closed_form(d, n, noise, energy):
    """Among divisors of d and n of which every expert has two samples more than coordinates."""
    cap = (n - d) / 2
    risks = {
        k: in_closed_form(d, n, noise, energy, k) for k in divisors(d) if n % k == 0 and k <= cap
    }
    best = best_experts(d, n, noise, signal_energy=energy)
    for k, expected in risks.items():
        model = mt.BlockModel.isotropic(d, k, noise, signal_energy=energy)
        risk = mt.risk(mt.MoE(), model, samples=n)
        assert risk.excess == pytest.approx(expected, rel=1e-12)
        assert risk.exactness == "exact"
        assert best.risk.excess <= expected * (1 + 1e-12)
    if best.experts in risks:
        assert best.experts == min(risks, key=risks.get)


@pytest.mark.parametrize("n", [1, 5, 23, 40, 46, 50, 53, 96, 200])
@pytest.mark.parametrize("noise", [0.01, 1.0, 100.0])
def test_it_is_the_best_of_all_divisors(n, noise):
    def risk(k):
        model = mt.BlockModel.isotropic(
            48, k, noise, signal_energy=7.0, label_power=2.0, label_noise_variance=0.3
        )
        return mt.risk(mt.MoE(), model, samples=n).excess

    best = best_experts(48, n, noise, signal_energy=7.0, label_power=2.0, label_noise_variance=0.3)
    assert risk(best.experts) == min(risk(k) for k in divisors(48))
    model = mt.BlockModel.isotropic(
        48, best.experts, noise, signal_energy=7.0, label_power=2.0, label_noise_variance=0.3
    )
    wanted = mt.risk(mt.MoE(), model, samples=n)
    for name in ("value", "excess", "per_group"):
        found = getattr(best.risk, name)
        np.testing.assert_allclose(found, getattr(wanted, name), rtol=1e-14)
    assert (best.risk.exactness, best.risk.error) == ("exact", 0.0)


def test_the_cap_binds_where_the_noise_is_low():
    """K ≤ (n-d)/2: the next divisor would leave experts with too few samples."""
    best = best_experts(64, 128 + 64, 1e-3, signal_energy=64.0)
    assert best.experts == 64 == (192 - 64) / 2
    assert math.isinf(mt.risk(mt.MoE(), mt.BlockModel.isotropic(64, 64, 1.0), samples=128).excess)


def test_at_high_noise_fewer_experts_than_the_cap_are_best():
    """K = n - √(d(n+dσ²/S)) is negative here: one expert, that is dense."""
    d, n, noise, energy = 64, 256, 20.0, 1.0
    best = best_experts(d, n, noise, signal_energy=energy)
    assert n - math.sqrt(d * (n + d * noise / energy)) < 0
    assert best.experts == 1
    assert best.experts == min(
        (k for k in divisors(d) if n % k == 0 and k <= (n - d) / 2),
        key=lambda k: in_closed_form(d, n, noise, energy, k),
    )


def test_the_answer_may_lie_between_the_ends():
    """Neither one expert nor as many as may be."""
    d, n, noise, energy = 64, 256, 10.0, 1.0
    best = best_experts(d, n, noise, signal_energy=energy)
    closed = {k: in_closed_form(d, n, noise, energy, k) for k in divisors(d)}
    assert best.experts == min(closed, key=closed.get)
    assert best.experts == 16
    assert 16 < n - math.sqrt(d * (n + d * noise / energy)) < 32


@pytest.mark.parametrize("n", [11, 12, 13])
def test_as_many_samples_as_coordinates_suit_no_number(n):
    """12 coordinates: every divisor has an expert within one of the threshold."""
    with pytest.raises(ValueError, match=f"^samples must differ from dim by .* got {n} and dim=12"):
        best_experts(12, n, 1.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 5, 1.0), "dim must be at least 1, got 0"),
        ((4.0, 5, 1.0), "dim must be an integer, got 4.0"),
        ((2**31 - 1, 5, 1.0), "dim must be at most 16777216, got 2147483647"),
        ((4, 0, 1.0), "samples must be at least 1, got 0"),
        ((4, [5, 5], 1.0), "samples must be an integer"),
        ((4, 50, -1.0), "noise_variance must be at least 0"),
        ((4, 50, math.nan), "noise_variance must be finite"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        best_experts(*arguments)


def test_coordinates_with_next_to_no_signal_are_refused():
    with pytest.raises(
        OutOfRangeError, match=r"\Asignal_energy must leave every coordinate"
    ) as error:
        best_experts(2**24, 5, 1e-35, signal_energy=1e-35)
    assert error.value.argument == "signal_energy"
    assert best_experts(10**4, 10**5, 1e-36, signal_energy=1e-36).experts > 1


def test_a_large_problem_takes_little_time_and_memory():
    """A prime, and the largest dim; to make a model took 24 GB."""
    for dim in (16777213, 2**24):
        samples = 4 * dim + 3
        started = time.process_time()
        tracemalloc.start()
        best = best_experts(dim, samples, 1.0, signal_energy=float(dim))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert best.experts == dim
        assert best.risk.excess == pytest.approx(
            1.0 / dim * (samples - dim) / (samples - 2 * dim), rel=1e-6
        )
        assert best.risk.per_group.shape == (dim,)
        assert peak < 2**29
        assert time.process_time() - started < 5.0

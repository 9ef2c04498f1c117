"""How much of a perturbation it takes: both sides, brute force, other algebra."""

import math
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from mpmath import mp

import moetheory as mt
from moetheory import Dense, MoE, Perturbation, crossover, crossovers, even_confusion, risk
from moetheory.strategies import block_models

PAIRS = [
    (Dense(), MoE()),
    (MoE(), Dense()),
    (Dense(ridge=0.5), MoE()),
    (Dense(ridge=0.1), MoE(ridge=2.0)),
    (Dense(), Dense(ridge=0.3)),
]


AMPLITUDES = ["leakage", "interference", "overlap"]
QUANTITIES = ["test_noise_variance", "misrouting", "radius", *AMPLITUDES]
NOISES = ["one", "several", "interference", "several, interference"]


def with_amplitude(model, over, amplitude):
    """The model with another variance α²λ: of leakage, of interference, or added to the noise."""
    variance = amplitude**2 * model.signal_variances
    match over:
        case "leakage":
            return model.replace(leakage_variances=variance)
        case "interference":
            return model.replace(interference_variances=variance)
    return model.replace(noise_variance=model.noise_variance + variance)


def lead(a, b, model, over, value, drag=0.0, samples=None):
    """The lead of b at ``value``, and the size of a lead that is only rounding."""
    if over in AMPLITUDES:
        changed = with_amplitude(model, over, value)
        risks = [risk(each, changed).excess for each in (a, b)]
    else:
        under = {
            "test_noise_variance": lambda: Perturbation(noise_variance=value),
            "misrouting": lambda: Perturbation(
                confusion=even_confusion(model.experts, value), drag=drag
            ),
            "radius": lambda: Perturbation(radius=value),
            "erasure": lambda: Perturbation(erasure=value),
        }[over]()
        risks = [risk(each, model, samples=samples, under=under).excess for each in (a, b)]
    return risks[0] - risks[1], 1e-12 * max(risks)


def random_models(number, noises="one", leakage=0.02):
    """Every other model leaks, with at most this share of the signal variances."""
    rng, more = np.random.default_rng(3), np.random.default_rng(4)
    for _ in range(number):
        sizes = rng.integers(1, 5, rng.integers(2, 5))
        d, p = sizes.sum(), rng.integers(1, 9, len(sizes))
        variances = 2.0 ** rng.integers(-5, 5, d)
        model = mt.BlockModel(
            p / p.sum(),
            np.repeat(np.arange(len(sizes)), sizes),
            variances,
            rng.standard_normal(d),
            2.0 ** rng.integers(-5, 5),
            leakage_variances=leakage * variances * rng.random(d) * rng.integers(0, 2),
            label_noise_variance=0.3 * rng.integers(0, 2),
        )
        if "several" in noises:
            factors = more.permutation(np.geomspace(0.01, 100.0, d))
            model = model.replace(noise_variance=model.noise_variance * factors)
        if "interference" in noises:
            model = model.replace(interference_variances=variances * more.random(d))
        yield model


def models_over(over, noises):
    """Random models, some of which have a crossover: experts must lose to win again by noise."""
    leakage = 0.5 if over in ("interference", "overlap") else 0.02
    return random_models(10 if noises == "one" and over in QUANTITIES[:4] else 4, noises, leakage)


@pytest.mark.parametrize("over", QUANTITIES)
@pytest.mark.parametrize(("a", "b"), PAIRS)
@pytest.mark.parametrize("noises", ["one", "several, interference"])
def test_the_order_changes_there_and_nowhere_before(a, b, over, noises):
    met = set()
    for index, model in enumerate(models_over(over, noises)):
        drag = float(index % 3) if over == "misrouting" else 0.0
        end = crossover(a, b, model, over=over, drag=drag)
        before = np.linspace(0.0, 0.999, 7) * min(end, 1.0)
        met.add("never" if end == math.inf else "at once" if end == 0.0 else "inside")
        if end == 0.0:
            ahead, rounding = lead(a, b, model, over, 0.0, drag)
            assert ahead <= rounding
            continue
        for value in before:
            ahead, rounding = lead(a, b, model, over, value, drag)
            assert ahead > -rounding
        if end < math.inf and not (over == "misrouting" and 1.001 * end > 1.0):
            ahead, rounding = lead(a, b, model, over, 1.001 * end, drag)
            assert ahead < rounding
    # a dense predictor is no better than MoE, or than itself without ridge, to begin with
    if over not in ("interference", "overlap") and noises == "one":
        assert "inside" in met or isinstance(b, Dense)


@pytest.mark.parametrize("over", QUANTITIES)
@pytest.mark.parametrize("noises", NOISES)
def test_both_risks_are_equal_there(over, noises):
    number = 0
    for index, model in enumerate(models_over(over, noises)):
        drag = float(index % 3) if over == "misrouting" else 0.0
        for a, b in (PAIRS[1], PAIRS[3]):
            for end in crossovers(a, b, model, over=over, drag=drag):
                difference, rounding = lead(a, b, model, over, end, drag)
                assert abs(difference) < 100.0 * rounding
                number += 1
    assert number > 0


def test_test_noise_is_the_closed_form_of_its_docstring(generic):
    model = generic(2.0)
    p, lam, b = (
        model.group_probabilities[model.block_of],
        model.signal_variances,
        model.coefficients,
    )
    dense = b * p * lam / (p * lam + 2.0)
    theta = b * lam / (lam + 2.0)
    risks = risk(Dense(), model).excess - risk(MoE(), model).excess
    expected = 2.0 + risks / (p @ theta**2 - dense @ dense)
    found = crossover(Dense(), MoE(), model, over="test_noise_variance")
    assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("noise", [3e-12, 1e-3, 1.0, 1e3, 1e12])
def test_break_evens_keep_their_digits_at_any_noise(noise):
    """Against 60 digits, for two blocks of one coordinate."""
    model = mt.BlockModel([0.25, 0.75], [0, 1], [1e-9, 3.0], [1.0, -2.0], noise)
    with mp.workdps(60):
        s, gaps, gains, slope = mp.mpf(noise), mp.mpf(0), mp.mpf(0), mp.mpf(0)
        for q, lam, b in ((mp.mpf("0.25"), mp.mpf(1e-9), 1), (mp.mpf("0.75"), mp.mpf(3), -2)):
            theta, fit = b * lam / (lam + s), b * q * lam / (q * lam + s)
            gaps += b**2 * (q * lam * s / (q * lam + s) - q * lam * s / (lam + s))
            gains += q * theta**2 - fit**2
            slope += q * b * lam * theta + (1 - q) * (s + 4 * lam) * theta**2
            slope -= (1 - q) * 4 * lam * fit**2
        expected = s + gaps / gains if gains > 0 else math.inf
        rate = gaps / slope
    found = crossover(Dense(), MoE(), model, over="test_noise_variance")
    assert found == pytest.approx(float(expected), rel=1e-12)
    found = crossover(Dense(), MoE(), model, over="misrouting", drag=2.0)
    assert found == pytest.approx(float(rate), rel=1e-12)


def test_the_leakage_of_equal_directions_solves_a_cubic():
    r"""p σ⁴(1-a)²λ² = a²λ²(h+σ²)(λ+σ²), h = λ(p + (1-p)a), a = α²."""
    for p, lam, noise in ((0.25, 4.0, 1.0), (0.5, 0.01, 1.0), (0.125, 1e6, 1.0)):
        k = round(1 / p)
        model = mt.BlockModel.isotropic(2 * k, k, noise, signal_energy=2.0 * lam)
        polynomial = np.polynomial.Polynomial
        a, one = polynomial([0.0, 1.0]), polynomial([1.0])
        h = lam * (p * one + (1 - p) * a)
        difference = p * noise**2 * (one - a) ** 2 - a**2 * (h + noise) * (lam + noise)
        roots = [r.real for r in difference.roots() if abs(r.imag) < 1e-9 and r.real > 0]
        found = crossover(Dense(), MoE(), model, over="leakage")
        assert found == pytest.approx(math.sqrt(min(roots)), rel=1e-8)


def leaking_directions(experts, lam, noise, leakage):
    """A model in which all directions are alike."""
    return mt.BlockModel.isotropic(
        2 * experts, experts, noise, signal_energy=2.0 * lam, leakage_variances=leakage
    )


@pytest.mark.parametrize("leakage", [0.05, 0.3, 1.0])
def test_the_interference_of_equal_directions_solves_a_quadratic(leakage):
    r"""p (λ(n+κ)-νn)² = ν² (h+n+qκ)(λ+n): beyond it routing filters more than it leaves unseen."""
    lam, noise, polynomial = 2.0, 0.01, np.polynomial.Polynomial
    for k in (2, 4, 8):
        p, kappa = 1 / k, polynomial([0.0, 1.0])
        h = p * lam + (1 - p) * leakage
        mean = noise + (1 - p) * kappa
        filtered = p * (lam * (noise + kappa) - leakage * noise) ** 2
        roots = (filtered - leakage**2 * (h + mean) * (lam + noise)).roots()
        expected = math.sqrt(max(roots.real) / lam)
        model = leaking_directions(k, lam, noise, leakage)
        assert mt.gap(model) < 0.0
        found = crossovers(MoE(), Dense(), model, over="interference")
        assert found == (pytest.approx(expected, rel=1e-9),)
        assert crossover(MoE(), Dense(), model, over="interference") == found[0]
        assert crossover(Dense(), MoE(), model, over="interference") == 0.0


@pytest.mark.parametrize("leakage", [0.05, 0.1, 0.3])
def test_the_overlap_of_equal_directions_with_the_noise_solves_a_quadratic(leakage):
    r"""p n²(λ-ν)² = ν²(h+n)(λ+n) for n = σ² + α²λ: noise is what routing filters."""
    lam, noise, polynomial = 2.0, 0.01, np.polynomial.Polynomial
    k = 4
    p, total = 1 / k, polynomial([0.0, 1.0])
    h = p * lam + (1 - p) * leakage
    difference = p * (total * (lam - leakage)) ** 2 - leakage**2 * (h + total) * (lam + total)
    expected = math.sqrt((max(difference.roots().real) - noise) / lam)
    model = leaking_directions(k, lam, noise, leakage)
    found = crossovers(MoE(), Dense(), model, over="overlap")
    assert found == (pytest.approx(expected, rel=1e-9),)


@pytest.mark.parametrize("noises", NOISES)
def test_in_strict_blocks_neither_interference_nor_overlap_takes_the_lead_of_experts(noises):
    for model in random_models(10, noises):
        strict = model.replace(leakage_variances=0.0)
        for over in ("interference", "overlap"):
            assert crossovers(Dense(), MoE(), strict, over=over) == ()
            assert crossover(Dense(), MoE(), strict, over=over) == math.inf
            assert crossover(MoE(), Dense(), strict, over=over) == 0.0


@pytest.mark.parametrize("noises", NOISES)
def test_the_lead_of_experts_never_falls_with_interference_and_always_with_leakage(noises):
    amplitudes = [0.0, 1e-3, 0.03, 0.3, 1.0, 3.0, 100.0]
    for model in random_models(10, noises):
        for over, sign in (("interference", 1.0), ("leakage", -1.0)):
            gaps = [mt.gap(with_amplitude(model, over, each)) for each in amplitudes]
            assert all(sign * (after - before) > 0.0 for before, after in pairwise(gaps))


def test_one_group_meets_no_interference():
    """Nothing depends on it: the order of two estimators is what it was."""
    model = mt.BlockModel([1.0], [0, 0], [1.0, 2.0], [1.0, 1.0], [0.5, 5.0])
    assert crossovers(Dense(ridge=1.0), MoE(), model, over="interference") == ()
    assert crossover(Dense(ridge=1.0), MoE(), model, over="interference") == math.inf
    assert crossover(Dense(), MoE(), model, over="interference") == 0.0


def test_leakage_may_be_above_the_signal_with_a_ridge_on_dense_only():
    """At an amplitude of one every block looks the same whether active or not."""
    for model in random_models(20):
        assert crossover(Dense(), MoE(), model, over="leakage") < 1.0
    model = mt.BlockModel([0.5, 0.5], [0, 1], [1.0, 1e-4], [1e-3, 1.0], 1.0)
    end = crossover(Dense(ridge=100.0), MoE(), model, over="leakage")
    assert end > 1.0
    below, above = (
        lead(Dense(ridge=100.0), MoE(), model, "leakage", factor * end)[0]
        for factor in (0.999, 1.001)
    )
    assert below > 0.0 > above


def test_erased_coordinates_that_are_correlated_cost_experts_their_lead():
    """They rely on differences that dense would shrink."""
    twins = [[1.0, 0.98], [0.98, 1.0]]
    model = mt.BlockModel.from_covariances([twins, twins], [[1.0, -1.0]] * 2, 0.02)
    end = crossover(Dense(), MoE(), model, over="erasure")
    # λ = 0.02 along β: θ = b/2, b̂ = b/3; with b² = 2, p = 1/2, scatter b²(1 - λ)/4 and /9
    gap = 2.0 * 0.02 * 0.02**2 * 0.5 / (0.03 * 0.04)
    assert end == pytest.approx(gap / (0.98 * 2.0 * (1.0 / 4.0 - 1.0 / 9.0)), rel=1e-9)
    below, above = (lead(Dense(), MoE(), model, "erasure", f * end)[0] for f in (0.999, 1.001))
    assert below > 0.0 > above
    apart = model.replace(rotations=None)
    assert crossover(Dense(), MoE(), apart, over="erasure") == math.inf
    assert crossover(MoE(), Dense(), apart, over="erasure") == 0.0


@pytest.mark.parametrize("kappa", [0.0, 0.3])
def test_erased_coordinates_whose_noise_is_correlated_have_a_break_even_too(kappa):
    """Equal signal in every direction, and noise that two coordinates share."""
    turn = np.array([[1.0, 1.0], [1.0, -1.0]]) / math.sqrt(2.0)
    model = mt.BlockModel(
        [0.5, 0.5], [0, 0, 1, 1], [1.0] * 4, [1.0, 0.5, -1.0, 0.3], [1e-3, 1.0, 1e-3, 0.5],
        interference_variances=[0.0, kappa, 0.0, 2.0 * kappa],
        leakage_variances=[0.02] * 4, rotations=[turn, turn],
    )  # fmt: skip
    ends = []
    for a, b in PAIRS:
        for end in crossovers(a, b, model, over="erasure"):
            difference, rounding = lead(a, b, model, "erasure", end)
            assert abs(difference) < 100.0 * rounding
            below, above = (lead(a, b, model, "erasure", f * end)[0] for f in (0.999, 1.001))
            assert below * above < 0.0
            ends.append(end)
    assert ends


@pytest.mark.parametrize(
    ("over", "drag"), [("test_noise_variance", 0.0), ("misrouting", 0.0), ("misrouting", 1.0)]
)
@pytest.mark.parametrize("general", [False, True])
def test_fitted_estimators_have_break_evens_too(generic, over, drag, general):
    model = generic(1.0, label_noise_variance=0.1)
    if general:
        model = model.replace(
            noise_variance=np.geomspace(0.05, 5.0, 9)[[2, 7, 4, 0, 6, 3, 8, 1, 5]],
            interference_variances=np.array([0.8, 0.0, 0.5, 2.0, 0.3, 1.1, 0.4, 0.7, 0.2]),
        )
    samples = [40, 60, 50]
    end = crossover(Dense(), MoE(), model, over=over, samples=samples, drag=drag)
    assert 0.0 < end < math.inf
    below, above = (
        lead(Dense(), MoE(), model, over, factor * end, drag, samples)[0] for factor in (0.99, 1.01)
    )
    assert below > 0.0 > above
    assert end != pytest.approx(crossover(Dense(), MoE(), model, over=over, drag=drag), rel=0.01)


def test_an_infinite_risk_is_never_better(generic):
    model, short = generic(1.0), [40, 4, 50]  # four samples for four coordinates
    for over in ("test_noise_variance", "misrouting"):
        assert crossover(Dense(), MoE(), model, over=over, samples=short) == 0.0
        assert crossover(MoE(), Dense(), model, over=over, samples=short) == math.inf


def test_one_expert_is_never_misrouted():
    model = mt.BlockModel([1.0], [0, 0], [1.0, 2.0], [1.0, 1.0], 0.5)
    assert crossover(Dense(), MoE(), model, over="misrouting") == 0.0
    assert crossover(Dense(ridge=3.0), MoE(), model, over="misrouting") == math.inf


@given(block_models(strict=True))
def test_the_condition_is_sharp_direction_by_direction(model):
    """p θ² ≤ b̂² in rational numbers, where no root of p is taken."""
    met = mt.sharp_snr_condition(model)
    noises = np.broadcast_to(model.noise_variance, model.dim)
    for m, g in enumerate(model.block_of):
        p, lam, noise, kappa = (
            Fraction(float(x))
            for x in (
                model.group_probabilities[g],
                model.signal_variances[m],
                noises[m],
                model.interference_variances[m],
            )
        )
        if not (0 < p < 1 and lam):
            continue
        expert, dense = lam / (lam + noise), p * lam / (p * lam + noise + (1 - p) * kappa)
        # where both sides are equal up to rounding nothing is decided
        if abs(p * expert**2 - dense**2) > Fraction(1, 10**9) * (1 - p) * dense**2:
            assert met[m] == (p * expert**2 <= dense**2)
    if np.all(met):
        assert crossover(Dense(), MoE(), model, over="test_noise_variance") in (0.0, math.inf)


def test_the_condition_is_an_equality_at_its_threshold():
    p, noise, kappa = np.array([0.25, 0.75]), np.array([0.3, 2.0]), np.array([0.7, 0.1])
    threshold = (noise + (1.0 + np.sqrt(p)) * kappa) / np.sqrt(p)
    for factor, expected in ((1.0 - 1e-9, [False, False]), (1.0 + 1e-9, [True, True])):
        model = mt.BlockModel(
            p, [0, 1], factor * threshold, [1.0, 1.0], noise, interference_variances=kappa
        )
        assert mt.sharp_snr_condition(model).tolist() == expected
        experts, dense = (mt.optimal_coefficients(each, model) for each in (MoE(), Dense()))
        np.testing.assert_allclose(p * experts**2, dense**2, rtol=1e-8)


@given(block_models(strict=True, uniform=True))
def test_below_the_training_noise_strict_experts_always_win(model):
    end = crossover(Dense(), MoE(), model, over="test_noise_variance")
    assert end == 0.0 or end >= model.noise_variance
    if end == 0.0:  # nothing to gain: no noise, or a single group that has labels
        gap = mt.gap(model)
        assert gap <= 1e-12 * risk(Dense(), model).excess


def test_arguments_that_mean_nothing_are_refused(generic):
    model = generic()
    with pytest.raises(ValueError, match=r"^drag is for over=\"misrouting\", got 1.0 with"):
        crossover(Dense(), MoE(), model, over="leakage", drag=1.0)
    with pytest.raises(ValueError, match=r"^samples is for over=\"test_noise_variance\" and"):
        crossover(Dense(), MoE(), model, over="radius", samples=100)
    with pytest.raises(ValueError, match=r"^drag must be finite"):
        crossover(Dense(), MoE(), model, over="misrouting", drag=math.nan)
    for over in ("erasure", "misrouting", "radius"):
        with pytest.raises(mt.NoClosedForm, match=f"the crossover over {over} is known for"):
            crossover(Dense(), MoE(gate=mt.Hard()), model, over=over)


def test_hardly_any_noise_in_training_hides_no_lead():
    for noise in (1e-6, 3e-12):  # both leads are all but the same multiple of it
        model = mt.BlockModel([0.4, 0.6], [0, 1, 1], [0.7, 0.5, 1.7], [1.0, -1.0, 2.0], noise)
        assert crossover(Dense(), MoE(), model, over="test_noise_variance") == math.inf
        assert crossover(MoE(), Dense(), model, over="test_noise_variance") == 0.0


def test_fitted_break_evens_with_next_to_no_noise_in_training():
    # risks at no test noise and at that of training are the same in all digits
    model = mt.BlockModel(
        [0.4, 0.6], [0] * 4 + [1] * 4, [1.0] * 8, [1.0] * 8, 1e-6, label_noise_variance=45.0
    )
    pair = {"a": MoE(ridge=0.1), "b": Dense(ridge=0.1)}
    expected, found = (
        crossover(
            **pair,
            model=model.replace(noise_variance=noise),
            over="test_noise_variance",
            samples=22,
        )
        for noise in (1e-6, 1e-11)
    )
    assert 0.0 < expected < math.inf
    assert found == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("over", QUANTITIES)
def test_break_evens_do_not_depend_on_the_units_of_labels_and_inputs(over):
    model = mt.BlockModel.isotropic(64, 16, 1.0, signal_energy=8.0)
    pair = Dense(), MoE()
    if over in ("interference", "overlap"):
        model, pair = leaking_directions(4, 2.0, 0.01, 0.1), (MoE(), Dense())
    end = crossover(*pair, model, over=over)
    assert 0.0 < end < math.inf
    for unit in (1e-19, 1e-9, 1e9, 1e19):
        labels = model.replace(coefficients=unit * model.coefficients)
        assert crossover(*pair, labels, over=over) == pytest.approx(end, rel=1e-12)
        inputs = model.replace(
            signal_variances=unit**2 * model.signal_variances,
            noise_variance=unit**2 * model.noise_variance,
            leakage_variances=unit**2 * model.leakage_variances,
        )
        scale = {"test_noise_variance": unit**2, "radius": unit}.get(over, 1.0)
        found = crossover(*pair, inputs, over=over)
        assert found == pytest.approx(scale * end, rel=1e-12)


@pytest.mark.parametrize("over", AMPLITUDES)
@pytest.mark.parametrize("noises", NOISES)
def test_a_ridge_never_pays_at_infinitely_many_samples_however_much_leaks(over, noises):
    # beyond an amplitude of 10^8 both risks are the noise that passes, in all digits
    for model in random_models(3, noises):
        for ridge in (0.3, 1e-3):
            assert crossover(Dense(ridge=ridge), Dense(), model, over=over) == math.inf
            assert crossover(MoE(ridge=ridge), MoE(), model, over=over) == math.inf
            assert crossover(Dense(), Dense(ridge=ridge), model, over=over) == 0.0


def test_one_expert_is_never_misrouted_after_fitting_either():
    model = mt.BlockModel([1.0], [0, 0, 0], [1.0, 2.0, 3.0], [1.0, 1.0, 1.0], 1.0)
    few = {"over": "misrouting", "samples": 5, "drag": 1.0}  # the ridge pays
    assert crossover(Dense(ridge=1.0), Dense(), model, **few) == 0.0
    assert crossover(Dense(), Dense(ridge=1.0), model, **few) == math.inf
    assert crossover(Dense(), MoE(), model, **few) == 0.0


@pytest.mark.parametrize("over", QUANTITIES)
@pytest.mark.parametrize(("a", "b"), [*PAIRS, (Dense(ridge=1.0), MoE(ridge=0.3))])
@pytest.mark.parametrize("noises", ["one", "several, interference"])
def test_crossovers_are_all_changes_of_the_order(a, b, over, noises):
    for index, model in enumerate(models_over(over, noises)):
        drag = float(index % 3) if over == "misrouting" else 0.0
        found = crossovers(a, b, model, over=over, drag=drag)
        one = crossover(a, b, model, over=over, drag=drag)
        assert one in (*found[:1], 0.0, math.inf)
        ends = [0.0, *found, 1.0 if over == "misrouting" else 10.0 * (found or (1.0,))[-1]]
        orders = []
        for left, right in pairwise(ends):
            stretch = [
                lead(a, b, model, over, left + share * (right - left), drag)
                for share in (0.05, 0.5, 0.95)
            ]
            signs = {value > 0.0 for value, rounding in stretch if abs(value) > rounding}
            assert len(signs) <= 1
            orders += signs
        assert all(x != y for x, y in pairwise(orders)) or not found
        if found and one != found[0]:
            assert one == 0.0
            assert lead(a, b, model, over, 0.5 * found[0], drag)[0] < 0.0


def test_the_order_over_the_radius_may_change_twice():
    """The mixture lets through less noise, but more where its error is large: strict blocks."""
    model = mt.BlockModel(
        [0.06, 0.94], [0, 0, 1, 1], [0.011, 0.035, 18.6, 0.017], [0.042, 0.058, 0.105, 5.65], 1.0
    )
    found = crossovers(Dense(), MoE(), model, over="radius")
    assert len(found) == 2
    radii = 0.99 * found[0], 1.01 * found[0], 0.99 * found[1], 1.01 * found[1]
    leads = [lead(Dense(), MoE(), model, "radius", radius)[0] for radius in radii]
    assert [value > 0.0 for value in leads] == [True, False, False, True]
    assert crossover(Dense(), MoE(), model, over="radius") == found[0]
    assert crossover(MoE(), Dense(), model, over="radius") == 0.0
    assert crossovers(MoE(), Dense(), model, over="radius") == pytest.approx(found)


def exact_ends(model, a, b, drag):
    """The exact crossovers over test noise and misrouting, as roots of linear leads, or None."""
    with mp.workdps(120):
        p, *arrays = (
            [mp.mpf(float(x)) for x in each]
            for each in (
                model.group_probabilities,
                model.signal_variances,
                model.leakage_variances,
                model.coefficients,
                np.broadcast_to(model.noise_variance, model.dim),
                model.interference_variances,
            )
        )
        p, others = [x / sum(p) for x in p], len(p) - 1

        def values(estimator):
            """Excess risk without test noise, noise gain, what the noise adds, and slope."""
            still, gain, noisy, slope = [mp.mpf(0)] * 4
            for g, v, leak, b, n, kappa in zip(model.block_of, *arrays, strict=True):
                q, wrong = p[g], (1 - p[g]) / others
                h, ridge = q * v + (1 - q) * leak, mp.mpf(estimator.ridge)
                if isinstance(estimator, Dense):
                    idle = (1 - q) * kappa
                    fit = b * h / (h + n + idle + ridge)
                    still += h * (b - fit) ** 2 + idle * fit**2
                    gain, noisy = gain + fit**2, noisy + n * fit**2
                    slope += wrong * mp.mpf(drag) ** 2 * v * fit**2
                else:
                    fit = b * v / (v + n + ridge)
                    still += q * v * (b - fit) ** 2 + (1 - q) * leak * b**2
                    gain, noisy = gain + q * fit**2, noisy + q * n * fit**2
                    slope += q * (v * b**2 - v * (b - fit) ** 2 - n * fit**2)
                    slope += wrong * (leak * (b - fit) ** 2 - leak * b**2)
                    slope += wrong * (n + kappa + mp.mpf(drag) ** 2 * v) * fit**2
            return still, gain, noisy, slope

        still, gain, noisy, slope = (
            one - other for one, other in zip(values(a), values(b), strict=True)
        )

        def root(value, slope):
            return None if value * slope >= 0 else float(-value / slope)

        rate = root(still + noisy, slope)
        return root(still, gain), rate if rate is not None and rate <= 1.0 else None


RIDGED = [
    (Dense(), MoE()),
    (Dense(ridge=0.3), MoE(ridge=0.3)),
    (Dense(ridge=1e6), MoE(ridge=1e6)),
    (Dense(ridge=1e-6), MoE()),
    (Dense(ridge=1.0), Dense(ridge=1.000001)),
    (MoE(ridge=1e-6), MoE(ridge=1.000001e-6)),
]


@pytest.mark.parametrize(("a", "b"), RIDGED)
@pytest.mark.parametrize("drag", [0.0, 1.0, 1e3, 1e6, 1e8, 1e12])
@pytest.mark.parametrize("ratio", [1e-15, 1e-12, 1e-6, 1.0, 1e6, 1e15])
@pytest.mark.parametrize("general", [False, True])
def test_crossovers_keep_their_digits_at_any_noise_ridge_and_drag(a, b, drag, ratio, general):
    """Against 120 digits, in strict blocks of random models."""
    rng = np.random.default_rng(11)
    for _ in range(2):
        sizes = rng.integers(1, 4, 3)
        variances = 10.0 ** rng.uniform(-1, 1, sizes.sum())
        blocks = np.repeat(np.arange(3), sizes)
        model = mt.BlockModel(
            rng.dirichlet([1.0, 1.0, 1.0]),
            blocks,
            variances,
            rng.standard_normal(sizes.sum()),
            ratio * np.bincount(blocks, variances).max(),
        )
        if general:
            # towards the middle of what a model may have
            end, factors = (-2.0 if ratio > 1.0 else 2.0), rng.random((2, model.dim))
            louder = model.noise_variance * 10.0 ** (end * factors)
            model = model.replace(noise_variance=louder[0], interference_variances=louder[1])
        wanted = exact_ends(model, a, b, drag)
        for over, end in zip(("test_noise_variance", "misrouting"), wanted, strict=True):
            more = {"drag": drag} if over == "misrouting" else {}
            found = crossovers(a, b, model, over=over, **more)
            assert found == (() if end is None else (pytest.approx(end, rel=1e-12, abs=0.0),))


@pytest.mark.parametrize(
    ("a", "b"), [*RIDGED, (Dense(), MoE(ridge=1e-5)), (Dense(ridge=1e-5), MoE(ridge=1e-8))]
)
@pytest.mark.parametrize("rare", [1e-3, 1e-9, 1e-12])
@pytest.mark.parametrize("noise", [7e-13, 1e-3, 1e6])
def test_crossovers_keep_their_digits_where_a_group_is_rare(a, b, rare, noise):
    """First-order terms in the ridge of the experts cancel, and so do the common group's terms."""
    model = mt.BlockModel([1.0 - rare, rare], [0, 1], [0.5, 3.0], [0.001, 0.5], noise)
    for drag in (0.0, 1.0, 1e6):
        wanted = exact_ends(model, a, b, drag)
        for over, end in zip(("test_noise_variance", "misrouting"), wanted, strict=True):
            more = {"drag": drag} if over == "misrouting" else {}
            found = crossovers(a, b, model, over=over, **more)
            assert found == (() if end is None else (pytest.approx(end, rel=1e-12, abs=0.0),))

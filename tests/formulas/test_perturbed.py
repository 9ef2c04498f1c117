"""Formulas of perturbed risks on plain arrays: sums over groups, quadrature, explicit shifts."""

import itertools
import math

import numpy as np
import pytest
from scipy import integrate, optimize

from moetheory.formulas import perturbed
from moetheory.formulas.perturbed import BlockLosses

CONFUSION = np.array([[0.6, 0.1, 0.3, 0.0], [0.0, 1.0, 0.0, 0.0], [0.5, 0.5, 0, 0], [0.25] * 4])
LEAD = (5, 2)
ONE, EACH = np.zeros(4, dtype=int), np.arange(4)  # the expert of each group
EXPERTS = {
    "dense": ONE,
    "one each": EACH,
    "two": np.array([1, 0, 1, 1]),
    "three": np.array([2, 0, 1, 0]),
    "one each, in another order": np.array([2, 0, 3, 1]),
}


@pytest.fixture
def losses():
    """Losses of 5 × 2 predictors on four blocks; the null losses are the same for all."""
    rng = np.random.default_rng(0)
    *fitted, own, other = rng.random((8, *LEAD, 4))
    return BlockLosses(*fitted, own[0, 0], other[0, 0])


def error(losses, at, i, j, experts, noise, drag, shared=None):
    """Excess risk of one predictor and what noise passes, block by block."""
    total = gain = 0.0
    for k in range(4):
        meets = losses if experts[k] == experts[j] else shared
        if meets is None:
            total += (losses.null_active if k == i else losses.null_inactive)[k]
            continue
        total += (meets.active if k == i else meets.inactive)[(*at, k)]
        total += noise * meets.noise[(*at, k)]
        total += meets.interference[(*at, k)] * (k != i)
        gain += meets.noise_gain[(*at, k)]
        if k == j and i != j:
            total += drag**2 * losses.drag_gain[(*at, k)]
    return total, gain


@pytest.fixture
def shared_losses():
    """Losses of 5 × 2 shared experts."""
    rng = np.random.default_rng(1)
    return BlockLosses(*rng.random((8, *LEAD, 4)))


@pytest.mark.parametrize("served", EXPERTS)
@pytest.mark.parametrize("beside", [False, True])
@pytest.mark.parametrize("confusion", [CONFUSION, None])
@pytest.mark.parametrize("radius", [0.0, 0.7])
def test_risks_of_many_predictors_are_sums_over_blocks_and_groups(
    losses, shared_losses, served, beside, confusion, radius
):
    experts, shared = EXPERTS[served], shared_losses if beside else None
    routed = perturbed.routed(losses, 0.3, 1.5, experts, shared)
    found = (
        perturbed.adversarial(routed, confusion, 0.2, radius)
        if radius
        else perturbed.excess(routed, confusion)
    )
    assert found.shape == (*LEAD, 4)
    matrix = np.eye(4) if confusion is None else confusion
    for at in itertools.product(*map(range, LEAD)):
        for i in range(4):
            expected = 0.0
            for j in range(4):
                risk, gain = error(losses, at, i, j, experts, 0.3, 1.5, shared)
                crossed = math.sqrt(2 / math.pi * gain * (risk + 0.2))
                expected += matrix[i, j] * (risk + 2 * radius * crossed + radius**2 * gain)
            assert found[(*at, i)] == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("served", EXPERTS)
@pytest.mark.parametrize("beside", [False, True])
def test_every_pair_of_groups_has_its_risk(losses, shared_losses, served, beside):
    experts, shared = EXPERTS[served], shared_losses if beside else None
    found = perturbed.pairs(perturbed.routed(losses, 0.3, 1.5, experts, shared))
    assert found.shape == (*LEAD, 4, 4)
    for *at, i, j in itertools.product(*map(range, found.shape)):
        expected, _ = error(losses, tuple(at), i, j, experts, 0.3, 1.5, shared)
        assert found[(*at, i, j)] == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("radius", [0.0, 0.5])
def test_a_block_that_is_large_and_explained_costs_no_digits(radius):
    """Expert 1 knows its block: 10²⁰ of signal there, and no difference of it."""
    other = np.array([0.0, 1e20, 0.0])
    none = np.zeros(3)
    own, gain = np.array([1e-3, 1.0, 2.0]), np.full(3, 0.25)
    losses = BlockLosses(none, none, gain, gain, none, none, own, other)
    routed = perturbed.routed(losses, 1.0, 0.0, np.arange(3))
    confusion = np.array([[0.0, 1.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.9, 0.1]])
    found = (
        perturbed.adversarial(routed, confusion, 0.0, radius)
        if radius
        else perturbed.excess(routed, confusion)
    )

    def worst(risk):
        return risk + 2 * radius * math.sqrt(2 / math.pi * 0.25 * risk) + radius**2 * 0.25

    assert found[0] == pytest.approx(worst(1e-3 + 0.25), rel=1e-13)
    assert found[1] == pytest.approx(worst(0.25), rel=1e-13)


def worst_of_errors(deviation, radius, norm):
    """E (|e| + r‖w‖)² by quadrature of the normal density."""

    def density(e):
        return math.exp(-0.5 * (e / deviation) ** 2) / (deviation * math.sqrt(2 * math.pi))

    whole = integrate.quad(
        lambda e: 2 * (e + radius * norm) ** 2 * density(e), 0, 40 * deviation,
        points=[deviation, 5 * deviation], epsabs=0, epsrel=1e-12,
    )  # fmt: skip
    return whole[0]


@pytest.mark.parametrize("radius", [1e-6, 0.3, 50.0])
@pytest.mark.parametrize("label_noise", [0.0, 0.7])
def test_the_worst_shift_by_quadrature(losses, radius, label_noise):
    at = (3, 1)
    routed = perturbed.routed(losses, 0.3, 1.5, EACH)
    found = perturbed.adversarial(routed, CONFUSION, label_noise, radius)[at]
    for i in range(4):
        expected = 0.0
        for j in range(4):
            risk, gain = error(losses, at, i, j, EACH, 0.3, 1.5)
            deviation, norm = math.sqrt(risk + label_noise), math.sqrt(gain)
            expected += CONFUSION[i, j] * worst_of_errors(deviation, radius, norm)
        assert found[i] + label_noise == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("radius", [0.2, 3.0])
def test_the_worst_shift_of_an_input_is_along_the_coefficients(radius):
    """max over ‖δ‖ ≤ r of (y - w·(x+δ))², searched for, is (|e| + r‖w‖)².

    A convex function is largest on the sphere: its directions are searched, from both sides.
    """
    rng = np.random.default_rng(2)
    for _ in range(5):
        w, x, y = rng.standard_normal(4), rng.standard_normal(4), rng.standard_normal()

        def loss(direction, w=w, x=x, y=y):
            return np.square(y - w @ (x + radius * direction / np.linalg.norm(direction)))

        found = [
            loss(optimize.minimize(lambda z, loss=loss: -loss(z), start, method="BFGS").x)
            for first in rng.standard_normal((2, 4))
            for start in (first, -first)
        ]
        expected = (abs(y - w @ x) + radius * np.linalg.norm(w)) ** 2
        assert max(found) == pytest.approx(expected, rel=1e-6)


def test_zero_times_infinity_is_zero():
    values = np.array([1.0, np.inf, np.inf])
    assert perturbed.times(0.0, values).tolist() == [0.0, 0.0, 0.0]
    assert perturbed.times(np.array([2.0, 0.0, 0.5]), values).tolist() == [2.0, 0.0, np.inf]
    assert perturbed.times(np.zeros((2, 1)), values).shape == (2, 3)


@pytest.mark.parametrize("noise", [0.0, 0.3])
@pytest.mark.parametrize("drag", [0.0, 1.5])
@pytest.mark.parametrize("interferes", [True, False])
def test_an_infinite_expert_is_met_by_whom_it_meets(noise, drag, interferes):
    """Expert 2 is infinite, in what noise, interference and drag pass only."""
    none, one = np.zeros(4), np.ones(4)
    far = np.array([1.0, 1.0, np.inf, 1.0])
    losses = BlockLosses(one, none, far, far, far if interferes else none, far, one, none)
    found = perturbed.excess(perturbed.routed(losses, noise, drag, EACH), CONFUSION)
    meets = (CONFUSION[:, 2] > 0) & (noise > 0)
    if drag or interferes:
        meets |= (CONFUSION[:, 2] > 0) & (np.arange(4) != 2)
    assert np.isinf(found).tolist() == meets.tolist()
    dense = perturbed.excess(perturbed.routed(losses, noise, drag, ONE), CONFUSION)
    if noise:
        assert np.all(np.isinf(dense))
    else:
        wrong = (CONFUSION[:, 2] > 0) & (drag > 0) | interferes
        assert np.isinf(dense).tolist() == (wrong & (np.arange(4) != 2)).tolist()


# --- losses from moments -----------------------------------------------------------------------

BLOCK_OF = np.array([0, 2, 1, 1, 0, 2, 2])
P = [0.2, 0.5, 0.3]


def moments():
    """Variances and true coefficients (7,), and means and variances of 5 × 2 fits."""
    rng = np.random.default_rng(5)
    signal, leakage = np.exp(rng.standard_normal((2, 7)))
    b, (mean, variance) = rng.standard_normal(7), rng.random((2, *LEAD, 7))
    return signal, leakage * (BLOCK_OF > 0), b, mean, variance


UNITS = np.geomspace(1e-2, 1e2, 7)[[3, 1, 6, 0, 5, 2, 4]]
INTERFERENCE = np.array([0.3, 0.0, 1.2, 0.6, 4.0, 0.1, 0.9])
NOISES = {
    "one": (None, 0.0),
    "several": (UNITS, 0.0),
    "one, interference": (None, INTERFERENCE),
    "several, interference": (UNITS, INTERFERENCE),
    "equal interference": (UNITS, 0.7),
}


def coin_losses(signal, leakage, b, mean, variance, units, interference, lost=1.0):
    """The forms of coefficients that are mean ± deviation by a coin, coordinate by coordinate."""
    found = {name: np.zeros((*LEAD, 3)) for name in BlockLosses._fields}
    units = np.ones(7) if units is None else units
    interference = np.broadcast_to(interference, 7)
    for m, g in enumerate(BLOCK_OF):
        for sign in (-1.0, 1.0):
            c = mean[..., m] + sign * np.sqrt(variance[..., m])
            forms = {
                "active": signal[m] * (b[m] - c) ** 2,
                "inactive": lost * leakage[m] * (b[m] - c) ** 2,
                "noise_gain": c**2,
                "noise": lost * units[m] * c**2,
                "interference": lost * interference[m] * c**2,
                "drag_gain": lost * signal[m] * c**2,
                "null_active": signal[m] * b[m] ** 2,
                "null_inactive": leakage[m] * b[m] ** 2,
            }
            for name, value in forms.items():
                found[name][..., g] += 0.5 * value
    return found


@pytest.mark.parametrize("noises", NOISES)
def test_losses_of_random_coefficients_are_means_over_a_coin(noises):
    signal, leakage, b, mean, variance = moments()
    found = perturbed.block_losses(
        P, BLOCK_OF, signal, leakage, b, mean, b - mean, variance, *NOISES[noises]
    )
    assert found.active.shape == found.noise.shape == found.interference.shape == (*LEAD, 3)
    expected, wrong = (
        coin_losses(signal, leakage, b, mean, variance, *NOISES[noises], lost=lost)
        for lost in (1.0, 0.99)
    )
    for name, values in found._asdict().items():
        np.testing.assert_allclose(values, expected[name], rtol=1e-12, err_msg=name)
        same = name not in ("inactive", "noise", "interference", "drag_gain")
        silent = name == "interference" and not np.any(NOISES[noises][1])
        assert np.allclose(values, wrong[name], rtol=1e-12) == (same or silent)


def test_one_noise_variance_is_a_scale_or_a_unit():
    """Scale 0.3 and no units, or scale 1 and every unit 0.3: the same risks."""
    signal, leakage, b, mean, variance = moments()
    arguments = signal, leakage, b, mean, b - mean, variance
    for experts in (np.zeros(3, dtype=int), np.arange(3), np.array([0, 1, 0])):
        one, other = (
            perturbed.pairs(
                perturbed.routed(
                    perturbed.block_losses(P, BLOCK_OF, *arguments, u), scale, 1.5, experts
                )
            )
            for u, scale in ((None, 0.3), (np.full(7, 0.3), 1.0))
        )
        np.testing.assert_allclose(one, other, rtol=1e-14)


def test_an_error_that_is_given_apart_keeps_its_digits():
    signal, leakage, b, *_ = moments()
    error = 1e-20 * np.arange(1.0, 8.0)  # b - error is b in doubles
    found = perturbed.block_losses(P, BLOCK_OF, signal, leakage, b, b, error)
    for form, variances in ((found.active, signal), (found.inactive, leakage)):
        expected = [math.fsum((variances * error**2)[g == BLOCK_OF]) for g in range(3)]
        np.testing.assert_allclose(form, expected, rtol=1e-14)

"""Perturbed risks against full matrices in coordinates that are correlated, and invariances."""

import itertools
import re

import numpy as np
import pytest
from scipy import stats

import moetheory as mt
from moetheory.predictors.perturbed_risks import (
    correlated_blocks,
    fit_excess,
    rowwise_fit_excess,
)

CONFUSION = [[0.7, 0.2, 0.1], [0.0, 0.9, 0.1], [0.3, 0.3, 0.4]]
RICH = {"noise_variance": 0.9, "confusion": CONFUSION, "drag": 0.6}
BOTH = [mt.Dense(), mt.MoE(), mt.Dense(ridge=0.3), mt.MoE(ridge=0.3)]
SIZES = (2, 3, 2)
NOISE = np.array([0.3, 10.0, 0.01, 0.1, 3.0, 100.0, 0.03])  # unequal within every block
INTERFERENCE = np.array([0.8, 0.0, 0.5, 2.0, 0.3, 1.1, 0.4])
OTHER_NOISE = np.array([1.0, 0.0, 0.05, 2.0, 7.0, 0.4, 0.02])
NOISES = {
    "one": {},
    "several": {"noise_variance": NOISE},
    "interference": {"interference_variances": INTERFERENCE},
    "several, interference": {"noise_variance": NOISE, "interference_variances": INTERFERENCE},
}
# what may change at test time, beside confusion, drag and erasure
TEST_NOISES = [
    {},
    {"noise_variance": 0.9},
    {"noise_variance": OTHER_NOISE},
    {"interference_variances": 0.0},
    {"noise_variance": 0.0, "interference_variances": 0.6},
    {"noise_variance": OTHER_NOISE, "interference_variances": INTERFERENCE[::-1]},
]
MISLED = {"confusion": CONFUSION, "drag": 0.6}


def matrices(seed=1):
    """Covariances and coefficients of correlated blocks."""
    rng = np.random.default_rng(seed)
    halves = [rng.standard_normal((s, s)) for s in SIZES]
    return [h @ h.T + 0.1 * np.eye(len(h)) for h in halves], [rng.standard_normal(s) for s in SIZES]


def turned(covariances=None, **more):
    """A model of correlated blocks, turned to their eigenbases, that leaks unevenly."""
    given, betas = matrices()
    return mt.BlockModel.from_covariances(
        covariances or given,
        betas,
        0.4,
        group_probabilities=[0.2, 0.5, 0.3],
        **{"leakage_variances": np.linspace(0.1, 0.5, 7), "label_noise_variance": 0.2, **more},
    )


def whole(blocks):
    """The block-diagonal matrix of these blocks."""
    found, ends = np.zeros((7, 7)), np.cumsum((0, *SIZES))
    for start, stop, block in zip(ends, ends[1:], blocks, strict=False):
        found[start:stop, start:stop] = block
    return found


def by_masks(model, estimator, under, covariances, betas, fitted=None):
    """Risk given the group, with full matrices: every set of erased coordinates by itself.

    ``fitted`` are means and covariances of the coefficients, if they are not the optimal ones.
    """
    ends = np.cumsum((0, *SIZES))

    def turned_back(variances):
        variances = np.broadcast_to(variances, 7)
        return [
            u @ np.diag(variances[a:b]) @ u.T
            for u, a, b in zip(model.rotations, ends, ends[1:], strict=False)
        ]

    def in_groups(active, inactive):
        pairs = list(zip(active, inactive, strict=True))
        return [whole([c if g == i else n for g, (c, n) in enumerate(pairs)]) for i in range(3)]

    def noise_in_groups(noise, interference):
        return in_groups(turned_back(noise), turned_back(noise + interference))

    beta, block = np.concatenate(betas), np.repeat(range(3), SIZES)
    clean = in_groups(covariances, turned_back(model.leakage_variances))
    ridge, p = estimator.ridge * np.eye(7), model.group_probabilities
    own = model.noise_variance, model.interference_variances
    if isinstance(estimator, mt.MoE):
        moment, noise = whole(covariances), whole(turned_back(own[0]))
    else:
        moment, noise = (np.einsum("g,gij->ij", p, x) for x in (clean, noise_in_groups(*own)))
    fit, spread = np.linalg.solve(moment + noise + ridge, moment @ beta), np.zeros((7, 7))
    if fitted is not None:
        fit, spread = fitted
    second = np.outer(fit, fit) + spread
    given = under.noise_variance, under.interference_variances
    test_noise = noise_in_groups(
        *(mine if new is None else new for mine, new in zip(own, given, strict=True))
    )
    confusion = np.eye(3) if under.confusion is None else under.confusion
    risks = np.full(3, model.label_noise_variance)
    for i, j in itertools.product(range(3), repeat=2):
        pulled = np.where(np.outer(block == j, block == j), whole(covariances), 0.0) * (i != j)
        seen = clean[i] + under.drag**2 * pulled + test_noise[i]
        used = block == j if isinstance(estimator, mt.MoE) else np.ones(7)
        masks = [[1.0] * 7] if under.erasure == 0.0 else itertools.product((0.0, 1.0), repeat=7)
        for mask in masks:
            kept = np.array(mask) * used
            chance = np.prod(np.where(mask, 1 - under.erasure, under.erasure))
            one = beta @ clean[i] @ beta - 2 * beta @ clean[i] @ (kept * fit)
            one += np.sum(seen * second * np.outer(kept, kept))
            norm = np.sqrt(np.sum((kept * fit) ** 2))
            omega = model.label_noise_variance
            shifted = 2 * under.radius * np.sqrt(2 / np.pi * (one + omega)) * norm
            risks[i] += confusion[i][j] * chance * (one + shifted + (under.radius * norm) ** 2)
    return risks


@pytest.mark.parametrize("estimator", BOTH)
@pytest.mark.parametrize("leaks", [True, False])
@pytest.mark.parametrize("noises", NOISES)
def test_risks_by_full_matrices_and_enumeration(estimator, leaks, noises):
    """Optimal predictors, test noise, confusion with drag, and worst-case shifts."""
    covariances, betas = matrices()
    model = (turned() if leaks else turned(leakage_variances=0.0)).replace(**NOISES[noises])
    for noise, rest in itertools.product(TEST_NOISES, ({}, MISLED)):
        for radius in (0.0, 0.7):
            under = mt.Perturbation(**noise, **rest, radius=radius)
            expected = by_masks(model, estimator, under, covariances, betas)
            found = mt.risk(estimator, model, under=under)
            np.testing.assert_allclose(found.per_group, expected, rtol=1e-10)
            assert found.value == pytest.approx(model.group_probabilities @ expected, rel=1e-10)


@pytest.mark.parametrize("estimator", BOTH)
@pytest.mark.parametrize("leaks", [True, False])
@pytest.mark.parametrize("noises", NOISES)
def test_erasure_of_correlated_coordinates_is_a_mean_over_masks(estimator, leaks, noises):
    covariances, betas = matrices()
    model = (turned() if leaks else turned(leakage_variances=0.0)).replace(**NOISES[noises])
    for rest in ({}, RICH, {**TEST_NOISES[-1], **MISLED}):
        under = mt.Perturbation(**rest, erasure=0.3)
        expected = by_masks(model, estimator, under, covariances, betas)
        result = mt.risk(estimator, model, under=under)
        np.testing.assert_allclose(result.per_group, expected, rtol=1e-12)
        assert result.value == pytest.approx(model.group_probabilities @ expected, rel=1e-12)
        # and it does matter which coordinates are erased, a million times the tolerance
        straight = mt.risk(estimator, model.replace(rotations=None), under=under)
        assert np.abs(straight.per_group / expected - 1).max() > 1e-6


@pytest.mark.parametrize("noises", NOISES)
def test_erasure_of_fitted_experts_is_a_mean_over_masks(noises):
    """β̂ of mean θ and covariance ρC⁻¹/(n-s-1), in the coordinates before the rotation."""
    covariances, betas = matrices()
    model, counts = turned().replace(**NOISES[noises]), np.array([5, 9, 30])
    own_noise = np.broadcast_to(model.noise_variance, 7)
    noisy = [
        c + u @ np.diag(own_noise[g == model.block_of]) @ u.T
        for g, (c, u) in enumerate(zip(covariances, model.rotations, strict=True))
    ]
    theta = [
        np.linalg.solve(seen, c @ b) for seen, c, b in zip(noisy, covariances, betas, strict=True)
    ]
    rho = mt.risk(mt.MoE(), model).per_group
    spreads = [
        r * np.linalg.inv(seen) / (n - len(seen) - 1)
        for r, seen, n in zip(rho, noisy, counts, strict=True)
    ]
    fitted = np.concatenate(theta), whole(spreads)
    for rest in (RICH, {**TEST_NOISES[-1], **MISLED}):
        under = mt.Perturbation(**rest, erasure=0.3)
        expected = by_masks(model, mt.MoE(), under, covariances, betas, fitted)
        result = mt.risk(mt.MoE(), model, samples=counts, under=under)
        np.testing.assert_allclose(result.per_group, expected, rtol=1e-12)
        assert (result.exactness, result.error) == ("exact", 0.0)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_erasure_does_not_make_an_infinite_expert_unknown(n):
    model = turned()
    under = mt.Perturbation(erasure=0.3)
    result = mt.risk(mt.MoE(), model, samples=[n, 30, 30], under=under)
    assert np.isinf(result.per_group).tolist() == [True, False, False]
    assert (result.value, result.exactness, result.error) == (np.inf, "exact", 0.0)
    apart = mt.Perturbation(erasure=0.3, confusion=[[0, 1, 0], [0, 1, 0], [0, 0, 1]])
    assert np.isfinite(mt.risk(mt.MoE(), model, samples=[n, 30, 30], under=apart).value)


def test_what_is_only_reordered_or_isotropic_is_not_correlated():
    """Covariances that are diagonal, or multiples of the identity: erased like any coordinates."""
    signal = np.array([1.0, 2.0, 3.0, 3.0, 3.0, 5.0, 4.0])
    blocks = [np.diag(signal[:2]), 3.0 * np.eye(3), np.diag(signal[5:])]
    model = turned(blocks, leakage_variances=0.1)
    flat = mt.BlockModel(
        model.group_probabilities,
        model.block_of,
        signal,
        np.concatenate(matrices()[1]),
        0.4,
        leakage_variances=0.1,
        label_noise_variance=0.2,
    )
    every, none, plain = [True, True, True], [False, False, False], mt.Perturbation()
    assert correlated_blocks(turned(), plain).tolist() == every
    assert correlated_blocks(model, plain).tolist() == none
    assert correlated_blocks(flat, plain).tolist() == none
    # leakage or noise alone may be: turned blocks of equal variances that leak unequally
    leaks = turned().replace(signal_variances=1.0 + turned().block_of)
    even = leaks.replace(leakage_variances=0.1)
    assert correlated_blocks(leaks, plain).tolist() == every
    assert correlated_blocks(even, plain).tolist() == none
    for noise in NOISES.values():
        noisy = even.replace(**noise)
        assert correlated_blocks(noisy, plain).tolist() == [bool(noise)] * 3
        # what matters is the noise that is erased, that of the test
        assert correlated_blocks(even, mt.Perturbation(**noise)).tolist() == [bool(noise)] * 3
        quiet = mt.Perturbation(noise_variance=0.4, interference_variances=0.2)
        assert correlated_blocks(noisy, quiet).tolist() == none
    under = mt.Perturbation(**RICH, erasure=0.3)
    for estimator in BOTH:
        for samples in (None, 40, [1, 9, 2], [9, 1, 0]):
            one, other = (
                mt.risk(estimator, m, samples=samples, under=under) for m in (model, flat)
            )
            np.testing.assert_allclose(one.per_group, other.per_group, rtol=1e-12)
            assert one.exactness == other.exactness


@pytest.mark.parametrize(
    ("estimator", "samples"),
    [(mt.Dense(), 40), (mt.Dense(ridge=0.1), 40), (mt.MoE(ridge=0.1), 40), (mt.MoE(), [30, 1, 30])],
)
def test_what_is_not_known_of_correlated_coordinates_is_refused(estimator, samples):
    with pytest.raises(mt.NoClosedForm, match=r"correlated.*call simulate\(.*under=\.\.\.\)"):
        mt.risk(estimator, turned(), samples=samples, under=mt.Perturbation(erasure=0.1))


# --- what must not matter, and how it depends on what does -------------------------------------


LEAKY_NOISE = {
    "one": {},
    "general": {
        "noise_variance": np.geomspace(0.01, 100.0, 9)[[5, 1, 8, 3, 6, 0, 4, 7, 2]],
        "interference_variances": np.array([0.8, 0.0, 0.5, 2.0, 0.3, 1.1, 0.4, 0.7, 0.2]),
    },
}


@pytest.fixture(params=LEAKY_NOISE)
def leaky(generic, request):
    model = generic(leakage_variances=np.linspace(0.3, 0.1, 9), label_noise_variance=0.2)
    return model.replace(**LEAKY_NOISE[request.param])


FITS = [None, [30, 1, 9], 40]


def per_group(estimator, model, samples, **what):
    return mt.risk(estimator, model, samples=samples, under=mt.Perturbation(**what)).per_group


@pytest.mark.parametrize("samples", FITS)
@pytest.mark.parametrize("estimator", BOTH)
def test_names_of_groups_and_order_of_coordinates_do_not_matter(leaky, estimator, samples):
    order, relabel = np.random.default_rng(1).permutation(9), np.array([2, 0, 1])
    back, noise = np.argsort(relabel), np.linspace(0.0, 3.0, 9)
    permuted = mt.BlockModel(
        leaky.group_probabilities[back],
        relabel[leaky.block_of[order]],
        leaky.signal_variances[order],
        leaky.coefficients[order],
        np.broadcast_to(leaky.noise_variance, 9)[order],
        leakage_variances=leaky.leakage_variances[order],
        interference_variances=leaky.interference_variances[order],
        label_noise_variance=0.2,
    )
    counts = np.array(samples)[back] if isinstance(samples, list) else samples
    confusion = np.array(CONFUSION)[np.ix_(back, back)]
    extras = [{"erasure": 0.2}] + [{"radius": 0.7}] * (samples is None)
    arrays = {"noise_variance": noise, "interference_variances": noise[::-1]}
    for extra, changed in itertools.product(extras, (RICH, {**MISLED, **arrays})):
        moved = {name: changed[name][order] for name in arrays if changed is not RICH}
        one = per_group(estimator, leaky, samples, **changed, **extra)
        there = {**changed, **moved, "confusion": confusion}
        other = per_group(estimator, permuted, counts, **there, **extra)
        np.testing.assert_allclose(one, other[relabel], rtol=1e-9 if samples else 1e-12)


@pytest.mark.parametrize("samples", FITS)
@pytest.mark.parametrize("estimator", BOTH)
@pytest.mark.parametrize("noises", NOISES)
def test_only_erasure_minds_a_rotation(estimator, samples, noises):
    model = turned().replace(**NOISES[noises])
    straight = model.replace(rotations=None)
    for changed in (RICH, {**TEST_NOISES[-1], **MISLED}):
        for extra in [{}] + [{"radius": 0.7}] * (samples is None):
            one, other = (
                per_group(estimator, m, samples, **changed, **extra) for m in (model, straight)
            )
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("samples", FITS)
@pytest.mark.parametrize("estimator", BOTH)
def test_erasure_leads_straight_to_the_null_risk(leaky, estimator, samples):
    """(1-q) risk + q null risk, in every group."""
    null = [
        leaky.coefficients**2
        @ np.where(leaky.block_of == g, leaky.signal_variances, leaky.leakage_variances)
        + 0.2
        for g in range(3)
    ]
    whole = per_group(estimator, leaky, samples, **RICH)
    for q in (1e-9, 0.3, 0.999):
        expected = (1 - q) * whole + q * np.array(null)
        erased = per_group(estimator, leaky, samples, **RICH, erasure=q)
        np.testing.assert_allclose(erased, expected, rtol=1e-12)


@pytest.mark.parametrize("samples", FITS)
@pytest.mark.parametrize("estimator", BOTH)
def test_errors_noise_and_the_square_of_drag_add_up(leaky, estimator, samples):
    """Linear in the error rate, in the noise variances, in the interference and in η²."""
    shape = np.geomspace(0.01, 100.0, 9)

    def at(rate, noise, interference, drag):
        confusion = mt.even_confusion(3, rate)
        variances = {"noise_variance": noise, "interference_variances": interference}
        return per_group(estimator, leaky, samples, **variances, confusion=confusion, drag=drag)

    middle = (0.3, 1.0, 0.7, 1.0)
    for low, high in (
        ((0.0, 1.0, 0.7, 1.0), (0.6, 1.0, 0.7, 1.0)),
        ((0.3, 0.0, 0.7, 1.0), (0.3, 2.0, 0.7, 1.0)),
        ((0.3, 1.0 - shape / 100.0, 0.7, 1.0), (0.3, 1.0 + shape / 100.0, 0.7, 1.0)),
        ((0.3, 1.0, 0.0, 1.0), (0.3, 1.0, 1.4, 1.0)),
        ((0.3, 1.0, 0.7 - shape / 200.0, 1.0), (0.3, 1.0, 0.7 + shape / 200.0, 1.0)),
        ((0.3, 1.0, 0.7, 0.0), (0.3, 1.0, 0.7, np.sqrt(2.0))),
    ):
        np.testing.assert_allclose(at(*middle), np.mean([at(*low), at(*high)], axis=0), rtol=1e-12)
    np.testing.assert_array_equal(at(0.3, 1.0, 0.7, 0.5), at(0.3, 1.0, 0.7, -0.5))


def test_a_radius_costs_at_least_and_at_most_what_triangles_say(leaky):
    """R + r²‖w‖² ≤ worst ≤ (√R + r‖w‖)² in every group."""
    for estimator in BOTH:
        norm = np.square(mt.optimal_coefficients(estimator, leaky))
        gain = np.bincount(leaky.block_of, norm)
        if isinstance(estimator, mt.Dense):
            gain = np.full(3, norm.sum())
        plain = mt.risk(estimator, leaky).per_group
        for r in (1e-6, 0.4, 1e3):
            worst = per_group(estimator, leaky, None, radius=r)
            assert np.all(plain + r**2 * gain < worst)
            assert np.all(worst < np.square(np.sqrt(plain) + r * np.sqrt(gain)))


def test_a_small_risk_beside_a_large_one_keeps_its_digits():
    """Expert 1 explains nearly all that leaks: 10¹¹ less 10¹¹ would be left of it."""
    model = mt.BlockModel(
        [0.4, 0.3, 0.3], [0, 1, 2], [2.0, 1e11, 3.0], [1.0, 1.0, 1.0], 1.0,
        leakage_variances=[0.0, 1e11, 0.0],
    )  # fmt: skip
    always = [[0.0, 1.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    risk = mt.risk(mt.MoE(), model, under=mt.Perturbation(confusion=always))
    left = 2.0 + 1e11 / (1e11 + 1.0)  # of its own block, and of what leaks and noise
    assert risk.per_group[0] == pytest.approx(left, rel=1e-12)
    worst = mt.risk(mt.MoE(), model, under=mt.Perturbation(confusion=always, radius=0.5))
    gain = 1e11 / (1e11 + 1.0)  # of the shift
    expected = left + gain * np.sqrt(2 / np.pi * left) + (0.5 * gain) ** 2
    assert worst.per_group[0] == pytest.approx(expected, rel=1e-12)


# --- refusals ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("estimator", "what", "samples", "needed"),
    [
        (mt.MoE(), {"radius": 1.0, "erasure": 0.1}, None,
         "the risk under a worst-case shift is known for normal errors only, not with erasure, got "
         "Perturbation(erasure=0.1, radius=1.0); call "
         "simulate(MoE(gate=Oracle(), ridge=0.0), model, under=...)"),
        (mt.Dense(), {"radius": 1.0, "noise": stats.t(5)}, None,
         "the risk under a worst-case shift is known for normal errors only, not with noise that "
         "is not normal, got Perturbation(noise=t(5), radius=1.0); call "
         "simulate(Dense(ridge=0.0), model, under=...)"),
        (mt.Dense(), {"radius": 1.0}, 40,
         "the risk under a worst-case shift is known for infinitely many samples only, got "
         "samples=40; call simulate(Dense(ridge=0.0), model, samples=..., under=...)"),
        (mt.MoE(gate=mt.Hard()), {"erasure": 0.1}, None,
         "the risk with a gate that routes by the input is known for normal noise without erasure "
         "at test time, got Perturbation(erasure=0.1); call "
         "simulate(MoE(gate=Hard(), ridge=0.0), model, under=...)"),
    ],
)  # fmt: skip
def test_what_has_no_closed_form_says_what_to_call(generic, estimator, what, samples, needed):
    with pytest.raises(mt.NoClosedForm, match=f"^{re.escape(needed)}$"):
        mt.risk(estimator, generic(), samples=samples, under=mt.Perturbation(**what))


@pytest.mark.parametrize("estimator", [mt.Dense(), mt.MoE(), mt.MoE(gate=mt.Hard())])
@pytest.mark.parametrize("name", ["noise_variance", "interference_variances"])
@pytest.mark.parametrize("length", [8, 10])
@pytest.mark.parametrize("equal", [False, True])
def test_variances_have_one_number_for_each_coordinate_of_the_model(
    generic, estimator, name, length, equal
):
    under = mt.Perturbation(**{name: np.ones(length) if equal else np.arange(float(length))})
    needed = f"{name} must be a number or 9 of them, one for each coordinate, got {length}"
    for verb in (mt.risk, mt.simulate):
        with pytest.raises(ValueError, match=f"^{re.escape(needed)}$"):
            verb(estimator, generic(), under=under)


@pytest.mark.parametrize("interference", [0.5, [0.0, 0.5]])
@pytest.mark.parametrize("estimator", [mt.Dense(), mt.MoE()])
def test_one_group_meets_no_interference(estimator, interference):
    model = mt.BlockModel([1.0], [0, 0], [1.0, 2.0], [1.0, -1.0], [0.1, 0.2])
    under = mt.Perturbation(interference_variances=interference)
    needed = (
        "interference_variances must be 0 for one group, whose block is never inactive, got 0.5"
    )
    for verb in (mt.risk, mt.simulate):
        with pytest.raises(ValueError, match=f"^{re.escape(needed)}$"):
            verb(estimator, model, under=under)
    none = mt.Perturbation(interference_variances=0.0)
    assert mt.risk(estimator, model, under=none).value == mt.risk(estimator, model).value


def risks_by_masks(model, under, rows):
    """Excess risks of a linear predictor for each group, given the group.

    By full matrices, over all pairs of groups and all masks of coordinates before the rotation.
    """
    dim, groups = model.dim, range(model.experts)
    turn = np.eye(dim)
    for g, basis in enumerate(model.rotations or ()):
        own = np.flatnonzero(model.block_of == g)
        turn[np.ix_(own, own)] = basis
    active = [model.block_of == g for g in groups]
    clean = [np.where(on, model.signal_variances, model.leakage_variances) for on in active]
    interference = under.interference_of(model.interference_variances)
    noise = np.broadcast_to(under.noise_of(model.noise_variance), dim)
    noises = [noise + np.where(on, 0.0, interference) for on in active]
    confusion = np.eye(model.experts) if under.confusion is None else under.confusion
    found = np.zeros(model.experts)
    for i, j in itertools.product(groups, groups):
        dragged = np.where(active[j], under.drag**2 * model.signal_variances, 0.0) * (i != j)
        for mask in itertools.product([0.0, 1.0], repeat=dim):
            chance = np.prod(np.where(mask, 1.0 - under.erasure, under.erasure))
            if chance == 0.0:
                continue
            met = turn.T @ np.diag(mask) @ turn @ rows[j]
            error = (model.coefficients - met) ** 2 @ clean[i] + met**2 @ (noises[i] + dragged)
            error += model.label_noise_variance
            length, r = np.linalg.norm(met), under.radius
            value = error + 2 * r * length * np.sqrt(2 * error / np.pi) + r**2 * length**2
            found[i] += confusion[i, j] * chance * value
    return found - model.label_noise_variance


MIXED = mt.Perturbation(
    1.7, [[0.7, 0.3], [0.1, 0.9]], 0.8, erasure=0.2, interference_variances=[0.3, 0.1, 0.2, 0.4]
)


def turned_model():
    """Two blocks with correlated coordinates, which leak."""
    rng = np.random.default_rng(0)
    roots = [rng.standard_normal((size, size)) for size in (1, 3)]
    model = mt.BlockModel.from_covariances(
        [root @ root.T + 0.3 * np.eye(len(root)) for root in roots],
        [rng.standard_normal(1), rng.standard_normal(3)],
        0.6,
        group_probabilities=[0.3, 0.7],
        label_noise_variance=0.5,
    )
    return model.replace(leakage_variances=np.array([0.2, 0.1, 0.4, 0.3]))


@pytest.mark.parametrize(
    "under",
    [
        MIXED,
        MIXED.replace(erasure=0.0),
        MIXED.replace(erasure=0.0, radius=0.4),
        mt.Perturbation(radius=0.4),
        mt.Perturbation(erasure=0.3),
    ],
)
def test_predictors_for_each_group_by_full_matrices(under):
    model = turned_model()
    rows = np.random.default_rng(1).standard_normal((2, 5, 4))
    found = rowwise_fit_excess(model, under, rows)
    wanted = [risks_by_masks(model, under, rows[:, r]) for r in range(5)]
    np.testing.assert_allclose(found, wanted, rtol=1e-10)
    assert not np.allclose(rowwise_fit_excess(model, under, rows[::-1]), wanted, rtol=1e-2)


def test_predictors_that_are_alike_are_dense_and_on_their_blocks_experts():
    model, under = turned_model(), MIXED
    fit = np.array([0.5, -1.0, 0.3, 2.0])
    alike = rowwise_fit_excess(model, under, np.array([fit, fit]))
    np.testing.assert_allclose(alike, fit_excess(mt.Dense(), model, under, fit), rtol=1e-12)
    on_blocks = np.where(model.block_of == np.arange(2)[:, np.newaxis], fit, 0.0)
    experts = rowwise_fit_excess(model, under, on_blocks)
    np.testing.assert_allclose(experts, fit_excess(mt.MoE(), model, under, fit), rtol=1e-12)

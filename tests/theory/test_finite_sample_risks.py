"""Risks of fitted estimators: sentence by sentence, and against simulated training sets."""

import itertools
import math
from functools import cache

import numpy as np
import pytest
from scipy import integrate, stats

import moetheory as mt
from general_noise import GENERAL, LEAKING, PER_COORDINATE, STRICT, variances
from moetheory.results.estimates import student_quantile
from moetheory.theory.finite_sample_risks import leading_excess

# --- the second route --------------------------------------------------------------------------


def plain(model):
    """Clean and noisy variances, kept share of b, and residual variance of each group."""
    clean, noise = variances(model)
    noisy = clean + noise
    kept = np.divide(clean, noisy, out=np.zeros_like(clean), where=noisy > 0)
    rest = (model.coefficients**2 * clean * (1 - kept)).sum(axis=1)
    return clean, noisy, kept, rest + model.label_noise_variance


def averaged_risks(model, counts, replicates, seed, ridge=0.0):
    """Risks of dense fits, averaged in closed form over labels and over signs of coefficients.

    Given the group a label is x̄ᵀθ plus independent noise of variance ρ, and flipping a
    coordinate changes no law: per training set only the features are random. Shape (R,).
    """
    rng, counts = np.random.default_rng(seed), np.asarray(counts)
    _, noisy, kept, rest = plain(model)
    groups, n, d = np.repeat(np.arange(model.experts), counts), counts.sum(), model.dim
    p, chunk, parts = model.group_probabilities, max(1, 400_000 // (n * d)), []
    for start in range(0, replicates, chunk):
        size = (min(chunk, replicates - start), n, d)
        x = rng.standard_normal(size) * np.sqrt(noisy)[groups]
        if ridge or n > d:
            inverse = np.linalg.solve(x.mT @ x + n * ridge * np.eye(d), x.mT)
        else:
            inverse = np.linalg.solve(x @ x.mT, x).mT
        fit = inverse @ (x * kept[groups])  # of each coefficient's part of the label
        missed = sum(
            q * np.square(fit - np.diag(k)).mT @ c for q, k, c in zip(p, kept, noisy, strict=True)
        )
        spread = np.square(inverse).mT @ (p @ noisy) @ rest[groups]
        parts.append(missed @ model.coefficients**2 + spread + p @ rest)
    return np.concatenate(parts)


def covered(risk, values, slack=0.0):
    """Whether mean and theory differ by no more than the error that theory states.

    The statistical part is the 1e-8 quantile; it may be at most 1 % of the value unless the
    stated error is larger.
    """
    mean, sem = values.mean(), values.std(ddof=1) / math.sqrt(len(values))
    wide = student_quantile(1e-8, len(values) - 1) * sem
    print(
        f"theory {risk.value:.5g}, simulated {100 * (mean / risk.value - 1):+.2f} % "
        f"± {100 * sem / mean:.2f} %, stated error {100 * risk.error / risk.value:.2f} %"
    )
    assert wide <= max(0.01 * mean, risk.error)
    return abs(mean - risk.value) <= risk.error + wide


def blocks(d, k, noise, leakage=0.0, label_noise=0.0, seed=0):
    """Equal blocks, nothing else equal."""
    rng, s = np.random.default_rng(seed), d // k
    weights = np.arange(k) + 3.0
    signal = np.repeat(1.0 + np.arange(k), s) * (0.3 + rng.random(d))
    return mt.BlockModel(
        weights / weights.sum(),
        np.repeat(np.arange(k), s),
        signal,
        rng.standard_normal(d) / math.sqrt(s),
        noise,
        leakage_variances=leakage * signal,
        label_noise_variance=label_noise,
    )


@pytest.fixture
def leaky(generic):
    """Blocks of 2, 4 and 3 coordinates."""
    return generic(leakage_variances=np.linspace(0.3, 0.1, 9), label_noise_variance=0.2)


@pytest.fixture
def flat(leaky):
    """A leaking model of wide isotropic blocks."""
    return mt.BlockModel(
        [0.2, 0.5, 0.3],
        np.repeat([0, 1, 2], [5, 9, 7]),
        np.repeat([3.0, 0.7, 1.5], [5, 9, 7]),
        np.cos(np.arange(21.0)),
        0.4,
        leakage_variances=0.1,
        label_noise_variance=0.2,
    )


def test_the_second_route_is_what_is_simulated(agrees):
    model = blocks(8, 2, 0.3, 0.1, 0.1)
    for counts, ridge, sets in (((10, 12), 0.0, 40_000), ((1, 2), 0.2, 60_000)):
        values = averaged_risks(model, counts, sets, 1, ridge)
        run = mt.simulate(mt.Dense(ridge=ridge), model, samples=counts, replicates=100_000, rng=2)
        sem = math.hypot(run.sem, values.std() / math.sqrt(sets))
        assert agrees(run.mean, sem, sets, values.mean())


# --- experts, exactly --------------------------------------------------------------------------


def test_experts_are_exact_above_the_threshold_for_any_block(leaky):
    n, s, rho = np.array([4, 50, 10]), leaky.sizes, mt.risk(mt.MoE(), leaky).per_group
    risk = mt.risk(mt.MoE(), leaky, samples=n)
    np.testing.assert_allclose(risk.per_group, rho * (n - 1) / (n - s - 1), rtol=1e-13)
    assert risk.value == pytest.approx(leaky.group_probabilities @ risk.per_group, rel=1e-14)
    assert risk.excess == pytest.approx(risk.value - 0.2, rel=1e-13)
    assert (risk.exactness, risk.error) == ("exact", 0.0)


def test_experts_are_exact_below_the_threshold_in_isotropic_blocks(flat):
    n, s = np.array([1, 7, 4]), flat.sizes
    _, noisy, kept, _ = plain(flat)
    rho = mt.risk(mt.MoE(), flat).per_group
    theta = flat.coefficients * kept[flat.block_of, range(21)]
    energy = np.bincount(flat.block_of, theta**2 * noisy[flat.block_of, range(21)])
    risk = mt.risk(mt.MoE(), flat, samples=n)
    expected = rho * (1 + n / (s - n - 1)) + energy * (1 - n / s)
    np.testing.assert_allclose(risk.per_group, expected, rtol=1e-13)
    assert (risk.exactness, risk.error) == ("exact", 0.0)


@pytest.mark.parametrize("away", [-1, 0, 1])
def test_an_expert_within_one_of_the_threshold_is_infinite(leaky, flat, away):
    for model in (leaky, flat):
        counts = np.array([40, model.sizes[1] + away, 40])
        risk = mt.risk(mt.MoE(), model, samples=counts)
        assert np.isinf(risk.per_group).tolist() == [False, True, False]
        assert (risk.value, risk.excess, risk.exactness, risk.error) == (
            math.inf,
            math.inf,
            "exact",
            0.0,
        )


def test_a_group_that_is_never_drawn_may_be_infinite(leaky):
    model = leaky.replace(group_probabilities=[0.2, 0.0, 0.8])
    risk = mt.risk(mt.MoE(), model, samples=[40, 4, 40])
    assert math.isinf(risk.per_group[1])
    rest = mt.risk(mt.MoE(), model, samples=[40, 400, 40])
    assert risk.value == rest.value < math.inf
    assert risk.exactness == "exact"
    assert mt.risk(mt.MoE(), model, samples=400).value < math.inf  # no sample for it at all


@pytest.mark.parametrize("ridge", [0.0, 0.3])
def test_an_expert_without_samples_has_the_null_risk_of_its_group(leaky, ridge):
    risk = mt.risk(mt.MoE(ridge=ridge), leaky, samples=[0, 20, 0])
    clean = plain(leaky)[0]
    null = clean @ leaky.coefficients**2 + 0.2
    np.testing.assert_allclose(risk.per_group[[0, 2]], null[[0, 2]], rtol=1e-13)
    assert risk.per_group[1] < null[1]


def test_without_residual_nothing_is_infinite(generic):
    """σ² = ω² = 0: zero from s samples on, and what was not seen below."""
    model = generic(0.0)
    for away in (0, 1, 5):
        assert mt.risk(mt.MoE(), model, samples=model.sizes + away).value == 0.0
    below = mt.risk(mt.MoE(), model, samples=[1, 1, 1])
    assert 0.0 < below.value < model.null_risk


def test_coordinates_that_never_vary_do_not_count(leaky):
    """No noise, two dead coordinates: thresholds and risks are those of the rest."""
    signal = leaky.signal_variances.copy()
    signal[[0, 4]] = 0.0
    model = leaky.replace(noise_variance=0.0, leakage_variances=0.0, signal_variances=signal)
    n, s = np.array([4, 9, 12]), np.array([1, 3, 3])
    expected = 0.2 * (n - 1) / (n - s - 1)
    for estimator in (mt.MoE(), mt.Dense()):  # without any noise dense falls into its blocks
        risk = mt.risk(estimator, model, samples=n)
        np.testing.assert_allclose(risk.per_group, expected, rtol=1e-13)
        assert risk.exactness == "exact"
        assert math.isinf(mt.risk(estimator, model, samples=[4, 4, 12]).value)


# --- experts, asymptotically -------------------------------------------------------------------


def one_group(model, g):
    """The regression of expert g as a model of one group; what leaks in is label noise."""
    own = model.block_of == g
    outside = model.coefficients**2 * model.leakage_variances * ~own
    return mt.BlockModel(
        [1.0],
        np.zeros(own.sum(), dtype=int),
        model.signal_variances[own],
        model.coefficients[own],
        model.noise_variance,
        label_noise_variance=outside.sum() + model.label_noise_variance,
    )


@pytest.mark.parametrize(("counts", "ridge"), [((1, 2, 1), 0.0), ((3, 4, 30), 0.3)])
def test_otherwise_an_expert_is_the_equivalent_of_one_group(leaky, counts, ridge):
    wide = leaky.replace(block_of=[0] * 4 + [1] * 5, group_probabilities=[0.4, 0.6])
    counts = counts[: wide.experts]
    risk = mt.risk(mt.MoE(ridge=ridge), wide, samples=counts)
    assert risk.exactness == "asymptotic"
    alone = [
        mt.risk(mt.Dense(ridge=ridge), one_group(wide, g), samples=n) for g, n in enumerate(counts)
    ]
    np.testing.assert_allclose(risk.per_group, [float(each) for each in alone], rtol=1e-9)
    errors = [each.error for each in alone]
    assert risk.error == pytest.approx(wide.group_probabilities @ errors, rel=1e-6)


def test_a_mixture_of_exact_and_asymptotic_experts_is_asymptotic(leaky):
    risk = mt.risk(mt.MoE(), leaky, samples=[30, 2, 30])
    exact = mt.risk(mt.MoE(), leaky, samples=[30, 30, 30])
    np.testing.assert_array_equal(risk.per_group[[0, 2]], exact.per_group[[0, 2]])
    assert risk.exactness == "asymptotic"
    assert risk.error > 0.0
    unused = leaky.replace(group_probabilities=[0.4, 0.0, 0.6])
    assert mt.risk(mt.MoE(), unused, samples=[30, 2, 30]).exactness == "exact"


@pytest.mark.parametrize(
    ("s", "n", "ridge"),
    [
        (8, 3, 0.0),
        (16, 5, 0.0),
        (32, 16, 0.0),
        (8, 8, 0.4),
        (8, 3, 0.1),
        (16, 40, 0.2),
        (4, 5, 1.0),
    ],
)
@pytest.mark.parametrize("noise", [0.05, 1.0])
def test_the_error_of_an_expert_covers_what_is_simulated(s, n, ridge, noise):
    model = blocks(s, 1, noise, label_noise=0.1, seed=s)
    risk = mt.risk(mt.MoE(ridge=ridge), model, samples=n)
    assert risk.exactness == "asymptotic"
    assert covered(risk, averaged_risks(model, [n], 4000, 5, ridge))


# --- one group ---------------------------------------------------------------------------------


@pytest.mark.parametrize("ridge", [0.0, 0.2])
@pytest.mark.parametrize("samples", [1, 4, 5, 6, 7, 30])
@pytest.mark.parametrize("decay", [0.0, 1.0])
def test_with_one_group_dense_and_moe_are_the_same(ridge, samples, decay):
    model = mt.BlockModel.power_law(6, 1, 0.5, decay=decay, label_noise_variance=0.1)
    dense = mt.risk(mt.Dense(ridge=ridge), model, samples=samples)
    moe = mt.risk(mt.MoE(ridge=ridge), model, samples=[samples])
    assert (dense.value, dense.excess, dense.error) == (moe.value, moe.excess, moe.error)
    assert dense.exactness == moe.exactness
    assert math.isinf(dense.value) == (ridge == 0.0 and 5 <= samples <= 7)


@pytest.mark.parametrize("ridge", [0.0, 0.2])
def test_without_noise_in_the_features_dense_falls_into_experts(generic, ridge):
    """Ridge on all samples is ridge n/n_g on those of a group."""
    model = generic(0.0, label_noise_variance=0.3)
    counts = np.array([9, 2, 14])
    dense = mt.risk(mt.Dense(ridge=ridge), model, samples=counts)
    for g in range(3):
        moe = mt.risk(mt.MoE(ridge=ridge * counts.sum() / counts[g]), model, samples=counts)
        assert dense.per_group[g] == pytest.approx(moe.per_group[g], rel=1e-12)


# --- dense -------------------------------------------------------------------------------------


@pytest.mark.parametrize("away", [-1, 0, 1])
@pytest.mark.parametrize("counts", [(1, 0), (0.3, 0.7), (0.5, 0.5)])
def test_dense_within_one_of_the_threshold_is_infinite(away, counts):
    model = blocks(8, 2, 0.3)
    first = round((8 + away) * counts[0])
    risk = mt.risk(mt.Dense(), model, samples=[first, 8 + away - first])
    assert (risk.value, risk.exactness, risk.error) == (math.inf, "exact", 0.0)
    assert np.all(np.isinf(risk.per_group))
    finite = mt.risk(mt.Dense(ridge=0.01), model, samples=[first, 8 + away - first])
    assert math.isfinite(finite.value)


def test_dense_without_residual_is_finite_at_the_threshold():
    """σ² = ω² = 0 with leakage: d samples are enough for everything."""
    model = blocks(8, 2, 0.0, leakage=0.3)
    for n in (8, 9, 40):
        assert mt.risk(mt.Dense(), model, samples=n).value == pytest.approx(0.0, abs=1e-20)
    below = [mt.risk(mt.Dense(), model, samples=n).value for n in (1, 3, 5, 7)]
    assert model.null_risk > below[0] > below[1] > below[2] > below[3] > 0


def test_groups_without_probability_or_samples_are_no_trouble():
    model = blocks(12, 3, 0.4, leakage=0.1, label_noise=0.2)
    unused = model.replace(group_probabilities=[0.4, 0.0, 0.6])
    for counts in ([20, 0, 30], [20, 9, 30], [2, 0, 3], [0, 0, 30]):
        for ridge in (0.0, 0.3):
            estimator = mt.Dense(ridge=ridge)
            risk, all_used = (mt.risk(estimator, m, samples=counts) for m in (unused, model))
            np.testing.assert_array_equal(risk.per_group, all_used.per_group)
            expected = [0.4, 0.0, 0.6] @ risk.per_group
            assert risk.value == pytest.approx(expected, rel=1e-13)
            assert covered(risk, averaged_risks(unused, counts, 1000, 3, ridge))


@pytest.mark.parametrize(
    ("n", "ridge"),
    [
        *itertools.product([3, 7, 8, 9, 10, 11, 30], [0.0, 0.1]),
    ],
)
def test_dense_does_not_mind_coordinates_that_never_vary(n, ridge):
    """σ² = 0: a coordinate of no variance adds nothing, also to the threshold."""
    model = blocks(8, 2, 0.0, leakage=0.2, label_noise=0.3)
    dead = mt.BlockModel(
        model.group_probabilities,
        [*model.block_of, 1, 0],
        [*model.signal_variances, 0.0, 0.0],
        [*model.coefficients, 5.0, 7.0],
        0.0,
        leakage_variances=[*model.leakage_variances, 0.0, 0.0],
        label_noise_variance=0.3,
    )
    one, other = (mt.risk(mt.Dense(ridge=ridge), m, samples=n) for m in (model, dead))
    assert other.value == pytest.approx(one.value, rel=1e-9)
    assert other.exactness == one.exactness


@pytest.mark.parametrize("samples", [4, 40, (1, 30), (30, 1)])
def test_a_ridge_leads_from_least_squares_to_zero(samples):
    model = blocks(8, 2, 0.3, 0.1, 0.1)
    for kind in (mt.Dense, mt.MoE):
        risks = [
            mt.risk(kind(ridge=ridge), model, samples=samples).value
            for ridge in (0.0, 1e-12, 1e-10, 1e10, 1e12)
        ]
        if kind is mt.Dense:  # an expert is exact without ridge, or infinite
            assert risks[1] == pytest.approx(risks[0], rel=1e-8)
        # two samples from the threshold of an expert the next order is √μ
        assert risks[2] == pytest.approx(risks[1], rel=1e-4)
        assert risks[3:] == pytest.approx([model.null_risk] * 2, rel=1e-8)


def test_blocks_that_only_touch_are_refused_rather_than_answered_below_zero():
    """σ² = 0, a coordinate that one group alone sees, with one sample of it or two."""
    model = mt.BlockModel(
        [0.7, 0.3], [0, 0, 1], [1.0] * 3, [1.0] * 3, 0.0,
        leakage_variances=[1.0, 1.0, 0.0], label_noise_variance=0.5,
    )  # fmt: skip
    for counts in ((7, 1), (31, 1), (10**4, 1), (10**9, 1), (5, 2), (31, 2)):
        try:
            risk = mt.risk(mt.Dense(), model, samples=counts)
        except mt.NoClosedForm:
            continue
        assert risk.per_group[1] == math.inf


def test_more_samples_than_can_be_told_from_infinitely_many():
    model = blocks(8, 2, 0.3, 0.1, 0.1)
    for estimator in (mt.Dense(), mt.MoE(), mt.Dense(ridge=0.2), mt.MoE(ridge=0.2)):
        limit = mt.risk(estimator, model)
        risk = mt.risk(estimator, model, samples=2**63 - 1)
        np.testing.assert_allclose(risk.per_group, limit.per_group, rtol=1e-12)
        assert risk.error < 1e-12


CASES = [(0.05, 0.0, 0.0), (0.3, 0.1, 0.1), (2.0, 0.0, 1.0)]


@pytest.mark.parametrize(("noise", "leakage", "label_noise"), CASES)
@pytest.mark.parametrize(
    ("d", "ratio", "ridge"),
    [
        (8, 0.5, 0.0),
        (8, 2.0, 0.0),
        (8, 1.0, 0.2),
        (16, 0.25, 0.0),
        (16, 0.6, 0.0),
        (16, 1.5, 0.0),
        (16, 4.0, 0.0),
        (16, 0.8, 0.02),
        (32, 0.5, 0.0),
        (32, 0.75, 0.0),
        (32, 1.4, 0.0),
        (32, 2.0, 0.0),
        (32, 1.0, 0.3),
    ],
)
def test_the_error_of_dense_covers_what_is_simulated(noise, leakage, label_noise, d, ratio, ridge):
    model = blocks(d, d // 4, noise, leakage, label_noise, seed=d)
    n = round(ratio * d)
    counts = np.diff(np.round(n * np.cumsum([0.0, *model.group_probabilities]))).astype(int)
    risk = mt.risk(mt.Dense(ridge=ridge), model, samples=counts)
    assert covered(risk, averaged_risks(model, counts, 1000 if d == 32 else 4000, 6, ridge))


@pytest.mark.parametrize("experts", [2, 4, 8, 16])
@pytest.mark.parametrize("strength", [10.0, 1000.0])
def test_it_covers_small_strong_blocks_where_the_equivalent_fails(experts, strength):
    """Six samples for each four coordinates: the error does not vanish with d."""
    d = 4 * experts
    model = mt.BlockModel.isotropic(d, experts, 1.0, signal_energy=4.0 * strength)
    risk = mt.risk(mt.Dense(), model, samples=[6] * experts)
    values = averaged_risks(model, [6] * experts, 40_000 // experts**2, 7)
    assert covered(risk, values)
    if strength == 1000.0:
        assert risk.error > 0.15 * risk.value
        assert leading_excess(model, [6] * experts) < 0.8 * values.mean()


def test_counts_that_are_not_in_proportion_are_covered():
    model = blocks(16, 2, 0.2, 0.05, 0.1)
    for counts in ((30, 2), (2, 30), (5, 20), (0, 40), (1, 5), (9, 0), (8, 60)):
        risk = mt.risk(mt.Dense(), model, samples=counts)
        assert covered(risk, averaged_risks(model, counts, 3000, 8))


@pytest.mark.slow
@pytest.mark.parametrize(("ratio", "replicates"), [(0.5, 100), (1.26, 150), (2.0, 40)])
def test_at_256_coordinates_it_is_right_within_one_percent(ratio, replicates):
    model = blocks(256, 4, 0.3)
    n = round(ratio * 256)
    counts = np.diff(np.round(n * np.cumsum([0.0, *model.group_probabilities]))).astype(int)
    risk = mt.risk(mt.Dense(), model, samples=counts)
    values = averaged_risks(model, counts, replicates, 9)
    assert covered(risk, values)
    mean, sem = values.mean(), values.std(ddof=1) / math.sqrt(replicates)
    assert sem < 0.002 * mean
    assert abs(mean / risk.value - 1) < 0.01


@pytest.mark.slow
def test_simulated_training_sets_say_the_same():
    model = blocks(64, 4, 0.3, 0.1, 0.1)
    for samples, ridge in ((128, 0.0), (32, 0.0), (64, 0.2)):
        estimator = mt.Dense(ridge=ridge)
        run = mt.simulate(estimator, model, samples=samples, replicates=800, rng=10)
        risk = mt.risk(estimator, model, samples=samples)
        threshold = student_quantile(1e-8, run.replicates - 1)
        print(f"{run.mean:.4f} ± {run.sem:.4f}, theory {risk.value:.4f} ± {risk.error:.4f}")
        assert abs(run.mean - risk.value) <= risk.error + threshold * run.sem
        assert threshold * run.sem < 0.04 * run.mean


# --- what is refused ---------------------------------------------------------------------------


def test_an_exact_answer_can_be_required(leaky):
    for estimator, samples in (
        (mt.MoE(), [30, 30, 30]),
        (mt.MoE(), [30, 4, 30]),
        (mt.MoE(), None),
        (mt.Dense(), None),
        (mt.Dense(), 9),
    ):
        risk = mt.risk(estimator, leaky, samples=samples, require="exact")
        assert risk.value == mt.risk(estimator, leaky, samples=samples).value


@pytest.mark.parametrize(
    ("estimator", "samples"),
    [
        (mt.Dense(), 40),
        (mt.Dense(ridge=0.1), 40),
        (mt.MoE(ridge=0.1), 40),
        (mt.MoE(), [30, 2, 30]),
    ],
)
def test_what_is_only_asymptotic_is_refused_with_the_reason(leaky, estimator, samples):
    error = mt.risk(estimator, leaky, samples=samples).error
    with pytest.raises(mt.NoClosedForm) as refusal:
        mt.risk(estimator, leaky, samples=samples, require="exact")
    message = str(refusal.value)
    assert message.startswith(f"only an asymptotic formula is known for {estimator!r}")
    assert f"samples={samples!r}" in message
    assert f"about {error:.2g}" in message
    assert f"simulate({estimator!r}, model, samples={samples!r})" in message


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"samples": 0}, "samples must be at least 1, got 0"),
        ({"samples": 4.5}, "samples must be an integer, got 4.5"),
        ({"samples": [1, 2]}, r"samples must be an integer or have shape \(3,\), got \(2,\)"),
        ({"samples": [0, 0, 0]}, "samples must be at least 1 in total"),
        ({"samples": 40, "require": "Exact"}, "require must be \"exact\", got 'Exact'"),
        ({"require": True}, 'require must be "exact", got True'),
        ({"samples": 40, "estimator": "dense"}, "estimator must be"),
        ({"samples": 40, "model": None}, "model must be"),
    ],
)
def test_bad_arguments_are_named(leaky, arguments, message):
    with pytest.raises(ValueError, match=message):
        mt.risk(**{"estimator": mt.Dense(), "model": leaky, **arguments})


@pytest.mark.parametrize("kind", [mt.Dense, mt.MoE])
@pytest.mark.parametrize("ridge", [-1.0, math.nan, math.inf, "1", True])
def test_a_ridge_is_a_number_from_zero_up(kind, ridge):
    with pytest.raises(ValueError, match="ridge must be"):
        kind(ridge=ridge)


# --- isotropic blocks with ridge, exactly ------------------------------------------------------


def one_coordinate(n, ridge, signal, b, noise, label_noise):
    """The risk of ridge regression on one coordinate, an integral over chi-square with n."""
    total = signal + noise
    theta, c = b * signal / total, n * ridge / total
    rho = b * theta * noise + label_noise

    def at(u):  # x = e^u
        x = math.exp(u)
        risk = (total * theta**2 * c**2 + rho * x) / (x + c) ** 2
        return risk * x * stats.chi2.pdf(x, n)

    edges = np.unique(np.clip([-200.0, math.log(c) - 5, math.log(c) + 5, -20.0, 0.0, 7.0], -200, 7))
    parts = itertools.pairwise(edges.tolist())
    return rho + sum(
        integrate.quad(at, *part, limit=400, epsabs=0.0, epsrel=1e-12)[0] for part in parts
    )


@pytest.mark.parametrize("samples", [1, 2, 3, 7])
@pytest.mark.parametrize("ridge", [1e-40, 1e-12, 1e-6, 1e-3, 0.1, 10.0])
@pytest.mark.parametrize("noise", [1e-6, 1.0])
def test_one_coordinate_is_an_integral_over_chi_square(samples, ridge, noise):
    """At two samples it grows like log(1/μ), beyond any order of the equivalent."""
    model = mt.BlockModel([1.0], [0], [1.0], [0.8], noise, label_noise_variance=1e-7)
    expected = one_coordinate(samples, ridge, 1.0, 0.8, noise, 1e-7)
    for kind in (mt.Dense, mt.MoE):
        risk = mt.risk(kind(ridge=ridge), model, samples=samples)
        assert risk.exactness == "quadrature"
        assert risk.value == pytest.approx(expected, rel=1e-10)
        assert 0.0 < risk.error < 1e-10 * risk.value


def test_the_fit_of_one_coordinate_by_two_samples():
    model = mt.BlockModel([1.0], [0], [1.0], [1.0], 1e-6)
    for kind in (mt.Dense, mt.MoE):
        risk = mt.risk(kind(ridge=1e-3), model, samples=2)
        assert risk.value == pytest.approx(9.97e-4, abs=5e-7)


@pytest.mark.parametrize(
    ("d", "n", "ridge", "noise", "label_noise", "sets"),
    [
        (16, 18, 0.3, 1e-6, 0.0, 20_000),
        (6, 6, 1e-2, 0.5, 0.1, 100_000),
        (8, 3, 0.3, 0.2, 0.0, 20_000),
        (3, 9, 2.0, 1.0, 0.5, 20_000),
    ],
)
def test_isotropic_blocks_with_ridge_are_what_is_simulated(
    agrees, mean_and_sem, d, n, ridge, noise, label_noise, sets
):
    b = 0.3 + np.cos(np.arange(d))
    model = mt.BlockModel([1.0], [0] * d, [1.4] * d, b, noise, label_noise_variance=label_noise)
    risk = mt.risk(mt.MoE(ridge=ridge), model, samples=n)
    assert risk.exactness == "quadrature"
    values = averaged_risks(model, [n], sets, 21, ridge)
    assert agrees(*mean_and_sem(values), risk.value)


def test_just_above_the_threshold_next_to_no_noise_is_lost_in_rare_fits():
    """Most of the mean is in a few per cent of the fits, which no order of the equivalent sees."""
    model = mt.BlockModel([1.0], [0] * 16, [1.0] * 16, [1.0] * 16, 1e-6)
    risk = mt.risk(mt.MoE(ridge=1e-4), model, samples=18)
    values = averaged_risks(model, [18], 40_000, 3, 1e-4)
    mean, sem = values.mean(), values.std(ddof=1) / math.sqrt(len(values))
    assert sem < 0.06 * mean
    assert abs(mean - risk.value) < student_quantile(1e-8, len(values) - 1) * sem
    assert np.median(values) < 0.3 * risk.value


def test_perturbed_experts_with_ridge_are_simulated_fits(agrees, mean_and_sem, flat):
    """Above, at and below the threshold; the moments of each coefficient serve any perturbation."""
    counts, under, rng, ridge = [30, 4, 7], rich(3), np.random.default_rng(12), 0.2
    _, noisy, kept, _ = plain(flat)
    rest, fits = unexplained_by_experts(flat), np.zeros((40_000, 21))
    for g, n in enumerate(counts):
        own = flat.block_of == g
        x = rng.standard_normal((len(fits), n, own.sum())) * np.sqrt(noisy[g, own])
        theta = flat.coefficients[own] * kept[g, own]
        y = x @ theta + math.sqrt(rest[g]) * rng.standard_normal((len(fits), n))
        gram = x.mT @ x + n * ridge * np.eye(own.sum())
        fits[:, own] = np.linalg.solve(gram, np.matvec(x.mT, y)[..., np.newaxis])[..., 0]
    values = exposures(flat, under, fits, fits**2, moe=True) @ flat.group_probabilities
    risk = mt.risk(mt.MoE(ridge=ridge), flat, samples=counts, under=under)
    assert risk.exactness == "quadrature"
    assert agrees(*mean_and_sem(values), risk.value)


def test_the_exactness_is_that_of_the_least_exact_expert_that_is_met(flat):
    """Blocks 0 and 1 are isotropic, block 2 is not; expert 0 has no samples."""
    signal = flat.signal_variances.copy()
    signal[-1] *= 2.0
    model, estimator = flat.replace(signal_variances=signal), mt.MoE(ridge=0.1)
    for p, exactness in (
        ([1.0, 0.0, 0.0], "exact"),
        ([0.5, 0.5, 0.0], "quadrature"),
        ([0.4, 0.4, 0.2], "asymptotic"),
    ):
        drawn = model.replace(group_probabilities=p)
        assert mt.risk(estimator, drawn, samples=[0, 9, 9]).exactness == exactness
    mt.risk(estimator, flat, samples=9, require="exact")  # an integral is no series
    with pytest.raises(mt.NoClosedForm):
        mt.risk(estimator, model, samples=9, require="exact")


# --- what the error does as the ridge changes --------------------------------------------------


def near_thresholds(kind):
    """Models near thresholds: strong or weak beside the noise, leaking, isotropic or not."""
    if kind == "rare and strong":
        return mt.BlockModel([0.876, 0.124], [0, 1], [10180.0, 326.0], [1.0, -1.0], 1.33), (2, 1)
    if kind == "next to no noise":
        return blocks(12, 3, 1e-8, seed=1), (3, 5, 4)
    if kind == "leaking":
        return blocks(10, 2, 0.1, 0.3, 0.2, seed=2), (5, 6)
    return blocks(6, 1, 0.5, label_noise=0.1, seed=3), (6,)


@pytest.mark.parametrize("kind", ["rare and strong", "next to no noise", "leaking", "one group"])
def test_a_risk_does_not_jump_as_the_ridge_changes(kind):
    """Ten decades and more, 40 steps each: by no more than the errors and what a ridge can do.

    No part of a risk changes faster than the square of the ridge.
    """
    model, counts = near_thresholds(kind)
    ridges = float(model.signal_variances.mean()) * 10.0 ** np.arange(-9.0, 3.0, 1 / 40)
    for estimator in (mt.Dense, mt.MoE):
        risks = [
            mt.risk(estimator(ridge=ridge), model, samples=counts) for ridge in ridges.tolist()
        ]
        value, error = np.array([(each.value, each.error) for each in risks]).T
        assert np.all(np.isfinite(error))
        slack = (10.0 ** (2 / 40) - 1.0) * np.minimum(value[1:], value[:-1])
        assert np.all(np.abs(np.diff(value)) <= slack + error[1:] + error[:-1])
        # nor does the error, beyond the risk itself
        slack = 0.5 * np.minimum(error[1:], error[:-1]) + 1e-9 * value[1:]
        assert np.all(np.abs(np.diff(error)) <= slack)
        assert np.all(value >= mt.risk(mt.MoE(), model).value * (1.0 - 1e-12) * model.strict)


@pytest.mark.parametrize("kind", ["rare and strong", "next to no noise", "leaking", "one group"])
@pytest.mark.parametrize("ridge", [1e-4, 1e-2, 1.0])
def test_its_error_covers_near_thresholds(kind, ridge):
    model, counts = near_thresholds(kind)
    ridge = ridge * float(model.signal_variances.mean())
    risk = mt.risk(mt.Dense(ridge=ridge), model, samples=counts)
    assert covered(risk, averaged_risks(model, counts, 30_000, 17, ridge))


STRONG_AND_EMPTY = {  # blocks of strong coordinates without labels, and weak ones that have them
    "one block": ([1.0], [0] * 5, [1e4] * 2 + [1.0] * 3, [0.0] * 2 + [1.0] * 3, 0.0, [2]),
    "one sample": ([1.0], [0] * 4, [38.9, 0.5, 0.1, 0.1], [0.0, 0.0, 0.0, 4.2], 0.0, [1]),
    "both leak": ([0.5] * 2, [0] * 4 + [1] * 4, [1e4, 1e4, 1.0, 1.0] * 2, [0.0, 0.0, 1.0, 1.0] * 2,
                  [1e4, 1e4, 1.0, 1.0] * 2, [2, 2]),
}  # fmt: skip


@pytest.mark.parametrize("ridge", [0.0, 0.01])
@pytest.mark.parametrize("kind", STRONG_AND_EMPTY)
def test_the_error_knows_what_strong_coordinates_without_labels_do(kind, ridge):
    """As many as samples: to them what the weak coordinates would explain is noise."""
    p, block_of, signal, b, leakage, counts = STRONG_AND_EMPTY[kind]
    model = mt.BlockModel(p, block_of, signal, b, 1e-3, leakage_variances=leakage)
    risk = mt.risk(mt.Dense(ridge=ridge), model, samples=counts)
    values = averaged_risks(model, counts, 30_000, 3, ridge)
    sem = values.std(ddof=1) / math.sqrt(len(values))
    assert values.mean() - risk.value > 4.0 * sem  # far from what the formula says
    assert covered(risk, values)


@pytest.mark.parametrize("n", [10**6, 10**12, 10**15])
@pytest.mark.parametrize("size", [1, 16, 1024])
def test_a_ridge_that_is_next_to_none_is_none_at_any_number_of_samples(n, size):
    ones = np.ones(size)
    model = mt.BlockModel([1.0], 0 * ones.astype(int), ones, ones / size, 1.0)
    found = mt.risk(mt.MoE(ridge=1e-20), model, samples=n)
    assert found.exactness == "quadrature"
    exact = mt.risk(mt.MoE(), model, samples=n).value
    assert found.value == pytest.approx(exact, rel=1e-14)
    assert found.value >= mt.risk(mt.MoE(), model).value * (1.0 - 1e-15)


def test_within_a_few_samples_of_the_threshold_the_error_is_large_but_finite():
    """Relative errors near n = d, no ridge: half at two samples, a tenth at five."""
    model = mt.BlockModel.isotropic(64, 8, 1.0, signal_energy=64.0)
    shares = {}
    for n in (59, 61, 62, 66, 67, 69):
        risk = mt.risk(mt.Dense(), model, samples=n)
        shares[n] = risk.error / risk.value
    assert all(0.5 < shares[n] < 1.0 for n in (62, 66))
    assert all(0.1 < shares[n] < 0.3 for n in (59, 69))


@pytest.mark.parametrize("leakage", [0.0, 0.2])
def test_many_samples_approach_the_rate(leakage):
    """n(E R_n - R) is off its limit by a tenth as much at ten times the samples."""
    model = blocks(12, 3, 0.05, leakage, 0.1)
    optimum, rate = mt.risk(mt.Dense(), model).excess, mt.excess_rate(mt.Dense(), model)
    counts = np.array([3, 4, 5])
    off = [
        12 * n * (mt.risk(mt.Dense(), model, samples=n * counts).excess - optimum) / rate - 1.0
        for n in (100, 1000, 10_000)
    ]
    assert 0.0 < off[0] < 0.05
    np.testing.assert_allclose(off[1:], [off[0] / 10, off[0] / 100], rtol=0.1)


# --- under a perturbation ----------------------------------------------------------------------


def exposures(model, under, first, second, moe):
    """Risk given the group of coefficients with these moments, term by term; (..., d) to (..., K).

    ``first`` is E b̂, ``second`` E b̂²; what is infinite times zero is zero.
    """
    b, q = model.coefficients, under.erasure
    changes = {
        name: getattr(under, name)
        for name in ("noise_variance", "interference_variances")
        if getattr(under, name) is not None
    }
    clean, noise = variances(model.replace(**changes))
    confusion = np.eye(model.experts) if under.confusion is None else under.confusion
    risks = np.zeros((*first.shape[:-1], model.experts)) + model.label_noise_variance
    for i, j in itertools.product(range(model.experts), repeat=2):
        if confusion[i][j] == 0.0:
            continue
        there = model.block_of == j
        used = there | (not moe)
        drag = under.drag**2 * model.signal_variances * there * (i != j)
        seen = (clean[i] + noise[i] + drag) * used
        passed = np.where(seen > 0.0, seen, 1.0) * np.where(seen > 0.0, second, 0.0)
        one = clean[i] * b**2 - 2 * (1 - q) * clean[i] * used * b * first + (1 - q) * passed
        risks[..., i] += confusion[i][j] * one.sum(axis=-1)
    return risks


def unexplained_by_experts(model):
    """Residual variances of the experts, which see their own block alone."""
    clean, _, kept, _ = plain(model)
    own = model.block_of == np.arange(model.experts)[:, np.newaxis]
    return (clean * (1 - kept * own)) @ model.coefficients**2 + model.label_noise_variance


@cache  # the same fits meet every perturbation
def averaged_moments(model, counts, replicates, seed, ridge=0.0):
    """E b̂ and E b̂² of dense fits given the features, shape (R, d) each.

    As in `averaged_risks`, over labels and signs of coefficients.
    """
    rng, counts = np.random.default_rng(seed), np.asarray(counts)
    _, noisy, kept, rest = plain(model)
    groups, n, d = np.repeat(np.arange(model.experts), counts), counts.sum(), model.dim
    x = rng.standard_normal((replicates, n, d)) * np.sqrt(noisy)[groups]
    if ridge or n > d:
        inverse = np.linalg.solve(x.mT @ x + n * ridge * np.eye(d), x.mT)
    else:
        inverse = np.linalg.solve(x @ x.mT, x).mT
    fit, b = inverse @ (x * kept[groups]), model.coefficients
    second = np.square(fit) @ b**2 + np.square(inverse) @ rest[groups]
    return np.diagonal(fit, axis1=1, axis2=2) * b, second


def rich(k, **more):
    weights = 1.0 + np.arange(k * k).reshape(k, k) % 5 + 6 * np.eye(k)
    confusion = weights / weights.sum(axis=1, keepdims=True)
    return mt.Perturbation(1.1, confusion, 0.8, **{"erasure": 0.2, **more})


UNDER = {
    "rich": rich(4),
    "noise": mt.Perturbation(noise_variance=3.0),
    "no noise": mt.Perturbation(noise_variance=0.0),
    "erasure": mt.Perturbation(erasure=0.6),
    "drag": mt.Perturbation(confusion=mt.even_confusion(4, 0.9), drag=2.0),
}


@pytest.mark.parametrize("case", UNDER)
@pytest.mark.parametrize(
    ("d", "ratio", "ridge"),
    [(16, 0.4, 0.0), (16, 1.6, 0.0), (16, 1.0, 0.2), (32, 0.6, 0.0), (32, 2.0, 0.0)],
)
@pytest.mark.parametrize(("noise", "leakage"), [(0.05, 0.0), (0.5, 0.1)])
def test_the_error_of_dense_covers_what_is_simulated_under_a_perturbation(
    case, d, ratio, ridge, noise, leakage
):
    model, under = blocks(d, 4, noise, leakage, 0.1, seed=d), UNDER[case]
    counts = np.diff(np.round(ratio * d * np.cumsum([0.0, *model.group_probabilities]))).astype(int)
    risk = mt.risk(mt.Dense(ridge=ridge), model, samples=counts, under=under)
    assert risk.exactness == "asymptotic"
    first, second = averaged_moments(model, tuple(counts), 600 if d == 32 else 1500, 3, ridge)
    values = exposures(model, under, first, second, moe=False) @ model.group_probabilities
    assert covered(risk, values)


def test_perturbed_experts_are_simulated_fits(agrees, mean_and_sem, flat):
    """Drawn, fitted by lstsq, exposed: above and below the threshold, exactly."""
    counts, under, rng = [30, 4, 20], rich(3), np.random.default_rng(11)
    _, noisy, kept, _ = plain(flat)
    rest, fits = unexplained_by_experts(flat), np.zeros((40_000, 21))
    for g, n in enumerate(counts):
        own = flat.block_of == g
        x = rng.standard_normal((len(fits), n, own.sum())) * np.sqrt(noisy[g, own])
        theta = flat.coefficients[own] * kept[g, own]
        y = x @ theta + math.sqrt(rest[g]) * rng.standard_normal((len(fits), n))
        gram = x.mT @ x if n > own.sum() else x @ x.mT  # as lstsq, for many sets at once
        inverse = np.linalg.solve(gram, x.mT) if n > own.sum() else np.linalg.solve(gram, x).mT
        fits[:, own] = np.matvec(inverse, y)
    values = exposures(flat, under, fits, fits**2, moe=True) @ flat.group_probabilities
    risk = mt.risk(mt.MoE(), flat, samples=counts, under=under)
    assert (risk.exactness, risk.error) == ("exact", 0.0)
    assert agrees(*mean_and_sem(values), risk.value)


def exact_moments(model, counts):
    """Mean and second moment of every expert's coefficients; above the threshold, or infinite."""
    _, noisy, kept, _ = plain(model)
    rest, own = unexplained_by_experts(model), (model.block_of, np.arange(model.dim))
    theta, n = model.coefficients * kept[own], np.asarray(counts)[model.block_of]
    room = n - model.sizes[model.block_of] - 1.0
    assert np.all((n == 0) | (room >= -2))
    found = np.divide(rest[model.block_of], room, out=np.full(model.dim, np.inf), where=room > 0)
    variance = np.where(n == 0, 0.0, found / noisy[own])
    return theta * (n > 0), theta**2 * (n > 0) + variance


@pytest.mark.parametrize("counts", [(4, 50, 10), (9, 7, 0), (30, 5, 8), (3, 9, 9), (2, 9, 4)])
def test_perturbed_experts_are_exact_or_infinite_where_they_are_met(leaky, counts):
    """Groups that meet an expert of infinite variance are infinite, and no others."""
    apart = [[0.9, 0.1, 0.0], [0.0, 1.0, 0.0], [0.4, 0.0, 0.6]]
    nowhere_near = [[0.0, 1.0, 0.0], [0.0, 1.0, 0.0], [0.0, 1.0, 0.0]]
    moments = exact_moments(leaky, counts)
    for confusion in (None, mt.even_confusion(3, 0.3), apart, nowhere_near):
        for more in ({}, {"noise_variance": 0.0}, {"noise_variance": 2.0, "erasure": 0.3}):
            drag = {} if confusion is None else {"drag": 0.5}
            under = mt.Perturbation(confusion=confusion, **more, **drag)
            risk = mt.risk(mt.MoE(), leaky, samples=counts, under=under)
            expected = exposures(leaky, under, *moments, moe=True)
            np.testing.assert_allclose(risk.per_group, expected, rtol=1e-11)
            assert risk.value == pytest.approx(leaky.group_probabilities @ expected, rel=1e-11)
            assert (risk.exactness, risk.error) == ("exact", 0.0)
            # a group that is never drawn does not count, though its expert may be met
            rare = leaky.replace(group_probabilities=[0.0, 0.6, 0.4])
            result = mt.risk(mt.MoE(), rare, samples=counts, under=under)
            total = [0.6, 0.4] @ expected[1:]
            assert result.value == pytest.approx(total, rel=1e-11)
            assert result.exactness == "exact"


def test_what_an_infinite_expert_lets_pass_may_be_nothing(generic):
    """Strict blocks, a wrong expert without noise or drag: it predicts nothing at all."""
    model, counts = generic(label_noise_variance=0.2), [3, 40, 40]
    wrong = [[0.0, 0.5, 0.5], [0.7, 0.3, 0.0], [0.0, 0.0, 1.0]]
    silent = mt.Perturbation(noise_variance=0.0, confusion=wrong)
    first, second = exact_moments(model, counts)
    expected = exposures(model, silent, first, second, moe=True)
    assert np.all(np.isfinite(expected))
    result = mt.risk(mt.MoE(), model, samples=counts, under=silent)
    np.testing.assert_allclose(result.per_group, expected, rtol=1e-12)
    for louder in (silent.replace(noise_variance=1e-9), silent.replace(drag=1e-9)):
        found = mt.risk(mt.MoE(), model, samples=counts, under=louder)
        assert np.isinf(found.per_group).tolist() == [False, True, False]


def test_dense_that_falls_into_experts_meets_the_noise_of_all():
    """σ² = 0 and strict blocks: test noise and drag pass the coefficients of every block."""
    signal, confusion = np.array([2.0, 1.0, 0.5, 3.0, 1.0]), mt.even_confusion(2, 0.4)
    model = mt.BlockModel(
        [0.3, 0.7], [0, 1, 0, 1, 1], signal, np.cos(np.arange(5.0)), 0.0, label_noise_variance=0.3
    )
    kinds = (
        mt.Perturbation(noise_variance=0.7),
        mt.Perturbation(confusion=confusion, drag=0.5),
        mt.Perturbation(0.7, confusion, 0.5, erasure=0.1),
        mt.Perturbation(erasure=0.1),
    )
    for counts in ((9, 12), (4, 5), (3, 9), (9, 3)):
        moments = exact_moments(model, counts)
        for under in kinds:
            risk = mt.risk(mt.Dense(), model, samples=counts, under=under)
            expected = exposures(model, under, *moments, moe=False)
            np.testing.assert_allclose(risk.per_group, expected, rtol=1e-12)
            assert (risk.exactness, risk.error) == ("exact", 0.0)
            # without a probability the infinite block still answers the other group's inputs
            alone = model.replace(group_probabilities=[0.0, 1.0])
            result = mt.risk(mt.Dense(), alone, samples=counts, under=under)
            assert result.value == pytest.approx(expected[1], rel=1e-12)


def test_a_block_that_is_never_drawn_counts_only_if_something_passes_it():
    """Strict, σ² = 0: expert 0 is known asymptotically only, but who meets it?"""
    model = mt.BlockModel(
        [0.0, 1.0], [0, 0, 0, 0, 1], [4.0, 3.0, 2.0, 1.0, 1.0], [1.0] * 5, 0.0,
        label_noise_variance=0.3,
    )  # fmt: skip
    confusion = mt.even_confusion(2, 0.4)
    for under, exactness in (
        (None, "exact"),
        (mt.Perturbation(), "exact"),
        (mt.Perturbation(0.0, confusion, erasure=0.2), "exact"),
        (mt.Perturbation(noise_variance=0.1), "asymptotic"),
        (mt.Perturbation(confusion=confusion, drag=0.1), "asymptotic"),
    ):
        assert mt.risk(mt.Dense(), model, samples=[1, 9], under=under).exactness == exactness


@pytest.mark.parametrize("samples", [3, 5, 8, 9, 30])
@pytest.mark.parametrize("ridge", [0.0, 0.2])
def test_with_one_group_both_meet_the_same_perturbation(samples, ridge):
    model = blocks(8, 1, 0.3, label_noise=0.2)
    for under in (mt.Perturbation(2.0, [[1.0]], 3.0, erasure=0.2), mt.Perturbation(0.0)):
        dense, moe = (
            mt.risk(kind(ridge=ridge), model, samples=samples, under=under)
            for kind in (mt.Dense, mt.MoE)
        )
        assert (dense.value, dense.error) == pytest.approx((moe.value, moe.error), rel=1e-9)
        assert dense.exactness == moe.exactness


@pytest.mark.parametrize(
    "estimator", [mt.Dense(), mt.MoE(), mt.Dense(ridge=0.1), mt.MoE(ridge=0.1)]
)
@pytest.mark.parametrize("samples", [40, [30, 2, 30], [2, 1, 3], [1, 3, 9]])
def test_a_perturbation_that_changes_nothing_is_none(leaky, estimator, samples):
    before = mt.risk(estimator, leaky, samples=samples)
    for under in (
        mt.Perturbation(),
        mt.Perturbation(noise_variance=leaky.noise_variance),
        mt.Perturbation(confusion=np.eye(3), drag=4.0),
    ):
        after = mt.risk(estimator, leaky, samples=samples, under=under)
        np.testing.assert_allclose(after.per_group, before.per_group, rtol=1e-13)
        assert after.error == pytest.approx(before.error, rel=1e-9)
        assert after.exactness == before.exactness


@pytest.mark.parametrize(
    "estimator", [mt.Dense(), mt.MoE(), mt.Dense(ridge=0.1), mt.MoE(ridge=0.1)]
)
def test_many_samples_lead_to_the_optimum_under_a_perturbation(leaky, estimator):
    for under in (rich(3), mt.Perturbation(0.0), mt.Perturbation(erasure=0.4)):
        limit = mt.risk(estimator, leaky, under=under)
        risk = mt.risk(estimator, leaky, samples=2**63 - 1, under=under)
        np.testing.assert_allclose(risk.per_group, limit.per_group, rtol=1e-12)


def test_the_exactness_is_that_of_the_experts_that_are_met(leaky):
    """Expert 1 has too few samples for an exact answer."""
    counts = [30, 1, 30]
    around = mt.Perturbation(confusion=[[0.9, 0, 0.1], [0.5, 0, 0.5], [0, 0, 1]])
    assert mt.risk(mt.MoE(), leaky, samples=counts, under=around).exactness == "exact"
    into = mt.Perturbation(confusion=[[0.9, 0.1, 0.0], [0, 0, 1], [0, 0, 1]])
    result = mt.risk(mt.MoE(), leaky, samples=counts, under=into)
    assert result.exactness == "asymptotic"
    assert 0.0 < result.error < np.inf


def test_a_refusal_names_the_perturbation_too(leaky):
    under = mt.Perturbation(noise_variance=2.0)
    with pytest.raises(mt.NoClosedForm) as refusal:
        mt.risk(mt.Dense(), leaky, samples=40, under=under, require="exact")
    call = "simulate(Dense(ridge=0.0), model, samples=40, under=Perturbation(noise_variance=2.0))"
    assert str(refusal.value).endswith(f"call {call}")


# --- noise in general --------------------------------------------------------------------------


@pytest.mark.parametrize("name", GENERAL)
def test_experts_are_exact_whatever_the_noise_and_do_not_see_interference(name):
    model, n = GENERAL[name], np.array([40, 8, 7])
    risk = mt.risk(mt.MoE(), model, samples=n)
    expected = unexplained_by_experts(model) * (n - 1) / (n - model.sizes - 1)
    np.testing.assert_allclose(risk.per_group, expected, rtol=1e-12)
    assert (risk.exactness, risk.error) == ("exact", 0.0)
    silent = model.replace(interference_variances=0.0)
    for estimator, samples in ((mt.MoE(), n), (mt.MoE(), [1, 2, 9]), (mt.MoE(ridge=0.2), n)):
        one, other = (mt.risk(estimator, each, samples=samples) for each in (model, silent))
        assert (one.value, one.error) == (other.value, other.error)
        np.testing.assert_array_equal(one.per_group, other.per_group)


def level(flat):
    """Blocks in which signal and noise differ while their sum does not; with interference."""
    share = 0.5 + 0.45 * np.sin(np.arange(21.0))
    total = flat.signal_variances
    return flat.replace(
        signal_variances=share * total,
        noise_variance=(1.0 - share) * total,
        interference_variances=0.3,
    )


def test_a_block_is_isotropic_if_signal_and_noise_add_up_to_one_variance(flat):
    """Below the threshold ρ(1 + n/(s-n-1)) + E(1-n/s), with ridge by an integral."""
    model, n, s = level(flat), np.array([1, 7, 4]), flat.sizes
    _, noisy, kept, _ = plain(model)
    own = (model.block_of, np.arange(21))
    energy = np.bincount(model.block_of, (model.coefficients * kept[own]) ** 2 * noisy[own])
    risk = mt.risk(mt.MoE(), model, samples=n)
    expected = unexplained_by_experts(model) * (1 + n / (s - n - 1)) + energy * (1 - n / s)
    np.testing.assert_allclose(risk.per_group, expected, rtol=1e-12)
    assert (risk.exactness, risk.error) == ("exact", 0.0)
    assert mt.risk(mt.MoE(ridge=0.1), model, samples=n).exactness == "quadrature"
    # equal signal is not enough
    uneven = flat.replace(noise_variance=np.linspace(0.3, 0.5, 21))
    assert mt.risk(mt.MoE(), uneven, samples=n).exactness == "asymptotic"


@pytest.mark.parametrize("leakage", [0.0, LEAKING.leakage_variances])
@pytest.mark.parametrize("counts", [(9, 40, 11), (30, 20, 12)])
def test_least_squares_does_not_mind_the_units_of_the_coordinates(counts, leakage):
    """Without interference (λ, ν, b, n) is (λ/n, ν/n, b√n, 1)."""
    model = PER_COORDINATE.replace(leakage_variances=leakage)
    n = model.noise_variance
    scaled = model.replace(
        signal_variances=model.signal_variances / n,
        leakage_variances=model.leakage_variances / n,
        coefficients=model.coefficients * np.sqrt(n),
        noise_variance=1.0,
    )
    for estimator in (mt.Dense(), mt.MoE()):
        one, other = (mt.risk(estimator, each, samples=counts) for each in (model, scaled))
        np.testing.assert_allclose(one.per_group, other.per_group, rtol=1e-9)
        rates = [mt.excess_rate(estimator, each) for each in (model, scaled)]
        assert rates[0] == pytest.approx(rates[1], rel=1e-12)


@pytest.mark.parametrize("name", GENERAL)
@pytest.mark.parametrize(
    ("counts", "ridge"),
    [
        ((5, 12, 8), 0.0),
        ((30, 50, 2), 0.0),
        ((0, 15, 6), 0.0),
        ((1, 2, 2), 0.0),
        ((4, 0, 1), 0.0),
        ((3, 4, 2), 0.3),
        ((1, 1, 0), 0.02),
        ((9, 2, 20), 2.0),
    ],
)
def test_the_error_of_dense_covers_what_is_simulated_for_noise_in_general(name, counts, ridge):
    model = GENERAL[name]
    risk = mt.risk(mt.Dense(ridge=ridge), model, samples=counts)
    assert covered(risk, averaged_risks(model, counts, 20_000, 4, ridge))


def drawn_fits(model, counts, sets, rng):
    """Training sets of ``counts`` from `BlockModel.sample`: features and labels of each group."""
    rows = [sets * n for n in counts]
    share = model.group_probabilities
    needed = int(1.02 * max(r / q for r, q in zip(rows, share, strict=True))) + 1000
    sample = model.sample(needed, rng)
    for g, (n, r) in enumerate(zip(counts, rows, strict=True)):
        of_group = np.flatnonzero(sample.groups == g)[:r]
        assert len(of_group) == r
        features = sample.features[of_group].reshape(sets, n, model.dim)
        yield features, sample.labels[of_group].reshape(sets, n)


@pytest.mark.parametrize("name", GENERAL)
def test_fits_of_drawn_samples_have_these_risks(agrees, mean_and_sem, name):
    """`sample`, normal equations, the true risk term by term: experts to 1 %, and dense."""
    model, counts, ridge = GENERAL[name], [12, 30, 18], 0.05
    sets = list(drawn_fits(model, counts, 20_000, rng=3))
    clean, noise = variances(model)
    b, d = model.coefficients, model.dim

    def fitted(x, y, penalty):
        gram = x.mT @ x + penalty * np.eye(x.shape[-1])
        return np.linalg.solve(gram, x.mT @ y[..., np.newaxis])[..., 0]

    x, y = (np.concatenate(each, axis=1) for each in zip(*sets, strict=True))
    own = model.block_of == np.arange(model.experts)[:, np.newaxis]
    experts = np.zeros((len(x), d))
    for g, (features, labels) in enumerate(sets):
        experts[:, own[g]] = fitted(features[..., own[g]], labels, 0.0)
    least_squares, shrunk = fitted(x, y, 0.0), fitted(x, y, 60 * ridge)
    for estimator, fits, used in (
        (mt.MoE(), experts, own),
        (mt.Dense(), least_squares, np.ones_like(own)),
        (mt.Dense(ridge=ridge), shrunk, np.ones_like(own)),
    ):
        risks = model.label_noise_variance + sum(
            p * ((b - fits * u) ** 2 @ s + (fits * u) ** 2 @ n)
            for p, u, s, n in zip(model.group_probabilities, used, clean, noise, strict=True)
        )
        risk = mt.risk(estimator, model, samples=counts)
        if estimator == mt.MoE():
            assert agrees(*mean_and_sem(risks), risk.value)
        else:
            assert covered(risk, risks)
            assert risk.error < 0.03 * risk.value


LOUDER = {
    "one noise": mt.Perturbation(noise_variance=3.0),
    "louder": mt.Perturbation(noise_variance=2.0 * STRICT.noise_variance[::-1]),
    "interference": mt.Perturbation(interference_variances=np.linspace(2.0, 0.0, 9)),
    "both, erased": mt.Perturbation(
        noise_variance=np.linspace(0.0, 3.0, 9), interference_variances=1.5, erasure=0.3
    ),
    "routed": mt.Perturbation(
        confusion=[[0.7, 0.1, 0.2], [0.0, 0.9, 0.1], [0.3, 0.3, 0.4]],
        drag=0.7,
        interference_variances=np.linspace(0.0, 4.0, 9),
    ),
}


@pytest.mark.parametrize("case", LOUDER)
@pytest.mark.parametrize("name", GENERAL)
def test_general_noise_at_test_time_too(name, case):
    """Experts exactly, dense within its error, by another route."""
    model, under, p = GENERAL[name], LOUDER[case], GENERAL[name].group_probabilities
    experts = mt.risk(mt.MoE(), model, samples=(4, 50, 10), under=under)
    expected = exposures(model, under, *exact_moments(model, (4, 50, 10)), moe=True)
    np.testing.assert_allclose(experts.per_group, expected, rtol=1e-11)
    for counts, ridge in (((6, 12, 9), 0.0), ((2, 2, 1), 0.0), ((3, 4, 2), 0.3)):
        risk = mt.risk(mt.Dense(ridge=ridge), model, samples=counts, under=under)
        first, second = averaged_moments(model, counts, 12_000, 5, ridge)
        assert covered(risk, exposures(model, under, first, second, moe=False) @ p)


def test_interference_alone_leaves_a_residual():
    """n = ω² = 0: where both groups are seen, no coefficients fit both; one group has none."""
    model = mt.BlockModel(
        [0.5, 0.5],
        [0, 0, 1, 1],
        [1.0, 2.0, 1.5, 0.7],
        [1.0, -1.0, 0.5, 2.0],
        0.0,
        interference_variances=[0.5, 0.3, 0.2, 0.8],
    )
    for counts in ([2, 2], [3, 1], [2, 1], [2, 3]):
        risk = mt.risk(mt.Dense(), model, samples=counts)
        assert (risk.value, risk.exactness) == (math.inf, "exact")
    risk = mt.risk(mt.Dense(), model, samples=[4, 0])
    # b on its own block and nothing on the other: κb² and λb² are lost in the other group
    np.testing.assert_allclose(risk.per_group, [0.0, 0.8 + 1.5 * 0.25 + 0.7 * 4.0], atol=1e-12)


@pytest.mark.parametrize("quiet", [0, 3])
def test_a_coordinate_that_varies_only_on_or_off_its_block_is_refused(quiet):
    """Without ridge; with ridge it is answered within its error."""
    noise, interference = STRICT.noise_variance.copy(), np.zeros(9)
    noise[quiet] = 0.0
    on = STRICT.replace(noise_variance=noise, interference_variances=interference)
    interference[quiet], signal = 0.7, STRICT.signal_variances.copy()
    signal[quiet] = 0.0
    off = on.replace(signal_variances=signal, interference_variances=interference)
    for model in (on, off):
        with pytest.raises(mt.NoClosedForm, match=r"must vary while its block is active.*simulate"):
            mt.risk(mt.Dense(), model, samples=(9, 20, 12))
        risk = mt.risk(mt.Dense(ridge=0.2), model, samples=(9, 20, 12))
        assert covered(risk, averaged_risks(model, (9, 20, 12), 5000, 2, 0.2))


@pytest.mark.parametrize("name", GENERAL)
def test_many_samples_approach_the_rate_for_noise_in_general(name):
    model, counts = GENERAL[name], np.array([2, 5, 3])
    optimum, rate = mt.risk(mt.Dense(), model).excess, mt.excess_rate(mt.Dense(), model)
    off = [
        10 * n * (mt.risk(mt.Dense(), model, samples=n * counts).excess - optimum) / rate - 1.0
        for n in (1000, 10_000)
    ]
    assert 1e-5 < abs(off[0]) < 0.02
    assert off[1] == pytest.approx(off[0] / 10, rel=0.1)

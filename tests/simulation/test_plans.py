"""Every route against training sets drawn sample by sample, and which one is chosen."""

import math
from importlib import import_module

import numpy as np
import pytest
from scipy import stats

import moetheory as mt
from general_noise import LEAKING
from moetheory.predictors.expert_regressions import Regressions
from moetheory.problem.sample_counts import counts_of
from moetheory.simulation import fitted_risks
from moetheory.simulation.methods.fit_risks import dense_fit_risks, expert_fit_risks
from moetheory.simulation.methods.law import LawRoute
from moetheory.simulation.methods.statistics_rotated import RotatedRows
from moetheory.simulation.methods.statistics_rows import GroupedRows, JointRows, SampleRows
from moetheory.simulation.plans import families

LEVEL = 1e-6  # that any of at most COMPARISONS comparisons of this file fails by chance
COMPARISONS = 500
SETS = 6000
RIDGES = [mt.Dense(), mt.Dense(ridge=0.2), mt.MoE(), mt.MoE(ridge=0.2)]


def wide(sizes=(8, 10), **changes):
    """Two unequal isotropic blocks."""
    model = mt.BlockModel(
        [0.35, 0.65],
        np.repeat([0, 1], sizes),
        np.repeat([2.0, 0.9], sizes),
        np.cos(np.arange(sum(sizes))) + 0.3,
        0.4,
    )
    return model.replace(**changes)


def layouts(estimators, model, samples, counts="fixed"):
    plan = families(estimators, (model,), counts_of(samples, model), counts, None)
    return {type(getattr(family.route, "layout", family.route)): family.members for family in plan}


def assert_same_law(here, there):
    """Means and variances of the logarithms, whose tails are light, and whole distributions."""
    tail = LEVEL / COMPARISONS
    threshold = stats.norm.isf(tail / 2)
    a, b = np.log(here), np.log(there)
    sem = math.hypot(a.std(), b.std()) / math.sqrt(len(a))
    assert abs(a.mean() - b.mean()) <= threshold * sem + 1e-12
    assert threshold * sem <= 0.12 * max(
        a.std(), 1e-12
    )  # it would have seen an eighth of the spread
    squares = [(v - v.mean()) ** 2 for v in (a, b)]
    spread = math.hypot(squares[0].std(), squares[1].std()) / math.sqrt(len(a))
    assert abs(squares[0].mean() - squares[1].mean()) <= threshold * spread + 1e-12
    # what has a probability of its own may differ in its last digits
    here, there = here.astype(np.float32), there.astype(np.float32)
    assert stats.ks_2samp(here, there, method="asymp").pvalue > tail


LOUD = {"noise_variance": np.logspace(2, -2, 9)[[3, 8, 0, 5, 7, 1, 4, 2, 6]]}
IDLE = np.array([0.5, 0.0, 2.0, 0.1, 0.0, 30.0, 1.0, 0.3, 0.7])
CASES = {
    "more samples than coordinates": ({}, [8, 20, 14], "fixed", JointRows, LawRoute),
    "label noise": ({"label_noise_variance": 0.3}, [8, 20, 14], "fixed", JointRows, LawRoute),
    "a group with few samples": ({}, [1, 20, 14], "fixed", JointRows, None),
    "a group without samples": ({}, [0, 20, 14], "fixed", JointRows, LawRoute),
    "no feature noise": (
        {"noise_variance": 0.0, "label_noise_variance": 0.3},
        [1, 20, 14],
        "fixed",
        JointRows,
        None,
    ),
    "leakage": ({"leakage_variances": 0.3}, [8, 20, 14], "fixed", GroupedRows, LawRoute),
    "leakage, few samples": ({"leakage_variances": 0.3}, [2, 7, 4], "fixed", SampleRows, LawRoute),
    "drawn counts": ({"label_noise_variance": 0.3}, 30, "multinomial", JointRows, None),
    "leakage, drawn counts": ({"leakage_variances": 0.3}, 30, "multinomial", GroupedRows, None),
    "noise of each coordinate": (LOUD, [8, 20, 14], "fixed", JointRows, LawRoute),
    "some without noise": (
        {"noise_variance": np.where(np.arange(9) % 2, 0.0, 0.6), "label_noise_variance": 0.3},
        [1, 20, 14],
        "fixed",
        JointRows,
        None,
    ),
    "interference": (
        LOUD | {"interference_variances": IDLE},
        [8, 20, 14],
        "fixed",
        GroupedRows,
        LawRoute,
    ),
    "interference, few samples": (
        {"interference_variances": IDLE, "label_noise_variance": 0.3},
        [2, 7, 4],
        "fixed",
        SampleRows,
        LawRoute,
    ),
    "interference, leakage, drawn counts": (
        LOUD | {"interference_variances": IDLE, "leakage_variances": 0.3},
        30,
        "multinomial",
        GroupedRows,
        None,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_risks_have_the_law_of_training_sets_drawn_in_full(generic, case):
    changes, samples, counts, layout, experts = CASES[case]
    compare(generic(**changes), samples, counts, layout, experts)


FILLED = np.linspace(0.2, 1.2, 18)
WIDE = {
    "fewer samples than coordinates": ({}, [2, 3], "fixed", RotatedRows, LawRoute),
    "one group in excess": ({"sizes": (2, 14)}, [6, 3], "fixed", RotatedRows, LawRoute),
    "rotated, label noise": ({"label_noise_variance": 0.3}, [3, 0], "fixed", RotatedRows, LawRoute),
    "leakage": ({"leakage_variances": 0.2}, [2, 3], "fixed", SampleRows, LawRoute),
    "anisotropic": ({"signal_variances": np.linspace(2, 1, 18)}, [2, 3], "fixed", SampleRows, None),
    "drawn counts": ({}, 5, "multinomial", SampleRows, LawRoute),
    # signal and noise together are isotropic, neither is alone
    "noise fills up": (
        {"signal_variances": FILLED, "noise_variance": np.repeat([2.4, 1.3], (8, 10)) - FILLED},
        [2, 3],
        "fixed",
        SampleRows,
        LawRoute,
    ),
    "interference": ({"interference_variances": 0.5}, [2, 3], "fixed", SampleRows, LawRoute),
}


@pytest.mark.parametrize("case", WIDE)
def test_risks_have_the_law_of_small_training_sets_drawn_in_full(case):
    changes, samples, counts, layout, experts = WIDE[case]
    compare(wide(**changes), samples, counts, layout, experts)


def compare(model, samples, counts, layout, experts):
    chosen = layouts([mt.Dense(), mt.MoE()], model, samples, counts)
    assert layout in chosen
    assert (LawRoute in chosen) == (experts is LawRoute)
    arguments = {"counts": counts, "replicates": SETS}
    # each alone: several fits of dense are never rotated
    fast = [fitted_risks([each], model, samples, rng=1, **arguments)[0] for each in RIDGES]
    plain = fitted_risks(RIDGES, model, samples, rng=2, method="data", **arguments)
    for here, there in zip(fast, plain, strict=True):
        for g in range(model.experts):
            if np.ptp(there[:, g]) > 1e-12 * there[0, g]:
                assert_same_law(here[:, g], there[:, g])
            else:  # an expert without samples
                np.testing.assert_allclose(here[:, g], there[:, g], rtol=1e-12)
        p = model.group_probabilities
        assert_same_law(here @ p, there @ p)


def test_fits_of_one_training_set_covary_as_they_do_on_data():
    """A rotation would give all of them one direction: right for each, wrong for differences."""
    model = mt.BlockModel.isotropic(16, 2, 1.0, signal_energy=16.0)
    both = [mt.Dense(), mt.Dense(ridge=10.0)]
    assert RotatedRows in layouts(both[:1], model, 10)
    risks = [
        fitted_risks(both, model, 10, method=method, replicates=20_000, rng=1).mean(axis=2)
        for method in (None, "data")
    ]
    # Fisher's transform of a correlation, of which ranks are the robust sort
    here, there = (
        np.corrcoef(np.argsort(np.argsort(each, axis=1), axis=1))[0, 1] for each in risks
    )
    assert abs(np.arctanh(here) - np.arctanh(there)) < 5 * math.sqrt(2 * 1.06 / 20_000)


# --- under a perturbation -----------------------------------------------------------------------

CONFUSION = np.array([[0.7, 0.2, 0.1], [0.0, 0.9, 0.1], [0.3, 0.3, 0.4]])
TWO = np.array([[0.8, 0.2], [0.3, 0.7]])
ORDER = np.random.default_rng(0).permutation(18)


def shuffled():
    """Isotropic blocks whose coordinates are mixed."""
    model = wide(label_noise_variance=0.2)
    return model.replace(
        block_of=model.block_of[ORDER], signal_variances=model.signal_variances[ORDER]
    )


def leaky(generic):
    return generic(leakage_variances=0.2 / np.arange(1.0, 10.0), label_noise_variance=0.2)


def correlated(**changes):
    """Blocks with covariances in full."""
    rng = np.random.default_rng(1)
    factors = [rng.standard_normal((size, size)) for size in (2, 4, 3)]
    return mt.BlockModel.from_covariances(
        [factor @ factor.T for factor in factors],
        [rng.standard_normal(size) for size in (2, 4, 3)],
        0.4,
        group_probabilities=[0.2, 0.5, 0.3],
        label_noise_variance=0.2,
    ).replace(**changes)


PERTURBED = {
    "joint": (JointRows, lambda generic: generic(label_noise_variance=0.2), [12, 20, 14]),
    "grouped": (GroupedRows, leaky, [12, 20, 24]),
    "plain": (SampleRows, leaky, [4, 1, 3]),
    "rotated": (RotatedRows, lambda generic: shuffled(), [3, 4]),
    "correlated coordinates": (JointRows, lambda generic: correlated(), [12, 20, 14]),
    "general noise": (GroupedRows, lambda generic: LEAKING, [12, 20, 24]),
    "correlated noise": (JointRows, lambda generic: correlated(**LOUD), [12, 20, 14]),
}
PARTS = {"erasure": 0.3, "radius": 0.4}  # each for itself: together there is no closed form


def perturbed(model, part):
    three = model.experts == 3
    confusion, noise, more = CONFUSION if three else TWO, 0.9, {}
    if isinstance(model.noise_variance, np.ndarray):
        noise, more = np.linspace(0.1, 2.0, 9), {"interference_variances": IDLE}
    elif not three:  # one variance in each block: its coordinates may still be rotated
        noise = np.array([0.9, 0.2])[model.block_of]
        more = {"interference_variances": np.array([0.0, 0.5])[model.block_of]}
    return mt.Perturbation(noise, confusion, 0.7, **{part: PARTS[part]}, **more)


@pytest.mark.parametrize("case", PERTURBED)
def test_without_changes_and_with_erasure_risks_are_what_they_are_made_of(generic, case):
    """Two formulas for the same fits: (1-q) risk + q null risk, whatever the estimator."""
    layout, make, samples = PERTURBED[case]
    model = make(generic)
    assert layout in layouts([mt.Dense()], model, samples)
    same, erased = mt.Perturbation(), mt.Perturbation(erasure=0.3)
    clean = np.where(
        model.block_of == np.arange(model.experts)[:, np.newaxis],
        model.signal_variances,
        model.leakage_variances,
    )
    null = clean @ model.coefficients**2 + model.label_noise_variance
    for method in (None, "statistics", "data"):
        arguments = {"replicates": 40, "rng": 3, "method": method}
        risks = fitted_risks(RIDGES, model, samples, **arguments)
        found = fitted_risks(RIDGES, model, samples, under=same, **arguments)
        np.testing.assert_allclose(found, risks, rtol=1e-11)
        if model.rotations is not None:
            continue
        found = fitted_risks(RIDGES, model, samples, under=erased, **arguments)
        np.testing.assert_allclose(found, 0.7 * risks + 0.3 * null, rtol=1e-11)


def quadratic_forms(model, dense, moe, under):
    """Risk given the group (2, K), pair of groups by pair, from covariances in full."""
    p, d = model.experts, model.dim
    q, r = under.erasure, under.radius
    noise, idle = (
        np.broadcast_to(each, d)
        for each in (
            under.noise_of(model.noise_variance),
            under.interference_of(model.interference_variances),
        )
    )
    b, found, turn = model.coefficients, np.zeros((2, p)), np.eye(d)
    for g, basis in enumerate(model.rotations or ()):
        own = np.flatnonzero(model.block_of == g)
        turn[np.ix_(own, own)] = basis
    for i in range(p):
        clean = np.diag(
            np.where(model.block_of == i, model.signal_variances, model.leakage_variances)
        )
        for j in range(p):
            own = model.block_of == j
            pulled = np.diag(own * model.signal_variances) * under.drag**2 * (i != j)
            seen = clean + pulled + np.diag(noise + idle * (model.block_of != i))
            for k, w in enumerate((dense, own * moe)):
                # erasure keeps 1 - q of a product with the label, (1 - q)² of one of two features
                own_part = turn.T @ np.diag(np.diag(turn @ seen @ turn.T)) @ turn
                both = (1 - q) ** 2 * seen + q * (1 - q) * own_part
                e = b @ clean @ b - 2 * (1 - q) * w @ clean @ b + w @ both @ w
                e += model.label_noise_variance
                norm = np.linalg.norm(w)
                e += 2 * r * math.sqrt(2 / math.pi * e) * norm + r**2 * norm**2
                found[k, i] += under.confusion[i, j] * e
    return found


def plain_fits(model, samples, rng):
    """Fits of dense and of the experts by `lstsq` on a training set with these counts."""
    data = model.sample(16 * sum(samples), rng)
    rows = np.concatenate([np.flatnonzero(data.groups == g)[:n] for g, n in enumerate(samples)])
    assert len(rows) == sum(samples)
    x, y, groups = data.features[rows], data.labels[rows], data.groups[rows]
    moe = np.zeros(model.dim)
    for g in range(model.experts):
        own, here = model.block_of == g, groups == g
        moe[own] = np.linalg.lstsq(x[here][:, own], y[here])[0]
    return np.linalg.lstsq(x, y)[0], moe


@pytest.mark.parametrize("case", PERTURBED)
def test_every_route_has_the_perturbed_risks_of_the_plain_way(generic, case):
    _, make, samples = PERTURBED[case]
    model, rng = make(generic), np.random.default_rng(4)
    pairs = [plain_fits(model, samples, rng) for _ in range(200)]
    dense, moe = (np.array(fits) for fits in zip(*pairs, strict=True))
    regressions = Regressions.of(model, samples)
    threshold = stats.norm.isf(LEVEL / COMPARISONS / 2)
    for part in PARTS:
        under, p = perturbed(model, part), model.group_probabilities
        plain = np.stack([quadratic_forms(model, *pair, under) for pair in pairs], axis=1)
        ours = (
            dense_fit_risks(model, dense, under),
            expert_fit_risks(model, moe, regressions, under),
        )
        np.testing.assert_allclose(ours, plain, rtol=1e-11)
        for method in (None, "statistics", "data"):
            arguments = {"under": under, "replicates": 2000, "rng": 5, "method": method}
            risks = np.log(fitted_risks([mt.Dense(), mt.MoE()], model, samples, **arguments) @ p)
            for here, there in zip(risks, np.log(plain @ p), strict=True):
                sem = math.hypot(here.std() / math.sqrt(2000), there.std() / math.sqrt(200))
                assert abs(here.mean() - there.mean()) <= threshold * sem
                assert threshold * sem <= 0.5 * there.std() + 1e-12


def test_a_perturbed_risk_is_the_error_on_test_inputs(generic):
    """Drag, noise and masks drawn one by one for fits that the plain way made."""
    model, rng, n = leaky(generic), np.random.default_rng(6), 400_000
    under = perturbed(model, "erasure")
    dense, moe = plain_fits(model, [12, 20, 24], rng)
    groups = rng.choice(3, n, p=model.group_probabilities)
    own = model.block_of == groups[:, np.newaxis]
    x = rng.standard_normal((n, 9)) * np.sqrt(
        np.where(own, model.signal_variances, model.leakage_variances)
    )
    y = x @ model.coefficients + math.sqrt(0.2) * rng.standard_normal(n)
    taken = np.array([rng.choice(3, n, p=row) for row in CONFUSION])[groups, np.arange(n)]
    named = model.block_of == taken[:, np.newaxis]
    drag = rng.standard_normal((n, 9)) * np.sqrt(model.signal_variances)
    x += 0.7 * drag * named * (taken != groups)[:, np.newaxis]
    x += math.sqrt(0.9) * rng.standard_normal((n, 9))
    x *= rng.random((n, 9)) > 0.3
    wanted = quadratic_forms(model, dense, moe, under)
    for prediction, value in zip((x @ dense, np.vecdot(x * named, moe)), wanted, strict=True):
        errors = (y - prediction) ** 2
        z = (errors.mean() - model.group_probabilities @ value) / errors.std() * math.sqrt(n)
        assert abs(z) < stats.norm.isf(LEVEL / COMPARISONS / 2)


def test_perturbed_experts_agree_with_their_exact_risk(generic):
    under = perturbed(generic(), "erasure")
    threshold = stats.norm.isf(LEVEL / COMPARISONS / 2)
    for model, samples in ((generic(), [12, 20, 14]), (leaky(generic), [12, 20, 24])):
        theory = mt.risk(mt.MoE(), model, samples=samples, under=under)
        forgetful = mt.risk(mt.MoE(), model, samples=samples, under=under.replace(drag=0.0))
        assert theory.exactness == "exact"
        arguments = {"samples": samples, "under": under, "replicates": 40_000, "rng": 7}
        estimate = mt.simulate(mt.MoE(), model, **arguments)
        assert estimate.method == "law"
        assert abs(estimate.z(theory)) < threshold < abs(estimate.z(forgetful))


def test_experts_from_statistics_have_the_law_of_experts_from_their_law(generic):
    for model, samples in ((generic(), [8, 20, 14]), (wide(), [2, 13])):
        arguments = {"replicates": SETS, "rng": 1}
        law = fitted_risks([mt.MoE()], model, samples, method="law", **arguments)[0]
        statistics = fitted_risks([mt.MoE()], model, samples, method="statistics", **arguments)[0]
        for g in range(model.experts):
            assert_same_law(law[:, g], statistics[:, g])


def test_the_comparison_notices_a_sample_too_many(generic):
    here, there = (
        fitted_risks([mt.Dense(), mt.MoE()], generic(), samples, replicates=40_000, rng=seed)
        for seed, samples in ((1, [8, 20, 14]), (2, [9, 21, 15]))
    )
    for a, b in zip(here, there, strict=True):
        with pytest.raises(AssertionError):
            assert_same_law(a[:, 0], b[:, 0])


def test_conjugate_gradients_are_for_groups_that_all_have_plenty_of_samples():
    """The coefficients of a group without samples hang on noise alone."""
    model = mt.BlockModel([0.5, 0.5], np.repeat([0, 1], 32), np.ones(64), np.ones(64), 1e-10)
    steps = {}
    for samples in ([5000, 5000], [50_000, 0], [50_000, 33], [100, 100]):
        plan = families([mt.Dense()], (model,), np.array(samples), "fixed", "statistics")
        steps[tuple(samples)] = plan[0].route.iterations
    assert list(map(bool, steps.values())) == [True, False, False, False]


@pytest.mark.parametrize(
    "noises",
    [
        {"noise_variance": 0.3, "leakage_variances": 0.01},
        {"noise_variance": np.logspace(-2, 2, 80)},
        {"noise_variance": 0.3, "interference_variances": np.logspace(2, -2, 80)},
    ],
)
def test_conjugate_gradients_and_solving_agree_on_the_same_draws(monkeypatch, noises):
    """The columns have the lengths that are expected: no set needs the other solver."""
    model = mt.BlockModel.power_law(80, 4, decay=1.0, **noises)
    estimators = [mt.Dense(), mt.Dense(ridge=0.1)]
    arguments = {"samples": 4000, "replicates": 20, "rng": 0, "method": "statistics"}
    with monkeypatch.context() as patch:
        patch.setattr(import_module("moetheory.kernels.least_squares"), "normal_fits", None)
        iterated = fitted_risks(estimators, model, **arguments)
    plan = families(estimators, (model,), counts_of(4000, model), "fixed", "statistics")
    assert plan[0].route.iterations > 0
    monkeypatch.setattr(
        "moetheory.simulation.methods.statistics.DenseStatisticsRoute.iterations", 0
    )
    np.testing.assert_allclose(fitted_risks(estimators, model, **arguments), iterated, rtol=1e-10)


@pytest.mark.parametrize("samples", [10**4, 10**9])
def test_the_number_of_samples_costs_nothing(generic, agrees, pool, samples):
    """n(E R - R) tends to theory's rate; rows do not grow with n."""
    model = generic()
    estimators = [mt.Dense(), mt.MoE()]
    arguments = {"samples": samples, "replicates": 140_000, "rng": 5, "executor": pool}
    estimates = mt.simulate(estimators, model, **arguments)
    for estimator, estimate in zip(estimators, estimates, strict=True):
        limit, rate = mt.risk(estimator, model).value, mt.excess_rate(estimator, model)
        excess = samples * (estimate.mean - limit)
        # a difference of nearly equal numbers keeps few digits at n = 10⁹
        assert agrees(excess, samples * estimate.sem + 1e-16 * samples, 140_000, rate)


def test_leakage_and_a_billion_samples(generic):
    model = generic(leakage_variances=0.2)
    estimates = mt.simulate([mt.Dense(), mt.MoE()], model, samples=10**9, replicates=50, rng=0)
    for estimator, estimate in zip((mt.Dense(), mt.MoE()), estimates, strict=True):
        assert estimate.mean == pytest.approx(mt.risk(estimator, model).value, rel=1e-6)


def test_the_route_is_chosen_shown_and_can_be_forced(generic):
    model, both = generic(), [mt.Dense(), mt.MoE()]
    arguments = {"samples": [8, 20, 14], "replicates": 50, "rng": 0}
    for method, names in (
        (None, ["statistics", "law"]),
        ("statistics", ["statistics", "statistics"]),
        ("data", ["data", "data"]),
    ):
        estimates = mt.simulate(both, model, method=method, **arguments)
        assert [estimate.method for estimate in estimates] == names
        assert estimates.paired(0, 1) == (method == "data")
    assert mt.simulate(mt.MoE(), model, method="law", **arguments).method == "law"
    assert mt.simulate(mt.Dense(), model, method="population", rng=0).method == "population"
    one = mt.BlockModel.power_law(8, 1, 0.5, decay=1.0)
    alone = mt.simulate(both, one, samples=40, replicates=50, method="law", rng=0)
    assert alone[0].mean == alone[1].mean


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "fast", "samples": 30}, "one of population, flips, identity, .* got 'fast'"),
        ({"method": "law"}, 'method="law" needs samples, .* got none'),
        ({"method": "population", "samples": 30}, "draws no training sets, got samples=30"),
        (
            {"method": "identity", "samples": 30},
            r'"identity" is not known with samples for dense, got Dense\(.*; leave out method',
        ),
        (
            {"method": "law", "samples": 30},
            r'"law" is known for MoE with one expert a group and no shared expert, got Dense\(',
        ),
        (
            {"method": "law", "samples": 30, "estimator": mt.MoE(ridge=1.0)},
            'method="law" has no closed form for ridge > 0; leave out method',
        ),
        (
            {"method": "law", "samples": [1, 2, 30], "estimator": mt.MoE()},
            'method="law" has no closed form for a block with several variances',
        ),
        (
            {"method": "law", "samples": 30, "estimator": mt.MoE(assignment=(0, 0, 1))},
            r'"law" is known for MoE with one expert a group .*, got MoE\(.*assignment=\(0, 0, 1\)',
        ),
        (
            {"method": "statistics", "samples": 30, "estimator": mt.MoE(shared=True)},
            r'"statistics" is not known with a shared expert, .*shared=True\); leave out method',
        ),
        (
            {
                "method": "statistics",
                "samples": 30,
                "counts": "multinomial",
                "estimator": mt.MoE(assignment=(0, 0, 1)),
            },
            '"statistics" is not known .* not with multinomial counts or confusion, got MoE',
        ),
        (
            {"method": "identity", "estimator": mt.MoE(mt.Hard(), assignment=(0, 0, 1))},
            r'"identity" is known for .* one expert a group without a shared expert, got MoE',
        ),
        (
            {"method": "identity", "loss": "sign", "estimator": mt.MoE(mt.Hard())},
            '"identity" is known for squared errors, .* got loss="sign"; leave out method',
        ),
        (
            {"estimator": mt.MoE(mt.Learned(60), shared=True)},
            "estimator must have one expert a group, and no shared expert, with a gate that learns",
        ),
        (
            {"estimator": mt.MoE(mt.TopK(3), assignment=(0, 0, 1))},
            "k must be at most 2, the number of experts, got 3",
        ),
        (
            {"estimator": mt.MoE(assignment=(0, 1))},
            "assignment must have 3 entries, one for each group of the model, got 2",
        ),
    ],
)
def test_bad_methods(generic, arguments, message):
    with pytest.raises(ValueError, match=message):
        mt.simulate(**{"estimator": mt.Dense(), "model": generic(), **arguments})


def test_experts_of_several_groups_have_a_route_of_their_own(generic):
    first, second, joint = (0, 0, 1), (1, 0, 1), mt.MoE(shared=True)
    estimators = [
        mt.MoE(assignment=first),
        mt.Dense(),
        mt.MoE(ridge=0.1, assignment=second),
        mt.MoE(),
        mt.MoE(ridge=0.2, assignment=first),
        joint,
    ]
    given = (generic(),), counts_of(40, generic())
    found = {each.name: each for each in families(estimators, *given, "fixed", None)}
    assert {name: each.members for name, each in found.items()} == {
        "experts": (3,),
        "dense": (1,),
        "assignment 0": (0, 4),
        "assignment 1": (2,),
        "data": (5,),
    }
    assert [found[f"assignment {i}"].salt for i in (0, 1)] == [(3, *first), (3, *second)]
    assert len({each.salt for each in found.values()}) == 5
    drawn = families(estimators, *given, "multinomial", None)
    assert drawn[-1].members == (0, 2, 4, 5)
    confused = mt.Perturbation(confusion=mt.even_confusion(3, 0.1))
    assert families(estimators, *given, "fixed", None, confused)[-1].members == (0, 2, 4, 5)
    (together,) = families(estimators, *given, "fixed", "data")
    assert together.members == tuple(range(6))


def test_without_samples_all_share_the_draws_of_data_where_one_has_to(generic):
    estimators = [
        mt.MoE(mt.Soft()),
        mt.MoE(mt.Soft(), assignment=(0, 0, 1)),
        mt.MoE(mt.Learned(60)),
    ]
    found = mt.simulate(estimators, generic(), replicates=500, rng=0)
    assert found.methods == ("population", "population", "identity")
    assert found.paired(0, 1)
    signs = mt.simulate(estimators[::2], generic(), replicates=500, rng=0, loss="sign")
    assert signs.methods == ("population", "identity")


def test_equivalent_estimators_are_the_same_run(generic):
    estimators = [
        mt.MoE(),
        mt.MoE(assignment=(2, 0, 1)),
        mt.Dense(),
        mt.MoE(mt.Hard(), assignment=(0, 0, 0)),
    ]
    for samples in (None, 40):
        found = mt.simulate(estimators, generic(), samples=samples, replicates=50, rng=0)
        assert found[0].mean == found[1].mean
        assert found[2].mean == found[3].mean
    risks = fitted_risks(estimators, generic(), 40, replicates=5, rng=0)
    np.testing.assert_array_equal(risks[::2], risks[1::2])


def test_signs_are_those_of_coefficients_in_their_own_coordinates():
    """Rotated rows draw fits in other coordinates."""
    model = wide()
    for loss, layout in (("squared", RotatedRows), ("sign", SampleRows)):
        plan = families([mt.Dense()], (model,), np.array([4, 5]), "fixed", None, None, loss)
        assert type(plan[0].route.layout) is layout


@pytest.mark.parametrize(
    ("model", "samples", "under", "sets"),
    [
        (LEAKING, (16, 24, 20), mt.Perturbation(noise_variance=2.0), 4000),
        (wide(), (7, 5), None, 32_000),
    ],
    ids=["enough samples", "few"],
)
def test_every_route_gives_the_same_signs(agrees, model, samples, under, sets):
    """The law and the statistics, against data."""
    estimators = [mt.Dense(ridge=0.1), mt.MoE()]
    options = {"samples": samples, "under": under, "loss": "sign", "replicates": sets}
    here = mt.simulate(estimators, model, rng=1, **options)
    there = mt.simulate(estimators, model, rng=2, method="data", **options)
    assert here.methods == ("statistics", "law")
    for a, b in zip(here, there, strict=True):
        assert agrees(a.mean, math.hypot(a.sem, b.sem), a.replicates, b.mean)

"""The identity for gates against data: the long way, a plain one that shares nothing, theory."""

import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from scipy import stats

import moetheory as mt
from general_noise import STRICT
from moetheory.common.seeding import stream
from moetheory.predictors.coordinate_laws import CoordinateLaw
from moetheory.predictors.gate_forms import GateForms
from moetheory.predictors.optimal import unchecked_optimal_coefficients
from moetheory.problem.gates import Hard, Learned, Soft, TopK
from moetheory.simulation import simulate_routing
from moetheory.simulation.methods.drawn_inputs import CONFUSABLE, InputStrata
from moetheory.simulation.methods.identity import IdentityRoute
from moetheory.simulation.methods.loss_forms import LossForms
from moetheory.simulation.plans import families
from moetheory.strategies import block_models
from moetheory.theory.gate_risks import losses_of_fits

GATES = [Hard(), Soft(), Soft(0.5), TopK(2)]
MIXTURES = [mt.MoE(gate) for gate in GATES]
ALL = [mt.Dense(), mt.MoE(), *MIXTURES, mt.Dense(0.2), mt.MoE(ridge=0.2)]
ALL += [mt.MoE(gate, 0.2) for gate in GATES]


@pytest.fixture(scope="module")
def blocks():
    """Three unequal isotropic blocks."""
    return mt.BlockModel(
        [0.2, 0.5, 0.3],
        [0, 0, 1, 1, 1, 1, 2, 2, 2],
        np.repeat([3.0, 1.0, 2.0], [2, 4, 3]),
        np.cos(np.arange(1.0, 10.0)) + 0.2,
        0.4,
    )


def means(estimators, model, **options):
    estimates = mt.simulate(estimators, model, **{"replicates": 3000, "rng": 5, **options})
    return np.array([estimate.mean for estimate in estimates])


LOUD = STRICT.replace(interference_variances=10.0 * STRICT.interference_variances)


def squares_above_the_oracle(model, cases, data):
    """Densities from SciPy, predictions and squared errors written out, for gate and ridge.

    Less those of the oracle on the same labels: much of the spread is theirs.
    """
    active, idle = model.noise_variance + model.signal_variances, model.idle_noise
    covariances = [
        stats.Covariance.from_diagonal(np.where(model.block_of == g, active, idle))
        for g in range(3)
    ]
    densities = np.stack(
        [
            math.log(p) + stats.multivariate_normal.logpdf(data.features, cov=v)
            for p, v in zip(model.group_probabilities, covariances, strict=True)
        ],
        axis=1,
    )
    posterior = np.exp(densities - densities.max(axis=1, keepdims=True))
    posterior /= posterior.sum(axis=1, keepdims=True)
    weights = {
        Hard(): np.eye(3)[densities.argmax(axis=1)],
        Soft(0.5): posterior**2 / (posterior**2).sum(axis=1, keepdims=True),
        Soft(): posterior,
    }

    def squares(weights, ridge=0.0):
        kept = model.signal_variances / (active + ridge)
        experts = np.eye(3)[model.block_of] * (model.coefficients * kept)[:, np.newaxis]
        return (data.labels - np.vecdot(data.features @ experts, weights)) ** 2

    oracle = squares(np.eye(3)[data.groups])
    return [squares(weights[gate], ridge) - oracle for gate, ridge in cases], oracle


@pytest.mark.parametrize(("noise", "parts"), [("one", 7), ("general", 25)])
def test_the_identity_agrees_with_plain_data(generic, agrees, mean_and_sem, noise, parts):
    """In general, interference is louder than the signal of some coordinates."""
    model = generic(1.2, label_noise_variance=0.1) if noise == "one" else LOUD
    cases, rng = [(Hard(), 0.0), (Soft(0.5), 0.0), (Soft(), 0.3)], np.random.default_rng(3)
    found = [squares_above_the_oracle(model, cases, model.sample(10**5, rng)) for _ in range(parts)]
    above = np.concatenate([each for each, _ in found], axis=1)
    oracle = np.concatenate([each for _, each in found])
    estimators = [mt.MoE(gate, ridge) for gate, ridge in cases]
    estimates = mt.simulate(estimators, model, replicates=600_000, rng=4)
    known = mt.risk(mt.MoE(), model).value
    for excess, estimate in zip(above, estimates, strict=True):
        mean, sem, n = mean_and_sem(known + excess)
        assert agrees(mean, math.hypot(sem, estimate.sem), n, estimate.mean)
        each = estimate.sem * math.sqrt(estimate.replicates)
        assert each < 0.3 * (oracle + excess).std() * math.sqrt(1.25)


def test_the_identity_agrees_with_the_long_way(blocks, agrees, pool):
    estimators = [mt.MoE(Hard(), 0.2), mt.MoE(TopK(2))]
    here, there = (
        mt.simulate(estimators, blocks, replicates=n, rng=7, method=method, executor=pool)
        for n, method in ((600_000, "identity"), (1_900_000, "population"))
    )
    assert {each.method for each in here} == {"identity"}
    assert {each.method for each in there} == {"population"}
    for short, long in zip(here, there, strict=True):
        sem = math.hypot(short.sem, long.sem)
        assert agrees(long.mean, sem, long.replicates, short.mean)


def test_the_identity_agrees_with_theory_where_no_gate_sees_the_input(generic, blocks, agrees):
    for model, estimator in ((generic(), mt.Dense()), (blocks, mt.Dense(0.2))):
        estimate = mt.simulate(estimator, model, method="identity", replicates=50_000, rng=9)
        assert agrees(estimate.mean, estimate.sem, 50_000, mt.risk(estimator, model).value)
        exact = mt.simulate(mt.MoE(), model, method="identity", replicates=10, rng=9)
        assert exact.mean == pytest.approx(mt.risk(mt.MoE(), model).value, rel=1e-13)
        assert exact.sem < 1e-15
        np.testing.assert_allclose(exact.per_group, mt.risk(mt.MoE(), model).per_group, rtol=1e-13)


@pytest.mark.parametrize("interference", [0.4, 8.0])
def test_energies_are_enough_where_blocks_have_one_noise_each(blocks, agrees, interference):
    """Both layouts of the same law, with interference below and above the signal."""
    model = blocks.replace(
        noise_variance=np.repeat([0.02, 0.4, 5.0], [2, 4, 3]),
        interference_variances=np.repeat([interference, 0.1, 0.3], [2, 4, 3]),
    )
    last = np.eye(9)[0] * 1e-15
    nearly = [
        model.replace(**{name: getattr(model, name) * (1.0 + last)})
        for name in ("noise_variance", "interference_variances")
    ]
    routes = [IdentityRoute((each,), tuple(ALL)) for each in (model, *nearly)]
    assert [route.cost for route in routes] == [3, 9, 9]
    here, *there = (
        mt.simulate(MIXTURES[:2], each, replicates=1_000_000, rng=1) for each in (model, *nearly)
    )
    for other in there:
        for a, b in zip(here, other, strict=True):
            assert agrees(b.mean, math.hypot(a.sem, b.sem), b.replicates, a.mean)


def test_models_that_share_draws_have_one_layout(blocks):
    unequal = blocks.replace(noise_variance=np.linspace(0.1, 0.9, 9))
    for models in ((blocks, unequal), (unequal, blocks)):
        assert IdentityRoute(models, tuple(ALL)).cost == 9


def test_coordinates_that_are_still_in_one_state_tell_the_group(agrees):
    """Without noise while the block is inactive, or while it is active and has no signal there."""
    noise, quiet = STRICT.noise_variance, STRICT.interference_variances
    one = STRICT.replace(
        noise_variance=np.where(np.arange(9) == 3, 0.0, noise), interference_variances=quiet
    )
    both = one.replace(
        noise_variance=np.where(np.isin(np.arange(9), [0, 3]), 0.0, noise),
        signal_variances=np.where(np.arange(9) == 0, 0.0, STRICT.signal_variances),
    )
    assert quiet[3] == 0.0 < quiet[0]
    for gate in (Hard(), Soft()):
        exact = mt.risk(mt.MoE(gate), one)
        found = mt.simulate(mt.MoE(gate), one, replicates=400_000, rng=4)
        assert agrees(found.mean, found.sem, found.replicates, exact.value)
        assert found.per_group[2] == pytest.approx(exact.per_group[2], rel=1e-12)
        # two groups are known for certain, and so is the third
        known = mt.simulate(mt.MoE(gate), both, replicates=1000, rng=4)
        assert known.mean == pytest.approx(mt.risk(mt.MoE(), both).value, rel=1e-12)
    matrix = simulate_routing(Hard(), both, replicates=1000, rng=0).matrix
    np.testing.assert_allclose(matrix, np.eye(3), atol=1e-12)


def squares_under(noise, interference, rows, rng):
    """Squared errors of the hard and the soft gate of `STRICT` on inputs with another noise."""
    lam, b, p = STRICT.signal_variances, STRICT.coefficients, STRICT.group_probabilities
    groups = rng.choice(3, rows, p=p)
    own = STRICT.block_of == groups[:, np.newaxis]
    clean = rng.standard_normal((rows, 9)) * np.where(own, np.sqrt(lam), 0.0)
    added = np.sqrt(np.where(own, noise, noise + interference))
    seen = clean + rng.standard_normal((rows, 9)) * added
    labels = clean @ b + math.sqrt(0.2) * rng.standard_normal(rows)
    active, idle = STRICT.noise_variance + lam, STRICT.idle_noise
    members = np.eye(3)[STRICT.block_of]
    evidence = 0.5 * seen**2 * (1.0 / idle - 1.0 / active) - 0.5 * np.log(active / idle)
    scores = np.log(p) + evidence @ members
    soft = np.exp(scores - scores.max(axis=1, keepdims=True))
    soft /= soft.sum(axis=1, keepdims=True)
    hard = np.eye(3)[scores.argmax(axis=1)]
    experts = (seen * (b * lam / active)) @ members
    return [(labels - np.vecdot(weights, experts)) ** 2 for weights in (hard, soft)]


@pytest.mark.slow
def test_gates_under_other_noise_keep_their_posterior(agrees, mean_and_sem):
    """Scores in the noise of training, inputs in that of the test, written out."""
    rng = np.random.default_rng(6)
    noise, interference = 10.0 ** rng.uniform(-1.0, 1.0, (2, 9))
    under = mt.Perturbation(noise_variance=noise, interference_variances=interference)
    parts = [squares_under(noise, interference, 10**5, rng) for _ in range(24)]
    found = mt.simulate(MIXTURES[:2], STRICT, under=under, replicates=3_000_000, rng=2)
    for plain, estimate in zip(np.concatenate(parts, axis=1), found, strict=True):
        mean, sem, n = mean_and_sem(plain)
        assert agrees(mean, math.hypot(sem, estimate.sem), n, estimate.mean)


def test_energies_do_what_coordinates_do(blocks):
    """A variance that differs in the last digit makes all coordinates to be drawn."""
    nearly = blocks.replace(signal_variances=blocks.signal_variances * (1 + 1e-15 * np.eye(9)[0]))
    one, other = (IdentityRoute((model,), tuple(ALL)) for model in (blocks, nearly))
    assert (one.cost, other.cost) == (3, 9)
    here, there = (
        mt.simulate(ALL, model, replicates=150_000, rng=1, method="identity")
        for model in (blocks, nearly)
    )
    for a, b in zip(here, there, strict=True):
        assert abs(a.mean - b.mean) <= 5.5 * math.hypot(a.sem, b.sem) + 1e-13
        np.testing.assert_allclose(a.per_group, b.per_group, rtol=0.03)


def test_groups_weigh_up_to_the_mean(generic, blocks):
    for model in (generic(label_noise_variance=0.1), blocks):
        for estimate in mt.simulate(ALL, model, replicates=5000, rng=0, method="identity"):
            whole = model.group_probabilities @ estimate.per_group
            assert whole == pytest.approx(estimate.mean, rel=1e-12)


def test_soft_is_best_and_gates_lose_to_the_oracle(generic):
    oracle, hard, soft, cold, top = means([mt.MoE(), *MIXTURES], generic(), replicates=200)
    assert oracle < soft < min(hard, cold, top)
    assert soft < means([mt.Dense()], generic(), replicates=200, method="identity")[0]


def test_gates_that_are_the_same_are_the_same_to_the_last_bit(generic):
    three = [mt.MoE(Hard()), mt.MoE(TopK(1)), mt.MoE(Learned()), mt.MoE(Soft(1e-300))]
    assert len(set(means(three, generic()))) == 1
    assert len(set(means([mt.MoE(Soft()), mt.MoE(TopK(3))], generic()))) == 1


def test_a_single_expert_is_routed_by_every_gate(generic):
    one = mt.BlockModel([1.0], [0, 0, 0], [3.0, 1.0, 2.0], [1.0, -1.0, 2.0], 0.4)
    for ridge in (0.0, 0.3):
        same = [mt.MoE(gate, ridge) for gate in (mt.Oracle(), Hard(), Soft(), Soft(3.0), TopK(1))]
        risks = means([mt.Dense(ridge), *same], one)
        np.testing.assert_allclose(risks, risks[0], rtol=1e-13)
    learned = mt.simulate(mt.MoE(Learned(1)), one, replicates=2, rng=0)
    assert learned.mean == pytest.approx(mt.risk(mt.MoE(), one).value, rel=1e-13)


@pytest.mark.filterwarnings("ignore::moetheory.RareGroupWarning")
@given(block_models(strict=True, noiseless=True))
@settings(max_examples=60)
def test_whatever_the_model_soft_is_best(model):
    """Whatever is zero or far from everything else; rounding may cost digits of the risk."""
    estimators = [mt.MoE(), *(mt.MoE(gate) for gate in (Soft(), Hard(), Soft(0.5), TopK(1)))]
    oracle, soft, *others = means(estimators, model, replicates=40)
    assert math.isfinite(soft)
    assert oracle <= soft * (1 + 1e-12)
    assert soft <= min(others) * (1 + 1e-12)
    ridged = [mt.Dense(), *(mt.MoE(each.gate, 0.5) for each in estimators)]
    assert np.isfinite(means(ridged, model, replicates=40)).all()
    assert 0.0 <= simulate_routing(Hard(), model, replicates=40, rng=0).misrouting.mean <= 1.0


@pytest.mark.parametrize("method", ["identity", "population"])
def test_a_group_without_probability_has_no_risk(generic, blocks, method):
    for model in (generic(), blocks):
        rare = model.replace(group_probabilities=[0.4, 0.6, 0.0])
        for estimate in mt.simulate(ALL, rare, replicates=2000, rng=0, method=method):
            assert np.isnan(estimate.per_group).tolist() == [False, False, True]
            assert math.isfinite(estimate.mean)


@pytest.mark.parametrize("method", ["identity", "population"])
def test_without_feature_noise_routing_is_perfect(generic, blocks, method):
    for model in (generic(0.0, label_noise_variance=0.0), blocks.replace(noise_variance=0.0)):
        sharp = [mt.Dense(), mt.MoE(), *MIXTURES]
        np.testing.assert_allclose(means(sharp, model, method=method), 0.0, atol=1e-28)
        ridged = [mt.MoE(ridge=0.2), *(mt.MoE(gate, 0.2) for gate in GATES)]
        risks = means(ridged, model, method=method)
        np.testing.assert_allclose(risks, risks[0], rtol=1e-12)
        assert risks[0] > 0.0


@pytest.mark.filterwarnings("ignore::moetheory.RareGroupWarning")
@pytest.mark.parametrize("noise", [0.0, 1e-11, 0.5, 1e11])
def test_blocks_without_signal(noise):
    """Their scores are constant, and equal ones tie."""
    for last in ([1.0, 1.0], [1.0, 2.0]):
        signal = [0.0, 0.0, 0.0, *last]
        model = mt.BlockModel([0.3, 0.3, 0.4], [0, 0, 1, 2, 2], signal, [1.0] * 5, noise)
        one, other = (
            mt.simulate(MIXTURES, model, replicates=20_000, rng=1, method=method)
            for method in ("identity", "population")
        )
        for a, b in zip(one, other, strict=True):
            assert abs(a.mean - b.mean) <= 5.5 * math.hypot(a.sem, b.sem) + 1e-25


def test_the_standard_error_is_that_of_a_stratified_mean():
    """Groups that differ: their shares are not left to chance, and the sem knows it."""
    model = mt.BlockModel([0.2, 0.5, 0.3], [0, 0, 1, 2], [2.0] * 4, [0.1, 0.1, 3.0, 8.0], 1.0)
    route = IdentityRoute((model,), (mt.Dense(), mt.MoE(Hard()), mt.MoE(Soft())))
    tallies = [route.chunk(stream(3, i), 250, None) for i in range(2000)]
    observed = np.cov(np.stack([tally.means for tally in tallies], axis=1))
    claimed = np.mean([tally.covariance for tally in tallies], axis=0)
    np.testing.assert_allclose(observed, claimed, rtol=0.12)
    ratio = np.sqrt(np.diagonal(observed) / np.diagonal(claimed))
    np.testing.assert_allclose(ratio, 1.0, atol=0.05)


# --- leakage, and other noise at test time ------------------------------------------------------


SIZES = [2, 3, 4]
RANDOM = np.random.default_rng(5)
UNEVEN = mt.BlockModel(
    [0.2, 0.5, 0.3],
    np.repeat([0, 1, 2], SIZES),
    np.exp(0.5 * RANDOM.normal(size=9)),
    RANDOM.normal(size=9),
    0.4,
    label_noise_variance=0.1,
)
LEAKS = {
    "little": UNEVEN.replace(leakage_variances=0.2 * UNEVEN.signal_variances),
    # more than the signal of some coordinates, and interference
    "much": UNEVEN.replace(
        leakage_variances=np.exp(RANDOM.normal(size=9)), interference_variances=0.3
    ),
    # of all coordinates of a block: energies are enough
    "of blocks": mt.BlockModel(
        [0.2, 0.5, 0.3],
        np.repeat([0, 1, 2], SIZES),
        np.repeat([4.0, 2.0, 3.0], SIZES),
        RANDOM.normal(size=9),
        0.4,
        leakage_variances=np.repeat([1.0, 0.5, 5.0], SIZES),
    ),
}
NOISIER = mt.Perturbation(noise_variance=1.5)
OTHER = mt.Perturbation(
    noise_variance=np.exp(RANDOM.normal(size=9)),
    interference_variances=np.exp(RANDOM.normal(size=9)),
)
MANY = [mt.Dense(), mt.MoE(ridge=0.3), *MIXTURES, mt.MoE(Soft(3.0)), mt.MoE(Hard(), 0.3)]
RETRAINED = mt.MoE(Hard(), retrained=True)


@pytest.mark.parametrize(
    ("model", "under"),
    [
        (LEAKS["little"], None),
        (LEAKS["much"], None),
        (LEAKS["of blocks"], None),
        (UNEVEN, NOISIER),
        (UNEVEN, OTHER),
        (LEAKS["much"], OTHER),
        (LEAKS["of blocks"], NOISIER),
        (UNEVEN, mt.Perturbation(noise_variance=0.0)),
    ],
)
def test_leakage_and_test_noise_against_losses_on_data(model, under):
    """By "population" labels are drawn, predicted and squared, and no identity is used."""
    here, there = (
        mt.simulate(MANY, model, under=under, replicates=n, rng=1, method=method)
        for method, n in (("identity", 60_000), ("population", 250_000))
    )
    for a, b in zip(here, there, strict=True):
        sem = math.hypot(a.sem, b.sem)
        assert sem < 0.01 * b.mean
        assert abs(a.mean - b.mean) < 4.5 * sem
        np.testing.assert_allclose(a.per_group, b.per_group, rtol=0.05)


LITTLE = LEAKS["of blocks"].replace(leakage_variances=np.repeat([1.0, 0.5, 0.7], SIZES))


@pytest.mark.parametrize(
    ("model", "under", "gates"),
    [
        (UNEVEN, NOISIER, [Hard(), Soft()]),
        (LITTLE, None, [Hard(), "retrained"]),
        (LITTLE, mt.Perturbation(0.1, interference_variances=0.2), [Hard(), "retrained"]),
        (LITTLE.replace(leakage_variances=0.0), None, [Hard(), Soft(), "retrained"]),
        (LITTLE.replace(leakage_variances=0.0), NOISIER, [Hard(), Soft(), "retrained"]),
    ],
)
def test_leakage_test_noise_and_retrained_experts_against_quadrature(model, under, gates):
    gates = [RETRAINED if each == "retrained" else mt.MoE(each) for each in gates]
    found = mt.simulate(gates, model, under=under, replicates=100_000, rng=2)
    for estimate, gate in zip(found, gates, strict=True):
        assert estimate.method == "identity"
        assert estimate.sem < 0.0025 * estimate.mean
        exact = mt.risk(gate, model, under=under)
        assert abs(estimate.z(exact)) < 4.5
        np.testing.assert_allclose(estimate.per_group, exact.per_group, rtol=0.02)


def test_a_gate_under_noise_is_simulated_by_squares_unless_more_is_changed():
    noise = mt.Perturbation(noise_variance=0.5, interference_variances=0.1)
    for under, method in (
        (noise, "identity"),
        (mt.Perturbation(), "identity"),
        (noise.replace(erasure=0.1), "population"),
        (noise.replace(noise=stats.laplace()), "population"),
    ):
        found = mt.simulate([mt.Dense(), mt.MoE(Soft())], UNEVEN, under=under, replicates=50, rng=0)
        assert found.methods == (method, method)
    assert mt.simulate(mt.MoE(), UNEVEN, under=noise, rng=0, replicates=50).method == "population"


# --- rare errors ----------------------------------------------------------------------------------


PLACES = np.arange(19.0)
RARE = {
    "isotropic": lambda noise: mt.BlockModel(
        [0.2, 0.5, 0.3],
        np.repeat([0, 1, 2], [4, 6, 9]),
        np.repeat([3.0, 1.0, 2.0], [4, 6, 9]),
        np.cos(PLACES),
        noise,
    ),
    "anisotropic": lambda noise: mt.BlockModel(
        [0.2, 0.5, 0.3],
        np.repeat([0, 1, 2], [4, 6, 9]),
        np.exp(0.5 * np.sin(3.0 * PLACES)),
        np.cos(PLACES),
        noise,
    ),
    "one large": lambda noise: mt.BlockModel(
        [0.9, 0.1], np.repeat([0, 1], [40, 6]), np.ones(46), np.cos(np.arange(46.0)), noise
    ),
    "equal": lambda noise: mt.BlockModel.isotropic(96, 16, noise, signal_energy=96.0),
}


@pytest.mark.parametrize(
    ("kind", "noise", "misrouting"),
    [
        ("isotropic", 0.0670, 1e-3),
        ("isotropic", 0.00380, 1e-6),
        ("isotropic", 2.70e-4, 1e-9),
        ("isotropic", 2.08e-5, 1e-12),
        ("anisotropic", 0.0412, 1e-3),
        ("anisotropic", 1.76e-5, 1e-12),
        ("one large", 0.1386, 1e-6),
        ("one large", 0.0411, 1e-12),
        ("one large", 3.34e-7, 1e-100),
        ("equal", 0.0410, 1e-6),
        ("equal", 4.09e-4, 1e-12),
    ],
)
def test_intervals_cover_what_rare_errors_cost(monkeypatch, kind, noise, misrouting):
    """95 % intervals of 200 runs of 1000 inputs each, of what is lost beyond the oracle.

    Alone: beside the risk of the oracle it has too few digits.
    """
    monkeypatch.setattr(LossForms, "known_risks", lambda *_: np.zeros(model.experts))
    model = RARE[kind](noise)
    exact = mt.routing_matrix(Hard(), model).misrouting
    assert 0.5 < math.log(exact) / math.log(misrouting) < 1.1
    best = unchecked_optimal_coefficients(mt.MoE(), model)
    forms = GateForms.of(model, CoordinateLaw.of(model), best)
    losses = [
        model.group_probabilities @ losses_of_fits(gate, model, forms, None).values
        for gate in (Hard(), Soft())
    ]
    route = IdentityRoute((model,), (mt.MoE(Hard()), mt.MoE(Soft())))
    tallies = [route.chunk(stream(7, i), 1000, None) for i in range(200)]
    sems = np.sqrt([np.diagonal(tally.covariance) for tally in tallies])
    scores = ([tally.means for tally in tallies] - np.array(losses)) / sems
    assert np.all(sems.mean(axis=0) < 0.2 * np.array(losses))
    # 190 are expected, with a deviation of 3.1
    assert np.all(np.sum(np.abs(scores) < 1.96, axis=0) >= 180)
    assert np.all(np.abs(scores.mean(axis=0)) < 4.0 / 200**0.5)


def test_errors_that_are_common_cost_little_more():
    """A third of the inputs is drawn for errors: for dense the sem grows, not for gates."""
    model = RARE["isotropic"](0.7)
    assert mt.routing_matrix(Hard(), model).misrouting > 0.09
    gates = (mt.Dense(), mt.MoE(Hard()), mt.MoE(Soft()))
    sems = []
    for share in (0.0, CONFUSABLE):
        route = IdentityRoute((model,), gates)
        vars(route)["strata"] = InputStrata(route.input_models, route.shares, share)
        tally = route.chunk(stream(0, 0), 50_000, None)
        sems.append(np.sqrt(np.diagonal(tally.covariance)))
    assert np.all(sems[1] / sems[0] < [1.25, 0.8, 0.8])


# --- the same numbers however they are asked for --------------------------------------------------


def same(here, there):
    for a, b in zip(here, there, strict=True):
        assert (a.mean, a.sem, a.replicates) == (b.mean, b.sem, b.replicates)
        np.testing.assert_array_equal(a.per_group, b.per_group)


def test_the_same_bits_for_any_memory_executor_and_after_a_stop(blocks, pool, tmp_path):
    size = families(MIXTURES, (blocks,), None, "fixed", None)[0].route.chunk_size
    arguments = {"replicates": 2 * size + 7, "rng": 99}
    here = mt.simulate(MIXTURES, blocks, **arguments)
    same(mt.simulate(MIXTURES, blocks, memory=120 * 2**20, **arguments), here)
    same(mt.simulate(MIXTURES, blocks, executor=pool, **arguments), here)
    path = tmp_path / "run.npz"
    mt.simulate(MIXTURES, blocks, replicates=size, rng=99, checkpoint=path)
    same(mt.simulate(MIXTURES, blocks, checkpoint=path, replicates=2 * size + 7), here)
    with pytest.raises(ValueError, match="another run"):
        mt.simulate(MIXTURES[:1], blocks, checkpoint=path, replicates=size)


def test_one_model_or_several_and_alone_or_among_others(generic, blocks):
    """Of each group there are as many inputs as the most demanding of them asks for."""
    options = {"replicates": 5000, "rng": 1, "method": "identity"}
    for model in (generic(), blocks):
        models = [model, model.replace(noise_variance=0.9), model.replace(noise_variance=0.0)]
        together = mt.simulate(ALL, models, **options)
        for each, estimates in zip(models, together, strict=True):
            for a, b in zip(mt.simulate(ALL, each, **options), estimates, strict=True):
                assert abs(a.mean - b.mean) <= 5.5 * math.hypot(a.sem, b.sem) + 1e-25
        twice = mt.simulate([ALL[3], ALL[3]], [model, model], **options)
        for each in twice:
            same([mt.simulate(ALL[3], model, **options)] * 2, each)


def test_differences_are_paired(generic):
    estimates = mt.simulate([mt.Dense(), mt.MoE(Soft()), mt.MoE(Hard())], generic(), rng=0)
    assert [each.method for each in estimates] == ["identity"] * 3
    assert estimates[0].replicates == 100_000
    difference = estimates.difference(2, 1)
    assert difference.sem < 0.6 * math.hypot(estimates[1].sem, estimates[2].sem)
    assert mt.simulate([mt.Dense(), mt.MoE()], generic(), rng=0)[1].method == "population"
    stopped = mt.simulate(mt.MoE(Hard()), generic(), rng=0, target_sem=1e-3)
    assert stopped.sem <= 1e-3


@pytest.mark.parametrize(
    ("estimator", "changes", "message"),
    [
        (mt.MoE(TopK(4)), {}, "k must be at most 3, the number of experts, got 4"),
        (mt.MoE(Soft()), {"method": "law"}, 'method="law" needs samples'),
        (
            mt.MoE(Soft()),
            {"method": "identity", "under": mt.Perturbation(erasure=0.1)},
            'method="identity" is known for test noise that is normal, and nothing else, got Pert',
        ),
        (
            mt.MoE(Learned(90)),
            {"leak": 0.1, "loss": "sign"},
            "moments='blocks') with strict blocks, leakage_variances=0, got leakage",
        ),
        (
            mt.MoE(Learned(90)),
            {"under": mt.Perturbation(erasure=0.1)},
            'simulated with method="identity" only, got Learned(samples=90',
        ),
        (mt.MoE(Learned(90)), {"method": "population"}, 'simulated with method="identity" only'),
        (mt.MoE(Hard()), {"memory": 10**5}, "memory must be at least"),
    ],
)
def test_refusals(generic, estimator, changes, message):
    changes = dict(changes)
    model = generic(leakage_variances=changes.pop("leak", 0.0))
    with pytest.raises(ValueError, match=re.escape(message)):
        mt.simulate(estimator, model, **changes)

"""Where the order of two estimators changes: both sides, brute force, simulation."""

import math
from functools import cache, lru_cache
from itertools import pairwise

import numpy as np
import pytest

import moetheory as mt
from general_noise import GENERAL, STRICT
from moetheory.results.estimates import student_quantile
from moetheory.theory import leads
from moetheory.theory.order_changes import crossover, crossovers


@pytest.fixture(scope="module", autouse=True)
def _losses():
    """One gate beside several others, over one grid: its losses are integrated once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(leads, "gated_losses", lru_cache(1000)(leads.gated_losses))
        yield


@pytest.fixture
def rare():
    """A rare group that costs the experts samples."""
    return mt.BlockModel([0.8, 0.2], [0] * 6 + [1] * 6, [1.0] * 12, [1.0] * 12, 4.0)


@cache
def excess(estimator, model, n):
    return mt.risk(estimator, model, samples=n).excess


def better(a, b, model, n):
    return excess(b, model, n) < excess(a, model, n)


def last_not_better(a, b, model, top):
    return max((n for n in range(1, top + 1) if not better(a, b, model, n)), default=0)


def random_models(number):
    rng = np.random.default_rng(12)
    for _ in range(number):
        sizes = rng.integers(1, 6, rng.integers(2, 4))
        d, p = sizes.sum(), rng.integers(1, 8, len(sizes))
        yield mt.BlockModel(
            p / p.sum(),
            np.repeat(np.arange(len(sizes)), sizes),
            2.0 ** rng.integers(-3, 4, d),
            rng.standard_normal(d),
            2.0 ** rng.integers(-3, 4),
            leakage_variances=0.02 * (rng.random(d) < 0.5),
        )


PAIRS = [
    (mt.Dense(), mt.MoE()),
    (mt.MoE(), mt.Dense()),
    (mt.Dense(), mt.Dense(ridge=0.5)),
    (mt.Dense(ridge=0.1), mt.MoE(ridge=0.2)),
]


@pytest.mark.parametrize(("a", "b"), PAIRS[3:])
def test_every_n_up_to_and_beyond_it_agrees(a, b):
    seen = []
    for model in random_models(3):
        n = crossover(a, b, model, over="samples")
        if n < 300:
            seen.append(n)
            assert last_not_better(a, b, model, max(60, int(1.5 * n))) == n
    assert len(seen) >= 3


@pytest.mark.parametrize("name", GENERAL)
@pytest.mark.parametrize(("a", "b"), PAIRS)
def test_every_n_agrees_for_noise_in_general(name, a, b):
    n = crossover(a, b, GENERAL[name], over="samples")
    if n < math.inf:
        assert last_not_better(a, b, GENERAL[name], max(60, int(1.5 * n))) == n
    else:
        assert mt.risk(b, GENERAL[name]).excess >= mt.risk(a, GENERAL[name]).excess


@pytest.mark.parametrize(("a", "b"), PAIRS)
def test_the_order_changes_from_n_to_the_next(rare, a, b):
    n = crossover(a, b, rare, over="samples")
    if math.isinf(n):
        assert mt.risk(b, rare).excess >= mt.risk(a, rare).excess
    elif n > 0:
        assert not better(a, b, rare, int(n))
        assert better(a, b, rare, int(n) + 1)


def test_simulations_on_both_sides_say_the_same(rare):
    n = crossover(mt.Dense(), mt.MoE(), rare, over="samples")
    assert 40 < n < 400
    for samples, sign in ((round(0.85 * n), -1), (round(1.5 * n), 1)):
        estimates = mt.simulate(
            [mt.Dense(), mt.MoE()], rare, samples=samples, replicates=8000, rng=8
        )
        lead = estimates.difference(0, 1)
        z = sign * lead.z(0.0)
        print(f"n* = {n:.0f}: at {samples} dense - experts = {lead.mean:+.3f} ± {lead.sem:.3f}")
        assert z > student_quantile(1e-8, lead.replicates - 1)


def test_where_the_experts_need_samples_they_lose():
    """A rare group with about as many samples as coordinates."""
    model = mt.BlockModel([0.97, 0.03], [0] * 20 + [1] * 12, [1.0] * 32, [1.0] * 32, 1.0)
    n = crossover(mt.Dense(), mt.MoE(), model, over="samples")
    assert n >= 13 / 0.03 - 20  # at least where group 1 has 13 samples for 12 coordinates


def test_an_infinite_risk_is_not_overlooked_however_narrow():
    """A tenth of the samples for 1000 coordinates of next to no signal: infinite at n = 10 000."""
    model = mt.BlockModel(
        [0.9, 0.1], [0] * 5 + [1] * 1000, [1.0] * 5 + [1e-6] * 1000, [1.0] * 1005, 1.0
    )
    assert math.isinf(mt.risk(mt.MoE(), model, samples=10_000).value)
    assert crossover(mt.Dense(), mt.MoE(), model, over="samples") >= 10_000


def test_an_estimator_never_overtakes_itself_nor_a_better_optimum(rare):
    assert crossover(mt.MoE(), mt.MoE(), rare, over="samples") == math.inf
    assert crossover(mt.MoE(), mt.Dense(), rare, over="samples") == math.inf
    assert crossover(mt.Dense(), mt.Dense(ridge=0.5), rare, over="samples") == math.inf


def test_zero_if_the_second_is_better_at_every_n():
    """A ridge that leaves nothing of dense, and one that is about right for the experts."""
    model = mt.BlockModel([0.5, 0.5], [0, 1], [1.0, 1.0], [1.0, 1.0], 0.5)
    n = crossover(mt.Dense(ridge=1e6), mt.MoE(ridge=0.3), model, over="samples")
    assert n == 0.0
    assert last_not_better(mt.Dense(ridge=1e6), mt.MoE(ridge=0.3), model, 60) == 0


def test_with_leakage_dense_may_win_for_good():
    model = mt.BlockModel(
        [0.5, 0.5], [0, 0, 1, 1], [1.0] * 4, [1.0] * 4, 0.01, leakage_variances=0.9
    )
    assert crossover(mt.Dense(), mt.MoE(), model, over="samples") == math.inf
    n = crossover(mt.MoE(), mt.Dense(), model, over="samples")
    assert last_not_better(mt.MoE(), mt.Dense(), model, 100) == n


def test_estimators_too_close_to_tell_are_refused():
    model = mt.BlockModel([0.5, 0.5], [0, 1], [1.0, 1.0], [1e-9, 1.0], 1e-9)
    a, b = mt.Dense(ridge=1e-13), mt.Dense()
    with pytest.raises(ValueError, match="within 1e\\+15 samples"):
        crossover(a, b, model, over="samples")


@pytest.mark.parametrize("over", ["Samples", "n", "", None, 3, "noise"])
def test_other_quantities_are_refused(rare, over):
    with pytest.raises(
        ValueError, match=r"^over must be one of samples, .*leakage, interference, overlap, got"
    ):
        crossover(mt.Dense(), mt.MoE(), rare, over=over)


def test_arguments_of_the_wrong_kind_are_refused(rare):
    with pytest.raises(ValueError, match=r"^a must be"):
        crossover("dense", mt.MoE(), rare, over="samples")
    with pytest.raises(ValueError, match="model must be"):
        crossover(mt.Dense(), mt.MoE(), None, over="samples")


def test_counts_that_do_not_grow_with_n_are_no_way_out():
    """Largest remainders give the rare group 3 samples again after it had 4: infinite at 358."""
    model = mt.BlockModel([0.01, 0.46, 0.53], [0, 0, 1, 2], [1.0] * 4, [1.0] * 4, 1.0)
    infinite = [n for n in range(300, 420) if math.isinf(mt.risk(mt.MoE(), model, samples=n).value)]
    assert infinite[-1] == 358
    assert 357 not in infinite
    assert crossover(mt.Dense(), mt.MoE(), model, over="samples") == 358


def test_a_gap_too_small_for_a_difference_is_still_a_gap():
    model = mt.BlockModel([1e-18, 1 - 1e-18], [0, 0, 1], [1.0] * 3, [1.0, 2.0, 2.0], 1.0)
    assert mt.gap(model) > 0.0
    with pytest.raises(ValueError, match="within 1e\\+15 samples"):
        crossover(mt.Dense(), mt.MoE(), model, over="samples")
    assert crossover(mt.MoE(), mt.Dense(), model, over="samples") == math.inf


# --- over the noise ------------------------------------------------------------------------------

HARD = mt.MoE(gate=mt.Hard())


def lead(a, b, model, noise):
    at = model.replace(noise_variance=noise)
    return mt.risk(a, at).excess - mt.risk(b, at).excess


@pytest.mark.parametrize("experts", [4, 16])
def test_hard_routing_loses_to_dense_beyond_a_noise_and_not_before(experts):
    model = mt.BlockModel.isotropic(64, experts, noise_variance=1.0, signal_energy=64.0)
    end = crossover(mt.Dense(), HARD, model, over="noise_variance")
    for factor in (1e-4, 0.01, 0.3, 1.0 - 1e-8):
        assert lead(mt.Dense(), HARD, model, factor * end) > 0.0
    for factor in (1.0 + 1e-8, 1.5, 10.0):
        assert lead(mt.Dense(), HARD, model, factor * end) < 0.0
    if experts == 4:  # the model's own noise does not matter
        quiet = model.replace(noise_variance=1e-3)
        assert crossover(mt.Dense(), HARD, quiet, over="noise_variance") == end


def test_soft_and_oracle_routing_never_lose_to_dense():
    model = mt.BlockModel.isotropic(12, 3, noise_variance=1.0, signal_energy=4.0)
    for gate in (mt.Oracle(), mt.Soft()):
        for b, expected in ((mt.MoE(gate=gate), math.inf), (mt.Dense(), 0.0)):
            a = mt.Dense() if expected else mt.MoE(gate=gate)
            assert crossover(a, b, model, over="noise_variance") == expected


def test_leakage_lets_dense_win_where_there_is_little_noise_and_experts_where_there_is_more():
    model = mt.BlockModel.isotropic(8, 4, 1.0, signal_energy=8.0, leakage_variances=0.05)
    end = crossover(mt.MoE(), mt.Dense(), model, over="noise_variance")
    assert mt.gap(model.replace(noise_variance=0.99 * end)) < 0.0
    assert mt.gap(model.replace(noise_variance=1.01 * end)) > 0.0


def test_one_noise_variance_replaces_those_of_coordinates_and_interference_stays():
    model = mt.BlockModel(
        [0.3, 0.7], [0, 1, 1], [2.0, 0.5, 1.0], [1.0, -2.0, 0.5], [0.01, 1.0, 100.0],
        leakage_variances=0.1, interference_variances=[0.01, 0.02, 0.03],
    )  # fmt: skip
    end = crossover(mt.MoE(), mt.Dense(), model, over="noise_variance")
    assert mt.gap(model.replace(noise_variance=0.99 * end)) < 0.0
    assert mt.gap(model.replace(noise_variance=1.01 * end)) > 0.0
    one = model.replace(noise_variance=3.0)
    assert crossover(mt.MoE(), mt.Dense(), one, over="noise_variance") == end
    quiet = model.replace(interference_variances=0.0)
    assert crossover(mt.MoE(), mt.Dense(), quiet, over="noise_variance") > 1.01 * end


def test_interference_keeps_the_lead_of_experts_at_any_noise():
    assert crossovers(mt.Dense(), mt.MoE(), STRICT, over="noise_variance") == ()
    assert crossover(mt.Dense(), mt.MoE(), STRICT, over="noise_variance") == math.inf


def test_without_signal_nothing_is_better(generic):
    model = generic().replace(signal_variances=np.zeros(9))
    assert crossover(mt.Dense(), HARD, model, over="noise_variance") == 0.0


def test_a_gate_without_a_formula_has_no_crossover(generic):
    with pytest.raises(mt.NoClosedForm, match=r"simulate\(MoE\(gate=Soft"):
        crossover(mt.Dense(), mt.MoE(gate=mt.Soft(0.5)), generic(), over="noise_variance")


def test_no_rounding_makes_gates_that_are_ordered_cross():
    quiet = mt.BlockModel.isotropic(24, 3, 1.0, signal_energy=800.0)
    soft = mt.MoE(gate=mt.Soft())
    assert crossover(HARD, soft, quiet, over="noise_variance") == math.inf
    assert crossover(soft, mt.MoE(), quiet, over="noise_variance") == math.inf
    rare = mt.BlockModel(
        [0.002, 0.002, 0.996],
        np.repeat([0, 1, 2], 5),
        np.repeat([0.043, 0.077, 3.5], 5),
        np.repeat([1.0, 1.0, 10.0], 5),
        1.0,
    )
    assert crossover(mt.Dense(), soft, rare, over="noise_variance") == math.inf


# --- all of them ---------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(("a", "b"), [*PAIRS, (mt.Dense(ridge=1.0), mt.MoE())])
def test_all_changes_over_samples_by_brute_force(rare, a, b):
    found = crossovers(a, b, rare, over="samples")
    orders = [better(a, b, rare, n) for n in range(1, 401)]
    changes = tuple(float(n) for n in range(1, 400) if orders[n - 1] != orders[n])
    assert tuple(n for n in found if n < 400) == changes
    wins = mt.risk(b, rare).excess < mt.risk(a, rare).excess
    last = max(found, default=0.0) if wins else math.inf
    assert crossover(a, b, rare, over="samples") == last


def test_the_order_changes_at_each_size_that_is_found():
    number = 0
    for model in random_models(6):
        for a, b in PAIRS[:2]:
            found = crossovers(a, b, model, over="samples")
            assert list(found) == sorted(set(found))
            for n in map(int, found):
                assert better(a, b, model, n) != better(a, b, model, n + 1)
            number += len(found)
    assert number >= 24  # thresholds of experts, from both sides


def test_estimators_with_one_optimum_are_not_compared():
    model = mt.BlockModel([1.0], [0, 0], [1.0, 2.0], [1.0, 1.0], 1.0)
    assert crossovers(mt.Dense(), mt.MoE(), model, over="samples") == ()
    assert crossovers(mt.MoE(), mt.MoE(), model, over="samples") == ()


def test_samples_that_would_be_too_many_are_refused_for_either_estimator():
    model = mt.BlockModel([0.5, 0.5], [0, 1], [1.0, 1.0], [1e-9, 1.0], 1e-9)
    a, b = mt.Dense(ridge=1e-13), mt.Dense()
    for pair, what in (((a, b), "b become better than a"), ((b, a), "a become better than b")):
        with pytest.raises(ValueError, match=rf"^model must let {what} within 1e\+15 samples"):
            crossovers(*pair, model, over="samples")


def weak_and_strong():
    """A rare strong group beside weak ones; hard routing and dense change places three times."""
    p = np.array([0.0034, 0.4587, 0.2382, 0.2997])
    return mt.BlockModel(
        p / p.sum(),
        np.repeat(range(4), 2),
        np.repeat([1708.0, 0.0031, 0.142, 0.000645], 2),
        np.repeat([0.62, 7.9, 10.7, 26.7], 2),
        1e-2,
    )


def test_hard_routing_and_dense_may_change_places_three_times():
    model = weak_and_strong()
    found = crossovers(mt.Dense(), HARD, model, over="noise_variance")
    assert len(found) == 3
    assert crossover(mt.Dense(), HARD, model, over="noise_variance") == found[0]
    assert crossovers(HARD, mt.Dense(), model, over="noise_variance") == pytest.approx(found)
    assert crossover(HARD, mt.Dense(), model, over="noise_variance") == 0.0
    middles = [math.sqrt(one * other) for one, other in pairwise(found)]
    leads = [lead(mt.Dense(), HARD, model, x) for x in (found[0] / 9, *middles, 9 * found[2])]
    assert [value > 0.0 for value in leads] == [True, False, True, False]
    for end in found:
        before, after = (lead(mt.Dense(), HARD, model, factor * end) for factor in (0.999, 1.001))
        assert before * after < 0.0


def test_simulation_finds_both_orders_between_the_three():
    model = weak_and_strong()
    found = crossovers(mt.Dense(), HARD, model, over="noise_variance")
    for index, sign in ((0, -1.0), (1, 1.0)):
        noise = math.sqrt(found[index] * found[index + 1])
        estimates = mt.simulate(
            [mt.Dense(), HARD], model.replace(noise_variance=noise), replicates=200_000, rng=4
        )
        gain = estimates.difference(0, 1)
        assert sign * gain.z(0.0) > student_quantile(1e-8, gain.replicates - 1)
        print(f"σ² = {noise:.3g}: dense - hard = {gain.mean:+.3g} ± {gain.sem:.2g}")


def random_strict_models(number):
    """Blocks from one coordinate on, blocks without signal or labels, ties of probabilities."""
    rng = np.random.default_rng(5)
    for index in range(number):
        sizes = rng.integers(1, 4, rng.integers(2, 5))
        weights = rng.integers(1, 4, len(sizes)) if index % 2 else rng.uniform(0.01, 1, len(sizes))
        groups = np.repeat(np.arange(len(sizes)), sizes)
        signal = (10.0 ** rng.uniform(-2, 2, len(sizes)))[groups]
        b = (10.0 ** rng.uniform(-1, 1, len(sizes)))[groups]
        signal[groups == 0] *= index % 3 != 1
        b[groups == len(sizes) - 1] *= index % 3 != 2
        if np.any(signal * b):
            yield mt.BlockModel(weights / weights.sum(), groups, signal, b, 1.0)


@pytest.mark.slow
def test_hard_routing_leads_in_little_noise_and_dense_in_much():
    """What misrouting costs is o(σ²) beside the gap; the limit of σ²(hard - dense) is bounded."""
    seen = set()
    for model in random_strict_models(10):
        p, signal = model.group_probabilities, model.signal_variances
        least, most = signal[signal > 0.0].min(), signal.max()
        shares = []
        for noise in (1e-5 * least, 1e-8 * least):
            quiet = model.replace(noise_variance=noise)
            shares.append(1.0 - lead(mt.Dense(), HARD, model, noise) / mt.gap(quiet))
        assert 0.0 <= shares[1] < 0.1 * shares[0] + 1e-6
        assert shares[0] < 0.1
        noise = 1e6 * most
        energies = np.bincount(model.block_of, signal**2 * model.coefficients**2)
        first = int(p.argmax())
        bound = p**2 @ energies - max(2.0 * p[first] - 1.0, 0.0) * energies[first]
        loss = -noise * lead(mt.Dense(), HARD, model, noise)
        assert loss > (1.0 - 1e-4) * bound > 0.0
        if p[first] > 0.5:
            assert loss == pytest.approx(bound, rel=1e-3)
        found = crossovers(mt.Dense(), HARD, model, over="noise_variance")
        assert len(found) % 2 == 1
        seen.add("tie" if np.sum(p > p.max() - 1e-9) > 1 else "half" if p.max() > 0.5 else "less")
    assert seen == {"tie", "half", "less"}


def test_the_order_is_final_though_largest_remainders_take_it_back_and_forth():
    """Two samples of a block beyond its threshold are rounded up and down at neighbouring n."""
    shares = [0.6919470455550077, 0.08353556573057719, 0.22451738871441504]
    variances = [1.25, 0.38, 2.36, 0.24, 2.62, 0.45, 5.15, 8.43, 0.44, 0.44, 0.87, 1.25, 2.72]
    coefficients = [-1.8, -0.9, -1.3, 0.4, -1, 0.2, 0.04, 2, 2.1, -0.8, -0.7, -0.06, -0.4]
    blocks = [0] * 5 + [1] * 6 + [2] * 2
    model = mt.BlockModel(shares, blocks, variances, coefficients, 3.53)
    last = int(crossover(mt.Dense(), mt.MoE(), model, over="samples"))
    better = [
        mt.risk(mt.MoE(), model, samples=n).excess < mt.risk(mt.Dense(), model, samples=n).excess
        for n in range(last - 2, last + 100)
    ]
    assert better[:3] == [False, True, False]
    assert all(better[3:])
    found = crossovers(mt.Dense(), mt.MoE(), model, over="samples")
    assert found[-3:] == (last - 2, last - 1, last)


@pytest.mark.slow
@pytest.mark.parametrize("rare", [1e-6, 1e-9, 1e-12, 1e-16])
def test_leads_below_the_errors_of_gates_are_no_changes(rare):
    """The soft gate is never worse than dense; in much noise their risks differ in no digit."""
    model = mt.BlockModel([1.0 - rare, rare], [0, 1], [1.0, 1.0], [1.0, 1.0], 1.0)
    soft, hard = mt.MoE(gate=mt.Soft()), mt.MoE(gate=mt.Hard())
    for a, b in ((mt.Dense(), soft), (hard, soft)):
        assert crossovers(a, b, model, over="noise_variance") == ()
        assert crossover(a, b, model, over="noise_variance") == math.inf


@pytest.mark.parametrize("over", ["leakage", "misrouting"])
def test_a_tie_at_the_start_is_decided_by_what_follows(over):
    """Without noise dense is as good as the experts, until a block leaks or an input goes wrong."""
    model = mt.BlockModel([0.4, 0.6], [0, 1], [1.0, 2.0], [1.0, 1.0], 0.0)
    for pair in ((mt.Dense(), mt.MoE()), (mt.MoE(), mt.Dense())):
        assert crossovers(*pair, model, over=over) == ()
    assert crossover(mt.Dense(), mt.MoE(), model, over=over) == 0.0
    assert crossover(mt.MoE(), mt.Dense(), model, over=over) == math.inf


def test_a_tie_that_interference_ends():
    """Without noise dense is as good as the experts, until features are disturbed."""
    model = mt.BlockModel([0.4, 0.6], [0, 1], [1.0, 2.0], [1.0, 1.0], 0.0)
    for over in ("interference", "overlap"):
        for pair in ((mt.Dense(), mt.MoE()), (mt.MoE(), mt.Dense())):
            assert crossovers(*pair, model, over=over) == ()
        assert crossover(mt.Dense(), mt.MoE(), model, over=over) == math.inf
        assert crossover(mt.MoE(), mt.Dense(), model, over=over) == 0.0

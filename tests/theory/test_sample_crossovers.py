"""The order of gates over the training set: every n, a closed form, simulation."""

import math
from itertools import pairwise

import pytest

import moetheory as mt
from moetheory import BlockModel, Dense, Hard, MoE, Soft, crossover, crossovers, risk

HARD, SOFT = MoE(gate=Hard()), MoE(gate=Soft())
EQUAL = BlockModel.isotropic(12, 3, 1.0, signal_energy=12.0)
NOISY = EQUAL.replace(noise_variance=20.0)
ALL = (Dense(), MoE(), HARD, SOFT)
MOST = 16


def test_every_n_agrees_for_every_pair():
    """Brute force, with few samples, infinite risks and enough samples."""
    model = BlockModel([0.5, 0.5], [0, 0, 1, 1], [2.0] * 4, [1.0, 0.5, 1.0, -2.0], 1.3)
    risks = {
        each: [risk(each, model, samples=n).excess for n in range(1, MOST + 2)] for each in ALL
    }
    seen = 0
    for a in ALL:
        for b in ALL[2:]:
            if a == b:
                continue
            better = {
                n: one < other
                for n, (one, other) in enumerate(zip(risks[b], risks[a], strict=True), start=1)
                if min(one, other) < math.inf  # else there is no order
            }
            changes = [n for n, after in pairwise(better) if better[n] != better[after]]
            found = crossovers(a, b, model, over="samples")
            assert [n for n in found if n <= MOST] == changes
            final = risk(b, model).excess < risk(a, model).excess
            last = max(found, default=0.0) if final else math.inf
            assert crossover(a, b, model, over="samples") == last
            assert crossovers(b, a, model, over="samples") == found
            seen += len(changes)
    assert seen >= 5


def test_two_infinite_risks_are_no_change():
    """The soft gate is better wherever a risk is finite; eight groups are at their thresholds."""
    model = BlockModel.isotropic(64, 8, 1.0, signal_energy=16.0)
    sizes = (1, 20, 48, *range(49, 80), 80, 120)
    pairs = {n: [risk(each, model, samples=n).excess for each in (HARD, SOFT)] for n in sizes}
    infinite = [n for n, pair in pairs.items() if min(pair) == math.inf]
    assert infinite == list(range(49, 80))
    assert all(soft < hard for hard, soft in pairs.values() if hard < math.inf)
    for a, b, first in ((HARD, SOFT, 0.0), (SOFT, HARD, math.inf)):
        assert crossovers(a, b, model, over="samples") == ()
        assert crossover(a, b, model, over="samples") == first


@pytest.mark.parametrize("gate", [MoE(), HARD, SOFT])
def test_dense_between_sizes_at_which_both_risks_are_infinite(gate):
    """Experts are infinite for 7 to 17 samples, dense for 11 to 13 of them."""
    assert crossovers(Dense(), gate, EQUAL, over="samples")[-1] >= 17.0
    changes = crossovers(gate, Dense(), EQUAL, over="samples")
    assert {10.0, 13.0}.isdisjoint(changes) == (gate != MoE())


@pytest.mark.parametrize("noise", [1.0, 20.0, 50.0])
def test_the_soft_gate_is_better_than_the_oracle_where_fits_are_noisy(noise):
    r"""Where :math:`\sum_g(2c_g-e_g) < 0`, c = θ·Eθ̂ and e = E‖θ̂‖² (docs/theory.md §6)."""
    model = EQUAL.replace(noise_variance=noise)
    variance = 12.0 * 3 / 12  # of the signal, in each direction
    norm = (1.0 / variance) * (variance / (variance + noise)) ** 2  # ‖θ‖² of a block
    residual = noise / (variance + noise)

    def soft_is_better(n):
        counts = [n // 3 + (i < n % 3) for i in range(3)]
        noises = [residual * 4 / ((variance + noise) * (count - 5)) for count in counts]
        return sum(norm - each for each in noises) < 0.0

    last = max(n for n in range(18, 2000) if soft_is_better(n))
    assert crossover(SOFT, MoE(), model, over="samples") == last


def test_simulation_says_the_same_on_both_sides():
    n = crossover(SOFT, MoE(), NOISY, over="samples")
    assert n == 95
    for samples, sign in ((66, 1.0), (140, -1.0)):
        found = mt.simulate([MoE(), SOFT], NOISY, samples=samples, replicates=3000, rng=3)
        lead = found.difference(0, 1)
        print(f"at {samples}: oracle - soft = {lead.mean:+.4f} ± {lead.sem:.4f}")
        assert sign * lead.z(0.0) > 6.0


def test_the_optimum_of_a_gate_is_no_bound_for_few_samples():
    """Sixteen faint groups: the fewer samples, the smaller the experts, and the better."""
    faint = BlockModel.isotropic(256, 16, 1.0, signal_energy=4.8)
    optimum, fitted = (risk(HARD, faint, samples=n).excess for n in (None, 16))
    assert fitted < 0.95 * optimum
    for other in (MoE(), Dense()):
        assert crossovers(HARD, other, faint, over="samples") == ()
        for n in (1, 16, 100, 200, 300, 1000):
            assert risk(other, faint, samples=n).excess < risk(HARD, faint, samples=n).excess


def test_a_lead_below_the_errors_is_no_change():
    """Misrouting of 1e-30: the experts' risks are the same, at thresholds too."""
    quiet = BlockModel.isotropic(24, 3, 1e-6, signal_energy=24.0)
    assert crossovers(HARD, MoE(), quiet, over="samples") == ()
    assert crossover(HARD, MoE(), quiet, over="samples") == 0.0
    assert crossover(Dense(), SOFT, quiet, over="samples") >= 29.0


def test_where_there_is_no_formula_the_error_says_at_how_many_samples():
    anisotropic = EQUAL.replace(signal_variances=[1.0, 2.0, 3.0, 4.0] * 3)
    assert crossover(MoE(), HARD, anisotropic, over="samples") == math.inf
    with pytest.raises(mt.NoClosedForm, match=r"^at samples=\d+: .* not for block \d with samples"):
        crossovers(MoE(), HARD, anisotropic, over="samples")
    retrained = MoE(gate=Hard(), retrained=True)
    with pytest.raises(mt.NoClosedForm, match="experts are retrained"):
        crossover(Dense(), retrained, EQUAL, over="samples")


def test_one_expert_leaves_a_gate_no_choice():
    one = BlockModel([1.0], [0, 0], [1.0, 2.0], [1.0, 1.0], 1.0)
    assert crossovers(MoE(), HARD, one, over="samples") == ()

"""Where the 1/K law ends, and the bound on the risk of gates."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import moetheory as mt
from moetheory.predictors.expert_moments import ExpertMoments
from moetheory.predictors.expert_regressions import Regressions
from moetheory.theory.routed_law import routing_cost_bound

HARD, SOFT = mt.MoE(gate=mt.Hard()), mt.MoE(gate=mt.Soft())


def regime(dim, experts, noise=1.0, energy=None, **more):
    return mt.BlockModel.isotropic(
        dim, experts, noise, signal_energy=float(dim if energy is None else energy), **more
    )


def bound(model, samples=None):
    return mt.risk(mt.MoE(), model, samples=samples).excess + routing_cost_bound(model, samples)


def test_the_numbers_of_the_theory():
    ends = mt.law_ends(256, 1.0, signal_energy=256.0)
    from_16 = slice(4, 8)
    assert ends["oracle"][from_16] == pytest.approx([0.0588, 0.0303, 0.0154, 0.0078], abs=6e-5)
    assert ends["gate"][from_16] == pytest.approx([0.0588, 0.0303, 0.0159, 0.0105], abs=5e-5)
    assert ends["bound"][from_16] == pytest.approx([0.0588, 0.0304, 0.0175, 0.0302], abs=5e-5)
    assert (ends.experts, ends.guaranteed, ends.rule) == (128, 64, 64)


def test_two_blocks_are_an_equality():
    model = regime(8, 2)
    assert mt.risk(HARD, model).excess == pytest.approx(bound(model), rel=1e-12)
    assert bound(model) == pytest.approx(0.42535, abs=1e-5)
    for samples in (40, 2, 14):  # with 14, experts are much louder than the optimum, e > 2c
        assert mt.risk(HARD, model, samples=samples).excess == pytest.approx(
            bound(model, samples), rel=1e-9
        )


@given(
    size=st.integers(1, 12),
    experts=st.integers(2, 30),
    exponent=st.floats(-3.0, 3.0),
    samples=st.integers(1, 40) | st.none(),
    omega=st.sampled_from([0.0, 0.3]),
)
@settings(max_examples=40)
def test_no_gate_exceeds_the_bound(size, experts, exponent, samples, omega):
    model = regime(size * experts, experts, 10.0**exponent, experts, label_noise_variance=omega)
    n = None if samples is None else samples * experts // 2  # the counts differ where it is odd
    hard, soft = (mt.risk(each, model, samples=n) for each in (HARD, SOFT))
    limit = bound(model, n)
    if math.isinf(limit):
        assert math.isinf(hard.excess)
        assert math.isinf(soft.excess)
        return
    for each in (hard, soft):
        assert each.excess <= limit * (1.0 + 1e-10) + each.error


@pytest.mark.parametrize("samples", [4 * 2, 4 * 15, 4 * 40])
def test_what_fitting_makes_of_the_soft_gate(samples):
    r"""With fits the soft gate loses :math:`(2c-e)/\|\theta\|^2` times what it loses without."""
    model = regime(24, 4)
    moments = ExpertMoments.of(model, Regressions.of(model, np.full(4, samples // 4)))
    theta = mt.optimal_coefficients(mt.MoE(), model)
    square, cross = float(np.sum(moments.mean**2 + moments.variance)), float(theta @ moments.mean)
    factor = (2.0 * cross - square) / float(theta @ theta)
    lost = mt.risk(SOFT, model).excess - mt.risk(mt.MoE(), model).excess
    fitted = mt.risk(SOFT, model, samples=samples).excess
    fitted -= mt.risk(mt.MoE(), model, samples=samples).excess
    assert fitted == pytest.approx(factor * lost, rel=1e-6)


def test_the_shorter_bound_is_no_smaller():
    """(2c - e) is at most the squared norm where experts have more samples than coordinates."""
    model, n, k = regime(32, 8), 160, 8
    theta = mt.optimal_coefficients(mt.MoE(), model)
    norm = float(theta @ theta) / k
    rho, variance, s, share = mt.risk(mt.MoE(), model).excess, 9.0, 4, n // k
    square = norm + rho * s / (variance * (share - s - 1))
    own, other = stats.f.sf(9.0 * (s + 2) / s, s, s + 2), stats.f.sf(9.0 * s / (s + 2), s + 2, s)
    short = rho * (n - k) / (n - 32 - k) + (k - 1) * (norm * 9.0 * own + square * other)
    assert short == pytest.approx(0.2011, abs=5e-5)
    assert mt.risk(HARD, model, samples=n).excess <= bound(model, n) <= short


@pytest.mark.parametrize("gate", [mt.Hard(), mt.Soft()])
@pytest.mark.parametrize(("dim", "samples"), [(24, None), (24, 100), (36, 50)])
def test_columns_are_the_risks_and_the_ends_are_read_off(gate, dim, samples):
    ends = mt.law_ends(dim, 0.5, signal_energy=9.0, factor=1.4, gate=gate, samples=samples)
    assert ends["experts"].tolist() == [k for k in range(1, dim + 1) if dim % k == 0]
    reached, followed = 1, True
    for k, oracle, gated, ratio in zip(
        *(ends[name].tolist() for name in ("experts", "oracle", "gate", "ratio")), strict=True
    ):
        model = regime(dim, k, 0.5, 9.0)
        assert oracle == mt.risk(mt.MoE(), model, samples=samples).excess
        assert gated == pytest.approx(mt.risk(mt.MoE(gate=gate), model, samples=samples).excess)
        assert np.isnan(ratio) == math.isinf(oracle)
        if math.isfinite(oracle):
            followed = followed and ratio <= 1.4
            reached = k if followed else reached
    assert ends.experts == reached > 1
    assert ends.guaranteed <= ends.experts


@given(
    dim=st.sampled_from([12, 30, 64]),
    exponent=st.floats(-3.0, 1.0),
    factor=st.floats(2.0, 5.0),
    spare=st.integers(20, 400) | st.none(),
)
@settings(max_examples=15)
def test_the_rule_is_guaranteed(dim, exponent, factor, spare):
    samples = None if spare is None else 3 * dim + spare
    try:
        ends = mt.law_ends(
            dim, 10.0**exponent, signal_energy=float(dim), factor=factor, samples=samples
        )
    except ValueError as error:
        assert "whose smallest divisor" in str(error)  # noqa: PT017 - the other outcome
        return
    assert ends.rule <= ends.guaranteed <= ends.experts


def test_where_the_oracle_is_infinite_is_passed_over():
    ends = mt.law_ends(512, 1.0, signal_energy=256.0, samples=600)
    assert np.isinf(ends["oracle"]).tolist() == [False] * 6 + [True] * 4
    assert (ends.experts, ends.guaranteed, ends.rule) == (32, 32, 32)


@pytest.mark.parametrize("samples", [5, 8, 17, 20, 28, 33, 60])
def test_the_oracle_is_infinite_at_all_experts_above_half_the_difference(samples):
    ends = mt.law_ends(24, 1e-2, signal_energy=24.0, samples=samples)
    most = abs(samples - 24) / 2.0
    assert np.isinf(ends["oracle"]).tolist() == (ends["experts"] > most).tolist()
    assert ends.experts == max(k for k in ends["experts"] if k <= most)


LAW = {"dim": 24, "noise_variance": 1.0, "signal_energy": 24.0}


@pytest.mark.parametrize("samples", [None, 100])
@pytest.mark.parametrize("renormalised", [True, False])
def test_the_k_best(renormalised, samples):
    gate = mt.TopK(2, renormalised=renormalised)
    ends = mt.law_ends(**LAW, gate=gate, samples=samples)
    assert ends.gate == gate
    for k, found in zip(ends["experts"][1:], ends["gate"][1:], strict=True):
        # with two experts nothing is left out
        expected = mt.risk(
            mt.MoE(gate=mt.Soft() if k == 2 else gate), regime(24, int(k)), samples=samples
        ).excess
        assert found == pytest.approx(expected, rel=1e-9, nan_ok=True)
    hard, soft = (mt.law_ends(**LAW, gate=g, samples=samples) for g in (mt.Hard(), mt.Soft()))
    inner = (ends["experts"] > 2) & np.isfinite(ends["oracle"])
    assert inner.sum() >= 4
    assert np.all(ends["gate"][inner] < hard["gate"][inner])
    assert np.all(ends["gate"][inner] <= ends["bound"][inner])
    if samples is None:
        assert np.all(ends["gate"][inner] > soft["gate"][inner])


@given(
    size=st.integers(1, 12),
    experts=st.integers(2, 20),
    exponent=st.floats(-1.5, 2.0),
    samples=st.integers(1, 40),
)
@settings(max_examples=40)
def test_fits_never_raise_what_routing_costs_in_units_of_the_oracle(
    size, experts, exponent, samples
):
    model = regime(size * experts, experts, 10.0**-exponent, size)
    n = samples * experts // 2
    oracle = mt.risk(mt.MoE(), model, samples=n).excess
    if math.isinf(oracle):
        return
    for gate in (SOFT, HARD) if exponent >= 0.0 else (SOFT,):
        without = mt.risk(gate, model).excess / mt.risk(mt.MoE(), model).excess
        assert mt.risk(gate, model, samples=n).excess / oracle <= without * (1.0 + 1e-7)


def test_in_much_noise_fits_may_raise_it():
    model = regime(30, 15, 1.0 / 0.0616, 2.0)
    without = mt.risk(HARD, model).excess / mt.risk(mt.MoE(), model).excess
    fitted = [mt.risk(each, model, samples=64).excess for each in (HARD, mt.MoE())]
    assert fitted[0] / fitted[1] > 1.9 * without


def test_what_is_tight_in_large_blocks():
    r"""The hard gate whatever the fits; the soft one up to :math:`\pi/4`."""
    noisy, limit = [], []
    for size in (16, 64, 256):
        model = regime(3 * size, 3, 1.0, size)
        oracle, hard = (mt.risk(e, model, samples=4 * size).excess for e in (mt.MoE(), HARD))
        noisy.append((hard - oracle) / routing_cost_bound(model, 4 * size))
        soft = mt.risk(SOFT, model).excess - mt.risk(mt.MoE(), model).excess
        limit.append(soft / routing_cost_bound(model))
    assert noisy == sorted(noisy)
    assert 0.99 < noisy[-1] <= 1.0 + 1e-7
    assert limit == sorted(limit)
    assert 0.985 < limit[-1] / (math.pi / 4.0) < 1.0


def test_without_noise_the_law_never_ends():
    ends = mt.law_ends(30, 0.0, signal_energy=3.0)
    assert (ends.experts, ends.guaranteed, ends.rule) == (30, 30, 30)
    assert np.all(ends["ratio"] == 1.0)


def test_equivalent_gates():
    hard, soft = (mt.law_ends(8, 1.0, signal_energy=8.0, gate=g) for g in (mt.Hard(), mt.Soft()))
    picked = mt.law_ends(8, 1.0, signal_energy=8.0, gate=mt.TopK(1))
    assert picked["gate"].tolist() == hard["gate"].tolist()
    learned = mt.law_ends(8, 1.0, signal_energy=8.0, gate=mt.Learned())
    assert learned["gate"].tolist() == hard["gate"].tolist()
    both = mt.law_ends(8, 1.0, signal_energy=8.0, gate=mt.TopK(8))
    assert both["gate"].tolist() == soft["gate"].tolist()
    with pytest.raises(mt.NoClosedForm, match="simulate"):
        mt.law_ends(8, 1.0, signal_energy=8.0, gate=mt.Learned(100))


@pytest.mark.parametrize(
    ("changes", "argument", "problem"),
    [
        ({"factor": 1.0}, "factor", "must be greater than 1, got 1"),
        ({"dim": 1}, "dim", "must be at least 2, got 1"),
        (
            {"dim": 97},
            "dim",
            "must have a divisor K of at least 2 at which .* whose smallest divisor K = 97 is at "
            r"6\.735 times",
        ),
        ({"gate": mt.Oracle()}, "gate", r"must read the input, .*got Oracle\(\)"),
        ({"samples": 0}, "samples", "must be at least 1"),
        ({"samples": 8}, "samples", "must leave the oracle a finite risk at K = 2, .* of dim=8, "),
        (
            {"samples": 2, "factor": 1.001},
            "dim",
            "must have .* whose smallest divisor K = 2 is at 1",
        ),
        ({"signal_energy": 0.0}, "signal_energy", "must be greater than 0"),
        ({"noise_variance": -1.0}, "noise_variance", "must be at least 0"),
    ],
)
def test_what_is_refused(changes, argument, problem):
    arguments = {"dim": 8, "noise_variance": 1.0, "signal_energy": 8.0} | changes
    with pytest.raises(ValueError, match=f"^{argument} {problem}") as found:
        mt.law_ends(**arguments)
    assert found.value.argument == argument

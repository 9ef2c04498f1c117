"""The bound that holds for all experts at once."""

import math

import numpy as np
import pytest
from mpmath import mp
from scipy import special

from moetheory import BlockModel, MoE
from moetheory.results.risks import Risk
from moetheory.theory.expert_distributions import high_probability_bound, risk_distribution
from moetheory.theory.risk_distributions import RiskDistribution


@pytest.mark.parametrize("delta", [0, 1e-301, 1, -0.1, 2, math.nan, "a", None, True])
def test_bad_delta(generic, delta):
    with pytest.raises(ValueError, match="delta must be"):
        high_probability_bound(generic(), 99, delta)


def joint_coverage(law: RiskDistribution, bound: Risk) -> float:
    """P(every expert is within its bound), by independence."""
    return math.prod(e.cdf(b) for e, b in zip(law.experts, bound.per_group, strict=True))


@pytest.mark.parametrize("delta", [0.5, 0.05, 1e-6])
@pytest.mark.parametrize("counts", [[12, 15, 4, 0], [9, 9, 9, 9]])
def test_the_bound_covers_and_is_tight(delta, counts):
    sizes = [4, 6, 9, 3]
    model = BlockModel(
        [0.1, 0.2, 0.3, 0.4],
        np.repeat(range(4), sizes),
        np.repeat([0.5, 1.0, 1.5, 2.0], sizes),
        np.cos(np.arange(22.0)),
        0.5,
        label_noise_variance=0.1,
    )
    law, bound = (
        risk_distribution(MoE(), model, counts),
        high_probability_bound(model, counts, delta),
    )
    random = sum(e.std > 0 for e in law.experts)
    # independent experts, delta/4 each: as much as is promised, and hardly more
    assert joint_coverage(law, bound) == pytest.approx((1 - delta / 4) ** random, abs=1e-9)
    assert joint_coverage(law, bound) >= 1 - delta
    assert law.cdf(bound.value) >= 1 - delta
    assert bound.excess == pytest.approx(bound.value - 0.1)
    assert bound.value == pytest.approx(model.group_probabilities @ bound.per_group)
    assert bound.exactness == ("quadrature" if counts[2] == 4 else "exact")


def test_tiny_delta_keeps_its_digits():
    model = BlockModel.isotropic(20, 4, noise_variance=1.0, signal_energy=20.0)
    law = risk_distribution(MoE(), model, 160)
    bound = high_probability_bound(model, 160, 1e-100)
    assert law.experts[0].sf(bound.per_group[0]) == pytest.approx(1e-100 / 4, rel=1e-9)


@pytest.mark.parametrize("delta", [1e-90, 1e-110, 1e-200, 1e-300])
def test_a_bound_is_finite_wherever_it_is_a_float(delta):
    """s = 6, n = 17: a tail like that of a power, P(R > r) = 28 r^-6 (1 + ...)."""
    model = BlockModel([1.0], [0] * 6, [1.0] * 6, [1.0] * 6, 1.0)
    law = risk_distribution(MoE(), model, 17)
    bound = high_probability_bound(model, 17, delta)
    assert bound.value == pytest.approx(law.lower * (28.0 / delta) ** (1.0 / 6.0), rel=1e-10)
    assert law.sf(bound.value) == pytest.approx(delta, rel=1e-9)
    assert high_probability_bound(model, 6, delta).value == pytest.approx(
        # one degree of freedom: P(R > r) = r^(-1/2)/(B(1/2, 3)/2)
        law.lower * (15.0 / (8.0 * delta)) ** 2 if delta > 1e-150 else math.inf,
        rel=1e-10,
    )


@pytest.mark.parametrize(("n", "s"), [(5, 9), (40, 60)])
@pytest.mark.parametrize("delta", [1e-5, 1e-100, 1e-300])
def test_bounds_below_the_threshold_of_an_expert_by_quadrature(n, s, delta):
    model = BlockModel([1.0], [0] * s, [1.0] * s, [s**-0.5] * s, 1.0)
    value = high_probability_bound(model, n, delta).value
    residual = risk_distribution(MoE(), model, n).lower
    energy, first, second = 1.0 - residual, (s - n) / 2, n / 2  # C = 2, ‖θ‖² = 1/4
    with mp.workdps(40):
        above = mp.mpf(value) - residual

        def weighted_tail(b):
            r, a = (above - energy * b) / residual, mp.mpf(s - n + 1) / 2
            tail = mp.betainc(a, mp.mpf(n) / 2, 0, 1 / (1 + r), regularized=True)
            return b ** (first - 1) * (1 - b) ** (second - 1) * tail / delta

        total = mp.quad(weighted_tail, [0, 0.1, 0.25, 0.5, 0.75, 1]) / mp.beta(first, second)
    assert float(total) == pytest.approx(1.0, rel=1e-9)


@pytest.mark.parametrize(("experts", "f"), [(10, 1.7), (100, 9.2), (500, 695.0)])
def test_the_bound_of_the_iso_parameter_regime(experts, f):
    """n = 2000, d = 1000, δ = 0.05: the F quantile, by which the bound grows with K."""
    model = BlockModel.isotropic(1000, experts, noise_variance=1.0, signal_energy=1000.0)
    bound = high_probability_bound(model, 2000, 0.05)
    s, nu = 1000 / experts, 1000 / experts + 1
    factor = bound.value / (1000.0 / (experts * 1000.0 + 1000.0))
    assert (factor - 1) * nu / s == pytest.approx(special.fdtri(s, nu, 1 - 0.05 / experts))
    assert (factor - 1) * nu / s == pytest.approx(f, rel=0.02)

"""The bound that holds for all experts at once."""

import math

import numpy as np
import pytest
from scipy import special

from moetheory import BlockModel, MoE
from moetheory.results.risks import Risk
from moetheory.theory.expert_distributions import high_probability_bound, risk_distribution
from moetheory.theory.risk_distributions import RiskDistribution


@pytest.mark.parametrize("delta", [0, 1, -0.1, 2, math.nan, "a", None, True])
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


@pytest.mark.parametrize(("experts", "f"), [(10, 1.7), (100, 9.2), (500, 695.0)])
def test_the_bound_of_the_iso_parameter_regime(experts, f):
    """n = 2000, d = 1000, δ = 0.05: the F quantile, by which the bound grows with K."""
    model = BlockModel.isotropic(1000, experts, noise_variance=1.0, signal_energy=1000.0)
    bound = high_probability_bound(model, 2000, 0.05)
    s, nu = 1000 / experts, 1000 / experts + 1
    factor = bound.value / (1000.0 / (experts * 1000.0 + 1000.0))
    assert (factor - 1) * nu / s == pytest.approx(special.fdtri(s, nu, 1 - 0.05 / experts))
    assert (factor - 1) * nu / s == pytest.approx(f, rel=0.02)

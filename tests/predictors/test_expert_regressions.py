"""What experts regress on, against plain sums over coordinates."""

import numpy as np
import pytest
from hypothesis import given

import moetheory as mt
from moetheory.predictors.expert_regressions import Regressions
from moetheory.strategies import block_models


@given(block_models(noiseless=True))
def test_every_quantity_is_a_sum_over_coordinates(model):
    own = Regressions.of(model, np.arange(model.experts) + 1)
    noises = np.broadcast_to(model.noise_variance, model.dim)
    omega = model.label_noise_variance
    for g in range(model.experts):
        inside = [
            (lam, b, noise)
            for at, lam, b, noise in zip(
                model.block_of, model.signal_variances, model.coefficients, noises, strict=True
            )
            if at == g
        ]
        outside = model.block_of != g
        unseen = (model.coefficients**2 * model.leakage_variances)[outside].sum()
        rest = sum(b * b * lam * noise / (lam + noise) for lam, b, noise in inside if lam)
        energy = sum(b * b * lam * lam / (lam + noise) for lam, b, noise in inside if lam)
        observed = {lam + noise for lam, _, noise in inside if lam + noise > 0}
        assert own.counts[g] == g + 1
        assert own.sizes[g] == sum(lam + noise > 0 for lam, _, noise in inside)
        assert own.leaked_variance[g] == pytest.approx(unseen, rel=1e-12)
        assert own.residual_excess[g] == pytest.approx(unseen + rest, rel=1e-12)
        assert own.residual[g] == pytest.approx(unseen + rest + omega, rel=1e-12)
        assert own.energy[g] == pytest.approx(energy, rel=1e-12)
        assert bool(own.isotropic[g]) == (len(observed) <= 1)


@given(block_models())
def test_their_optimum_is_the_risk_at_infinitely_many_samples(model):
    own, risk = Regressions.of(model, 7), mt.risk(mt.MoE(), model)
    np.testing.assert_allclose(own.residual, risk.per_group, rtol=1e-12)
    p = model.group_probabilities
    assert p @ (own.residual + own.energy) == pytest.approx(model.null_risk, rel=1e-12)
    assert own.counts.sum() == 7


def test_blocks_that_are_equal_up_to_rounding_are_isotropic():
    model = mt.BlockModel([0.5, 0.5], [0, 0, 1, 1], [0.1 + 0.2, 0.3, 1.0, 1.1], [1.0] * 4, 1e-3)
    assert Regressions.of(model, 8).isotropic.tolist() == [True, False]


def test_a_block_is_isotropic_where_signal_and_noise_add_up_to_one_variance():
    model = mt.BlockModel(
        [0.5, 0.5], [0, 0, 1, 1], [1.0, 2.0, 1.0, 1.0], [1.0] * 4, [2.0, 1.0, 1.0, 2.0],
        interference_variances=[1.0, 2.0, 3.0, 4.0],
    )  # fmt: skip
    assert Regressions.of(model, 8).isotropic.tolist() == [True, False]

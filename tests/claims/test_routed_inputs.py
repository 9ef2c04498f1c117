"""Raw data that are routed by energy: against the package's own samples, and by hand."""

import math

import numpy as np
import pytest

import moetheory as mt
from moetheory.claims import routed_inputs as raw

MODEL = mt.BlockModel(
    [0.5, 0.5], [0, 1, 1, 0], [2.0] * 4, [1.0, -2.0, 0.5, 1.5], 0.7, label_noise_variance=0.3
)


def test_blocks_are_sorted_and_the_loudest_is_found():
    assert raw.by_block(MODEL, MODEL.coefficients).tolist() == [[1.0, 1.5], [-2.0, 0.5]]
    features = np.array([[[1.0, 1.0], [0.0, 1.3]], [[1.0, 1.0], [0.0, -1.5]]])
    assert raw.loudest_block(features).tolist() == [0, 1]
    errors = raw.squared_errors(np.array([[2.0, 1.0], [4.0, 2.0]]), features, np.array([1.0, 1.0]))
    assert errors.tolist() == [4.0, 16.0]


def test_data_have_the_moments_of_the_model():
    rng, number = np.random.default_rng(2), 200_000
    sample = MODEL.sample(number, rng)
    features, labels = raw.EqualBlocks.of(MODEL).draw_any(number, rng)
    own = [raw.EqualBlocks.of(MODEL).draw_own(g, number, rng) for g in range(2)]
    theirs = sample.features[:, [0, 3, 1, 2]]
    for mine, other in (
        (labels**2, sample.labels**2),
        *((features.reshape(-1, 4)[:, m] * labels, theirs[:, m] * sample.labels) for m in range(4)),
        *((features.reshape(-1, 4)[:, m] ** 2, theirs[:, m] ** 2) for m in range(4)),
        *(
            (own[g][0][:, 0] * own[g][1], sample.labels[at] * theirs[at, 2 * g])
            for g in range(2)
            for at in [sample.groups == g]
        ),
    ):
        sem = math.sqrt(mine.var() / len(mine) + other.var() / len(other))
        assert abs(mine.mean() - other.mean()) < 4.5 * sem


def test_experts_that_are_fitted_on_very_many_samples_are_optimal():
    model = mt.BlockModel.isotropic(8, 2, 0.01, signal_energy=8.0)
    optimum = raw.by_block(model, mt.optimal_coefficients(mt.MoE(), model))
    found = raw.sorted_experts(model, 40_000, np.random.default_rng(0))
    assert found == pytest.approx(optimum, rel=0.01)
    assert raw.sorted_experts(model, 1, np.random.default_rng(0)).any(axis=1).sum() == 1


def test_errors_in_chunks_are_as_many_as_asked_for(monkeypatch):
    monkeypatch.setattr(raw, "CHUNK", 20)
    experts = np.zeros((2, 2))
    assert len(raw.errors_of(MODEL, experts, 13, np.random.default_rng(0))) == 13

"""Raw data that are routed by energy: against the package's own samples, and by hand."""

import itertools
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
    # of the first block's group, then of the first block's group at the second expert
    drawn = raw.RawSamples(
        features, np.array([0, 0]), np.array([[1.0, 2.0], [3.0, 0.5]]), np.array([0.0, 2.0])
    )
    errors = raw.squared_errors(np.array([[2.0, 1.0], [4.0, 2.0]]), drawn)
    assert errors.tolist() == [1.0 + 1.0, 9.0 + 0.25 + 9.0 + 4.0]
    assert drawn.labels.tolist() == [3.0, 5.5]


def test_errors_are_means_over_signs():
    """A flip changes clean and noisy features of a coordinate, and the label noise, together."""
    drawn = raw.EqualBlocks.of(MODEL).draw_any(50, np.random.default_rng(4))
    experts = np.array([[0.7, 1.1], [-1.5, 0.2]])
    chosen = raw.loudest_block(drawn.features)
    squares = []
    for signs in itertools.product([-1.0, 1.0], repeat=5):
        blocks = np.reshape(signs[:4], (2, 2))
        seen = (drawn.features * blocks)[np.arange(50), chosen]
        labels = np.sum(drawn.label_parts * blocks[drawn.groups], axis=1)
        labels += signs[4] * drawn.label_noise
        squares.append((labels - np.sum(seen * experts[chosen], axis=1)) ** 2)
    assert raw.squared_errors(experts, drawn) == pytest.approx(np.mean(squares, axis=0), rel=1e-12)


def test_data_have_the_moments_of_the_model():
    rng, number = np.random.default_rng(2), 200_000
    sample = MODEL.sample(number, rng)
    drawn = raw.EqualBlocks.of(MODEL).draw_any(number, rng)
    features, labels = drawn.features, drawn.labels
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


def test_each_training_set_has_its_own_experts_and_inputs(monkeypatch):
    def growing(features, labels):
        assert features.shape == (3, 5, 2)
        assert labels.shape == (3, 5)
        return np.full((3, 2), 10.0 ** np.arange(3)[:, np.newaxis])

    monkeypatch.setattr(raw, "_least_squares", growing)
    errors = raw.fitted_errors(MODEL, 5, 3, 400, np.random.default_rng(1))
    assert errors.shape == (3,)
    assert 50.0 < errors[2] / errors[1] < 200.0


@pytest.mark.parametrize("samples", [0, 1, 2, 7])
def test_fits_are_those_of_numpy(samples):
    rng = np.random.default_rng(3)
    features, labels = rng.standard_normal((4, samples, 3)), rng.standard_normal((4, samples))
    for fit, x, y in zip(raw._least_squares(features, labels), features, labels, strict=True):
        expected = np.linalg.lstsq(x, y, rcond=None)[0] if samples else np.zeros(3)
        assert fit == pytest.approx(expected, rel=1e-9)

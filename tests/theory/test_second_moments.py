"""Risks for any covariances: drawn inputs, conditional variances, and what is refused."""

import re

import numpy as np
import pytest

import moetheory as mt

BLOCKS = np.array([1, 0, 2, 0, 1])
P = np.array([0.2, 0.5, 0.3])
B = np.array([1.0, -1.4, 0.7, 0.5, -0.9])
ROOTS, NOISE_ROOTS = np.random.default_rng(3).standard_normal((2, 3, 5, 5))
SIGNAL, NOISE = (a @ np.matrix_transpose(a) for a in (ROOTS, NOISE_ROOTS))
RISKS = mt.covariance_risks(SIGNAL, NOISE, B, group_probabilities=P, block_of=BLOCKS)
ALL = {"dense": RISKS.dense, "full": RISKS.full_experts, "blocks": RISKS.block_experts}
INPUTS = 2_000_000


def refuses(message):
    return pytest.raises(ValueError, match=f"^{re.escape(message)}")


def seen_by(name, group):
    return group == BLOCKS if name == "blocks" else np.ones(5, bool)


def fitted(name):
    """The coefficients for each group, by least squares on the factors of the moments, (K, 5)."""
    shares = np.eye(3) if name != "dense" else np.tile(P, (3, 1))
    fits = np.zeros((3, 5))
    for g, weights in enumerate(np.sqrt(shares)):
        seen = seen_by(name, g)
        rows = [
            w * np.vstack([a.T, c.T]) for w, a, c in zip(weights, ROOTS, NOISE_ROOTS, strict=True)
        ]
        wanted = [
            w * np.concatenate([a.T @ B, 0.0 * B]) for w, a in zip(weights, ROOTS, strict=True)
        ]
        fits[g, seen] = np.linalg.lstsq(np.vstack(rows)[:, seen], np.concatenate(wanted))[0]
    return fits


@pytest.fixture(scope="module")
def drawn():
    """Groups, features and labels: correlated Gaussians, both in the signal and in the noise."""
    rng = np.random.default_rng(11)
    groups = rng.choice(3, INPUTS, p=P)
    clean, noise = np.empty((2, INPUTS, 5))
    for g in range(3):
        of_group = groups == g
        n = np.count_nonzero(of_group)
        clean[of_group] = rng.standard_normal((n, 5)) @ ROOTS[g].T
        noise[of_group] = rng.standard_normal((n, 5)) @ NOISE_ROOTS[g].T
    return groups, clean + noise, clean @ B


@pytest.mark.parametrize("name", ALL)
def test_drawn_inputs_are_predicted_as_well_as_it_says(name, drawn, agrees):
    groups, features, labels = drawn
    errors = (np.einsum("ij,ij->i", features, fitted(name)[groups]) - labels) ** 2
    sem = float(errors.std(ddof=1)) / np.sqrt(INPUTS)
    assert agrees(float(errors.mean()), sem, INPUTS, ALL[name].excess)


@pytest.mark.parametrize("name", ["full", "blocks"])
def test_given_the_group_it_is_a_conditional_variance(name):
    r"""Var(x'b | what is seen): a Schur complement, as everything is normal."""
    for g in range(3):
        seen = seen_by(name, g)
        cross = (SIGNAL[g] @ B)[seen]
        of_seen = (SIGNAL[g] + NOISE[g])[np.ix_(seen, seen)]
        variance = B @ SIGNAL[g] @ B - cross @ np.linalg.solve(of_seen, cross)
        assert ALL[name].per_group[g] == pytest.approx(variance, rel=1e-10)


def test_no_other_predictor_is_better_than_dense():
    rng, (fit, *_) = np.random.default_rng(0), fitted("dense")

    def risk(w):
        groups = [(B - w) @ s @ (B - w) + w @ n @ w for s, n in zip(SIGNAL, NOISE, strict=True)]
        return float(P @ groups)

    assert risk(fit) == pytest.approx(RISKS.dense.excess, rel=1e-12)
    for scale in (1e-3, 0.1, 1.0):
        assert risk(fit + scale * rng.standard_normal(5)) > RISKS.dense.excess


def test_full_experts_are_never_worse_than_dense():
    rng = np.random.default_rng(1)
    for _ in range(50):
        roots = rng.standard_normal((2, 3, 4, 4)) * 10.0 ** rng.uniform(-2, 2, (2, 3, 4, 1))
        found = mt.covariance_risks(
            *(a @ np.matrix_transpose(a) for a in roots),
            rng.standard_normal(4),
            group_probabilities=rng.dirichlet(np.ones(3)),
        )
        assert found.full_experts.excess <= found.dense.excess * (1.0 + 1e-12)
        assert found.block_experts is None


@pytest.mark.parametrize(
    ("rho", "dense", "blocks"),
    [(0.0, 5 / 5.25, 5 / 5.5), (0.5, 10 / 11, 10 / 11), (0.99, 1 / 6, 10 / 11)],
)
def test_shared_noise_is_what_dense_can_use(rho, dense, blocks):
    noise = 10.0 * np.array([[1.0, rho], [rho, 1.0]])
    found = mt.covariance_risks(
        [[[1, 0], [0, 0]], [[0, 0], [0, 1]]], [noise, noise], [1, -1], block_of=[0, 1]
    )
    assert found.dense.excess == pytest.approx(dense, rel=1e-12)
    assert found.block_experts.excess == pytest.approx(blocks, rel=1e-12)


def test_label_noise_is_added_to_each_risk():
    found = mt.covariance_risks(
        SIGNAL, NOISE, B, group_probabilities=P, block_of=BLOCKS, label_noise_variance=0.7
    )
    for noisy, clean in (
        (found.dense, RISKS.dense),
        (found.full_experts, RISKS.full_experts),
        (found.block_experts, RISKS.block_experts),
    ):
        assert noisy.excess == clean.excess
        assert noisy.value == clean.excess + 0.7
        np.testing.assert_allclose(noisy.per_group, clean.per_group + 0.7, rtol=1e-15)
        assert (noisy.exactness, noisy.error) == ("exact", 0.0)


def test_groups_are_equally_probable_unless_it_is_said():
    plain = mt.covariance_risks(SIGNAL, NOISE, B)
    told = mt.covariance_risks(SIGNAL, NOISE, B, group_probabilities=[1 / 3, 1 / 3, 1 / 3])
    assert plain.dense.excess == told.dense.excess
    assert plain.block_experts is None


def test_a_group_that_is_never_drawn_has_a_risk_of_its_own():
    p = [0.4, 0.0, 0.6]
    found = mt.covariance_risks(SIGNAL, NOISE, B, group_probabilities=p)
    two = mt.covariance_risks(SIGNAL[[0, 2]], NOISE[[0, 2]], B, group_probabilities=[0.4, 0.6])
    assert found.dense.excess == pytest.approx(two.dense.excess, rel=1e-14)
    np.testing.assert_allclose(found.full_experts.per_group, RISKS.full_experts.per_group)


def test_single_precision_is_forgiven_what_it_rounds():
    low = np.float32(np.random.default_rng(4).standard_normal((2, 6, 2)))
    signal = low @ np.matrix_transpose(low)  # of rank 2: eigenvalues of -1e-7 or so
    noise = np.tile(0.5 * np.eye(6), (2, 1, 1))
    found = mt.covariance_risks(signal, noise, np.ones(6))
    exact = np.float64(low) @ np.matrix_transpose(np.float64(low))
    expected = mt.covariance_risks(exact, noise, np.ones(6))
    assert found.dense.excess == pytest.approx(expected.dense.excess, rel=1e-5)


def test_small_variances_keep_their_digits_beside_large_ones():
    signal = [np.diag([1e12, 3e-12]), np.diag([2e12, 5e-12])]
    noise = [np.diag([0.0, 1e-12])] * 2
    found = mt.covariance_risks(signal, noise, [0.0, 1.0])
    assert found.dense.excess == pytest.approx(0.8e-12, rel=1e-14)
    np.testing.assert_allclose(found.full_experts.per_group, [0.75e-12, 5e-12 / 6], rtol=1e-14)


TWO = [np.eye(2), np.eye(2)]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"covariances": []}, "covariances must hold at least one matrix, got none"),
        ({"covariances": 3.0}, "covariances must be a sequence of arrays, got 3.0"),
        ({"covariances": [np.eye(2), np.eye(3)]}, "covariances[1] must have shape (2, 2), got"),
        ({"covariances": [np.eye(2), [[1, 2], [2, 1]]]}, "covariances[1] must be positive semid"),
        ({"covariances": [[[1, 1], [0, 1]], np.eye(2)]}, "covariances[0] must be symmetric, got"),
        ({"covariances": [np.eye(2), 1e41 * np.eye(2)]}, "covariances[1] (its diagonal) must be"),
        ({"noise_covariances": [np.eye(2)]}, "noise_covariances must hold one matrix for each of"),
        ({"noise_covariances": [np.eye(2), np.eye(3)]}, "noise_covariances[1] must have shape (2,"),
        ({"noise_covariances": [np.eye(2), np.nan * np.eye(2)]}, "noise_covariances[1] must be"),
        ({"coefficients": [1.0]}, "coefficients must have shape (2,), got (1,)"),
        ({"coefficients": [1.0, 1e50]}, "coefficients must be 0 or between 1e-40 and 1e+40"),
        ({"group_probabilities": [1.0]}, "group_probabilities must have shape (2,), got (1,)"),
        ({"group_probabilities": [0.5, 0.4]}, "group_probabilities must sum to 1, got 0.9"),
        ({"group_probabilities": [1.5, -0.5]}, "group_probabilities must be at least 0, got -0.5"),
        ({"block_of": [0, 1, 1]}, "block_of must have shape (2,), got (3,)"),
        ({"block_of": [0, 2]}, "block_of must lie in 0..1 (one block per group), got 2 at index 1"),
        ({"block_of": [1, 1]}, "block_of must give every expert a coordinate, got none for 0"),
        ({"label_noise_variance": -1.0}, "label_noise_variance must be at least 0, got -1"),
        ({"label_noise_variance": 1e90}, "label_noise_variance must be 0 or between 1e-80 and"),
    ],
)  # fmt: skip
def test_what_it_cannot_use_is_refused(changes, message):
    good = {"covariances": TWO, "noise_covariances": TWO, "coefficients": [1.0, 1.0]}
    with refuses(message):
        mt.covariance_risks(**{**good, **changes})

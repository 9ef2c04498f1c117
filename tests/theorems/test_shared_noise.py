"""Shared noise: where the order changes, on the covariances that a user would write down."""

import numpy as np
import pytest

import moetheory as mt
from moetheory.claims import shared_noise_inputs
from moetheory.theorems import shared_noise


def contrasts(groups, positions, signal, noise, seed=0):
    """A model of the theorem whose blocks are interleaved."""
    b = np.random.default_rng(seed).standard_normal((positions, groups))
    b -= b.mean(axis=1, keepdims=True)
    return mt.BlockModel(
        np.full(groups, 1.0 / groups),
        np.tile(np.arange(groups), positions),
        np.full(groups * positions, signal),
        b.ravel(),
        noise,
    )


def written_out(model, rho):
    """The risks of the whole problem: d x d covariances, one for each group."""
    own = model.block_of == np.arange(model.experts)[:, np.newaxis]
    signal = np.where(own, model.signal_variances, 0.0)[:, :, np.newaxis] * np.eye(model.dim)
    position = np.zeros(model.dim, dtype=int)
    for block in own:
        position[block] = np.arange(np.count_nonzero(block))
    share = np.where(position[:, np.newaxis] == position, rho, 0.0)
    np.fill_diagonal(share, 1.0)
    noise = [model.noise_variance * share] * model.experts
    return mt.covariance_risks(signal, noise, model.coefficients, block_of=model.block_of)


@pytest.mark.parametrize(("groups", "positions"), [(2, 1), (2, 3), (3, 2), (5, 1)])
@pytest.mark.parametrize(("signal", "noise"), [(1.0, 10.0), (3.0, 0.1)])
def test_its_sides_are_the_risks_of_the_whole_problem(groups, positions, signal, noise):
    model = contrasts(groups, positions, signal, noise)
    for unshared in (1.25, 1.0, 0.8, 0.1):
        found = written_out(model, 1.0 - unshared / groups)
        risks = (found.dense, found.block_experts, found.full_experts)
        for which, risk in enumerate(risks):
            for function in (shared_noise._excess, shared_noise._closed_form):
                got = function(model, unshared / groups, which)
                assert got == pytest.approx(risk.excess, rel=1e-10)


@pytest.mark.parametrize("groups", [2, 3, 7])
@pytest.mark.parametrize("noise", [1e-6, 1.0, 1e6])
def test_the_tie_depends_on_the_number_of_groups_alone(groups, noise):
    tie = 1.0 - 1.0 / groups
    dense, moe = (
        [getattr(written_out(contrasts(groups, 2, 1.0, noise), rho), name).excess for rho in rhos]
        for name, rhos in (
            ("dense", (tie - 0.1 / groups, tie, tie + 0.1 / groups)),
            ("block_experts", (0.0, 0.0, 0.0)),
        )
    )
    assert dense[1] == pytest.approx(moe[1], rel=1e-10)
    assert dense[2] < moe[1] < dense[0]


@pytest.mark.parametrize("rho", [-0.4, 0.0, 0.5, 0.9, 0.999])
def test_experts_that_see_all_are_never_worse_than_dense(rho):
    for groups in (2, 3):
        found = written_out(contrasts(groups, 2, 1.0, 4.0), rho)
        assert found.full_experts.excess <= found.dense.excess * (1.0 + 1e-12)


@pytest.mark.parametrize("seed", range(8))
def test_it_holds_in_any_units(seed):
    """By closed forms and algebra; two replicates decide nothing."""
    rng = np.random.default_rng(seed)
    groups, positions = int(rng.integers(2, 6)), int(rng.integers(1, 4))
    model = contrasts(groups, positions, *(10.0 ** rng.uniform(-6.0, 6.0, 2)), seed)
    unit = 4.0 ** int(rng.integers(-20, 21))
    model = model.replace(
        signal_variances=unit * model.signal_variances,
        noise_variance=unit * model.noise_variance,
        coefficients=2.0 ** int(rng.integers(-30, 31)) * model.coefficients,
    )
    verdict = mt.check("shared-noise", model, rng=seed, replicates=2)
    assert verdict.status == "inconclusive", verdict.reason
    assert all(point.holds for claim in verdict.claims for point in claim.points)


def test_it_holds_for_a_model_of_the_users():
    verdict = mt.check("shared-noise", contrasts(3, 2, 2.0, 1.0), rng=0)
    assert verdict.status == "holds", verdict.reason
    labels = [claim.points[0].label for claim in verdict.claims]
    assert labels == ["ρ=0.733", "ρ=0.733", "ρ=0.583", "ρ=0.667", "ρ=0.733", "ρ=0.733"]


@pytest.mark.parametrize(
    ("changes", "assumption"),
    [
        ({"coefficients": [1.0, -1.0, 0.5, -0.6]}, "coefficients that sum to zero"),
        ({"signal_variances": [1.0, 1.0, 1.0, 2.0]}, "one signal variance"),
        ({"group_probabilities": [0.4, 0.6]}, "equal group probabilities"),
        ({"leakage_variances": 0.1}, "strict blocks"),
        ({"interference_variances": 0.1}, "no interference"),
        ({"noise_variance": [1.0, 1.0, 1.0, 2.0]}, "one noise variance for all coordinates"),
        ({"block_of": [0, 0, 0, 1]}, "blocks of equal size"),
        ({"noise_variance": 0.0}, "feature noise"),
    ],
)
def test_what_it_needs_is_an_assumption(changes, assumption):
    model = contrasts(2, 2, 1.0, 1.0).replace(**changes)
    verdict = mt.check("shared-noise", model, rng=0)
    assert verdict.status == "assumptions not met"
    assert verdict.reason.startswith(assumption)


def test_one_group_shares_noise_with_nobody():
    model = mt.BlockModel([1.0], [0, 0], [1.0, 1.0], [1.0, -1.0], 1.0)
    assert mt.check("shared-noise", model, rng=0).reason == "2 to 64 groups"


def test_the_drawn_noise_has_the_covariance_that_is_meant():
    """Without signal and with the coefficients of one coordinate the errors are its noise."""
    model = contrasts(3, 2, 1.0, 2.0)
    fits = np.zeros((3, 2, 3))
    for g in range(3):
        fits[g, 1] = [1.0, -1.0, 0.0]
    rng, n = np.random.default_rng(0), 200_000
    mute = model.replace(coefficients=np.zeros(6))
    errors = shared_noise_inputs._drawn_errors(mute, 0.3, (fits[0], np.zeros((2, 3)), fits), n, rng)
    signal = 2.0 / 3.0  # the two coordinates are active in turn
    expected = 2.0 * 0.3 * 2.0 + signal
    sem = errors[0].std() / np.sqrt(n)
    assert abs(errors[0].mean() - expected) < 5.0 * sem < 0.05 * expected
    np.testing.assert_allclose(errors[0], errors[2], rtol=1e-12)

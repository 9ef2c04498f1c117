"""Erased coordinates: every mask by itself, full covariance matrices, 40 digits."""

import itertools

import numpy as np
import pytest
from mpmath import mp

from moetheory.formulas import erasure
from moetheory.formulas.perturbed import BlockLosses

SIZES = (3, 1, 4)
BLOCK_OF = np.array([0, 2, 1, 2, 0, 2, 0, 2])
LEAD = (2, 3)


def rotated(seed=1):
    """Bases, variances while active and inactive, and means and variances of 2 × 3 fits."""
    rng = np.random.default_rng(seed)
    bases = [np.linalg.qr(rng.standard_normal((s, s)))[0] for s in SIZES]
    signal, leakage = np.exp(rng.standard_normal((2, 8)))
    return bases, signal, leakage, rng.standard_normal((*LEAD, 8)), rng.random((*LEAD, 8))


def by_matrices(bases, variances, mean, variance, lost=1.0):
    """E(Σ Σ_mm w_m² - wᵀΣw) of every block, from second moments of w and Σ as full matrices."""
    found = np.zeros((*np.shape(mean)[:-1], len(bases)))
    for *at, g in itertools.product(*map(range, found.shape)):
        own = g == BLOCK_OF
        u, c = bases[g], mean[tuple(at)][own]
        second = u @ (np.outer(c, c) + lost * np.diag(variance[tuple(at)][own])) @ u.T
        covariance = u @ np.diag(variances[own]) @ u.T
        found[(*at, g)] = np.diag(covariance) @ np.diag(second) - np.sum(covariance * second)
    return found


def test_the_variance_of_independent_coordinates_by_full_matrices():
    bases, *variances, mean, variance = rotated()
    variances += [np.geomspace(1e-2, 1e2, 8)[[3, 7, 0, 5, 1, 6, 2, 4]], 1.0]  # of noise; equal
    found = erasure.independence_variances(bases, BLOCK_OF, variances, mean, variance)
    assert len(found) == 4
    for one, each in zip(found[:3], variances[:3], strict=True):
        assert one.shape == (*LEAD, 3)
        scale = np.abs(one[..., [0, 2]]).max()
        assert np.all(one[..., 1] == 0.0)  # one coordinate alone
        expected = by_matrices(bases, each, mean, variance)
        np.testing.assert_allclose(one, expected, rtol=1e-10, atol=1e-13 * scale)
        wrong = by_matrices(bases, each, mean, variance, lost=0.5)
        assert not np.allclose(one, wrong, rtol=1e-10, atol=1e-13 * scale)
    assert found[3].tolist() == np.zeros((*LEAD, 3)).tolist()


def test_every_argument_broadcasts():
    """Means (2, 1, 8) and variances (3, 8) of fits: (2, 3, 3) results for each variance."""
    bases, *variances, mean, variance = rotated()
    arguments = bases, BLOCK_OF, variances
    found = erasure.independence_variances(*arguments, mean[:, :1], variance[0])
    for at in itertools.product(*map(range, LEAD)):
        alone = erasure.independence_variances(*arguments, mean[at[0], 0], variance[0, at[1]])
        for one, other in zip(found, alone, strict=True):
            np.testing.assert_allclose(one[at], other, rtol=1e-13)
    fixed = erasure.independence_variances(*arguments, mean[0, 0])
    expected = by_matrices(bases, variances[0], mean[0, 0], np.zeros(8))
    np.testing.assert_allclose(fixed[0][[0, 2]], expected[[0, 2]], rtol=1e-10)


def test_variances_that_are_nearly_equal_keep_their_digits():
    """Against 40 digits: differences of 10⁻⁸ of the variances themselves are exact in doubles."""
    bases, _, _, mean, variance = rotated()
    mean, variance = mean[0, 0], variance[0, 0]
    uneven = 1.0 + 2.0**-27 * np.arange(8.0)
    arguments = bases, BLOCK_OF, (uneven, np.ones(8)), mean, variance
    found, even = erasure.independence_variances(*arguments)
    assert even.tolist() == [0.0, 0.0, 0.0]
    for g in (0, 2):
        own = np.flatnonzero(g == BLOCK_OF)
        with mp.workdps(40):
            u, v = mp.matrix(bases[g].tolist()), [mp.mpf(x) for x in uneven[own]]
            c, spread = [mp.mpf(x) for x in mean[own]], [mp.mpf(x) for x in variance[own]]
            size = range(len(own))
            independent = mp.mpf(0)
            for i in size:
                diagonal = sum(u[i, m] ** 2 * (v[m] - v[0]) for m in size)
                weight = sum(u[i, m] * c[m] for m in size) ** 2
                independent += diagonal * (weight + sum(u[i, m] ** 2 * spread[m] for m in size))
            # the basis is orthogonal up to rounding only, so the form is taken after the rotation
            form = sum((v[m] - v[0]) * (c[m] ** 2 + spread[m]) for m in size)
            expected, doubled = float(independent - form), float(2 * independent - form)
        assert found[g] == pytest.approx(expected, rel=1e-12)
        assert found[g] != pytest.approx(doubled, rel=1e-12)


@pytest.mark.parametrize("probability", [0.0, 0.2, 0.9])
def test_erased_coordinates_by_enumeration(probability):
    """One block of three correlated coordinates: every form is a mean over eight masks."""
    rng = np.random.default_rng(4)
    signal, leakage, noise, idle = (h @ h.T for h in rng.standard_normal((4, 3, 3)))
    b, w = rng.standard_normal((2, 3))

    def forms(v):
        """Those of `BlockLosses`, in its order."""
        matrices = (signal, b - v), (leakage, b - v), (np.eye(3), v), (noise, v), (idle, v)
        matrices += (signal, v), (signal, b), (leakage, b)
        return np.array([[u @ matrix @ u] for matrix, u in matrices])

    added = [
        np.array([np.diag(matrix) @ w**2 - w @ matrix @ w])
        for matrix in (signal, leakage, noise, idle)
    ]
    kept = BlockLosses(*forms(w))
    found = erasure.erased(kept, probability, added)
    expected = np.zeros((8, 1))
    for mask in itertools.product((0, 1), repeat=3):
        chance = (1 - probability) ** sum(mask) * probability ** (3 - sum(mask))
        expected += chance * forms(w * mask)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert (found.null_active, found.null_inactive) == (kept.null_active, kept.null_inactive)
    for part in range(4):  # every added term is needed
        without = [0.0 if at == part else each for at, each in enumerate(added)]
        lost = erasure.erased(kept, probability, without)
        assert np.allclose(lost, expected, rtol=1e-12) == (probability == 0.0)


def test_the_noise_of_one_variance_is_erased_with_the_gain():
    """In rotated coordinates it is uncorrelated: the two forms stay one."""
    one = np.array([2.0, 3.0])
    found = erasure.erased(BlockLosses(*[one] * 8), 0.25, (0.1, 0.2, 0.0, 0.4))
    assert found.noise is found.noise_gain
    assert found.noise_gain.tolist() == [1.5, 2.25]

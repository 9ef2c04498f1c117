"""Sign errors against the angle in many digits, where floats would leave their range or digits."""

import mpmath
import numpy as np
import pytest
from scipy import stats

from moetheory.formulas.joint_moments import block_moments
from moetheory.formulas.sign_errors import sign_errors

K, D = 3, 7
BLOCK_OF = np.array([1, 0, 1, 2, 2, 0, 1])
EXPERTS = {"dense": [0, 0, 0], "one each": [0, 1, 2], "assigned": [1, 0, 1]}
CONFUSION = np.array([[0.7, 0.2, 0.1], [0.0, 0.9, 0.1], [0.3, 0.3, 0.4]])
DRAG = 0.7


def plain(arrays, c, w, omega, expert_of, drag, confusion):
    """The definition, in 120 digits."""
    with mpmath.workdps(120):
        lam, nu, n, kappa, b, c, w = ([mpmath.mpf(x) for x in array] for array in (*arrays, c, w))
        result = []
        for i in range(K):
            total = mpmath.mpf(0)
            for j in range(K):
                seen = [expert_of[g] == expert_of[j] for g in BLOCK_OF]
                f = [c[m] if seen[m] else w[m] for m in range(D)]
                active = i == BLOCK_OF
                s = [lam[m] if active[m] else nu[m] for m in range(D)]
                v = [s[m] + n[m] + (0 if active[m] else kappa[m]) for m in range(D)]
                if i != j:
                    v = [v[m] + drag**2 * lam[m] * int(BLOCK_OF[m] == j) for m in range(D)]
                label = mpmath.fsum(s[m] * b[m] ** 2 for m in range(D)) + omega
                seen = mpmath.fsum(v[m] * f[m] ** 2 for m in range(D))
                cross = mpmath.fsum(s[m] * b[m] * f[m] for m in range(D))
                angle = mpmath.acos(cross / mpmath.sqrt(label * seen))
                total += mpmath.mpf(confusion[i, j]) * angle / mpmath.pi
            result.append(float(total))
        return result


def computed(arrays, c, w, omega, expert_of, drag=0.0, confusion=None, errors=(None, None)):
    moments = [
        block_moments(np.ones(K), BLOCK_OF, *arrays, f, error)
        for f, error in zip((c, w), errors, strict=True)
    ]
    return sign_errors(*moments, omega, np.array(expert_of), drag, confusion)


@pytest.mark.parametrize("name", EXPERTS)
@pytest.mark.parametrize("decades", [1, 40])
def test_the_definition_whatever_the_sizes(name, decades):
    rng = np.random.default_rng(decades)
    for _ in range(4):
        *arrays, c, w = 10.0 ** (decades * rng.uniform(-1.0, 1.0, (7, D)))
        c, w = (arrays[-1] / (1.0 + f) * rng.choice([-1.0, 1.0], D) for f in (c, w))
        given = arrays, c, w, 10.0 ** rng.uniform(-decades, decades), EXPERTS[name]
        for drag, confusion in ((0.0, None), (DRAG, CONFUSION)):
            expected = plain(*given, drag, np.eye(K) if confusion is None else confusion)
            found = computed(*given, drag, confusion)
            np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("name", EXPERTS)
def test_rare_errors_keep_their_digits(name):
    rng = np.random.default_rng(3)
    lam, nu, b = rng.uniform(0.5, 2.0, (3, D))
    n, kappa, off, beside = 1e-15 * rng.uniform(0.5, 2.0, (4, D))
    arrays, expert_of = (lam, nu, n, kappa, b), EXPERTS[name]
    with mpmath.workdps(60):  # floats near b have fewer digits of b - f
        exact = [
            [b * (1 - mpmath.mpf(x)) for b, x in zip(b, z, strict=True)] for z in (off, beside)
        ]
    expected = plain(arrays, *exact, 0.0, expert_of, DRAG, np.eye(K))
    fits, errors = (b * (1.0 - off), b * (1.0 - beside)), (b * off, b * beside)
    found = computed(arrays, *fits, 0.0, expert_of, errors=errors)
    assert np.all(found < 1e-7)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_the_quadrants_of_a_normal_pair():
    arrays = lam, _, n, _, b = np.array([[1.5], [0.0], [0.7], [0.0], [-2.0]])
    for f in (-0.3, 4.0):
        found = sign_errors(
            *[block_moments(np.ones(1), np.zeros(1, dtype=int), *arrays, [f])] * 2,
            0.4,
            np.array([0]),
        )
        covariance = np.array([[lam * b * b + 0.4, lam * b * f], [lam * b * f, (lam + n) * f * f]])
        law = stats.multivariate_normal(cov=covariance[..., 0])
        # a positive label with a negative prediction, and the other way round
        upper, lower = law.cdf([np.inf, 0.0]), law.cdf([0.0, 0.0])
        np.testing.assert_allclose(found, 2.0 * (upper - lower), rtol=1e-6)


def test_predictions_and_labels_that_do_not_vary():
    ones, zeros = np.ones(D), np.zeros(D)
    only_first = np.where(BLOCK_OF == 0, 1.0, 0.0)
    strict = ones, zeros, ones, zeros, only_first  # the labels of the other groups are zero
    found = computed(strict, ones, zeros, 0.0, EXPERTS["one each"])
    np.testing.assert_allclose(found, [0.25, np.nan, np.nan], rtol=1e-14)
    assert computed(strict, zeros, zeros, 0.0, EXPERTS["dense"])[0] == 0.5
    with_noise = computed(strict, ones, zeros, 1e-80, EXPERTS["one each"])
    np.testing.assert_allclose(with_noise, [0.25, 0.5, 0.5], rtol=1e-14)
    exact = computed((ones, zeros, zeros, zeros, ones), ones, zeros, 0.0, EXPERTS["one each"])
    np.testing.assert_array_equal(exact, 0.0)
    wrong = computed((ones, zeros, zeros, zeros, ones), -ones, zeros, 0.0, EXPERTS["one each"])
    np.testing.assert_array_equal(wrong, 1.0)

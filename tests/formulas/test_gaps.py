"""Gaps, and differences between two ridges: full matrices, 120 digits, lost factors."""

import numpy as np
import pytest
from mpmath import mp

from moetheory.formulas import gaps

SIZES = (2, 4, 3)
RIDGE, OTHER = 0.7, 0.2


def world(seed, *, leaks=True, noise=None):
    """The arguments p, block of, λ, ν, b, σ² of a generic model, its blocks interleaved."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet([3.0] * len(SIZES))
    block_of = rng.permutation(np.repeat(range(len(SIZES)), SIZES))
    signal = np.exp(rng.standard_normal(9))
    leakage = leaks * 0.3 * signal * rng.random(9) * (np.arange(9) > 0)
    drawn = np.exp(rng.standard_normal())
    return p, block_of, signal, leakage, rng.standard_normal(9), noise or drawn


class Matrices:
    """Optimal predictors of full covariance matrices, blocks rotated, by linear solves."""

    def __init__(self, p, block_of, signal, leakage, b, noise, ridge=0.0):
        rng, blocks = np.random.default_rng(0), range(len(p))
        self.p, self.own = p, [np.flatnonzero(block_of == g) for g in blocks]
        basis = np.zeros((len(b), len(b)))
        for own in self.own:
            basis[np.ix_(own, own)] = np.linalg.qr(rng.standard_normal((len(own),) * 2))[0]
        variances = [np.where(block_of == g, signal, leakage) for g in blocks]
        self.clean = [basis @ np.diag(each) @ basis.T for each in variances]
        self.beta, self.noise, penalty = basis @ b, noise, (noise + ridge) * np.eye(len(b))
        mixture = sum(q * each for q, each in zip(p, self.clean, strict=True))
        self.dense = [np.linalg.solve(mixture + penalty, mixture @ self.beta)] * len(p)
        self.experts = np.zeros((len(p), len(b)))
        for fit, own, clean in zip(self.experts, self.own, self.clean, strict=True):
            seen = (clean + penalty)[np.ix_(own, own)]
            fit[own] = np.linalg.solve(seen, clean[own] @ self.beta)

    def risk(self, fits, noise=None):
        noise, total = self.noise if noise is None else noise, 0.0
        for q, clean, fit in zip(self.p, self.clean, fits, strict=True):
            error = self.beta - fit
            total += q * (error @ clean @ error + noise * fit @ fit)
        return total

    def noise_gain(self, fits):
        return sum(q * fit @ fit for q, fit in zip(self.p, fits, strict=True))


def without_noise(*arguments):
    *rest, ridge, other = arguments
    dense, experts = Matrices(*rest, ridge), Matrices(*rest, other)
    return dense.risk(dense.dense, noise=0.0) - experts.risk(experts.experts, noise=0.0)


def noise_gains(*arguments):
    *rest, ridge, other = arguments
    dense, experts = Matrices(*rest, ridge), Matrices(*rest, other)
    return dense.noise_gain(dense.dense) - experts.noise_gain(experts.experts)


def of_ridges(what, kind):
    def difference(*arguments):
        *rest, ridge, other = arguments
        values = (
            getattr(m, what)(getattr(m, kind))
            for m in (Matrices(*rest, ridge), Matrices(*rest, other))
        )
        one, another = values
        return one - another

    return difference


# name: arguments beyond those of `population.gap`, and the difference of risks by matrices
CASES = {
    "gap_without_test_noise": ((RIDGE, OTHER), without_noise),
    "gap_of_noise_gains": ((RIDGE, OTHER), noise_gains),
    "dense_ridge_excess": ((RIDGE, OTHER), of_ridges("risk", "dense")),
    "expert_ridge_excess": ((RIDGE, OTHER), of_ridges("risk", "experts")),
    "dense_noise_gain_difference": ((RIDGE, OTHER), of_ridges("noise_gain", "dense")),
    "expert_noise_gain_difference": ((RIDGE, OTHER), of_ridges("noise_gain", "experts")),
}


def textbook(name, p, block_of, signal, leakage, b, noise, ridge=0.0, other=0.0, lost=1):
    """The difference as the docstring subtracts it, summed over groups and coordinates.

    Numbers may be floats or have 120 digits. ``lost=2`` doubles one part: the control.
    """
    total = 0 * p[0]
    for m, g in enumerate(block_of):
        q, v, leak = p[g], signal[m], leakage[m]
        h = q * v + (1 - q) * leak
        fit, theta = b[m] * h / (h + noise + ridge), b[m] * v / (v + noise + ridge)
        fit0, theta0 = b[m] * h / (h + noise + other), b[m] * v / (v + noise + other)

        def dense_risk(fit, h=h, m=m):
            return h * (b[m] - fit) ** 2 + noise * fit**2

        def expert_risk(theta, q=q, v=v, m=m):
            return q * (v * (b[m] - theta) ** 2 + noise * theta**2)

        match name:
            case "gap_without_test_noise":
                experts = q * v * (b[m] - theta0) ** 2 + (1 - q) * leak * b[m] ** 2
                total += h * (b[m] - fit) ** 2 / lost - lost * experts
            case "gap_of_noise_gains":
                total += fit**2 / lost - lost * q * theta0**2
            case "dense_ridge_excess":
                total += lost * dense_risk(fit) - dense_risk(fit0)
            case "expert_ridge_excess":
                total += lost * expert_risk(theta) - expert_risk(theta0)
            case "dense_noise_gain_difference":
                total += lost * fit**2 - fit0**2
            case "expert_noise_gain_difference":
                total += q * (lost * theta**2 - theta0**2)
    return total


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("leaks", [True, False])
@pytest.mark.parametrize("seed", range(4))
def test_differences_of_risks_by_full_matrices(name, leaks, seed):
    more, difference = CASES[name]
    arguments = *world(seed, leaks=leaks), *more
    expected = pytest.approx(difference(*arguments), rel=1e-10)
    assert float(getattr(gaps, name)(*arguments)) == expected
    assert textbook(name, *arguments) == expected
    assert textbook(name, *arguments, lost=2) != expected


RIDGES = [(1e-9, 1.000001e-9), (1e9, 1e9 + 1.0), (1e-9, 1e9)]
EXTREMES = [(name, ridges) for name in CASES for ridges in RIDGES]
EXTREMES += [(name, (0.0, 0.0)) for name in CASES if name.startswith("gap")]


@pytest.mark.parametrize(("name", "more"), EXTREMES)
@pytest.mark.parametrize("leaks", [True, False])
@pytest.mark.parametrize("noise", [1e-12, 1e-4, 1e4, 1e12])
def test_differences_that_cancel_have_the_digits_of_120(name, more, leaks, noise):
    p, block_of, *arrays = world(5, leaks=leaks, noise=noise)
    found = float(getattr(gaps, name)(p, block_of, *arrays, *more))
    with mp.workdps(120):
        exact = [[mp.mpf(x) for x in each] for each in (p, *arrays[:3])]
        numbers = [mp.mpf(x) for x in (noise, *more)]
        expected, wrong = (
            float(textbook(name, exact[0], block_of, *exact[1:], *numbers, lost=lost))
            for lost in (1, 2)
        )
    assert found == pytest.approx(expected, rel=1e-12, abs=0.0)
    assert found != pytest.approx(wrong, rel=1e-12, abs=0.0)


@pytest.mark.parametrize("name", CASES)
def test_every_argument_broadcasts_over_leading_axes(name):
    """Two priors, three variances, four noises: (2, 3, 4) results of one call."""
    (p, block_of, signal, leakage, b, noise), (*more, _) = world(6), (*CASES[name][0], None)
    priors = np.stack([p, p[::-1]])
    scales, noises = np.array([0.5, 1.0, 3.0]), noise * np.array([0.1, 1.0, 4.0, 1e3])
    found = getattr(gaps, name)(
        priors.reshape(2, 1, 1, 3),
        block_of,
        signal * scales.reshape(3, 1, 1),
        leakage,
        b,
        noises.reshape(4, 1),
        *more,
    )
    assert found.shape == (2, 3, 4)
    for i, j, k in np.ndindex(found.shape):
        alone = getattr(gaps, name)(
            priors[i], block_of, scales[j] * signal, leakage, b, noises[k], *more
        )
        assert found[i, j, k] == pytest.approx(float(alone), rel=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_ridges_broadcast_too(name):
    arguments, ridges = world(7), np.array([0.0, 0.4])
    others = np.array([0.5, 1.0, 2.0])
    found = getattr(gaps, name)(*arguments, ridges.reshape(2, 1, 1), others.reshape(3, 1))
    assert found.shape == (2, 3)
    for i, j in np.ndindex(found.shape):
        alone = getattr(gaps, name)(*arguments, ridges[i], others[j])
        assert found[i, j] == pytest.approx(float(alone), rel=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_coordinates_that_never_vary_add_nothing(name):
    p, block_of, signal, _, b, _ = world(8, leaks=False)
    more = CASES[name][0]
    still = np.where(np.arange(9) == 3, 0.0, signal)
    without = np.delete(np.arange(9), 3)
    one = getattr(gaps, name)(p, block_of, still, 0.0, b, 0.0, *more)
    other = getattr(gaps, name)(p, block_of[without], signal[without], 0.0, b[without], 0.0, *more)
    assert np.isfinite(one)
    assert float(one) == pytest.approx(float(other), rel=1e-12, abs=1e-300)

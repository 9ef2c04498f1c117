"""Gaps, and differences between two ridges: full matrices, 120 digits, lost factors."""

import numpy as np
import pytest
from mpmath import mp

from general_noise import NOISES, world
from moetheory.formulas import gaps

RIDGE, OTHER = 0.7, 0.2
UNITS = np.array([0.3, 2.0, 1.1, 0.0, 5.0, 0.8, 1.7, 0.1, 3.0])


class Matrices:
    """Optimal predictors of full covariance matrices, blocks rotated, by linear solves."""

    def __init__(self, p, block_of, signal, leakage, b, noise, interference, ridge=0.0, units=1.0):
        rng, blocks = np.random.default_rng(0), range(len(p))
        self.p, self.own = p, [np.flatnonzero(block_of == g) for g in blocks]
        basis = np.zeros((len(b), len(b)))
        for own in self.own:
            basis[np.ix_(own, own)] = np.linalg.qr(rng.standard_normal((len(own),) * 2))[0]

        def turned(variances):
            return basis @ np.diag(np.broadcast_to(variances, len(b))) @ basis.T

        self.clean = [turned(np.where(block_of == g, signal, leakage)) for g in blocks]
        self.added = [turned(np.where(block_of == g, 0.0, interference)) for g in blocks]
        self.noise, self.units = turned(noise), turned(units)
        self.beta, penalty = basis @ b, ridge * np.eye(len(b))
        noisy = [c + self.noise + k for c, k in zip(self.clean, self.added, strict=True)]
        mixture = sum(q * each for q, each in zip(p, self.clean, strict=True))
        seen = sum(q * each for q, each in zip(p, noisy, strict=True)) + penalty
        self.dense = [np.linalg.solve(seen, mixture @ self.beta)] * len(p)
        self.experts = np.zeros((len(p), len(b)))
        for g, own in enumerate(self.own):
            seen = (noisy[g] + penalty)[np.ix_(own, own)]
            self.experts[g, own] = np.linalg.solve(seen, self.clean[g][own] @ self.beta)

    def risk(self, fits, scale=1.0):
        """The risk where the noise, interference left as it is, is ``scale`` times that seen."""
        total = 0.0
        for q, clean, added, fit in zip(self.p, self.clean, self.added, fits, strict=True):
            error = self.beta - fit
            total += q * (error @ clean @ error + fit @ (scale * self.noise + added) @ fit)
        return total

    def noise_gain(self, fits):
        return sum(q * fit @ self.units @ fit for q, fit in zip(self.p, fits, strict=True))


def pair(arguments):
    """Two worlds, with the first ridge and with the second."""
    *rest, ridge, other = arguments[:9]
    return [Matrices(*rest, each, *arguments[9:]) for each in (ridge, other)]


def without_noise(*arguments):
    dense, experts = pair(arguments)
    return dense.risk(dense.dense, scale=0.0) - experts.risk(experts.experts, scale=0.0)


def noise_gains(*arguments):
    dense, experts = pair(arguments)
    return dense.noise_gain(dense.dense) - experts.noise_gain(experts.experts)


def of_ridges(what, kind):
    def difference(*arguments):
        one, another = (getattr(m, what)(getattr(m, kind)) for m in pair(arguments))
        return one - another

    return difference


# name: arguments beyond those of `population.gap`, and the difference of risks by matrices
CASES = {
    "gap_without_test_noise": ((RIDGE, OTHER), without_noise),
    "gap_of_noise_gains": ((RIDGE, OTHER, UNITS), noise_gains),
    "dense_ridge_excess": ((RIDGE, OTHER), of_ridges("risk", "dense")),
    "expert_ridge_excess": ((RIDGE, OTHER), of_ridges("risk", "experts")),
    "dense_noise_gain_difference": ((RIDGE, OTHER, UNITS), of_ridges("noise_gain", "dense")),
    "expert_noise_gain_difference": ((RIDGE, OTHER, UNITS), of_ridges("noise_gain", "experts")),
}


def textbook(name, *arguments, lost=1):
    """The difference as the docstring subtracts it, summed over groups and coordinates.

    Numbers may be floats or have 120 digits. ``lost=2`` doubles one part: the control.
    """
    p, block_of, signal, leakage, b, noise, interference, ridge, other, *units = arguments
    noise, interference, units = (
        each if np.ndim(each) else [each] * len(b)
        for each in (noise, interference, *(units or [1]))
    )
    total = 0 * p[0]
    for m, g in enumerate(block_of):
        q, v, leak, n, kappa = p[g], signal[m], leakage[m], noise[m], interference[m]
        h, mean, unit = q * v + (1 - q) * leak, n + (1 - q) * kappa, units[m]
        fit, theta = b[m] * h / (h + mean + ridge), b[m] * v / (v + n + ridge)
        fit0, theta0 = b[m] * h / (h + mean + other), b[m] * v / (v + n + other)

        def dense_risk(fit, noise, h=h, m=m):
            return h * (b[m] - fit) ** 2 + noise * fit**2

        def expert_risk(theta, q=q, v=v, n=n, m=m):
            return q * (v * (b[m] - theta) ** 2 + n * theta**2)

        match name:
            case "gap_without_test_noise":
                experts = q * v * (b[m] - theta0) ** 2 + (1 - q) * leak * b[m] ** 2
                total += dense_risk(fit, (1 - q) * kappa) / lost - lost * experts
            case "gap_of_noise_gains":
                total += unit * (fit**2 / lost - lost * q * theta0**2)
            case "dense_ridge_excess":
                total += lost * dense_risk(fit, mean) - dense_risk(fit0, mean)
            case "expert_ridge_excess":
                total += lost * expert_risk(theta) - expert_risk(theta0)
            case "dense_noise_gain_difference":
                total += unit * (lost * fit**2 - fit0**2)
            case "expert_noise_gain_difference":
                total += unit * q * (lost * theta**2 - theta0**2)
    return total


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("leaks", [True, False])
@pytest.mark.parametrize("noises", NOISES)
@pytest.mark.parametrize("seed", range(4))
def test_differences_of_risks_by_full_matrices(name, leaks, noises, seed):
    more, difference = CASES[name]
    arguments = *world(seed, leaks=leaks, noises=noises), *more
    expected = pytest.approx(difference(*arguments), rel=1e-10)
    assert float(getattr(gaps, name)(*arguments)) == expected
    assert textbook(name, *arguments) == expected
    assert textbook(name, *arguments, lost=2) != expected


RIDGES = [(1e-9, 1.000001e-9), (1e9, 1e9 + 1.0), (1e-9, 1e9)]
EXTREMES = [(name, ridges) for name in CASES for ridges in RIDGES]
EXTREMES += [(name, (0.0, 0.0)) for name in CASES if name.startswith("gap")]


@pytest.mark.parametrize(("name", "more"), EXTREMES)
@pytest.mark.parametrize("leaks", [True, False])
@pytest.mark.parametrize("noises", NOISES)
def test_differences_that_cancel_have_the_digits_of_120(name, more, leaks, noises):
    more = *more, *CASES[name][0][2:]
    for noise in (1e-12, 1e-4, 1e4, 1e12):
        p, block_of, *arrays = world(5, leaks=leaks, noise=noise, noises=noises)
        found = float(getattr(gaps, name)(p, block_of, *arrays, *more))
        with mp.workdps(120):
            exact, *numbers = (
                [mp.mpf(x) for x in each] if np.ndim(each) else mp.mpf(each)
                for each in (p, *arrays, *more)
            )
            expected, wrong = (
                float(textbook(name, exact, block_of, *numbers, lost=lost)) for lost in (1, 2)
            )
        assert found == pytest.approx(expected, rel=1e-12, abs=0.0)
        assert found != pytest.approx(wrong, rel=1e-12, abs=0.0)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("noises", NOISES)
def test_every_argument_broadcasts_over_leading_axes(name, noises):
    """Two priors, three variances, four noises: (2, 3, 4) results of one call."""
    (p, block_of, signal, leakage, b, noise, added), more = world(6, noises=noises), CASES[name][0]
    priors = np.stack([p, p[::-1]])
    scales, levels = np.array([0.5, 1.0, 3.0]), np.array([0.1, 1.0, 4.0, 1e3])
    found = getattr(gaps, name)(
        priors.reshape(2, 1, 1, 3),
        block_of,
        signal * scales.reshape(3, 1, 1),
        leakage,
        b,
        noise * levels.reshape(4, 1),
        added * scales.reshape(3, 1, 1),
        *more,
    )
    assert found.shape == (2, 3, 4)
    for i, j, k in np.ndindex(found.shape):
        arrays = scales[j] * signal, leakage, b, levels[k] * noise, scales[j] * added
        alone = getattr(gaps, name)(priors[i], block_of, *arrays, *more)
        assert found[i, j, k] == pytest.approx(float(alone), rel=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_ridges_and_units_broadcast_too(name):
    arguments, ridges = world(7, noises="interference"), np.array([0.0, 0.4])
    others, units = np.array([0.5, 1.0, 2.0]), np.multiply.outer([1.0, 2.0, 9.0], UNITS)
    more = [units] * (len(CASES[name][0]) - 2)
    found = getattr(gaps, name)(*arguments, ridges.reshape(2, 1, 1), others.reshape(3, 1), *more)
    assert found.shape == (2, 3)
    for i, j in np.ndindex(found.shape):
        alone = getattr(gaps, name)(*arguments, ridges[i], others[j], *(each[j] for each in more))
        assert found[i, j] == pytest.approx(float(alone), rel=1e-12)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("noises", NOISES)
def test_coordinates_that_never_vary_add_nothing(name, noises):
    p, block_of, signal, _, b, noise, interference = world(8, leaks=False, noises=noises)
    changes = np.where(np.arange(9) == 3, 0.0, 1.0)
    if noises == "one":
        noise = 0.0
    arrays = signal, 0.0, b, noise, interference
    still = signal * changes, 0.0, b, noise * changes, interference * changes
    with_units = *arrays, *CASES[name][0]

    def without(values):
        return np.delete(values, 3) if np.ndim(values) else values

    one = getattr(gaps, name)(p, block_of, *still, *CASES[name][0])
    other = getattr(gaps, name)(p, without(block_of), *map(without, with_units))
    assert np.isfinite(one)
    assert float(one) == pytest.approx(float(other), rel=1e-12, abs=1e-300)

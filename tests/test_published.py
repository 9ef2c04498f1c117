"""Numbers that others have published come out of the package, at the digits printed.

docs/published.md names the sources.
"""

import math
from fractions import Fraction

import numpy as np
import pytest

import moetheory as mt

SAMPLES, FEATURES, LABEL_NOISE = 40, 100, Fraction(1, 25)  # of Belkin, Hsu and Xu


def half_unit(printed: str) -> float:
    """Half a unit of the last digit."""
    return 0.5 * 10.0 ** -len(printed.partition(".")[2])


def shows(value: float, printed: str) -> bool:
    """Whether the value, rounded to as many digits, is what is printed."""
    return f"{value:.{len(printed.partition('.')[2])}f}" == printed


def test_a_number_shows_what_it_rounds_to():
    assert shows(0.05424, "0.0542")
    assert not shows(0.05426, "0.0542")
    assert half_unit("19.00") == 0.005


# --- weighted sums of chi-squares: R. W. Farebrother 1984 ---------------------------------------


def sum_below(x, weights):
    """The probability that Σ w χ²_1 is below x, as a routing error.

    The block of the second group never varies, so the gate compares the evidence of the first
    block, Σ w χ²_1 / 2 given its group, with a threshold that the probabilities set.
    """
    evidence = np.append(np.asarray(weights, dtype=np.float64), 0.0)
    odds = math.exp(0.5 * (x - np.log1p(evidence).sum()))
    model = mt.BlockModel(
        [1.0 / (1.0 + odds), odds / (1.0 + odds)],
        [0] * len(weights) + [1],
        signal_variances=evidence,
        coefficients=np.ones(len(evidence)),
        noise_variance=1.0,
    )
    return mt.routing_matrix(mt.Hard(), model).matrix[0, 1]


@pytest.mark.parametrize(("x", "printed"), [(1, "0.0542"), (7, "0.4936"), (20, "0.8760")])
def test_weighted_sums_of_chi_squares(x, printed):
    assert shows(sum_below(x, [6, 3, 1]), printed)
    assert not shows(sum_below(x, [6, 3, 1, 1]), printed)  # a degree of freedom too many


# --- F tables: Merrington and Thompson 1943, and every textbook since --------------------------

F_POINTS = [  # level, degrees of freedom above and below, upper point
    (0.05, 2, 2, "19.00"),
    (0.05, 4, 4, "6.39"),
    (0.05, 6, 6, "4.28"),
    (0.05, 10, 10, "2.98"),
    (0.05, 20, 20, "2.12"),
    (0.05, 60, 60, "1.53"),
    (0.05, 120, 120, "1.35"),
    (0.01, 2, 2, "99.00"),
    (0.01, 4, 4, "15.98"),
    (0.01, 10, 10, "4.85"),
    (0.01, 20, 20, "2.94"),
    (0.05, 4, 10, "3.48"),
    (0.05, 10, 4, "5.96"),
    (0.05, 10, 5, "4.74"),
    (0.01, 4, 10, "5.99"),
]


def routing_of_energies(ratio, above, below):
    """The routing of two isotropic groups, such that the first has its error at F = ratio.

    Its probability of error is that F of (above, below) degrees of freedom exceeds the ratio: the
    probabilities of the groups make up for the normalisation, and the gate compares energies.
    """
    growth = ratio * above / below  # of an active block's energy, by its signal
    odds = growth ** (0.5 * (above - below))
    model = mt.BlockModel(
        [1.0 / (1.0 + odds), odds / (1.0 + odds)],
        [0] * below + [1] * above,
        signal_variances=np.full(below + above, growth - 1.0),
        coefficients=np.ones(below + above),
        noise_variance=1.0,
    )
    return mt.routing_matrix(mt.Hard(), model)


@pytest.mark.parametrize(("level", "above", "below", "printed"), F_POINTS)
def test_upper_points_of_f(level, above, below, printed):
    point, half = float(printed), half_unit(printed)
    ends = [routing_of_energies(point + end, above, below) for end in (-half, half)]
    assert ends[0].matrix[0, 1] >= level >= ends[1].matrix[0, 1]
    if above == below:
        assert ends[0].misrouting >= level >= ends[1].misrouting
    more = [dof + math.ceil(dof / 10) for dof in (above, below)]  # a tenth, or one
    wrong = [routing_of_energies(point + end, *more) for end in (-half, half)]
    assert not wrong[0].matrix[0, 1] >= level >= wrong[1].matrix[0, 1]


# --- Hotelling's T²: A. C. Rencher 2002, table A.7 ---------------------------------------------


def t_squared(coordinates, samples):
    """The upper 5 % point of T², as n times the relative excess of a fitted expert, twice."""
    model = mt.BlockModel.isotropic(coordinates, 1, noise_variance=1.0, signal_energy=1.0)
    law = mt.risk_distribution(mt.MoE(), model, samples)
    bound = mt.high_probability_bound(model, samples, delta=0.05)
    return [samples * (risk / law.lower - 1.0) for risk in (law.quantile(0.95), bound.value)]


@pytest.mark.parametrize(
    ("coordinates", "samples", "printed"),
    [
        (1, 10, "4.965"),
        (2, 5, "17.361"),
        (2, 10, "9.459"),
        (3, 5, "46.383"),
        (3, 9, "16.766"),
        (4, 10, "23.545"),
    ],
)
def test_upper_points_of_t_squared(coordinates, samples, printed):
    assert all(shows(value, printed) for value in t_squared(coordinates, samples))
    assert not any(shows(value, printed) for value in t_squared(coordinates, samples + 1))


# --- double descent: Belkin, Hsu and Xu 2020, corollary 1 ---------------------------------------


def weak_features(used):
    """The first features are the block of the only group; the others leak into its labels."""
    unused = FEATURES - used
    return mt.BlockModel(
        [1.0, 0.0] if unused else [1.0],
        [0] * used + [1] * unused,
        signal_variances=np.ones(FEATURES),
        coefficients=np.full(FEATURES, FEATURES**-0.5),
        noise_variance=0.0,
        leakage_variances=[0.0] * used + [1.0] * unused,
        label_noise_variance=float(LABEL_NOISE),
    )


def corollary(used):
    """The risk as the paper states it, in fractions."""
    p, n = used, SAMPLES
    left_out = 1 - Fraction(p, FEATURES) + LABEL_NOISE
    if p < n:
        return left_out * (1 + Fraction(p, n - p - 1))
    bias = 1 - Fraction(n, FEATURES) * (2 - Fraction(FEATURES - n - 1, p - n - 1))
    return bias + LABEL_NOISE * (1 + Fraction(n, p - n - 1))


@pytest.mark.parametrize(
    ("used", "printed"),
    [(20, "1.7242"), (38, "25.74"), (42, "25.44"), (60, "1.5663"), (100, "0.6671")],
)
def test_double_descent_of_weak_features(used, printed):
    model = weak_features(used)
    risk = mt.risk(mt.MoE(), model, samples=[SAMPLES, 0][: model.experts])
    assert risk.exactness == "exact"
    assert risk.value == pytest.approx(float(corollary(used)), rel=1e-12, abs=0.0)
    assert shows(risk.value, printed)
    wrong = mt.risk(mt.MoE(), model, samples=[SAMPLES + 1, 0][: model.experts])
    assert not shows(wrong.value, printed)
    if model.experts == 1:
        assert mt.risk(mt.Dense(), model, samples=SAMPLES).value == risk.value


@pytest.mark.parametrize("used", [39, 40, 41])
def test_the_peak_of_weak_features_is_infinite(used):
    assert mt.risk(mt.MoE(), weak_features(used), samples=[SAMPLES, 0]).value == math.inf


# --- isotropic limits without ridge: Hastie, Montanari, Rosset and Tibshirani 2022 --------------


def ridgeless(ratio, signal, samples, groups):
    """The excess risk of dense; groups that look the same are one, by another route."""
    dim = round(ratio * samples)
    model = mt.BlockModel(
        np.full(groups, 1.0 / groups),
        np.arange(dim) % groups,
        signal_variances=np.ones(dim),
        coefficients=np.full(dim, math.sqrt(signal / dim)),
        noise_variance=0.0,
        leakage_variances=1.0 if groups > 1 else 0.0,
        label_noise_variance=1.0,
    )
    return mt.risk(mt.Dense(), model, samples=samples)


@pytest.mark.parametrize(("groups", "exactness"), [(1, "exact"), (2, "asymptotic")])
@pytest.mark.parametrize(
    ("ratio", "signal", "limit"), [(0.5, 5, 1.0), (0.9, 5, 9.0), (2, 5, 3.5), (5, 5, 4.25)]
)
def test_isotropic_limits_without_ridge(ratio, signal, limit, groups, exactness):
    samples = 4000
    once, twice = (ridgeless(ratio, signal, n, groups) for n in (samples, 2 * samples))
    assert once.exactness == twice.exactness == exactness
    # the exact risk is a constant and a multiple of 1/(1 - u), u = 1/(n |1 - γ|)
    step = 1.0 / (samples * abs(1.0 - ratio))
    assert abs(2.0 * twice.excess - once.excess - limit) <= step**2 * limit
    wrong = [ridgeless(1.001 * ratio, signal, n, groups).excess for n in (samples, 2 * samples)]
    assert abs(2.0 * wrong[1] - wrong[0] - limit) > step**2 * limit


# --- errors in variables: W. A. Fuller 1987, corn ----------------------------------------------

CORN = {"nitrogen": 304.8545, "both": 104.8818, "error": 57.0}  # moments; error of measurement


def slopes(error):
    """The true slope and that of least squares, if nitrogen is measured with this error."""
    signal = CORN["nitrogen"] - error
    model = mt.BlockModel([1.0], [0], [signal], [CORN["both"] / signal], error)
    return model.coefficients[0], mt.optimal_coefficients(mt.Dense(), model)[0]


def test_errors_in_variables_shrink_the_slope():
    corrected, naive = slopes(CORN["error"])
    assert shows(corrected, "0.4232")
    assert shows(naive, "0.3440")
    assert not shows(slopes(CORN["error"] + 1.0)[0], "0.4232")
    signal = CORN["nitrogen"]  # a wrong model: the error in addition to all that is observed
    wrong = mt.BlockModel([1.0], [0], [signal], [corrected], CORN["error"])
    assert not shows(mt.optimal_coefficients(mt.Dense(), wrong)[0], "0.3440")


# --- signs of two normal variables: W. F. Sheppard 1899 -----------------------------------------


@pytest.mark.parametrize(("correlation", "opposite"), [(0.5, 1 / 3), (math.sqrt(0.75), 1 / 6)])
def test_opposite_signs(correlation, opposite):
    noise = correlation**-2 - 1.0  # so that signal and observation have this correlation
    model = mt.BlockModel([1.0], [0], [1.0], [1.0], noise)
    value = mt.misclassification(mt.Dense(), model).value
    assert value == pytest.approx(opposite, rel=1e-12, abs=0.0)
    deviation = model.replace(noise_variance=math.sqrt(noise))  # taken for a variance
    assert mt.misclassification(mt.Dense(), deviation).value != pytest.approx(opposite, rel=0.01)

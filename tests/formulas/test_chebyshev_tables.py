"""Tables of polynomials: against the functions, with errors that are not smaller than stated."""

import numpy as np
import pytest
from scipy import special

from moetheory.formulas import chebyshev_tables
from moetheory.formulas.chebyshev_tables import tabulated

SHAPES = np.array([2.5, 40.0, 300.0])
NARROW = np.array([1.0, 5.0, 20.0])


def log_gamma_laws(v, which):
    """Logarithms of densities of gamma variables at e^v, and of normal tails that begin at 3."""
    a = SHAPES[which]
    density = a * v - np.exp(v) - special.gammaln(a)
    return np.stack([density, special.log_ndtr(NARROW[which] * (3.0 - v))]), np.zeros(len(v))


def table(functions, **changes):
    options = {"longest": 3.0, "tolerance": 1e-13, "least": -1000.0} | changes
    return tabulated(functions, len(SHAPES), -1.0, 7.0, **options)


def test_values_are_those_of_the_functions_within_the_error():
    v = np.linspace(-1.0, 7.0, 999)
    found = table(log_gamma_laws)
    assert 0.0 < found.error < 1e-11
    wanted = np.stack([log_gamma_laws(v, np.full(len(v), f))[0] for f in range(3)], axis=1)
    matters = wanted[:1] > -1000.0
    assert np.max(np.abs(found(v) - wanted) * matters) <= 10.0 * found.error
    # nodes that are few, or beside the panels of one function alone
    for few in (v[:1], v[[0, -1]], v[400:403]):
        np.testing.assert_allclose(found(few), found(v)[:, :, np.isin(v, few)], atol=1e-11)


def test_panels_are_short_where_a_function_is_narrow():
    found = table(log_gamma_laws)
    panels = np.diff(found.starts)
    assert panels[2] > panels[0]
    assert np.all(found.rights > found.lefts)
    for f in range(3):
        own = slice(found.starts[f], found.starts[f + 1])
        assert found.lefts[own][0] == -1.0
        assert found.rights[own][-1] == 7.0
        assert np.array_equal(found.lefts[own][1:], found.rights[own][:-1])


def test_noise_of_the_values_ends_the_halving_and_is_in_the_error():
    rng = np.random.default_rng(2)
    asked = []

    def noisy(v, which):
        asked.append(len(v))
        values, _ = log_gamma_laws(v, which)
        return values + 1e-8 * rng.uniform(-1.0, 1.0, values.shape), np.full(len(v), 1e-8)

    found = table(noisy)
    assert 1e-8 <= found.error < 1e-6
    exact = sum(np.diff(table(log_gamma_laws).starts))
    assert sum(np.diff(found.starts)) <= exact


def test_what_is_below_the_least_is_not_resolved():
    fewer, all_ = (sum(np.diff(table(log_gamma_laws, least=x).starts)) for x in (-50.0, -1e9))
    assert fewer < all_


def test_a_kink_is_stated_not_hidden():
    def kink(v, which):
        return np.abs(v - 1.234)[np.newaxis] + which, np.zeros(len(v))

    found = table(kink)
    v = np.linspace(-1.0, 7.0, 4001)
    error = np.abs(found(v)[0, 2] - kink(v, 2)[0]).max()
    assert 1e-6 < error <= 30.0 * found.error


@pytest.mark.parametrize("degree", [0, 5, chebyshev_tables.POINTS - 4])
def test_polynomials_of_low_degree_are_exact(degree):
    found = table(lambda v, which: ((v / 7.0)[np.newaxis] ** degree + which, np.zeros(len(v))))
    v = np.linspace(-1.0, 7.0, 50)
    np.testing.assert_allclose(found(v)[0, 1], (v / 7.0) ** degree + 1.0, atol=1e-13)

"""Logarithms of far tails, against 50 digits."""

import numpy as np
import pytest
from mpmath import mp

from moetheory.formulas.far_tails import log_far_tail


def exact(y, s, nu):
    r"""The logarithm of I_x(a, b), x = 1/(1+e^y), by a series of positive terms."""
    with mp.workdps(50):
        y, a, b = mp.mpf(y), mp.mpf(nu) / 2, mp.mpf(s) / 2
        x, term, total, k = 1 / (1 + mp.exp(y)), mp.mpf(1), mp.mpf(1), 0
        while term > total * mp.mpf(10) ** -30:
            term *= (a + b + k) * x / (a + 1 + k)
            total, k = total + term, k + 1
        logs = a * mp.log(x) - b * mp.log1p(mp.exp(-y)) - mp.log(a * mp.beta(a, b))
        return logs + mp.log(total)


@pytest.mark.parametrize("s", [1, 2, 17, 150, 4001])
@pytest.mark.parametrize("nu", [1, 3, 64, 2000])
def test_logarithms_keep_their_digits_wherever_the_tail_is(s, nu):
    y = np.log(s / nu) + np.array([0.7, 2.0, 10.0, 300.0, 5000.0])
    wanted = [float(exact(each, s, nu)) for each in y]
    np.testing.assert_allclose(log_far_tail(y, s, nu), wanted, rtol=1e-13, atol=1e-11)


def test_large_degrees_broadcast():
    y = np.log(10.0) + np.array([0.05, 0.1])
    found = log_far_tail(y, 1e6, [[1e5], [1.000001e5]])
    assert found.shape == (2, 2)
    # as sharp as a root in y needs: a slope of 1e4 and more stands against this error
    wanted = [float(exact(each, 1e6, 1e5)) for each in y]
    np.testing.assert_allclose(found[0], wanted, atol=1e-9, rtol=0.0)

"""What company costs an expert's groups: the definition by parallel sums at 60 digits, the gap."""

import numpy as np
import pytest
from mpmath import mp

from general_noise import NOISES, world
from moetheory.formulas import population
from moetheory.formulas.assignment_costs import sharing_costs, sharing_terms

OTHERS = np.array([[0.3, 0.0, 0.2], [0.0, 0.0, 0.0], [1e-9, 0.7, 0.0]])


def costs(others, p, block_of, *arrays):
    return sharing_costs(np.asarray(others), block_of, sharing_terms(p[block_of], *arrays))


def defined(others, p, block_of, signal, leakage, b, noise, interference):
    """The sum of F(p + u) - F(p) by parallel sums, in 60 digits, and that of the sizes."""
    spread = (np.broadcast_to(each, len(b)) for each in (signal, leakage, b, noise, interference))
    total = size = mp.mpf(0)

    def served(used, p, signal, leakage, b, noise, interference):
        rest = used - p
        clean, noisy = p * signal + rest * leakage, used * noise + rest * interference
        parallel = clean * noisy / (clean + noisy) if clean + noisy else mp.mpf(0)
        return b**2 * (parallel + (1 - used) * leakage)

    for g, *values in zip(block_of, *spread, strict=True):
        values = [mp.mpf(float(each)) for each in (p[g], *values)]
        more = mp.mpf(float(others[g]))
        change = served(values[0] + more, *values) - served(values[0], *values)
        total, size = total + change, size + abs(change)
    return float(total), float(size)


@pytest.mark.parametrize("noises", NOISES)
@pytest.mark.parametrize("leaks", [False, True])
def test_costs_are_differences_of_parallel_sums(leaks, noises):
    arguments = world(3, leaks=leaks, noises=noises)
    found = costs(OTHERS, *arguments)
    with mp.workdps(60):
        for others, each in zip(OTHERS, found, strict=True):
            wanted, size = defined(others, *arguments)
            assert each == pytest.approx(wanted, rel=1e-13, abs=1e-14 * size)
            assert leaks or wanted == 0.0 or each == pytest.approx(wanted, rel=1e-13, abs=0.0)
    assert found[1] == 0.0


@pytest.mark.parametrize("noise", [1e-12, 1e12])
def test_tiny_costs_keep_their_digits(noise):
    arguments = world(4, leaks=False, noise=noise, noises="interference")
    with mp.workdps(60):
        wanted = defined(OTHERS[0], *arguments)[0]
    assert costs(OTHERS[0], *arguments) == pytest.approx(wanted, rel=1e-12, abs=0.0)


@pytest.mark.parametrize("noises", NOISES)
def test_one_expert_for_all_costs_the_gap(noises):
    arguments = world(5, noises=noises)
    assert costs(1.0 - arguments[0], *arguments) == pytest.approx(
        population.gap(*arguments), rel=1e-12
    )


def test_a_loss_of_a_factor_would_be_seen():
    arguments = world(6, leaks=False)
    doubled = (*arguments[:-2], 1.01 * arguments[-2], arguments[-1])
    wanted = population.gap(*arguments)
    assert costs(1.0 - arguments[0], *doubled) != pytest.approx(wanted, rel=1e-4)


def test_what_does_not_vary_costs_nothing():
    """No signal, no noise, no leakage, a group that is never drawn."""
    p, block_of, b = np.array([0.0, 0.4, 0.6]), np.array([0, 1, 1, 2, 2]), np.ones(5)
    signal, noise = np.array([1.0, 0.0, 1.0, 0.0, 2.0]), np.array([1.0, 0.0, 0.0, 1.0, 0.0])
    for leakage in (0.0, np.array([0.0, 0.0, 0.3, 0.0, 0.0])):
        found = costs([0.5, 0.5, 0.0], p, block_of, signal, leakage, b, noise, 0.0)
        with mp.workdps(60):
            arguments = p, block_of, signal, leakage, b, noise, 0.0
            assert found == pytest.approx(defined([0.5, 0.5, 0.0], *arguments)[0], abs=1e-15)

"""Slopes over the rate of misrouting: risks of whole models, 120 digits, lost factors."""

import numpy as np
import pytest
from mpmath import mp

import moetheory as mt
from general_noise import NOISES, world
from moetheory.formulas import misrouting_slopes

KINDS = {
    "gap_of_misrouting_slopes": (mt.Dense, mt.MoE),
    "dense_misrouting_slope_difference": (mt.Dense, mt.Dense),
    "expert_misrouting_slope_difference": (mt.MoE, mt.MoE),
}


def difference(name, arguments, ridge, other, drag):
    return float(getattr(misrouting_slopes, name)(*arguments, ridge, other, drag))


def exact(name, arguments, ridge, other, drag, lost=1):
    """The difference as it is subtracted, to 120 digits; ``lost=2`` doubles one part."""
    p, block_of, *arrays = arguments
    with mp.workdps(120):
        signal, leakage, b, noise, interference = (
            [mp.mpf(x) for x in np.broadcast_to(each, len(block_of))] for each in arrays
        )
        p = [mp.mpf(x) for x in p]
        p = [x / sum(p) for x in p]
        drag, others = mp.mpf(drag), len(p) - 1

        def slope(kind, penalty):
            total = mp.mpf(0)
            for m, g in enumerate(block_of):
                q, v, leak, n, idle = p[g], signal[m], leakage[m], noise[m], interference[m]
                h, mean = q * v + (1 - q) * leak, n + (1 - q) * idle
                wrong = (1 - q) / others
                if kind is mt.Dense:
                    fit = b[m] * h / (h + mean + mp.mpf(penalty))
                    total += wrong * drag**2 * v * fit**2
                else:
                    fit = b[m] * v / (v + n + mp.mpf(penalty))
                    total += q * (v * b[m] ** 2 - v * (b[m] - fit) ** 2 - n * fit**2)
                    total += wrong * (leak * (b[m] - fit) ** 2 - leak * b[m] ** 2)
                    total += wrong * (n + idle + drag**2 * v) * fit**2
            return total

        one, another = KINDS[name]
        return float(slope(one, ridge) / lost - lost * slope(another, other))


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("leaks", [True, False])
@pytest.mark.parametrize("noises", NOISES)
@pytest.mark.parametrize("seed", range(4))
def test_differences_are_those_of_risks_at_rates_0_and_1(name, leaks, noises, seed):
    arguments = world(seed, leaks=leaks, noises=noises)
    p, block_of, signal, leakage, b, noise, interference = arguments
    model = mt.BlockModel(
        p, block_of, signal, b, noise,
        leakage_variances=leakage, interference_variances=interference,
    )  # fmt: skip
    slopes = []
    for kind, ridge in zip(KINDS[name], (0.7, 0.2), strict=True):
        ends = (
            mt.Perturbation(confusion=mt.even_confusion(3, rate), drag=1.3) for rate in (0.0, 1.0)
        )
        start, end = (mt.risk(kind(ridge=ridge), model, under=under).value for under in ends)
        slopes.append(end - start)
    found = difference(name, arguments, 0.7, 0.2, 1.3)
    assert found == pytest.approx(slopes[0] - slopes[1], rel=1e-10)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("ridges", [(1e-9, 1.000001e-9), (1e9, 1e9 + 1.0), (1e-9, 1e9)])
@pytest.mark.parametrize("drag", [1.3, 1e6, 1e12])
@pytest.mark.parametrize("noises", ["one", *NOISES[2:]])
@pytest.mark.parametrize("leaks", [True, False])
def test_differences_that_cancel_have_the_digits_of_120(name, ridges, drag, noises, leaks):
    for noise in (1e-12, 1e-4, 1e4, 1e12):
        arguments = world(5, leaks=leaks, noise=noise, noises=noises)
        found = difference(name, arguments, *ridges, drag)
        assert found == pytest.approx(exact(name, arguments, *ridges, drag), rel=1e-12, abs=0.0)
        wrong = exact(name, arguments, *ridges, drag, lost=2)
        assert found != pytest.approx(wrong, rel=1e-12, abs=0.0)


@pytest.mark.parametrize("drag", [0.0, 1.0, 1e3, 1e6, 1e9, 1e12])
@pytest.mark.parametrize("noises", ["one", "interference"])
@pytest.mark.parametrize("ridges", [(0.0, 0.0), (1e-6, 1e-6), (3.0, 0.5)])
def test_dense_and_experts_in_strict_blocks_differ_by_positive_parts(drag, noises, ridges):
    """A ridge of dense that is no smaller; a group that is rare, and hence others that are not."""
    for noise in (1e-15, 1e-12, 1e-3, 1.0, 1e6, 1e15):
        p, *rest = world(9, leaks=False, noise=noise, noises=noises)
        p[0] *= 1e-9
        arguments = p / p.sum(), *rest
        name = "gap_of_misrouting_slopes"
        expected = exact(name, arguments, *ridges, drag)
        assert expected < 0.0
        found = difference(name, arguments, *ridges, drag)
        assert found == pytest.approx(expected, rel=1e-12, abs=0.0)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("noises", NOISES)
def test_every_argument_broadcasts_over_leading_axes(name, noises):
    """Two priors, three noises, five ridges and drags: (2, 3, 5) results of one call."""
    p, block_of, signal, leakage, b, noise, interference = world(6, noises=noises)
    priors, levels = np.stack([p, p[::-1]]), np.array([0.1, 1.0, 1e3])
    ridges, drags = np.array([0.0, 0.1, 0.5, 1.0, 2.0]), np.array([0.0, 0.3, 1.0, 2.0, 9.0])
    found = getattr(misrouting_slopes, name)(
        priors.reshape(2, 1, 1, 3),
        block_of,
        signal,
        leakage,
        b,
        noise * levels.reshape(3, 1, 1),
        interference * levels.reshape(3, 1, 1),
        ridges.reshape(5, 1),
        0.2,
        drags.reshape(5, 1),
    )
    assert found.shape == (2, 3, 5)
    for i, j, k in np.ndindex(found.shape):
        noisy = levels[j] * noise, levels[j] * interference
        alone = priors[i], block_of, signal, leakage, b, *noisy
        expected = difference(name, alone, ridges[k], 0.2, drags[k])
        assert found[i, j, k] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("noises", NOISES)
def test_coordinates_that_never_vary_add_nothing(name, noises):
    p, block_of, signal, _, b, noise, interference = world(8, leaks=False, noises=noises)
    changes = np.where(np.arange(9) == 3, 0.0, 1.0)
    if noises == "one":
        noise = 0.0
    still = p, block_of, signal * changes, 0.0, b, noise * changes, interference * changes
    reduced = [
        np.delete(each, 3) if np.ndim(each) else each
        for each in (block_of, signal, 0.0, b, noise, interference)
    ]
    for ridges in ((0.0, 0.3), (0.7, 0.2)):
        one, other = (difference(name, each, *ridges, 1.3) for each in (still, (p, *reduced)))
        assert np.isfinite(one)
        assert one == pytest.approx(other, rel=1e-12, abs=1e-300)

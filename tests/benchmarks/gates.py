"""Cost of gates: quadrature against quadrature, against simulation, and simulation against draws.

    python tests/benchmarks/gates.py

One BLAS thread; medians of interleaved ratios. The figures that were measured are in README.md
beside this file.
"""

import os

os.environ.update(
    dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
)

import statistics
import time
from collections.abc import Callable

import mpmath as mp
import numpy as np

import moetheory as mt

HARD, SOFT = mt.MoE(gate=mt.Hard()), mt.MoE(gate=mt.Soft())
RUNS = 9
ENDS = [0, 2, 8, 24, 80]  # of chi-squares


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def compare(what: str, work: Callable[[], object], baseline: Callable[[], object]) -> None:
    work(), baseline()  # warm-up
    pairs = [(seconds(work), seconds(baseline)) for _ in range(RUNS)]
    ratios = sorted(a / b for a, b in pairs)
    mine, other = (statistics.median(side) for side in zip(*pairs, strict=True))
    print(
        f"{what}: {statistics.median(ratios):.3g} ({ratios[0]:.3g} to {ratios[-1]:.3g}), "
        f"{1e3 * mine:.3g} ms against {1e3 * other:.3g} ms",
        flush=True,
    )


def equal(experts: int, size: int = 8, energy: float = 24.0) -> mt.BlockModel:
    return mt.BlockModel.isotropic(experts * size, experts, 1.0, signal_energy=energy)


def different(experts: int) -> mt.BlockModel:
    """Isotropic blocks of which no two agree in anything."""
    rng = np.random.default_rng(experts)
    sizes = rng.integers(2, 20, experts)
    weights = rng.random(experts) + 0.2
    return mt.BlockModel(
        weights / weights.sum(),
        np.repeat(np.arange(experts), sizes),
        np.repeat(10.0 ** rng.uniform(-1.0, 1.5, experts), sizes),
        rng.standard_normal(sizes.sum()),
        1.0,
    )


def against_simulation() -> None:
    """Hard routing among 256 blocks, and what a simulation takes for a sem of a thousandth."""
    model = equal(256)
    target = 1e-3 * mt.risk(HARD, model).value

    def simulation() -> None:
        mt.simulate(HARD, model, target_sem=target, rng=1)

    compare("hard K=256 / its simulation to 0.1 %", lambda: mt.risk(HARD, model), simulation)


def draws(experts: int, size: int, estimator: mt.MoE) -> None:
    model, replicates = equal(experts, size), (1 << 21) // experts

    def simulation() -> None:
        mt.simulate(estimator, model, replicates=replicates, rng=1)

    def chi_squares() -> None:
        rng, left = np.random.Generator(np.random.SFC64(1)), replicates
        rows = max((1 << 15) // experts, 1)  # in cache, as they are in the simulation
        while left > 0:
            rng.standard_gamma(size / 2, (experts, min(rows, left)))
            left -= rows

    compare(f"{estimator.label} K={experts} s={size} / its chi-squares", simulation, chi_squares)


def fewer(name: str, model: mt.BlockModel, replicates: int = 200_000) -> None:
    """How many times fewer inputs the identity takes for the same standard error."""
    for estimator in (HARD, SOFT):
        sems = [
            mt.simulate(estimator, model, method=method, replicates=replicates, rng=1).sem
            for method in ("population", "identity")
        ]
        print(f"{name}, {estimator.label}: {(sems[0] / sems[1]) ** 2:.3g} times fewer", flush=True)


def soft_by_mpmath() -> None:
    """The fitted soft gate between two unequal blocks in a louder test, integrated over both."""
    shares, sizes, signal, noise, louder = (0.7, 0.3), (2, 5), (2.0, 0.7), 0.5, 1.4
    b, of = np.array([1.0, -0.6, 0.8, 0.1, -0.4, 0.9, 0.5]), np.repeat([0, 1], sizes)
    model = mt.BlockModel(shares, of, np.repeat(signal, sizes), b, noise)
    under, counts = mt.Perturbation(noise_variance=louder), (5, 9)
    squares = [float(np.sum(b[of == j] ** 2)) for j in (0, 1)]
    active, best = [each + noise for each in signal], [each / (each + noise) for each in signal]
    fits = [
        squares[j] * best[j] ** 2
        + squares[j] * signal[j] * noise / active[j] ** 2 * sizes[j] / (counts[j] - sizes[j] - 1)
        for j in (0, 1)
    ]
    heights = [mp.log(shares[j]) - sizes[j] * mp.log(active[j] / noise) / 2 for j in (0, 1)]
    slopes = [signal[j] / active[j] / noise / 2 for j in (0, 1)]

    def density(x: mp.mpf, degrees: int) -> mp.mpf:
        half = mp.mpf(degrees) / 2
        return x ** (half - 1) * mp.exp(-x / 2) / 2**half / mp.gamma(half)

    def given_group(g: int) -> mp.mpf:
        j, there = 1 - g, signal[g] + louder
        kept = signal[g] / there

        def loss(x: mp.mpf, y: mp.mpf) -> mp.mpf:
            own, other = x * there, y * louder
            v = 1 / (1 + mp.exp(heights[j] - heights[g] + slopes[j] * other - slopes[g] * own))
            mine = squares[g] * (kept**2 - 2 * v * kept * best[g]) + v**2 * fits[g]
            weight = density(x, sizes[g]) * density(y, sizes[j])
            return weight * (own / sizes[g] * mine + other / sizes[j] * (1 - v) ** 2 * fits[j])

        return squares[g] * kept * louder + mp.quad(loss, ENDS, ENDS)

    exact = sum(shares[g] * given_group(g) for g in (0, 1))
    found = mt.risk(SOFT, model, samples=counts, under=under)
    print(f"fitted soft gate in a louder test against mpmath: {float(found.value / exact - 1):.1e}")


if __name__ == "__main__":
    soft_by_mpmath()
    compare(
        "hard, K=256, fitted / optimal",
        lambda: mt.risk(HARD, equal(256), samples=256 * 30),
        lambda: mt.risk(HARD, equal(256)),
    )
    against_simulation()
    compare(
        "hard, K=32 all different / all equal",
        lambda: mt.risk(HARD, different(32)),
        lambda: mt.risk(HARD, equal(32)),
    )
    compare("mmse K=1024 / K=16", lambda: mt.mmse(equal(1024)), lambda: mt.mmse(equal(16)))
    for experts, size in ((16, 16), (256, 4)):
        for estimator in (HARD, SOFT):
            draws(experts, size, estimator)
    fewer("K=8, s=8, weak", equal(8, 8, 8.0))
    fewer("K=8, s=8, strong", equal(8, 8, 200.0))
    fewer("K=64, s=4", equal(64, 4, 40.0))
    fewer("K=32 all different", different(32))

"""Cost and accuracy of the risk of dense least squares at finitely many samples.

    python tests/benchmarks/finite.py

Cost: seconds, and medians of interleaved ratios to np.dot, with one BLAS thread. Accuracy: the
deterministic equivalent alone and with its 1/n term, against simulated training sets whose risks
are averaged in closed form over the labels and over the signs of the coefficients. The figures
that were measured are in README.md beside this file.
"""

import os

os.environ.update(
    dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
)

import math
import statistics
import time
from collections.abc import Callable, Sequence

import numpy as np

import moetheory as mt
from moetheory.theory.finite_sample_risks import leading_excess


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def unequal(dim: int, experts: int, noise_variance: float = 0.3) -> mt.BlockModel:
    """Blocks of equal size up to rounding, nothing else equal; strict."""
    rng, weights = np.random.default_rng(dim), np.arange(experts) + 3.0
    block_of = np.sort(np.arange(dim) % experts)
    return mt.BlockModel(
        weights / weights.sum(),
        block_of,
        (1.0 + block_of % 4) * (0.3 + rng.random(dim)),
        rng.standard_normal(dim) * math.sqrt(experts / dim),
        noise_variance,
    )


def alike(dim: int, experts: int, noise_variance: float = 0.3) -> mt.BlockModel:
    """The same blocks at every dim, so that only the size changes: for slopes."""
    place = (np.arange(dim // experts) + 0.5) * experts / dim
    return mt.BlockModel(
        np.full(experts, 1.0 / experts),
        np.repeat(np.arange(experts), dim // experts),
        np.concatenate([(1.0 + g) * (0.3 + place) for g in range(experts)]),
        np.full(dim, math.sqrt(experts / dim)),
        noise_variance,
    )


def cost(dim: int, samples: int, target: float, runs: int = 9) -> None:
    model = unequal(dim, 64)
    a, b = np.random.default_rng(0).standard_normal((2, dim))
    times: list[float] = []
    ratios: list[float] = []
    mt.risk(mt.Dense(), model, samples=samples)
    for _ in range(runs):
        times.append(seconds(lambda: mt.risk(mt.Dense(), model, samples=samples)))
        product = statistics.median(seconds(lambda: np.dot(a, b)) for _ in range(9))
        ratios.append(times[-1] / product)
    print(
        f"dense at d = {dim:.0e}, n = {samples / dim:g} d, K = 64: "
        f"{statistics.median(times):.3f} s (from {min(times):.3f} to {max(times):.3f}; target "
        f"{target:g}), {statistics.median(ratios):.0f} np.dot"
    )


def simulated(
    model: mt.BlockModel, counts: Sequence[int], replicates: int, seed: int
) -> tuple[float, float]:
    """Mean excess risk of dense fits on strict blocks without label noise, and its sem."""
    rng, n, d = np.random.default_rng(seed), sum(counts), model.dim
    clean = np.where(
        model.block_of == np.arange(model.experts)[:, np.newaxis], model.signal_variances, 0.0
    )
    noisy, b2, p = clean + model.noise_variance, model.coefficients**2, model.group_probabilities
    kept, rest = clean / noisy, clean * model.noise_variance / noisy @ b2
    groups, values = np.repeat(np.arange(model.experts), counts), []
    chunk = max(1, 400_000 // (n * d))
    for start in range(0, replicates, chunk):
        size = (min(chunk, replicates - start), n, d)
        x = rng.standard_normal(size) * np.sqrt(noisy)[groups]
        inverse = np.linalg.solve(x.mT @ x, x.mT) if n > d else np.linalg.solve(x @ x.mT, x).mT
        fit = inverse @ (x * kept[groups])
        missed = sum(
            q * np.square(fit - np.diag(k)).mT @ c for q, k, c in zip(p, kept, noisy, strict=True)
        )
        values.append(missed @ b2 + np.square(inverse).mT @ (p @ noisy) @ rest[groups] + p @ rest)
    risks = np.concatenate(values)
    return risks.mean(), risks.std(ddof=1) / math.sqrt(len(risks))


def errors(
    model: mt.BlockModel, counts: Sequence[int], replicates: int, seed: int = 1
) -> tuple[float, float, float, float]:
    """Relative errors of the equivalent and of the corrected one, the stated one, and the sem."""
    mean, sem = simulated(model, counts, replicates, seed)
    risk = mt.risk(mt.Dense(), model, samples=counts)
    leading = leading_excess(model, counts)
    return leading / mean - 1, risk.excess / mean - 1, risk.error / mean, sem / mean


def shares(model: mt.BlockModel, n: int) -> list[int]:
    edges = np.round(n * np.cumsum([0.0, *model.group_probabilities]))
    return np.diff(edges).astype(int).tolist()


def accuracy(seconds_each: float = 9.0) -> None:
    print("errors in % at d = 256, K = 4: n/d, equivalent, with 1/n term, stated, sem")
    model = unequal(256, 4)
    for ratio in (0.25, 0.5, 0.79, 1.26, 1.6, 2.0, 4.0):
        counts = shares(model, round(256 * ratio))
        trial = seconds(lambda c=counts: simulated(model, c, 8, 0)) / 8
        found = errors(model, counts, max(30, int(seconds_each / trial)))
        print(f"  {ratio:4g}  " + "  ".join(f"{100 * each:+7.3f}" for each in found))


def slopes(seconds_each: float = 9.0) -> None:
    print("errors in % as blocks grow, K = 4: d, equivalent, with 1/n term, stated, sem")
    for ratio in (0.5, 2.0):
        rows = []
        for dim in (8, 16, 32, 64):
            model, n = alike(dim, 4), round(ratio * dim)
            trial = seconds(lambda m=model, n=n: simulated(m, [n // 4] * 4, 200, 0)) / 200
            found = errors(model, [n // 4] * 4, int(seconds_each / trial))
            rows.append((dim, *found))
            print(f"  n/d {ratio:g}, d {dim:3d}  " + "  ".join(f"{100 * e:+7.3f}" for e in found))
        table = np.array(rows)
        for name, column in (("equivalent", 1), ("with 1/n term", 2)):
            clear = np.abs(table[:, column]) > 2 * table[:, 4]
            if clear.sum() < 2:
                print(f"  slope of {name}: errors are within 2 sem of zero")
                continue
            slope = np.polyfit(np.log(table[clear, 0]), np.log(np.abs(table[clear, column])), 1)[0]
            print(f"  slope of {name}: {slope:.2f} over {clear.sum()} sizes")


def small_blocks(seconds_each: float = 6.0) -> None:
    print("errors in %, 6 samples for each block of 4, λ = 1000 σ²: K, equivalent, with 1/n term")
    for experts in (2, 4, 8, 16, 32, 64):
        dim = 4 * experts
        model = mt.BlockModel.isotropic(dim, experts, 1.0, signal_energy=4000.0)
        counts = [6] * experts
        trial = seconds(lambda m=model, c=counts: simulated(m, c, 8, 0)) / 8
        found = errors(model, counts, max(50, int(seconds_each / trial)))
        print(f"  {experts:3d}  " + "  ".join(f"{100 * each:+7.2f}" for each in found))


if __name__ == "__main__":
    cost(10**4, 2 * 10**4, 0.1)
    cost(10**4, 5 * 10**3, 0.1)
    cost(10**6, 2 * 10**6, 3.0, runs=7)
    cost(10**6, 5 * 10**5, 3.0, runs=7)
    accuracy()
    slopes()
    small_blocks()

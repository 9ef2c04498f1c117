"""Cost of laws of sums: hard routing in wide models, and quantiles of many different experts.

    python tests/benchmarks/laws.py

Processor seconds on one BLAS thread, the median of several runs. The figures that were measured are
in README.md beside this file.
"""

import os

os.environ.update(
    dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
)

import statistics
import time
from collections.abc import Callable

import numpy as np

import moetheory as mt

HARD = mt.MoE(gate=mt.Hard())
RUNS = 3


def report(what: str, work: Callable[[], object]) -> None:
    seconds = []
    for _ in range(RUNS):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    print(f"{what}: {statistics.median(seconds):.3g} s", flush=True)


def wide(dim: int, experts: int, energy: float = 1.0, noise: float = 1.0) -> mt.BlockModel:
    """Unequal blocks and probabilities, and variances over two decades of which no two agree."""
    rng = np.random.default_rng(0)
    shares = rng.integers(3, 9, experts)
    sizes = np.maximum(2, dim * shares // shares.sum())
    sizes[0] += dim - sizes.sum()
    p = rng.random(experts) + 0.3
    variances = energy * 10.0 ** rng.uniform(-1.0, 1.0, dim)
    block_of = np.repeat(np.arange(experts), sizes)
    return mt.BlockModel(p / p.sum(), block_of, variances, rng.standard_normal(dim), noise)


def one_large(dim: int = 2000, experts: int = 6) -> mt.BlockModel:
    """A block of many weak coordinates beside blocks of five."""
    rng = np.random.default_rng(1)
    sizes = np.array([dim - 5 * (experts - 1)] + [5] * (experts - 1))
    variances = 10.0 ** rng.uniform(-1.0, 1.0, dim)
    variances[: sizes[0]] *= 0.02
    p, block_of = np.full(experts, 1.0 / experts), np.repeat(np.arange(experts), sizes)
    return mt.BlockModel(p, block_of, variances, rng.standard_normal(dim), 1.0)


def different(experts: int = 64) -> mt.BlockModel:
    """Isotropic blocks of which no two agree in anything."""
    rng = np.random.default_rng(0)
    sizes, p = rng.integers(2, 20, experts), rng.random(experts) + 0.2
    block_of = np.repeat(np.arange(experts), sizes)
    variances = np.repeat(10.0 ** rng.uniform(-1.0, 1.5, experts), sizes)
    return mt.BlockModel(p / p.sum(), block_of, variances, rng.standard_normal(sizes.sum()), 1.0)


if __name__ == "__main__":
    mt.risk(HARD, wide(8, 2))  # warm-up
    for experts in (2, 8, 40, 200):
        report(f"hard, d=2000, K={experts}", lambda k=experts: mt.risk(HARD, wide(2000, k)))
    for experts in (2, 8, 40):
        report(
            f"hard, d=2000, K={experts}, a twentieth of the signal",
            lambda k=experts: mt.risk(HARD, wide(2000, k, energy=0.05)),
        )
    for noise in (1e-3, 1e3):
        report(
            f"hard, d=2000, K=8, noise {noise:g}",
            lambda n=noise: mt.risk(HARD, wide(2000, 8, noise=n)),
        )
    report("hard, a block of 1975 beside blocks of 5", lambda: mt.risk(HARD, one_large()))
    report("hard, d=1000, K=200", lambda: mt.risk(HARD, wide(1000, 200)))
    report("hard, d=256, K=32", lambda: mt.risk(HARD, wide(256, 32)))
    model = different()
    for what, counts in (
        ("4 s + 10 samples", 4 * model.sizes + 10),
        ("s + 3 samples", model.sizes + 3),
        ("s/2 samples", model.sizes // 2),
    ):
        law = mt.risk_distribution(mt.MoE(), model, counts)
        law.quantile(0.9)
        for q in (0.05, 0.5, 0.95, 0.999):
            report(f"64 experts, {what}: quantile {q:g}", lambda q=q, d=law: d.quantile(q))
        report(f"64 experts, {what}: cdf", lambda d=law: d.cdf(2.0 * d.lower))

"""Cost of the population formulas, of the import and of the default check.

    python tests/benchmarks/population.py

Ratios are medians of interleaved runs in one process with one BLAS thread; the figures that were
measured are in README.md beside this file.
"""

import os

os.environ.update(
    dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
)

import statistics
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable

import numpy as np

import moetheory as mt
from moetheory.formulas import population


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def risk_against_dot(dim: int = 10**7, runs: int = 15) -> None:
    model = mt.BlockModel.isotropic(dim, 16, 1.0, signal_energy=dim)
    a, b = np.random.default_rng(0).standard_normal((2, dim))

    def both() -> None:
        mt.risk(mt.Dense(), model)
        mt.risk(mt.MoE(), model)

    def product() -> None:
        np.dot(a, b)

    both(), product()
    ratios = [
        seconds(both) / statistics.median(seconds(product) for _ in range(5)) for _ in range(runs)
    ]
    print(
        f"risk of both estimators at d = {dim:.0e}: {statistics.median(ratios):.1f} np.dot "
        f"(from {min(ratios):.1f} to {max(ratios):.1f} in {runs} runs; target 16)"
    )


def noise_grid(dim: int = 10**6, levels: int = 10_000) -> None:
    model = mt.BlockModel.isotropic(dim, 16, 1.0, signal_energy=dim)
    noise = np.logspace(-6, 6, levels)[:, np.newaxis]
    tracemalloc.start()
    start = time.perf_counter()
    population.excess(
        population.dense_contributions,
        model.group_probabilities,
        model.block_of,
        model.signal_variances,
        0.0,
        model.coefficients,
        noise,
    )
    took, peak = time.perf_counter() - start, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    print(
        f"{levels} noise levels at d = {dim:.0e} in one call: {took:.0f} s, "
        f"peak memory {peak / 2**20:.1f} MiB beyond the model"
    )


def import_time(runs: int = 9) -> None:
    def run(code: str) -> float:
        return seconds(lambda: subprocess.run([sys.executable, "-c", code], check=True))

    extra = [run("import moetheory") - run("import numpy") for _ in range(runs)]
    print(f"import moetheory beyond import numpy: {statistics.median(extra):.3f} s (target 0.15)")


def default_check() -> None:
    command = [sys.executable, "-m", "moetheory", "check", "--seed", "0"]
    took = seconds(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL))
    print(f"moetheory check with default settings: {took:.1f} s (target 10)")


if __name__ == "__main__":
    risk_against_dot()
    noise_grid()
    import_time()
    default_check()

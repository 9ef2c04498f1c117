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
from functools import partial

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


def noise_of_each_coordinate(dim: int = 10**6, runs: int = 25) -> None:
    rng = np.random.default_rng(0)
    signal, coefficients = 10.0 ** rng.uniform(-1.0, 1.0, dim), rng.standard_normal(dim)
    one = mt.BlockModel(np.full(16, 1 / 16), np.arange(dim) * 16 // dim, signal, coefficients, 1.0)
    several = one.replace(noise_variance=10.0 ** rng.uniform(-2.0, 2.0, dim))
    interfering = several.replace(interference_variances=10.0 ** rng.uniform(-2.0, 2.0, dim))
    for estimator in (mt.Dense(), mt.MoE()):
        took = [
            [seconds(partial(mt.risk, estimator, m)) for m in (one, several, interfering)]
            for _ in range(runs)
        ]
        ratios = [[row[i] / row[0] for row in took] for i in (1, 2)]
        print(
            f"risk of {estimator} at d = {dim:.0e}, noise of each coordinate: "
            f"{statistics.median(ratios[0]):.2f} times one noise variance (target 1.3); "
            f"with interference {statistics.median(ratios[1]):.2f}"
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
        0.0,
        0.0,
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
    noise_of_each_coordinate()
    noise_grid()
    import_time()
    default_check()

"""Time and accuracy of the ridge traces of a Wishart matrix.

    python tests/benchmarks/wishart_ridge.py

Time with one BLAS thread: a first ridge, and another on the same panels. Accuracy: the stated
error, and without a ridge the relative error of E tr W^-1 or, for n < s, of the share missed.
"""

import os

os.environ.update(
    dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
)

import time

from moetheory.formulas.wishart_ridge import RidgeTraces, ridge_traces


def timed(n: int, s: int, ridge: float) -> tuple[float, RidgeTraces]:
    start = time.perf_counter()
    traces = ridge_traces(n, s, ridge)
    return time.perf_counter() - start, traces


timed(5, 3, 1.0)  # the rule of a panel is made once
print("n, s: first ridge, another ridge; stated error, error without a ridge")
for n, s in [(20, 10), (200, 100), (1000, 1000), (8192, 4096), (4098, 4096), (2048, 4096)]:
    first, traces = timed(n, s, 1e-3 * n)
    again, _ = timed(n, s, 1.1e-3 * n)
    bare = ridge_traces(n, s, 1e-100)
    seen = f"{first * 1e3:.2g} ms, {again * 1e3:.2g} ms; {traces.error:.0e}"
    if n > s + 1:
        seen += f", {abs(bare.noise_trace * (n - s - 1) / s - 1):.0e}"
    elif n < s:
        seen += f", {abs(bare.missed_share / (1 - n / s) - 1):.0e}"
    print(f"{n}, {s}: {seen}")

"""Cost of descent: in closed form against one step, on training sets against eigendecompositions.

    python tests/benchmarks/descent.py

One BLAS thread; medians of interleaved ratios. The figures that were measured are in README.md
beside this file.
"""

import tracemalloc

import gates  # first, and sorted so: it holds BLAS to one thread before NumPy loads
import numpy as np

import moetheory as mt
from moetheory.common.blas_threads import controls

BOTH = (mt.Dense(), mt.MoE())


def closed_form() -> None:
    """A thousand numbers of steps against one, a million directions of which no two are alike."""
    rng, dim = np.random.default_rng(0), 10**6
    shares, blocks = np.full(100, 0.01), np.repeat(np.arange(100), dim // 100)
    model = mt.BlockModel(shares, blocks, rng.exponential(size=dim), rng.standard_normal(dim), 0.5)
    for name, steps in {
        "0 to 999": np.arange(1000),
        "1 to 1e9": np.rint(np.geomspace(1, 1e9, 1000)),
    }.items():
        for estimator in BOTH:
            gates.compare(
                f"descent of {estimator.label}, d = 1e6, 1000 steps from {name}",
                lambda e=estimator, t=steps: mt.descent(e, model, t),
                lambda e=estimator: mt.descent(e, model, 1),
            )
    for count in (1, 1000):
        tracemalloc.start()
        mt.descent(mt.Dense(), model, np.arange(count))
        peak = tracemalloc.get_traced_memory()[1] / 2**20
        tracemalloc.stop()
        print(f"peak beyond the model's arrays, {count} steps: {peak:.0f} MiB", flush=True)


def against_decompositions(experts: int, size: int, samples: int, sets: int, times: int) -> None:
    """The whole call against ``eigh`` of as many matrices of the same sizes."""
    dim = experts * size
    model = mt.BlockModel.isotropic(dim, experts, 1.0, signal_energy=float(dim))
    rng = np.random.default_rng(0)
    matrices = [
        rows.mT @ rows
        for side, number in ((dim, sets), (size, sets * experts))
        for rows in [rng.standard_normal((number, 2 * side, side))]
    ]
    gates.compare(
        f"simulate_descent, K = {experts}, s = {size}, n = {samples}, {sets} sets, {times} steps",
        lambda: mt.simulate_descent(
            BOTH, model, np.arange(times), samples=samples, replicates=sets, rng=0
        ),
        lambda: [np.linalg.eigh(each) for each in matrices],
    )


if __name__ == "__main__":
    found = controls()
    # the baseline does not see to it itself
    assert found is None or found[0]() == 1, "BLAS must have one thread"
    closed_form()
    against_decompositions(8, 8, 640, 200, 200)
    against_decompositions(8, 8, 640, 200, 20)
    against_decompositions(16, 16, 2560, 50, 200)

"""Cost of gradient descent on training sets, against the eigendecompositions it cannot do without.

    python tests/benchmarks/descent.py

One BLAS thread; medians of interleaved ratios. The figures that were measured are in README.md
beside this file.
"""

import gates  # first, and sorted so: it holds BLAS to one thread before NumPy loads
import numpy as np

import moetheory as mt
from moetheory.simulation.threads import controls

BOTH = (mt.Dense(), mt.MoE())


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
    against_decompositions(8, 8, 640, 200, 200)
    against_decompositions(8, 8, 640, 200, 20)
    against_decompositions(16, 16, 2560, 50, 200)

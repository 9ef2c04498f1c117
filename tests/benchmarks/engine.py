"""Cost of simulating fitted estimators: against plain code, over processes, and where it goes.

    python tests/benchmarks/engine.py [--only SECTION ...] [--quick]

Every section simulates dense and experts together, fitted without ridge, for an isotropic model
whose blocks have unit covariance, σ² = 0.25, with one thread. A ratio is the median over
interleaved runs in this process, after a warm-up; the smallest and the largest stand beside it.
Another load on the machine spoils all of them, `scaling` first: its last figures say what the
machine had to offer.

speed     One table of ratios: `simulate` against what one would write instead (baselines.py,
          jax_baseline.py): (b) batched NumPy, (b') the same drawing clean features on the active
          block alone, (j) JAX, vmapped and compiled, in 64 bits; these at the best of a few batch
          sizes; (a) a loop with np.linalg.lstsq, (c) a loop with scikit-learn. JAX and
          scikit-learn take part where they are installed. Bold: the target is missed. Each
          baseline is first held against the closed forms, at C with n = 10⁴: that is its z; that
          of `simulate` is of the timed runs. Each does as many replicates as take about as long;
          at C a baseline does one. Two smaller tables have times and z.
scaling   One worker process against two, as `executor=`, and what two processes that only draw
          normals and multiply matrices gain on the machine.
shares    Time in random numbers, products and solves, of the time of the same simulation without
          clocks; the rest is everything else. Then the same work at the machine's measured rates.
solvers   Systems of training sets all at once against one after another, by their size.
samples   n = 10⁹ against n = 10⁴.
memory    Peak resident memory of a process that simulates, less that of one that only imports the
          package, against the budget; "refused" where `simulate` says that it needs more.

With --quick runs are shorter, JAX has one batch size, and the loops are left out at C.

The figures that were measured are in README.md beside this file. work_guard.py counts what here is
timed.
"""

import os

# read when NumPy and JAX load
os.environ.update(
    dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NPROC"), "1")
)

import argparse
import time
from importlib import import_module

# functions and their files, which load late: worker processes load this file, and no JAX with it
SECTIONS = {
    "speed": "engine_speed",
    "scaling": "engine_scaling",
    "shares": "engine_shares",
    "solvers": "engine_solvers",
    "samples": "engine_memory",
    "memory": "engine_memory",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument("--quick", action="store_true", help="fewer and shorter runs")
    options = parser.parse_args()
    for name in options.only:
        start = time.perf_counter()
        getattr(import_module(SECTIONS[name]), name)(options.quick)
        print(f"  [{name}: {time.perf_counter() - start:.0f} s]\n", flush=True)


if __name__ == "__main__":
    main()

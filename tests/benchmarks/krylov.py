"""Dense by Krylov vectors: when they are cheaper than rows, how exact they are, wide models.

    python tests/benchmarks/krylov.py [--only SECTION ...]

One BLAS thread. Times of two methods are interleaved in one process; a ratio is a median of rounds.

choice    Time by rows over time by vectors, for isotropic and power-law blocks of several sizes and
          numbers of samples, and which of the two is chosen: a cost model foresees the steps
          (moetheory/simulation/methods/krylov_costs.py), and both are printed. The last lines say
          how much time a perfect choice would save.
error     Largest relative error of a risk on the same training sets, solved to the last digit, for
          models whose spectra make LSQR slow; it must stay below 1e-10.
wide      4096 coordinates, 64 experts, 8192 samples: seconds of 1000 training sets on two
          processes, and the peak of resident memory, of which most is the package itself.

The figures that were measured are in README.md beside this file.
"""

import os

os.environ.update(
    dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
)

import argparse
import resource
import statistics
import sys
import time
from collections.abc import Iterator
from unittest import mock

import numpy as np

import moetheory as mt
from moetheory.kernels import Workspace
from moetheory.problem.sample_counts import counts_of
from moetheory.simulation.methods import krylov
from moetheory.simulation.methods.krylov import KrylovRoute

MIB = 2**20


def worlds() -> Iterator[tuple[str, mt.BlockModel]]:
    for dim, experts in ((16, 4), (64, 8), (128, 8), (256, 16), (512, 16), (1024, 32)):
        energy = dim / experts
        yield "isotropic", mt.BlockModel.isotropic(dim, experts, 0.25, signal_energy=energy)
        yield (
            "power law",
            mt.BlockModel.power_law(dim, experts, 0.25, decay=1.0, signal_energy=energy),
        )


def seconds(model: mt.BlockModel, samples: int, method: str, replicates: int) -> float:
    start = time.perf_counter()
    mt.simulate(mt.Dense(), model, samples=samples, method=method, replicates=replicates, rng=0)
    return time.perf_counter() - start


def route(model: mt.BlockModel, samples: int) -> KrylovRoute:
    return KrylovRoute((model,), (mt.Dense(),), counts_of(samples, model), "fixed")


def taken_steps(model: mt.BlockModel, samples: int) -> float:
    """The mean number of steps of a few training sets."""
    found = []
    solve = krylov.kernels.krylov_fits

    def watched(*given, **options):
        found.append(solve(*given, **options))
        return found[-1]

    with mock.patch.object(krylov.kernels, "krylov_fits", watched):
        route(model, samples).group_risks(np.random.default_rng(0), 3, Workspace())
    return float(found[-1].steps.mean())


def choice() -> None:
    print("choice: time by rows over time by vectors; steps foreseen and taken; * is chosen")
    print(f"  {'model':10}{'d':>6}{'n/d':>6}{'rows/vectors':>14}{'foreseen':>10}{'taken':>7}")
    lost = []
    for name, model in worlds():
        for ratio in (0.25, 0.5, 0.8, 1.3, 2, 4, 10, 100):
            samples = int(ratio * model.dim)
            given = route(model, samples)
            few = 2 * given.batch if model.dim <= 256 else max(2, min(given.batch, 4))
            quotients = []
            for _ in range(5 if model.dim <= 256 else 3):
                by_rows = seconds(model, samples, "statistics", few)
                quotients.append(by_rows / seconds(model, samples, "krylov", few))
            quotient = statistics.median(quotients)
            chosen = "vectors" if given.cheaper else "rows"
            lost.append(max(1.0, 1.0 / quotient if given.cheaper else quotient))
            print(
                f"  {name:10}{model.dim:>6}{ratio:>6}{quotient:>14.2f}{given.steps:>10}"
                f"{taken_steps(model, samples):>7.0f}  {chosen}",
                flush=True,
            )
    print(
        f"  the choice takes {statistics.geometric_mean(lost):.3f} times as long as the better of "
        f"both, at most {max(lost):.2f} times"
    )


def hard_models() -> Iterator[tuple[str, mt.BlockModel, object]]:
    """Spectra with clusters, rare strong groups, little noise, few samples of a group."""
    rng = np.random.default_rng(1)
    block_of = np.repeat(np.arange(4), 12)
    signal, coefficients = np.ones(48), rng.standard_normal(48)
    plain = mt.BlockModel([0.25] * 4, block_of, signal, coefficients, 0.5)
    yield "equal", plain, 200
    yield "clusters", plain.replace(signal_variances=np.geomspace(1.0, 1e4, 4)[block_of]), 200
    yield (
        "rare and strong",
        plain.replace(
            group_probabilities=[0.004, 0.3, 0.3, 0.396],
            signal_variances=np.array([1e5, 1.0, 2.0, 0.5])[block_of],
        ),
        2000,
    )
    yield "little noise", plain.replace(noise_variance=1e-5), 200
    yield "little noise, few samples of a group", plain.replace(noise_variance=1e-5), [90, 90, 5, 0]
    yield "much noise", plain.replace(noise_variance=1e6), 200
    yield "few samples", plain, 20
    yield "near the threshold", plain, 56
    yield "power law", mt.BlockModel.power_law(48, 4, 1e-3, decay=3.0), 300


def error() -> None:
    print("error: largest relative error of a risk among 300 training sets")
    for name, model, samples in hard_models():
        found = []
        for tolerance in (krylov.TOLERANCE, 1e-16):
            with (
                mock.patch.object(krylov, "TOLERANCE", tolerance),
                mock.patch.object(sys.modules["moetheory.kernels.krylov_fits"], "CHECKS", 10**9),
            ):
                given = route(model, samples)
                rng = np.random.Generator(np.random.SFC64(2))
                risks = given.group_risks(rng, 300, Workspace())
            found.append(risks[0] @ model.group_probabilities)
        worst = np.max(np.abs(found[0] / found[1] - 1.0))
        print(f"  {name:40}{worst:10.1e}  {'vectors' if given.cheaper else 'rows'}", flush=True)


def wide() -> None:
    print("wide: 4096 coordinates, 64 experts, 8192 samples, 1000 training sets, two processes")
    for name, model in (
        ("isotropic", mt.BlockModel.isotropic(4096, 64, 0.25, signal_energy=64.0)),
        ("power law", mt.BlockModel.power_law(4096, 64, 0.25, decay=0.7, signal_energy=64.0)),
    ):
        start = time.perf_counter()
        value = mt.risk(mt.Dense(), model, samples=8192).value
        formula = time.perf_counter() - start
        start = time.perf_counter()
        found = mt.simulate(
            [mt.Dense(), mt.MoE()], model, samples=8192, replicates=1000, rng=0, executor=2
        )
        took = time.perf_counter() - start
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / MIB
        print(
            f"  {name:10}{took:7.1f} s, formula {formula:.3f} s; largest process {peak:.0f} MiB; "
            f"{found[0].method}, z {found[0].z(value):+.1f}",
            flush=True,
        )


SECTIONS = {"choice": choice, "error": error, "wide": wide}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    for name in parser.parse_args().only:
        SECTIONS[name]()


if __name__ == "__main__":
    main()

"""Seconds of maps: 200 x 200 cells of one formula, 40 x 40 cells one by one, with their borders.

    python tests/benchmarks/maps.py

The figures that were measured are in README.md beside this file.
"""

import os

os.environ.update(
    dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
)

import functools
import itertools
import time
import tracemalloc

import numpy as np

import moetheory as mt

DIM, GROUPS = 256, 16
SPANS = {
    "noise_variance": (0.01, 100.0),
    "test_noise_variance": (0.01, 100.0),
    "signal_to_noise": (0.01, 100.0),
    "smallest_probability": (1e-4, 1.0 / GROUPS),
    "misrouting": (0.001, 1.0),
    "leakage": (0.001, 1.0),
    "interference": (0.001, 2.0),
    "overlap": (0.001, 2.0),
    "erasure": (0.001, 0.9),
    "radius": (0.001, 1.0),
}
REFUSED = ({"noise_variance", "signal_to_noise"},)
ISO = functools.partial(mt.BlockModel.isotropic, dim=64, noise_variance=1.0, signal_energy=64.0)
KS = [1, 2, 4, 8, 16, 32, 64]


def generic() -> mt.BlockModel:
    """A model in which no two coordinates are alike."""
    rng = np.random.default_rng(0)
    return mt.BlockModel(
        rng.dirichlet(np.full(GROUPS, 3.0)),
        np.repeat(np.arange(GROUPS), DIM // GROUPS),
        10.0 ** rng.uniform(-1.0, 1.0, DIM),
        rng.standard_normal(DIM),
        1.0,
    )


def axis(name: str, points: int, low: float, high: float) -> tuple[str, np.ndarray]:
    return name, np.geomspace(low, high, points)


def at_once() -> None:
    found = []
    for names in itertools.combinations(SPANS, 2):
        if set(names) in REFUSED or set(names) == {"erasure", "radius"}:
            continue  # the second pair has no formula
        x, y = (axis(name, 200, *SPANS[name]) for name in names)
        start = time.perf_counter()
        mt.phase_map(generic(), x, y)
        found.append((time.perf_counter() - start, names))
    slowest, names = max(found)
    middle = sorted(found)[len(found) // 2][0]
    print(f"200 x 200, {len(found)} pairs: median {middle:.2f} s, slowest {slowest:.2f} s, {names}")
    tracemalloc.start()
    mt.phase_map(generic(), *(axis(name, 200, *SPANS[name]) for name in names))
    print(f"    peak memory {tracemalloc.get_traced_memory()[1] / 2**20:.0f} MiB")
    tracemalloc.stop()


def one_by_one() -> None:
    iso, hard, soft = ISO(experts=8), mt.MoE(gate=mt.Hard()), mt.MoE(gate=mt.Soft())
    noise = axis("noise_variance", 40, 0.01, 100.0)
    overlap = axis("overlap", 40, 0.01, 2.0)
    samples = "samples", np.unique(np.geomspace(10, 1000, 40).astype(int))
    power = mt.BlockModel.power_law(64, 8, 1.0, decay=1.0, signal_energy=64.0)
    for what, model, x, y, b, options in (
        ("fitted dense and experts", iso, samples, noise, mt.MoE(), {}),
        ("the same, eigenvalues of a power law", power, samples, noise, mt.MoE(), {}),
        ("fitted, 200 samples", iso, overlap, noise, mt.MoE(), {"samples": 200}),
        ("hard gate", iso, overlap, noise, hard, {}),
        ("hard gate, power law", power, overlap, noise, hard, {}),
        ("hard gate, fitted", iso, samples, noise, hard, {}),
        ("soft gate", iso, overlap, noise, soft, {}),
        ("soft gate, power law", power, overlap, noise, soft, {}),
        ("hard gate over experts", ISO, ("experts", KS), noise, hard, {}),
    ):
        start = time.perf_counter()
        found = mt.phase_map(model, x, y, b=b, **options)
        seconds = time.perf_counter() - start
        shape = " x ".join(map(str, reversed(found.shape)))
        print(f"{shape}, {what}: {seconds:.1f} s, {len(found.border)} points of the border")


if __name__ == "__main__":
    at_once()
    one_by_one()

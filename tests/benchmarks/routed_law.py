"""The bound of the 1/K law with routing from the data, on very many random settings.

    python tests/benchmarks/routed_law.py [SETTINGS]

d to 4096, noise over nine decades, experts optimal and fitted on fewer and more samples than they
have coordinates. Prints the smallest margins; the exit code is 1 if one is negative beyond what
quadrature explains. What was measured is in README.md beside this file.
"""

import math
import os
import sys
import time

os.environ.update(
    dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
)

import numpy as np
import sympy

import moetheory as mt
from moetheory.theory.gate_risks import gated_losses
from moetheory.theory.routed_law import routing_cost_bound

SETTINGS, MOST_COORDINATES, QUADRATURE = 10_000, 4096, 1e-9
HARD, SOFT = mt.MoE(gate=mt.Hard()), mt.MoE(gate=mt.Soft())


def random_setting(rng: np.random.Generator) -> tuple[mt.BlockModel, int]:
    """A model of the regime, and training samples."""
    dim = int(2.0 ** rng.uniform(1.0, math.log2(MOST_COORDINATES)))
    experts = int(rng.choice(sympy.divisors(dim)[1:]))
    noise = 10.0 ** rng.uniform(-6.0, 3.0)
    model = mt.BlockModel.isotropic(
        dim,
        experts,
        noise,
        signal_energy=dim / experts,
        label_noise_variance=float(rng.choice([0.0, 0.1])),
    )
    return model, math.ceil(dim * 10.0 ** rng.uniform(-0.7, 1.3))


def margins(model: mt.BlockModel, samples: int) -> dict[str, float]:
    """By how much bounds exceed what they bound, relative to it."""
    cost, most = float(gated_losses(HARD, model).values.mean()), routing_cost_bound(model)
    found = {"hard, cost of misrouting": most / cost - 1.0} if cost > 1e-250 else {}
    if model.experts == 2 and found:
        found["K = 2, less an equality"] = -abs(found["hard, cost of misrouting"])
    oracle = mt.risk(mt.MoE(), model, samples=samples).excess
    bound = oracle + routing_cost_bound(model, samples)
    if math.isfinite(bound):
        found["hard fitted"] = bound / mt.risk(HARD, model, samples=samples).excess - 1.0
        if model.experts == 2:
            found["K = 2, fitted, less an equality"] = -abs(found["hard fitted"])
    found["soft"] = (mt.risk(mt.MoE(), model).excess + most) / mt.risk(SOFT, model).excess - 1.0
    return found


def main(settings: int) -> int:
    """Print the smallest margins and how long `law_ends` takes; return the exit code."""
    rng = np.random.default_rng(24)
    least: dict[str, float] = {}
    compared: dict[str, int] = {}
    for _ in range(settings):
        for name, margin in margins(*random_setting(rng)).items():
            least[name] = min(least.get(name, math.inf), margin)
            compared[name] = compared.get(name, 0) + 1
    for name, margin in least.items():
        print(f"{name}: smallest relative margin {margin:.2g} in {compared[name]} settings")
    start = time.perf_counter()
    mt.law_ends(4096, 1.0, signal_energy=4096.0)
    first = time.perf_counter() - start
    start = time.perf_counter()
    mt.law_ends(4096, 1.0, signal_energy=4096.0, gate=mt.Soft(), samples=40_000)
    print(
        f"law_ends at d = 4096: {first:.2f} s, soft and fitted {time.perf_counter() - start:.2f} s"
    )
    return int(min(least.values()) < -QUADRATURE)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else SETTINGS))

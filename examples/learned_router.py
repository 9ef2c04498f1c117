"""The sample complexity of a learned router: its excess error against samples and coordinates.

Run it with ``python examples/learned_router.py``; it takes a few seconds.
"""

import math
from functools import cache

import numpy as np

import moetheory as mt

EXPERTS, SETS, INPUTS = 4, 240, 600


@cache
def world(dim: int) -> mt.BlockModel:
    """A model of four blocks in which the Bayes router errs in 5 % of the inputs."""
    low, high = 1.0, 100.0 * dim
    for _ in range(30):
        energy = math.sqrt(low * high)
        model = mt.BlockModel.isotropic(dim, EXPERTS, noise_variance=1.0, signal_energy=energy)
        if mt.routing_matrix(mt.Hard(), model).misrouting > 0.05:
            low = energy
        else:
            high = energy
    return model


def excess(model: mt.BlockModel, samples: int, moments: str = "blocks") -> mt.RoutingEstimate:
    """The excess error rate, over the Bayes router, of a router fitted on ``samples`` samples."""
    gate = mt.Learned(samples, moments)
    return mt.simulate_routing(gate, model, replicates=SETS, inputs=INPUTS, rng=1)


def slope(x: list[float], estimates: list[mt.RoutingEstimate]) -> tuple[float, float]:
    """The exponent of the excess as a power of x, by least squares, and its standard error."""
    logs = np.log(x) - np.mean(np.log(x))
    weights = logs / (logs @ logs)
    means, sems = np.array([[e.excess.mean, e.excess.sem] for e in estimates]).T
    return float(weights @ np.log(means)), float(np.linalg.norm(weights * sems / means))


def main() -> None:
    """Print the excess over the number of samples, then over the number of coordinates."""
    model = world(32)
    sizes = [512, 2048, 8192]
    found = [excess(model, n) for n in sizes]
    print(f"d = 32: the best router errs in {found[0].misrouting.mean - found[0].excess.mean:.1%}")
    for n, each in zip(sizes, found, strict=True):
        print(f"  n = {n:5d}: {each.excess.mean:.2e} more, n · excess = {n * each.excess.mean:.2f}")
    exponent, sem = slope(sizes, found)
    print(f"excess ~ n^a, a = {exponent:.2f} ± {sem:.2f}")

    print("n · excess at n = 64 d (moments of blocks; of all coordinates)")
    for moments, dims in (("blocks", [16, 32, 64]), ("full", [16, 32])):
        scaled = [excess(world(d), 64 * d, moments) for d in dims]
        values = [64 * d * each.excess.mean for d, each in zip(dims, scaled, strict=True)]
        # n · excess = 64 d · excess grows by one power more than the excess itself
        exponent, sem = slope(dims, scaled)
        said = ", ".join(f"{value:.3g} at d = {d}" for d, value in zip(dims, values, strict=True))
        print(f"  {moments}: {said}; ~ d^a, a = {exponent + 1:.2f} ± {sem:.2f}")


if __name__ == "__main__":
    main()

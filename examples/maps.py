"""Six maps of who wins where: a dense model or a mixture of experts with as many parameters.

Run it with ``python examples/maps.py [FOLDER]``; it takes half a minute. It says who wins where;
with a folder it draws the maps there.
"""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

import moetheory as mt

# 64 coordinates in K equal blocks, with a signal-to-noise ratio of K in each
WORLD = partial(mt.BlockModel.isotropic, dim=64, noise_variance=1.0, signal_energy=64.0)
EXPERTS = ("experts", [2, 4, 8, 16, 32, 64])
LOUD = mt.Perturbation(noise_variance=1e6)


def ratios(low: float, high: float, number: int) -> tuple[str, np.ndarray]:
    """Signal-to-noise ratios for an axis."""
    return "signal_to_noise", np.geomspace(low, high, number)


def samples() -> tuple[str, np.ndarray]:
    """Sizes of training sets for an axis."""
    return "samples", np.unique(np.geomspace(16, 4096, 40).astype(int))


MAPS: dict[str, tuple[str, Callable[[], mt.PhaseMap]]] = {
    "misrouting": (
        "How often may a router err?",
        lambda: mt.phase_map(WORLD, EXPERTS, ("misrouting", np.linspace(0.0, 1.0, 101))),
    ),
    "hard_gate": (
        "A router that must guess needs signal",
        lambda: mt.phase_map(WORLD, EXPERTS, ratios(0.2, 30.0, 40), b=mt.MoE(gate=mt.Hard())),
    ),
    "test_noise": (
        "Beyond a sharp threshold no test is too loud",
        lambda: mt.phase_map(
            WORLD(experts=16),
            ratios(0.5, 20.0, 120),
            ("test_noise_variance", np.geomspace(0.1, 1e4, 120)),
        ),
    ),
    "leakage": (
        "Leakage hurts many experts most",
        lambda: mt.phase_map(WORLD, EXPERTS, ("leakage", np.linspace(0.0, 1.0, 101))),
    ),
    "samples": (
        "Experts fail where samples are as many as coordinates",
        lambda: mt.phase_map(WORLD, EXPERTS, samples()),
    ),
    "smallest_probability": (
        "A rare group needs a stronger signal",
        lambda: mt.phase_map(
            WORLD(experts=2),
            ("smallest_probability", np.geomspace(1e-3, 0.5, 120)),
            ratios(0.3, 60.0, 120),
            under=LOUD,
        ),
    ),
}


def main(folder: str = "") -> None:
    """Print who wins where, and draw the maps if a folder is given."""
    for name, (title, make) in MAPS.items():
        found = make()
        print(f"{title}\n{found}\n")
        if folder:
            from matplotlib.figure import Figure

            figure = Figure(figsize=(6.4, 4.4), layout="constrained")
            mt.plot(found, figure.add_subplot(), title=title)
            Path(folder).mkdir(parents=True, exist_ok=True)
            figure.savefig(Path(folder) / f"{name}.png", dpi=150)


if __name__ == "__main__":
    main(*sys.argv[1:])

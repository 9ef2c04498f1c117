"""When the test differs from training: up to which perturbation a mixture is better than dense.

Run it with ``python examples/robustness.py [FIGURE]``; it takes a few seconds. Without a path it
draws nothing.
"""

import sys

import numpy as np

import moetheory as mt

DENSE, MOE = mt.Dense(), mt.MoE()
DRAG = 1.0
BREAK_EVENS = {
    "test noise variance": {"over": "test_noise_variance"},
    "misrouting rate": {"over": "misrouting"},
    "misrouting rate, drag 1": {"over": "misrouting", "drag": DRAG},
    "amplitude of leakage": {"over": "leakage"},
    "erasure probability": {"over": "erasure"},
    "radius of a shift": {"over": "radius"},
}

TITLES = (
    "Louder noise at test time",
    "Misrouting, with drag",
    "Leakage of inactive blocks",
    "Worst-case shift",
    "Erasure, uncorrelated coordinates",
    "Erasure, correlation 0.98",
)


def world(signal: float) -> mt.BlockModel:
    """A model of 16 blocks of 4 coordinates of variance ``signal``; 1/√p = 4, noise variance 1."""
    return mt.BlockModel.isotropic(64, 16, noise_variance=1.0, signal_energy=4.0 * signal)


def twins() -> mt.BlockModel:
    """A model of two blocks of two highly correlated coordinates, whose difference is the label."""
    block = [[1.0, 0.98], [0.98, 1.0]]
    return mt.BlockModel.from_covariances([block, block], [[1.0, -1.0]] * 2, noise_variance=0.02)


def table(models: dict[str, mt.BlockModel]) -> None:
    """Print the crossovers, where the mixture stops being better than dense."""
    print("the mixture is better up to" + "".join(f"{name:>10}" for name in models))
    for what, how in BREAK_EVENS.items():
        ends = [mt.crossover(DENSE, MOE, model, **how) for model in models.values()]
        cells = ("always" if end == float("inf") else f"{end:.3g}" for end in ends)
        print(f"  {what:25}" + "".join(f"{cell:>10}" for cell in cells))


def laws(model: mt.BlockModel) -> None:
    """Print simulated risks under noise of several laws; only its variance matters."""
    from scipy import stats

    expected = mt.risk(MOE, model, under=mt.Perturbation(noise_variance=4.0)).excess
    print(f"\ntest noise of variance 4: the closed form of the mixture says {expected:.4f}")
    kinds = {"uniform": stats.uniform(), "Laplace": stats.laplace(), "Student t, 5": stats.t(5)}
    for name, noise in kinds.items():
        under = mt.Perturbation(noise_variance=4.0, noise=noise)
        found = mt.simulate(MOE, model, under=under, replicates=100_000, rng=0)
        print(f"  {name:13} simulated {found.mean:.4f} ± {found.sem:.4f}")


def sweeps(model: mt.BlockModel) -> list[mt.Sweep]:
    """A sweep over each perturbation, with simulations."""
    steps = {
        "test_noise_variance": (np.geomspace(0.1, 100.0, 10), {}),
        "misrouting": (np.linspace(0.0, 1.0, 11), {"drag": DRAG}),
        "leakage": (np.linspace(0.0, 1.0, 11), {}),
        "radius": (np.linspace(0.0, 6.0, 11), {}),
        "erasure": (np.linspace(0.0, 0.9, 10), {}),
    }
    found = [
        mt.sweep(model, over, values, replicates=20_000, rng=0, **how)
        for over, (values, how) in steps.items()
    ]
    values = np.linspace(0.0, 0.2, 11)
    return [*found, mt.sweep(twins(), "erasure", values, replicates=20_000, rng=0)]


def main(figure: str = "") -> None:
    """Print both tables, save the figure if a path is given."""
    weak = world(2.0)
    table({"λ = 2": weak, "λ = 8": world(8.0), "twins": twins()})
    laws(weak)
    if figure:
        from matplotlib.figure import Figure

        fig = Figure(figsize=(13.0, 7.6), layout="constrained")
        axes = fig.subplots(2, 3)
        for ax, swept, title in zip(axes.flat, sweeps(weak), TITLES, strict=True):
            mt.plot(swept, ax, title=title)
        for ax in axes[:, 1:].flat:
            ax.set_ylabel("")
        fig.savefig(figure, dpi=150)
        print(f"figure in {figure}")


if __name__ == "__main__":
    main(*sys.argv[1:])

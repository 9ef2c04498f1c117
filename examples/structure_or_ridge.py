"""Does structure beat tuned regularisation? Expected risks in closed form, no training runs.

Run it with ``python examples/structure_or_ridge.py [FIGURE]``; it takes about ten seconds.
"""

import sys

import numpy as np

import moetheory as mt

DIM, EXPERTS = 64, 8
CURVES = {
    "dense": ("dense, no ridge", "#b2432f", ":"),
    "dense tuned": ("dense, best ridge", "#b2432f", "-"),
    "moe": ("experts, no ridge", "#1f5f8b", ":"),
    "moe tuned": ("experts, best ridge", "#1f5f8b", "-"),
}


def world(noise_variance: float = 1.0) -> mt.BlockModel:
    """A model of 64 coordinates in 8 blocks, with signal energy 64."""
    return mt.BlockModel.isotropic(DIM, EXPERTS, noise_variance, signal_energy=DIM)


def excesses(model: mt.BlockModel, samples: int) -> dict[str, float]:
    """The expected excess risks of both estimators, without ridge and with the best ridge."""
    result = {}
    for estimator in (mt.Dense(), mt.MoE()):
        plain = mt.risk(estimator, model, samples=samples)
        tuned = mt.optimal_ridge(estimator, model, samples)
        result[estimator.label] = plain.excess
        result[f"{estimator.label} tuned"] = tuned.risk.excess
    return result


def table(name: str, values: list, rows: list[dict[str, float]]) -> None:
    """Print the rows as a table."""
    print(f"{name:>8}" + "".join(f"{column:>13}" for column in CURVES))
    for value, row in zip(values, rows, strict=True):
        print(f"{value:8.4g}" + "".join(f"{row[column]:13.4f}" for column in CURVES))
    print()


def main(figure: str = "structure_or_ridge.png") -> None:
    """Print both tables, save the figure."""
    samples = [8, 16, 32, 40, 48, 56, 60, 64, 68, 72, 80, 96, 128, 256, 1024]
    by_samples = [excesses(world(), n) for n in samples]
    noises = [float(noise) for noise in np.logspace(-2, 2, 9)]
    by_noise = [excesses(world(noise), 2 * DIM) for noise in noises]
    table("samples", samples, by_samples)
    table("noise", noises, by_noise)

    from matplotlib.figure import Figure

    fig = Figure(figsize=(9.6, 4.2), layout="constrained")
    axes = fig.subplots(1, 2, sharey=True)
    panels = (
        (axes[0], samples, by_samples, "training samples n (noise variance 1)"),
        (axes[1], noises, by_noise, f"noise variance σ² (n = {2 * DIM})"),
    )
    for ax, values, rows, label in panels:
        for column, (name, colour, style) in CURVES.items():
            ax.plot(values, [row[column] for row in rows], style, color=colour, label=name)
        ax.set(xscale="log", yscale="log", ylim=(1e-3, 10), xlabel=label)
        ax.grid(visible=True, color="0.9", linewidth=0.8)
    axes[0].set_ylabel("expected excess risk (predicting zero: 1)")
    axes[1].legend(frameon=False, loc="lower right")
    fig.savefig(figure, dpi=150)
    print(f"figure in {figure}")


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Does structure beat tuned regularisation? Expected risks in closed form, no training runs.

Run it with ``python examples/structure_or_ridge.py [FIGURE]``; it takes about ten seconds.
"""

import sys

import numpy as np

import moetheory as mt
from moetheory.figures import furnish, style

DIM, EXPERTS = 64, 8
CURVES = {
    "dense": "dense, no ridge",
    "dense tuned": "dense, best ridge",
    "moe": "experts, no ridge",
    "moe tuned": "experts, best ridge",
}
TUNED = {"dense tuned": style.LOOKS["tuned"], "moe tuned": style.LOOKS["oracle"].another(1)}


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
    from scipy.interpolate import PchipInterpolator

    fig = Figure(figsize=(10.0, 4.6), layout="constrained")
    panels = fig.subplots(1, 2, sharey=True)
    swept = (
        mt.sweep(world(), "samples", samples),
        mt.sweep(world(), "noise_variance", noises, samples=2 * DIM),
    )
    titles = "Tuned experts beat tuned dense", "... at every noise"
    for ax, table_, rows, title in zip(panels, swept, (by_samples, by_noise), titles, strict=True):
        mt.plot(table_, ax, title=title)
        lines = []
        for column, look in TUNED.items():
            x, tuned = table_[table_.over], [row[column] for row in rows]
            fine = np.geomspace(x[0], x[-1], 200)
            smooth = np.exp(PchipInterpolator(np.log(x), np.log(tuned))(np.log(fine)))
            lines += ax.plot(fine, smooth, label=CURVES[column], **look.curve)
        ax.set(ylim=(2e-3, 20.0), ylabel="")
        furnish(ax, lines)
    panels[0].set_ylabel("expected excess risk (predicting zero: 1)")
    style.log_ticks(panels[0].yaxis)
    fig.savefig(figure, dpi=150)
    print(f"figure in {figure}")


if __name__ == "__main__":
    main(*sys.argv[1:])

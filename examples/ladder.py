"""How many experts for 16 groups? More are better, until the rarest groups have too few samples.

Between dense, one expert for all groups, and an expert for each there is a ladder: experts that
serve several groups. With infinitely many samples each step up lowers the risk. With few samples
the rarest groups are better off sharing an expert.

Run it with ``python examples/ladder.py [FIGURE]``; it takes a few seconds. Without a path it draws
nothing.
"""

import sys

import numpy as np

import moetheory as mt
from moetheory.figures import furnish, style

GROUPS = 16
SAMPLES = (None, 2000, 680)
SIMULATED = (1, 2, 4, 8, 12, 16)  # numbers of experts


def world() -> mt.BlockModel:
    """A model of 16 blocks of 8 coordinates; group g has probability proportional to 1/g."""
    equal = mt.BlockModel.isotropic(
        8 * GROUPS, GROUPS, noise_variance=1.0, signal_energy=16.0, label_noise_variance=2.0
    )
    weights = 1.0 / np.arange(1, GROUPS + 1)
    return equal.replace(group_probabilities=weights / weights.sum())


def name(samples: int | None) -> str:
    """What a table says of the samples."""
    return "infinite" if samples is None else f"n = {samples}"


def table(ladders: list[mt.BestAssignment]) -> None:
    """Print the excess risks of all numbers of experts, and who shares in the best mixture."""
    print("experts" + "".join(f"{name(each):>12}" for each in SAMPLES))
    for experts in range(1, GROUPS + 1):
        risks = (found.ladder[experts].excess for found in ladders)
        print(f"{experts:7}" + "".join(f"{risk:12.4f}" for risk in risks))
    for samples, found in zip(SAMPLES, ladders, strict=True):
        shared = " | ".join(" ".join(map(str, each)) for each in found.groups if len(each) > 1)
        print(f"{name(samples)}: best {found.experts} experts, sharing: {shared or 'none'}")


def simulated(found: mt.BestAssignment, model: mt.BlockModel) -> np.ndarray:
    """Simulated excess risks of some mixtures of a ladder, with 95 % intervals, three columns."""
    mixtures = [mt.MoE(assignment=found.ladder[experts].assignment) for experts in SIMULATED]
    if found.samples is None:
        model = model.replace(label_noise_variance=0.0)  # it adds to the risk, and noise
        estimates = mt.simulate(mixtures, model, replicates=20_000, rng=0)
    else:
        estimates = mt.simulate(mixtures, model, samples=found.samples, replicates=200, rng=0)
    rows = [(*each.interval(0.95), each.mean) for each in estimates]
    return np.array(rows) - model.label_noise_variance


def main(figure: str = "") -> None:
    """Print the table, save the figure if a path is given."""
    model = world()
    ladders = [mt.best_assignment(model, samples=samples) for samples in SAMPLES]
    table(ladders)
    if figure:
        from matplotlib.figure import Figure

        fig = Figure(figsize=(6.4, 4.4), layout="constrained")
        ax = fig.subplots()
        mt.plot(ladders, ax, title="With few samples the rarest groups share")
        for found in ladders:
            low, high, mean = simulated(found, model).T
            bars = mean - low, high - mean
            ax.errorbar(SIMULATED, mean, bars, fmt="s", ms=7.0, color=style.INK, mfc="none")
        furnish(ax, notes=["squares: simulated, 95 % intervals"])
        fig.savefig(figure, dpi=150)
        print(f"figure in {figure}")


if __name__ == "__main__":
    main(*sys.argv[1:])

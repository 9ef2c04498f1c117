"""How fast gradient descent converges, counted in three ways, and when to stop it early.

Run it with ``python examples/convergence.py [FIGURE]``; it takes a few seconds. Without a path it
draws nothing.
"""

import sys

import numpy as np

import moetheory as mt
from moetheory.figures import furnish, style

STEP = 0.02  # the step size of all learners
LEARNERS = {
    "dense": (mt.Dense(), "own", style.LOOKS["dense"]),
    "experts, own samples": (mt.MoE(), "own", style.LOOKS["oracle"]),
    "experts, jointly": (mt.MoE(), "joint", style.LOOKS["oracle"].another(1)),
}
COSTS = ("iterations", "samples", "multiplications")


def world() -> mt.BlockModel:
    """8 blocks of 8 directions each, whose variances fall like 1/rank."""
    return mt.BlockModel.power_law(
        64, 8, 1.0, decay=1.0, signal_energy=64.0, label_noise_variance=0.2
    )


def counts(model: mt.BlockModel) -> None:
    """Print the costs until 1 % of the possible reduction of the risk is left."""
    for title, size in ((f"step {STEP:g} for all", STEP), ("each at its best step", "optimal")):
        print(f"{title:24}" + "".join(f"{cost:>17}" for cost in COSTS))
        for name, (estimator, training, _) in LEARNERS.items():
            taken = (
                mt.steps_to(
                    estimator,
                    model,
                    0.01,
                    relative=True,
                    step_size=size,
                    training=training,
                    cost=cost,
                )
                for cost in COSTS
            )
            print(f"  {name:22}" + "".join(f"{each:17.0f}" for each in taken))


def stopped(model: mt.BlockModel, samples: int) -> list[mt.DescentEstimate]:
    """Simulated descent on training sets: dense, and experts trained jointly."""
    steps = np.unique(np.rint(np.geomspace(1, 1e5, 41)))
    both = [mt.Dense(), mt.MoE()]
    return mt.simulate_descent(
        both,
        model,
        steps,
        samples=samples,
        step_size=STEP,
        training="joint",
        replicates=1000,
        rng=0,
    )


def report(samples: int, paths: list[mt.DescentEstimate]) -> None:
    """Print after how many steps it is best to stop."""
    print(f"\n{samples} samples, 64 coordinates, 8 in each of 8 blocks")
    for name, path in zip(("dense", "experts, jointly"), paths, strict=True):
        best = path.best
        print(
            f"  {name:16} best after {best.steps:4} steps: risk {best.risk.mean:.3f} ± "
            f"{best.risk.sem:.3f}, after {path.steps[-1]}: {path.mean[-1]:.3f} ± {path.sem[-1]:.3f}"
        )


def draw(model: mt.BlockModel, found: dict[int, list[mt.DescentEstimate]], figure: str) -> None:
    """Draw risks against iterations and multiplications, and risks on training sets."""
    from matplotlib.figure import Figure

    fig = Figure(figsize=(12.0, 4.2), layout="constrained")
    axes = first, second, third = fig.subplots(1, 3)
    steps = np.unique(np.rint(np.geomspace(1, 1000, 200)))
    lines, stopped_lines = [], []
    for name, (estimator, training, look) in LEARNERS.items():
        path = mt.descent(estimator, model, steps, step_size=STEP, training=training)
        lines += first.loglog(path.steps, path.excess, label=name, **look.curve)
        second.loglog(path.cost("multiplications"), path.excess, **look.curve)
    both = LEARNERS["dense"][2], LEARNERS["experts, jointly"][2]
    for order, (samples, paths) in enumerate(found.items()):
        for name, path, look in zip(("dense", "experts"), paths, both, strict=True):
            curve = look.curve | {"linestyle": "-" if order else "--"}
            label = f"{name}, $n$ = {samples}"
            stopped_lines += third.plot(path.steps, path.mean, label=label, **curve)
            band = path.mean - 1.96 * path.sem, path.mean + 1.96 * path.sem
            third.fill_between(path.steps, *band, color=look.colour, alpha=0.2, linewidth=0.0)
            third.plot(path.best.steps, path.best.risk.mean, "o", color=look.colour)
    first.set(xlabel="iterations", ylabel="excess risk")
    second.set(xlabel="multiplications, a batch is one sample", ylim=first.get_ylim())
    third.set(xlabel="iterations", ylabel="risk", xscale="log", ylim=(0.2, 1.8))
    for ax in axes:
        style.log_ticks(ax.xaxis)
        style.dress(ax)
    style.log_ticks(first.yaxis, second.yaxis)
    facts = ["$d$ = 64", "$K$ = 8", r"$\sigma^2$ = 1", f"step {STEP:g}"]
    furnish(first, lines, title="Jointly trained experts start slowly", facts=facts)
    furnish(second, title="A multiplication goes further", facts=facts)
    notes = ["dots: best stopped here; bands: 95 % intervals"]
    furnish(third, stopped_lines, title="On training sets, stop early", facts=facts, notes=notes)
    fig.savefig(figure, dpi=150)
    print(f"figure in {figure}")


def main(figure: str = "") -> None:
    """Print both tables, save the figure if a path is given."""
    model = world()
    counts(model)
    found = {samples: stopped(model, samples) for samples in (32, 256)}
    for samples, paths in found.items():
        report(samples, paths)
    if figure:
        draw(model, found, figure)


if __name__ == "__main__":
    main(*sys.argv[1:])

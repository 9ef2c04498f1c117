"""The accuracies of probes under noise in one figure."""

from collections.abc import Sequence

from drops import CONTROL, EXPERTS, GLOBAL, SIGMAS, Case, accuracy, drop, interval, name
from matplotlib.figure import Figure

from moetheory.figures import furnish, style

LOOKS = dict(
    zip(
        (*GLOBAL, CONTROL, *EXPERTS),
        (
            *(style.LOOKS["tuned"].another(order) for order in range(len(GLOBAL))),
            style.neutral(0),
            style.LOOKS["oracle"],
            style.LOOKS["learned"],
            style.LOOKS["learned"].another(1),
            style.LOOKS["all features"],
        ),
        strict=True,
    )
)
SMALL = {"markersize": 4.5, "linewidth": 1.2}


def draw(cases: Sequence[Case]) -> Figure:
    """Draw accuracies and their drops, one column for each task, and the names beside them."""
    every = list(dict.fromkeys(case.task for case in cases))
    fig = Figure(figsize=(13.0, 6.6), layout="constrained")
    axes = fig.subplots(2, len(every) + 1, width_ratios=[1.0] * len(every) + [0.85])
    places = range(len(SIGMAS))
    for column, task in zip(axes.T, every, strict=False):
        classes = next(case.classes for case in cases if case.task == task)
        for ax, value in zip(column, (accuracy, drop), strict=True):
            for index, (probe, look) in enumerate(LOOKS.items()):
                mean, half = interval(value(cases, task, probe))
                x = [place + 0.05 * (index - 3.5) for place in places]
                ax.errorbar(x, mean, half, elinewidth=0.8, **look.curve | look.points | SMALL)
            ax.set_xticks(places, [f"{sigma:g}" for sigma in SIGMAS])
            style.dress(ax)
        column[0].axhline(100.0 / classes, color=style.MUTED, linewidth=1.0, linestyle=":")
        column[1].axhline(0.0, color=style.MUTED, linewidth=1.0)
        column[1].set_xlabel(r"$\sigma$ of the noise at test time")
        furnish(column[0], title=task, facts=[f"{classes} classes"])
    axes[0, 0].set_ylabel("accuracy, per cent")
    axes[1, 0].set_ylabel("drop, per cent of clean accuracy")
    for ax in axes[:, -1]:
        ax.set_axis_off()
        ax.set(xticks=[], yticks=[])
    beside = axes[0, -1]
    names = []
    for probe, look in LOOKS.items():
        label = name(probe).replace("μ", r"$\mu$").replace("σ", r"$\sigma$")
        names += beside.plot([], [], label=label, **look.curve | look.points)
    furnish(beside, names, notes=["bars: 95 % intervals over the parts", "dotted: chance"])
    return fig

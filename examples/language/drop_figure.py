"""The accuracies of probes under noise in one figure."""

from collections.abc import Sequence

from drops import CONTROL, EXPERTS, GLOBAL, SIGMAS, Case, accuracy, drop, interval, name
from matplotlib.figure import Figure

COLOURS = dict(
    zip(
        (*GLOBAL, CONTROL, *EXPERTS),
        ("#b2432f", "#d98a3d", "#8c5a2b", "#555555", "#1f5f8b", "#3a8f5c", "#7fbf9a", "#8a6fb0"),
        strict=True,
    )
)


def draw(cases: Sequence[Case], path: str) -> None:
    """Draw accuracies and their drops, one column for each task."""
    every = list(dict.fromkeys(case.task for case in cases))
    fig = Figure(figsize=(15, 7.6), layout="constrained")
    axes = fig.subplots(2, len(every))
    places = range(len(SIGMAS))
    for column, task in zip(axes.T, every, strict=True):
        chance = 100.0 / next(case.classes for case in cases if case.task == task)
        for ax, value in zip(column, (accuracy, drop), strict=True):
            for index, (probe, colour) in enumerate(COLOURS.items()):
                mean, half = interval(value(cases, task, probe))
                x = [place + 0.05 * (index - 3.5) for place in places]
                style = "s-" if probe in EXPERTS else "o--"
                ax.errorbar(
                    x,
                    mean,
                    half,
                    fmt=style,
                    ms=4,
                    lw=1.2,
                    elinewidth=0.8,
                    color=colour,
                    label=name(probe),
                )
            ax.set_xticks(places, [f"{sigma:g}" for sigma in SIGMAS])
            ax.grid(visible=True, color="0.9", linewidth=0.8)
        column[0].axhline(chance, color="0.5", lw=1, ls=":")
        column[0].set_title(task)
        column[1].axhline(0.0, color="0.5", lw=1)
        column[1].set_xlabel("σ of the noise at test time")
    axes[0, 0].set_ylabel("accuracy in per cent (dotted: chance)")
    axes[1, 0].set_ylabel("drop in per cent of the clean accuracy")
    lines = axes[0, 0].get_legend_handles_labels()
    fig.legend(*lines, loc="outside lower center", ncols=8, frameon=False)
    fig.savefig(path, dpi=100)

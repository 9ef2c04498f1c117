"""The cloze task in one figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from tables import Array, lead, risk

if TYPE_CHECKING:
    from cloze import Case
    from matplotlib.axes import Axes

BEYOND = 1.6  # times the most noise of the grid: where crossovers beyond it stand
NAMES = {
    "dense": ("dense", "#b2432f"),
    "moe(block)": ("experts told their groups", "#1f5f8b"),
    "moe(block, router)": ("experts behind a gate", "#3a8f5c"),
    "moe(all)": ("told, seeing all words", "#8a6fb0"),
    "moe(all, router)": ("behind a gate, all words", "#d98a3d"),
}


SPLITS = ("paragraph", "file")


def drawn(cases: Sequence[Case], missing: Array) -> dict[str, Any]:
    """The numbers that the figure is drawn from, rounded, as JSON has them."""
    noise = cases[0].audit.noise_variances
    found: dict[str, Any] = {"noise": _listed(noise), "missing": _listed(missing)}
    for by in SPLITS:
        own = [case for case in cases if case.by == by]
        found[by] = {
            "risk": {
                name: _pair(risk(own, f"{name}_predicted"), risk(own, f"{name}_measured"))
                for name in NAMES
            },
            "lead": {
                name: _pair(lead(own, name, "predicted"), lead(own, name, "measured"))
                for name in NAMES
                if name != "dense"
            },
            "missing": {
                name: _pair(
                    None if "router" in name else risk(own, f"{name}_predicted", "dropout"),
                    risk(own, name, "dropout"),
                )
                for name in NAMES
            },
        }
        both = [case.audit.crossovers["moe(block)"] for case in own]
        places = np.array([[each.predicted.begins, each.measured.begins] for each in both])
        # beyond the grid they stand at its ends; (cases, 2, value and interval)
        places = np.clip(places, noise[1], BEYOND * noise[-1])
        found[by]["crossovers"] = [[_listed(each) for each in pair] for pair in places]
    return found


def _listed(values: Array) -> list[float]:
    """Numbers to six digits."""
    return [float(f"{value:.6g}") for value in values]


def _pair(predicted: tuple[Array, Array] | None, measured: tuple[Array, Array]) -> dict[str, Any]:
    """Predicted values, if there is a formula, and measured ones with standard errors."""
    found = {"measured": _listed(measured[0]), "sem": _listed(measured[1])}
    return found if predicted is None else {"predicted": _listed(predicted[0]), **found}


def draw(cases: Sequence[Case], missing: Array, path: str) -> None:
    """Draw risks and leads under noise for both splits, risks without words, and crossovers."""
    by = {kind: [case for case in cases if case.by == kind] for kind in ("paragraph", "file")}
    fig = Figure(figsize=(15, 8.2), layout="constrained")
    axes = fig.subplots(2, 3)
    noise = cases[0].audit.noise_variances
    for row, (kind, own) in zip(axes, by.items(), strict=True):
        for name in NAMES:
            _draw(row[0], name, noise, risk(own, f"{name}_predicted")[0])
            _draw(row[0], name, noise, *risk(own, f"{name}_measured"))
            if name != "dense":
                _draw(row[1], name, noise, lead(own, name, "predicted")[0])
                _draw(row[1], name, noise, *lead(own, name, "measured"))
        row[1].axhline(0.0, color="0.5", lw=1)
        row[0].set_ylim(0.76, 1.12)  # without noise, experts on all words are far worse
        row[1].set_ylim(-0.16, 0.06)
        row[0].set(title=f"risk, held out by {kind}", ylabel="risk / variance of the labels")
        row[1].set(title=f"lead of experts over dense, by {kind}", ylabel="dense less experts")
        for ax in row[:2]:
            ax.set_xscale("symlog", linthresh=noise[1])
            ax.set_xlim(-0.2 * noise[1], 1.3 * noise[-1])
            ax.set_xlabel("noise variance of features of unit mean square")
    ax, own = axes[0, 2], by["paragraph"]
    for name in NAMES:
        if not name.endswith("router)"):
            _draw(ax, name, missing, risk(own, f"{name}_predicted", "dropout")[0])
        _draw(ax, name, missing, *risk(own, name, "dropout"))
    ax.set(title="words missing, by paragraph", xlabel="share of the words missing")
    _crossovers(axes[1, 2], by)
    lines = axes[0, 0].get_legend_handles_labels()
    title = "lines predicted, dots measured ± 2 errors"
    fig.legend(*lines, loc="outside lower center", ncols=len(NAMES), frameon=False, title=title)
    for ax in axes.flat:
        ax.grid(visible=True, color="0.9", linewidth=0.8)
    fig.savefig(path, dpi=100)


def _draw(ax: Axes, name: str, x: Array, values: Array, sems: Array | None = None) -> None:
    """Draw a line for predicted values, or dots with error bars for measured values."""
    label, colour = NAMES[name]
    if sems is None:
        ax.plot(x, values, color=colour, label=label)
    else:
        ax.errorbar(x, values, 2.0 * sems, fmt="o", ms=4, lw=1, color=colour)


def _crossovers(ax: Axes, by: dict[str, list[Case]]) -> None:
    """Draw the noise at which experts overtake dense, predicted and measured, with intervals."""
    noise = by["file"][0].audit.noise_variances
    low, high = float(noise[1]), 1.6 * float(noise[-1])  # beyond the grid
    for (kind, cases), colour in zip(by.items(), ("#1f5f8b", "#d9a08f"), strict=True):
        both = [case.audit.crossovers["moe(block)"] for case in cases]
        places = np.array([[p.predicted.begins, p.measured.begins] for p in both])
        places = np.clip(places, low, high)  # (cases, 2, value and interval)
        x, y = places[:, :, 0].T
        left, down = (places[:, :, 0] - places[:, :, 1]).T
        right, up = (places[:, :, 2] - places[:, :, 0]).T
        ax.errorbar(
            x, y, (down, up), (left, right), "o", ms=4, lw=0.4, color=colour, label=f"by {kind}"
        )
    ax.plot([low, high], [low, high], color="0.5", lw=1)
    ax.set(xscale="log", yscale="log", xlabel="predicted", ylabel="measured")
    ax.set_title("noise from which experts told their groups lead")
    ax.legend(frameon=False)

"""The cloze task in one figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from tables import Array, lead, risk

from moetheory.figures import furnish, style

if TYPE_CHECKING:
    from cloze import Case
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

BEYOND = 1.6  # times the most noise of the grid: where crossovers beyond it stand
NAMES = {
    "dense": "dense",
    "moe(block)": "experts told their groups",
    "moe(block, router)": "experts behind a gate",
    "moe(all)": "told, all words",
    "moe(all, router)": "gate, all words",
}
LOOKS = {
    "dense": style.LOOKS["dense"],
    "moe(block)": style.LOOKS["oracle"],
    "moe(block, router)": style.LOOKS["learned"],
    "moe(all)": style.LOOKS["all features"],
    "moe(all, router)": style.LOOKS["all features"].another(1),
}
NOTE = "lines: predicted; points: measured, two standard errors"
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


def draw(numbers: Mapping[str, Any]) -> Figure:
    """Draw risks and leads under noise for both splits, risks without words, and crossovers."""
    fig = Figure(figsize=(13.0, 8.0), layout="constrained")
    axes = fig.subplots(2, 3)
    noise = numbers["noise"]
    for (first, second, _), by in zip(axes, SPLITS, strict=True):
        names = [_draw(first, name, noise, each) for name, each in numbers[by]["risk"].items()]
        for name, each in numbers[by]["lead"].items():
            _draw(second, name, noise, each)
        second.axhline(0.0, color=LOOKS["dense"].colour, linewidth=1.0)
        first.set(ylabel="risk / variance of the labels")
        first.set_ylim(0.76, 1.12)  # without noise, experts on all words are far worse
        second.set(ylabel="risk of dense less that of experts", ylim=(-0.16, 0.06))
        for ax in (first, second):
            ax.set_xscale("symlog", linthresh=noise[1])
            ax.set_xlim(-0.2 * noise[1], 1.3 * noise[-1])
            style.set_ticks(ax.xaxis, [0.0, 0.1, 1.0, 10.0])
            ax.set_xlabel("noise variance, of features of mean square 1")
            style.dress(ax)
        furnish(first, title=f"Risk, held out by {by}", notes=[NOTE])
        own = names if by == SPLITS[0] else ()
        furnish(second, own, title=f"Lead over dense, by {by}", notes=[NOTE])
    missing = axes[0, 2]
    for name, each in numbers["paragraph"]["missing"].items():
        _draw(missing, name, numbers["missing"], each)
    missing.set(
        xlabel="share of the words that are missing", ylabel="risk / variance of the labels"
    )
    style.dress(missing)
    furnish(missing, title="Words missing, by paragraph", notes=[NOTE])
    _crossovers(axes[1, 2], numbers)
    return fig


def _draw(ax: Axes, name: str, x: Sequence[float], values: Mapping[str, Any]) -> Line2D:
    """Draw predicted values as a line, if there are any, and measured ones as points."""
    look = LOOKS[name]
    if "predicted" in values:
        ax.plot(x, values["predicted"], **look.curve)
    else:
        ax.plot(x, values["measured"], ":", color=look.colour, linewidth=1.0)
    two = 2.0 * np.array(values["sem"])
    ax.errorbar(x, values["measured"], two, linestyle="none", elinewidth=1.0, **look.points)
    (line,) = ax.plot([], [], label=NAMES[name], **look.curve | look.points)
    return line


def _crossovers(ax: Axes, numbers: Mapping[str, Any]) -> None:
    """Draw the noise at which experts overtake dense, predicted and measured, with intervals."""
    noise = numbers["noise"]
    ends = [noise[1], BEYOND * noise[-1]]
    points = []
    for order, by in enumerate(SPLITS):
        places = np.array(numbers[by]["crossovers"])  # (cases, 2, value and interval)
        x, y = places[:, :, 0].T
        (left, down), (right, up) = (
            np.abs(places[:, :, side] - places[:, :, 0]).T for side in (1, 2)
        )
        look = style.neutral(order)
        ax.errorbar(x, y, (down, up), (left, right), "none", elinewidth=0.4, ecolor=look.colour)
        ax.plot(x, y, linestyle="none", **look.points)
        points += ax.plot([], [], linestyle="none", label=f"by {by}", **look.points)
    ax.plot(ends, ends, color=style.MUTED, linewidth=1.0)
    ax.set(xscale="log", yscale="log", xlabel="predicted noise variance", ylabel="measured")
    style.log_ticks(ax.xaxis, ax.yaxis)
    style.dress(ax)
    furnish(
        ax,
        points,
        title="Where experts overtake dense",
        notes=["told their groups; 95 % intervals", "on the edges: beyond the grid"],
    )

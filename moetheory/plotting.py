"""Figures of results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from moetheory.results import Sweep, student_quantile

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS = {"dense": "#b2432f", "moe": "#1f5f8b"}
_MARKERS = ("s", "o", "^", "v", "D")
_NAMES = {"dense": "dense", "moe": "mixture of experts"}
_AXES = {"experts": "number of experts K", "noise_variance": "noise variance σ²"}


def plot(result: Sweep, ax: Axes | None = None) -> Axes:
    """Draw a result; what is drawn depends on its type.

    Sweep: excess risk against the swept quantity, both axes logarithmic where all values are
    positive; closed forms as lines, simulations as points with 95 % intervals, the upper bound
    dashed.

    Parameters
    ----------
    result : Sweep
    ax : matplotlib.axes.Axes, optional
        A new figure's if not given.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from moetheory import BlockModel, sweep
    >>> model = BlockModel.isotropic(8, 4, 1.0, signal_energy=8.0)
    >>> ax = plot(sweep(model, "noise_variance", [0.5, 1.0, 2.0]))
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('noise variance σ²', 'excess risk')
    """
    if not isinstance(result, Sweep):
        raise ValueError(f"result must be a Sweep, got {type(result).__name__}")
    if ax is None:
        from matplotlib import pyplot

        _, ax = pyplot.subplots(figsize=(6.4, 4.4), layout="constrained")
    _draw_sweep(result, ax)
    return ax


def _draw_sweep(result: Sweep, ax: Axes) -> None:
    from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter

    order_of_x = np.argsort(result[result.over], kind="stable")
    columns = {name: column[order_of_x] for name, column in result.columns.items()}
    x = columns[result.over]
    lone: dict[str, Any] = {"marker": "_", "markersize": 14.0} if len(x) == 1 else {}
    suffixes = ("_simulated", "_sem")
    labels = [
        name
        for name in result.columns
        if name not in (result.over, "bound") and not name.endswith(suffixes)
    ]
    for order, label in enumerate(labels):
        colour = _COLOURS.get(label, f"C{order + 2}")
        ax.plot(x, columns[label], color=colour, label=_NAMES.get(label, label), zorder=2, **lone)
        if result.replicates:
            half = student_quantile(0.025, result.replicates - 1) * columns[f"{label}_sem"]
            ax.errorbar(
                x,
                columns[f"{label}_simulated"],
                yerr=half,
                fmt=_MARKERS[order % len(_MARKERS)],
                markersize=6.5 - 2.5 * order if order < 2 else 4,
                markerfacecolor="none" if order == 0 else colour,
                capsize=3,
                color=colour,
                label=f"{_NAMES.get(label, label)}, simulated (95 %)",
                zorder=3,
            )
    if "bound" in result.columns:
        bound = columns["bound"]
        by_k = result.over == "experts" and np.allclose(bound * x, bound[0] * x[0])
        ax.plot(
            x,
            bound,
            color="0.45",
            linestyle="--",
            label="1/K bound" if by_k else "upper bound for experts",
            zorder=1,
            **lone,
        )
    if np.all(x > 0):
        ax.set_xscale("log")
    drawn = [name for name in columns if name != result.over and not name.endswith("_sem")]
    if all(np.all(columns[name] > 0) for name in drawn):
        ax.set_yscale("log")
    if result.over == "experts":
        ax.xaxis.set_major_locator(FixedLocator([float(k) for k in _spread(x)]))
        ax.xaxis.set_minor_locator(NullLocator())
        ax.xaxis.set_major_formatter(StrMethodFormatter("{x:.0f}"))
    ax.set_xlabel(_AXES.get(result.over, result.over.replace("_", " ")))
    ax.set_ylabel("excess risk")
    ax.legend(frameon=False)
    ax.grid(visible=True, which="major", color="0.9", linewidth=0.8)
    ax.set_axisbelow(True)


def _spread(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> list[float]:
    """Those of ``values`` that are at least a factor 1.4 above the last one kept."""
    kept: list[float] = []
    for value in sorted(values.tolist()):
        if not kept or value >= 1.4 * kept[-1]:
            kept.append(value)
    return kept

"""The function `plot`, and the figure of a sweep."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from moetheory.auditing import Audit
from moetheory.common.errors import ArgumentError, ArgumentTypeError
from moetheory.figures.audit_figure import draw_audit
from moetheory.figures.labels import NINETY_FIVE, literal
from moetheory.figures.sweep_curves import SYMBOLS, Curve
from moetheory.problem.estimators import routes_by_input
from moetheory.results.tables import Sweep

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_AXES = {
    "experts": "number of experts K",
    "noise_variance": r"noise variance $\sigma^2$",
    "samples": "training samples n",
    "steps": "steps t of gradient descent",
    "test_noise_variance": f"test noise variance {SYMBOLS['test_noise_variance']}",
    "misrouting": r"misrouting rate $\varepsilon$",
    "leakage": r"leakage $\alpha$ ($\nu = \alpha^2\lambda$)",
    "interference": r"interference $\alpha$ ($\kappa = \alpha^2\lambda$)",
    "overlap": r"overlap $\alpha$ (noise $+\,\alpha^2\lambda$)",
    "erasure": r"erasure probability $\tau$",
    "radius": "radius of the worst-case shift",
}
SIZE = (6.4, 4.4)  # of a new figure, inches
COUNTS = ("samples", "steps")
RATES = ("misrouting", "erasure")
AMPLITUDES = ("leakage", "interference", "overlap")
LINEAR_RISKS = (*RATES, "test_noise_variance")  # over these risks are straight lines
DECADES = 10.0  # a span of amplitudes and radii, or of steps from 0, drawn logarithmically
RATE_TICKS = 6  # at most, so that small ones have room for their digits
FEW_TICKS, MANY_DECADES = 4, 1e4  # values that are all named; a span of powers of ten alone
MANY_ENTRIES, LONG_ENTRY = 6, 20  # of a legend, which is then above; letters, of three columns
SPIKE, SPIKE_LOG = 6.0, 60.0  # heights are drawn up to so many times the median one


def plot(result: Sweep | Audit, ax: Axes | None = None) -> Axes:
    """Draw a result; what is drawn depends on its type.

    Sweep: excess risk against the swept quantity, both axes logarithmic where all values are
    positive (but not for rates, over which risks are straight lines; many steps of descent from 1
    on, if the first is 0); theory as lines, with a band of ± its estimated error where it
    is asymptotic; simulations as points with 95 % intervals (none where the variance is infinite),
    joined by a dotted line where theory has no formula; the upper bound dashed. Where a risk is
    infinite its line has a gap between dotted verticals, and its simulation, which estimates
    nothing there, is left out; heights far above the others are cut off.

    Audit: risk against the variance of the noise that is added; predictions as lines, held-out
    samples as points with 95 % intervals. Where experts begin or cease to lead over dense, the
    prediction is a dashed line and the 95 % interval of the measurement a band.

    Parameters
    ----------
    result : Sweep or Audit
    ax : matplotlib.axes.Axes, optional
        The axes to draw on; those of a new figure if not given.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        The result is not of these types or has no curves, or ``ax`` is not a single Axes.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from moetheory import BlockModel, sweep
    >>> model = BlockModel.isotropic(8, 4, 1.0, signal_energy=8.0)
    >>> ax = plot(sweep(model, "noise_variance", [0.5, 1.0, 2.0]))
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('noise variance $\\\\sigma^2$', 'excess risk')
    """
    if not isinstance(result, Sweep | Audit):
        raise ArgumentTypeError(
            "result", f"must be a Sweep or an Audit, got {type(result).__name__}"
        )
    if isinstance(result, Sweep) and not result.estimators:
        raise ArgumentError(
            "result", "must be a Sweep with its estimators, got none: there is no curve"
        )
    if ax is None:
        from matplotlib import pyplot

        _, ax = pyplot.subplots(figsize=SIZE, layout="constrained")
    else:
        _require_axes(ax)
    if isinstance(result, Audit):
        draw_audit(result, ax)
    else:
        _draw_sweep(result, ax)
    return ax


def _require_axes(ax: Any) -> None:
    """Refuse what is not a single Axes, and say how to come by one."""
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase

    got = f"{type(ax).__name__}"
    if isinstance(ax, Axes):
        if ax.name not in ("3d", "polar"):
            return
        got = f"{ax.name} axes"
    elif isinstance(ax, FigureBase):
        got += ": pass figure.add_subplot()"
    elif isinstance(ax, np.ndarray | list | tuple):
        array = np.asarray(ax, dtype=object)
        index = ", ".join("0" * array.ndim)
        got = f"an array of {array.size}"
        got += f": pass one of them, axes[{index}]" if index and array.size else ""
    raise ArgumentTypeError("ax", f"must be a single matplotlib Axes, got {got}")


def _draw_sweep(result: Sweep, ax: Axes) -> None:
    order_of_x = np.argsort(result[result.over], kind="stable")
    columns = {name: column[order_of_x] for name, column in result.columns.items()}
    result = replace(result, columns=columns)
    x = result[result.over]
    curves = [Curve(result, each, order) for order, each in enumerate(result.estimators)]
    look: dict[str, Any] = {"marker": "_", "markersize": 14.0} if len(x) == 1 else {}
    for curve in curves:
        curve.draw_theory(ax, look)
        curve.draw_simulations(ax)
    if "bound" in columns:
        bound = columns["bound"]
        by_k = result.over == "experts" and np.allclose(bound * x, bound[0] * x[0])
        subject = "oracle gate" if any(map(routes_by_input, result.estimators)) else "experts"
        ax.plot(
            x,
            bound,
            color="0.45",
            linestyle="--",
            label="1/K bound" if by_k else f"upper bound for {subject}",
            zorder=1,
            **look,
        )
    heights = np.concatenate([*(c.heights for c in curves), columns.get("bound", x[:0])])
    _scale_axes(ax, result.over, x, heights)
    _label_axes(ax, result.over, x)
    ax.grid(visible=True, which="major", color="0.9", linewidth=0.8)
    ax.set_axisbelow(True)
    if result.over == "samples" or any(curve.has_errors_or_infinities for curve in curves):
        _limit_heights(ax, curves)
        for curve in curves:
            curve.draw_errors(ax)
            curve.draw_infinities(ax)
    elif len(ax.get_legend_handles_labels()[0]) < MANY_ENTRIES:
        ax.legend(frameon=False)
        return
    _legend_above(ax, curves)


def _limit_heights(ax: Axes, curves: list[Curve]) -> None:
    """Limit the heights by the closed forms, so that a spike does not flatten all curves."""
    finite = np.concatenate(
        [
            curve.heights if curve.lacks_formula else curve.theory[np.isfinite(curve.theory)]
            for curve in curves
        ]
    )
    if not finite.size:
        ax.set_yticks([])
        ax.text(0.5, 0.5, "infinite at every value", transform=ax.transAxes, ha="center")
        return
    low, middle, high = (float(each) for each in np.quantile(finite, [0.0, 0.5, 1.0]))
    if ax.get_yscale() == "log":
        ax.set_ylim(low / 1.5, 1.5 * min(high, SPIKE_LOG * middle))
    else:
        ax.set_ylim(min(low, 0.0), 1.1 * min(high, SPIKE * middle) or 1.0)


def _legend_above(ax: Axes, curves: list[Curve]) -> None:
    """Put the legend above the axes, where peaks or many entries leave no room inside.

    The entries of a curve stand together; more than two curves have one entry each.
    """
    from matplotlib.lines import Line2D

    artists, labels = ax.get_legend_handles_labels()
    found: dict[str, Any] = dict(zip(labels, artists, strict=True))
    entries: list[list[tuple[str, Any]]] = []
    blank = ("", Line2D([], [], linestyle="none"))
    many, points = len(curves) > 2, None
    for curve in curves:
        line, band = found.pop(curve.name), found.pop(curve.name_with_error, None)
        name = curve.name if band is None else curve.name_with_error
        if many:
            points = found.pop(curve.name_of_simulations, (None,))[0]  # without their intervals
        handle = tuple(each for each in (band, line, points) if each is not None)
        others = (curve.name_of_simulations, curve.name_of_infinities)
        entries.append([(name, handle), *((o, found.pop(o)) for o in others if o in found)])
    if points is not None:
        found[f"points: simulated ({NINETY_FIVE})"] = blank[1]
    longest = 0 if many else max(map(len, entries))
    # blanks let each curve begin a column; all other entries come last
    shown = [entry for each in entries for entry in each + [blank] * (longest - len(each))]
    names, handles = zip(*shown, *found.items(), strict=True)
    ax.legend(
        handles,
        names,
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        ncols=3 if many and max(map(len, names)) <= LONG_ENTRY else 2,
        frameon=False,
        fontsize="small",
    )


def _scale_axes(ax: Axes, over: str, x: NDArray[Any], heights: NDArray[Any]) -> None:
    """Scale positive values logarithmically, except rates, short spans and straight lines."""
    narrow = over in (*AMPLITUDES, "radius") and x[-1] < DECADES * x[0]
    in_decades = np.all(x > 0) and over not in RATES and not narrow
    if in_decades:
        ax.set_xscale("log")
    elif _spans_decades_from_zero(over, x):
        ax.set_xscale("symlog", linthresh=1.0)
    straight = over in LINEAR_RISKS and not in_decades
    if heights.size and np.all(heights > 0) and not straight:
        ax.set_yscale("log")
    elif straight and np.all(heights >= 0):
        ax.set_ylim(bottom=0.0)


def _spans_decades_from_zero(over: str, x: NDArray[Any]) -> bool:
    """Whether steps from 0 span decades, so that only the first is drawn linearly."""
    return bool(over == "steps" and x[0] == 0 and x[-1] >= DECADES)


def _label_axes(ax: Axes, over: str, x: NDArray[Any]) -> None:
    from matplotlib.ticker import (
        FixedLocator,
        LogLocator,
        MaxNLocator,
        NullLocator,
        StrMethodFormatter,
        SymmetricalLogLocator,
    )

    span = x[-1] / max(x[0], 1.0)  # of what is counted
    if over == "experts":
        ax.xaxis.set_major_locator(FixedLocator([float(k) for k in _spaced_ticks(x)]))
    elif over in COUNTS and len(x) <= FEW_TICKS:
        if x[0] > 0:
            ax.set_xlim(x[0] / 1.5, x[-1] * 1.5)
        ax.xaxis.set_major_locator(FixedLocator([float(n) for n in x]))
    elif over in COUNTS and span < 10.0:
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    elif over in COUNTS and span < MANY_DECADES:
        subs = [1.0, 2.0, 5.0]
        ax.xaxis.set_major_locator(
            SymmetricalLogLocator(base=10.0, linthresh=1.0, subs=subs)
            if _spans_decades_from_zero(over, x)
            else LogLocator(subs=subs)
        )
    elif over in RATES:
        ax.xaxis.set_major_locator(MaxNLocator(RATE_TICKS))
    if over in ("experts", *COUNTS) and span < MANY_DECADES:
        ax.xaxis.set_minor_locator(NullLocator())
        ax.xaxis.set_major_formatter(StrMethodFormatter("{x:.0f}"))
    ax.set_xlabel(_AXES.get(over, literal(over.replace("_", " "))))
    ax.set_ylabel("excess risk")


def _spaced_ticks(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> list[float]:
    """The ticks among ``values``, each at least a factor 1.4 above the previous one."""
    ticks: list[float] = []
    for value in sorted(values.tolist()):
        if not ticks or value >= 1.4 * ticks[-1]:
            ticks.append(value)
    return ticks

"""Spines and ticks that end where the data do, and the sizes of axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from moetheory.figures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

Span = tuple[float, float]
_NARROW = 2.8  # inches
ACROSS, UP = 0.04, 0.06  # shares of the axes that are room at each end


def figure_of(ax: Axes) -> Figure:
    """The figure on which axes are, not a part of it."""
    return cast("Figure", ax.get_figure(root=True))


def dots_per_inch(ax: Axes) -> float:
    """The resolution of the figure on which axes are."""
    return float(figure_of(ax).dpi)


def letters(ax: Axes) -> float:
    """The size of words beside the data, in points: smaller on narrow axes."""
    return style.SMALL if inches(ax) >= _NARROW else style.SMALL - 2.0


def inches(ax: Axes) -> float:
    """The width of axes."""
    return float(ax.get_window_extent().width) / dots_per_inch(ax)


def slot(ax: Axes) -> tuple[float, float]:
    """The width and the height of the part of the figure that axes have, in points."""
    figure, spec = figure_of(ax), ax.get_subplotspec()
    box = ax.get_position() if spec is None else spec.get_position(figure)
    return 72.0 * figure.get_figwidth() * box.width, 72.0 * figure.get_figheight() * box.height


def roomy(low: float, high: float, share: float, *, log: bool, least: float = 1.0) -> Span:
    """Limits with room at both ends, a ``share`` of the length of the axis.

    On a logarithmic axis the factor at each end is at least ``least``; a single value has room too
    on a linear one.

    >>> roomy(1.0, 100.0, 0.5, log=True), roomy(0.0, 10.0, 0.1, log=False)
    ((0.1, 1000.0), (-1.0, 11.0))
    """
    if log:
        factor = max((high / low) ** share, least)
        return low / factor, high * factor
    room = share * (high - low) or 0.1 * abs(high) or 1.0
    return low - room, high + room


def frame(ax: Axes, x: Span | None = None, y: Span | None = None) -> None:
    """Let spines and ticks end where the data do, so that there is room for words.

    An axis without a span has its spine along all of it.
    """
    for side, span, axis in (("bottom", x, ax.xaxis), ("left", y, ax.yaxis)):
        low, high = sorted(axis.get_view_interval() if span is None else span)
        ax.spines[side].set_bounds(low, high)
        start, end = _shares(axis, low, high)
        across = ax.yaxis if side == "bottom" else ax.xaxis
        for tick in across.get_major_ticks():  # the grid too
            (tick.gridline.set_xdata if side == "bottom" else tick.gridline.set_ydata)([start, end])
        if side == "bottom":
            axis.label.set_x((start + end) / 2.0)
        else:
            axis.label.set_y((start + end) / 2.0)
        if span is not None:
            ticks = [float(tick) for tick in axis.get_majorticklocs()]
            labels = axis.get_major_formatter().format_ticks(ticks)
            inside = [(t, s) for t, s in zip(ticks, labels, strict=True) if low <= t <= high]
            axis.set_ticks([t for t, _ in inside], [s for _, s in inside])


def _shares(axis: Axis, *values: float) -> list[float]:
    """Where values are on an axis, as shares of its length."""
    to_scale = axis.get_transform()
    first, last, *places = (
        float(to_scale.transform(each)) for each in (*axis.get_view_interval(), *values)
    )
    return [(place - first) / (last - first) for place in places]

"""The words in a figure: title, subtitle, names of curves. They cover no data.

Whatever is drawn on a figure later changes the room that axes have. So all axes of a figure are
furnished anew with each drawing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np

from moetheory.figures.captions import caption
from moetheory.figures.end_names import name_ends
from moetheory.figures.frames import Span, figure_of, frame
from moetheory.figures.legends import legend_beside

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D


@dataclass
class _Furniture:
    """What stands on axes beside the data."""

    curves: dict[str, Line2D] = field(default_factory=dict)
    title: str = ""
    facts: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    placed: list[Artist] = field(default_factory=list)
    # limits of both axes: those that were given, and those with room for names
    given: tuple[Span, Span] | None = None
    made: tuple[Span, Span] | None = None

    def clear(self, ax: Axes) -> None:
        """Remove what was placed, and give back its room."""
        for artist in self.placed:
            if artist.axes is not None:
                artist.remove()
        self.placed.clear()
        if self.given is not None and self.made is not None:
            if self.made[0] == ax.get_xlim():
                ax.set_xlim(self.given[0])
            if self.made[1] == ax.get_ylim():
                ax.set_ylim(self.given[1])
            frame(ax)
        self.given = self.made = None

    def write_caption(self, ax: Axes) -> None:
        """Write title and subtitle."""
        self.placed += caption(ax, self.title, self.facts, self.notes)

    def name_curves(self, ax: Axes) -> None:
        """Write the names at the ends of their curves if they fit, else into a legend."""
        if not self.curves:
            return
        limits = ax.get_xlim(), ax.get_ylim()
        names = name_ends(ax, self.curves) or [legend_beside(ax, self.curves)]
        for name in names:  # axes that made room for them beyond their edge would shrink
            name.set_in_layout(False)
        self.placed += names
        made = ax.get_xlim(), ax.get_ylim()
        if made != limits:
            self.given, self.made = limits, made


_LATER: ContextVar[bool] = ContextVar("later", default=False)
_FURNISHED: WeakKeyDictionary[Axes, _Furniture] = WeakKeyDictionary()
_SPANS: WeakKeyDictionary[Axes, dict[str, list[Span]]] = WeakKeyDictionary()  # of data


def furnish(
    ax: Axes,
    curves: Iterable[Line2D] = (),
    *,
    title: str | None = None,
    facts: Sequence[str] | None = None,
    notes: Sequence[str] = (),
) -> None:
    """Name curves, by their labels, and caption axes; what is there already stays.

    It comes last, when limits and scales of the axes are set.

    Parameters
    ----------
    ax : Axes
    curves : iterable of Line2D
        Each label is shown once, at the end of its curve or else in a legend.
    title : str, optional
    facts : sequence of str
        What the figure holds for, such as "d = 64"; of several drawings those that all share. None
        says nothing, and leaves those that are there.
    notes : sequence of str
        How to read the figure, such as "points: simulated".
    """
    first = ax not in _FURNISHED
    own = _FURNISHED.setdefault(ax, _Furniture())
    for line in curves:
        own.curves.setdefault(str(line.get_label()), line)
    own.title = own.title if title is None else title
    if facts is not None:
        own.facts = list(facts) if first else [each for each in own.facts if each in facts]
    own.notes += [each for each in notes if each not in own.notes]
    if not _LATER.get():
        refurnish(figure_of(ax))


@contextmanager
def furnished_at_once(figure: Figure) -> Iterator[None]:
    """Place the words of several drawings on a figure at the end, and not after each of them."""
    token = _LATER.set(True)
    try:
        yield
    finally:
        _LATER.reset(token)
    refurnish(figure)


def data_limits(ax: Axes) -> tuple[Span, Span]:
    """The limits of both axes without the room that was made for words."""
    own = _FURNISHED.get(ax)
    if own is None or own.given is None or own.made != (ax.get_xlim(), ax.get_ylim()):
        return ax.get_xlim(), ax.get_ylim()
    return own.given


def set_widths(ax: Axes, low: float, high: float) -> None:
    """Set the limits across; those of what is on the axes, or shares them, stay in view."""
    ax.set_xlim(*_widened(ax, "x", ax.get_shared_x_axes().get_siblings(ax), (low, high)))


def set_heights(ax: Axes, low: float, high: float) -> None:
    """Set the limits of heights; those of what is on the axes, or shares them, stay in view."""
    ax.set_ylim(*_widened(ax, "y", ax.get_shared_y_axes().get_siblings(ax), (low, high)))


def _widened(ax: Axes, along: str, alike: Iterable[Axes], span: Span) -> Span:
    """The span of the data of axes and of those that share them."""
    _SPANS.setdefault(ax, {}).setdefault(along, []).append(span)
    spans = [each for one in alike for each in _SPANS.get(one, {}).get(along, [])]
    return min(low for low, _ in spans), max(high for _, high in spans)


def refurnish(figure: Figure) -> None:
    """Place all words of a figure anew, for the room that its axes now have."""
    furnished = {each: _FURNISHED[each] for each in figure.axes if each in _FURNISHED}
    sizes = _sizes(figure, furnished)
    for _ in range(2):  # the second time the width of the axes is known
        for ax, own in furnished.items():
            own.clear(ax)
            own.write_caption(ax)
        before, sizes = sizes, _sizes(figure, furnished)
        if sizes == before:
            break
    for ax, own in furnished.items():
        own.name_curves(ax)
    if _sizes(figure, furnished) != sizes:  # ticks went with the room for names
        for ax, own in furnished.items():
            own.clear(ax)
            own.write_caption(ax)
            own.name_curves(ax)


def _sizes(figure: Figure, axes: Iterable[Axes]) -> list[tuple[float, ...]]:
    """Where axes are once the figure is laid out, in pixels."""
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
    return [tuple(np.round(ax.get_window_extent().extents, 1)) for ax in axes]

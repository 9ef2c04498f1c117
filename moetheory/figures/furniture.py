"""The words in a figure: title, subtitle, names of curves. They cover no data.

Whatever is drawn on a figure later changes the room that axes have. So all axes of a figure are
furnished anew with each drawing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

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
        self.placed += name_ends(ax, self.curves) or [legend_beside(ax, self.curves)]
        made = ax.get_xlim(), ax.get_ylim()
        if made != limits:
            self.given, self.made = limits, made


_FURNISHED: WeakKeyDictionary[Axes, _Furniture] = WeakKeyDictionary()


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
    refurnish(figure_of(ax))


def refurnish(figure: Figure) -> None:
    """Place all words of a figure anew, for the room that its axes now have."""
    furnished = {each: _FURNISHED[each] for each in figure.axes if each in _FURNISHED}
    for _ in range(2):  # the second time the width of the axes is known
        for ax, own in furnished.items():
            own.clear(ax)
            own.write_caption(ax)
        engine = figure.get_layout_engine()
        if engine is not None:
            engine.execute(figure)
    for ax, own in furnished.items():
        own.name_curves(ax)

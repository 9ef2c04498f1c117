"""Titles and subtitles of axes."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from moetheory.figures import style
from moetheory.figures.frames import dots_per_inch, letters, slot

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

CAPTION = "caption"  # group id
_LETTER, _BOLD = 0.52, 0.66  # width of a letter, of its size
_BETWEEN = 5.0  # points between title and subtitle
_SHARE = 0.3  # of the height that axes have, for the subtitle


def caption(ax: Axes, title: str, facts: Sequence[str], notes: Sequence[str]) -> list[Artist]:
    """Write title and subtitle above the axes, in lines as wide as these."""
    size = letters(ax)
    room = ax.get_window_extent().width * 72.0 / dots_per_inch(ax)
    width = max(16, int(room / (_LETTER * size)))
    headline = _wrapped(title, max(16, int(room / (_BOLD * style.TITLE))))
    lines = _wrapped(", ".join(facts), width)
    most = _SHARE * slot(ax)[1] / (1.3 * size)
    for note in notes:  # those that fit
        own = _wrapped(note, width)
        lines += own if len(lines) + len(own) <= most else []
    placed: list[Artist] = []
    height = 4.0
    for text, points, colour, weight in (
        ("\n".join(lines), size, style.MUTED, "normal"),
        ("\n".join(headline), style.TITLE, style.INK, "bold"),
    ):
        if text:
            written = ax.annotate(
                text,
                (0.0, 1.0),
                (0.0, height),
                xycoords="axes fraction",
                textcoords="offset points",
                ha="left",
                va="bottom",
                fontsize=points,
                fontweight=weight,
                color=colour,
                linespacing=1.25,
                annotation_clip=False,
                gid=CAPTION,
            )
            height += written.get_window_extent().height * 72.0 / dots_per_inch(ax) + _BETWEEN
            placed.append(written)
    return placed


def _wrapped(text: str, width: int) -> list[str]:
    """A text in lines; mathematics is as wide as it looks, and is not broken."""
    glued = text.replace("$ = ", "$\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}")
    # what has no space is broken, unless it is mathematics, which is narrower than its letters
    lines = textwrap.wrap(glued, width, break_long_words="$" not in text, break_on_hyphens=False)
    return [line.replace("\N{NO-BREAK SPACE}", " ") for line in lines]

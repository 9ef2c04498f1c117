"""Titles and subtitles of axes."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from moetheory.figures import style
from moetheory.figures.frames import dots_per_inch

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

CAPTION = "caption"  # group id
_LETTER = 0.52  # width of a letter, of its size


def caption(ax: Axes, title: str, facts: Sequence[str], notes: Sequence[str]) -> list[Artist]:
    """Write title and subtitle above the axes, in lines as wide as these."""
    points = ax.get_window_extent().width * 72.0 / dots_per_inch(ax)
    letters = max(16, int(points / (_LETTER * style.SMALL)))
    lines = [
        line for text in (", ".join(facts), *notes) if text for line in _wrapped(text, letters)
    ]
    placed: list[Artist] = []
    height = 4.0
    for text, size, colour, weight in (
        ("\n".join(lines), style.SMALL, style.MUTED, "normal"),
        (title, style.TITLE, style.INK, "bold"),
    ):
        if text:
            placed.append(
                ax.annotate(
                    text,
                    (0.0, 1.0),
                    (0.0, height),
                    xycoords="axes fraction",
                    textcoords="offset points",
                    ha="left",
                    va="bottom",
                    fontsize=size,
                    fontweight=weight,
                    color=colour,
                    linespacing=1.25,
                    annotation_clip=False,
                    gid=CAPTION,
                )
            )
            height += 1.3 * size * (text.count("\n") + 1) + 2.0
    return placed


def _wrapped(text: str, letters: int) -> list[str]:
    """A text in lines; mathematics is as wide as it looks, and is not broken."""
    glued = text.replace("$ = ", "$\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}")
    return textwrap.wrap(glued, letters, break_long_words=False, break_on_hyphens=False)

"""The figure of a verdict: what speaks for each claim."""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

from moetheory.checking.verdicts import ClaimPoint, ClaimVerdict, Verdict
from moetheory.figures import style
from moetheory.figures.frames import letters, slot
from moetheory.figures.furniture import furnish
from moetheory.figures.labels import literal
from moetheory.figures.obstacles import BACKGROUND
from moetheory.figures.series import Series

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HEAD = "head of a column"  # group id
_PROVED, _SLACK, _Z = 0.0, 2.0, 4.6  # where columns have their middle, in units of the data
_REACH = 1.35  # of a column to both sides: what is beyond 1 is drawn there
_SHARE = 0.4  # of the width that axes have, for the names of claims
_NARROW, _AROUND = 300.0, 100.0  # points: small letters below; above and below the rows
SLACK = "slack: (right - left)/(|left| + |right|); shaded: left <= right"
DEVIATION = "deviation: simulated, z over its threshold; shaded: chance"
OPEN = "open: too few replicates to decide"


def height(result: Verdict) -> float:
    """The height of a figure that has a row for each claim, in inches."""
    return max(2.0 + 0.42 * len(result.claims), 3.0)


def draw_verdict(result: Verdict, ax: Axes, title: str | None, series: Series) -> None:
    """Draw a row for each claim: whether it is proved, its slack, and its simulations."""
    claims = result.claims
    ax.set_xlim(_PROVED - 0.7, _Z + _REACH)
    ax.set_ylim(len(claims) - 0.5, -1.0)
    for row in range(len(claims)):
        ax.axhline(row, color=style.GRID, linewidth=0.8, zorder=0, gid=BACKGROUND)
    for middle, reach in ((_SLACK, 1.0), (_Z, 1.0)):
        ax.axvspan(
            middle if middle == _SLACK else middle - reach,
            middle + reach,
            color=style.MUTED,
            alpha=0.12,
            linewidth=0.0,
            zorder=0,
            gid=BACKGROUND,
        )
    for row, claim in enumerate(claims):
        _draw_claim(ax, row, claim)
    style.dress(ax, grid="none")
    _tick(ax, claims)
    notes = [literal(result.reason)] if result.reason else []
    if any(_slack(point) is not None for claim in claims for point in claim.points):
        notes.append(SLACK)
    notes += [DEVIATION] * bool(result.comparisons)
    notes += [OPEN] * any(not each.decides for each in result.comparisons)
    furnish(
        ax, title=result.theorem if title is None else title, facts=[result.status], notes=notes
    )


def _draw_claim(ax: Axes, row: int, claim: ClaimVerdict) -> None:
    """Draw the row of one claim."""
    colour = style.ALARM if claim.status == "violated" else style.INK
    points: dict[str, Any] = {"linestyle": "none", "markersize": style.MARKER, "zorder": 3}
    if claim.proved:
        ax.plot(_PROVED, row, marker="o", color=colour, **{**points, "markersize": 8.0})
    slacks = [each for each in map(_slack, claim.points) if each is not None]
    if slacks:
        x = _SLACK + np.clip(slacks, -_REACH, _REACH)
        ax.plot(x, np.full(len(x), row), marker="|", color=colour, markeredgewidth=1.8, **points)
    found = [point.comparison for point in claim.points if point.comparison is not None]
    for decides in (True, False):
        own = [each.z / each.threshold for each in found if each.decides is decides]
        if own:
            x = _Z + np.clip(own, -_REACH * 0.95, _REACH * 0.95)
            face = colour if decides else "white"
            look: dict[str, Any] = {"marker": "D", "color": colour, "markerfacecolor": face}
            ax.plot(x, np.full(len(x), row), **look, **points)


def _slack(point: ClaimPoint) -> float | None:
    """The slack as a share of both sides; None where it cannot be had."""
    if point.left is None or point.right is None or point.holds is None:
        return None
    if not (math.isfinite(point.left) and math.isfinite(point.right)):
        return None
    size = abs(point.left) + abs(point.right)
    return (point.right - point.left) / size if size else 0.0


def _tick(ax: Axes, claims: tuple[ClaimVerdict, ...]) -> None:
    """Write the names of claims beside their rows, and scales below the columns."""
    width, high = slot(ax)
    size = style.SMALL - (1.0 if width > _NARROW else 2.5)
    wide = max(12, int(_SHARE * width / (0.55 * size)))
    lines = max(1, int((high - _AROUND) / (len(claims) + 1) / (1.2 * size))) if claims else 1
    names = [
        "\n".join(textwrap.wrap(literal(claim.name), wide, max_lines=lines, placeholder=" ..."))
        for claim in claims
    ]
    ax.set_yticks(range(len(claims)), names)
    for label, claim in zip(ax.get_yticklabels(), claims, strict=True):
        label.set_color(style.ALARM if claim.status == "violated" else style.INK)
        label.set_fontsize(size)
    ticks = [_SLACK - 1.0, _SLACK, _SLACK + 1.0, _Z - 1.0, _Z, _Z + 1.0]
    ax.set_xticks(ticks, ["-1", "0", "1"] * 2)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.spines["bottom"].set_visible(False)
    for middle, name in ((_PROVED, "proved"), (_SLACK, "slack"), (_Z, "deviation")):
        ax.text(
            middle,
            -0.75,
            name,
            ha="center",
            va="center",
            fontsize=letters(ax),
            color=style.INK,
            fontweight="bold",
            gid=HEAD,
        )

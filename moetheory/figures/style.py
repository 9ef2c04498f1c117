"""The one place that decides how figures look: colours, markers, lines, spines, ticks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.figures.numbers import plain
from moetheory.problem.custom_estimators import Custom
from moetheory.problem.estimators import Dense, Simulated
from moetheory.problem.gates import Hard, Learned, Oracle, Soft

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.colors import Colormap

SIZE = (6.4, 4.4)  # of a figure with one panel, inches
INK, MUTED, GRID = "#222222", "#666666", "#e4e4e4"
ALARM = "#c3002f"  # of what is violated
TITLE, SMALL = 12.0, 9.0  # points
LINE, MARKER = 2.0, 5.5
Meaning = Literal["dense", "tuned", "oracle", "hard", "soft", "learned", "all features", "other"]
Dashes = str | tuple[float, tuple[float, ...]]
_DASHED, _DASH_DOT, _DOTTED = (0.0, (4.0, 1.5)), (0.0, (6.0, 1.5, 1.5, 1.5)), (0.0, (1.2, 1.2))
_LONG, _DASH_DOT_DOT = (0.0, (8.0, 2.0)), (0.0, (5.0, 1.2, 1.2, 1.2, 1.2, 1.2))
DASHES: tuple[Dashes, ...] = ("-", _DASHED, _DOTTED, _DASH_DOT)  # where they have a meaning
_MORE: tuple[tuple[str, Dashes], ...] = (  # markers and lines of others of the same meaning
    ("d", _LONG),
    ("p", _DASHED),
    ("h", _DOTTED),
    ("*", _DASH_DOT_DOT),
    ("<", _DASH_DOT),
    (">", "-"),
)
_GREYS = (INK, "#7a7a7a", "#a6a6a6")


@dataclass(frozen=True)
class Look:
    """How the curve of an estimator is drawn.

    Parameters
    ----------
    colour : str
    marker : str
    line : str or tuple
        The line style of theory.
    filled : bool
        Whether markers are filled.
    """

    colour: str
    marker: str
    line: Dashes
    filled: bool = True

    def another(self, order: int) -> Look:
        """The look of one more of the same meaning; 0 is the first, which has this look.

        >>> LOOKS["oracle"].another(0) == LOOKS["oracle"]
        True
        >>> LOOKS["oracle"].another(1).colour == LOOKS["oracle"].colour
        True
        """
        if order == 0:
            return self
        marker, line = _MORE[(order - 1) % len(_MORE)]
        return replace(self, marker=marker, line=line, filled=False)

    @property
    def curve(self) -> dict[str, Any]:
        """The keywords of Matplotlib for a curve."""
        return {"color": self.colour, "linestyle": self.line, "linewidth": LINE}

    @property
    def intervals(self) -> dict[str, Any]:
        """The keywords of Matplotlib for points with intervals."""
        return {**self.points, "linestyle": "none", "elinewidth": 1.2, "markeredgewidth": 1.2}

    @property
    def points(self) -> dict[str, Any]:
        """The keywords of Matplotlib for points."""
        return {
            "marker": self.marker,
            "markersize": MARKER,
            "markerfacecolor": self.colour if self.filled else "white",
            "color": self.colour,
        }


LOOKS: dict[Meaning, Look] = {
    "dense": Look("#ae1e1b", "s", "-"),
    "tuned": Look("#ef8c89", "D", _LONG),
    "oracle": Look("#003b95", "o", "-"),
    "hard": Look("#c27e00", "v", _DASHED),
    "soft": Look("#048354", "^", _DASH_DOT),
    "learned": Look("#3f1050", "P", _DOTTED),
    "all features": Look("#6ad1ef", "X", _DASH_DOT_DOT),
    "other": Look("#111111", "*", _LONG),
}


def meaning_of(estimator: Simulated) -> Meaning:
    """What an estimator is to the reader of a figure.

    >>> from moetheory import MoE
    >>> [meaning_of(each) for each in (Dense(), Dense(ridge=0.1), MoE(), MoE(gate=Hard()))]
    ['dense', 'tuned', 'oracle', 'hard']
    """
    if isinstance(estimator, Custom):
        return "other"
    if isinstance(estimator, Dense):
        return "tuned" if estimator.ridge else "dense"
    match estimator.gate:
        case Oracle():
            return "oracle"
        case Hard():
            return "hard"
        case Soft():
            return "soft"
        case Learned():
            return "learned"
        case _:
            return "other"


def look_of(estimator: Simulated, among: Sequence[Simulated] = ()) -> Look:
    """The look of an estimator: always the same, but for others of its meaning drawn before it.

    >>> from moetheory import MoE
    >>> look_of(MoE()) == look_of(MoE(), [Dense(), MoE(shared=True), MoE()])
    True
    >>> look_of(MoE(shared=True), [MoE(), MoE(shared=True)]) == LOOKS["oracle"].another(1)
    True
    """
    meaning = meaning_of(estimator)
    alike = [each for each in among if meaning_of(each) == meaning]
    plain = [each for each in alike if _is_plain(each)]
    others = [each for each in alike if each not in plain]
    order = [*plain, *others].index(estimator) if estimator in alike else 0
    return LOOKS[meaning].another(order)


def neutral(order: int) -> Look:
    """The look of what has no meaning of its own, as one of several curves.

    >>> neutral(0).colour != neutral(1).colour
    True
    """
    look = LOOKS["other"].another(order) if order else Look(INK, "o", "-")
    return replace(look, colour=_GREYS[order % len(_GREYS)])


def shades() -> Colormap:
    """Shades from white to dark, of one hue, for heat maps."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list(
        "shades", ["#ffffff", "#7fa3d6", LOOKS["oracle"].colour]
    )


def _is_plain(estimator: Simulated) -> bool:
    """Whether it is the estimator that a reader thinks of first, with no setting of its own."""
    return not isinstance(estimator, Custom) and estimator.label in (
        "dense",
        "moe",
        "moe(hard)",
        "moe(soft)",
    )


def ink_of(colour: str) -> str:
    """A colour for text: the same hue, dark enough to be read on white.

    >>> ink_of(LOOKS["dense"].colour)
    '#ae1e1b'
    """
    from matplotlib.colors import to_hex, to_rgb

    red, green, blue = to_rgb(colour)
    light = 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2
    most = 0.18  # of a luminance that has a contrast of 4.5 against white
    factor = 1.0 if light <= most else (most / light) ** (1.0 / 2.2)
    return to_hex((factor * red, factor * green, factor * blue))


def dress(ax: Axes, grid: Literal["x", "y", "both", "none"] = "y") -> None:
    """Give axes their spines, ticks and grid."""
    from matplotlib.ticker import FuncFormatter, ScalarFormatter

    for side, spine in ax.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(MUTED)
        spine.set_linewidth(0.8)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_tick_params(which="both", colors=MUTED, labelcolor=INK, labelsize=SMALL)
        axis.label.set_color(INK)
        axis.label.set_fontsize(10.0)
        if axis.get_scale() == "linear" and isinstance(axis.get_major_formatter(), ScalarFormatter):
            size = max(map(abs, axis.get_view_interval()))
            if not 1e-3 <= size < 1e6:  # what is factored out would stand upon the subtitle
                axis.set_major_formatter(FuncFormatter(lambda value, _: plain(value, 6)))
    ax.grid(visible=False)
    if grid != "none":
        ax.grid(visible=True, which="major", axis=grid, color=GRID, linewidth=0.8)
    ax.set_axisbelow(True)


def set_ticks(axis: Axis, values: Sequence[float]) -> None:
    """Set the ticks of an axis to ``values`` alone, written as plain numbers."""
    axis.set_ticks(list(values), [f"{value:g}" for value in values])
    axis.set_ticks([], minor=True)


def log_ticks(*axes: Axis) -> None:
    """Ticks of logarithmic axes that can be read: plain numbers, at least two, not too many."""
    for axis in axes:
        _log_ticks(axis)


def _log_ticks(axis: Axis) -> None:
    """Ticks of one axis."""
    from matplotlib.ticker import (
        FixedLocator,
        FuncFormatter,
        LogFormatterMathtext,
        LogLocator,
        MaxNLocator,
        NullFormatter,
        NullLocator,
    )

    low, high = sorted(axis.get_view_interval())
    decades = math.log10(high / low)
    if decades > 5.0:
        axis.set_major_locator(LogLocator(numticks=7))
        axis.set_major_formatter(LogFormatterMathtext())
        axis.set_minor_locator(NullLocator())
        return
    choices: tuple[tuple[float, ...], ...] = (
        (1.0,),
        (1.0, 3.0),
        (1.0, 2.0, 5.0),
        (1.0, 1.5, 2.0, 3.0, 5.0, 7.0),
    )
    powers = 10.0 ** np.arange(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for steps in choices:
        ticks = np.outer(powers, steps).ravel()
        ticks = ticks[(ticks >= low) & (ticks <= high)]
        if len(ticks) >= 3:
            break
    else:
        ticks = np.array(MaxNLocator(5, steps=[1, 2, 5, 10]).tick_values(low, high))
        ticks = ticks[(ticks >= low) & (ticks <= high)]
    axis.set_major_locator(FixedLocator(ticks.tolist()))
    axis.set_major_formatter(FuncFormatter(lambda value, _: plain(value, 6)))
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())


def spaced(values: FloatArray | IntArray, factor: float = 1.4) -> list[float]:
    """Ticks among ``values``, each at least a ``factor`` above the previous one.

    >>> import numpy as np
    >>> spaced(np.array([1, 2, 3, 4, 5, 6, 10]))
    [1.0, 2.0, 3.0, 5.0, 10.0]
    """
    ticks: list[float] = []
    for value in sorted(values.tolist()):
        if not ticks or value >= factor * ticks[-1]:
            ticks.append(float(value))
    return ticks

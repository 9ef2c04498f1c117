"""The function `plot`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from moetheory.auditing import Audit
from moetheory.common.errors import ArgumentError, ArgumentTypeError
from moetheory.common.validation import shown
from moetheory.figures import style
from moetheory.figures.audit_figure import draw_audit
from moetheory.figures.estimator_names import name_in_legend
from moetheory.figures.ladder_figure import draw_ladder
from moetheory.figures.law_figure import draw_law
from moetheory.figures.map_figure import draw_map
from moetheory.figures.series import Series
from moetheory.figures.sweep_figure import draw_sweep
from moetheory.problem.custom_estimators import Custom
from moetheory.problem.estimators import Dense, MoE, Simulated
from moetheory.results.assignments import BestAssignment
from moetheory.results.maps import PhaseMap
from moetheory.results.routed_law import LawEnds
from moetheory.results.tables import Sweep

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Panel = Callable[[Any, "Axes", "str | None", Series], None]
# what can be drawn: each type with its panels, the first of which is drawn on single axes
_PANELS: dict[type, dict[str, Panel]] = {
    Sweep: {"risk": draw_sweep},
    Audit: {"risk": draw_audit},
    BestAssignment: {"risk": draw_ladder},
    LawEnds: {"risk": draw_law},
    PhaseMap: {"map": draw_map},
}


def plot(
    result: Any,
    ax: Axes | Mapping[str, Axes] | None = None,
    *,
    title: str | None = None,
    label: str | Simulated | Sequence[str | Simulated] | None = None,
) -> Any:
    """Draw a result; what is drawn depends on its type.

    Sweep: excess risk against the swept quantity, both axes logarithmic where all values are
    positive (but not for rates, over which risks are straight lines; many steps of descent from 1
    on, if the first is 0); theory as lines, with a band of ± its estimated error where it
    is asymptotic; simulations as points with 95 % intervals (none where the variance is infinite),
    joined by a dotted line where theory has no formula; the upper bound dashed. Where a risk is
    infinite its line has a gap between dotted verticals, and its simulation, which estimates
    nothing there, is left out; heights far above the others are cut off. Of a sweep with the loss
    "sign" the accuracy is drawn, 1 less the misclassification, on a linear axis.

    Audit: risk against the variance of the noise that is added; predictions as lines, held-out
    samples as points with 95 % intervals. Where experts begin or cease to lead over dense, the
    prediction is a dashed line and the 95 % interval of the measurement a band.

    BestAssignment: excess risk of the best assignments against the number of experts, the axis of
    risks logarithmic if they are far apart; a band where the risk is asymptotic, a star where it
    is least. On axes with such a figure it becomes a second curve.

    LawEnds: excess risk of the gate, of the oracle and the bound against the number of experts,
    both axes logarithmic; a line that falls like 1/K, dotted, which optimal experts with oracle
    routing approach; a circle at the last K up to which the gate, or the bound, is within the
    factor of the oracle, a square if that is the last K of all with a finite risk. On axes with
    such a figure of the same d, signal energy, noise variance and factor the gate becomes a curve
    of its own, experts fitted on samples dashed.

    PhaseMap: each cell has the colour of the estimator that wins there, paler the nearer both risks
    are; beyond the ends of the colour bar colours stay the same. The border is a line. Cells
    without a formula are hatched, those in which asymptotic formulas do not tell who wins are
    dotted. Of a second map on the same axes the border alone is drawn.

    Parameters
    ----------
    result : Sweep, Audit, BestAssignment, LawEnds or PhaseMap
    ax : matplotlib.axes.Axes, optional
        The axes to draw on; those of a new figure if not given.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        The result is not of these types or has no curves, ``ax`` is not a single Axes, or there is
        a `LawEnds` of another d, signal energy, noise variance or factor on it.

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
    results = _results(result)
    panels = _PANELS[type(results[0])]
    series = _series(results, label, listed=result is not results[0])
    if title is not None and not isinstance(title, str):
        raise ArgumentTypeError("title", f"must be a text, got {shown(title)}")
    axes = _axes_of(panels, ax)
    for name, own in axes.items():
        for each, place in zip(results, series, strict=True):
            panels[name](each, own, title if name == next(iter(axes)) else None, place)
    return axes if len(panels) > 1 and not _is_axes(ax) else next(iter(axes.values()))


def _results(result: Any) -> list[Any]:
    """The results to be drawn, of one type that can be."""
    listed = isinstance(result, list | tuple) and not isinstance(result, tuple(_PANELS))
    results = list(result) if listed else [result]
    if not results:
        raise ArgumentError("result", "must be at least one result, got an empty list")
    for each in results:
        if type(each) not in _PANELS:
            known = ", ".join(kind.__name__ for kind in _PANELS)
            raise ArgumentTypeError(
                "result", f"must be one of {known}, or a list of one kind, got {shown(each)}"
            )
        if type(each) is not type(results[0]):
            kinds = f"{type(results[0]).__name__} and {type(each).__name__}"
            raise ArgumentTypeError("result", f"must be a list of one kind, got {kinds}")
        if isinstance(each, Sweep) and not each.estimators:
            raise ArgumentError(
                "result", "must be a Sweep with its estimators, got none: there is no curve"
            )
    return results


def _series(results: list[Any], label: Any, *, listed: bool) -> list[Series]:
    """The place of each result among those on the same axes."""
    if label is None:
        given: list[Any] = [""] * len(results)
    elif isinstance(label, list | tuple) and listed:
        given = list(label)
    else:
        given = [label]
    if len(given) != len(results):
        raise ArgumentError(
            "label", f"must be one for each of the {len(results)} results, got {shown(label)}"
        )
    known = [each for each in given if isinstance(each, Dense | MoE | Custom)]
    places = []
    for order, each in enumerate(given):
        if isinstance(each, Dense | MoE | Custom):
            look = style.look_of(each, known)
            places.append(Series(order, name_in_legend(each, known), look))
        elif isinstance(each, str):
            places.append(Series(order, each))
        else:
            raise ArgumentTypeError(
                "label", f"must be a text or an estimator for each result, got {shown(each)}"
            )
    return places


def _axes_of(panels: Mapping[str, Panel], ax: Any) -> dict[str, Axes]:
    """The axes of each panel that is to be drawn."""
    names = ", ".join(map(repr, panels))
    if ax is None:
        from matplotlib import pyplot

        width, height = style.SIZE
        size = (width * (1.0 + 0.6 * (len(panels) - 1)), height)
        _, new = pyplot.subplots(1, len(panels), figsize=size, layout="constrained", squeeze=False)
        return dict(zip(panels, new[0].tolist(), strict=True))
    if not isinstance(ax, Mapping):
        _require_axes(ax)
        return {next(iter(panels)): ax}
    unknown = [name for name in ax if name not in panels]
    if unknown or not ax:
        raise ArgumentError("ax", f"must name panels among {names}, got {shown(list(ax))}")
    for each in ax.values():
        _require_axes(each)
    return dict(ax)


def _is_axes(ax: Any) -> bool:
    """Whether single axes were given."""
    return ax is not None and not isinstance(ax, Mapping)


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

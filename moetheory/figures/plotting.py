"""The function `plot`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from moetheory.auditing import Audit
from moetheory.checking.verdicts import Verdict
from moetheory.common.errors import ArgumentError, ArgumentTypeError
from moetheory.common.validation import shown
from moetheory.figures import style
from moetheory.figures.audit_figure import draw_audit
from moetheory.figures.descent_figure import draw_descent, draw_descent_estimate
from moetheory.figures.distribution_figure import draw_distribution
from moetheory.figures.estimator_names import name_in_legend
from moetheory.figures.frames import figure_of
from moetheory.figures.furniture import furnished_at_once
from moetheory.figures.group_figure import draw_groups
from moetheory.figures.labels import readable
from moetheory.figures.ladder_figure import draw_ladder
from moetheory.figures.law_figure import draw_law
from moetheory.figures.map_figure import draw_map
from moetheory.figures.obstacles import BACKGROUND
from moetheory.figures.quantities import differences
from moetheory.figures.routing_figure import draw_routing
from moetheory.figures.series import SERIES, Series
from moetheory.figures.spectrum_figure import draw_overlaps, draw_values
from moetheory.figures.sweep_figure import draw_sweep
from moetheory.figures.verdict_figure import draw_verdict, height
from moetheory.problem.custom_estimators import Custom
from moetheory.problem.estimators import Dense, MoE, Simulated
from moetheory.results.assignments import BestAssignment
from moetheory.results.descents import Descent, DescentEstimate
from moetheory.results.estimates import Estimate, Estimates
from moetheory.results.maps import PhaseMap
from moetheory.results.risks import Misclassification, Risk, RoutingMatrix
from moetheory.results.routed_law import LawEnds
from moetheory.results.tables import Sweep
from moetheory.theory.risk_distributions import RiskDistribution
from moetheory.theory.spiked_spectra import SpikedSpectrum

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Label = str | Simulated
Panel = Callable[[Any, "Axes", "str | None", Series], None]
# what can be drawn: each type with its panels, the first of which is drawn on single axes
_PANELS: dict[type, dict[str, Panel]] = {
    Sweep: {"risk": draw_sweep},
    Audit: {"risk": draw_audit},
    BestAssignment: {"risk": draw_ladder},
    LawEnds: {"risk": draw_law},
    PhaseMap: {"map": draw_map},
    Risk: {"groups": draw_groups},
    Misclassification: {"groups": draw_groups},
    Estimate: {"groups": draw_groups},
    Descent: {"risk": draw_descent},
    DescentEstimate: {"risk": draw_descent_estimate},
    RoutingMatrix: {"routing": draw_routing},
    RiskDistribution: {"risk": draw_distribution},
    SpikedSpectrum: {"values": draw_values, "overlaps": draw_overlaps},
    Verdict: {"claims": draw_verdict},
}
_ALONE = (RoutingMatrix, Verdict)  # what fills its axes


@overload
def plot(
    result: SpikedSpectrum | Sequence[SpikedSpectrum],
    ax: Mapping[str, Axes] | None = None,
    *,
    title: str | None = None,
    label: Label | Sequence[Label] | None = None,
) -> dict[str, Axes]: ...
@overload
def plot(
    result: Any,
    ax: Axes | Mapping[str, Axes] | None = None,
    *,
    title: str | None = None,
    label: Label | Sequence[Label] | None = None,
) -> Axes: ...
def plot(
    result: Any,
    ax: Axes | Mapping[str, Axes] | None = None,
    *,
    title: str | None = None,
    label: Label | Sequence[Label] | None = None,
) -> Any:
    """Draw a result, or several of one kind on the same axes.

    - `Sweep`: risk over the swept quantity, theory as lines, simulations as points with 95 %
      intervals; shaded where a risk is infinite.
    - `Risk`, `Misclassification`, `Estimate`, `Estimates`: a dot for each group, the mean a line.
    - `Descent`, `DescentEstimate`: risk over the steps; of estimates also the best stop.
    - `RiskDistribution`: the probability of larger risks; median, mean and 95 % quantile.
    - `RoutingMatrix`: a heat map of groups and experts.
    - `LawEnds`: gate, oracle and bound over the number of experts, and where the law ends.
    - `BestAssignment`: the least risk over the number of experts.
    - `SpikedSpectrum`: "values", squared singular values observed over clean ones; "overlaps" of
      singular vectors.
    - `Audit`: risks predicted and measured over feature noise, and where leads change.
    - `Verdict`: a row for each claim, what speaks for it; violated ones are red.
    - `PhaseMap`: who wins where and by how much; of a second one on the same axes the border.

    What a figure holds for, and how to read it, is in its subtitle. Colours belong to estimators,
    and are the same in all figures.

    Parameters
    ----------
    result : one of these, or a list of one kind
    ax : matplotlib.axes.Axes or mapping of str to Axes, optional
        The axes to draw on; those of a new figure if not given. Of a result with several panels
        single axes get the first, a mapping those that it names. What is on axes stays.
    title : str, optional
    label : str, Dense, MoE or Custom, or a list of these, optional
        What tells results on the same axes apart. An estimator gives its name and its look. If
        not given, numbers in which sweeps or maps differ.

    Returns
    -------
    matplotlib.axes.Axes, or dict of str to Axes
        A dict for a result with several panels, unless single axes were given.

    Raises
    ------
    ValueError
        There is no result or no curve; results do not fit on the same axes, as laws of another d;
        ``label`` has another length; ``ax`` names other panels.
    TypeError
        The result is not of these types, or results are of several; ``ax``, ``title`` or ``label``
        is of another type.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from moetheory import BlockModel, Dense, MoE, risk, sweep
    >>> model = BlockModel.isotropic(8, 4, 1.0, signal_energy=8.0)
    >>> ax = plot(sweep(model, "noise_variance", [0.5, 1.0, 2.0]))
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('noise variance $\\\\sigma^2$', 'excess risk')
    >>> both = [Dense(), MoE()]
    >>> ax = plot([risk(each, model) for each in both], label=both, title="Who errs where")
    """
    results, listed = _results(result)
    panels = _PANELS[type(results[0])]
    if title is not None and not isinstance(title, str):
        raise ArgumentTypeError("title", f"must be a text, got {shown(title)}")
    names = result.names if isinstance(result, Estimates) else ()
    labels = _labels(results, label, names, listed=listed)
    axes = _axes_of(panels, ax, results[0])
    first = next(iter(axes.values()))
    series = _series(labels, _already(first, results[0]))
    title = None if title is None else readable(title)
    several = len(axes) * len(results) > 1
    with furnished_at_once(figure_of(first)) if several else nullcontext():
        for name, own in axes.items():
            for each, place in zip(results, series, strict=True):
                panels[name](each, own, title if own is first else None, place)
    return axes if len(panels) > 1 and not _is_axes(ax) else first


def _already(ax: Axes, result: Any) -> int:
    """The results on axes from which another has to be told apart."""
    if isinstance(result, Sweep):  # by colours, if they have no estimator in common
        own = {style.look_of(each, result.estimators).colour for each in result.estimators}
        if own.isdisjoint(line.get_color() for line in ax.get_lines()):
            return 0
    if isinstance(result, PhaseMap):  # the cells of the first are not drawn over
        return int(any(each.get_gid() == BACKGROUND for each in ax.collections))
    return sum(line.get_gid() == SERIES for line in ax.get_lines())


def _results(result: Any) -> tuple[list[Any], bool]:
    """The results to be drawn, of one type that can be, and whether they came as several."""
    listed = isinstance(result, list | tuple | Estimates) and not isinstance(result, tuple(_PANELS))
    results = list(result) if listed else [result]
    if not results:
        raise ArgumentError("result", "must be at least one result, got an empty list")
    known = ", ".join([*(kind.__name__ for kind in _PANELS), Estimates.__name__])
    for each in results:
        if type(each) not in _PANELS:
            of = "a list with " if listed else ""
            raise ArgumentTypeError(
                "result", f"must be one of {known}, or a list of one kind, got {of}{shown(each)}"
            )
        if type(each) is not type(results[0]):
            kinds = f"{type(results[0]).__name__} and {type(each).__name__}"
            raise ArgumentTypeError("result", f"must be a list of one kind, got {kinds}")
        if isinstance(each, Sweep) and not each.estimators:
            raise ArgumentError(
                "result", "must be a Sweep with its estimators, got none: there is no curve"
            )
    _require_same_axes(results)
    if isinstance(results[0], _ALONE) and len(results) > 1:
        kind = type(results[0]).__name__
        raise ArgumentError(
            "result", f"must be one {kind}, which fills its axes, got {len(results)} of them"
        )
    return results, listed


def _require_same_axes(results: list[Any]) -> None:
    """Refuse sweeps and maps over several quantities, which have no axes in common."""
    if isinstance(results[0], Sweep | PhaseMap):
        names = ("over", "loss") if isinstance(results[0], Sweep) else ("x", "y")
        found = [" and ".join(getattr(each, name) for name in names) for each in results]
        if len(set(found)) > 1:
            raise ArgumentError(
                "result",
                f"must be a list with one {' and one '.join(names)}, got {', '.join(found)}",
            )


def _labels(results: list[Any], label: Any, names: Sequence[Label], *, listed: bool) -> list[Label]:
    """A label for each result: those given, else their ``names``, else in what they differ."""
    if label is None:
        return list(names or differences([getattr(each, "setting", {}) for each in results]))
    given = list(label) if isinstance(label, list | tuple) and listed else [label]
    if len(given) != len(results):
        raise ArgumentError(
            "label", f"must be one for each of the {len(results)} results, got {shown(label)}"
        )
    for each in given:
        if not isinstance(each, str | Dense | MoE | Custom):
            raise ArgumentTypeError(
                "label", f"must be a text or an estimator for each result, got {shown(each)}"
            )
    return given


def _series(labels: list[Label], before: int) -> list[Series]:
    """The place of each result among those on the same axes, after those that are there."""
    known = [each for each in labels if not isinstance(each, str)]
    among = before + len(labels)
    return [
        Series(order, readable(each), None, among)
        if isinstance(each, str)
        else Series(order, name_in_legend(each, known), style.look_of(each, known), among)
        for order, each in enumerate(labels, start=before)
    ]


def _axes_of(panels: Mapping[str, Panel], ax: Any, result: Any) -> dict[str, Axes]:
    """The axes of each panel that is to be drawn."""
    names = ", ".join(map(repr, panels))
    if ax is None:
        from matplotlib import pyplot

        width, high = style.SIZE
        if isinstance(result, Verdict):
            width, high = 1.25 * width, height(result)
        size = (width * (1.0 + 0.6 * (len(panels) - 1)), high)
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

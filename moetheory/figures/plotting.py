"""The function `plot`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from moetheory.auditing import Audit
from moetheory.common.errors import ArgumentError, ArgumentTypeError
from moetheory.figures.audit_figure import draw_audit
from moetheory.figures.ladder_figure import draw_ladder
from moetheory.figures.law_figure import draw_law
from moetheory.figures.sweep_figure import draw_sweep
from moetheory.results.assignments import BestAssignment
from moetheory.results.routed_law import LawEnds
from moetheory.results.tables import Sweep

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIZE = (6.4, 4.4)  # of a new figure, inches


def plot(result: Sweep | Audit | BestAssignment | LawEnds, ax: Axes | None = None) -> Axes:
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

    Parameters
    ----------
    result : Sweep, Audit, BestAssignment or LawEnds
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
    if not isinstance(result, Sweep | Audit | BestAssignment | LawEnds):
        raise ArgumentTypeError(
            "result",
            "must be a Sweep, an Audit, a BestAssignment or a LawEnds, "
            f"got {type(result).__name__}",
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
    elif isinstance(result, BestAssignment):
        draw_ladder(result, ax)
    elif isinstance(result, LawEnds):
        draw_law(result, ax)
    else:
        draw_sweep(result, ax)
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

r"""The overlap ablation: ten accuracies from two fitted numbers and the number of experts.

Two classes are the signs of the label. Overlap adds noise to the features, :math:`r + c\alpha^2`
in units of the signal. K equal blocks have the accuracies (docs/theory.md §12)

.. math:: 1-\frac1\pi\arccos\frac1{\sqrt{1+N}}, \qquad N_{\mathrm{MoE}} = r + c\alpha^2, \qquad
          N_{\mathrm{dense}} = KN_{\mathrm{MoE}} ,

and if interference on inactive blocks alone grows, :math:`N_{\mathrm{MoE}} = r` and
:math:`N_{\mathrm{dense}} = Kr + (K-1)c\alpha^2`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from moetheory.common.arrays import FloatArray
from moetheory.figures import furnish, plot, quantities, style
from moetheory.paper.declaration import Computed, Fact, Row
from moetheory.problem.estimators import Dense, MoE
from moetheory.problem.model import BlockModel
from moetheory.results.tables import Sweep
from moetheory.sweeping import sweep
from moetheory.theory.misclassifications import misclassification

if TYPE_CHECKING:
    from matplotlib.figure import Figure

OVERLAPS = np.array([0.0, 0.1, 0.3, 0.5, 1.0])
REPORTED = np.array(  # of dense, of the sparse model
    [[0.6059, 0.6054, 0.5987, 0.5921, 0.5659], [0.7025, 0.7036, 0.6991, 0.6894, 0.6571]]
)
EXPERTS = range(2, 11)
EXPLAINED = 0.5  # root mean square error, in percentage points, up to which a fit explains a table
REPLICATES, LARGEST_Z = 100_000, 5.5


class Fit(NamedTuple):
    """The fitted r and c, and the root mean square and the largest error in points."""

    experts: int
    r: float
    c: float
    error: float
    worst: float


def _accuracies(experts: int, r: float, c: float, everywhere: bool) -> FloatArray:
    """The accuracies of dense and of the mixture at the overlaps, (2, 5)."""
    added = c * OVERLAPS**2
    sparse = r + added if everywhere else np.full_like(added, r)
    dense = experts * r + (experts if everywhere else experts - 1) * added
    return 1.0 - np.arccos(1.0 / np.sqrt(1.0 + np.stack([dense, sparse]))) / np.pi


def _fit(experts: int, everywhere: bool = True, slope: float | None = None) -> Fit:
    """The r and c closest to the table, c = ``slope`` if it is given."""
    from scipy.optimize import least_squares

    def numbers(free: FloatArray) -> tuple[float, float]:
        return float(free[0]), float(free[1]) if slope is None else slope

    def points(free: FloatArray) -> FloatArray:
        found = _accuracies(experts, *numbers(free), everywhere)
        return np.asarray(100.0 * (found - REPORTED)).ravel()

    start = [1.0, 1.0] if slope is None else [1.0]
    found = least_squares(points, start, bounds=(0.0, np.inf))
    error = float(np.sqrt(np.mean(found.fun**2)))
    return Fit(experts, *numbers(found.x), error, float(np.abs(found.fun).max()))


def _world(fit: Fit, overlap: float) -> BlockModel:
    """Equal blocks of signal variance 1, with the noise of a fit."""
    return BlockModel.isotropic(fit.experts, fit.experts, noise_variance=fit.r + fit.c * overlap**2)


def _compute(entropy: int) -> Computed:
    """The fits for all numbers of experts, and the best against other routes."""
    fits = [_fit(experts) for experts in EXPERTS]
    idle = [_fit(experts, everywhere=False) for experts in EXPERTS]
    best, best_idle = (min(each, key=lambda fit: fit.error) for each in (fits, idle))
    plain = _fit(best.experts, slope=1.0)
    models = [_world(best, overlap) for overlap in OVERLAPS]
    closed = np.array(
        [[misclassification(e, m).accuracy for m in models] for e in (Dense(), MoE())]
    )
    off = np.abs(closed - REPORTED)
    which, where = np.unravel_index(off.argmax(), off.shape)
    who = ("dense", "the sparse model")[which]
    apart = float(np.abs(closed - _accuracies(best.experts, best.r, best.c, True)).max())
    table = sweep(
        lambda overlap: _world(best, overlap),
        "overlap",
        np.linspace(0.0, 1.0, 11),
        loss="sign",
        replicates=REPLICATES,
        rng=entropy,
    )
    z = max(
        float(np.abs((table[f"{e}_simulated"] - table[e]) / table[f"{e}_sem"]).max())
        for e in ("dense", "moe")
    )
    facts = (
        Fact(
            f"K = {best.experts} with noise {best.r:.2f} + {best.c:.2f} α² times the signal: the "
            f"ten accuracies within {best.error:.3f} points root mean square; the largest "
            f"difference is {best.worst:.3f}, of {who} at α = {OVERLAPS[where]:g}",
            best.error < EXPLAINED,
            {**best._asdict(), "overlaps": OVERLAPS, "reported": REPORTED, "theory": closed},
        ),
        Fact(
            f"root mean square error at K = {EXPERTS[0]} to {EXPERTS[-1]}: {_listed(fits)}",
            all(fit is best or fit.error > best.error for fit in fits),
            {"fits": [fit._asdict() for fit in fits]},
        ),
        Fact(
            f"interference on inactive blocks alone: never below {best_idle.error:.2f} points "
            f"(K = {best_idle.experts}), for sparse accuracy would not fall; at K = {EXPERTS[0]} "
            f"to {EXPERTS[-1]}: {_listed(idle)}",
            best_idle.error > 2.0 * best.error,
            {"fits": [fit._asdict() for fit in idle]},
        ),
        Fact(
            f"c = 1 at K = {best.experts}: {plain.error:.2f} points, so c has to be fitted too",
            plain.error > EXPLAINED,
            plain._asdict(),
        ),
        Fact(
            f"other routes: `misclassification` agrees to {apart:.0e}, simulation of "
            f"{REPLICATES} inputs within {z:.1f} standard errors",
            apart < 1e-12 and z < LARGEST_Z,
            {"apart": apart, "z": z},
        ),
    )
    return Computed(facts, (table, fits, idle))


def _listed(fits: list[Fit]) -> str:
    """The errors of fits in one line."""
    return ", ".join(f"{fit.error:.2g}" for fit in fits)


def _draw(figure: Figure, drawn: tuple[Sweep, list[Fit], list[Fit]]) -> None:
    """Draw the accuracies of the best fit with those reported, and the error of each fit."""
    table, fits, idle = drawn
    best = min(fits, key=lambda fit: fit.error)
    left, right = figure.subplots(1, 2, width_ratios=[3, 2])
    plot(table, left, title="Noise in all blocks explains the table")
    crosses: dict[str, Any] = {"color": style.INK, "markersize": 8.0, "markeredgewidth": 1.6}
    for reported in REPORTED:
        left.plot(OVERLAPS, reported, "x", zorder=4, **crosses)
    left.set_xlabel(
        rf"overlap $\alpha$ (noise {best.r:.2f} + {best.c:.2f} $\alpha^2$ of the signal)"
    )
    furnish(left, notes=["crosses: reported by [SNB]"])
    lines = []
    for found, name, look in (
        (fits, "noise in all blocks", style.neutral(0)),
        (idle, "in inactive blocks alone", style.neutral(1)),
    ):
        errors = [fit.error for fit in found]
        lines += right.plot(EXPERTS, errors, label=name, **look.curve | look.points)
    right.set(
        xlabel=quantities.axis_label("experts"), ylabel="error of the fit, points", ylim=(0.0, None)
    )
    style.dress(right)
    furnish(
        right,
        lines,
        title=f"Best at {best.experts} experts",
        notes=["root mean square of ten accuracies, two numbers fitted for each $K$"],
    )


ROW = Row(
    place="Overlap table",
    says="Accuracy at overlap α = 0, .1, .3, .5, 1: dense .6059 .6054 .5987 .5921 .5659, sparse "
    ".7025 .7036 .6991 .6894 .6571.",
    verdict="explained",
    because="A closed form gives the ten accuracies to a fraction of a point, with K and two more "
    "numbers fitted, if overlap is noise in all blocks, active ones too.",
    compute=_compute,
    draw=_draw,
    size=(10.0, 4.4),
)

r"""Sample complexity: how fast risks fall with the number of samples.

What an expert of s coordinates loses by fitting on n samples is :math:`\rho s/(n-s-1)`
(docs/theory.md §4): its slope on two logarithmic axes is :math:`-n/(n-s-1)`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from moetheory.common.arrays import FloatArray
from moetheory.figures import furnish, quantities, style
from moetheory.paper.declaration import Computed, Fact, Row
from moetheory.problem.estimators import Dense, Estimator, MoE
from moetheory.problem.model import BlockModel
from moetheory.theory.order_changes import crossover
from moetheory.theory.risks import risk

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DIM, EXPERTS = 256, 8
RARE = 0.05  # probability of a group
SHORT = (1.5, 2.5)  # a range of samples, in units of the coordinates of a block
RATIOS = np.array([1.5, 1.75, 2.0, 2.5, 3.0, 4.0, 6.0, 10.0, 20.0, 50.0, 100.0])


def _world() -> BlockModel:
    """Equal blocks of 32 coordinates; signal and noise are equally strong."""
    return BlockModel.isotropic(DIM, EXPERTS, noise_variance=1.0, signal_energy=float(DIM))


def _rare_group() -> BlockModel:
    """A group with a twentieth of the samples has half of the coordinates."""
    blocks = [0] * 16 + [1] * 16
    return BlockModel([1.0 - RARE, RARE], blocks, np.full(32, 4.0), np.ones(32), 1.0)


def _excesses(model: BlockModel, samples: float) -> tuple[float, float]:
    """Expected excess risks of dense and of the mixture after fitting."""
    dense, moe = (risk(each, model, samples=int(samples)).excess for each in (Dense(), MoE()))
    return dense, moe


def _lost(estimator: Estimator, samples: int) -> float:
    """The expected excess risk above that of infinitely many samples."""
    model = _world()
    return risk(estimator, model, samples=samples).excess - risk(estimator, model).excess


def _slope(estimator: Estimator, samples: int) -> float:
    """The slope of the loss on two logarithmic axes, from one sample a group less to one more."""
    low, high = samples - EXPERTS, samples + EXPERTS
    ratio = _lost(estimator, high) / _lost(estimator, low)
    return math.log(ratio) / math.log(high / low)


def _compute(entropy: int) -> Computed:
    """Local slopes of experts and dense, a fit over a short range, and numbers of samples."""
    size = DIM // EXPERTS
    counts = [EXPERTS * round(ratio * (size + 1)) for ratio in RATIOS]
    slopes = {each: [_slope(each, n) for n in counts] for each in (MoE(), Dense())}
    exact = [-n / EXPERTS / (n / EXPERTS - size - 1.0) for n in counts]
    apart = max(abs(a / b - 1.0) for a, b in zip(slopes[MoE()][2:], exact[2:], strict=True))
    low, high = (EXPERTS * round(ratio * (size + 1)) for ratio in SHORT)
    short = np.arange(low, high + 1, EXPERTS)
    fitted = float(np.polyfit(np.log(short), [math.log(_lost(MoE(), int(n))) for n in short], 1)[0])
    limit = risk(Dense(), _world()).excess
    enough = next(
        n for n in range(DIM, 100 * DIM) if risk(MoE(), _world(), samples=n).excess <= limit
    )
    ends = [crossover(Dense(), MoE(), each, over="samples") for each in (_world(), _rare_group())]
    before, rare, after = (
        _excesses(_world(), ends[0]),
        _excesses(_rare_group(), ends[1]),
        _excesses(_rare_group(), ends[1] + 1),
    )
    null, rare_null = _world().label_power, _rare_group().label_power
    facts = (
        Fact(
            "what fitting adds to the risk of experts has the local slope -n/(n-s-1): "
            f"{slopes[MoE()][2]:.3f} at n = 2(s+1) samples a group, {slopes[MoE()][-1]:.3f} at "
            "100(s+1)",
            abs(slopes[MoE()][2] + 2.0) < 0.01
            and abs(slopes[MoE()][-1] + 1.0) < 0.02
            and apart < 0.01,
            {"samples": counts, "slopes": slopes[MoE()], "exact": exact},
        ),
        Fact(
            f"dense, by its deterministic equivalent: {slopes[Dense()][2]:.3f} and "
            f"{slopes[Dense()][-1]:.3f} at as many samples",
            abs(slopes[Dense()][2] + 2.0) < 0.1 and abs(slopes[Dense()][-1] + 1.0) < 0.02,
            {"samples": counts, "slopes": slopes[Dense()]},
        ),
        Fact(
            f"one line fitted from {SHORT[0]:g} to {SHORT[1]:g} times (s+1) samples has the slope "
            f"{fitted:.2f}",
            -2.5 < fitted < -1.5,
            {"slope": fitted},
        ),
        Fact(
            f"fitted on {enough} samples, as many of each group, the mixture is as good as dense "
            f"with infinitely many (d = {DIM}, K = {EXPERTS}); up to n = {ends[0]:g} dense is the "
            "better one, where both are worse than a prediction of zero",
            enough > DIM and null < before[0] <= before[1],
            {"enough": enough, "crossover": ends[0], "excesses": before, "null": null},
        ),
        Fact(
            f"with a group of probability {RARE:g} dense is better up to n = {ends[1]:g} (d = 32): "
            f"{rare[0]:.3g} against {rare[1]:.3g}, where a prediction of zero has {rare_null:g}",
            rare[0] <= rare[1] < rare_null and after[1] < after[0],
            {"crossover": ends[1], "excesses": rare, "null": rare_null},
        ),
    )
    ratios = np.array(counts) / EXPERTS / (size + 1.0)
    return Computed(facts, (ratios, {each.label: slope for each, slope in slopes.items()}))


def _draw(figure: Figure, drawn: tuple[FloatArray, dict[str, list[float]]]) -> None:
    """Draw the local slopes against the number of samples."""
    ratios, slopes = drawn
    ax = figure.add_subplot()
    line = np.geomspace(RATIOS[0], RATIOS[-1], 200)
    experts, dense = style.LOOKS["oracle"], style.LOOKS["dense"]
    lines = ax.plot(line, -line / (line - 1.0), label="experts: $-n/(n-s-1)$", **experts.curve)
    ax.plot(ratios, slopes["moe"], linestyle="none", **experts.points)
    name = "dense, by its equivalent"
    lines += ax.plot(ratios, slopes["dense"], linestyle="none", label=name, **dense.points)
    for order, (level, name) in enumerate(((-1.0, "limit: $n^{-1}$"), (-2.0, "paper: $n^{-2}$"))):
        look = style.neutral(order + 1)
        lines += ax.plot(
            line[[0, -1]], [level, level], label=name, **look.curve | {"linewidth": 1.2}
        )
    ax.set(
        xscale="log",
        xlabel="samples of a group $n$, over coordinates $s+1$",
        ylabel="local slope of what fitting adds",
    )
    style.set_ticks(ax.xaxis, [2.0, 5.0, 10.0, 20.0, 50.0, 100.0])
    style.dress(ax)
    furnish(
        ax,
        lines,
        title="The slope is -2 at one place, -1 in the limit",
        facts=quantities.facts(
            {"dim": DIM, "experts": EXPERTS, "noise_variance": 1.0, "signal_energy": DIM}
        ),
    )


ROW = Row(
    place="Sample complexity",
    says="Both risks decay like n⁻² in the number of samples (a hypothesis); "
    "the mixture needs fewer.",
    verdict="corrected",
    because="What fitting adds to the risk has the local slope -n/(n-s-1): -2 only near "
    "n = 2(s+1), -1 in the limit, for both. The mixture needs fewer samples for the same risk once "
    "every group has more of them than coordinates; a rare group can need many.",
    compute=_compute,
    theorems=("sample-complexity",),
    draw=_draw,
)

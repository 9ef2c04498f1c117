"""Theorem 4.3: louder noise at test time, and how strong a direction must be."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from moetheory.figures import furnish, style
from moetheory.figures.obstacles import BACKGROUND
from moetheory.paper.declaration import Computed, Fact, Row
from moetheory.problem.estimators import Dense, MoE
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation
from moetheory.theory.order_changes import crossover
from moetheory.theory.risks import risk

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PAPER = 4.0  # λ_min over the noise variance, of the paper's condition
STRONG, RARE = 5.0, 64  # the counterexample: λ over the noise variance, and 1/p
GROUPS = (2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96)
STRENGTHS = tuple(float(each) for each in np.geomspace(1.2, 12.0, 13))
CLOSE = 1e-6  # relative distance from the threshold at which its sharpness is tried


def _world(groups: int, strength: float) -> BlockModel:
    """Equal groups of probability 1/``groups``, all directions λ = ``strength`` noise variances."""
    return BlockModel.isotropic(groups, groups, noise_variance=1.0, signal_energy=strength)


def _end(groups: int, strength: float) -> float:
    """The test noise variance, in units of training's, beyond which dense is better."""
    return crossover(Dense(), MoE(), _world(groups, strength), over="test_noise_variance")


def _compute(entropy: int) -> Computed:
    """The counterexample, and the threshold from both sides for many probabilities."""
    end = _end(RARE, STRONG)
    louder = Perturbation(noise_variance=2.0 * end if math.isfinite(end) else 100.0)
    dense, moe = (
        risk(each, _world(RARE, STRONG), under=louder).excess for each in (Dense(), MoE())
    )
    sides = [
        (_end(k, (1.0 - CLOSE) * math.sqrt(k)), _end(k, (1.0 + CLOSE) * math.sqrt(k)))
        for k in GROUPS
    ]
    sharp = all(math.isfinite(below) and above == math.inf for below, above in sides)
    frequent = [_end(k, PAPER * (1.0 + CLOSE)) for k in GROUPS if k <= PAPER**2]
    ends = np.array([[_end(k, strength) for strength in STRENGTHS] for k in GROUPS])
    facts = (
        Fact(
            f"λ = {STRONG:g} σ² is not enough at p = 1/{RARE}: dense is better where the test "
            f"noise is beyond {end:.4g} σ² (at twice this noise the excess risk is {dense:.4g}, "
            f"that of the mixture {moe:.4g})",
            math.isfinite(end) and dense < moe,
            {"p": 1.0 / RARE, "strength": STRONG, "crossover": end, "dense": dense, "moe": moe},
        ),
        Fact(
            f"λ = σ²/√p is the threshold: at {len(GROUPS)} probabilities from 1/{GROUPS[0]} to "
            f"1/{GROUPS[-1]} dense can win where λ is smaller by a part in a million, and cannot "
            "where it is larger by as much",
            sharp,
            {"groups": GROUPS, "crossovers": sides},
        ),
        Fact(
            f"λ > {PAPER:g} σ² is enough where p >= 1/{PAPER**2:g}, "
            f"at all {len(frequent)} probabilities tried",
            all(each == math.inf for each in frequent),
            {"crossovers": frequent},
        ),
    )
    return Computed(facts, ends)


def _draw(figure: Figure, ends: np.ndarray) -> None:
    """Draw where a crossover exists, with the paper's condition and the sharp one."""
    ax = figure.add_subplot()
    p = 1.0 / np.array(GROUPS)
    line = np.geomspace(p[-1] / 1.25, p[0] * 1.25, 200)
    sharp = 1.0 / np.sqrt(line)
    dense, moe = style.LOOKS["dense"], style.LOOKS["oracle"]
    ax.fill_between(
        line,
        PAPER,
        sharp,
        where=(sharp > PAPER).tolist(),
        color=dense.colour,
        alpha=0.15,
        linewidth=0.0,
        gid=BACKGROUND,
    )
    grid = np.broadcast_arrays(p[:, np.newaxis], np.array(STRENGTHS))
    lines = []
    for found, look, name in (
        (np.isinf(ends), moe, "mixture better at any test noise"),
        (np.isfinite(ends), dense, "dense better in loud test noise"),
    ):
        places = (each[found] for each in grid)
        lines += ax.plot(*places, linestyle="none", label=name, **look.points)
    name = r"sharp: $\lambda=\sigma^2/\sqrt{p}$"
    lines += ax.plot(line, sharp, color=style.INK, linewidth=style.LINE, label=name)
    lines += ax.plot(
        line[[0, -1]],
        [PAPER, PAPER],
        linestyle="--",
        color=style.INK,
        linewidth=1.2,
        label=rf"paper: $\lambda={PAPER:g}\,\sigma^2$",
    )
    ax.set(
        xscale="log",
        yscale="log",
        xlabel="probability $p$ of a group",
        ylabel=r"signal of a direction, $\lambda/\sigma^2$",
    )
    style.log_ticks(ax.xaxis, ax.yaxis)
    style.dress(ax, "none")
    furnish(
        ax,
        lines,
        title="The paper's condition fails for rare groups",
        notes=["shaded: it is met, yet dense can win"],
    )


ROW = Row(
    place="Theorem 4.3",
    says="With louder noise at test time than in training the mixture stays better than dense if "
    "λ_min > 4 σ².",
    verdict="corrected",
    because="4 σ² is enough only for groups of probability 1/16 or more; the sharp bound on λ_min, "
    "over the directions of a group that labels depend on, is σ²/√p.",
    compute=_compute,
    theorems=("noise-shift",),
    draw=_draw,
)

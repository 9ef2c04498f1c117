"""MoEfied T5-base: 96 experts of which 20 to 80 are active."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moetheory.figures import furnish, quantities, style
from moetheory.figures.labels import SIMULATED
from moetheory.figures.obstacles import BACKGROUND
from moetheory.paper.declaration import Computed, Fact, Row
from moetheory.problem.estimators import Dense, MoE
from moetheory.problem.gates import Hard, Soft, TopK
from moetheory.problem.model import BlockModel
from moetheory.results.estimates import Estimate, student_quantile
from moetheory.simulation import simulate
from moetheory.theory.risks import risk

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EXPERTS, BLOCK, ENERGY = 96, 4, 40.0
ACTIVE = (1, 2, 5, 10, 20, 40, 80, EXPERTS)
FEW, MANY = ACTIVE.index(20), ACTIVE.index(80)
INPUTS, SURE = 80_000, 5.0
SMALL = 0.01  # of the soft risk


def _world() -> BlockModel:
    """96 equal strict blocks of four coordinates, signal ten times the noise of a block."""
    return BlockModel.isotropic(EXPERTS * BLOCK, EXPERTS, 1.0, signal_energy=ENERGY)


def _compute(entropy: int) -> Computed:
    """The risk over the number of active experts, between quadrature for one and for all."""
    model = _world()
    gates = [MoE(gate=TopK(k)) for k in ACTIVE]
    dense, oracle, hard, soft = (
        risk(each, model).excess for each in (Dense(), MoE(), MoE(gate=Hard()), MoE(gate=Soft()))
    )
    found = simulate(gates, model, replicates=INPUTS, rng=entropy)
    deviations = found[0].z(hard), found[-1].z(soft)
    above = [found.difference(i, len(ACTIVE) - 1) for i in range(len(ACTIVE) - 1)]
    steps = [found.difference(i, i + 1) for i in range(len(ACTIVE) - 1)]
    fall = found.difference(FEW, MANY)
    facts = (
        Fact(
            f"in a world of {EXPERTS} equal blocks of {BLOCK} coordinates, signal {ENERGY:g} and "
            f"noise {BLOCK} a block, the excess risk is {oracle:.4f} routed right, "
            f"{soft:.4f} with all experts active, {hard:.4f} with one, {dense:.4f} for dense; "
            f"simulation of one and of all is off by {deviations[0]:.1f} and {deviations[1]:.1f} "
            f"standard errors of {100 * found[0].sem / hard:.2g} and "
            f"{100 * found[-1].sem / soft:.2g} %",
            oracle < soft < hard < dense and max(map(abs, deviations)) < SURE,
            {"oracle": oracle, "soft": soft, "hard": hard, "dense": dense, "z": deviations},
        ),
        Fact(
            f"the risk falls with each step of k = {', '.join(map(str, ACTIVE))}; from 20 to 80 "
            f"active experts by {fall.mean:.2e} ± {fall.sem:.0e}",
            all(step.mean > SURE * step.sem for step in steps),
            {"active": ACTIVE, "steps": [step.mean for step in steps], "fall": fall.mean},
        ),
        Fact(
            f"with 20 of {EXPERTS} active it is {100 * above[FEW].mean / soft:.2g} % above that "
            f"with all, with one {100 * (hard / soft - 1.0):.2g} %: in this world 20 are nearly "
            "as good as all",
            above[FEW].mean + SURE * above[FEW].sem
            < SMALL * soft
            < above[0].mean - SURE * above[0].sem,
            {"above": [each.mean for each in above], "sem": [each.sem for each in above]},
        ),
    )
    return Computed(facts, (above, soft, hard / soft - 1.0))


def _draw(figure: Figure, drawn: tuple[list[Estimate], float, float]) -> None:
    """Draw the risk above that of all experts against the number of active ones."""
    above, soft, hard = drawn
    ax = figure.add_subplot()
    few, one = style.look_of(MoE(gate=TopK(FEW))), style.LOOKS["hard"]
    means = [100.0 * each.mean / soft for each in above]
    halves = [100.0 * student_quantile(0.025, INPUTS - 1) * each.sem / soft for each in above]
    ax.plot(ACTIVE[:-1], means, ":", color=few.colour, linewidth=1.0)
    ax.errorbar(ACTIVE[:-1], means, halves, linestyle="none", **few.points)
    line = ax.plot([ACTIVE[0], ACTIVE[MANY]], [100.0 * hard] * 2, label="one expert", **one.curve)
    ax.axvspan(20, 80, color=style.GRID, alpha=0.6, linewidth=0.0, zorder=0, gid=BACKGROUND)
    ax.set(
        xscale="log",
        ylim=(0.0, None),
        xlabel=f"active experts $k$ of {EXPERTS}",
        ylabel="excess risk above that of all, per cent",
    )
    style.set_ticks(ax.xaxis, ACTIVE[:-1])
    style.dress(ax)
    furnish(
        ax,
        line,
        title="Twenty active experts are nearly as good as all",
        facts=quantities.facts(
            {"dim": EXPERTS * BLOCK, "noise_variance": 1.0, "signal_energy": ENERGY}
        ),
        notes=[SIMULATED, "shaded: the range of [SNB]"],
    )


ROW = Row(
    place="MoEfied T5-base",
    says=f"T5-base is turned into {EXPERTS} experts, of which 20 to 80 are active.",
    verdict="out of reach",
    because="It needs a language model and its weights. In a world of 96 equal blocks the risk "
    "falls with each step to more active experts, and hardly beyond 20.",
    compute=_compute,
    draw=_draw,
)

"""The abstract: the mixture converges faster under gradient descent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from moetheory.figures import style
from moetheory.paper.declaration import Computed, Fact, Row
from moetheory.problem.estimators import Dense, MoE
from moetheory.problem.model import BlockModel
from moetheory.theory.descents import descent, steps_to

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STEP, LEFT = 0.02, 0.01  # the common step, and the share of the gain that is left
STEPS = np.unique(np.geomspace(1, 400, 60).astype(int))
TRAININGS: dict[str, tuple[Dense | MoE, dict[str, Any]]] = {
    "dense": (Dense(), {}),
    "experts on their own samples": (MoE(), {}),
    "experts trained jointly": (MoE(), {"training": "joint"}),
}


def _world() -> BlockModel:
    """Eight blocks whose variances fall like 1/rank."""
    return BlockModel.power_law(64, 8, noise_variance=1.0, decay=1.0, signal_energy=64.0)


def _compute(entropy: int) -> Computed:
    """Steps to the goal, and the risks along descent; nothing is simulated here."""
    model = _world()
    common, best = (
        [
            int(steps_to(each, model, LEFT, relative=True, step_size=step, **how))
            for each, how in TRAININGS.values()
        ]
        for step in (STEP, "optimal")
    )
    paths = {
        name: descent(each, model, STEPS, step_size=STEP, **how).excess
        for name, (each, how) in TRAININGS.items()
    }
    dense, own, joint = paths.values()
    facts = (
        Fact(
            f"8 blocks, variances like 1/rank, steps of {STEP} until {100 * LEFT:g} % of the gain "
            f"is left: dense {common[0]}, experts {common[1]} on their own samples, but "
            f"{common[2]} trained jointly",
            common[1] < common[0] < common[2],
            {"steps": common},
        ),
        Fact(
            f"each at its best step: dense {best[0]}, experts {best[1]} and {best[2]}: noise makes "
            "dense better conditioned",
            best[0] < min(best[1:]),
            {"steps": best},
        ),
        Fact(
            f"the risk is lower all along: own <= joint <= dense at {len(STEPS)} numbers of steps "
            f"from 1 to {STEPS[-1]}",
            bool(np.all(own <= joint) and np.all(joint <= dense)),
            {"at": STEPS, **paths},
        ),
    )
    return Computed(facts, paths)


def _draw(figure: Figure, paths: dict[str, np.ndarray]) -> None:
    """Draw the risks along descent with a common step."""
    ax = figure.add_subplot()
    styles = zip(
        paths.items(),
        (style.DENSE, style.EXPERTS, style.VARIANTS[0]),
        ("-", "-", "-."),
        strict=True,
    )
    for (name, excess), colour, line in styles:
        ax.plot(STEPS, excess, line, color=colour, label=name)
    ax.set(xscale="log", xlabel=f"steps of {STEP}", ylabel="excess risk", ylim=(0.0, None))
    ax.grid(visible=True, color="0.9")
    ax.legend(frameon=False)


ROW = Row(
    place="Convergence",
    says="The mixture converges faster than dense.",
    verdict="corrected",
    because="With a common small step experts are faster on their own samples and slower trained "
    "jointly, with a lower risk all along; with the best step of each, either can be faster.",
    compute=_compute,
    theorems=("convergence-own-samples", "convergence-joint"),
    commands=("python examples/convergence.py",),
    draw=_draw,
)

"""MiniMind: four routed experts and a shared one, against dense."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from moetheory.figures import furnish, quantities, style
from moetheory.paper.declaration import Computed, Fact, Row, turns
from moetheory.problem.estimators import Dense, Estimator, MoE
from moetheory.problem.model import BlockModel
from moetheory.theory.order_changes import crossover
from moetheory.theory.risks import risk
from moetheory.theory.second_moments import covariance_risks

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DIM, EXPERTS, ENERGY = 64, 4, 64.0
LEAKAGES = (*(0.01, 0.02, 0.05, 0.1, 0.2, 0.3), *(0.5, 0.7, 1.0, 1.4, 2.0))  # signal: 4
LEAKY = LEAKAGES.index(1.0)
SHARED = MoE(shared=True)


def _world(leakage: float = 0.0) -> BlockModel:
    """Four equal blocks in noise of variance 1, with leakage."""
    model = BlockModel.isotropic(DIM, EXPERTS, 1.0, signal_energy=ENERGY)
    return model.replace(leakage_variances=leakage)


def _full_experts(model: BlockModel) -> float:
    """Excess risk of experts that know the group and see all, by linear algebra."""
    covariances = [
        np.diag(np.where(model.block_of == g, model.signal_variances, model.leakage_variances))
        for g in range(EXPERTS)
    ]
    noise = [model.noise_variance * np.eye(DIM)] * EXPERTS
    return covariance_risks(covariances, noise, model.coefficients).full_experts.excess


def _lead(leakage: float) -> float:
    """How much better the mixture without a shared expert is than dense."""
    dense, moe = (risk(each, _world(leakage)).excess for each in (Dense(), MoE()))
    return dense - moe


def _compute(entropy: int) -> Computed:
    """The risks over the leakage, without and with the shared expert, and the parameters."""
    worlds = [_world(leakage) for leakage in LEAKAGES]
    dense, moe, shared = (
        np.array([risk(each, world).excess for world in worlds])
        for each in (Dense(), MoE(), SHARED)
    )
    full = np.array([_full_experts(world) for world in worlds])
    apart = float(np.max(np.abs(shared / full - 1.0)))
    leads = float(np.min(dense - shared)), float(np.min(moe - shared))
    end = crossover(Dense(), MoE(), _world(), over="leakage")
    crossing = end**2 * float(_world().signal_variances[0])
    held, own, whole = (each.parameters(_world()) for each in (SHARED, MoE(), Dense()))
    facts = (
        Fact(
            f"with a shared expert beside {EXPERTS} routed ones the excess risk is below dense by "
            f"{leads[0]:.2g} or more and below the mixture without it by {leads[1]:.1e} or more, "
            f"at {len(LEAKAGES)} leakages from {LEAKAGES[0]:g} to {LEAKAGES[-1]:g} of noise 1",
            min(leads) > 0.0,
            {"leakage": LEAKAGES, "dense": dense, "moe": moe, "shared": shared},
        ),
        Fact(
            f"it is that of experts which all see everything, to {apart:.0e}",
            apart < 1e-10,
            {"full_experts": full},
        ),
        Fact(
            f"without the shared expert dense is better from leakage {crossing:.3g} on: at "
            f"{LEAKAGES[LEAKY]:g} dense has {dense[LEAKY]:.3f}, the mixture {moe[LEAKY]:.3f}, with "
            f"the shared expert {shared[LEAKY]:.3f}",
            turns(_lead, crossing) and bool(shared[LEAKY] < dense[LEAKY] < moe[LEAKY]),
            {"crossover": crossing},
        ),
        Fact(
            f"with it the mixture holds {held.total} coefficients, {held.active:g} of them active; "
            f"dense and the mixture without it hold {whole.total} and {own.total}: so the shared "
            "expert of this theory is not iso-parameter",
            held.total == 2 * whole.total == 2 * own.total,
            {"shared": held._asdict(), "moe": own._asdict(), "dense": whole._asdict()},
        ),
    )
    return Computed(facts)


def _draw(figure: Figure, drawn: None) -> None:
    """Draw the three risks against the leakage."""
    ax = figure.add_subplot()
    leakages = np.geomspace(LEAKAGES[0], LEAKAGES[-1], 61)
    estimators: dict[str, Estimator] = {
        "dense": Dense(),
        "four experts": MoE(),
        "with a shared one": SHARED,
    }
    lines = []
    for name, each in estimators.items():
        excess = [risk(each, _world(leakage)).excess for leakage in leakages]
        look = style.look_of(each, list(estimators.values()))
        lines += ax.plot(leakages, excess, label=name, **look.curve)
    ax.set(
        xscale="log",
        yscale="log",
        xlabel="leakage variance, over the noise variance",
        ylabel="excess risk",
    )
    style.log_ticks(ax.xaxis, ax.yaxis)
    style.dress(ax)
    furnish(
        ax,
        lines,
        title="A shared expert takes up what leaks",
        facts=quantities.facts(
            {"dim": DIM, "experts": EXPERTS, "noise_variance": 1.0, "signal_energy": ENERGY}
        ),
    )


ROW = Row(
    place="MiniMind",
    says="A language model of four routed experts and a shared one, each of width 1024, is "
    "compared with a dense one of width 5120.",
    verdict="out of reach",
    because="It needs the training of language models. Fitted jointly with the routed experts, a "
    "shared one takes up what leaks: the risk is below that of dense at every leakage tried. But "
    "the shared expert doubles the coefficients.",
    compute=_compute,
    theorems=("shared-expert",),
    draw=_draw,
)

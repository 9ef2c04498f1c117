"""Swapped words and keyboard noise of text: words that are lost, and words of other topics."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from moetheory.claims.quantities import uneven_model
from moetheory.figures import furnish, style
from moetheory.paper.declaration import Computed, Fact, Row, turns
from moetheory.problem.estimators import Dense, MoE
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation
from moetheory.theory.order_changes import crossover
from moetheory.theory.risks import risk

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RATES = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7)
SAID = 2  # the rate that texts name
DIM, TOPICS = 64, 8
LEAKAGES, NOISES = (0.0, 0.05, 0.2), (0.0, 0.5)
TWINS = [[1.0, 0.98], [0.98, 1.0]]  # two words that come together
ROUNDING = 1e-12


def _excesses(model: BlockModel, under: Perturbation) -> tuple[float, float]:
    """Excess risks of dense and of the mixture, as shares of the label power."""
    dense, moe = (risk(each, model, under=under).excess for each in (Dense(), MoE()))
    return dense / model.label_power, moe / model.label_power


def _lost(model: BlockModel) -> np.ndarray:
    """Excess risks (R, 2) if each word is lost at the rates of `RATES`."""
    return np.array([_excesses(model, Perturbation(erasure=rate)) for rate in RATES])


def _topics() -> BlockModel:
    """Equal topics, strict and without noise."""
    return BlockModel.isotropic(DIM, TOPICS, 0.0, signal_energy=float(DIM))


def _replaced() -> np.ndarray:
    """Excess risks (R, 2) if the energy of lost words comes back in the blocks of other topics."""
    others = DIM - DIM // TOPICS
    # of what is added, erasure leaves the share 1 - rate
    return np.array(
        [
            _excesses(
                _topics(),
                Perturbation(
                    erasure=rate, interference_variances=rate / (1.0 - rate) * DIM / others
                ),
            )
            for rate in RATES
        ]
    )


def _twins() -> BlockModel:
    """Labels that read the difference of two words which nearly always come together."""
    return BlockModel.from_covariances([TWINS, TWINS], [[1.0, -1.0]] * 2, noise_variance=0.02)


def _twins_lead(rate: float) -> float:
    """How much better than dense the mixture is at twin words, a share of which is lost."""
    dense, moe = _excesses(_twins(), Perturbation(erasure=rate))
    return dense - moe


def _compute(entropy: int) -> Computed:
    """The risks over the rate of words that are lost or replaced, all in closed form."""
    rates = np.array(RATES)
    strict = _lost(uneven_model(0.0))
    worlds = {
        (leakage, noise): _lost(uneven_model(noise).replace(leakage_variances=leakage))
        for leakage in LEAKAGES
        for noise in NOISES
    }
    leads = [world[:, 0] - world[:, 1] for world in worlds.values()]
    straight = max(float(np.max(np.abs(lead - (1.0 - rates) * lead[0]))) for lead in leads)
    signs = sorted({int(np.sign(lead[0])) for lead in leads})
    leaking = worlds[LEAKAGES[1], 0.0]
    replaced = _replaced()
    # without their rotation words are uncorrelated, and as well predicted before any is lost
    end, uncorrelated = (
        crossover(Dense(), MoE(), each, over="erasure")
        for each in (_twins(), _twins().replace(rotations=None))
    )
    facts = (
        Fact(
            "lost words, a share τ of all, cost dense and experts the same in strict blocks, "
            f"trained without noise: the share τ of the label power, {strict[SAID, 0]:.4g} and "
            f"{strict[SAID, 1]:.4g} at τ = {RATES[SAID]:g}",
            bool(np.max(np.abs(strict - rates[:, np.newaxis])) < ROUNDING),
            {"rates": RATES, "dense": strict[:, 0], "moe": strict[:, 1]},
        ),
        Fact(
            "with leakage and noise they shrink each difference by the factor 1 - τ, in "
            f"{len(worlds)} worlds of uncorrelated words (to {straight:.0e}): dense has "
            f"{leaking[0, 0]:.3f}, experts {leaking[0, 1]:.3f} of the label power without noise at "
            f"leakage {LEAKAGES[1]:g}, and {leaking[SAID, 0]:.3f} and {leaking[SAID, 1]:.3f} at "
            f"τ = {RATES[SAID]:g}",
            straight < ROUNDING and signs == [-1, 0, 1],
            {"leads": leads, "worlds": tuple(worlds)},
        ),
        Fact(
            "words replaced by words of other topics, as noise of their energy in other blocks, "
            f"cost dense twice as much: {replaced[SAID, 0]:.4g} against {replaced[SAID, 1]:.4g} "
            f"of the label power at τ = {RATES[SAID]:g} ({TOPICS} equal topics, routed right)",
            bool(np.max(np.abs(replaced - np.outer(rates, (2.0, 1.0)))) < ROUNDING),
            {"dense": replaced[:, 0], "moe": replaced[:, 1]},
        ),
        Fact(
            "lost words can change the order where words correlate: for two of correlation "
            f"{TWINS[0][1]:g} whose difference is the label, dense is better from τ = {end:.4f} "
            "on; with uncorrelated words of the same risk it never is",
            turns(_twins_lead, end) and uncorrelated == math.inf,
            {"crossover": end, "uncorrelated": uncorrelated},
        ),
    )
    return Computed(facts, (replaced, worlds[LEAKAGES[1], NOISES[1]], leaking))


def _draw(figure: Figure, drawn: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    """Draw the risks if words are lost or replaced, and with leakage."""
    replaced, noisy, leaking = drawn
    panels = figure.subplots(1, 2, sharey=True)
    left, right = panels
    dense, moe = style.LOOKS["dense"], style.LOOKS["oracle"]
    lines = [
        *left.plot(RATES, replaced[:, 0], label="dense, replaced", **dense.curve),
        *left.plot(RATES, replaced[:, 1], label="experts", **moe.curve),
        *left.plot(RATES, RATES, label="dense, lost", **dense.another(1).curve),
    ]
    left.set_ylabel("excess risk, over label power")
    own = []
    for world, order, name in ((noisy, 0, f"noise {NOISES[1]:g}"), (leaking, 1, "no noise")):
        for column, look, who in ((0, dense, "dense"), (1, moe, "experts")):
            label = f"{who}, {name}"
            own += right.plot(RATES, world[:, column], label=label, **look.another(order).curve)
    for ax in panels:
        ax.set(xlabel=r"share $\tau$ of words lost or replaced", ylim=(0.0, 1.5))
        style.dress(ax)
    furnish(
        left,
        lines,
        title="Replaced words cost dense twice as much",
        notes=["strict blocks, trained without noise"],
    )
    furnish(right, own, title="Lost words keep the order", notes=[f"leakage {LEAKAGES[1]:g}"])


ROW = Row(
    place="Word perturbations",
    says="The mixture is robust to perturbed text: swapped words and keyboard noise.",
    verdict="out of reach",
    because="It needs a language model and its tokens. A lost word adds no noise to filter and "
    "leaves the order as it is where words are uncorrelated; a word of another topic costs dense "
    "more.",
    compute=_compute,
    commands=("python examples/language/cloze.py",),
    draw=_draw,
    size=(10.0, 4.4),
)

"""Theorem 4.7: the condition of a fixed design that is observed in noise."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from moetheory.common.arrays import FloatArray
from moetheory.figures import furnish, quantities, style
from moetheory.formulas.spiked import observed, threshold
from moetheory.paper.declaration import Computed, Fact, Row
from moetheory.problem.estimators import Dense, MoE
from moetheory.problem.model import BlockModel
from moetheory.results.estimates import student_quantile
from moetheory.simulation import simulate_spectrum
from moetheory.theory.spiked_spectra import spiked_spectrum

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIZE, GROUPS, SAMPLES = 60, 3, 90  # coordinates of a block; d = 180 > n
TOGETHER = ((4.0,), (6.0,), (9.0, 2.0))  # squared singular values of the blocks, σ² = 1
APART = ((9.0, 6.0), (4.0,), (2.5, 2.0))
MATRICES, CONFIDENCE = 200, 1.0 - 1e-6


def _design(spikes: tuple[tuple[float, ...], ...]) -> BlockModel:
    """Equal blocks whose clean rows have the given squared singular values."""
    signal = np.zeros((GROUPS, SIZE))
    for g, values in enumerate(spikes):
        signal[g, : len(values)] = GROUPS * np.array(values)
    blocks = np.repeat(np.arange(GROUPS), SIZE)
    ones = np.ones(GROUPS * SIZE)
    return BlockModel(np.full(GROUPS, 1.0 / GROUPS), blocks, signal.ravel(), ones, 1.0)


class Conditions(NamedTuple):
    """Condition numbers: of dense, and the largest of an expert, in both readings."""

    dense: float
    subset: float
    submatrix: float


def _conditions(spikes: tuple[tuple[float, ...], ...]) -> Conditions:
    """The condition numbers of a design in the limit."""
    model = _design(spikes)
    found = [spiked_spectrum(Dense(), model, SAMPLES)]
    found += [spiked_spectrum(MoE(), model, SAMPLES, noise=noise) for noise in ("common", "own")]
    return Conditions(*(float(np.nanmax(each.condition)) for each in found))


class Simulated(NamedTuple):
    """The worst condition number over drawn matrices, and the third block's observed spikes."""

    mean: float
    sem: float
    values: FloatArray


def _simulated(estimator: Dense | MoE, entropy: int) -> Simulated:
    """The worst condition number and the observed spikes of the third block, over drawn noise."""
    found = simulate_spectrum(
        estimator, _design(TOGETHER), SAMPLES, replicates=MATRICES, rng=entropy
    )
    worst = np.nanmax(found.condition.values, axis=1)
    own = found.groups == GROUPS - 1
    sem = float(worst.std(ddof=1)) / math.sqrt(MATRICES)
    return Simulated(float(worst.mean()), sem, found.values.mean[own])


def _compute(entropy: int) -> Computed:
    """The condition numbers of two designs, and the counterexample simulated."""
    together, apart = _conditions(TOGETHER), _conditions(APART)
    dense, moe = (_simulated(each, entropy) for each in (Dense(), MoE()))
    weakest = float(threshold(GROUPS * SIZE / SAMPLES, 1.0))
    lead = (moe.mean - dense.mean) / math.hypot(moe.sem, dense.sem)
    facts = (
        Fact(
            "if each expert observes its singular values in the noise of dense, they are a subset: "
            f"κ = {together.subset:.3g} against {together.dense:.3g} of dense, "
            f"{apart.subset:.3g} against {apart.dense:.3g} in another design",
            together.subset <= together.dense * (1.0 + 1e-12) and apart.subset <= apart.dense,
            {"together": together._asdict(), "apart": apart._asdict()},
        ),
        Fact(
            "an expert that sees its own rows and columns can be worse: in the limit κ = "
            f"{together.submatrix:.3g} against {together.dense:.3g} with d/n = "
            f"{GROUPS * SIZE / SAMPLES:g} and all squared singular values above {weakest:.3g} σ²",
            together.submatrix > together.dense and min(map(min, TOGETHER)) > weakest,
            {"threshold": weakest},
        ),
        Fact(
            f"at n = {SAMPLES}, d = {GROUPS * SIZE}, simulated with {MATRICES} matrices: "
            f"κ = {moe.mean:.3f} ± {moe.sem:.3f} against {dense.mean:.3f} ± {dense.sem:.3f}",
            lead > student_quantile(CONFIDENCE, MATRICES - 1),
            {"moe": moe._asdict(), "dense": dense._asdict()},
        ),
        Fact(
            f"it can be better too: where the extremes lie in different blocks, κ = "
            f"{apart.submatrix:.3g} against {apart.dense:.3g} of dense",
            apart.submatrix < apart.dense,
            apart._asdict(),
        ),
    )
    return Computed(facts, (dense, moe))


def _draw(figure: Figure, drawn: tuple[Simulated, Simulated]) -> None:
    """Draw how noise maps singular values for dense and for an expert, with two spikes of each."""
    ax = figure.add_subplot()
    spikes, own = np.geomspace(1.5, 14.0, 100), np.array(TOGETHER[-1])
    lines = []
    for name, look, noise, simulated in (
        ("dense", style.LOOKS["dense"], 1.0, drawn[0]),
        ("expert", style.LOOKS["oracle"], 1.0 / GROUPS, drawn[1]),
    ):
        lifted = observed(spikes, GROUPS * SIZE / SAMPLES, noise) / spikes
        label = rf"{name}, $\kappa$ = {simulated.mean:.2f}"
        lines += ax.plot(spikes, lifted, label=label, **look.curve)
        ax.plot(own, simulated.values / own, linestyle="none", **look.points)
    ax.set(
        xscale="log",
        ylim=(1.0, 4.0),
        xlabel=r"squared singular value $\ell$ without noise ($\sigma^2=1$)",
        ylabel=r"observed squared singular value, over $\ell$",
    )
    style.set_ticks(ax.xaxis, [2.0, 4.0, 9.0])
    style.dress(ax)
    furnish(
        ax,
        lines,
        title="An expert can be worse conditioned than dense",
        facts=quantities.facts({"dim": GROUPS * SIZE, "experts": GROUPS, "samples": SAMPLES}),
        notes=["lines: the limit; points: means of simulated matrices"],
    )


ROW = Row(
    place="Theorem 4.7",
    says="For a fixed design with c = d/n > 1 and squared singular values above √c σ², experts "
    "contract no more slowly than dense: ρ_sparse <= ρ_dense.",
    verdict="corrected",
    because="True if the noise acts on each expert as on dense. False for an expert's submatrix: "
    "there less noise lifts weak singular values less, and the condition number κ, largest over "
    "smallest squared singular value, can be larger. ρ = (κ-1)/(κ+1).",
    compute=_compute,
    theorems=("convergence-fixed-design",),
    draw=_draw,
)

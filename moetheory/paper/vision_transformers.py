"""V-MoE against ViT: experts that see the whole patch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from moetheory.common.arrays import FloatArray
from moetheory.figures import furnish, quantities, style
from moetheory.paper.declaration import Computed, Fact, Row
from moetheory.theory.second_moments import covariance_risks

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EXPERTS, DIM, WORLDS = 4, 12, 100
LOUDNESS = (0.1, 10.0)  # the noise beside the signal


def _risks(rng: np.random.Generator) -> tuple[float, float, float, float]:
    """Excess risks in a world of random covariances of signal and noise in each group.

    Those of dense, of experts that see everything if routed right and if never routed right, and
    of experts that see a block each.
    """
    roots = rng.standard_normal((2, EXPERTS, DIM, DIM + 2))
    signal, noise = roots @ roots.swapaxes(-1, -2) / (DIM + 2)
    noise *= np.exp(rng.uniform(*np.log(LOUDNESS)))
    b = rng.standard_normal(DIM)
    p = rng.dirichlet(np.ones(EXPERTS))
    blocks = np.repeat(np.arange(EXPERTS), DIM // EXPERTS)
    found = covariance_risks(signal, noise, b, group_probabilities=p, block_of=blocks)
    assert found.block_experts is not None
    lost = found.dense.excess, found.full_experts.excess, _misrouted(signal, noise, b, p)
    return *lost, found.block_experts.excess


def _misrouted(signal: FloatArray, noise: FloatArray, b: FloatArray, p: FloatArray) -> float:
    """Excess risk of experts that see everything if each input gets any expert but its own."""
    w = np.linalg.solve(signal + noise, signal @ b[:, np.newaxis])[..., 0]
    left = np.einsum("jm,gmn,jn->gj", b - w, signal, b - w) + np.einsum(
        "jm,gmn,jn->gj", w, noise, w
    )
    np.fill_diagonal(left, 0.0)
    return float(p @ left.sum(axis=1)) / (len(p) - 1)


def _compute(entropy: int) -> Computed:
    """The risks in many worlds of random covariances."""
    rng = np.random.default_rng(entropy)
    dense, full, astray, block = np.array([_risks(rng) for _ in range(WORLDS)]).T
    leads = (dense - full) / dense
    worse = int(np.sum(block > dense))
    rates = (dense - full) / (astray - full)  # linear in the rate of errors
    facts = (
        Fact(
            f"in {WORLDS} worlds of random covariances of signal and noise (d = {DIM}, {EXPERTS} "
            "groups) experts that see everything are below dense, if routed right: by "
            f"{100 * leads.min():.2g} % of its excess risk or more, {100 * np.median(leads):.2g} % "
            "in the median",
            bool(leads.min() > 0.0),
            {"dense": dense, "full_experts": full},
        ),
        Fact(
            f"they hold {EXPERTS * DIM} coefficients, dense {DIM}; with {DIM} in all, each expert "
            f"on its block, they are above dense in {worse} of {WORLDS} of these worlds, which "
            f"have no blocks: by a factor of {np.median(block / dense):.2g} in the median",
            worse > WORLDS // 2,
            {"block_experts": block},
        ),
        Fact(
            f"the lead is lost if {100 * rates.min():.2g} % of the inputs are routed wrong in the "
            f"most sensitive world, {100 * np.median(rates):.2g} % in the median",
            bool(np.all(astray > dense)),
            {"misrouted": astray, "crossover": rates},
        ),
    )
    return Computed(facts, (dense, full, block))


def _draw(figure: Figure, drawn: tuple[FloatArray, FloatArray, FloatArray]) -> None:
    """Draw the risks of both kinds of experts against that of dense, one point a world."""
    dense, full, block = drawn
    ax = figure.add_subplot()
    ends = [0.8 * full.min(), 1.25 * block.max()]
    lines = ax.plot(
        ends, ends, color=style.LOOKS["dense"].colour, linewidth=1.2, label="equal to dense"
    )
    for risks, look, name in (
        (full, style.LOOKS["all features"], "see everything"),
        (block, style.LOOKS["oracle"], "see a block each"),
    ):
        points = look.points | {"markersize": 4.5}
        lines += ax.plot(dense, risks, linestyle="none", label=f"experts {name}", **points)
    ax.set(
        xscale="log",
        yscale="log",
        xlabel="excess risk of dense",
        ylabel="excess risk of experts",
    )
    style.log_ticks(ax.xaxis, ax.yaxis)
    style.dress(ax, "both")
    furnish(
        ax,
        lines,
        title="Experts that see everything are below dense",
        facts=[
            *quantities.facts({"dim": DIM, "experts": EXPERTS}),
            f"{WORLDS} random worlds, a point each",
        ],
    )


ROW = Row(
    place="V-MoE against ViT",
    says="Sparse vision transformers are more robust than dense ones.",
    verdict="out of reach",
    because="It needs images and weights. Experts that see everything are below dense in every "
    "world tried, if routed right (docs/theory.md §10 proves that they are never above); but they "
    "hold K times the coefficients.",
    compute=_compute,
    theorems=("shared-noise",),
    draw=_draw,
)

"""The abstract: the excess risk of the mixture falls like 1/K, that of dense stays."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from moetheory.figures import plot
from moetheory.paper.declaration import Computed, Fact, Row
from moetheory.problem.estimators import MoE
from moetheory.problem.model import BlockModel
from moetheory.results.tables import Sweep
from moetheory.sweeping import sweep
from moetheory.theory.expert_distributions import high_probability_bound, risk_distribution
from moetheory.theory.risks import moe_bound, risk

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DIM, EXPERTS = 256, (1, 2, 4, 8, 16, 32, 64, 128, 256)
SAMPLES, DELTA = 1024, 0.05


def _world(experts: int) -> BlockModel:
    """The iso-parameter regime: the same coordinates and signal, cut into ``experts`` blocks."""
    return BlockModel.isotropic(DIM, experts, noise_variance=1.0, signal_energy=float(DIM))


def _equal_norms(experts: int) -> BlockModel:
    """More groups with the same signal and the same coefficients each."""
    return BlockModel.isotropic(
        4 * experts, experts, noise_variance=1.0, signal_energy=4.0, label_power=1.0
    )


def _compute(entropy: int) -> Computed:
    """Both risks for all numbers of experts, the bound, and where the law ends."""
    table = sweep(_world, "experts", EXPERTS, replicates=20_000, rng=entropy)
    dense, moe = table["dense"], table["moe"]
    scaled = moe * EXPERTS
    limit = moe_bound(_world(1))
    laws = {k: risk_distribution(MoE(), _world(k), SAMPLES) for k in (4, 16)}
    fitted = {k: float(law.quantile(1.0 - DELTA)) for k, law in laws.items()}
    bounds = {k: high_probability_bound(_world(k), SAMPLES, DELTA).excess for k in laws}
    best = {k: risk(MoE(), _world(k)).excess for k in laws}
    constant = [risk(MoE(), _equal_norms(k)).excess for k in (2, 64)]
    last = math.log(moe[-1] / moe[-2], EXPERTS[-1] / EXPERTS[-2])
    facts = (
        Fact(
            f"dense has the excess risk {dense[0]:.4g} at every K from 1 to {EXPERTS[-1]}",
            bool(np.ptp(dense) <= 1e-12 * dense[0]),
            {"dense": dense},
        ),
        Fact(
            f"K times the excess risk of the mixture rises from {scaled[0]:.4g} to "
            f"{scaled[-1]:.4g}, below its bound {limit:.4g}; the slope at the end is {last:.3f}",
            bool(np.all(np.diff(scaled) > 0.0) and scaled[-1] < limit),
            {"moe": moe, "bound": limit, "slope": last},
        ),
        Fact(
            f"fitted on {SAMPLES} samples the mixture is, with probability {1 - DELTA:g}, below "
            f"{fitted[4] / best[4]:.3f} times its best risk at K = 4, {fitted[16] / best[16]:.3f} "
            "times at K = 16; the bound by the union over experts, which has a logarithm of K, "
            f"says {bounds[4] / best[4]:.3f} and {bounds[16] / best[16]:.3f}",
            all(
                best[k] < fitted[k] <= bounds[k] and float(law.sf(bounds[k])) <= DELTA
                for k, law in laws.items()
            )
            and bounds[16] < bounds[4],
            {"best": best, "quantiles": fitted, "bounds": bounds},
        ),
        Fact(
            "1/K needs a total of squared coefficients that stays: with the same signal and "
            "coefficients in each group, the excess risk of the mixture is "
            f"{constant[0]:.4g} of the label's variance for 2 groups and {constant[1]:.4g} for 64",
            abs(constant[0] - constant[1]) <= 1e-12,
            {"constant": constant},
        ),
    )
    return Computed(facts, table)


def _draw(figure: Figure, table: Sweep) -> None:
    """Draw both risks and the bound against the number of experts."""
    plot(table, figure.add_subplot(), title="Experts follow the 1/K law, dense does not")


ROW = Row(
    place="Abstract",
    says="At equal parameters the excess risk of the mixture falls like 1/K up to logarithms; "
    "that of dense stays constant.",
    verdict="reproduced",
    because="The 1/K law holds with its constant, if the total signal and the total of squared "
    "coefficients stay as K grows.",
    compute=_compute,
    theorems=("one-over-k", "one-over-k-routed"),
    draw=_draw,
)

"""Theorem 4.1: how many labelled samples a router has to learn from."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from moetheory.claims.outcomes import Mean, fitted_exponent
from moetheory.claims.quantities import misrouting
from moetheory.common.arrays import FloatArray
from moetheory.common.seeding import RNG
from moetheory.figures import furnish, style
from moetheory.figures.labels import SIMULATED
from moetheory.paper.declaration import Computed, Fact, Row
from moetheory.problem.gates import Learned
from moetheory.problem.model import BlockModel
from moetheory.results.estimates import student_quantile
from moetheory.simulation import RoutingEstimate, simulate_routing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EXPERTS, BAYES_ERROR = 4, 0.05
DIMS, RATIOS = (16, 32, 64), (128, 512, 2048)  # of samples and coordinates
SETS, INPUTS = 60, 19_200  # training sets, and inputs of each times d: a given cost for each d
TAIL_DIM, TAIL_SAMPLES, TAIL_SETS, TAIL_INPUTS = 16, 256, 1400, 1000
SURE, LEVEL = 5.0, 1e-6


class Exponent(NamedTuple):
    """A mean of fitted exponents, with its standard error."""

    value: float
    sem: float

    def within(self, value: float, margin: float) -> bool:
        """Whether the exponent is within ``margin`` of ``value``, by 5 standard errors."""
        return abs(self.value - value) + SURE * self.sem < margin

    def __str__(self) -> str:
        return f"{self.value:.2f} ± {self.sem:.2f}"


@cache
def _world(dim: int) -> BlockModel:
    """Four equal blocks in which the Bayes router errs in 5 % of the inputs."""
    from scipy.optimize import brentq

    def model(log_strength: float) -> BlockModel:
        energy = math.exp(log_strength) * dim / EXPERTS
        return BlockModel.isotropic(dim, EXPERTS, 1.0, signal_energy=energy)

    def surplus(log_strength: float) -> float:
        return math.log(misrouting(model(log_strength)) / BAYES_ERROR)

    return model(brentq(surplus, math.log(0.3), math.log(30.0), xtol=1e-3))


def _learned(dim: int, samples: int, sets: int, inputs: int, seed: RNG) -> RoutingEstimate:
    """Routers by quadratic discriminant analysis, from as many training sets as told."""
    gate = Learned(samples, "full")
    return simulate_routing(gate, _world(dim), replicates=sets, inputs=inputs, rng=seed)


def _exponent(x: tuple[int, ...], columns: FloatArray) -> Exponent:
    """The exponent of x, the mean over columns; (len(x), C, 2) are the values and their sems."""
    fits = [
        fitted_exponent(x, [Mean(value, sem, SETS, SETS - 1.0) for value, sem in column])
        for column in columns.swapaxes(0, 1)
    ]
    sem = math.hypot(*(fit.sem for fit in fits)) / len(fits)
    return Exponent(float(np.mean([fit.value for fit in fits])), sem)


def _compute(entropy: int) -> Computed:
    """The excess error over samples, coordinates and training sets."""
    from scipy import stats

    grid = np.zeros((len(DIMS), len(RATIOS), 2))
    for i, dim in enumerate(DIMS):
        for j, ratio in enumerate(RATIOS):
            seed = np.random.SeedSequence(entropy, spawn_key=(i, j))
            found = _learned(dim, ratio * dim, SETS, INPUTS // dim, seed).excess
            grid[i, j] = found.mean, found.sem
    samples = np.outer(DIMS, RATIOS)
    scaled = grid * samples[:, :, np.newaxis]
    rate = _exponent(RATIOS, grid.swapaxes(0, 1))
    growth = _exponent(DIMS, scaled)
    constants = np.average(scaled[:, :, 0], axis=1, weights=scaled[:, :, 1] ** -2.0)
    tail = _learned(TAIL_DIM, TAIL_SAMPLES, TAIL_SETS, TAIL_INPUTS, entropy)
    assert tail.excesses is not None
    tenth, hundredth = np.quantile(tail.excesses, [0.9, 0.99]) / tail.excess.mean
    # log(1/δ) doubles from δ = 0.1 to 0.01
    beyond = int(np.sum(tail.excesses > 2.0 * tenth * tail.excess.mean))
    chance = float(stats.binom.cdf(beyond, TAIL_SETS, 0.01))
    listed = ", ".join(f"{c:.3g} at d = {d}" for c, d in zip(constants, DIMS, strict=True))
    facts = (
        Fact(
            f"the excess error over the Bayes router falls like n^a, a = {rate}, from n = "
            f"{RATIOS[0]} d to {RATIOS[-1]} d ({EXPERTS} equal blocks, d = "
            f"{', '.join(map(str, DIMS))}; the Bayes router errs in {100 * BAYES_ERROR:g} %)",
            rate.within(-1.0, 0.25),
            {"exponent": rate.value, "sem": rate.sem, "samples": samples, "excess": grid[:, :, 0]},
        ),
        Fact(
            f"n times the excess is {listed}: like d^a, a = {growth}, where a group has "
            "d(d+1)/2 moments to learn",
            growth.within(2.0, 0.5),
            {"exponent": growth.value, "sem": growth.sem, "constants": constants},
        ),
        Fact(
            f"over {TAIL_SETS} training sets (d = {TAIL_DIM}, n = {TAIL_SAMPLES}) the excess that "
            f"is measured on {TAIL_INPUTS} inputs each is above {tenth:.2f} times its mean in one "
            f"of 10, above {hundredth:.2f} times in one of 100; growth like log(1/δ) from δ = 0.1 "
            f"on would put {TAIL_SETS // 100} sets above {2.0 * tenth:.2f} times, and {beyond} are",
            chance < LEVEL,
            {
                "quantiles": (tenth, hundredth),
                "beyond": beyond,
                "chance": chance,
                "mean": tail.excess.mean,
                "sem": tail.excess.sem,
            },
        ),
    )
    return Computed(facts, (samples, grid, constants))


def _draw(figure: Figure, drawn: tuple[FloatArray, FloatArray, FloatArray]) -> None:
    """Draw the excess against the number of samples, with lines of slope -1."""
    ax = figure.add_subplot()
    lines = []
    for order, (dim, samples, found, constant) in enumerate(zip(DIMS, *drawn, strict=True)):
        look = style.LOOKS["learned"].another(order)
        half = student_quantile(0.025, SETS - 1) * found[:, 1]
        ax.plot(samples, constant / samples, color=look.colour, linewidth=1.2)
        points = ax.errorbar(samples, found[:, 0], half, linestyle="none", **look.points)
        points.lines[0].set_label(f"$d$ = {dim}")
        lines.append(points.lines[0])
    ax.set(
        xscale="log",
        yscale="log",
        xlabel="labelled samples $n$",
        ylabel="excess error over the Bayes router",
    )
    style.log_ticks(ax.xaxis, ax.yaxis)
    style.dress(ax)
    furnish(
        ax,
        lines,
        title="The excess error of a router falls like 1/n",
        facts=[
            f"{EXPERTS} equal groups",
            f"the Bayes router errs in {100 * BAYES_ERROR:g} per cent",
        ],
        notes=[f"lines: slope -1; {SIMULATED}"],
    )


ROW = Row(
    place="Theorem 4.1",
    says="A router by quadratic discriminant analysis, learned from n >= poly(d, log 1/δ) labelled "
    "samples, routes well with probability 1 - δ.",
    verdict="reproduced",
    because="By simulation in one family of worlds, four equal blocks, as there is no closed form: "
    "for an excess error of ε it takes about d²/ε samples, up to a factor (d from 16 to 64), and "
    "this factor grows no faster than log(1/δ) (at d = 16, δ >= 0.01).",
    compute=_compute,
    theorems=("routing",),
    commands=("python examples/learned_router.py",),
    draw=_draw,
)

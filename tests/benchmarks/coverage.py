"""How often a 95 % interval holds the truth, in 40 configurations of `simulate`.

    python tests/benchmarks/coverage.py [--repetitions 2000]

The truth is a closed form, or for fitted dense the mean of a long run. One line for each
configuration, with what the interval should hold: 95 ± 1.5 % from 30 replicates on, where third
moments exist. Elsewhere `simulate` warns, which the last column says.
"""

import argparse
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

import moetheory as mt

DENSE, MOE = mt.Dense(), mt.MoE()
SOFT, HARD = mt.MoE(gate=mt.Soft()), mt.MoE(gate=mt.Hard())


def uneven(noise: float = 0.5) -> mt.BlockModel:
    """Three blocks, unequal in everything."""
    ranks = np.arange(1.0, 9.0)
    blocks = np.repeat([0, 1, 2], [2, 3, 3])
    return mt.BlockModel([0.2, 0.3, 0.5], blocks, 3.0 / ranks, np.cos(ranks), noise)


def rare(p: float) -> mt.BlockModel:
    """A group of probability p carries all of the risk."""
    coefficients = np.repeat([1e-3, p**-0.5], 2)
    return mt.BlockModel([1.0 - p, p], [0, 0, 1, 1], np.ones(4), coefficients, 1.0)


def rare_gated(p: float) -> mt.BlockModel:
    """A group of probability p carries much of the risk, and gates tell it from the other."""
    coefficients = np.repeat([1.0, 0.5 * p**-0.5], 4)
    return mt.BlockModel([1.0 - p, p], np.repeat([0, 1], 4), np.full(8, 3.0), coefficients, 1.0)


@dataclass(frozen=True)
class Configuration:
    """A call of `simulate` with R replicates, and the estimate and the truth to compare."""

    name: str
    replicates: int
    run: Callable[[int, int], Any]  # (replicates, seed) -> Estimates
    truth: Callable[[], float]
    promised: bool = True  # 95 ± 1.5 %


def optimal(
    name: str, model: mt.BlockModel, estimators: tuple[Any, ...], replicates: int, **options: Any
) -> Configuration:
    """The last of the estimators, less the first if there are two, at infinitely many samples."""

    def estimate(replicates: int, seed: int) -> Any:
        found = mt.simulate(estimators, model, replicates=replicates, rng=seed, **options)
        return found.difference(1, 0) if len(estimators) == 2 else found[0]

    def truth() -> float:
        values = [mt.risk(each, model, under=options.get("under")).value for each in estimators]
        return values[-1] - (values[0] if len(values) == 2 else 0.0)

    return Configuration(name, replicates, estimate, truth, promised=replicates >= 30)


def fitted(
    name: str, estimator: Any, extra: int, replicates: int, method: str | None = None
) -> Configuration:
    """An estimator fitted on ``extra`` more samples than coordinates, in each group."""
    model = uneven()
    samples = model.sizes + extra if estimator is MOE else np.array([3, 4, 5]) * extra

    def estimate(replicates: int, seed: int) -> Any:
        options = {"replicates": replicates, "rng": seed, "method": method}
        return mt.simulate(estimator, model, samples=samples, **options)

    @cache
    def truth() -> float:
        if estimator is MOE:
            return mt.risk(MOE, model, samples=samples).value
        return mt.simulate(estimator, model, samples=samples, replicates=400_000, rng=10**6).mean

    promised = replicates >= 30 and (estimator is DENSE or extra >= 8)
    return Configuration(name, replicates, estimate, truth, promised)


def configurations() -> list[Configuration]:
    """All configurations."""
    found = []
    for replicates in (2, 10, 30, 100, 1000):
        model = uneven()
        least = max(replicates, 6)
        found += [
            optimal("population, dense", model, (DENSE,), least),
            optimal("population, dense - moe", model, (MOE, DENSE), least),
            fitted("fitted moe, n = s + 8, law", MOE, 8, replicates),
            fitted("fitted moe, n = s + 4, law", MOE, 4, replicates),
        ]
    for replicates in (30, 1000):
        for p in (1e-3, 1e-6):
            found += [
                optimal(f"population, moe, p = {p:g}", rare(p), (MOE,), replicates),
                optimal(f"population, dense - moe, p = {p:g}", rare(p), (MOE, DENSE), replicates),
                optimal(f"identity, soft, p = {p:g}", rare_gated(p), (SOFT,), replicates),
            ]
        found += [
            optimal("identity, hard", uneven(2.0), (HARD,), replicates),
            optimal("identity, hard - soft", uneven(2.0), (SOFT, HARD), replicates),
            fitted("fitted moe, n = s + 20, statistics", MOE, 20, replicates, "statistics"),
            fitted("fitted dense, n = 12·8", DENSE, 8, replicates),
        ]
    return found


def coverage(configuration: Configuration, repetitions: int) -> tuple[float, bool]:
    """The share of intervals that hold the truth, and whether `simulate` warned."""
    truth, held = configuration.truth(), 0
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for seed in range(repetitions):
            low, high = configuration.run(configuration.replicates, seed).interval(0.95)
            held += low < truth < high
    return held / repetitions, bool(caught)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=2000)
    repetitions = parser.parse_args().repetitions
    print(f"{'configuration':<36} {'R':>5} {'held':>7} {'± 1 se':>7}  promised  warned")
    for each in configurations():
        share, warned = coverage(each, repetitions)
        error = math.sqrt(0.95 * 0.05 / repetitions)
        verdict = "" if not each.promised else "ok" if abs(share - 0.95) <= 0.015 else "MISSED"
        told = "warned" if warned else ""
        print(
            f"{each.name:<36} {each.replicates:>5} {100 * share:>6.1f}% {100 * error:>6.1f}%  "
            f"{verdict:<8}  {told}",
            flush=True,
        )


if __name__ == "__main__":
    main()

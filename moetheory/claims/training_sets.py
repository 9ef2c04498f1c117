"""Experiments on training sets: what they draw, and how far it is from what theory says."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np

from moetheory.claims.declaration import ABSOLUTE, DETECTION, Outcome, Setting
from moetheory.common.arrays import FloatArray
from moetheory.problem.estimators import Dense, Estimator, MoE
from moetheory.problem.model import BlockModel
from moetheory.results.estimates import Estimate
from moetheory.simulation import fitted_risks
from moetheory.simulation.methods.route import Method
from moetheory.theory.risk_distributions import RiskDistribution

BOTH: tuple[Estimator, ...] = (Dense(), MoE())
SETS = 10_000  # training sets, of models that are small enough
# what an experiment draws and factors at most when replicates is not given
MOST_NUMBERS, MOST_PRODUCTS = 2 * 10**8, 5 * 10**10
POINTS = 50  # of a law that are compared
WORST_DETECTION = math.sqrt(-0.5 * math.log(0.01 / 2.0))  # of Kolmogorov's law, 99 %


def sets(setting: Setting, default: int, model: BlockModel, samples: int) -> int:
    """Training sets to draw: what was asked for, else ``default`` if that is not too much."""
    numbers = samples * model.dim
    affordable = min(MOST_NUMBERS // numbers, MOST_PRODUCTS // (numbers * model.dim))
    return setting.replicates or max(2, min(default, affordable))


@lru_cache(maxsize=4)
def drawn(
    model: BlockModel,
    counts: tuple[int, ...] | int,
    replicates: int,
    entropy: int,
    estimators: tuple[Estimator, ...] = BOTH,
    method: Method | None = "data",
) -> FloatArray:
    """Risks in each group of estimators fitted on the same training sets, (E, R, K).

    Drawn sample by sample: the law of the experts is what claims are about.
    """
    samples = counts if isinstance(counts, int) else list(counts)
    return fitted_risks(
        estimators, model, samples, method=method, replicates=replicates, rng=entropy
    )


def dense_drawn(
    model: BlockModel, counts: tuple[int, ...], replicates: int, entropy: int
) -> FloatArray:
    """Risks of dense alone, (R,), from statistics that no claim is about."""
    given_group = drawn(model, counts, replicates, entropy, BOTH[:1], None)[0]
    return np.asarray(given_group @ model.group_probabilities)


def mean_outcome(
    values: FloatArray,
    expected: float,
    setting: Setting,
    *,
    resolution: float,
    allowed: float = 0.0,
    relative_to: str = "left",
    note: str = "",
) -> Outcome:
    """A mean of independent ``values`` against ``expected``, give or take ``allowed``."""
    n = len(values)
    mean, sem = float(values.mean()), float(values.std(ddof=1)) / math.sqrt(n)
    beyond = max(abs(mean - expected) - allowed, 0.0)
    return Outcome(
        simulated=mean,
        sem=sem,
        z=math.copysign(beyond / sem if sem else math.inf, mean - expected) if beyond else 0.0,
        replicates=n,
        power=(setting.threshold + DETECTION) * sem / (abs(expected) or allowed) if sem else 0.0,
        resolution=resolution,
        relative_to=relative_to,
        note=note,
    )


def estimate_outcome(
    estimate: Estimate,
    expected: float,
    setting: Setting,
    *,
    resolution: float,
    relative_to: str = "left",
) -> Outcome:
    """An estimate against ``expected``."""
    return Outcome(
        simulated=estimate.mean,
        sem=estimate.sem,
        z=estimate.z(expected),
        replicates=estimate.replicates,
        power=(setting.threshold + DETECTION) * estimate.sem / abs(expected) if expected else 0.0,
        resolution=resolution,
        relative_to=relative_to,
    )


def one_sided(
    simulated: float,
    sem: float,
    met: float,
    replicates: int,
    setting: Setting,
    *,
    resolution: float,
    scale: float = 1.0,
    note: str = "",
) -> Outcome:
    """An inequality that is met by ``met``, which has standard error ``sem``.

    The power is a fraction of ``scale``, which is the left side if it is not 1.
    """
    return Outcome(
        simulated=simulated,
        sem=sem,
        z=(-met / sem if sem else math.inf) if met < 0.0 else 0.0,
        replicates=replicates,
        power=(setting.threshold + DETECTION) * sem / scale,
        resolution=resolution,
        relative_to=ABSOLUTE if scale == 1.0 else "left",
        note=note,
    )


def law_outcome(
    values: FloatArray, law: RiskDistribution, setting: Setting, *, resolution: float
) -> Outcome:
    """Kolmogorov and Smirnov's distance between ``values`` and ``law``, at some of the values.

    At all of them it is no smaller, so what it contradicts is contradicted.
    """
    from scipy import special, stats

    n = len(values)
    ranks = np.unique(np.linspace(1, n, POINTS + 2).astype(int)[1:-1])
    cdf = np.asarray(law.cdf(np.sort(values)[ranks - 1] / setting.control))
    distance = float(np.max(np.maximum(ranks / n - cdf, cdf - (ranks - 1) / n)))
    probability = float(stats.kstwo.sf(distance, n))
    # the distance that is as improbable as the threshold
    level = 2.0 * float(special.ndtr(-setting.threshold))
    critical = math.sqrt(-0.5 * math.log(level / 2.0))
    return Outcome(
        simulated=distance,
        sem=0.26 / math.sqrt(n),  # standard deviation of Kolmogorov's law
        z=-float(special.ndtri(max(probability, 1e-300) / 2.0)),
        replicates=n,
        power=(critical + WORST_DETECTION) / math.sqrt(n),
        resolution=resolution,
        relative_to="probability",
    )


def slope(
    sizes: Sequence[int], errors: Sequence[float], sems: Sequence[float]
) -> tuple[float, float]:
    """Exponent of ``errors`` as a power of ``sizes`` by least squares, and its standard error.

    >>> slope([1, 2, 4], [0.8, 0.4, 0.2], [0.01, 0.01, 0.01])
    (-1.000, 0.037)
    """
    x, y = np.log(sizes), np.log(np.abs(errors))
    weights = (x - x.mean()) / np.sum((x - x.mean()) ** 2)
    relative = np.asarray(sems) / np.abs(errors)
    return float(weights @ y), float(np.sqrt(np.sum((weights * relative) ** 2)))


def shortfall(
    family: Sequence[tuple[BlockModel, tuple[int, ...]]],
    leading: Callable[[BlockModel, tuple[int, ...]], float],
    setting: Setting,
    default: int,
) -> tuple[float, float, int, str]:
    """How the relative error of dense's leading order goes with d over a family.

    Returns the exponent, its standard error, the training sets of each model, and the errors in
    words.
    """
    errors, sems, replicates = [], [], 0
    for model, counts in family:
        replicates = sets(setting, default, model, sum(counts))
        risks = dense_drawn(model, counts, replicates, setting.entropy)
        mean = float(risks.mean())
        errors.append(1.0 - leading(model, counts) / mean)
        sems.append(float(risks.std(ddof=1)) / math.sqrt(replicates) / mean)
    exponent, sem = slope([model.dim for model, _ in family], errors, sems)
    listed = ", ".join(
        f"{100 * error:.2g} ± {100 * each:.1g} % at d = {model.dim}"
        for error, each, (model, _) in zip(errors, sems, family, strict=True)
    )
    return exponent, sem, replicates, f"the leading order falls short by {listed}"

"""Experiments on training sets: risks of fitted estimators, and how far from theory they are."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np

from moetheory.claims.experiments import ABSOLUTE, DETECTION_QUANTILE, Outcome, Setting
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
LAW_POINTS = 50  # at which two distribution functions are compared
WORST_DETECTION = math.sqrt(-0.5 * math.log(0.01 / 2.0))  # 99 % quantile of Kolmogorov's law


def replicates_of(setting: Setting, default: int, model: BlockModel, samples: int) -> int:
    """The number of training sets: as asked for, else ``default`` or what is affordable."""
    numbers = samples * model.dim
    affordable = min(MOST_NUMBERS // numbers, MOST_PRODUCTS // (numbers * model.dim))
    return setting.replicates or max(2, min(default, affordable))


@lru_cache(maxsize=4)
def drawn_risks(
    model: BlockModel,
    counts: tuple[int, ...] | int,
    replicates: int,
    entropy: int,
    estimators: tuple[Estimator, ...] = BOTH,
    method: Method | None = "data",
) -> FloatArray:
    """Risks of estimators fitted on common training sets, for each group, (E, R, K).

    Training sets are drawn sample by sample, not from the law that the claims are about.
    """
    samples = counts if isinstance(counts, int) else list(counts)
    return fitted_risks(
        estimators, model, samples, method=method, replicates=replicates, rng=entropy
    )


def drawn_dense_risks(
    model: BlockModel, counts: tuple[int, ...], replicates: int, entropy: int
) -> FloatArray:
    """Risks of dense alone, (R,), by the fastest method: no claim is about its law."""
    given_group = drawn_risks(model, counts, replicates, entropy, BOTH[:1], None)[0]
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
    """The outcome for a mean: independent ``values`` against ``expected`` ± ``allowed``."""
    n = len(values)
    mean, sem = float(values.mean()), float(values.std(ddof=1)) / math.sqrt(n)
    deviation = max(abs(mean - expected) - allowed, 0.0)
    return Outcome(
        simulated=mean,
        sem=sem,
        z=math.copysign(deviation / sem if sem else math.inf, mean - expected)
        if deviation
        else 0.0,
        replicates=n,
        power=(setting.threshold + DETECTION_QUANTILE) * sem / (abs(expected) or allowed)
        if sem
        else 0.0,
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
    """The outcome for an `Estimate` against ``expected``."""
    return Outcome(
        simulated=estimate.mean,
        sem=estimate.sem,
        z=estimate.z(expected),
        replicates=estimate.replicates,
        power=(setting.threshold + DETECTION_QUANTILE) * estimate.sem / abs(expected)
        if expected
        else 0.0,
        resolution=resolution,
        relative_to=relative_to,
    )


def inequality_outcome(
    simulated: float,
    sem: float,
    margin: float,
    replicates: int,
    setting: Setting,
    *,
    resolution: float,
    scale: float = 1.0,
    note: str = "",
) -> Outcome:
    """The outcome for an inequality that holds by ``margin`` with standard error ``sem``.

    ``simulated`` is the measured left side, for the report. The power is a fraction of
    ``scale``: of the left side, or absolute if ``scale`` is 1.
    """
    return Outcome(
        simulated=simulated,
        sem=sem,
        z=(-margin / sem if sem else math.inf) if margin < 0.0 else 0.0,
        replicates=replicates,
        power=(setting.threshold + DETECTION_QUANTILE) * sem / scale,
        resolution=resolution,
        relative_to=ABSOLUTE if scale == 1.0 else "left",
        note=note,
    )


def law_outcome(
    values: FloatArray, law: RiskDistribution, setting: Setting, *, resolution: float
) -> Outcome:
    """The outcome for a law: the Kolmogorov-Smirnov distance between ``values`` and ``law``.

    The distance is taken at some of the values. Over all of them the distance is no smaller, so
    a claim that is contradicted at some of them is contradicted.
    """
    from scipy import special, stats

    n = len(values)
    ranks = np.unique(np.linspace(1, n, LAW_POINTS + 2).astype(int)[1:-1])
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


def fitted_exponent(
    sizes: Sequence[int], errors: Sequence[float], sems: Sequence[float]
) -> tuple[float, float]:
    """The exponent of ``errors`` as a power of ``sizes`` by least squares, and its standard error.

    >>> fitted_exponent([1, 2, 4], [0.8, 0.4, 0.2], [0.01, 0.01, 0.01])
    (-1.000, 0.037)
    """
    x, y = np.log(sizes), np.log(np.abs(errors))
    weights = (x - x.mean()) / np.sum((x - x.mean()) ** 2)
    relative = np.asarray(sems) / np.abs(errors)
    return float(weights @ y), float(np.sqrt(np.sum((weights * relative) ** 2)))


def shortfall_exponent(
    family: Sequence[tuple[BlockModel, tuple[int, ...]]],
    leading: Callable[[BlockModel, tuple[int, ...]], float],
    setting: Setting,
    default: int,
) -> tuple[float, float, int, str]:
    """The exponent of d with which the relative error of dense's leading order changes.

    Returns the exponent, its standard error, the number of training sets of each model, and the
    errors in words. ``family`` holds models of growing d with their sample counts.
    """
    errors, sems, replicates = [], [], 0
    for model, counts in family:
        replicates = replicates_of(setting, default, model, sum(counts))
        risks = drawn_dense_risks(model, counts, replicates, setting.entropy)
        mean = float(risks.mean())
        errors.append(1.0 - leading(model, counts) / mean)
        sems.append(float(risks.std(ddof=1)) / math.sqrt(replicates) / mean)
    exponent, sem = fitted_exponent([model.dim for model, _ in family], errors, sems)
    listed = ", ".join(
        f"{100 * error:.2g} ± {100 * each:.1g} % at d = {model.dim}"
        for error, each, (model, _) in zip(errors, sems, family, strict=True)
    )
    return exponent, sem, replicates, f"the leading order falls short by {listed}"

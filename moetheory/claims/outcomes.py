"""Outcomes of experiments: what was drawn, compared with what a claim says."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np

from moetheory.claims.experiments import (
    ABSOLUTE,
    DETECTION_QUANTILE,
    Outcome,
    Setting,
)
from moetheory.common.arrays import FloatArray
from moetheory.results.estimates import Estimate
from moetheory.theory.risk_distributions import RiskDistribution

LAW_POINTS = 50  # at which two distribution functions are compared
WORST_DETECTION = math.sqrt(-0.5 * math.log(0.01 / 2.0))  # 99 % quantile of Kolmogorov's law
SQUARE_SKEWNESS = math.sqrt(8.0)  # of the square of a normal error
LEAST_VALUES = 1000  # from which on a skewness that was observed is believed
# the law of values whose tails do not matter: those of a claim about models of the theorem's own,
# which holds by many standard errors, and whose control misses by many
WITH_SLACK = (0.0, 0.0)


class Mean(NamedTuple):
    """A mean that was measured, and what is known of its law.

    Attributes
    ----------
    value, sem : float
        The mean and its standard error.
    replicates : int
    degrees : float
        Degrees of freedom of ``sem``.
    skewness : float
        The skewness of the mean.
    least : float
        Replicates with which standard error and skewness are believed.
    """

    value: float
    sem: float
    replicates: int
    degrees: float
    skewness: float = 0.0
    least: float = 0.0

    @classmethod
    def of(cls, values: FloatArray, law: tuple[float, float] | None = None) -> Self:
        """The mean of independent values.

        ``law`` are the standard deviation and the skewness of one value where theory knows them.
        The larger standard error counts, the observed or that of the law: what is rare may be
        missing from the observed one. Without a law the observed skewness counts.
        """
        n = len(values)
        sem = float(values.std(ddof=1)) / math.sqrt(n)
        if law is not None:
            sem, skewness, least = max(sem, law[0] / math.sqrt(n)), law[1], 0.0
        else:
            # relative to the largest, so that no cube overflows or underflows
            shifts = values - values.mean()
            shifts /= float(np.max(np.abs(shifts))) or 1.0
            spread = float(np.mean(np.square(shifts))) ** 1.5
            skewness = float(np.mean(shifts**3)) / (spread or 1.0)
            least = LEAST_VALUES
        return cls(float(values.mean()), sem, n, n - 1.0, skewness / math.sqrt(n), least)

    @classmethod
    def of_estimate(cls, estimate: Estimate, skewness: float) -> Self:
        r"""The mean that an `Estimate` holds; ``skewness`` bounds that of one value.

        Of strata, given which the skewness is at most :math:`\gamma`, the mean has a skewness of
        at most :math:`\gamma\sum_s A_s^{3/2}/\sqrt{n_s} \le \gamma/\sqrt{\mathrm{degrees}}`,
        :math:`A_s` the share of stratum s in the variance (Cauchy and Schwarz).
        """
        degrees = estimate.replicates - 1.0 if estimate.degrees is None else estimate.degrees
        bound = skewness / math.sqrt(degrees) if degrees > 0.0 else math.inf
        return cls(estimate.mean, estimate.sem, estimate.replicates, degrees, bound)

    def z(self, expected: float, allowed: float = 0.0) -> float:
        """The deviation from ``expected`` beyond ``allowed``, in standard errors."""
        deviation = self.value - expected
        beyond = max(abs(deviation) - allowed, 0.0)
        return math.copysign(in_units(beyond, self.sem), deviation)

    def power(self, size: float, threshold: float, z: float, rounding: float = 0.0) -> float:
        """The smallest error that would be seen, as a fraction of ``size``.

        Errors within ``rounding`` are never seen. It is infinite where ``size`` is zero, infinite
        or NaN, and where nothing varied although the mean deviates: chance is then unknown.
        """
        seen = (threshold + DETECTION_QUANTILE) * self.sem + rounding
        if self.sem == 0.0 and (z or seen == 0.0):
            return math.inf if z else 0.0
        return seen / abs(size) if 0.0 < abs(size) < math.inf else math.inf

    def enough(self, size: float, resolution: float, setting: Setting, rounding: float) -> float:
        """The number of replicates with which such a mean, if normal, shows ``resolution``."""
        if not 0.0 < abs(size) < math.inf:
            return math.inf
        shown = resolution * abs(size) - rounding
        seen = (setting.threshold() + DETECTION_QUANTILE) * self.sem
        wanted = self.replicates * (seen / shown) ** 2 if shown > 0.0 else math.inf
        return max(wanted if seen else 0.0, self.least)


def in_units(number: float, unit: float) -> float:
    """``number`` in units of ``unit``: 0 for 0, infinite for another number if the unit is 0."""
    if number == 0.0:
        return 0.0
    return number / unit if unit else math.copysign(math.inf, number)


def mean_outcome(
    values: FloatArray | Mean,
    expected: float,
    setting: Setting,
    *,
    resolution: float,
    allowed: float = 0.0,
    rounding: float = 0.0,
    relative_to: str = "left",
    note: str = "",
) -> Outcome:
    """The outcome for a mean: a `Mean`, or independent values, against ``expected``.

    Parameters
    ----------
    allowed : float
        How far from ``expected`` the mean may be according to the claim.
    rounding : float
        How far both may be off by rounding or quadrature. No smaller error is seen.
    """
    mean = values if isinstance(values, Mean) else Mean.of(values)
    z = mean.z(expected, allowed + rounding)
    threshold = setting.threshold(mean.degrees, mean.skewness)
    # the left side, expected or measured: it takes little power to see that they are far apart
    size = max(abs(expected), abs(mean.value)) if expected else 0.0
    return Outcome(
        simulated=mean.value,
        sem=mean.sem,
        z=z,
        threshold=threshold,
        replicates=mean.replicates,
        power=mean.power(size, threshold, z, rounding),
        resolution=resolution,
        relative_to=relative_to,
        enough=mean.enough(size, resolution, setting, rounding),
        note=note,
    )


def estimate_outcome(
    estimate: Estimate,
    expected: float,
    setting: Setting,
    *,
    resolution: float,
    rounding: float = 0.0,
    skewness: float = SQUARE_SKEWNESS,
    relative_to: str = "left",
    note: str = "",
) -> Outcome:
    """The outcome for an `Estimate` against ``expected``.

    ``skewness`` bounds that of one value given its group; the others are those of `mean_outcome`.
    """
    return mean_outcome(
        Mean.of_estimate(estimate, skewness),
        expected,
        setting,
        resolution=resolution,
        rounding=rounding,
        relative_to=relative_to,
        note=note,
    )


def inequality_outcome(
    simulated: float,
    margin: Mean,
    setting: Setting,
    *,
    resolution: float,
    scale: float | None = None,
    rounding: float = 0.0,
    note: str = "",
) -> Outcome:
    """The outcome for an inequality that holds by ``margin``.

    ``simulated`` is the measured left side, for the report. The power is a fraction of
    ``scale``, the size of the left side; it is absolute if ``scale`` is None. No error within
    ``rounding`` is seen.
    """
    threshold = setting.threshold(margin.degrees, margin.skewness)
    z = in_units(max(-margin.value - rounding, 0.0), margin.sem)
    size = 1.0 if scale is None else scale
    return Outcome(
        simulated=simulated,
        sem=margin.sem,
        z=z,
        threshold=threshold,
        replicates=margin.replicates,
        power=margin.power(size, threshold, z, rounding),
        resolution=resolution,
        relative_to=ABSOLUTE if scale is None else "left",
        enough=margin.enough(size, resolution, setting, rounding),
        note=note,
    )


def rate_outcome(
    events: int,
    trials: int,
    probability: float,
    setting: Setting,
    *,
    resolution: float,
    note: str = "",
) -> Outcome:
    """The outcome for a number of independent events against their ``probability``: exact.

    z is the normal deviate of the probability of so many events, or so few.
    """
    from scipy import special

    rare = float(special.bdtr(events, trials, probability))
    frequent = float(special.bdtrc(events - 1, trials, probability)) if events else 1.0
    tail = max(min(rare, frequent, 0.5), 1e-300)
    sem = math.sqrt(probability * (1.0 - probability) / trials)
    threshold, size = setting.threshold(), max(probability, events / trials)
    return Outcome(
        simulated=events / trials,
        sem=sem,
        z=math.copysign(float(special.ndtri(tail)), rare - frequent),
        threshold=threshold,
        replicates=trials,
        power=(threshold + DETECTION_QUANTILE) * sem / size if probability else math.inf,
        resolution=resolution,
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
    critical = math.sqrt(-0.5 * math.log(setting.tail))
    return Outcome(
        simulated=distance,
        sem=0.26 / math.sqrt(n),  # standard deviation of Kolmogorov's law
        z=-float(special.ndtri(max(probability, 1e-300) / 2.0)),
        threshold=setting.threshold(),
        replicates=n,
        power=(critical + WORST_DETECTION) / math.sqrt(n),
        resolution=resolution,
        relative_to="probability",
    )


def fitted_exponent(sizes: Sequence[int], errors: Sequence[Mean]) -> Mean:
    """The exponent of ``errors`` as a power of ``sizes`` by least squares.

    >>> errors = [Mean(value, 0.01, 100, 99.0) for value in (0.8, 0.4, 0.2)]
    >>> fitted_exponent([1, 2, 4], errors)[:2]
    (-1.000, 0.037)
    """
    x = np.log(sizes)
    weights = (x - x.mean()) / np.sum((x - x.mean()) ** 2)
    values = np.abs([error.value for error in errors])
    relative = np.array([error.sem for error in errors]) / values
    return Mean(
        value=float(weights @ np.log(values)),
        sem=float(np.sqrt(np.sum((weights * relative) ** 2))),
        replicates=min(error.replicates for error in errors),
        degrees=min(error.degrees for error in errors),
    )

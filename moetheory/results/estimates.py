"""Monte Carlo estimates: the results of simulations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.common.errors import ArgumentError
from moetheory.common.frozen import Frozen
from moetheory.common.text import UNLESS_DEFAULT, html_table, with_error
from moetheory.common.validation import index, number, vector
from moetheory.problem.estimators import Estimator
from moetheory.problem.losses import Loss
from moetheory.results.risks import Misclassification, Risk


@dataclass(frozen=True, eq=False, repr=False)
class Estimate(Frozen):
    """A Monte Carlo estimate of a risk or of a weighted sum of risks.

    Attributes
    ----------
    mean, sem : float
        The estimate and its standard error, which is infinite where the variance is known to be
        infinite.
    replicates : int
        The number of independent repetitions.
    per_group : (K,) array
        The mean given the group; NaN where no replicate fell into the group.
    method : str
        How the risk was simulated; for a sum of risks also whether they shared their draws.
    entropy : int
        The seed: ``rng=estimate.entropy`` repeats the simulation.
    values : (replicates,) array or None
        The simulated risks, kept where the variance of one of the risks is infinite.
    degrees : float or None
        Degrees of freedom of ``sem``; None: ``replicates`` - 1. Groups of few inputs, which are
        strata, lower them (Satterthwaite 1946).
    skewness : float
        The skewness of the mean as it was observed, up to 1000 replicates; 0 beyond, where it
        hardly counts.
    loss : {"squared", "sign"}
        What the risk is the mean of: squared errors, or wrong signs.
    origins : tuple
        What `replay` needs, of each of the risks; None for methods other than "data".
    """

    mean: float
    sem: float
    replicates: int
    per_group: FloatArray
    method: str
    entropy: int
    values: FloatArray | None = None
    degrees: float | None = None
    skewness: float = 0.0
    loss: Loss = field(default="squared", metadata=UNLESS_DEFAULT)
    origins: tuple[Any, ...] = field(default=(), repr=False)

    def __float__(self) -> float:
        return self.mean

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        r"""The confidence interval: Student's t, longer on the side to which the mean is skewed.

        .. math:: m - \mathrm{sem}\,\max(t, h(t)),\; m + \mathrm{sem}\,\max(t, -h(-t)), \qquad
                  h(x) = \frac3G\Big(\sqrt[3]{1 + Gx - G^2/6} - 1\Big),

        t the quantile for ``degrees``, G the ``skewness`` (Hall 1992); h(x) = x without skewness.
        How often intervals of few replicates hold the truth: docs/theory.md §5.

        >>> e = Estimate(1.0, 0.1, 1001, np.array([1.0]), "population", 0)
        >>> e.interval(0.95)
        (0.80, 1.20)
        """
        level = number("confidence", confidence, above=0.0, below=1.0)
        degrees = self.replicates - 1.0 if self.degrees is None else self.degrees
        t = student_quantile((1.0 - level) / 2.0, degrees)
        below, above = max(t, self._unskewed(t)), max(t, -self._unskewed(-t))
        return self.mean - self.sem * below, self.mean + self.sem * above

    def _unskewed(self, t: float) -> float:
        """The deviation in standard errors that stands for the quantile ``t``."""
        g = self.skewness
        if abs(g) < 1e-6:  # the formula would lose its digits
            return t
        return 3.0 / g * (float(np.cbrt(1.0 + g * t - g**2 / 6.0)) - 1.0)

    def z(self, value: float | Risk | Misclassification | Estimate) -> float:
        """The z-score ``(mean - value)/sem``; if sem is zero, 0 for equal numbers and else ±inf.

        ``value`` may be infinite, or a risk or an estimate, which stands for its number.

        >>> Estimate(1.0, 0.1, 1001, np.array([1.0]), "population", 0).z(0.8)
        2.0
        """
        difference = self.mean - _number_or_infinity("value", value)
        if self.sem > 0.0:
            return difference / self.sem
        return math.copysign(math.inf, difference) if difference else 0.0

    @property
    def median(self) -> float | None:
        """The median of ``values``; None where ``values`` is None."""
        if self.values is None:
            return None
        return float(np.median(self.values)) if self.values.size else math.nan

    def median_interval(self, confidence: float = 0.95) -> tuple[float, float] | None:
        r"""A confidence interval of the median for any law; None without ``values``.

        Its ends are the order statistics :math:`X_{(j)}, X_{(R+1-j)}` with the largest j such that
        :math:`P(\mathrm{Bin}(R, 1/2) < j)` is at most half of 1 - ``confidence``; they are infinite
        for too few replicates.

        >>> values = np.arange(1.0, 101.0)
        >>> e = Estimate(50.5, 3.0, 100, np.array([50.5]), "law", 0, values)
        >>> e.median, e.median_interval(0.95)
        (50.5, (40.0, 61.0))
        """
        from scipy import stats

        level = number("confidence", confidence, above=0.0, below=1.0)
        if self.values is None:
            return None
        size = len(self.values)
        if size == 0:
            return math.nan, math.nan
        # the smallest j with P(Bin <= j) >= tail: P(Bin < j) is below it
        rank = int(stats.binom.ppf((1.0 - level) / 2.0, size, 0.5))
        if rank == 0:
            return -math.inf, math.inf
        ordered = np.partition(self.values, [rank - 1, size - rank])
        return float(ordered[rank - 1]), float(ordered[size - rank])


@dataclass(frozen=True, eq=False, repr=False)
class Estimates(Frozen, Sequence[Estimate]):
    """Estimates of several risks, in the order of the arguments.

    Attributes
    ----------
    means : (E,) array
    covariance : (E, E) array
        The estimated covariance of the means; zero between estimates with independent draws.
    per_group : (E, K) array
    replicates : (E,) integer array
    methods : E strings
    draws : (E,) integer array
        Estimates with equal numbers used the same draws.
    entropy : int
    infinite : (E,) boolean array
        Whether the variance of a risk is known to be infinite; then its sem is infinite.
    values : E arrays, optional
        The simulated risks of each estimate where they were kept, up to 1000 replicates or where
        one of the variances is infinite; else empty. Where groups are strata: numbers with the
        mean and the standard error of the estimates.
    degrees : (E,) array, optional
        Degrees of freedom of each standard error; ``replicates`` - 1 if not given.
    loss : {"squared", "sign"}
        What the risks are the means of: squared errors, or wrong signs.
    origins : E objects, optional
        What `replay` needs of each estimate; None for methods other than "data".
    names : E objects, optional
        For a figure: the estimator of each estimate, of one's own its label.
    """

    means: FloatArray
    covariance: FloatArray
    per_group: FloatArray
    replicates: IntArray
    methods: tuple[str, ...]
    draws: IntArray
    entropy: int
    infinite: np.ndarray[tuple[int], np.dtype[np.bool_]]
    values: tuple[FloatArray, ...] | None = None
    degrees: FloatArray | None = None
    loss: Loss = field(default="squared", metadata=UNLESS_DEFAULT)
    origins: tuple[Any, ...] | None = field(default=None, repr=False)
    names: tuple[Estimator | str, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        if self.degrees is None:
            object.__setattr__(self, "degrees", self.replicates - 1.0)
        super().__post_init__()

    def __len__(self) -> int:
        return len(self.means)

    @overload
    def __getitem__(self, position: int) -> Estimate: ...
    @overload
    def __getitem__(self, position: slice) -> list[Estimate]: ...
    def __getitem__(self, position: int | slice) -> Estimate | list[Estimate]:
        if isinstance(position, slice):
            return [self[i] for i in range(len(self))[position]]
        return self.combination(self._unit("position", position))

    def _unit(self, name: str, position: int) -> FloatArray:
        """The weights (E,) of one estimate alone."""
        return np.asarray(np.eye(len(self))[index(name, position, len(self))])

    def combination(self, weights: ArrayLike) -> Estimate:
        """The weighted sum of the estimates; its sem includes the covariance of shared draws."""
        w = vector("weights", weights, length=len(self))
        used = np.flatnonzero(w)
        members = used if used.size else np.arange(1)
        shared = self.covariance[np.ix_(members, members)]
        variance = float(w[members] @ shared @ w[members])
        sem = math.inf if self.infinite[used].any() else math.sqrt(max(variance, 0.0))
        assert self.degrees is not None
        return Estimate(
            mean=float(w[members] @ self.means[members]),
            sem=sem,
            replicates=int(self.replicates[members].min()),
            per_group=w[members] @ self.per_group[members],
            method=self._method(members),
            entropy=self.entropy,
            values=self._values(w, members) if self.infinite.any() else None,
            degrees=float(self.degrees[members].min()),
            skewness=self._skewness(w, members, sem),
            loss=self.loss,
            origins=() if self.origins is None else tuple(self.origins[i] for i in members),
        )

    def difference(self, i: int, j: int) -> Estimate:
        """Estimate ``i`` minus estimate ``j``.

        The sem is paired if both used the same draws, else that of independent estimates;
        `Estimate.method` says which.
        """
        return self.combination(self._unit("i", i) - self._unit("j", j))

    def paired(self, i: int, j: int) -> bool:
        """Whether estimates ``i`` and ``j`` used the same draws."""
        first, second = index("i", i, len(self)), index("j", j, len(self))
        return bool(self.draws[first] == self.draws[second])

    def _repr_html_(self) -> str:
        def cells(row: int) -> list[str]:
            each = self[row]
            return [str(row), with_error(each.mean, each.sem), each.method, str(each.replicates)]

        return html_table(["", "mean ± sem", "method", "replicates"], len(self), cells)

    def _values(self, weights: FloatArray, members: IntArray) -> FloatArray | None:
        """The weighted sums of the simulated risks; None unless all used the same draws."""
        # independent draws give the mean of a sum, but not its law
        if self.values is None or len(set(self.draws[members].tolist())) > 1:
            return None
        return np.asarray(sum(weights[i] * self.values[i] for i in members))

    def _skewness(self, weights: FloatArray, members: IntArray, sem: float) -> float:
        """The skewness of the weighted mean, from the values of each of the independent draws."""
        third = 0.0
        for draw in set(self.draws[members].tolist()):
            values = self._values(weights, members[self.draws[members] == draw])
            if values is not None and (size := len(values)) > 1 and 0.0 < sem < math.inf:
                parts = (values - values.mean()) / (sem * math.sqrt(size * (size - 1.0)))
                third += float(np.sum(parts**3))
        return third

    def _method(self, members: IntArray) -> str:
        """The methods of these estimates, and whether they shared their draws."""
        methods = " and ".join(dict.fromkeys(self.methods[i] for i in members))
        if len(members) == 1:
            return methods
        number_of_draws = len(set(self.draws[members].tolist()))
        if number_of_draws == 1:
            return f"{methods}, same draws"
        several = "independent" if number_of_draws == len(members) else "partly independent"
        return f"{methods}, {several} draws"


def student_quantile(tail: float, degrees: float) -> float:
    """The quantile t with ``P(T > t) = tail`` of Student's distribution.

    >>> student_quantile(0.025, 10)
    2.2281
    """
    from scipy import special

    return -float(special.stdtrit(max(degrees, 1), tail))


def _number_or_infinity(name: str, value: object) -> float:
    """``value`` as a float, which is not NaN; a risk or an estimate stands for its number."""
    given = float(value) if isinstance(value, Risk | Misclassification | Estimate) else value
    if isinstance(given, float | np.floating) and not math.isfinite(given):
        if math.isnan(given):
            raise ArgumentError(name, "must be a number, got nan")
        return float(given)
    return number(name, given)

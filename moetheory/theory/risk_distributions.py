"""The law of the risk of experts fitted on finitely many samples: `RiskDistribution`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import ArrayLike

from moetheory.common.arrays import FloatArray
from moetheory.common.cached import cached
from moetheory.common.errors import ArgumentError, ArgumentTypeError, NoClosedForm
from moetheory.common.frozen import Frozen
from moetheory.common.seeding import RNG, generator_of
from moetheory.common.validation import count, flag, number, regular_array, shown
from moetheory.formulas import inversion, ratios
from moetheory.formulas.sum_transforms import Sum

DRAWS = 1 << 20  # numbers drawn at once
MOST_DRAWS = 2**28  # returned: 2 GiB
FARTHEST = 1e60  # times the largest scale of a sum: next to nothing is beyond
LEAST_TAIL = 1e-11  # the least tail of a sum, as tails have an error of about 1e-13


class ExpertLaw(NamedTuple):
    r"""The law of one fitted expert's risk beyond ``fixed``, as two independent terms.

    ``ratio`` is :math:`(a, s, \nu)` for :math:`a\,\chi^2_s/\chi^2_\nu`, ``beta`` is
    :math:`(e, \alpha, \beta)` for :math:`e\,\mathrm{Beta}(\alpha, \beta)`; None where there is
    no such term.
    """

    fixed: float
    ratio: tuple[float, float, float] | None = None
    beta: tuple[float, float, float] | None = None


@dataclass(frozen=True, eq=False, repr=False)
class RiskDistribution(Frozen):
    r"""The law of a risk, :math:`c + \sum_j a_j\chi^2_{s_j}/\chi^2_{\nu_j} + \sum_j e_jB_j`.

    `risk_distribution` returns it. Arguments that are arrays give arrays.

    Attributes
    ----------
    mean, std : float
        Exact; ``inf`` where the integral diverges.
    lower, upper : float
        Ends of the support; ``upper`` may be ``inf``.
    error : float
        Bound on the absolute error of `cdf` and `sf`: 0 (up to rounding) for a constant or a
        single term, which have closed forms, else 1e-10.
    experts : tuple of RiskDistribution
        The law of each expert's risk; for the law of one expert, that law alone.
    """

    lower: float
    _terms: Sum = field(repr=False)
    _laws: tuple[ExpertLaw | NoClosedForm, ...] = field(repr=False)

    @classmethod
    def of(
        cls, weighted: list[tuple[float, ExpertLaw]], laws: tuple[ExpertLaw | NoClosedForm, ...]
    ) -> RiskDistribution:
        """The law of a weighted sum of independent risks; ``laws`` are the laws of all experts."""
        return cls(
            math.fsum(p * law.fixed for p, law in weighted),
            Sum(
                *_merged_terms((p, law.ratio) for p, law in weighted),
                *_merged_terms((p, law.beta) for p, law in weighted),
            ),
            laws,
        )

    @cached
    def experts(self) -> tuple[RiskDistribution, ...]:
        """The law of each expert's risk; NoClosedForm if a group of probability 0 has none."""
        laws = []
        for law in self._laws:
            if isinstance(law, NoClosedForm):
                raise law
            laws.append(RiskDistribution.of([(1.0, law)], (law,)))
        return tuple(laws)

    @property
    def mean(self) -> float:
        """The exact mean; ``inf`` where the integral diverges."""
        t = self._terms
        ratio = t.ratio_powers * t.ratio_scales * ratios.ratio_mean(t.ratio_first, t.ratio_second)
        beta = t.beta_powers * t.beta_scales * ratios.beta_mean(t.beta_first, t.beta_second)
        return self.lower + float(ratio.sum() + beta.sum())

    @property
    def std(self) -> float:
        """The exact standard deviation; ``inf`` where the integral diverges."""
        t = self._terms
        unit = float(np.max(np.concatenate((t.ratio_scales, t.beta_scales)), initial=0.0)) or 1.0
        ratio, beta = (
            t.ratio_powers
            * np.square(t.ratio_scales / unit)
            * ratios.ratio_variance(t.ratio_first, t.ratio_second),
            t.beta_powers
            * np.square(t.beta_scales / unit)
            * ratios.beta_variance(t.beta_first, t.beta_second),
        )
        return unit * math.sqrt(float(ratio.sum() + beta.sum()))

    @property
    def upper(self) -> float:
        """The upper end of the support; it may be ``inf``."""
        t = self._terms
        return (
            math.inf if len(t.ratio_scales) else self.lower + float(t.beta_scales @ t.beta_powers)
        )

    @property
    def error(self) -> float:
        """A bound on the absolute error of `cdf` and `sf`."""
        return 0.0 if self._number_of_terms <= 1 else inversion.TOLERANCE

    @property
    def _number_of_terms(self) -> int:
        """The number of independent terms of the sum."""
        return int(self._terms.ratio_powers.sum() + self._terms.beta_powers.sum())

    @property
    def _is_ratio_plus_beta(self) -> bool:
        """Whether the law is one expert's below the threshold, with tails of relative accuracy."""
        t = self._terms
        return self._number_of_terms == 2 and len(t.ratio_scales) == len(t.beta_scales)

    @overload
    def cdf(self, x: float) -> float: ...
    @overload
    def cdf(self, x: ArrayLike) -> float | FloatArray: ...
    def cdf(self, x: Any) -> Any:
        r"""The distribution function :math:`P(\mathrm{risk} \le x)`; small values are accurate too.

        Each value depends on its own x alone, so that `cdf` rises (and `sf` falls) with x only to
        within `error`: a step the wrong way is at most twice the error.

        Raises
        ------
        ValueError
            x is not a real number (or an array of such).
        ArithmeticError
            The law at x cannot be computed to within `error`: for few small experts without
            enough samples, near a kink of their law. `sample` always works.
        """
        return _elementwise(_real_values("x", x), lambda v: self._tails(v)[0])

    @overload
    def sf(self, x: float) -> float: ...
    @overload
    def sf(self, x: ArrayLike) -> float | FloatArray: ...
    def sf(self, x: Any) -> Any:
        r"""The survival function :math:`P(\mathrm{risk} > x)`; errors are those of `cdf`.

        One expert has relative accuracy, a sum an absolute accuracy of about 1e-13.
        """
        return _elementwise(_real_values("x", x), lambda v: self._tails(v)[1])

    @overload
    def quantile(self, q: float) -> float: ...
    @overload
    def quantile(self, q: ArrayLike) -> float | FloatArray: ...
    def quantile(self, q: Any) -> Any:
        """The risk that is not exceeded with probability q.

        Its distance from `lower` has a relative error of 1e-10, beyond what the error of `cdf`
        leaves open. Quantiles rise with q to within these errors.

        ``q = 0`` and ``q = 1`` give the ends of the support. Raises ValueError for q outside
        [0, 1]. Raises ArithmeticError where `cdf` does, and for q beyond 1 - 1e-11 unless the law
        is that of a single expert.
        """
        given = _real_values("q", q)
        bad = given[~((given >= 0.0) & (given <= 1.0))]
        if bad.size:
            raise ArgumentError("q", f"must be between 0 and 1, got {bad[0]:g}")
        return _elementwise(given, self._quantile)

    def sample(self, size: int, rng: RNG = None) -> FloatArray:
        """Independent draws, shape (size,); ``rng`` as for `simulate`."""
        size = count("size", size, maximum=MOST_DRAWS)
        generator = generator_of(rng)
        total, t = np.full(size, self.lower), self._terms
        for a, s, nu, power in zip(*t[:4], strict=True):
            for rows in _batch_sizes(int(power), size):
                above = generator.chisquare(s, (rows, size))
                total += a * (above / generator.chisquare(nu, (rows, size))).sum(axis=0)
        for e, first, second, power in zip(*t[4:], strict=True):
            for rows in _batch_sizes(int(power), size):
                total += e * generator.beta(first, second, (rows, size)).sum(axis=0)
        return total

    def _quantile(self, q: float) -> float:
        """The quantile of a checked q."""
        if q in (0.0, 1.0):
            return self.upper if q else self.lower
        return self.lower + (
            self.beyond(q, upper=False) if q <= 0.5 else self.beyond(1.0 - q, upper=True)
        )

    def _tails(self, x: float) -> tuple[float, float]:
        """The probabilities P(risk ≤ x) and P(risk > x)."""
        return (1.0, 0.0) if x >= self.upper else self._tails_beyond(x - self.lower)

    def _tails_beyond(self, beyond: float) -> tuple[float, float]:
        """The probabilities of a distance from ``lower`` of at most ``beyond``, and of more."""
        t = self._terms
        if beyond < 0.0 or (beyond == 0.0 and self._number_of_terms):
            return 0.0, 1.0
        if self._number_of_terms == 1:
            is_ratio = len(t.ratio_scales) == 1
            tails = ratios.ratio_tails if is_ratio else ratios.beta_tails
            scale, first, second = (float(a[0]) for a in (t[:3] if is_ratio else t[4:7]))
            low, high = tails(beyond / scale, first, second)
            return float(low), float(high)
        if self._is_ratio_plus_beta:
            return ratios.convolved_tails(beyond, *(float(array[0]) for array in (*t[:3], *t[4:7])))
        scales = np.concatenate((t.ratio_scales, t.beta_scales))
        beyond = min(beyond, FARTHEST * float(scales.max()))
        low = min(max(inversion.invert(beyond, t), 0.0), 1.0)
        return low, 1.0 - low

    def beyond(self, tail: float, *, upper: bool) -> float:
        """The distance from ``lower`` to the point with ``tail`` above (``upper``) or below it.

        An upper tail may be far too small for ``1 - tail`` to differ from 1. The distance is
        ``inf`` where it is beyond the floats.
        """
        tail, upper = number("tail", tail, above=0.0, below=1.0), flag("upper", upper)
        t = self._terms
        if self._number_of_terms == 0:
            return 0.0
        scales = np.concatenate((t.ratio_scales, t.beta_scales))

        def term_quantiles(tail: float, upper: bool) -> FloatArray:
            quantiles = (
                ratios.ratio_quantile(tail, t.ratio_first, t.ratio_second, upper),
                ratios.beta_quantile(tail, t.beta_first, t.beta_second, upper),
            )
            with np.errstate(over="ignore"):
                return np.asarray(scales * np.concatenate(quantiles))

        # a sum is no less than a term; if it is above x_1 + x_2 + ..., some term is above x_j
        low = float(term_quantiles(tail, upper).max())
        if self._number_of_terms == 1:
            return low
        if upper and tail < LEAST_TAIL and not self._is_ratio_plus_beta:
            raise ArithmeticError(
                f"the upper tail of a sum is not known below {LEAST_TAIL:g}, got {tail:.2g}; "
                "that of a single expert is"
            )
        share = (tail if upper else 1.0 - tail) / self._number_of_terms
        powers = np.concatenate((t.ratio_powers, t.beta_powers))
        with np.errstate(over="ignore"):
            high = float(term_quantiles(share, True) @ powers)
        if not self._is_ratio_plus_beta:
            try:
                return inversion.quantile(tail, upper, low, high, t)
            except ArithmeticError:
                pass  # where a law has no path, it may have a series
        return _log_root(lambda y: self._tails_beyond(y)[int(upper)], tail, low, high)


def _merged_terms(
    terms: Iterable[tuple[float, tuple[float, float, float] | None]],
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """The distinct terms, up to rounding: scales, first and second parameters, multiplicities."""
    powers: dict[tuple[float, float, float], int] = {}
    for p, term in terms:
        if term is not None and p * term[0] > 0.0:
            key = (float(f"{p * term[0]:.13e}"), *term[1:])
            powers[key] = powers.get(key, 0) + 1
    table = np.array(list(powers), dtype=np.float64).reshape(-1, 3).T
    return table[0], table[1], table[2], np.array(list(powers.values()), dtype=np.float64)


def _log_root(
    probability: Callable[[float], float], wanted: float, low: float, high: float
) -> float:
    """The y > 0 at which a monotone function has a value, by Brent's method on a log-log scale.

    The root lies from ``low`` to ``high``, which may be 0 and ``inf``, as may the root.
    """
    from scipy import optimize

    tiny, most = np.finfo(np.float64).tiny, np.finfo(np.float64).max

    def log_ratio(log_y: float) -> float:
        return math.log(max(probability(math.exp(log_y)), tiny) / wanted)

    left, right = math.log(max(low, tiny)), math.log(min(high, most))
    value_left, value_right = log_ratio(left), log_ratio(right)
    # theory puts the root between them, so that equal signs can only be rounding at an end
    if value_left * value_right >= 0.0:
        return low if abs(value_left) <= abs(value_right) else high
    return math.exp(optimize.brentq(log_ratio, left, right, xtol=1e-10, rtol=1e-13))


def _batch_sizes(rows: int, size: int) -> Iterable[int]:
    """Numbers of rows of length ``size`` that are drawn at once; their sum is ``rows``."""
    step = max(DRAWS // max(size, 1), 1)
    return (min(step, rows - begin) for begin in range(0, rows, step))


def _real_values(name: str, value: Any) -> FloatArray:
    """``value`` as an array of floats, infinities included."""
    given = regular_array(name, value)
    if given.dtype.kind not in "iuf":
        raise ArgumentTypeError(name, f"must hold real numbers, got {shown(value)}")
    array = given.astype(np.float64)
    if np.isnan(array).any():
        raise ArgumentError(name, f"must not be NaN, got {shown(value)}")
    return array


def _elementwise(values: FloatArray, function: Callable[[float], float]) -> float | FloatArray:
    """The function of each value, in the shape of ``values``; a float for a scalar."""
    results = np.array([function(v) for v in values.ravel().tolist()], dtype=np.float64)
    return float(results[0]) if values.ndim == 0 else results.reshape(values.shape)

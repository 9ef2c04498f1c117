"""The whole law of the risk of experts fitted on finitely many samples."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import ArrayLike

from moetheory.common.arrays import FloatArray
from moetheory.common.errors import NoClosedForm
from moetheory.common.validation import count, regular_array
from moetheory.formulas import inversion, ratios

DRAWS = 1 << 20  # numbers drawn at once
LEAST_TAIL = 1e-11  # of a sum, whose tail is known to about 1e-13


class Part(NamedTuple):
    r"""The law of one fitted expert's risk beyond ``fixed``, as two independent terms.

    ``ratio`` is :math:`(a, s, \nu)` of :math:`a\,\chi^2_s/\chi^2_\nu`, ``beta`` is
    :math:`(e, \alpha, \beta)` of :math:`e\,\mathrm{Beta}(\alpha, \beta)`; None where there is
    no such term.
    """

    fixed: float
    ratio: tuple[float, float, float] | None = None
    beta: tuple[float, float, float] | None = None


@dataclass(frozen=True, eq=False)
class RiskDistribution:
    r"""The law of a risk, :math:`c + \sum_j a_j\chi^2_{s_j}/\chi^2_{\nu_j} + \sum_j e_jB_j`.

    Made by `risk_distribution`. Arguments that are arrays give arrays.

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
        The law of each expert's own risk; just itself if it is one expert's.
    """

    lower: float
    _terms: inversion.Sum = field(repr=False)
    _parts: tuple[Part | NoClosedForm, ...] = field(repr=False)

    @classmethod
    def of(
        cls, weighted: list[tuple[float, Part]], parts: tuple[Part | NoClosedForm, ...]
    ) -> RiskDistribution:
        """The law of a weighted sum of independent parts; ``parts`` are those of all experts."""
        return cls(
            math.fsum(p * part.fixed for p, part in weighted),
            inversion.Sum(
                *_distinct((p, part.ratio) for p, part in weighted),
                *_distinct((p, part.beta) for p, part in weighted),
            ),
            parts,
        )

    @cached_property
    def experts(self) -> tuple[RiskDistribution, ...]:
        """One law per expert. NoClosedForm if that of a group of probability 0 is not known."""
        laws = []
        for part in self._parts:
            if isinstance(part, NoClosedForm):
                raise part
            laws.append(RiskDistribution.of([(1.0, part)], (part,)))
        return tuple(laws)

    @property
    def mean(self) -> float:
        t = self._terms
        ratio = t.ratio_powers * t.ratio_scales * ratios.ratio_mean(t.ratio_first, t.ratio_second)
        beta = t.beta_powers * t.beta_scales * ratios.beta_mean(t.beta_first, t.beta_second)
        return self.lower + float(ratio.sum() + beta.sum())

    @property
    def std(self) -> float:
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
        t = self._terms
        return (
            math.inf if len(t.ratio_scales) else self.lower + float(t.beta_scales @ t.beta_powers)
        )

    @property
    def error(self) -> float:
        return 0.0 if self._count <= 1 else inversion.TOLERANCE

    @property
    def _count(self) -> int:
        return int(self._terms.ratio_powers.sum() + self._terms.beta_powers.sum())

    @property
    def _convolved(self) -> bool:
        """Whether it is one expert below the threshold, whose tails are known relatively."""
        return self._count == 2 and len(self._terms.ratio_scales) == len(self._terms.beta_scales)

    @overload
    def cdf(self, x: float) -> float: ...
    @overload
    def cdf(self, x: ArrayLike) -> float | FloatArray: ...
    def cdf(self, x: Any) -> Any:
        r""":math:`P(\mathrm{risk} \le x)`, with relative accuracy where it is small.

        Raises
        ------
        ValueError
            x is not a real number (or an array of such).
        ArithmeticError
            The law at x cannot be found to within `error`: few small experts without enough
            samples, near a kink of their law. `sample` always works.
        """
        return _each(_real("x", x), lambda v: self._tails(v)[0])

    @overload
    def sf(self, x: float) -> float: ...
    @overload
    def sf(self, x: ArrayLike) -> float | FloatArray: ...
    def sf(self, x: Any) -> Any:
        r""":math:`P(\mathrm{risk} > x)`; otherwise as `cdf`.

        With relative accuracy however small for one expert; for a sum to an absolute accuracy
        of about 1e-13.
        """
        return _each(_real("x", x), lambda v: self._tails(v)[1])

    @overload
    def quantile(self, q: float) -> float: ...
    @overload
    def quantile(self, q: ArrayLike) -> float | FloatArray: ...
    def quantile(self, q: Any) -> Any:
        """The risk that is not exceeded with probability q.

        ``q = 0`` and ``q = 1`` give the ends of the support. Raises ValueError for q outside
        [0, 1], ArithmeticError as `cdf`, and for q beyond 1 - 1e-11 unless it is the law of a
        single expert.
        """
        given = _real("q", q)
        bad = given[~((given >= 0.0) & (given <= 1.0))]
        if bad.size:
            raise ValueError(f"q must be between 0 and 1, got {bad[0]:g}")
        return _each(given, self._quantile)

    def sample(self, size: int, rng: Any = None) -> FloatArray:
        """Independent draws, shape (size,); ``rng`` as `numpy.random.default_rng` takes it."""
        size = count("size", size)
        generator = np.random.default_rng(rng)
        total, t = np.full(size, self.lower), self._terms
        for a, s, nu, power in zip(*t[:4], strict=True):
            for rows in _batches(int(power), size):
                above = generator.chisquare(s, (rows, size))
                total += a * (above / generator.chisquare(nu, (rows, size))).sum(axis=0)
        for e, first, second, power in zip(*t[4:], strict=True):
            for rows in _batches(int(power), size):
                total += e * generator.beta(first, second, (rows, size)).sum(axis=0)
        return total

    def _quantile(self, q: float) -> float:
        if q in (0.0, 1.0):
            return self.upper if q else self.lower
        return self.lower + (
            self.beyond(q, upper=False) if q <= 0.5 else self.beyond(1.0 - q, upper=True)
        )

    def _tails(self, x: float) -> tuple[float, float]:
        """P(risk ≤ x) and P(risk > x)."""
        beyond, t = x - self.lower, self._terms
        if beyond < 0.0 or (beyond == 0.0 and self._count):
            return 0.0, 1.0
        if x >= self.upper:
            return 1.0, 0.0
        if self._count == 1:
            is_ratio = len(t.ratio_scales) == 1
            tails = ratios.ratio_tails if is_ratio else ratios.beta_tails
            scale, first, second = (float(a[0]) for a in (t[:3] if is_ratio else t[4:7]))
            low, high = tails(beyond / scale, first, second)
            return float(low), float(high)
        if self._convolved:
            return ratios.convolved_tails(beyond, *(float(array[0]) for array in (*t[:3], *t[4:7])))
        low = min(max(inversion.invert(beyond, t), 0.0), 1.0)
        return low, 1.0 - low

    def beyond(self, tail: float, *, upper: bool) -> float:
        """How far beyond ``lower`` the probability is ``tail``, above (``upper``) or below.

        An upper tail may be far too small for ``1 - tail`` to differ from 1.
        """
        t = self._terms
        if self._count == 0:
            return 0.0

        def each(tail: float, upper: bool) -> FloatArray:
            return np.concatenate(
                (
                    t.ratio_scales
                    * ratios.ratio_quantile(tail, t.ratio_first, t.ratio_second, upper),
                    t.beta_scales * ratios.beta_quantile(tail, t.beta_first, t.beta_second, upper),
                )
            )

        # no less than any of its terms; and if it is more than x_1 + x_2 + ..., some term is
        # more than its x_j
        low = float(each(tail, upper).max())
        if self._count == 1:
            return low
        if upper and tail < LEAST_TAIL and not self._convolved:
            raise ArithmeticError(
                f"the upper tail of a sum is not known below {LEAST_TAIL:g}, got {tail:.2g}; "
                "that of a single expert is"
            )
        share = (tail if upper else 1.0 - tail) / self._count
        high = float(each(share, True) @ np.concatenate((t.ratio_powers, t.beta_powers)))
        return _root(lambda y: self._tails(self.lower + y)[int(upper)], tail, low, high)


def _distinct(
    terms: Iterable[tuple[float, tuple[float, float, float] | None]],
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Terms that agree up to rounding, once each: scales, first, second, how many there are."""
    powers: dict[tuple[float, float, float], int] = {}
    for p, term in terms:
        if term is not None and p * term[0] > 0.0:
            key = (float(f"{p * term[0]:.13e}"), *term[1:])
            powers[key] = powers.get(key, 0) + 1
    table = np.array(list(powers), dtype=np.float64).reshape(-1, 3).T
    return table[0], table[1], table[2], np.array(list(powers.values()), dtype=np.float64)


def _root(probability: Callable[[float], float], wanted: float, low: float, high: float) -> float:
    """Where a monotone function of y > 0 takes a value, by Brent's method on a log-log scale."""
    from scipy import optimize

    tiny = np.finfo(np.float64).tiny

    def miss(log_y: float) -> float:
        return math.log(max(probability(math.exp(log_y)), tiny) / wanted)

    left, right = math.log(max(low, tiny)), math.log(high)
    at_left, at_right = miss(left), miss(right)
    # theory puts the root between them, so that equal signs can only be rounding at an end
    if at_left * at_right >= 0.0:
        return low if abs(at_left) <= abs(at_right) else high
    return math.exp(optimize.brentq(miss, left, right, xtol=1e-10, rtol=1e-13))


def _batches(rows: int, size: int) -> Iterable[int]:
    step = max(DRAWS // max(size, 1), 1)
    return (min(step, rows - begin) for begin in range(0, rows, step))


def _real(name: str, value: Any) -> FloatArray:
    """``value`` as an array of floats, infinities included."""
    given = regular_array(name, value)
    if given.dtype.kind not in "iuf":
        raise ValueError(f"{name} must hold real numbers, got {value!r}")
    array = given.astype(np.float64)
    if np.isnan(array).any():
        raise ValueError(f"{name} must not be NaN, got {value!r}")
    return array


def _each(values: FloatArray, function: Callable[[float], float]) -> float | FloatArray:
    results = np.array([function(v) for v in values.ravel().tolist()], dtype=np.float64)
    return float(results[0]) if values.ndim == 0 else results.reshape(values.shape)

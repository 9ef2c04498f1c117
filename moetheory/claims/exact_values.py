"""Sides of one-line claims with 50 digits, by formulas of their own (docs/theory.md §2, §4, §8).

The sums over coordinates are written out here once more, in mpmath, from the fields of the model.
They share nothing with `moetheory.theory` but the division of samples among groups.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from moetheory.claims.expression_values import Side
from moetheory.claims.quantities import dense_excess, moe_excess
from moetheory.problem.estimators import Dense, MoE, one_each, routes_by_input
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation
from moetheory.problem.sample_counts import counts_of
from moetheory.theory.risks import gap, moe_bound

DIGITS = 50
KNOWN: dict[Any, Side] = {  # functions of a model that a line says, too
    dense_excess: Side("risk(Dense()).excess"),
    moe_excess: Side("risk(MoE()).excess"),
    gap: Side("gap()"),
    moe_bound: Side("moe_bound()"),
}


class NotElementaryError(Exception):
    """A quantity that has no formula here."""


def exact_sides(left: Side, right: Side, model: BlockModel) -> tuple[Any, Any] | None:
    """Both sides with 50 digits; None if one of them is not elementary.

    Examples
    --------
    >>> model = BlockModel([0.25, 0.75], [0, 1], [1.0, 2.0], [1.0, 1.0], 1.0)
    >>> left, right = exact_sides(Side("risk(MoE())"), Side("19/24"), model)
    >>> str(left) == str(right)
    False
    >>> float(abs(left - (0.125 + 0.75 * 2 / right * right / 3))) < 1e-16
    True
    """
    import mpmath

    with mpmath.workdps(DIGITS):
        try:
            numbers = _Digits(model)
            return left.evaluated(model, numbers), right.evaluated(model, numbers)
        except (NotElementaryError, ArithmeticError, ValueError):
            return None


@dataclass(frozen=True)
class _Digits:
    """Numbers of 50 digits."""

    model: BlockModel

    def constant(self, value: float) -> Any:
        import mpmath

        return mpmath.mpf(value)

    def function(self, name: str, values: list[Any]) -> Any:
        import mpmath

        if name == "abs":
            return abs(values[0])
        if name in ("min", "max"):
            return sorted(values)[0 if name == "min" else -1]
        return getattr(mpmath, name)(*values)

    def result(self, word: str, attribute: str, arguments: list[Any], more: dict[str, Any]) -> Any:
        terms = _Terms(self.model)
        if word == "gap":
            return terms.excess(Dense(), None) - terms.excess(MoE(), None)
        if word == "moe_bound":
            return terms.bound()
        if word == "contraction_factor" and attribute == "value":
            return terms.contraction(*arguments)
        if word == "risk":
            found = terms.risk(*arguments, **more)
            return found - terms.omega if attribute == "excess" else found
        raise NotElementaryError(word)


class _Terms:
    """The sums over the coordinates of a model."""

    def __init__(self, model: BlockModel) -> None:
        import mpmath

        def digits(values: Any) -> list[Any]:
            return [mpmath.mpf(x) for x in np.broadcast_to(values, model.dim).tolist()]

        self.model, self.group = model, model.block_of.tolist()
        self.shares = [mpmath.mpf(x) for x in model.group_probabilities.tolist()]
        total = sum(self.shares)  # rounded: 1 up to the last digit of a float
        self.shares = [x / total for x in self.shares]
        self.p = [self.shares[g] for g in self.group]
        self.signal, self.leakage = digits(model.signal_variances), digits(model.leakage_variances)
        self.b = digits(model.coefficients)
        self.noise, self.loud = digits(model.noise_variance), digits(model.interference_variances)
        self.omega = mpmath.mpf(model.label_noise_variance)
        self.digits, self.inf = digits, mpmath.inf

    def _mean(self, active: list[Any], idle: list[Any]) -> list[Any]:
        return [p * a + (1 - p) * i for p, a, i in zip(self.p, active, idle, strict=True)]

    def bound(self) -> Any:
        terms = self._mean(self.noise, self.leakage)
        return sum(b**2 * term for b, term in zip(self.b, terms, strict=True))

    def risk(self, estimator: Any, samples: int | None = None, under: Any = None) -> Any:
        if samples is not None:
            if under is not None:
                raise NotElementaryError("fitted and perturbed")
            return self.fitted(estimator, samples)
        return self.excess(estimator, under) + self.omega

    def _tested(self, under: Perturbation | None) -> tuple[list[Any], list[Any]]:
        """The noise of test inputs while a block is active and while it is not."""
        noise, loud = self.noise, self.loud
        if under is not None:
            if under.replace(noise_variance=None, interference_variances=None) != Perturbation():
                raise NotElementaryError("other perturbations")
            noise = self.digits(under.noise_of(self.model.noise_variance))
            loud = self.digits(under.interference_of(self.model.interference_variances))
        return noise, [n + k for n, k in zip(noise, loud, strict=True)]

    def excess(self, estimator: Any, under: Perturbation | None) -> Any:
        """The excess risk of the population optimum: E (xᵀb - x̄ᵀw)² over the groups."""
        if not one_each(estimator) or routes_by_input(estimator):
            raise NotElementaryError("other experts")
        ridge = self.digits(estimator.ridge)
        tested, idle = self._tested(under)
        louder = [n + k for n, k in zip(self.noise, self.loud, strict=True)]
        h, mean_noise = self._mean(self.signal, self.leakage), self._mean(self.noise, louder)
        tested_mean = self._mean(tested, idle)
        total = 0 * self.omega
        for m, b in enumerate(self.b):
            if isinstance(estimator, Dense):
                w = _share(b * h[m], h[m] + mean_noise[m] + ridge[m])
                total += b**2 * h[m] - 2 * w * b * h[m] + w**2 * (h[m] + tested_mean[m])
            else:
                s = self.signal[m]
                w = _share(b * s, s + self.noise[m] + ridge[m])
                total += self.p[m] * (b**2 * s - 2 * w * b * s + w**2 * (s + tested[m]))
                total += (1 - self.p[m]) * b**2 * self.leakage[m]
        return total

    def fitted(self, estimator: Any, samples: int) -> Any:
        """The expected risk of least squares: rational for experts, and for dense of one group."""
        alone = isinstance(estimator, Dense) and self.model.experts == 1
        if not (alone or isinstance(estimator, MoE)) or estimator.ridge:
            raise NotElementaryError("dense, or ridge, on samples")
        if not one_each(estimator) or routes_by_input(estimator):
            raise NotElementaryError("other experts")
        counts, total = counts_of(samples, self.model).tolist(), 0 * self.omega
        for g, (share, n) in enumerate(zip(self.shares, counts, strict=True)):
            if share:
                total += share * self._expert(g, n)
        return total

    def _expert(self, g: int, n: int) -> Any:
        """The expected risk of an expert on n samples of its group."""
        residual, known, moments = self.omega, 0 * self.omega, set()
        size = self.group.count(g)
        for m, b in enumerate(self.b):
            if self.group[m] != g:
                residual += b**2 * self.leakage[m]
                continue
            moment = self.signal[m] + self.noise[m]
            moments.add(moment)
            residual += b**2 * _share(self.signal[m] * self.noise[m], moment)
            known += b**2 * _share(self.signal[m] ** 2, moment)
        if n == 0:
            return residual + known
        if not residual or not all(moments):
            raise NotElementaryError("no residual, or coordinates that do not vary")
        if abs(n - size) <= 1:
            return self.inf
        if n > size:
            return residual * (n - 1) / (n - size - 1)
        if len(moments) > 1:
            raise NotElementaryError("fewer samples than coordinates of several variances")
        return residual * (size - 1) / (size - n - 1) + known * (size - n) / size

    def contraction(self, estimator: Any) -> Any:
        """The slowest factor of gradient descent, each loss at its own best step."""
        if not one_each(estimator) or routes_by_input(estimator) or estimator.ridge:
            raise NotElementaryError("other experts")
        if isinstance(estimator, Dense):
            louder = [n + k for n, k in zip(self.noise, self.loud, strict=True)]
            h, noise = self._mean(self.signal, self.leakage), self._mean(self.noise, louder)
            losses = [[a + c for a, c in zip(h, noise, strict=True)]]
        else:
            own = zip(self.group, self.signal, self.noise, strict=True)
            curvatures = [(g, s + n) for g, s, n in own if self.shares[g]]
            losses = [[c for g, c in curvatures if g == e] for e in set(self.group)]
        factors = [
            (max(each) - min(each)) / (max(each) + min(each))
            for each in ([c for c in loss if c] for loss in losses)
            if each
        ]
        if not factors:
            raise NotElementaryError("nothing varies")
        return max(factors)


def _share(part: Any, whole: Any) -> Any:
    """part/whole, 0 where both are."""
    return part / whole if whole else 0 * part

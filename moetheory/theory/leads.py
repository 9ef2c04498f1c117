"""The lead of one estimator over another, from forms that keep its digits, and where it ends."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, pairwise
from typing import Any, NamedTuple

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.formulas import gaps, population
from moetheory.formulas import misrouting_slopes as slopes
from moetheory.predictors.optimal import formula_arguments
from moetheory.problem import limits
from moetheory.problem.estimators import Dense, Estimator, MoE, routes_by_input
from moetheory.problem.model import BlockModel
from moetheory.theory.gate_risks import gated_losses

Arguments = tuple[FloatArray, IntArray, FloatArray, Any, FloatArray, Any, Any]  # of formulas
Formula = Callable[..., FloatArray]

ROUNDING = 1e-14  # relative, of what a lead is the sum of
PER_DECADE = 4  # values compared on a grid before roots are found
LEAST_NOISE, MOST_NOISE = 1e-6, 1e4  # times the least and the largest variance of a model


class Order(NamedTuple):
    """The order of two estimators along a quantity.

    ``leads``: whether ``b`` is better than ``a`` where the walk begins. ``changes``: the values at
    which the order changes, in the order of the walk, found as they are asked for.
    """

    leads: bool
    changes: Iterator[float]


def reads_input(estimator: Estimator, model: BlockModel) -> bool:
    """Whether ``estimator`` has a gate that chooses among experts by the noisy input."""
    return routes_by_input(estimator) and model.experts > 1


def lead(a: Estimator, b: Estimator, model: BlockModel) -> float:
    """The lead of ``b`` over ``a``, the difference of risks, at infinitely many samples.

    It is 0 where the losses of gates are not known well enough to tell which is better.
    """
    arguments = formula_arguments(model)
    if not (reads_input(a, model) or reads_input(b, model)):
        return oracle_lead(a, b, arguments)
    between_kinds = isinstance(a, Dense) - isinstance(b, Dense)
    best = between_kinds * float(population.gap(*arguments))
    (above_a, error_a), (above_b, error_b) = (_excess_over_best(each, model) for each in (a, b))
    found = best + above_a - above_b
    error = error_a + error_b + ROUNDING * (abs(best) + abs(above_a) + abs(above_b))
    return found if abs(found) > error else 0.0


def _excess_over_best(estimator: Estimator, model: BlockModel) -> tuple[float, float]:
    """The excess over the best of its kind, without ridge and routed by the oracle; its error."""
    if isinstance(estimator, Dense) or not reads_input(estimator, model):
        best = Dense() if isinstance(estimator, Dense) else MoE()
        return oracle_lead(estimator, best, formula_arguments(model)), 0.0
    losses = gated_losses(estimator, model)
    p = model.group_probabilities
    return float(np.vecdot(p, losses.values)), float(np.vecdot(p, losses.errors))


def oracle_lead(a: Estimator, b: Estimator, arguments: Arguments) -> float:
    """The `lead` of dense and of oracle-routed experts, for the ``arguments`` of a gap."""
    return float(oracle_leads(a, b, arguments))


def oracle_leads(a: Estimator, b: Estimator, arguments: Arguments) -> FloatArray:
    """The `oracle_lead` for each of several variances of coordinates, shape (...)."""
    if isinstance(a, Dense) == isinstance(b, Dense):
        excess = gaps.dense_ridge_excess if isinstance(a, Dense) else gaps.expert_ridge_excess
        return excess(*arguments, a.ridge, b.ridge)
    dense, moe = (a, b) if isinstance(a, Dense) else (b, a)
    gap = population.gap(*arguments)
    if not (a.ridge or b.ridge):
        return gap if dense is a else -gap
    # two sums for one number: the one with smaller terms keeps more of its digits
    from_gap = [
        gap,
        gaps.dense_ridge_excess(*arguments, dense.ridge, 0.0),
        -gaps.expert_ridge_excess(*arguments, moe.ridge, 0.0),
    ]
    by_noise = [
        lead_without_test_noise(dense, moe, arguments),
        _lead_in_own_noise(dense, moe, arguments),
    ]
    first, second = (
        np.stack(terms, axis=-1).reshape(-1, len(terms)).tolist() for terms in (from_gap, by_noise)
    )
    found = [math.fsum(min(pair, key=_size)) for pair in zip(first, second, strict=True)]
    return np.reshape(found if dense is a else np.negative(found), gap.shape)


def _size(terms: Iterable[Any]) -> float:
    """The sum of the sizes of terms, to which their rounding errors are proportional."""
    return math.fsum(map(math.fabs, terms))


def lead_without_test_noise(a: Estimator, b: Estimator, arguments: Arguments) -> FloatArray:
    """The `oracle_leads` where test inputs have no noise but that of interference."""
    if isinstance(a, Dense) == isinstance(b, Dense):
        # two terms of one sign: a ridge lets less noise through
        return oracle_leads(a, b, arguments) - _lead_in_own_noise(a, b, arguments)
    return _difference(a, b, arguments, gaps.gap_without_test_noise)


def lead_in_noise(
    a: Estimator, b: Estimator, arguments: Arguments, units: float | FloatArray = 1.0
) -> FloatArray:
    r"""The difference :math:`N_a - N_b` of noise gains: the slope of the lead over test noise.

    The variances of the noise are the slope's variable times ``units``.
    """
    of_kinds = gaps.dense_noise_gain_difference, gaps.expert_noise_gain_difference
    return _difference(a, b, arguments, gaps.gap_of_noise_gains, of_kinds, units)


def _lead_in_own_noise(a: Estimator, b: Estimator, arguments: Arguments) -> FloatArray:
    """What the noise of the model, interference left out, adds to the lead."""
    noise = arguments[5]
    if isinstance(noise, float):
        return noise * lead_in_noise(a, b, arguments)
    return lead_in_noise(a, b, arguments, noise)


def lead_in_misrouting(a: Estimator, b: Estimator, arguments: Arguments, drag: float) -> FloatArray:
    """The slope of the lead over the rate of errors that are spread evenly; K is at least 2."""
    of_kinds = slopes.dense_misrouting_slope_difference, slopes.expert_misrouting_slope_difference
    return _difference(a, b, arguments, slopes.gap_of_misrouting_slopes, of_kinds, drag)


def _difference(
    a: Estimator,
    b: Estimator,
    arguments: Arguments,
    between: Formula,
    of_kinds: tuple[Formula, Formula] | None = None,
    *more: float | FloatArray,
) -> FloatArray:
    """A formula for ``a`` minus that for ``b``: of dense and experts, or of one kind."""
    ridges = a.ridge, b.ridge
    if of_kinds and isinstance(a, Dense) == isinstance(b, Dense):
        return of_kinds[isinstance(a, MoE)](*arguments, *ridges, *more)
    if isinstance(a, Dense):
        return between(*arguments, *ridges, *more)
    return -between(*arguments, *reversed(ridges), *more)


def noise_grid(model: BlockModel, least: float, most: float) -> list[float]:
    """Noise variances that are compared, from far below ``least`` to far above ``most``."""
    lowest, highest = limits.noise_limits(
        model.block_of, model.signal_variances, model.leakage_variances
    )
    low, high = max(LEAST_NOISE * least, lowest), min(MOST_NOISE * most, highest)
    steps = math.ceil(PER_DECADE * math.log10(high / low)) + 1
    grid: list[float] = np.geomspace(low, high, steps).clip(low, high).tolist()
    return grid


def linear_order(value: float, slope: float, most: float = math.inf) -> Order:
    """The order along x from 0 to ``most`` of a lead that is value + slope x."""
    opposite = value < 0.0 < slope or slope < 0.0 < value
    root = value / -slope if opposite else math.inf
    return Order((value or slope) > 0.0, iter([root] if root <= most and root < math.inf else []))


def order_on_grid(
    lead_at: Callable[[float], float],
    grid: Sequence[float],
    leads_there: Iterable[float] | None = None,
) -> Order:
    """The order along a grid of values: a root between neighbours with different orders.

    Where the lead is 0 there is no order; the neighbours on either side are compared. The leads on
    the grid may be given, where they are found at less cost together.
    """
    from scipy import optimize

    pairs = zip(grid, map(lead_at, grid) if leads_there is None else leads_there, strict=True)
    leads = ((value, found) for value, found in pairs if found != 0.0)
    first = next(leads, None)

    def changes() -> Iterator[float]:
        for (left, before), (right, after) in pairwise(chain([first], leads) if first else []):
            if (before > 0.0) != (after > 0.0):
                # a root on a scale of its own, be it as small as it may
                yield float(
                    optimize.brentq(lead_at, left, right, xtol=1e-300, rtol=1e-13, maxiter=2000)
                )

    return Order(first is not None and first[1] > 0.0, changes())

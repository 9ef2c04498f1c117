"""The lead of one estimator over another, from forms that keep its digits, and where it ends."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.formulas import gaps, population
from moetheory.formulas import misrouting_slopes as slopes
from moetheory.predictors.optimal import formula_arguments
from moetheory.problem.estimators import Dense, Estimator, MoE, routes_by_input
from moetheory.problem.model import BlockModel
from moetheory.theory.gate_risks import gate_losses
from moetheory.theory.risks import unchecked_risk

Arguments = tuple[FloatArray, IntArray, FloatArray, Any, FloatArray, float]  # of formulas
Formula = Callable[..., FloatArray]

PER_DECADE = 4  # values compared on a grid before roots are found


class Order(NamedTuple):
    """The order of two estimators along a quantity.

    ``leads``: whether ``b`` is better than ``a`` where the walk begins. ``changes``: the values at
    which the order changes, in the order of the walk, found as they are asked for.
    """

    leads: bool
    changes: Iterator[float]


def lead(a: Estimator, b: Estimator, model: BlockModel) -> float:
    """The lead of ``b`` over ``a``, the difference of risks, at infinitely many samples."""
    arguments = formula_arguments(model)
    if routes_by_input(a) or routes_by_input(b):
        between_kinds = isinstance(a, Dense) - isinstance(b, Dense)
        best = between_kinds * float(population.gap(*arguments))
        return best + _excess_over_best(a, model) - _excess_over_best(b, model)
    return oracle_lead(a, b, arguments)


def _excess_over_best(estimator: Estimator, model: BlockModel) -> float:
    """The excess over the best of its kind, which has no ridge and is routed by the oracle."""
    if isinstance(estimator, Dense) or not routes_by_input(estimator):
        best = Dense() if isinstance(estimator, Dense) else MoE()
        return oracle_lead(estimator, best, formula_arguments(model))
    if estimator.ridge:
        return unchecked_risk(estimator, model).excess - unchecked_risk(MoE(), model).excess
    losses = gate_losses(estimator.gate, model).per_group
    return float(np.vecdot(model.group_probabilities, losses))


def oracle_lead(a: Estimator, b: Estimator, arguments: Arguments) -> float:
    """The `lead` of dense and of oracle-routed experts, for the ``arguments`` of a gap."""
    if isinstance(a, Dense) == isinstance(b, Dense):
        excess = gaps.dense_ridge_excess if isinstance(a, Dense) else gaps.expert_ridge_excess
        return float(excess(*arguments, a.ridge, b.ridge))
    if not (a.ridge or b.ridge):
        gap = float(population.gap(*arguments))
        return gap if isinstance(a, Dense) else -gap
    noise = arguments[-1]
    return lead_without_test_noise(a, b, arguments) + noise * lead_in_noise(a, b, arguments)


def lead_without_test_noise(a: Estimator, b: Estimator, arguments: Arguments) -> float:
    """The `oracle_lead` where test inputs have no noise."""
    if isinstance(a, Dense) == isinstance(b, Dense):
        # two terms of one sign: a ridge lets less noise through
        return oracle_lead(a, b, arguments) - arguments[-1] * lead_in_noise(a, b, arguments)
    return _difference(a, b, arguments, gaps.gap_without_test_noise)


def lead_in_noise(a: Estimator, b: Estimator, arguments: Arguments) -> float:
    r"""The difference :math:`N_a - N_b` of noise gains: the slope of the lead over test noise."""
    of_kinds = gaps.dense_noise_gain_difference, gaps.expert_noise_gain_difference
    return _difference(a, b, arguments, gaps.gap_of_noise_gains, of_kinds)


def lead_in_misrouting(a: Estimator, b: Estimator, arguments: Arguments, drag: float) -> float:
    """The slope of the lead over the rate of errors that are spread evenly; K is at least 2."""
    of_kinds = slopes.dense_misrouting_slope_difference, slopes.expert_misrouting_slope_difference
    return _difference(a, b, arguments, slopes.gap_of_misrouting_slopes, of_kinds, drag)


def _difference(
    a: Estimator,
    b: Estimator,
    arguments: Arguments,
    between: Formula,
    of_kinds: tuple[Formula, Formula] | None = None,
    *more: float,
) -> float:
    """A formula for ``a`` minus that for ``b``: of dense and experts, or of one kind."""
    ridges = a.ridge, b.ridge
    if of_kinds and isinstance(a, Dense) == isinstance(b, Dense):
        return float(of_kinds[isinstance(a, MoE)](*arguments, *ridges, *more))
    if isinstance(a, Dense):
        return float(between(*arguments, *ridges, *more))
    return -float(between(*arguments, *reversed(ridges), *more))


def linear_order(value: float, slope: float, most: float = math.inf) -> Order:
    """The order along x from 0 to ``most`` of a lead that is value + slope x."""
    opposite = value < 0.0 < slope or slope < 0.0 < value
    root = value / -slope if opposite else math.inf
    return Order(value > 0.0, iter([root] if root <= most and root < math.inf else []))


def order_on_grid(lead_at: Callable[[float], float], grid: Iterable[float]) -> Order:
    """The order along a grid of values: a root between each pair with different orders."""
    from scipy import optimize

    values = iter(grid)
    first = next(values)
    leads = lead_at(first) > 0.0

    def changes() -> Iterator[float]:
        order = leads
        for left, right in pairwise([first, *values]):
            if (lead_at(right) > 0.0) != order:
                order = not order
                # a root on a scale of its own, be it as small as it may
                yield float(
                    optimize.brentq(lead_at, left, right, xtol=1e-300, rtol=1e-13, maxiter=2000)
                )

    return Order(leads, changes())

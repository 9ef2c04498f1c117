"""The order of two estimators over the size of the training set."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray, block_sums
from moetheory.common.errors import ArgumentError, NoClosedForm
from moetheory.predictors.expert_moments import ExpertMoments
from moetheory.predictors.expert_regressions import Regressions
from moetheory.problem.estimators import Estimator, MoE
from moetheory.problem.model import BlockModel
from moetheory.problem.sample_counts import counts_of
from moetheory.theory.fitted_gates import FittedGate, Number
from moetheory.theory.leads import ROUNDING, Order, lead, reads_input
from moetheory.theory.risks import unchecked_risk

GRID_SIZE = 400  # sample sizes compared before bisection
MOST_SCANNED = 400  # sample sizes compared one by one beyond the last change
MOST_NUMBERS = 10**6  # coordinates times such sizes
MOST_SAMPLES = 10**15  # the largest sample size compared


def over_samples(a: Estimator, b: Estimator, model: BlockModel) -> Order:
    """The order over the sample size, from infinitely many downwards."""
    ahead = lead(a, b, model)

    def changes() -> Iterator[float]:
        if ahead == 0.0:
            return
        fit_a, fit_b = _Fit(a, model), _Fit(b, model)

        def better(n: int) -> bool | None:
            """Whether b is better at n; None if there is a gate, and both risks are infinite."""
            risk_a, risk_b = fit_a.excess(n), fit_b.excess(n)
            if fit_a.gate or fit_b.gate:
                if math.isinf(risk_a.value) and math.isinf(risk_b.value):
                    return None
                unknown = risk_a.error + risk_b.error + ROUNDING * (risk_a.value + risk_b.value)
                if abs(risk_a.value - risk_b.value) <= unknown < math.inf:
                    return ahead > 0.0
            return risk_b.value < risk_a.value

        best, other = (fit_b, fit_a) if ahead > 0.0 else (fit_a, fit_b)
        names = "ba" if ahead > 0.0 else "ab"
        high = _enough_samples(model, _stays_ahead(best, other, model, abs(ahead)), names)
        sizes = set(np.geomspace(1, high, GRID_SIZE).astype(np.int64).tolist())
        if any(isinstance(each, MoE) and each.ridge == 0.0 for each in (a, b)):
            sizes |= {n for n in _threshold_sizes(model) if n < high}
        order = ahead > 0.0
        first = True
        for n in sorted(sizes, reverse=True):
            if (found := better(n)) is None:
                continue
            if found != order:
                last = _last_before(better, n, high, order)
                if first:
                    yield from map(float, _recurrences(better, last, order, _period(model)))
                first, order = False, not order
                yield float(last)
            high = n

    return Order(ahead > 0.0, changes())


class _Fit:
    """An estimator that is fitted on training sets of different sizes."""

    def __init__(self, estimator: Estimator, model: BlockModel) -> None:
        self.estimator, self.model = estimator, model
        # integrals are computed once for all sizes
        self.gate: FittedGate | None = None
        if isinstance(estimator, MoE) and reads_input(estimator, model):
            self.gate = FittedGate(estimator, model)

    def excess(self, samples: int | IntArray) -> Number:
        """The excess risk on ``samples``, with an error if there is a gate."""
        if self.gate is None:
            found = unchecked_risk(self.estimator, self.model, samples, with_error=False)
            return Number(found.excess, 0.0)
        try:
            return self.gate.excess(samples)
        except NoClosedForm as error:
            error.place = f"at samples={int(np.sum(samples))}: "
            raise

    @property
    def loads(self) -> tuple[FloatArray, FloatArray]:
        """What a unit of variance of each expert adds to the risk, (K,), and errors of it."""
        drawn = np.flatnonzero(self.model.group_probabilities > 0.0)
        values, errors = np.zeros((2, self.model.experts))
        if self.gate is None:
            varies = self.model.signal_variances + self.model.noise_variance > 0.0
            sizes = block_sums(varies.astype(np.float64), self.model.block_of)
            values = self.model.group_probabilities * sizes
        else:
            values[drawn], errors[drawn] = np.transpose([self.gate.load(j) for j in drawn.tolist()])
        return values, errors + ROUNDING * values


def _stays_ahead(
    best: _Fit, other: _Fit, model: BlockModel, ahead: float
) -> Callable[[IntArray], bool]:
    """Whether ``best`` stays better at counts and all larger ones, its optimum better by ``ahead``.

    No fit is better than its optimum, and the risk of ``best`` falls with every count, once all
    are above the sizes of the blocks. Of two mixtures without ridge, one with a gate, the same
    variances add to both risks, so that the difference of what a unit adds says more.
    """
    estimators = best.estimator, other.estimator
    if (best.gate or other.gate) and all(
        isinstance(each, MoE) and each.ridge == 0.0 for each in estimators
    ):
        (loads, errors), (beside, more) = best.loads, other.loads
        excess_load = np.maximum(loads - beside - errors - more, 0.0)

        def stays(counts: IntArray) -> bool:
            moments = ExpertMoments.of(model, Regressions.of(model, counts))
            units = moments.variance * (model.signal_variances + model.noise_variance)
            most = np.zeros(model.experts)
            np.maximum.at(most, model.block_of, units)
            return float(most @ excess_load) < ahead

        return stays
    limit = unchecked_risk(other.estimator, model).excess
    return lambda counts: best.excess(counts).value < limit


def _period(model: BlockModel) -> int:
    """The sample sizes over which all counts grow by two, as far as they can be looked at."""
    p = model.group_probabilities
    return min(math.ceil(2.0 / float(p[p > 0.0].min())), MOST_SCANNED, MOST_NUMBERS // model.dim)


def _recurrences(
    better: Callable[[int], bool | None], last: int, order: bool, period: int
) -> list[int]:
    """Changes of the ``order`` beyond the ``last`` that was found, in descending order.

    Largest remainders round the share of a group down at some n and up at others, so that the
    order may go back and forth before it stays. The search ends after a whole ``period``.
    """
    changes: list[int] = []
    n, known, end = last + 1, last + 1, last + period
    while n < end:
        n += 1
        if (found := better(n)) is None:
            continue
        if found != order:
            changes.append(known)
            order, end = not order, known + period
        known = n
    return changes[::-1]


def _threshold_sizes(model: BlockModel) -> list[int]:
    """The sizes n at which an expert has as many samples as coordinates, give or take one.

    The last such n is included. Largest remainders round the share p n down at some n and up at
    others, so that :math:`n_g = s_g + 1` may recur up to n = (s_g+2)/p_g.
    """
    drawn = model.group_probabilities > 0.0
    sizes, p = model.sizes[drawn], model.group_probabilities[drawn]
    share = (sizes + np.array([[-1], [0], [1]])) / p
    near_thresholds = {int(n) for n in np.unique(np.floor(share)) if 1 <= n <= MOST_SAMPLES}
    one_above, two_above = (int(min(np.max((sizes + i) / p), MOST_SAMPLES)) for i in (1, 2))
    step = max((two_above - one_above) // GRID_SIZE, 1)
    for n in range(two_above + 1, max(one_above, 1), -step):
        if np.any(np.abs(counts_of(n, model)[drawn] - sizes) <= 1):
            return [*near_thresholds, n]
    return [*near_thresholds]


def _enough_samples(model: BlockModel, stays_ahead: Callable[[IntArray], bool], names: str) -> int:
    """A number of samples beyond which one estimator stays better than the other.

    ``stays_ahead`` says so for counts, all above the sizes of the blocks, and all larger ones.
    Largest remainders keep every count within 1 of its share: hence counts that are 1 too few.
    """
    n = 4 * model.dim
    drawn = model.group_probabilities > 0.0
    while n <= MOST_SAMPLES:
        share = np.floor(model.group_probabilities * n).astype(np.int64) - 1
        fewest = np.where(drawn, np.maximum(share, 0), 0)
        if np.all(fewest[drawn] > model.sizes[drawn] + 1) and stays_ahead(fewest):
            return n
        n *= 2
    raise ArgumentError(
        "model",
        f"must let {names[0]} become better than {names[1]} within {MOST_SAMPLES:.0e} samples, got "
        "one in which a group is too rare or the estimators are too close",
    )


def _last_before(better: Callable[[int], bool | None], low: int, high: int, order: bool) -> int:
    """The last n, from ``low`` to ``high``, before the ``order`` is that at ``high``.

    Sizes at which there is no order go with the larger ones.
    """
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if better(middle) == (not order) else (low, middle)
    return low

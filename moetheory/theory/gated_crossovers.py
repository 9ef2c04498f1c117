"""The order of two estimators, one with a gate that reads the input, over noise and leakage."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from moetheory.common.errors import Call, NoClosedForm
from moetheory.problem import limits
from moetheory.problem.estimators import Estimator
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation
from moetheory.theory.leads import (
    MOST_NOISE,
    PER_DECADE,
    ROUNDING,
    Order,
    lead,
    noise_grid,
    order_on_grid,
    reads_input,
)
from moetheory.theory.risks import unchecked_risk

QUANTITIES = ("test_noise_variance", "leakage", "interference", "overlap")
LEAST_AMPLITUDE = 1e-10  # that is compared beside 0
LOUD = 10.0  # test noise in units of that of training, below which all integrals are known
NEARLY = 1.0 - 1e-9  # of the amplitude at which a block looks the same whether active or not


def over(quantity: str, a: Estimator, b: Estimator, model: BlockModel, samples: Any) -> Order:
    """The order over one of `QUANTITIES`, on a grid; ``samples`` for test noise alone."""
    if quantity == "test_noise_variance":
        return _over_test_noise(a, b, model, samples)
    return _over_amplitude(quantity, a, b, model)


def _over_test_noise(a: Estimator, b: Estimator, model: BlockModel, samples: Any) -> Order:
    """The order over the test noise; no line, since a gate routes by what it sees."""

    own = float(np.min(model.noise_variance))

    def lead_at(noise: float) -> float:
        under = Perturbation(noise_variance=noise)
        try:
            risk_a, risk_b = (unchecked_risk(each, model, samples, under) for each in (a, b))
        except NoClosedForm:
            if noise > LOUD * own > 0.0:
                return 0.0  # the integrals of the soft gate are not known well enough
            raise
        found = risk_a.excess - risk_b.excess
        error = ROUNDING * (risk_a.excess + risk_b.excess)
        error += sum(
            risk.error
            for risk, each in ((risk_a, a), (risk_b, b))
            if reads_input(each, model)  # that of dense is no bound
        )
        return 0.0 if abs(found) <= error < math.inf else found

    varying = np.concatenate(
        [
            np.atleast_1d(each)
            for each in (
                model.signal_variances,
                model.leakage_variances,
                model.noise_variance,
                model.interference_variances,
            )
        ]
    )
    if not model.signal_variances.any():
        return Order(False, iter([]))  # nothing to predict
    if samples is not None:
        with _sweep_named("test_noise_variance"):
            fits = [unchecked_risk(each, model, samples) for each in (a, b)]
        if all(math.isinf(fit.excess) for fit in fits):
            return Order(False, iter([]))  # whatever the test noise
    grid = noise_grid(model, float(varying[varying > 0.0].min()), float(varying.max()))
    return _known_order("test_noise_variance", lead_at, [0.0, *grid])


def _over_amplitude(quantity: str, a: Estimator, b: Estimator, model: BlockModel) -> Order:
    r"""The order over an amplitude :math:`\alpha`, as far as blocks are louder while active."""
    signal = model.signal_variances
    if not signal.any():
        return Order(False, iter([]))

    def lead_at(amplitude: float) -> float:
        added = amplitude**2 * signal
        if quantity == "overlap":
            return lead(a, b, model.replace(noise_variance=model.noise_variance + added))
        return lead(a, b, model.replace(**{f"{quantity}_variances": added}))

    low = max(LEAST_AMPLITUDE, math.sqrt(limits.NUMBERS[0] / float(signal[signal > 0.0].min())))
    high = _most_amplitude(quantity, model)
    if high <= low:
        return _known_order(quantity, lead_at, [0.0])
    steps = math.ceil(PER_DECADE * math.log10(high / low)) + 1
    grid = np.geomspace(low, high, steps).clip(low, high).tolist()
    return _known_order(quantity, lead_at, [0.0, *grid])


def _most_amplitude(quantity: str, model: BlockModel) -> float:
    """The largest amplitude that is compared."""
    signal, leakage = model.signal_variances, model.leakage_variances
    drawn = (signal > 0.0) & (model.group_probabilities[model.block_of] > 0.0)
    least = float(signal[signal > 0.0].min())
    if quantity == "overlap":
        noise = np.broadcast_to(model.noise_variance, model.dim)
        largest = max(float(np.max(each)) for each in (signal, leakage, noise))
        _, most = limits.noise_limits(model.block_of, signal, leakage)
        room = max(most - float(noise.max()), 0.0) / float(signal.max())
        return math.sqrt(min(MOST_NOISE * largest / least, room))
    beside = leakage if quantity == "interference" else model.interference_variances
    shares = 1.0 - (beside / np.where(drawn, signal, 1.0))[drawn]
    return NEARLY * math.sqrt(max(float(shares.min(initial=1.0)), 0.0))


def _known_order(quantity: str, lead_at: Callable[[float], float], grid: list[float]) -> Order:
    """The order on a grid.

    The first values are compared at once, so that what has no formula is refused whichever of the
    two is better at the start.
    """

    @functools.cache
    def known(value: float) -> float:
        with _sweep_named(quantity):
            return lead_at(value)

    for value in grid[:2]:
        known(value)
    return order_on_grid(known, grid)


@contextmanager
def _sweep_named(quantity: str) -> Iterator[None]:
    """Where there is no formula the error names the sweep."""
    try:
        yield
    except NoClosedForm as error:
        *parts, last = error.args
        if isinstance(last, Call):
            last = Call(f'sweep(model, "{quantity}", ...)')
        raise NoClosedForm(*parts, last) from None

"""An assertion about a simulation and the number that theory gives for it."""

from __future__ import annotations

import math
from typing import Any, Protocol

from moetheory.claims.experiments import Setting
from moetheory.claims.outcomes import SQUARE_SKEWNESS, Mean
from moetheory.common.errors import ArgumentError, ArgumentTypeError
from moetheory.common.validation import count, number, shown
from moetheory.problem.sample_counts import MOST_REPLICATES
from moetheory.results.estimates import Estimate
from moetheory.results.risks import Misclassification, Risk
from moetheory.testing.budgets import ErrorBudget, shared_budget


class Measured(Protocol):
    """A mean with its standard error: an `Estimate`, or an object of yours."""

    @property
    def mean(self) -> float:
        """The mean of independent replicates."""

    @property
    def sem(self) -> float:
        """Its standard error."""

    @property
    def replicates(self) -> int:
        """Their number."""


def assert_agrees(
    estimate: Measured,
    value: float | Risk | Misclassification,
    *,
    budget: ErrorBudget | None = None,
    error: float = 0.0,
    resolution: float = 0.01,
    scale: float | None = None,
) -> None:
    r"""Assert that a simulated mean is the given value, and that a wrong value would be seen.

    The estimate m of standard error s contradicts the value v if

    .. math:: |z| > t, \qquad z = \frac{\mathrm{sign}(m - v)\,\max(|m - v| - \epsilon, 0)}{s},

    t Student's quantile for the share of this comparison in the budget of false alarms (more for
    a mean that is skewed). The smallest error that would have been seen, with a probability of
    99 %, is the *power* :math:`((t + 2.33)\,s + \epsilon)/|v|`. If it is more than ``resolution``,
    the comparison fails as well: what cannot fail is no test. Each comparison prints z and power,
    which ``pytest -rP`` shows.

    Parameters
    ----------
    estimate : Estimate
        From `simulate`, with a fixed seed, so that the test comes out the same each time. Or
        anything with ``mean``, ``sem`` and ``replicates``; ``degrees`` (of freedom of the standard
        error, replicates - 1 if there are none) and ``skewness`` (of the mean, 0 if there is
        none) are read as well.
    value : float or Risk or Misclassification
        What theory says. The ``error`` of a `Risk` is allowed for.
    budget : ErrorBudget, optional
        The budget that the comparison takes its share of. If not given, that of the pytest session
        (`moetheory.testing.plugin`), or else one for the whole process: 1e-6 over at most 300
        comparisons.
    error : float
        :math:`\epsilon`, by how much ``value`` may be wrong, in addition to that of a `Risk`.
    resolution : float
        The largest power with which the comparison means anything, relative to ``scale``.
    scale : float, optional
        The size that the power is relative to; |value| if not given. A difference of risks may be
        tiny or zero: give the risk.

    Raises
    ------
    AssertionError
        Estimate and value disagree; or an error of the size ``resolution`` could not have been
        seen. The message has the number of replicates that would be needed.
    ArgumentError
        An argument cannot be used, or the budget is spent.

    Notes
    -----
    The replicates are assumed to be independent. The threshold allows for the skewness of the mean
    as `claims.experiments.Setting.threshold` does: the skewness that an `Estimate` has observed,
    or else that of squared errors. Inside Hypothesis's ``@given`` each example is a comparison.

    Examples
    --------
    >>> import moetheory as mt
    >>> model = mt.BlockModel.isotropic(dim=8, experts=2, noise_variance=1.0, signal_energy=8.0)
    >>> estimate = mt.simulate(mt.MoE(), model, method="flips", replicates=500_000, rng=0)
    >>> assert_agrees(estimate, mt.risk(mt.MoE(), model))
    z ... of 5.9..., power 0.8... %
    """
    mean, expected = _mean_of(estimate), number("value", _value_of(value))
    resolution = number("resolution", resolution, above=0.0)
    allowed = number("error", error, minimum=0.0)
    if isinstance(value, Risk):
        allowed += value.error
    size = abs(expected) if scale is None else number("scale", scale, above=0.0)
    if budget is not None and not isinstance(budget, ErrorBudget):
        raise ArgumentTypeError("budget", f"must be an ErrorBudget, got {shown(budget)}")
    shared = shared_budget() if budget is None else budget
    setting = Setting(None, 0, shared.spend(), 1.0)
    threshold = setting.threshold(mean.degrees, mean.skewness)
    z = mean.z(expected, allowed)
    power = mean.power(size, threshold, z, allowed)
    shared.record(z, power)
    found = f"z {z:+.2f} of {threshold:.2f}, power {100.0 * power:.2g} %"
    print(found)
    sides = f"simulated {mean.value:.8g} ± {mean.sem:.2g}, expected {expected:.8g}"
    if allowed:
        sides += f" ± {allowed:.2g}"
    if abs(z) > threshold and power < math.inf:
        raise AssertionError(f"simulation and value disagree: {sides}; {found}")
    if not power <= resolution:
        needed = mean.enough(size, resolution, setting, allowed)
        raise AssertionError(
            f"the comparison could not have seen an error of {100.0 * resolution:g} %: "
            f"{sides}; {found}; {_advice(mean, size, needed)}"
        )


def _mean_of(estimate: Any) -> Mean:
    """What is known of the law of an estimate."""
    if not all(hasattr(estimate, name) for name in ("mean", "sem", "replicates")):
        raise ArgumentTypeError(
            "estimate", f"must have mean, sem and replicates, as an Estimate, got {shown(estimate)}"
        )
    sem, skewness = estimate.sem, number("skewness", getattr(estimate, "skewness", 0.0))
    if not sem >= 0.0:
        raise ArgumentError("estimate", f"must have a standard error of at least 0, got {sem}")
    replicates = count("replicates", estimate.replicates, minimum=2, maximum=MOST_REPLICATES)
    if isinstance(estimate, Estimate) and not skewness:  # not observed: that of squared errors
        return Mean.of_estimate(estimate, SQUARE_SKEWNESS)
    degrees = getattr(estimate, "degrees", None)
    return Mean(
        value=number("mean", estimate.mean),
        sem=float(sem),
        replicates=replicates,
        degrees=replicates - 1.0 if degrees is None else number("degrees", degrees, above=0.0),
        skewness=skewness,
    )


def _value_of(value: Any) -> Any:
    """The number that ``value`` stands for."""
    return float(value) if isinstance(value, Risk | Misclassification) else value


def _advice(mean: Mean, size: float, needed: float) -> str:
    """What to do about a comparison without power."""
    if size == 0.0:
        return "no error is small beside a value of 0: give scale="
    if mean.sem == math.inf:
        return "the variance of the replicates is infinite"
    if mean.sem == 0.0 and needed < math.inf:
        return "nothing varied in the simulation, so that chance is unknown"
    if needed == math.inf:
        return "the error that is allowed for hides it, whatever the number of replicates"
    return f"that takes about {needed:.2g} replicates, got {mean.replicates}"

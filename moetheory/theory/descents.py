"""Gradient descent to the population optimum: risks, contraction factor, numbers of steps."""

from __future__ import annotations

from bisect import bisect_left

import numpy as np
from numpy.typing import ArrayLike

from moetheory.common.arrays import FloatArray
from moetheory.common.errors import ArgumentError
from moetheory.common.validation import flag, number, read_only
from moetheory.formulas import contraction
from moetheory.problem.descent_schedule import (
    MOST_STEPS,
    Cost,
    StepSize,
    TrainingMode,
    checked_cost,
    checked_schedule,
    checked_step_size,
    step_costs,
)
from moetheory.problem.estimators import Dense, Estimator, checked_oracle
from moetheory.problem.model import BlockModel
from moetheory.problem.settings import setting_of
from moetheory.results.descents import Contraction, Descent
from moetheory.theory.descent_quadratics import Quadratics, Trajectory
from moetheory.theory.risks import unchecked_risk


def descent(
    estimator: Estimator,
    model: BlockModel,
    steps: ArrayLike,
    *,
    step_size: StepSize = "optimal",
    training: TrainingMode = "own",
) -> Descent:
    r"""Risk at each of several steps of gradient descent with infinitely many samples.

    Descent starts at zero, with constant step a on :math:`\tfrac12\mathbb E(f(\bar x)-y)^2 +
    \tfrac\mu2\|\beta\|^2`. The directions are independent: after t steps the excess risk is
    the excess risk of the limit plus

    .. math:: \sum_m w_m\beta_m^2\big((H_m-\mu)(1-aH_m)^{2t} + 2\mu\,(1-aH_m)^t\big) .

    Dense: :math:`H = h+\bar n+\mu` with the mean noise :math:`\bar n = n+q\kappa`,
    :math:`\beta = \hat b`, :math:`w = 1`. Experts, each on its own samples:
    :math:`H = \lambda+n+\mu`, :math:`\beta = \theta`, :math:`w = p`. Experts that learn jointly, on
    one loss over the mixture: the same sum with :math:`1 - a\,pH` for :math:`1 - aH`, slower by
    their share.

    Parameters
    ----------
    estimator : Dense or MoE
        A mixture must have oracle routing.
    model : BlockModel
    steps : int or (T,) integers
        Numbers t of steps, in any order, up to 2⁵³; there is no loop over them.
    step_size : "optimal", float or (K,) array
        "optimal": the best constant step, :math:`2/(H_{\max}+H_{\min})`; experts on their own
        samples have one each. One number is common to all experts, K numbers are one for each.
    training : {"own", "joint"}
        How experts are trained; for dense there is no difference.

    Returns
    -------
    Descent
        Has ``excess``, ``value``, ``remaining`` (T,), and ``cost(axis)``, the steps counted in
        samples or multiplications.

    Raises
    ------
    ValueError
        Descent diverges, :math:`a \ge 2/H_{\max}`; steps are negative or fractional; or an
        argument is not as described.
    NoClosedForm
        The gate routes by the input.

    Notes
    -----
    The formulas hold with leakage and interference too. Source: docs/theory.md §8 and §10; [SNB]
    on convergence.

    Examples
    --------
    >>> from moetheory import MoE
    >>> model = BlockModel.power_law(64, 8, noise_variance=1.0, decay=1.0, signal_energy=64.0)
    >>> steps = [0, 1, 10, 100]
    >>> descent(Dense(), model, steps).excess
    array([1.        , 0.52897081, 0.44071059, 0.44071044])
    >>> descent(MoE(), model, steps).excess
    array([1.        , 0.40880902, 0.10628601, 0.10565377])

    A billion tiny steps cost no more than one:

    >>> descent(MoE(), model, [10**6, 10**9], step_size=1e-9).excess
    array([0.97403897, 0.10567656])
    """
    estimator = checked_oracle(estimator, model, "descent")
    schedule = checked_schedule(steps, step_size, training, (estimator,), model)
    trajectory = Trajectory.of(estimator, model, schedule.step_size, training)
    limit = unchecked_risk(estimator, model).excess
    remaining = trajectory.remaining(schedule.steps)
    excess = limit + remaining
    return Descent(
        steps=schedule.steps,
        step_costs=step_costs(estimator, model, training),
        excess=excess,
        value=excess + model.label_noise_variance,
        remaining=remaining,
        step_size=_scalar_or_array(trajectory.quadratics.step),
        setting=setting_of(model),
    )


def contraction_factor(
    estimator: Estimator,
    model: BlockModel,
    *,
    step_size: StepSize = "optimal",
    training: TrainingMode = "own",
) -> Contraction:
    r"""The factor by which a step of gradient descent contracts the slowest direction.

    .. math:: \max_m |1 - aH_m|, \qquad
              \frac{\kappa-1}{\kappa+1},\ \kappa = H_{\max}/H_{\min},\ \text{for the best } a .

    The maximum is over all directions that vary, also those without signal.

    Parameters
    ----------
    estimator, model, step_size, training
        As for `descent`.

    Raises
    ------
    ValueError, NoClosedForm
        `descent` raises them, or no direction varies.

    Notes
    -----
    Source: docs/theory.md §8.

    Examples
    --------
    Isotropic blocks: each expert converges in one step, dense does not.

    >>> from moetheory import MoE
    >>> model = BlockModel([0.5, 0.5], [0, 0, 1], [4.0, 4.0, 1.0], [1.0, 1.0, 1.0], 1.0)
    >>> dense, own = (contraction_factor(each, model) for each in (Dense(), MoE()))
    >>> dense.value, own.value, own.step_size
    (0.3333333, 0.0, array([0.2, 0.5]))
    >>> joint = contraction_factor(MoE(), model, training="joint")
    >>> joint.value, joint.condition, joint.largest_stable
    (0.4285714, 2.5, 0.8)
    """
    estimator = checked_oracle(estimator, model, "the contraction factor")
    size = checked_step_size(step_size, training, (estimator,), model)
    losses = Quadratics.of(estimator, model, size, training)
    varies = losses.curvature > 0.0
    if not varies.any():
        raise ArgumentError(
            "model",
            "must have signal or noise in a coordinate of a group with positive probability, "
            "got one without",
        )
    experts = 1 if isinstance(estimator, Dense) else model.experts
    slowest = np.full(experts, contraction.FASTEST)
    expert_of = np.zeros_like(model.block_of) if experts == 1 else model.block_of
    np.minimum.at(slowest, expert_of[varies], losses.rate[varies])
    factors = np.where(slowest < contraction.FASTEST, np.exp(-slowest), 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        conditions = np.where(losses.largest > 0.0, losses.largest / losses.smallest, np.nan)
        stable = 2.0 / losses.largest
    rate = float(slowest.min())
    return Contraction(
        value=float(factors.max()),
        rate=rate if rate < contraction.FASTEST else np.inf,
        per_expert=factors,
        step_size=_scalar_or_array(losses.step),
        largest_stable=_scalar_or_array(stable),
        condition=_scalar_or_array(conditions),
    )


def steps_to(
    estimator: Estimator,
    model: BlockModel,
    tolerance: float,
    *,
    relative: bool = False,
    step_size: StepSize = "optimal",
    training: TrainingMode = "own",
    cost: Cost = "iterations",
) -> float:
    r"""The number of steps after which the excess risk is, and stays, at most ``tolerance``.

    Parameters
    ----------
    estimator, model, step_size, training
        As for `descent`.
    tolerance : float
        The excess risk to be reached. With ``relative``, a share of what there is to gain,
        :math:`(R_t - R_\infty)/(R_0 - R_\infty)`: then dense and experts have different goals.
    relative : bool
        Whether ``tolerance`` is such a share.
    cost : {"iterations", "samples", "multiplications"}
        The unit that is counted. A batch is the unit of samples: a step of dense sees one batch; a
        step of K experts on their own samples sees K, one each; a joint step sees one batch of the
        mixture, of which expert g gets its share. A prediction takes d or :math:`s_g`
        multiplications for each sample.

    Returns
    -------
    int or float
        An integer if iterations are counted.

    Raises
    ------
    ValueError
        ``tolerance`` is not above the excess risk of the limit, and no step reaches that limit
        exactly; more than 2⁵³ steps are needed; a share is above 1; or `descent` refuses an
        argument.

    Notes
    -----
    Source: docs/theory.md §8.

    Examples
    --------
    Which is fastest? At a common step, experts on their own samples; each at its best step,
    dense; in multiplications, experts that learn jointly:

    >>> from moetheory import MoE
    >>> model = BlockModel.power_law(64, 8, noise_variance=1.0, decay=1.0, signal_energy=64.0)
    >>> def three(**how):
    ...     goal = {"tolerance": 0.01, "relative": True}
    ...     return [
    ...         steps_to(Dense(), model, **goal, **how),
    ...         steps_to(MoE(), model, **goal, **how),
    ...         steps_to(MoE(), model, **goal, **how, training="joint"),
    ...     ]
    >>> three(step_size=0.05), three(), three(cost="multiplications")
    ([21, 6, 53], [3, 6, 6], [192.0, 384.0, 48.0])
    """
    estimator = checked_oracle(estimator, model, "descent")
    size = checked_step_size(step_size, training, (estimator,), model)
    unit = step_costs(estimator, model, training)[checked_cost(cost)]
    trajectory = Trajectory.of(estimator, model, size, training)
    limit = unchecked_risk(estimator, model).excess
    if flag("relative", relative):
        share = number("tolerance", tolerance, above=0.0)
        if share > 1.0:
            raise ArgumentError(
                "tolerance",
                "must be at most 1: it is a share of the possible reduction of the risk, "
                f"got {share:g}",
            )
        allowed, rounding = share * float(trajectory.remaining(np.array([0]))[0]), 0.0
    else:
        allowed = number("tolerance", tolerance) - limit
        rounding = 4.0 * np.finfo(np.float64).eps * limit
    floor = "0" if relative else f"{limit:.17g}, the excess risk of the limit"
    steps = bisect_left(
        range(MOST_STEPS + 1), True, key=lambda t: trajectory.bound(t) <= max(allowed, 0.0)
    )
    if allowed < -rounding or (steps > 1 and allowed <= 0.0):
        raise ArgumentError(
            "tolerance",
            f"must be greater than {floor}: descent does not stay below that value, "
            f"got {tolerance!r}",
        )
    if steps > MOST_STEPS:
        raise ArgumentError(
            "tolerance",
            f"must be reached within 2⁵³ steps, got {tolerance!r}; the floor is {floor}",
        )
    # at even steps the bound is the risk itself; the odd step before may already be enough
    if steps % 2 == 0 and steps > 0:
        before = np.array([steps - 1])
        steps -= int(trajectory.remaining(before)[0] <= allowed)
    return steps if cost == "iterations" else steps * unit


def _scalar_or_array(values: FloatArray) -> float | FloatArray:
    """A float in place of an array with one entry, else the array, read-only."""
    read_only(values)
    return float(values[0]) if len(values) == 1 else values

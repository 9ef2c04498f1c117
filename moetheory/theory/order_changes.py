"""Where the order of two estimators changes: one crossover, or all of them."""

from __future__ import annotations

import math
from typing import Any

from moetheory.common.errors import ArgumentError, Call, Mention
from moetheory.common.validation import choice
from moetheory.problem.estimators import (
    Estimator,
    MoE,
    checked_estimator,
    require_one_each,
    require_oracle,
    routes_by_input,
    simplest,
)
from moetheory.problem.model import BlockModel, checked_model
from moetheory.problem.perturbation import checked_drag
from moetheory.theory import gated_crossovers, perturbation_crossovers, sample_crossovers
from moetheory.theory.leads import Order, lead, noise_grid, order_on_grid, reads_input

AMPLITUDES = ("leakage", "interference", "overlap")
OVER = (
    "samples",
    "noise_variance",
    "test_noise_variance",
    "misrouting",
    "erasure",
    "radius",
    *AMPLITUDES,
)


def crossover(
    a: Estimator,
    b: Estimator,
    model: BlockModel,
    *,
    over: str,
    samples: Any = None,
    drag: float = 0.0,
) -> float:
    r"""The value at which estimator ``b`` stops being better than estimator ``a``.

    For "samples" this is the largest n that is found at which the expected risk of ``b`` is not
    below that of ``a``. For larger n, ``b`` is better. If a gate reads the input, sizes at which
    both risks are infinite are passed over; between dense and experts that the oracle routes,
    ``b`` is not better there.

    For any other quantity this is the least value beyond which the risk of ``b`` is not below
    that of ``a``. For every smaller value, ``b`` is better. For larger values ``b`` may be better
    again: `crossovers` returns all values at which the order changes.

    - "noise_variance": :math:`\sigma^2`, one noise variance of all coordinates, in training and
      test;
    - "test_noise_variance": :math:`\sigma_o^2` at test time alone, where risks are linear, unless
      a gate reads the input:

      .. math:: \sigma_o^{2*} = \sigma^2 + \frac{R_a-R_b}{N_b-N_a}, \qquad
                N_{\mathrm{dense}} = \sum_m \hat b_m^2, \quad
                N_{\mathrm{MoE}} = \sum_m p\,\theta_m^2 ;

    - "misrouting": the rate :math:`\epsilon` of errors of the oracle that are spread evenly over
      the wrong groups, with ``drag``; risks are linear in the rate, too;
    - "erasure": the probability :math:`\tau` with which a coordinate is dropped; matters only
      where the coordinates of a block are correlated;
    - "radius": the radius :math:`\delta_{\max}` of the worst-case shift; leads are quadratic in it;
    - "leakage": the amplitude :math:`\alpha` of leakage, :math:`\nu = \alpha^2\lambda` instead of
      the leakage of the model;
    - "interference": the amplitude :math:`\alpha` of interference,
      :math:`\kappa = \alpha^2\lambda` instead of that of the model;
    - "overlap": the overlap :math:`\alpha`, which adds the variance :math:`\alpha^2\lambda` to the
      noise of every coordinate, whether its block is active or not.

    Parameters
    ----------
    a, b : Dense or MoE
        For "misrouting", "erasure" and "radius", a mixture must be routed by the oracle.
    model : BlockModel
    over : str
        One of the quantities above.
    samples : int or (K,) integers, optional
        The training samples of fitted estimators, for "test_noise_variance" and "misrouting".
    drag : float
        The drag :math:`\eta` of misrouted inputs.

    Returns
    -------
    float
        Over samples: 0 if ``b`` is better at every n, ``inf`` if ``b`` is not better at infinitely
        many. Over another quantity: 0 if ``b`` is not better at the start, ``inf`` if ``b`` stays
        better (over a rate or a probability: up to 1; with a gate that reads the input, as far as
        `crossovers` compares). A tie at the start is decided by what follows.

    Raises
    ------
    ValueError
        ``over`` is not a quantity of the list above, ``samples`` or ``drag`` are given where they
        mean nothing, or ``b`` becomes better only beyond 10¹⁵ samples.
    NoClosedForm
        `risk` has no formula for a gate, or a gate reads the input and ``over`` is "misrouting",
        "erasure" or "radius".

    Notes
    -----
    How each value is found, and what may be missed, is described in `crossovers`. Where an expert
    has as many samples as coordinates, give or take one, its risk is infinite, so with ``b=MoE()``
    the largest n is at least there. Source: docs/theory.md §4, §6, §7 and §10; [SNB] Theorems 4.3
    and 4.4.

    Examples
    --------
    >>> from moetheory import Dense, MoE, risk
    >>> model = BlockModel([0.97, 0.03], [0] * 20 + [1] * 12, [1.0] * 32, [1.0] * 32, 1.0)
    >>> n = crossover(Dense(), MoE(), model, over="samples")
    >>> sides = [(risk(Dense(), model, samples=k), risk(MoE(), model, samples=k))
    ...          for k in (int(n), int(n) + 1)]
    >>> [dense.value > moe.value for dense, moe in sides]
    [False, True]

    A gate that routes by the input fails in much noise.

    >>> from moetheory import Hard
    >>> model = BlockModel.isotropic(32, 8, noise_variance=1.0, signal_energy=8.0)
    >>> crossover(Dense(), MoE(gate=Hard()), model, over="noise_variance")
    1.4205568

    Sixteen experts with a signal-to-noise ratio of 4 in each direction, which is
    :math:`1/\sqrt p`, and with 2, below it.

    >>> models = [BlockModel.isotropic(64, 16, 1.0, signal_energy=4.0 * snr) for snr in (4, 2)]
    >>> [crossover(Dense(), MoE(), each, over="test_noise_variance") for each in models]
    [inf, 5.5]
    >>> [crossover(Dense(), MoE(), models[0], over="misrouting", drag=eta) for eta in (0.0, 1.0)]
    [0.625, 0.3846154]
    >>> crossover(Dense(), MoE(), models[0], over="leakage")
    0.2867089
    """
    order = _order(a, b, model, over, samples, drag)
    if over == "samples":
        return next(order.changes, 0.0) if order.leads else math.inf
    return next(order.changes, math.inf) if order.leads else 0.0


def crossovers(
    a: Estimator,
    b: Estimator,
    model: BlockModel,
    *,
    over: str,
    samples: Any = None,
    drag: float = 0.0,
) -> tuple[float, ...]:
    r"""All values at which the order of two estimators changes, in ascending order.

    `crossover` is the first of them, or 0 if ``b`` is not better at the start, and over samples
    the last. For "samples" the estimator that is better at n is not better at n + 1, or, if a gate
    reads the input, at the next size at which not both risks are infinite.

    Parameters
    ----------
    a, b, model, over, samples, drag
        As for `crossover`.

    Returns
    -------
    tuple of float
        Empty if one estimator is never worse. A value at which risks are equal, without a change
        of the order, is not among them. (Over samples, dense as ``b`` is not better than experts
        routed by the oracle where both risks are infinite, and the ends of such sizes are changes.)

    Raises
    ------
    ValueError, NoClosedForm
        As `crossover`. Over samples also if ``a`` becomes better only beyond 10¹⁵ samples.

    Notes
    -----
    *Exact*: over "test_noise_variance", "misrouting" and "erasure" leads are linear (for erasure
    times :math:`1-\tau`), with at most one change; over "radius" they are quadratic, with at most
    two. At infinitely many samples these leads keep their digits, except that the slopes over
    "erasure" and "radius" are differences of two slopes; with ``samples``, risks are subtracted.

    *Found on a grid*: two changes between neighbours on the grid are missed.

    - "noise_variance": from 10⁻⁶ times the least signal variance that is not zero to 10⁴ times
      the largest variance, at four values a decade, as far as a model may have them.
    - "leakage", "interference", "overlap": 0 and :math:`\alpha` from 10⁻¹⁰ to 10³⁰, at four values
      a decade. Without a ridge the lead of ``MoE()`` over ``Dense()`` falls strictly with leakage,
      so that there is only one change, and never falls with interference.
    - "samples": no fitted estimator is better than its population optimum, so once the risk of
      one is below the optimum of the other, it stays better. (Experts behind a hard gate may be
      better than their optimum where they have few samples, but not once all have more than
      coordinates; the n from which on one stays better is looked for there. Of two mixtures the
      difference of the risks is bounded, :math:`\sum_j\tau_j(n_j)\,(Y^a_j-Y^b_j)`, docs/theory.md
      §6.) Below that n, up to 400 sample sizes
      in geometric progression are compared, and the sizes at the thresholds of experts. Largest
      remainders may take the order back and forth: beyond the last change the sizes over which
      all counts grow by two are compared one by one, 400 of them at most. Where both have the
      same optimum none is compared, and the result is empty.

    - Gates that read the input: "test_noise_variance" from 0, and from 10⁻⁶ times the least
      variance to 10⁴ times the largest one; "overlap" up to that noise; "leakage" and
      "interference" up to the :math:`\alpha` at which the first coordinate is as loud while its
      block is inactive as while it is active: 1, or less if the model has both.

    Gates that read the input: a lead that is less than the errors of their losses is no lead, so
    that changes are missed, or found with less accuracy, where both estimators are nearly equal
    (a group of probability 1e-9 leaves the noise of a change 6 digits), or where a loss is not
    known (the soft gate in test noise of some hundred times that of training). Over samples
    such a lead counts as that at infinitely many.

    Source: docs/theory.md §4, §6 and §7.

    Examples
    --------
    Hard routing beside dense, a strong group and two weak ones: it loses its lead, takes it back,
    and loses it for good.

    >>> from moetheory import Dense, Hard, MoE
    >>> model = BlockModel(
    ...     [0.15, 0.34, 0.51], [0, 0, 1, 1, 2, 2], [30.0, 30.0, 0.1, 0.1, 0.003, 0.003],
    ...     [0.3, 0.3, 3.0, 3.0, 3.0, 3.0], 1.0)
    >>> crossovers(Dense(), MoE(gate=Hard()), model, over="noise_variance")
    (0.0821571, 0.3268306, 18.84181)

    Uncertain routing shrinks predictions, which helps where fits are noisy: with up to 95 samples
    the soft gate is better than the oracle.

    >>> from moetheory import Soft
    >>> noisy = BlockModel.isotropic(12, 3, 20.0, signal_energy=12.0)
    >>> crossovers(MoE(gate=Soft()), MoE(), noisy, over="samples")
    (95.0,)

    Fitted on samples; the experts' risk is infinite where a group has as many as its coordinates.

    >>> small = BlockModel([0.8, 0.2], [0] * 6 + [1] * 6, [1.0] * 12, [1.0] * 12, 4.0)
    >>> crossovers(Dense(), MoE(), small, over="samples")
    (9.0, 22.0, 62.0)
    """
    return tuple(sorted(_order(a, b, model, over, samples, drag).changes))


def _order(
    a: Estimator, b: Estimator, model: BlockModel, over: str, samples: Any, drag: float
) -> Order:
    """The order over a quantity, from 0 upwards, but over samples downwards from infinity."""
    a, b, model = checked_estimator(a, "a"), checked_estimator(b, "b"), checked_model(model)
    a, b = simplest(a, model), simplest(b, model)
    over, drag = choice("over", over, OVER), checked_drag(drag)
    if samples is not None and over not in ("test_noise_variance", "misrouting"):
        raise ArgumentError(
            "samples",
            "is for ",
            Mention("over", "test_noise_variance"),
            f' and "misrouting", got {samples!r} with ',
            Mention("over", over),
        )
    if drag and over != "misrouting":
        raise ArgumentError(
            "drag",
            "is for ",
            Mention("over", "misrouting"),
            f", got {drag!r} with ",
            Mention("over", over),
        )
    for each in (a, b):
        require_one_each(each, f"the crossover over {over}", Call(f'sweep(model, "{over}", ...)'))
    if over == "samples":
        return sample_crossovers.over_samples(a, b, model)
    if over == "noise_variance":
        return _over_noise_variance(a, b, model)
    if over in gated_crossovers.QUANTITIES:
        if reads_input(a, model) or reads_input(b, model):
            return gated_crossovers.over(over, a, b, model, samples)
        if model.experts == 1:  # one expert leaves a gate no choice
            a, b = (MoE(ridge=each.ridge) if routes_by_input(each) else each for each in (a, b))
    # a gate's errors go with the input, so that misrouting and radius are not defined for it
    call = None if over in ("misrouting", "radius") else Call(f'sweep(model, "{over}", ...)')
    for each in (a, b):
        require_oracle(each, f"the crossover over {over}", call)
    match over:
        case "test_noise_variance":
            return perturbation_crossovers.over_test_noise(a, b, model, samples)
        case "misrouting":
            return perturbation_crossovers.over_misrouting(a, b, model, drag, samples)
        case "erasure":
            return perturbation_crossovers.over_erasure(a, b, model)
        case "radius":
            return perturbation_crossovers.over_radius(a, b, model)
    return perturbation_crossovers.over_amplitude(a, b, model, over)


def _over_noise_variance(a: Estimator, b: Estimator, model: BlockModel) -> Order:
    """The order over the noise variance, on a grid."""
    signal, leakage = model.signal_variances, model.leakage_variances
    if not signal.any():
        return Order(False, iter([]))  # nothing to predict

    def lead_at(noise: float) -> float:
        return lead(a, b, model.replace(noise_variance=noise))

    largest = float(max(signal.max(), leakage.max()))
    return order_on_grid(lead_at, noise_grid(model, float(signal[signal > 0.0].min()), largest))

"""Crossovers: where one estimator stops being better than another."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from moetheory.problem import limits
from moetheory.problem.estimators import Estimator, MoE, checked_estimator, require_oracle
from moetheory.problem.model import BlockModel, checked_model
from moetheory.problem.perturbation import checked_drag
from moetheory.problem.sample_counts import counts_of
from moetheory.theory import perturbation_crossovers
from moetheory.theory.perturbation_crossovers import lead
from moetheory.theory.risks import unchecked_risk

OVER = (
    "samples",
    "noise_variance",
    "test_noise_variance",
    "misrouting",
    "erasure",
    "radius",
    "leakage",
)
GRID_SIZE = 400  # sample sizes compared before bisection
MOST_SAMPLES = 10**15  # the largest sample size compared
LEAST_NOISE, MOST_NOISE = 1e-6, 1e4  # times the least signal variance and the largest variance
PER_DECADE = 4  # noise variances compared before the root is found


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

    For "samples" this is the largest n at which the expected risk of ``b`` is not below that of
    ``a``. For every larger n, ``b`` is better.

    For any other quantity this is the least value beyond which the risk of ``b`` is not below
    that of ``a``. For every smaller value, ``b`` is better.

    - "noise_variance": :math:`\sigma^2`, in training and test;
    - "test_noise_variance": :math:`\sigma_o^2` at test time alone, where risks are linear:

      .. math:: \sigma_o^{2*} = \sigma^2 + \frac{R_a-R_b}{N_b-N_a}, \qquad
                N_{\mathrm{dense}} = \sum_m \hat b_m^2, \quad
                N_{\mathrm{MoE}} = \sum_m p\,\theta_m^2 ;

    - "misrouting": the rate :math:`\epsilon` of errors of the oracle that are spread evenly over
      the wrong groups, with ``drag``; risks are linear in the rate, too;
    - "erasure": the probability q with which a coordinate is dropped; matters only where the
      coordinates of a block are correlated;
    - "radius": the radius of the worst-case shift; leads are quadratic in the radius;
    - "leakage": the overlap :math:`\alpha`, where coordinates leak with variance
      :math:`\nu = \alpha^2\lambda` instead of the leakage of the model.

    Parameters
    ----------
    a, b : Dense or MoE
        For "samples" and perturbations, a mixture must be routed by the oracle.
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
        many. Over another quantity: 0 if ``b`` is not better at 0, ``inf`` if ``b`` stays better
        (over a rate or a probability: up to 1).

    Raises
    ------
    ValueError
        ``over`` is not a quantity of the list above, ``samples`` or ``drag`` are given where they
        mean nothing, or ``b`` becomes better only beyond 10¹⁵ samples.
    NoClosedForm
        `risk` has no formula for a gate.

    Notes
    -----
    No fitted estimator is better than its population optimum, so once the risk of ``b`` is below
    the optimum of ``a``, ``b`` stays better. Below that n, up to 400 sample sizes in geometric
    progression and the sizes at the thresholds of the experts are compared, then the boundary is
    bisected: a stretch between two of these sizes in which the order changes twice would be missed.
    Where an expert has as many samples as coordinates, give or take one, its risk is infinite, so
    with ``b=MoE()`` the boundary is at least there.

    Noise variances are compared from 10⁻⁶ times the least signal variance that is not zero to 10⁴
    times the largest variance, at four values a decade, as far as a model may have them. The lead
    of ``MoE()`` over ``Dense()`` falls strictly with leakage, so that its end is unique. With a
    ridge, the end nearest to :math:`\alpha = 1` is found, by powers of two. Source:
    docs/theory.md §4, §6 and §7; [SNB] Theorems 4.3 and 4.4.

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
    a, b, model = checked_estimator(a), checked_estimator(b), checked_model(model)
    if samples is not None and over not in ("test_noise_variance", "misrouting"):
        raise ValueError(
            f'samples is for over="test_noise_variance" and "misrouting", got samples={samples!r} '
            f"with over={over!r}"
        )
    if drag and over != "misrouting":
        raise ValueError(f'drag is for over="misrouting", got drag={drag!r} with over={over!r}')
    if over == "samples":
        return _over_samples(a, b, model)
    if over == "noise_variance":
        return _over_noise_variance(a, b, model)
    if over in OVER:
        for each in (a, b):
            require_oracle(each, f"the crossover over {over}")
    match over:
        case "test_noise_variance":
            return perturbation_crossovers.over_test_noise(a, b, model, samples)
        case "misrouting":
            return perturbation_crossovers.over_misrouting(a, b, model, checked_drag(drag), samples)
        case "erasure":
            return perturbation_crossovers.over_erasure(a, b, model)
        case "radius":
            return perturbation_crossovers.over_radius(a, b, model)
        case "leakage":
            return perturbation_crossovers.over_leakage(a, b, model)
    raise ValueError(f"over must be one of {', '.join(map(repr, OVER))}, got {over!r}")


def _over_noise_variance(a: Estimator, b: Estimator, model: BlockModel) -> float:
    """The noise variance at which the lead of ``b`` ends: first on a grid, then a root."""
    from scipy import optimize

    signal, leakage = model.signal_variances, model.leakage_variances
    if not signal.any():
        return 0.0  # nothing to predict
    least, most = limits.noise_limits(model.block_of, signal, leakage)

    def lead_at(log_noise: float) -> float:
        noise = min(max(math.exp(log_noise), least), most)  # rounding may lead beyond them
        return lead(a, b, model.replace(noise_variance=noise))

    low = math.log(max(LEAST_NOISE * signal[signal > 0.0].min(), least))
    high = math.log(min(MOST_NOISE * max(signal.max(), leakage.max()), most))
    grid = np.linspace(low, high, math.ceil(PER_DECADE * (high - low) / math.log(10.0)) + 1)
    if lead_at(low) <= 0.0:
        return 0.0
    for left, right in zip(grid[:-1].tolist(), grid[1:].tolist(), strict=True):
        if lead_at(right) <= 0.0:
            return math.exp(optimize.brentq(lead_at, left, right, xtol=1e-13, rtol=1e-13))
    return math.inf


def _over_samples(a: Estimator, b: Estimator, model: BlockModel) -> float:
    """The largest n at which ``b`` is not better."""
    if lead(a, b, model) <= 0.0:
        return math.inf
    limit = unchecked_risk(a, model).excess

    def better(n: int) -> bool:
        return unchecked_risk(b, model, n).excess < unchecked_risk(a, model, n).excess

    enough = _enough_samples(b, model, limit)
    sizes = set(np.geomspace(1, enough, GRID_SIZE).astype(np.int64).tolist())
    if isinstance(b, MoE) and b.ridge == 0.0:
        sizes |= {n for n in _threshold_sizes(model) if n < enough}
    high = enough
    for n in sorted(sizes, reverse=True):
        if not better(n):
            return float(_last_not_better(better, n, high))
        high = n
    return 0.0


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


def _enough_samples(b: Estimator, model: BlockModel, limit: float) -> int:
    """A number of samples beyond which the risk of ``b`` stays below ``limit``.

    The risk falls with every count once all are above the sizes of the blocks, and largest
    remainders keep every count within 1 of its share: hence counts that are 1 too few.
    """
    n = 4 * model.dim
    drawn = model.group_probabilities > 0.0
    while n <= MOST_SAMPLES:
        share = np.floor(model.group_probabilities * n).astype(np.int64) - 1
        fewest = np.where(drawn, np.maximum(share, 0), 0)
        enough = np.all(fewest[drawn] > model.sizes[drawn] + 1)
        if enough and unchecked_risk(b, model, fewest).excess < limit:
            return n
        n *= 2
    raise ValueError(
        f"b becomes better than a only beyond {MOST_SAMPLES:.0e} samples, got {b!r} for a model "
        "in which a group is too rare or the estimators are too close"
    )


def _last_not_better(better: Any, low: int, high: int) -> int:
    """The last n from ``low`` (not better) to ``high`` (better) that is not better."""
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if better(middle) else (middle, high)
    return low

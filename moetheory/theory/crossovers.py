"""Where one estimator stops being better than another."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from moetheory.problem.estimators import Estimator, MoE, checked_estimator, checked_oracle
from moetheory.problem.model import BlockModel, checked_model
from moetheory.problem.perturbation import checked_drag
from moetheory.problem.sample_counts import counts_of
from moetheory.theory import perturbation_crossovers
from moetheory.theory.perturbation_crossovers import lead
from moetheory.theory.risks import risk

OVER = (
    "samples",
    "noise_variance",
    "test_noise_variance",
    "misrouting",
    "erasure",
    "radius",
    "leakage",
)
GRID = 400  # sample sizes that are looked at before bisection
FARTHEST = 10**15  # number of samples that is looked at
QUIET, LOUD = 1e-6, 1e4  # noise that is looked at, in least and in largest signal variances
PER_DECADE = 4  # noise variances that are looked at before the root is found


def crossover(
    a: Estimator,
    b: Estimator,
    model: BlockModel,
    *,
    over: str,
    samples: Any = None,
    drag: float = 0.0,
) -> float:
    r"""Where estimator ``b`` stops being better than estimator ``a``.

    Over "samples", going down from infinitely many: the largest n at which the expected risk of
    ``b`` is not below that of ``a``. For every larger n, ``b`` is better.

    Over anything else, going up from none of it: the least value beyond which the risk of ``b``
    is not below that of ``a``. For every smaller one, ``b`` is better.

    - "noise_variance": :math:`\sigma^2`, in training and test;
    - "test_noise_variance": :math:`\sigma_o^2` at test time alone, where risks are linear:

      .. math:: \sigma_o^{2*} = \sigma^2 + \frac{R_a-R_b}{N_b-N_a}, \qquad
                N_{\mathrm{dense}} = \sum_m \hat b_m^2, \quad
                N_{\mathrm{MoE}} = \sum_m p\,\theta_m^2 ;

    - "misrouting": the rate :math:`\epsilon` of errors of the oracle that are spread evenly over
      the wrong groups, with ``drag``; risks are linear in it, too;
    - "erasure": the probability q with which a coordinate is dropped; matters only where the
      coordinates of a block are correlated;
    - "radius": that of the worst-case shift; leads are quadratic in it;
    - "leakage": the overlap :math:`\alpha`, where coordinates leak with variance
      :math:`\nu = \alpha^2\lambda` instead of that of the model.

    Parameters
    ----------
    a, b : Dense or MoE
        "samples" and perturbations: routed by the oracle.
    model : BlockModel
    over : str
        One of the above.
    samples : int or (K,) integers, optional
        Of estimators fitted on so many, for "test_noise_variance" and "misrouting".
    drag : float
        :math:`\eta` that goes with misrouting.

    Returns
    -------
    float
        Samples: 0 if ``b`` is better at every n, ``inf`` if it is not better at infinitely many.
        Others: 0 if ``b`` is not better to begin with, ``inf`` if it stays better (a rate or a
        probability: up to 1).

    Raises
    ------
    ValueError
        ``over`` is not a quantity of that list, ``samples`` or ``drag`` are given where they mean
        nothing, or ``b`` becomes better only beyond 10¹⁵ samples.
    NoClosedForm
        A gate for which `risk` has no formula.

    Notes
    -----
    No fitted estimator is better than its population optimum, so once the risk of ``b`` is
    below the optimum of ``a`` it stays so. Below that n, up to 400 sample sizes in geometric
    progression and those at the thresholds of the experts are compared, then the boundary is
    bisected: a stretch between two of these sizes in which the order changes twice would be
    missed. Where an expert has as many samples as coordinates, give or take one, its risk is
    infinite, so with ``b=MoE()`` the boundary is at least there.

    Noise is looked at from 10⁻⁶ times the least signal variance that is not zero to 10⁴ times
    the largest, at four values a decade. The lead of ``MoE()`` over ``Dense()`` falls strictly
    with leakage, so that its end is unique; with ridge the one nearest to :math:`\alpha = 1`, by
    powers of two, is found. Source: docs/theory.md §4, §6 and §7; [SNB] Theorems 4.3 and 4.4.

    Examples
    --------
    >>> from moetheory import Dense, MoE
    >>> model = BlockModel([0.97, 0.03], [0] * 20 + [1] * 12, [1.0] * 32, [1.0] * 32, 1.0)
    >>> n = crossover(Dense(), MoE(), model, over="samples")
    >>> sides = [(risk(Dense(), model, samples=k), risk(MoE(), model, samples=k))
    ...          for k in (int(n), int(n) + 1)]
    >>> [dense.value > moe.value for dense, moe in sides]
    [False, True]

    A router that has to look at the input is lost in much noise.

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
        return _over_noise(a, b, model)
    if over in OVER:
        for each in (a, b):
            checked_oracle(each, f"the crossover over {over}")
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


def _over_noise(a: Estimator, b: Estimator, model: BlockModel) -> float:
    from scipy import optimize

    def ahead(log_noise: float) -> float:
        return lead(a, b, model.replace(noise_variance=math.exp(log_noise)))

    variances = model.signal_variances[model.signal_variances > 0.0]
    if not variances.size:
        return 0.0  # nothing to predict
    low, high = math.log(QUIET * variances.min()), math.log(LOUD * variances.max())
    grid = np.linspace(low, high, math.ceil(PER_DECADE * (high - low) / math.log(10.0)) + 1)
    if ahead(low) <= 0.0:
        return 0.0
    for left, right in zip(grid[:-1].tolist(), grid[1:].tolist(), strict=True):
        if ahead(right) <= 0.0:
            return math.exp(optimize.brentq(ahead, left, right, xtol=1e-13, rtol=1e-13))
    return math.inf


def _over_samples(a: Estimator, b: Estimator, model: BlockModel) -> float:
    if lead(a, b, model) <= 0.0:
        return math.inf
    limit = risk(a, model).excess

    def better(n: int) -> bool:
        return risk(b, model, samples=n).excess < risk(a, model, samples=n).excess

    top = _settled(b, model, limit)
    sizes = set(np.geomspace(1, top, GRID).astype(np.int64).tolist())
    if isinstance(b, MoE) and b.ridge == 0.0:
        sizes |= {n for n in _thresholds(model) if n < top}
    high = top
    for n in sorted(sizes, reverse=True):
        if not better(n):
            return float(_bisect(better, n, high))
        high = n
    return 0.0


def _thresholds(model: BlockModel) -> list[int]:
    """Where experts have as many samples as coordinates, give or take one: rare spikes.

    And the last n with such an expert. Largest remainders round the share p n down or up, not
    the same way for each n, so that :math:`n_g = s_g + 1` may recur up to n = (s_g+2)/p_g.
    """
    drawn = model.group_probabilities > 0.0
    sizes, p = model.sizes[drawn], model.group_probabilities[drawn]
    share = (sizes + np.array([[-1], [0], [1]])) / p
    found = {int(n) for n in np.unique(np.floor(share)) if 1 <= n <= FARTHEST}
    first, last = (int(min(np.max((sizes + i) / p), FARTHEST)) for i in (1, 2))
    for n in range(last + 1, max(first, 1), -max((last - first) // GRID, 1)):
        if np.any(np.abs(counts_of(n, model)[drawn] - sizes) <= 1):
            return [*found, n]
    return [*found]


def _settled(b: Estimator, model: BlockModel, limit: float) -> int:
    """A number of samples from which on the risk of ``b`` stays below ``limit``.

    The risk falls with every count once all are above the sizes of the blocks, and largest
    remainders keep every count within 1 of its share: hence counts that are 1 too few.
    """
    n = 4 * model.dim
    drawn = model.group_probabilities > 0.0
    while n <= FARTHEST:
        share = np.floor(model.group_probabilities * n).astype(np.int64) - 1
        fewest = np.where(drawn, np.maximum(share, 0), 0)
        enough = np.all(fewest[drawn] > model.sizes[drawn] + 1)
        if enough and risk(b, model, samples=fewest).excess < limit:
            return n
        n *= 2
    raise ValueError(
        f"b becomes better than a only beyond {FARTHEST:.0e} samples, got {b!r} for a model "
        "in which a group is too rare or the estimators are too close"
    )


def _bisect(better: Any, low: int, high: int) -> int:
    """The last n from ``low`` (not better) to ``high`` (better) that is not better."""
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if better(middle) else (middle, high)
    return low

"""Where one estimator stops being better than another."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from moetheory.allocation import counts_of
from moetheory.estimators import Dense, Estimator, MoE, known
from moetheory.evaluation import gap, risk
from moetheory.model import BlockModel, known_model
from moetheory.routers import gate_losses

GRID = 400  # sample sizes that are looked at before bisection
FARTHEST = 10**15  # number of samples that is looked at
QUIET, LOUD = 1e-6, 1e4  # noise that is looked at, in least and in largest signal variances
PER_DECADE = 4  # noise variances that are looked at before the root is found


def crossover(a: Estimator, b: Estimator, model: BlockModel, *, over: str) -> float:
    r"""Where estimator ``b`` stops being better than estimator ``a``.

    Over "samples", going down from infinitely many: the largest n at which the expected risk of
    ``b`` is not below that of ``a``. For every larger n, ``b`` is better.

    Over "noise_variance", going up from none: the least :math:`\sigma^2` beyond which the risk
    of ``b`` is not below that of ``a``. For every smaller one, ``b`` is better.

    Parameters
    ----------
    a, b : Dense or MoE
    model : BlockModel
    over : {"samples", "noise_variance"}

    Returns
    -------
    float
        Samples: 0 if ``b`` is better at every n, ``inf`` if it is not better at infinitely many.
        Noise: 0 if ``b`` is not better at the least noise, ``inf`` if it stays better.

    Raises
    ------
    ValueError
        ``over`` is not a quantity of that list, or ``b`` becomes better only beyond 10¹⁵
        samples.
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
    the largest, at four values a decade. Source: docs/theory.md §4 and §6.

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
    """
    a, b, model = known(a), known(b), known_model(model)
    if over == "samples":
        return _over_samples(a, b, model)
    if over == "noise_variance":
        return _over_noise(a, b, model)
    raise ValueError(f'over must be "samples" or "noise_variance", got {over!r}')


def _over_noise(a: Estimator, b: Estimator, model: BlockModel) -> float:
    from scipy import optimize

    def lead(log_noise: float) -> float:
        return _lead(a, b, model.replace(noise_variance=math.exp(log_noise)))

    variances = model.signal_variances[model.signal_variances > 0.0]
    if not variances.size:
        return 0.0  # nothing to predict
    low, high = math.log(QUIET * variances.min()), math.log(LOUD * variances.max())
    grid = np.linspace(low, high, math.ceil(PER_DECADE * (high - low) / math.log(10.0)) + 1)
    if lead(low) <= 0.0:
        return 0.0
    for left, right in zip(grid[:-1].tolist(), grid[1:].tolist(), strict=True):
        if lead(right) <= 0.0:
            return math.exp(optimize.brentq(lead, left, right, xtol=1e-13, rtol=1e-13))
    return math.inf


def _over_samples(a: Estimator, b: Estimator, model: BlockModel) -> float:
    if _lead(a, b, model) <= 0.0:
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


def _lead(a: Estimator, b: Estimator, model: BlockModel) -> float:
    """What ``b`` is ahead of ``a`` by at infinitely many samples."""
    if a.ridge == b.ridge == 0.0:
        # both beside the oracle: neither lead is a difference of risks that are nearly equal
        return _above_oracle(a, model) - _above_oracle(b, model)
    return risk(a, model).excess - risk(b, model).excess


def _above_oracle(estimator: Estimator, model: BlockModel) -> float:
    """What an estimator without ridge loses against the mixture that the oracle routes."""
    if isinstance(estimator, Dense):
        return gap(model)
    return float(model.group_probabilities @ gate_losses(estimator.gate, model).per_group)


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

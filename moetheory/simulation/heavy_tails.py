r"""Fitted estimators whose risk has infinite moments: no standard error, or intervals too short.

The risk of least squares grows like :math:`1/\varsigma^2`, ς the smallest singular value of the
features, and :math:`P(\varsigma < \epsilon) \sim \epsilon^{|n-d|+1}`: the features have a bounded
density, and matrices without full rank have codimension :math:`|n-d|+1`. So
:math:`E\varsigma^{-2k}` is finite iff :math:`2k < |n-d|+1`: the mean for :math:`|n-d| \ge 2`, the
variance for :math:`|n-d| \ge 4`, the third moment for :math:`|n-d| \ge 6`. For expert g put
:math:`n_g` and :math:`s_g`.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from moetheory.common.arrays import IntArray
from moetheory.predictors.expert_regressions import Regressions
from moetheory.problem.estimators import Estimator, MoE
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation
from moetheory.problem.sample_counts import Counts

# |n - d| up to which the mean, the variance and the third moment are infinite
MEAN, VARIANCE, SKEWNESS = 1, 3, 5
# probability below which drawn counts that near are ignored
RARE = 1e-9


Moment = Literal["mean", "variance", "skewness"]


class HeavyTail(NamedTuple):
    """A risk over training sets that has infinite moments.

    Attributes
    ----------
    cause : str
        The regression with its numbers of samples and coordinates.
    infinite : {"mean", "variance", "skewness"}
        The lowest moment that is infinite; those above it are, too.
    """

    cause: str
    infinite: Moment


def heavy_tail(
    estimator: Estimator,
    model: BlockModel,
    samples: Any,
    counts: Counts = "fixed",
    under: Perturbation | None = None,
) -> HeavyTail | None:
    r"""The heavy tail of the risk of ``estimator`` over training sets; None: three finite moments.

    The tail is heavy without ridge and with label noise left to fit, if some
    :math:`|n_g-s_g| \le 5` (dense: :math:`|n-d| \le 5`), counting coordinates that vary; with
    multinomial counts, if the variance is infinite with a probability above 1e-9. An expert
    counts if any input reaches it, also by the confusion of ``under``.

    Examples
    --------
    >>> from moetheory import Dense
    >>> model = BlockModel.isotropic(16, 4, noise_variance=1.0)
    >>> heavy_tail(MoE(), model, 24)
    HeavyTail(cause='group 0 has 6 samples for 4 coordinates', infinite='variance')
    >>> heavy_tail(Dense(), model, 24) is None, heavy_tail(MoE(ridge=0.1), model, 24) is None
    (True, True)
    """
    if estimator.ridge > 0.0:
        return None
    regressions = Regressions.of(model, samples)
    if isinstance(estimator, MoE):
        return _expert_tail(regressions, model, counts, under)
    labels = regressions.null_excess + model.label_noise_variance
    if not np.any(labels[regressions.counts > 0] > 0.0):
        return None  # nothing to fit
    if np.all(model.noise_variance):
        return _regression_tail("", int(regressions.counts.sum()), model.dim)
    return _partly_noisy_dense_tail(regressions.counts, model)


def _partly_noisy_dense_tail(samples: IntArray, model: BlockModel) -> HeavyTail | None:
    """The heavy tail of dense where some coordinates have no noise while their block is active.

    A coordinate has variance λ + n in the samples of its own group and ν + n + κ in all others.
    Where only the first is positive, it varies in the samples of its own group alone. These
    coordinates take as many samples of their group; what is left fits those that all groups see.
    Where that is too few for them, the samples of a group use both kinds of coordinates.
    """
    if _labels_are_fitted_exactly(model):
        return None
    common = (model.leakage_variances > 0.0) | (np.asarray(model.idle_noise) > 0.0)
    private = np.bincount(
        model.block_of, ~common & (model.signal_variances > 0.0), minlength=model.experts
    ).astype(np.int64)
    shared = int(np.count_nonzero(common))
    left = int(np.maximum(samples - private, 0).sum())
    fitted = private if left >= shared else private + shared
    parts = [
        _regression_tail(f"group {g} has ", int(samples[g]), int(fitted[g]))
        for g in np.flatnonzero((samples > 0) & (private > 0))
    ]
    if shared and left:
        parts.append(_regression_tail("all groups have ", left, shared))
    found = [part for part in parts if part is not None]
    return min(found, key=lambda part: get_args(Moment).index(part.infinite)) if found else None


def _labels_are_fitted_exactly(model: BlockModel) -> bool:
    """Whether labels are a linear function of the noisy features: no error is left to fit."""
    signal = (model.signal_variances > 0.0) | (model.leakage_variances > 0.0)
    noisy_signal = signal & (model.coefficients != 0.0) & (np.asarray(model.idle_noise) > 0.0)
    return model.label_noise_variance == 0.0 and not noisy_signal.any()


def _regression_tail(who: str, samples: int, coordinates: int) -> HeavyTail | None:
    """The tail of a regression on so many samples and coordinates, if it is heavy."""
    distance = abs(samples - coordinates)
    if distance > SKEWNESS:
        return None

    def plural(number: int, word: str) -> str:
        return f"{number} {word}" if number == 1 else f"{number} {word}s"

    cause = f"{who}{plural(samples, 'sample')} for {plural(coordinates, 'coordinate')}"
    infinite: Moment = (
        "mean" if distance <= MEAN else "variance" if distance <= VARIANCE else "skewness"
    )
    return HeavyTail(cause, infinite)


def _expert_tail(
    regressions: Regressions, model: BlockModel, counts: Counts, under: Perturbation | None
) -> HeavyTail | None:
    """The heavy tail of the experts that inputs reach, if there is one."""
    sizes, reached = regressions.sizes, model.group_probabilities
    if under is not None:
        reached = under.taken(reached)
    concerned = (reached > 0.0) & (regressions.residual > 0.0) & (sizes > 0)
    if counts == "multinomial":
        total = int(regressions.counts.sum())
        near = {
            width: concerned & (_near_threshold_probability(total, model, sizes, width) > RARE)
            for width in (MEAN, VARIANCE)
        }
        if not near[VARIANCE].any():
            return None
        g = int(np.argmax(near[VARIANCE]))
        cause = f"group {g} may get within {VARIANCE} samples of {sizes[g]} coordinates"
        return HeavyTail(cause, "mean" if near[MEAN].any() else "variance")
    fitted = np.flatnonzero(concerned & (regressions.counts > 0))
    if not fitted.size:
        return None
    g = fitted[np.argmin(np.abs(regressions.counts - sizes)[fitted])]
    return _regression_tail(f"group {g} has ", int(regressions.counts[g]), int(sizes[g]))


def _near_threshold_probability(total: int, model: BlockModel, sizes: IntArray, width: int) -> Any:
    r"""The probability :math:`P(1 \le N_g, |N_g - s_g| \le w)` for binomial counts, (K,)."""
    from scipy import special

    shares = model.group_probabilities / model.group_probabilities.sum()
    upper = special.bdtr(sizes + width, total, shares)
    return upper - special.bdtr(np.maximum(sizes - width - 1, 0), total, shares)

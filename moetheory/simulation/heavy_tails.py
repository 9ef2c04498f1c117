r"""Fitted estimators whose risk has infinite moments: no standard error, or intervals too short.

The risk of least squares grows like :math:`1/\varsigma^2`, ς the smallest singular value of the
features, and :math:`P(\varsigma < \epsilon) \sim \epsilon^{|n-d|+1}`: the features have a bounded
density, and matrices without full rank have codimension :math:`|n-d|+1`. So
:math:`E\varsigma^{-2k}` is finite iff :math:`2k < |n-d|+1`: the mean for :math:`|n-d| \ge 2`, the
variance for :math:`|n-d| \ge 4`, the third moment for :math:`|n-d| \ge 6`. For expert g put
:math:`n_g` and :math:`s_g`, for one that serves several groups the sums over its groups. Beside a
shared expert the distance is that of ``joint_thresholds.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray, block_sums
from moetheory.common.text import counted
from moetheory.kernels.gate_weights import BoolArray
from moetheory.predictors.expert_problems import expert_problems
from moetheory.predictors.expert_regressions import Regressions
from moetheory.problem.estimators import Dense, Estimator, MoE, experts_of, one_each
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation
from moetheory.problem.sample_counts import Counts
from moetheory.simulation.joint_thresholds import nearest_threshold

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
    counts if any input reaches it, also by the confusion of ``under``. Retrained experts count as
    those of groups whose counts are drawn. Beside a shared expert, some
    tails are called heavy that may not be: with multinomial counts, and where coordinates have no
    noise.

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
    if isinstance(estimator, Dense):
        return _dense_tail(regressions, model)
    reached = model.group_probabilities
    if under is not None:
        reached = under.taken(reached)
    if one_each(estimator):
        # how many inputs a router sends to an expert is drawn, about as often as groups are
        counts = "multinomial" if estimator.retrained else counts
        return _expert_tail(regressions, model, counts, reached)
    if estimator.shared:
        return _joint_tail(estimator, regressions, model, counts, reached)
    return _assigned_tail(estimator, regressions, model, counts, reached)


def _dense_tail(
    regressions: Regressions, model: BlockModel, who: str = "", groups: IntArray | None = None
) -> HeavyTail | None:
    """The heavy tail of dense, or of an expert ``who`` that serves these ``groups``."""
    if not np.any(_label_variances(regressions, model)[regressions.counts > 0] > 0.0):
        return None  # nothing to fit
    if np.all(model.noise_variance):
        return _regression_tail(who, int(regressions.counts.sum()), model.dim)
    names = np.arange(model.experts) if groups is None else groups
    return _partly_noisy_dense_tail(regressions.counts, model, who or "all groups have ", names)


def _label_variances(regressions: Regressions, model: BlockModel) -> FloatArray:
    """The variance of the label in each group, (K,)."""
    return regressions.null_excess + model.label_noise_variance


def _assigned_tail(
    estimator: MoE, regressions: Regressions, model: BlockModel, counts: Counts, reached: FloatArray
) -> HeavyTail | None:
    """The heavy tail of experts that serve several groups: each is dense on what it serves."""
    problems = [each for each in expert_problems(estimator, model) if reached[each.groups].any()]
    if counts == "multinomial":
        total, varying = int(regressions.counts.sum()), _varying(estimator, model)
        labels = _label_variances(regressions, model)
        experts = experts_of(estimator, model)
        shares = block_sums(model.group_probabilities, experts)
        fitted = np.bincount(experts, (reached > 0.0) & (labels > 0.0)) > 0
        return _drawn_tail("expert", fitted, total, shares / shares.sum(), varying.own)
    found = []
    for each in problems:
        if not regressions.counts[each.groups].any():
            continue
        own = Regressions.of(each.model, regressions.counts[each.groups])
        if len(each.groups) == 1:
            found.append(_expert_tail(own, each.model, counts, np.ones(1), each.groups))
        else:
            who = f"expert {experts_of(estimator, model)[each.groups[0]]} has "
            found.append(_dense_tail(own, each.model, who, each.groups))
    return _worst(found)


def _joint_tail(
    estimator: MoE, regressions: Regressions, model: BlockModel, counts: Counts, reached: FloatArray
) -> HeavyTail | None:
    """The heavy tail of experts that are fitted jointly with a shared one."""
    if not np.any(_label_variances(regressions, model)[regressions.counts > 0] > 0.0):
        return None
    experts, varying = experts_of(estimator, model), _varying(estimator, model)
    met = np.bincount(experts, reached) > 0.0
    samples = np.bincount(experts, regressions.counts).astype(np.int64)
    cases = [samples]
    if counts == "multinomial":
        cases += _possible_counts(samples, block_sums(model.group_probabilities, experts), varying)
    found = []
    for case in cases:
        near = nearest_threshold(case, *varying, met)
        if near is not None:
            found.append(_regression_tail("a part of the joint fit has ", *near))
    if not np.all(model.noise_variance):
        found.append(_assigned_tail(estimator, regressions, model, counts, reached))
    worst = _worst(found)
    if counts == "fixed" or worst is None:
        return worst
    cause = f"a part of the joint fit may get within {VARIANCE} samples of its coordinates"
    return None if worst.infinite == "skewness" else HeavyTail(cause, worst.infinite)


class _Varying(NamedTuple):
    """Coordinates of each expert that vary in its own samples, and in all others, (E,) each."""

    own: IntArray
    others: IntArray


def _varying(estimator: MoE, model: BlockModel) -> _Varying:
    """How many coordinates of each expert vary."""
    experts = experts_of(estimator, model)
    of_coordinates = experts[model.block_of]
    active = model.signal_variances + model.noise_variance > 0.0
    idle = model.leakage_variances + model.idle_noise > 0.0
    within = (np.bincount(experts) > 1)[of_coordinates]
    own, others = (
        np.bincount(of_coordinates[varies], minlength=int(experts.max()) + 1)
        for varies in (active | within & idle, idle)
    )
    return _Varying(own, others)


def _possible_counts(samples: IntArray, shares: FloatArray, varying: _Varying) -> list[IntArray]:
    """Counts of the experts, (E,), with one of them at a threshold that it may reach."""
    total, shares = int(samples.sum()), shares / shares.sum()
    own, others = varying
    elsewhere = int(others.sum()) - others
    found = []
    for sizes in (own, own + elsewhere, total - (int(own.sum()) - own + others)):
        sizes = np.clip(sizes, 0, total)
        likely = _near_threshold_probability(total, shares, sizes, VARIANCE) > RARE
        for e in np.flatnonzero(likely & (shares < 1.0)):
            case = np.rint((total - sizes[e]) * shares / (1.0 - shares[e])).astype(np.int64)
            case[e] = sizes[e]
            found.append(case)
    return found


def _worst(tails: Sequence[HeavyTail | None]) -> HeavyTail | None:
    """The first of the heaviest tails."""
    found = [each for each in tails if each is not None]
    return min(found, key=lambda each: get_args(Moment).index(each.infinite)) if found else None


def _partly_noisy_dense_tail(
    samples: IntArray, model: BlockModel, who: str, names: IntArray
) -> HeavyTail | None:
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
        _regression_tail(f"group {names[g]} has ", int(samples[g]), int(fitted[g]))
        for g in np.flatnonzero((samples > 0) & (private > 0))
    ]
    if shared and left:
        parts.append(_regression_tail(who, left, shared))
    return _worst(parts)


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
    cause = f"{who}{counted(samples, 'sample')} for {counted(coordinates, 'coordinate')}"
    infinite: Moment = (
        "mean" if distance <= MEAN else "variance" if distance <= VARIANCE else "skewness"
    )
    return HeavyTail(cause, infinite)


def _expert_tail(
    regressions: Regressions,
    model: BlockModel,
    counts: Counts,
    reached: FloatArray,
    names: IntArray | None = None,
) -> HeavyTail | None:
    """The heavy tail of the experts that inputs reach, if there is one."""
    sizes = regressions.sizes
    concerned = (reached > 0.0) & (regressions.residual > 0.0) & (sizes > 0)
    if counts == "multinomial":
        shares = model.group_probabilities / model.group_probabilities.sum()
        return _drawn_tail("group", concerned, int(regressions.counts.sum()), shares, sizes)
    fitted = np.flatnonzero(concerned & (regressions.counts > 0))
    if not fitted.size:
        return None
    g = fitted[np.argmin(np.abs(regressions.counts - sizes)[fitted])]
    name = g if names is None else names[g]
    return _regression_tail(f"group {name} has ", int(regressions.counts[g]), int(sizes[g]))


def _drawn_tail(
    who: str, concerned: BoolArray, total: int, shares: FloatArray, sizes: IntArray
) -> HeavyTail | None:
    """The heavy tail of the regressions that are ``concerned`` if their counts are drawn."""
    near = {
        width: concerned & (_near_threshold_probability(total, shares, sizes, width) > RARE)
        for width in (MEAN, VARIANCE)
    }
    if not near[VARIANCE].any():
        return None
    g = int(np.argmax(near[VARIANCE]))
    cause = f"{who} {g} may get within {VARIANCE} samples of {sizes[g]} coordinates"
    return HeavyTail(cause, "mean" if near[MEAN].any() else "variance")


def _near_threshold_probability(total: int, shares: FloatArray, sizes: IntArray, width: int) -> Any:
    r"""The probability :math:`P(1 \le N_g, |N_g - s_g| \le w)` for binomial counts, (K,)."""
    from scipy import special

    upper = special.bdtr(sizes + width, total, shares)
    return upper - special.bdtr(np.maximum(sizes - width - 1, 0), total, shares)

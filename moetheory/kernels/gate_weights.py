r"""Weights that gates give to the experts, and the excess losses of these weights.

Arrays are (K, n) for n inputs. Squares :math:`\bar x_m^2` are in units of the variance of m while
its block is inactive. Source: docs/theory.md §6.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from moetheory.common.arrays import FloatArray, IntArray

BoolArray = NDArray[np.bool_]

SORTING_PAYS = 8  # to find more of the largest weights than these, sorting all is faster


class Weights(NamedTuple):
    """Weights of the experts, the largest one apart, so that a tiny rest keeps its digits.

    Attributes
    ----------
    top : (n,) integer array
        The expert whose weight is kept apart: the first of those with the largest weight, or
        the one that `set_apart` was asked for.
    largest, rest : (n,) arrays
        The weight of this expert, and what it lacks to 1: the sum of the other weights, if all
        weights sum to 1.
    others : (K, n) array or None
        The other weights, with 0 in the place of the one apart; None: all are 0.
    """

    top: IntArray
    largest: FloatArray
    rest: FloatArray
    others: FloatArray | None

    def full(self, experts: int) -> FloatArray:
        """The weights of all experts, (K, n)."""
        weights = np.zeros((experts, len(self.top))) if self.others is None else +self.others
        weights[self.top, np.arange(len(self.top))] = self.largest
        return weights

    def mean_of(self, values: FloatArray) -> FloatArray:
        """The weighted sum of ``values`` (K,), one for each expert, for each input, (n,)."""
        found = self.largest * values[self.top]
        if self.others is not None:
            found += np.einsum("kn,k->n", self.others, values)
        return np.asarray(found)

    def sums(self, shares: FloatArray) -> FloatArray:
        """The sum over the inputs of each weight times ``shares`` (n,), (K,)."""
        assert self.others is not None
        found = np.einsum("kn,n->k", self.others, shares)
        found += np.bincount(self.top, self.largest * shares, minlength=len(found))
        return np.asarray(found)


class QuadraticForms(NamedTuple):
    r"""Quadratic forms of the blocks, for optimal coefficients :math:`\theta` and used ones t.

    Attributes
    ----------
    optimal, cross, used : (K, n) arrays
        :math:`\sum_{m\in j}\bar x_m^2\theta_m^2`, with :math:`\theta_mt_m` and :math:`t_m^2`.
    error, cross_error : (K, n) arrays or None
        With :math:`(\theta_m-t_m)^2` and :math:`\theta_m(\theta_m-t_m)`; None where :math:`t =
        \theta`: they are zero.
    unheard : (K, n) array or None
        With :math:`\theta^0_mt_m`, :math:`\theta^0` the optimal coefficients while the block is
        inactive; None in strict blocks, where they are zero.
    """

    optimal: FloatArray
    cross: FloatArray
    used: FloatArray
    error: FloatArray | None
    cross_error: FloatArray | None
    unheard: FloatArray | None = None


def score_terms(
    group_probabilities: FloatArray,
    block_of: IntArray,
    signal_variances: FloatArray,
    noise_variance: float | FloatArray,
    interference_variances: float | FloatArray = 0.0,
) -> tuple[FloatArray, FloatArray]:
    r"""Constants (K,) and slopes (d,) of the log scores.

    .. math:: \log W_j = \log\frac{p_j}{\max p}
              - \tfrac12\sum_{m\in j}\log\frac{\lambda_m+n_m}{n_m+\kappa_m}
              + \sum_{m\in j} \frac{\bar x_m^2}{n_m+\kappa_m}
                \frac{\lambda_m-\kappa_m}{2(\lambda_m+n_m)}

    Coordinates with :math:`\lambda+n = 0` or :math:`n+\kappa = 0` are left out.
    """
    logarithms = log_variance_ratios(signal_variances, noise_variance, interference_variances)
    log_volumes = np.bincount(block_of, logarithms, minlength=len(group_probabilities))
    active, idle = signal_variances + noise_variance, noise_variance + interference_variances
    slopes = np.zeros(len(active))
    surplus = signal_variances - interference_variances
    np.divide(surplus, active, out=slopes, where=(active > 0.0) & (idle > 0.0))
    slopes /= 2.0
    # relative to the largest: equal groups then differ by as little as their volumes do
    relative = group_probabilities / group_probabilities.max()
    return log_probabilities(relative) - log_volumes / 2.0, slopes


def log_variance_ratios(
    signal_variances: FloatArray,
    noise_variance: float | FloatArray,
    interference_variances: float | FloatArray,
) -> FloatArray:
    r"""The logarithms of :math:`(\lambda+n)/(n+\kappa)`, (d,), without cancellation.

    0 where the numerator or the denominator is 0.
    """
    surplus = np.asarray(signal_variances - interference_variances)
    least = np.minimum(signal_variances, interference_variances) + noise_variance
    change = np.zeros(len(surplus))
    np.divide(np.abs(surplus), least, out=change, where=least > 0.0)
    return np.copysign(np.log1p(change), surplus)


def log_probabilities(probabilities: FloatArray) -> FloatArray:
    """Logarithms of probabilities, without a warning for log 0 = -inf."""
    with np.errstate(divide="ignore"):
        logarithms: FloatArray = np.log(probabilities)
    return logarithms


def decided_scores(scores: FloatArray, certain: BoolArray, impossible: BoolArray) -> FloatArray:
    """Log scores (K, n) where the input decides that groups are certain or impossible, (K, n).

    A group that is certain excludes those that are not. ``scores``, (K, n) or (K, 1), decide
    among groups that are possible, or among all groups if none is possible.
    """
    possible = np.where(impossible, -np.inf, scores)
    # a signal so small that its square is zero is no reason to know of no group at all
    possible = np.where((possible > -np.inf).any(axis=0), possible, scores)
    decided = np.where(certain, 0.0, -np.inf)
    return np.where(certain.any(axis=0), decided, possible)


def pooled_scores(scores: FloatArray, expert_of: IntArray) -> FloatArray:
    r"""Log scores of experts, :math:`\log\sum_{j\in e}W_j`, (E, n), from those of groups (K, n).

    ``expert_of`` (K,) names the expert of each group, 0 to E-1.
    """
    order = np.argsort(expert_of, kind="stable")
    starts = np.flatnonzero(np.diff(expert_of[order], prepend=-1))
    pooled: FloatArray = np.logaddexp.reduceat(scores[order], starts, axis=0)
    return pooled


def posterior(scores: FloatArray, temperature: float = 1.0) -> Weights:
    r"""Weights :math:`\propto W_j^{1/T}` from log scores (K, n), each column with a finite one."""
    highest = scores.max(axis=0)
    top = _first(scores == highest)
    others = scores - highest
    if temperature != 1.0:
        with np.errstate(over="ignore"):  # to -inf: no weight at all
            others /= temperature
    np.exp(others, out=others)
    others[top, np.arange(len(top))] = 0.0
    rest = others.sum(axis=0)
    largest = 1.0 / (1.0 + rest)
    others *= largest
    rest *= largest
    return Weights(top, largest, rest, others)


def _first(marked: BoolArray) -> IntArray:
    """The first marked row in each column, several times as fast as argmax."""
    rows = len(marked)
    countdown = np.arange(rows, 0, -1)
    if rows < 2**15:
        weighted = marked.view(np.int8) * countdown.astype(np.int16)[:, np.newaxis]
    else:
        weighted = marked * countdown[:, np.newaxis]
    first: IntArray = rows - weighted.max(axis=0).astype(np.int64)
    return first


def one_hot(chosen: IntArray) -> Weights:
    """Weights that put 1 on the expert ``chosen`` (n,) for each input."""
    inputs = len(chosen)
    return Weights(chosen, np.ones(inputs), np.zeros(inputs), None)


def top_k(weights: Weights, k: int, *, renormalised: bool = True) -> Weights:
    """The k largest weights, scaled to sum to 1 if so asked; of equal weights the first."""
    if k == 1 and renormalised:
        return one_hot(weights.top)
    if k == 1:
        return weights._replace(others=None)
    assert weights.others is not None
    if k >= len(weights.others):
        return weights
    others = np.zeros_like(weights.others)
    # the place of the largest, which is in any case among them, holds a 0
    if k <= SORTING_PAYS:
        left = +weights.others
        for _ in range(k - 1):
            place = (_first(left == left.max(axis=0)), np.arange(len(weights.top)))
            others[place] = left[place]
            left[place] = -1.0
    else:
        kept = np.argsort(-weights.others, axis=0, kind="stable")[: k - 1]
        np.put_along_axis(others, kept, np.take_along_axis(weights.others, kept, axis=0), axis=0)
    if not renormalised:
        return weights._replace(others=others)
    rest = others.sum(axis=0)
    total = weights.largest + rest
    return Weights(weights.top, weights.largest / total, rest / total, others / total)


def set_apart(weights: Weights, chosen: IntArray, experts: int) -> Weights:
    """Weights with that of the expert ``chosen`` (n,) kept apart instead of the largest."""
    columns = np.arange(len(chosen))
    others = weights.full(experts)
    apart = others[chosen, columns]
    others[chosen, columns] = 0.0
    rest = np.where(chosen == weights.top, weights.rest, 1.0 - apart)
    return Weights(chosen, apart, rest, others)


def gate_losses(
    group: Weights, gate: Weights, forms: QuadraticForms, shares: FloatArray
) -> tuple[FloatArray, FloatArray]:
    r"""Excess losses of a gate in each input, (n,), and their mean by group, (K,).

    .. math:: T = \sum_g w_gF_g,\qquad
              F_g = \sum_{m\in g}\bar x_m^2(v_gt_m-\theta_m)^2
                    + \sum_{j\ne g}\sum_{m\in j}\bar x_m^2(v_j^2t_m^2 - 2v_jt_m\theta^0_m),

    w the posterior ``group`` and v the weights ``gate``, both with the same expert apart.
    ``shares`` (n,) are the weights of the inputs in the mean of :math:`w_gF_g`, which is
    :math:`p_gE[F_g \mid g]`. In strict blocks, :math:`\theta^0 = 0`, all terms are positive: for a
    weight apart from the largest, at most ½, the first sum and
    :math:`-v_g^2\sum_{m\in g}\bar x_m^2t_m^2` are together
    :math:`\sum_{m\in g}\bar x_m^2\theta_m(\theta_m-2v_gt_m)`.
    """
    assert group.others is not None
    place = (gate.top, np.arange(len(gate.top)))
    own = gate.rest**2 * forms.optimal[place]
    if forms.error is not None and forms.cross_error is not None:
        own += gate.largest**2 * forms.error[place]
        own += (2.0 * gate.largest * gate.rest) * forms.cross_error[place]
    noise = gate.largest**2 * forms.used[place]
    if forms.unheard is not None:
        noise -= 2.0 * gate.largest * forms.unheard[place]
    if gate.others is None:
        losses = np.einsum("kn,kn->n", group.others, forms.optimal)
        means = np.einsum("kn,kn,n->k", group.others, forms.optimal, shares)
    else:
        inner = gate.others * forms.cross
        if forms.used is forms.cross:
            rest = np.einsum("kn,kn->n", gate.others, inner)
        else:
            rest = np.einsum("kn,kn,kn->n", gate.others, gate.others, forms.used)
        if forms.unheard is not None:
            unheard = gate.others * forms.unheard
            rest -= 2.0 * unheard.sum(axis=0)
            inner -= unheard
        own += rest
        noise += rest
        inner *= -2.0
        inner += forms.optimal
        inner *= group.others
        losses, means = inner.sum(axis=0), np.einsum("kn,n->k", inner, shares)
    means += np.einsum("kn,n->k", group.others, noise * shares)
    own *= group.largest
    means += np.bincount(gate.top, own * shares, minlength=len(means))
    noise *= group.rest
    losses += noise
    losses += own
    return losses, means


def dense_losses(
    group: Weights, forms: QuadraticForms, shares: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Excess losses of dense with coefficients ``forms.used``, arranged as by `gate_losses`.

    Dense is the sum of all experts' predictions: every weight is 1.
    """
    others = forms.used if forms.unheard is None else forms.used - 2.0 * forms.unheard
    wrong = others.sum(axis=0) - others
    if forms.error is not None:
        wrong += forms.error
    wrong *= group.full(len(wrong))
    return wrong.sum(axis=0), np.einsum("kn,n->k", wrong, shares)


def oracle_losses(
    group: Weights, forms: QuadraticForms, shares: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Excess losses of oracle routing, arranged as by `gate_losses`; zero where t is θ."""
    if forms.error is None:
        return np.zeros(len(group.top)), np.zeros(len(forms.optimal))
    own = group.full(len(forms.optimal)) * forms.error
    return own.sum(axis=0), np.einsum("kn,n->k", own, shares)

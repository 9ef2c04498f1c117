"""Mean and variance of each fitted coefficient: exact where they have a closed form."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.formulas import equivalent
from moetheory.formulas.block_layout import BlockLayout
from moetheory.formulas.equivalent import EquivalentMoments
from moetheory.formulas.equivalent_correction import with_correction
from moetheory.formulas.equivalent_errors import joint_error, shift_alone
from moetheory.formulas.wishart_ridge import ridge_traces
from moetheory.predictors.expert_moments import ExpertMoments, squared_norms
from moetheory.predictors.expert_regressions import Regressions
from moetheory.predictors.optimal import coefficient_errors, unchecked_optimal_coefficients
from moetheory.problem.estimators import MoE
from moetheory.problem.model import BlockModel

MOST_INTEGRATED = 4096  # samples or coordinates, the smaller number: more would take seconds


class FittedMoments(NamedTuple):
    r"""Moments of the fitted coefficients c, in the order of the model, shape (d,).

    Attributes
    ----------
    mean, coefficient_error, variance : arrays
        :math:`E\,c`, :math:`b - E\,c` and :math:`\operatorname{Var}c`.
    leading_mean, leading_error, leading_variance : arrays
        The same without the 1/n term of the equivalent; equal to them where there is none.
    error_variance : array
        How far they may be off beyond the size of this term, as a variance.
    """

    mean: FloatArray
    coefficient_error: FloatArray
    variance: FloatArray
    leading_mean: FloatArray
    leading_error: FloatArray
    leading_variance: FloatArray
    error_variance: FloatArray

    @classmethod
    def known(
        cls, mean: FloatArray, error: FloatArray, variance: FloatArray, off: Any = 0.0
    ) -> FittedMoments:
        """Moments that are known, up to the variance ``off``."""
        known = mean, error, variance
        return cls(*known, *known, np.broadcast_to(off, mean.shape))


class ModelInLayout(NamedTuple):
    """The arrays of a model in the order of a block layout."""

    layout: BlockLayout
    signal: FloatArray
    leakage: FloatArray
    coefficients: FloatArray
    noise: Any
    idle_noise: Any
    label_noise: float

    @classmethod
    def of(cls, model: BlockModel, *, coupled: bool) -> ModelInLayout:
        """The arrays of ``model``; ``coupled`` for one predictor, else for one in each block."""
        layout = BlockLayout(model.block_of, model.experts, coupled=coupled)
        return cls(
            layout=layout,
            signal=layout.sort(model.signal_variances),
            leakage=layout.sort(model.leakage_variances),
            coefficients=layout.sort(model.coefficients),
            noise=layout.sort(model.noise_variance),
            idle_noise=layout.sort(model.idle_noise),
            label_noise=model.label_noise_variance,
        )

    @property
    def noisy(self) -> tuple[FloatArray, FloatArray]:
        """The variances with noise, on and off the block."""
        return self.signal + self.noise, self.leakage + self.idle_noise

    @property
    def best(self) -> FloatArray:
        """The best coefficients for inputs of the block's own group."""
        clean = self.signal
        kept = np.divide(clean, clean + self.noise, out=np.zeros(clean.shape), where=clean > 0.0)
        return np.asarray(self.coefficients * kept)

    def samples(self, counts: IntArray) -> FloatArray:
        """The counts in the shape of the layout."""
        return counts.astype(np.float64).reshape(self.layout.shape)

    def surplus(self, counts: IntArray) -> float:
        """The number of samples less the number of coordinates that vary in at least one group."""
        present = (counts.reshape(self.layout.shape) > 0).astype(np.float64)
        varies = self.layout.sum_over_groups(present, *self.noisy) > 0.0
        return float(counts.sum()) - float(np.count_nonzero(varies))

    def has_residual(self, counts: IntArray) -> bool:
        """Whether there are samples with labels that no coefficients reproduce.

        There are none if the true coefficients are seen without noise, wherever they matter.
        """
        present = (counts.reshape(self.layout.shape) > 0).astype(np.float64)
        matters = self.layout.sum_over_groups(present, self.signal, self.leakage) > 0.0
        disturbed = self.layout.sum_over_groups(present, self.noise, self.idle_noise) > 0.0
        lost = np.any((self.coefficients != 0.0) & matters & disturbed)
        return bool(lost) or self.label_noise > 0.0

    def equivalent(
        self, counts: IntArray, unexplained: FloatArray, a: Any, c: Any
    ) -> EquivalentMoments:
        """The moments of `equivalent.moments`, in the order of the layout, as the arguments."""
        arrays = (self.signal, self.leakage, self.coefficients, self.noise, self.idle_noise)
        return equivalent.moments(self.layout, self.samples(counts), *arrays, unexplained, a, c)


def dense_moments(
    ridge: float, arranged: ModelInLayout, counts: IntArray, over: bool, *, with_error: bool
) -> FittedMoments:
    """Moments of dense least squares; ``over`` if there are enough samples or a ridge.

    Without the error, which takes half of the time, ``error_variance`` is zero.
    """
    unexplained, a, c = _whole(ridge, arranged, counts, over)
    found = arranged.equivalent(counts, unexplained, a, c)
    mean, error, variance = with_correction(found, arranged.coefficients)
    off = np.zeros_like(variance)
    if with_error:
        off = joint_error(
            arranged.layout,
            arranged.samples(counts),
            *arranged.noisy,
            a.item(),
            c.item(),
            found,
            variance,
            arranged.best,
        )
    leading = found.mean, found.coefficient_error, found.variance
    moments = mean, error, variance, *leading, off
    return FittedMoments(*map(arranged.layout.unsort, moments))


def leading_dense_moments(
    arranged: ModelInLayout, counts: IntArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Mean, error of the mean and variance of dense without ridge, without the 1/n term."""
    whole = _whole(0.0, arranged, counts, arranged.surplus(counts) > 0.0)
    mean, error, variance, *_ = map(arranged.layout.unsort, arranged.equivalent(counts, *whole))
    return mean, error, variance


def _whole(
    ridge: float, arranged: ModelInLayout, counts: IntArray, over: bool
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Unexplained variance, a and c of the equivalent of dense least squares."""
    return (
        np.full(arranged.layout.shape, arranged.label_noise),
        np.full((1, 1), 1.0 if over else 0.0),
        np.full((1, 1), float(counts.sum()) * ridge if over else 1.0),
    )


class ExpertsMoments(NamedTuple):
    """The moments of all experts, and of which kind they are, masks (K,).

    Attributes
    ----------
    moments : FittedMoments
    uncorrelated : mask
        Experts with uncorrelated coefficients.
    exact, integrated : masks
        Experts with a closed form, and with moments that are integrals.
    """

    moments: FittedMoments
    uncorrelated: Any
    exact: Any
    integrated: Any


def experts_moments(penalty: Any, model: BlockModel, counts: IntArray) -> ExpertsMoments:
    """Moments of least squares in every block, with ``penalty`` (K,) on the Gram matrices."""
    regressions = Regressions.of(model, counts)
    sizes, isotropic = regressions.sizes, regressions.isotropic
    closed = ExpertMoments.of(model, regressions)
    plain = (penalty == 0.0) | (counts == 0) | (sizes == 0)
    uncorrelated, exact = plain & closed.uncorrelated, plain & closed.exact
    integrated = ~exact & isotropic & (np.minimum(counts, sizes) <= MOST_INTEGRATED)
    moments = FittedMoments.known(closed.mean, closed.coefficient_error, closed.variance)
    if integrated.any():
        moments = _chosen(
            integrated, model, _isotropic_moments(penalty, model, regressions, integrated), moments
        )
    known = exact | integrated
    if not known.all():
        moments = _chosen(
            known, model, moments, _asymptotic_moments(penalty, model, regressions, known)
        )
    return ExpertsMoments(moments, uncorrelated, exact, integrated)


def _chosen(
    mask: Any, model: BlockModel, one: FittedMoments, other: FittedMoments
) -> FittedMoments:
    """The moments ``one`` in the blocks of the mask (K,), ``other`` elsewhere."""
    of = mask[model.block_of]
    return FittedMoments(*(np.where(of, a, b) for a, b in zip(one, other, strict=True)))


def _isotropic_moments(
    penalty: FloatArray, model: BlockModel, regressions: Regressions, chosen: Any
) -> FittedMoments:
    r"""Moments of experts with ridge in isotropic blocks; others than those ``chosen`` are zero.

    With M and Q of `ridge_traces` at :math:`c = ` penalty :math:`/C`, the mean is
    :math:`\theta\,E M_{11}`, the variance :math:`\theta_m^2\operatorname{Var}M_{11} +
    (\|\theta\|^2-\theta_m^2)\,E M_{12}^2 + \frac{\rho}{sC}E\operatorname{tr}WQ^2`.
    """
    block_of, optimum = model.block_of, unchecked_optimal_coefficients(MoE(), model)
    noisy_variances = model.signal_variances + model.noise_variance
    level = np.zeros(model.experts)
    np.maximum.at(level, block_of, noisy_variances)
    problems = np.stack(
        [regressions.counts, regressions.sizes, penalty / np.where(chosen, level, 1.0)]
    )
    distinct, which = np.unique(problems[:, chosen], axis=1, return_inverse=True)
    traces = [ridge_traces(int(n), int(s), float(c)) for n, s, c in distinct.T]
    kept, missed, _, noise, diagonal, beside, accuracy = (
        _spread(np.array(column)[which.ravel()], chosen)[block_of]
        for column in zip(*traces, strict=True)
    )
    rest = (squared_norms(model, optimum)[block_of] - np.square(optimum)).clip(0.0)
    per_unit = (regressions.residual / np.where(chosen, level * regressions.sizes, 1.0))[block_of]
    varies = noisy_variances > 0.0
    variance = diagonal * np.square(optimum) + beside * rest + per_unit * noise
    return FittedMoments.known(
        kept * optimum,
        coefficient_errors(MoE(), model) + missed * optimum,
        np.where(varies, variance, 0.0),
        accuracy * (variance + 2.0 * np.minimum(missed, kept) * np.square(optimum)),
    )


def _spread(values: FloatArray, chosen: Any) -> FloatArray:
    """The values of the chosen experts in an array for all; zero for the others."""
    result = np.zeros(chosen.shape)
    result[chosen] = values
    return result


def _asymptotic_moments(
    penalty: FloatArray, model: BlockModel, regressions: Regressions, known: Any
) -> FittedMoments:
    """Moments by the deterministic equivalent of each expert; ``known`` experts are not valid."""
    arranged = ModelInLayout.of(model, coupled=False)
    over = regressions.counts > regressions.sizes
    # groups that have an exact answer get an equation that is easy to solve
    a = np.where(known | (penalty > 0.0) | over, 1.0, 0.0)
    c = np.where(known | (penalty == 0.0), np.where(known | ~over, 1.0, 0.0), penalty)
    unexplained = regressions.leaked_variance + model.label_noise_variance
    column = arranged.layout.shape
    arguments = (each.reshape(column) for each in (unexplained, a, c))
    counts = np.where(known, 0, regressions.counts)
    found = arranged.equivalent(counts, *arguments)
    mean, error, variance = with_correction(found, arranged.coefficients)
    own, best = arranged.noisy[0], arranged.best
    residual = regressions.residual.reshape(column)
    risk = residual + arranged.layout.sum_over_block(own * np.square(best - found.mean))
    share = np.divide(residual, risk, out=np.zeros(column), where=risk > 0.0)
    shift, off = shift_alone(
        arranged.layout,
        arranged.samples(counts),
        own,
        found,
        variance,
        arranged.layout.per_coordinate(share),
        best,
    )
    # the shift is no part of the 1/n term
    leading = found.mean, found.coefficient_error, found.variance + shift
    moments = mean, error, variance + shift, *leading, off
    return FittedMoments(*map(arranged.layout.unsort, moments))

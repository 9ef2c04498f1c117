"""Risks of estimators fitted on finitely many samples: exact where they have a closed form."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.common.errors import NoClosedForm
from moetheory.formulas import equivalent, perturbed, sums
from moetheory.formulas.block_layout import BlockLayout
from moetheory.formulas.equivalent import CoefficientMoments
from moetheory.formulas.finite import expert_moments
from moetheory.formulas.perturbed import BlockLosses, times
from moetheory.predictors.expert_regressions import Regressions
from moetheory.predictors.optimal import coefficient_errors, unchecked_optimal_coefficients
from moetheory.predictors.perturbed_risks import (
    UNCHANGED,
    block_losses,
    correlated_blocks,
    erasure_terms,
    perturbed_excess,
)
from moetheory.problem.estimators import Dense, Estimator, MoE
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation
from moetheory.problem.sample_counts import counts_of
from moetheory.results.risks import Risk


def fitted_risk(
    estimator: Estimator, model: BlockModel, counts: IntArray, under: Perturbation | None = None
) -> Risk:
    """The expected risk over training sets with ``counts`` samples (K,), by the formulas in `risk`.

    The perturbation ``under`` has no radius.
    """
    try:
        # an overflow is no answer either
        with np.errstate(over="raise", divide="raise", invalid="raise"):
            return _risk_on_counts(estimator, model, counts, under or UNCHANGED)
    except (ArithmeticError, np.linalg.LinAlgError) as error:
        call = f"simulate({estimator!r}, model, samples=...{', under=...' * (under is not None)})"
        raise NoClosedForm(
            f"the equations of {estimator!r} on {sum(counts.tolist())} samples ({counts.min()} to "
            f"{counts.max()} in each group) could not be solved ({error}); call {call}"
        ) from None


def _risk_on_counts(
    estimator: Estimator, model: BlockModel, counts: IntArray, under: Perturbation
) -> Risk:
    """The expected risk of a fit on ``counts``; ArithmeticError if it cannot be computed."""
    if not isinstance(estimator, Dense):
        return _experts_risk(estimator, estimator.ridge * counts, model, counts, under)
    if _separates_into_blocks(model):
        # the ridge of dense is scaled by all samples, the ridge of an expert by its own
        penalty = np.full(model.experts, estimator.ridge * float(counts.sum()))
        return _experts_risk(estimator, penalty, model, counts, under)
    return _dense_risk(estimator, model, counts, under)


def _no_erasure_formula(estimator: Estimator, counts: IntArray) -> NoClosedForm:
    """The error for erasure of correlated coordinates, where the risk has no closed form."""
    return NoClosedForm(
        "the risk with correlated coordinates erased is known for optimal coefficients, and for "
        "experts without ridge that have more samples than coordinates, got "
        f"{estimator!r} fitted on {sum(counts.tolist())} samples; "
        f"call simulate({estimator!r}, model, samples=..., under=...)"
    )


def leading_excess(model: BlockModel, samples: Any) -> float:
    """Excess risk of dense least squares by the deterministic equivalent, without the 1/n term."""
    counts, arranged = counts_of(samples, model), _ModelInLayout.of(model, coupled=True)
    moments = _dense_moments(0.0, arranged, counts, arranged.surplus(counts) > 0.0)
    leading = block_losses(model, moments.mean, moments.coefficient_error, moments.variance)
    return float(model.group_probabilities @ perturbed_excess(leading, Dense(), model, UNCHANGED))


class _ModelInLayout(NamedTuple):
    """The arrays of a model in the order of a block layout."""

    layout: BlockLayout
    signal: FloatArray
    leakage: FloatArray
    coefficients: FloatArray
    noise: float
    label_noise: float

    @classmethod
    def of(cls, model: BlockModel, *, coupled: bool) -> _ModelInLayout:
        """The arrays of ``model``; ``coupled`` for one predictor, else for one in each block."""
        layout = BlockLayout(model.block_of, model.experts, coupled=coupled)
        arrays = (model.signal_variances, model.leakage_variances, model.coefficients)
        signal, leakage, b = map(layout.sort, arrays)
        return cls(layout, signal, leakage, b, model.noise_variance, model.label_noise_variance)

    def surplus(self, counts: IntArray) -> float:
        """The number of samples less the number of coordinates that vary in at least one group."""
        present = (counts.reshape(self.layout.shape) > 0).astype(np.float64)
        variances = self.signal + self.noise, self.leakage + self.noise
        varies = self.layout.sum_over_groups(present, *variances) > 0.0
        return float(counts.sum()) - float(np.count_nonzero(varies))

    def moments(
        self, counts: IntArray, unexplained: FloatArray, a: Any, c: Any
    ) -> CoefficientMoments:
        """The moments of `equivalent.moments`, (d,), in the order of the model.

        The arguments have the shape of the layout.
        """
        samples = counts.astype(np.float64).reshape(self.layout.shape)
        arrays = (self.signal, self.leakage, self.coefficients, self.noise)
        found = equivalent.moments(self.layout, samples, *arrays, unexplained, a, c)
        return CoefficientMoments(*map(self.layout.unsort, found))


def _separates_into_blocks(model: BlockModel) -> bool:
    """Whether dense least squares separates into the regressions of the experts."""
    return model.experts == 1 or (model.strict and model.noise_variance == 0.0)


def _correction(model: BlockModel, moments: CoefficientMoments) -> BlockLosses:
    """The contribution of the 1/n term to expected block losses."""
    return perturbed.loss_changes(
        model.group_probabilities,
        model.block_of,
        model.signal_variances,
        model.leakage_variances,
        moments.mean,
        moments.coefficient_error,
        moments.mean_correction,
        moments.variance_correction,
    )


def _error_scale(model: BlockModel, moments: CoefficientMoments) -> BlockLosses:
    """The block losses of the error scale, which takes the place of a variance."""
    return _losses_with_infinities(model, 0.0, 0.0, moments.error_scale, coefficients=0.0)


def _losses_with_infinities(
    model: BlockModel, mean: Any, mean_error: Any, variance: FloatArray, **coefficients: Any
) -> BlockLosses:
    """The `block_losses` of variances that may be infinite; infinite times zero is zero."""
    infinite = np.isinf(variance)
    losses = block_losses(
        model, mean, mean_error, np.where(infinite, 0.0, variance), **coefficients
    )
    if not infinite.any():
        return losses
    infinite_losses = block_losses(model, 0.0, 0.0, infinite * 1.0, coefficients=0.0)
    return BlockLosses(
        *(np.where(r > 0.0, np.inf, loss) for r, loss in zip(infinite_losses, losses, strict=True))
    )


def _experts_risk(
    estimator: Estimator,
    penalty: Any,
    model: BlockModel,
    counts: IntArray,
    under: Perturbation,
) -> Risk:
    """The risk of least squares in every block, with ``penalty`` (K,) on the Gram matrices."""
    regressions = Regressions.of(model, counts)
    sizes, isotropic = regressions.sizes, regressions.isotropic
    trivial = (counts == 0) | (sizes == 0)
    infinite = (np.abs(counts - sizes) <= 1) & (regressions.residual > 0.0)
    # the fitted coefficients are uncorrelated, which erasure of correlated coordinates needs
    uncorrelated = trivial | ((penalty == 0.0) & ((counts >= sizes) | infinite))
    exact = uncorrelated | ((penalty == 0.0) & isotropic)
    moments = _exact_moments(model, regressions)
    if not exact.all():
        asymptotic = _asymptotic_moments(penalty, model, regressions, exact)
        known = exact[model.block_of]
        moments = CoefficientMoments(
            *(np.where(known, one, other) for one, other in zip(moments, asymptotic, strict=True))
        )
    added_by_erasure = None
    if under.erasure and model.rotations is not None:
        if np.any(correlated_blocks(model) & ~uncorrelated):
            raise _no_erasure_formula(estimator, counts)
        # an infinite variance stays infinite, whatever erasure adds
        finite = np.where(np.isinf(moments.variance), 0.0, moments.variance)
        added_by_erasure = erasure_terms(model, moments.mean, finite)

    def risks(losses: BlockLosses, **more: Any) -> FloatArray:
        return perturbed_excess(losses, estimator, model, under, **more)

    leading = _losses_with_infinities(
        model, moments.mean, moments.coefficient_error, moments.variance
    )
    excess, error = risks(leading, added_by_erasure=added_by_erasure), np.zeros(model.experts)
    if not exact.all():
        correction, error_scale = _correction(model, moments), _error_scale(model, moments)
        leading_own, correction_own, scale_own = (
            each.active + times(model.noise_variance, each.noise_gain)
            for each in (leading, correction, error_scale)
        )
        # judged in the expert's own block: a correction above the leading order is not usable
        usable = np.abs(correction_own) <= leading_own
        zeros = np.zeros(scale_own.shape)
        relative = np.divide(scale_own, leading_own, out=zeros, where=leading_own > 0.0)
        second = BlockLosses(*(np.where(part > 0.0, relative, 0.0) * part for part in error_scale))
        error = np.abs(risks(correction)) + risks(second)
        excess += risks(BlockLosses(*(np.where(usable, part, 0.0) for part in correction)))
    weights = model.group_probabilities
    if isinstance(estimator, MoE):
        weights = under.taken(weights)
    elif under.noise_variance or under.drag:  # else a block matters only for its own group
        weights = np.ones(model.experts)
    return _total_risk(model, excess, bool(np.all(exact[weights > 0.0])), error)


def _asymptotic_moments(
    penalty: Any, model: BlockModel, regressions: Regressions, exact: Any
) -> CoefficientMoments:
    """Moments by the deterministic equivalent of each expert; ``exact`` experts are not valid."""
    arranged = _ModelInLayout.of(model, coupled=False)
    over = regressions.counts > regressions.sizes
    # groups that have an exact answer get an equation that is easy to solve
    a = np.where(exact | (penalty > 0.0) | over, 1.0, 0.0)
    c = np.where(exact | (penalty == 0.0), np.where(exact | ~over, 1.0, 0.0), penalty)
    unexplained = regressions.leaked_variance + model.label_noise_variance
    column = arranged.layout.shape
    arguments = (each.reshape(column) for each in (unexplained, a, c))
    return arranged.moments(regressions.counts, *arguments)


def _exact_moments(model: BlockModel, regressions: Regressions) -> CoefficientMoments:
    """Moments of experts without ridge with enough samples, isotropic blocks, or no samples."""
    block_of, optimum = model.block_of, unchecked_optimal_coefficients(MoE(), model)
    (norm,) = sums.by_block(
        lambda _, theta: (np.square(theta),), model.group_probabilities, block_of, optimum
    )
    k, t, u, v = expert_moments(regressions.counts, regressions.sizes, regressions.residual, norm)
    noisy_variances = model.signal_variances + model.noise_variance
    varies = noisy_variances > 0.0
    variance = np.divide(v[block_of], noisy_variances, out=np.zeros(model.dim), where=varies)
    mean, mean_error = optimum, coefficient_errors(MoE(), model)
    if np.any(k < 1.0):
        mean = k[block_of] * optimum
        mean_error = mean_error + (1.0 - k)[block_of] * optimum
        from_projection = t[block_of] * np.square(optimum) + u[block_of]
        variance = np.where(varies, from_projection, 0.0) + variance
    zeros = np.zeros(model.dim)
    return CoefficientMoments(mean, mean_error, variance, zeros, zeros, zeros)


def _dense_risk(estimator: Dense, model: BlockModel, counts: IntArray, under: Perturbation) -> Risk:
    """The risk of one predictor on all coordinates."""
    signal, leakage, ridge = model.signal_variances, model.leakage_variances, estimator.ridge
    if ridge == 0.0 and model.noise_variance == 0.0 and np.any((signal > 0.0) != (leakage > 0.0)):
        raise ArithmeticError("without noise, coordinates must leak all or none")
    if under.erasure and np.any(correlated_blocks(model)):
        raise _no_erasure_formula(estimator, counts)
    arranged = _ModelInLayout.of(model, coupled=True)
    surplus = arranged.surplus(counts)
    if ridge == 0.0 and abs(surplus) <= 1.0:
        if _has_residual(model, counts):
            infinite = np.full(model.experts, np.inf)
            return _total_risk(model, infinite, True, np.zeros(model.experts))
        if surplus == 0.0:
            # labels have no residual: the same samples twice give the same fit
            counts = 2 * counts
            surplus = float(counts.sum())
    moments = _dense_moments(ridge, arranged, counts, ridge > 0.0 or surplus > 0.0)
    losses = block_losses(model, moments.mean, moments.coefficient_error, moments.variance)
    leading, correction, error_scale = (
        perturbed_excess(each, estimator, model, under)
        for each in (losses, _correction(model, moments), _error_scale(model, moments))
    )
    # the error of a truncated series has the size of the next term. It is at most the last term
    # kept, plus the square of the relative size of that order, as the term may vanish by accident;
    # a correction above the leading order is left out
    usable = np.abs(correction) <= leading
    relative = np.divide(error_scale, leading, out=np.zeros(error_scale.shape), where=leading > 0.0)
    error = np.abs(correction) + np.where(np.isinf(error_scale), np.inf, relative * error_scale)
    return _total_risk(model, leading + np.where(usable, correction, 0.0), False, error)


def _has_residual(model: BlockModel, counts: IntArray) -> bool:
    """Whether any group with samples has labels that no coefficients reproduce."""
    if model.noise_variance == 0.0 or model.label_noise_variance > 0.0:
        return model.label_noise_variance > 0.0
    return bool(np.any(Regressions.of(model, counts).null_excess[counts > 0] > 0.0))


def _dense_moments(
    ridge: float, arranged: _ModelInLayout, counts: IntArray, over: bool
) -> CoefficientMoments:
    """Moments of dense least squares; ``over`` if there are enough samples or a ridge."""
    penalty = float(counts.sum()) * ridge
    return arranged.moments(
        counts,
        np.full(arranged.layout.shape, arranged.label_noise),
        np.full((1, 1), 1.0 if over else 0.0),
        np.full((1, 1), penalty if over else 1.0),
    )


def _total_risk(model: BlockModel, excess: FloatArray, exact: bool, error: FloatArray) -> Risk:
    """The risk from excess risks and errors given the group, (K,)."""
    p = model.group_probabilities
    drawn = p > 0.0
    omega = model.label_noise_variance
    total = float(p[drawn] @ excess[drawn])
    known = exact or total == np.inf
    return Risk(
        value=total + omega,
        excess=total,
        per_group=excess + omega,
        exactness="exact" if known else "asymptotic",
        error=0.0 if known else float(p[drawn] @ error[drawn]),
    )

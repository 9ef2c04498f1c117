"""Risks of estimators fitted on finitely many samples: exact where that is known."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.common.errors import NoClosedForm
from moetheory.formulas import equivalent, sums
from moetheory.formulas.block_layout import BlockLayout
from moetheory.formulas.equivalent import CoefficientMoments
from moetheory.formulas.finite import expert_moments
from moetheory.formulas.perturbed import BlockLosses, times
from moetheory.predictors.expert_regressions import Regressions
from moetheory.predictors.optimal import coefficient_errors, optimal_coefficients
from moetheory.predictors.perturbed_risks import (
    UNCHANGED,
    block_losses,
    correlated,
    erasure_terms,
    perturbed_excess,
)
from moetheory.problem.estimators import Dense, Estimator, MoE
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation
from moetheory.problem.sample_counts import counts_of
from moetheory.results.risks import Risk


def fitted_risk(
    estimator: Estimator, model: BlockModel, samples: Any, under: Perturbation | None = None
) -> Risk:
    """Expected risk over training sets of ``samples``; for arguments and formulas see `risk`."""
    counts = counts_of(samples, model)
    call = f"simulate({estimator!r}, model, samples=...{', under=...' * (under is not None)})"
    if under is not None and under.radius:
        raise NoClosedForm(
            "the risk under a worst-case shift is known for infinitely many samples only, got "
            f"samples={samples!r}; call {call}"
        )
    try:
        # an overflow is no answer either
        with np.errstate(over="raise", divide="raise", invalid="raise"):
            return _fitted(estimator, model, counts, under or UNCHANGED)
    except (ArithmeticError, np.linalg.LinAlgError) as error:
        raise NoClosedForm(
            f"the equations of {estimator!r} on {sum(counts.tolist())} samples ({counts.min()} to "
            f"{counts.max()} in each group) could not be solved ({error}); call {call}"
        ) from None


def _fitted(estimator: Estimator, model: BlockModel, counts: IntArray, under: Perturbation) -> Risk:
    if not isinstance(estimator, Dense):
        return _experts(estimator, estimator.ridge * counts, model, counts, under)
    if _separates(model):
        # its ridge is on all samples, that of an expert on its own
        penalty = np.full(model.experts, estimator.ridge * float(counts.sum()))
        return _experts(estimator, penalty, model, counts, under)
    return _dense(estimator, model, counts, under)


def _unknown_erasure(estimator: Estimator, counts: IntArray) -> NoClosedForm:
    return NoClosedForm(
        "the risk with correlated coordinates erased is known for optimal coefficients, and for "
        "experts without ridge that have more samples than coordinates, got "
        f"{estimator!r} fitted on {sum(counts.tolist())} samples; "
        f"call simulate({estimator!r}, model, samples=..., under=...)"
    )


def leading_excess(model: BlockModel, samples: Any) -> float:
    """Excess risk of dense least squares by the equivalent alone, without its 1/n term."""
    counts, world = counts_of(samples, model), _Arranged.of(model, coupled=True)
    moments = _dense_moments(0.0, world, counts, world.surplus(counts) > 0.0)
    leading = block_losses(model, moments.mean, moments.missed, moments.variance)
    return float(model.group_probabilities @ perturbed_excess(leading, Dense(), model, UNCHANGED))


class _Arranged(NamedTuple):
    """A model's coordinates in the order of a layout."""

    layout: BlockLayout
    signal: FloatArray
    leakage: FloatArray
    coefficients: FloatArray
    noise: float
    label_noise: float

    @classmethod
    def of(cls, model: BlockModel, *, coupled: bool) -> _Arranged:
        layout = BlockLayout(model.block_of, model.experts, coupled=coupled)
        arrays = (model.signal_variances, model.leakage_variances, model.coefficients)
        signal, leakage, b = map(layout.sort, arrays)
        return cls(layout, signal, leakage, b, model.noise_variance, model.label_noise_variance)

    def surplus(self, counts: IntArray) -> float:
        """Samples beyond the number of coordinates that vary in any of them."""
        present = (counts.reshape(self.layout.shape) > 0).astype(np.float64)
        variances = self.signal + self.noise, self.leakage + self.noise
        seen = self.layout.across(present, *variances) > 0.0
        return float(counts.sum()) - float(np.count_nonzero(seen))

    def moments(
        self, counts: IntArray, outside: FloatArray, slope: Any, floor: Any
    ) -> CoefficientMoments:
        """`equivalent.moments` in the order of the model, arguments in the shape of the layout."""
        found = equivalent.moments(
            self.layout,
            counts.astype(np.float64).reshape(self.layout.shape),
            self.signal,
            self.leakage,
            self.coefficients,
            self.noise,
            outside,
            slope,
            floor,
        )
        return CoefficientMoments(*map(self.layout.unsort, found))


def _separates(model: BlockModel) -> bool:
    """Whether dense least squares falls into that of the experts."""
    return model.experts == 1 or (model.strict and model.noise_variance == 0.0)


def _correction(model: BlockModel, moments: CoefficientMoments) -> BlockLosses:
    """What the 1/n term changes of expected block losses."""
    mean, missed, _, bend, spread, _ = moments

    def changes(_: Any, signal: Any, leak: Any, *fit: Any) -> tuple[FloatArray, ...]:
        at, off, shift, more = fit
        squared, passed = more - 2.0 * off * shift, more + 2.0 * at * shift
        return signal * squared, leak * squared, passed, signal * passed

    active, inactive, gain, pulled = sums.by_block(
        changes,
        model.group_probabilities,
        model.block_of,
        model.signal_variances,
        model.leakage_variances,
        mean,
        missed,
        bend,
        spread,
    )
    nothing = np.zeros(model.experts)
    return BlockLosses(active, inactive, gain, pulled, nothing, nothing)


def _doubt(model: BlockModel, moments: CoefficientMoments) -> BlockLosses:
    return _with_infinities(model, 0.0, 0.0, moments.doubt, coefficients=0.0)


def _with_infinities(
    model: BlockModel, mean: Any, missed: Any, variance: FloatArray, **coefficients: Any
) -> BlockLosses:
    """`block_losses` of variances that may be infinite, where nothing of them is nothing."""
    infinite = np.isinf(variance)
    losses = block_losses(model, mean, missed, np.where(infinite, 0.0, variance), **coefficients)
    if not infinite.any():
        return losses
    reach = block_losses(model, 0.0, 0.0, infinite * 1.0, coefficients=0.0)
    return BlockLosses(
        *(np.where(r > 0.0, np.inf, loss) for r, loss in zip(reach, losses, strict=True))
    )


def _experts(
    estimator: Estimator,
    penalty: Any,
    model: BlockModel,
    counts: IntArray,
    under: Perturbation,
) -> Risk:
    """Minimum-norm least squares in every block, with ``penalty`` on its Gram matrix."""
    own = Regressions.of(model, counts)
    trivial = (counts == 0) | (own.sizes == 0)
    infinite = (np.abs(counts - own.sizes) <= 1) & (own.residual > 0.0)
    exact = trivial | ((penalty == 0.0) & ((counts >= own.sizes) | own.isotropic | infinite))
    moments = _exact_moments(model, own)
    if not exact.all():
        expanded = _expanded_moments(penalty, model, own, exact)
        known = exact[model.block_of]
        moments = CoefficientMoments(
            *(np.where(known, one, other) for one, other in zip(moments, expanded, strict=True))
        )
    scattered = None
    if under.erasure and model.rotations is not None:
        apart = trivial | ((penalty == 0.0) & ((counts >= own.sizes) | infinite))
        if np.any(correlated(model) & ~apart):
            raise _unknown_erasure(estimator, counts)
        # what is infinite stays so whatever is scattered
        spread = np.where(np.isinf(moments.variance), 0.0, moments.variance)
        scattered = erasure_terms(model, moments.mean, spread)

    def risks(losses: BlockLosses, **more: Any) -> FloatArray:
        return perturbed_excess(losses, estimator, model, under, **more)

    leading = _with_infinities(model, moments.mean, moments.missed, moments.variance)
    excess, error = risks(leading, scattered=scattered), np.zeros(model.experts)
    if not exact.all():
        correction, doubt = _correction(model, moments), _doubt(model, moments)
        least, change, size = (
            each.active + times(model.noise_variance, each.gain)
            for each in (leading, correction, doubt)
        )
        # of the expert in its own block: an order larger than what it corrects helps nobody
        usable = np.abs(change) <= least
        relative = np.divide(size, least, out=np.zeros(size.shape), where=least > 0.0)
        second = BlockLosses(*(np.where(part > 0.0, relative, 0.0) * part for part in doubt))
        error = np.abs(risks(correction)) + risks(second)
        excess += risks(BlockLosses(*(np.where(usable, part, 0.0) for part in correction)))
    met = model.group_probabilities
    if isinstance(estimator, MoE):
        met = under.taken(met)
    elif under.noise_variance or under.drag:  # else a block matters to its own group alone
        met = np.ones(model.experts)
    return _risk(model, excess, bool(np.all(exact[met > 0.0])), error)


def _expanded_moments(
    penalty: Any, model: BlockModel, own: Regressions, exact: Any
) -> CoefficientMoments:
    """By the equivalent of one group for each expert; what ``exact`` ones get means nothing."""
    world = _Arranged.of(model, coupled=False)
    over = own.counts > own.sizes
    # groups that have an exact answer get an equation that is easy to solve
    slope = np.where(exact | (penalty > 0.0) | over, 1.0, 0.0)
    floor = np.where(exact | (penalty == 0.0), np.where(exact | ~over, 1.0, 0.0), penalty)
    outside = own.unseen + model.label_noise_variance
    column = world.layout.shape
    return world.moments(own.counts, *(a.reshape(column) for a in (outside, slope, floor)))


def _exact_moments(model: BlockModel, own: Regressions) -> CoefficientMoments:
    """Of experts without ridge that have enough samples, or isotropic blocks, or no samples."""
    block_of, optimum = model.block_of, optimal_coefficients(MoE(), model)
    (norm,) = sums.by_block(
        lambda _, theta: (np.square(theta),), model.group_probabilities, block_of, optimum
    )
    share, stretch, even, noise = expert_moments(own.counts, own.sizes, own.residual, norm)
    observed = model.signal_variances + model.noise_variance
    varies = observed > 0.0
    variance = np.divide(noise[block_of], observed, out=np.zeros(model.dim), where=varies)
    mean, missed = optimum, coefficient_errors(MoE(), model)
    if np.any(share < 1.0):
        mean = share[block_of] * optimum
        missed = missed + (1.0 - share)[block_of] * optimum
        projected = stretch[block_of] * np.square(optimum) + even[block_of]
        variance = np.where(varies, projected, 0.0) + variance
    nothing = np.zeros(model.dim)
    return CoefficientMoments(mean, missed, variance, nothing, nothing, nothing)


def _dense(estimator: Dense, model: BlockModel, counts: IntArray, under: Perturbation) -> Risk:
    """One predictor on all coordinates."""
    signal, leakage, ridge = model.signal_variances, model.leakage_variances, estimator.ridge
    if ridge == 0.0 and model.noise_variance == 0.0 and np.any((signal > 0.0) != (leakage > 0.0)):
        raise ArithmeticError("without noise, coordinates must leak all or none")
    if under.erasure and np.any(correlated(model)):
        raise _unknown_erasure(estimator, counts)
    world = _Arranged.of(model, coupled=True)
    surplus = world.surplus(counts)
    if ridge == 0.0 and abs(surplus) <= 1.0:
        if _unexplained(model, counts):
            everywhere = np.full(model.experts, np.inf)
            return _risk(model, everywhere, True, np.zeros(model.experts))
        if surplus == 0.0:
            # labels without residual: more of the same samples change nothing
            counts = 2 * counts
            surplus = float(counts.sum())
    moments = _dense_moments(ridge, world, counts, ridge > 0.0 or surplus > 0.0)
    losses = block_losses(model, moments.mean, moments.missed, moments.variance)
    leading, correction, size = (
        perturbed_excess(each, estimator, model, under)
        for each in (losses, _correction(model, moments), _doubt(model, moments))
    )
    # the error of a series cut off is of the size of its next term: at most that of the last one
    # kept, plus, since that may vanish by accident, the square of the relative size of its order;
    # where the last one is larger than what it corrects the expansion is cut before
    usable = np.abs(correction) <= leading
    relative = np.divide(size, leading, out=np.zeros(size.shape), where=leading > 0.0)
    error = np.abs(correction) + np.where(np.isinf(size), np.inf, relative * size)
    return _risk(model, leading + np.where(usable, correction, 0.0), False, error)


def _unexplained(model: BlockModel, counts: IntArray) -> bool:
    """Whether any group with samples has labels that no coefficients reproduce."""
    if model.noise_variance == 0.0 or model.label_noise_variance > 0.0:
        return model.label_noise_variance > 0.0
    return bool(np.any(Regressions.of(model, counts).null_excess[counts > 0] > 0.0))


def _dense_moments(
    ridge: float, world: _Arranged, counts: IntArray, over: bool
) -> CoefficientMoments:
    penalty = float(counts.sum()) * ridge
    return world.moments(
        counts,
        np.full(world.layout.shape, world.label_noise),
        np.full((1, 1), 1.0 if over else 0.0),
        np.full((1, 1), penalty if over else 1.0),
    )


def _risk(model: BlockModel, excess: FloatArray, exact: bool, error: FloatArray) -> Risk:
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

"""Risks of estimators fitted on finitely many samples: exact where they have a closed form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.common.errors import Call, NoClosedForm
from moetheory.formulas.erasure import UNCORRELATED
from moetheory.formulas.perturbed import BlockLosses
from moetheory.predictors.expert_problems import ExpertProblem, expert_problems
from moetheory.predictors.perturbed_risks import (
    UNCHANGED,
    block_losses,
    correlated_blocks,
    erasure_terms,
    perturbed_excess,
)
from moetheory.problem.estimators import Dense, Estimator, MoE, one_each
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation
from moetheory.problem.sample_counts import counts_of
from moetheory.results.risks import Exactness, Risk
from moetheory.theory.fitted_moments import (
    FittedMoments,
    ModelInLayout,
    dense_moments,
    experts_moments,
    leading_dense_moments,
)


def fitted_risk(
    estimator: Estimator,
    model: BlockModel,
    counts: IntArray,
    under: Perturbation | None = None,
    *,
    with_error: bool = True,
) -> Risk:
    """The expected risk over training sets with ``counts`` samples (K,), by the formulas in `risk`.

    The perturbation ``under`` has no radius. Without ``with_error`` the error of a risk that is
    asymptotic is only the size of the 1/n term.
    """
    try:
        # an overflow is no answer either
        with np.errstate(over="raise", divide="raise", invalid="raise"):
            return _risk_on_counts(estimator, model, counts, under or UNCHANGED, with_error)
    except (ArithmeticError, np.linalg.LinAlgError) as error:
        more = "" if under is None else ", under=..."
        raise NoClosedForm(
            "the equations of ",
            estimator,
            f" on {sum(counts.tolist())} samples ({counts.min()} to {counts.max()} in each group) "
            f"could not be solved ({error}); ",
            Call(f"simulate({estimator!r}, model, samples=...{more})"),
        ) from None


def leading_excess(model: BlockModel, samples: Any) -> float:
    """Excess risk of dense least squares by the deterministic equivalent, without the 1/n term."""
    counts, arranged = counts_of(samples, model), ModelInLayout.of(model, coupled=True)
    leading = block_losses(model, UNCHANGED, *leading_dense_moments(arranged, counts))
    return float(model.group_probabilities @ perturbed_excess(leading, Dense(), model, UNCHANGED))


def _risk_on_counts(
    estimator: Estimator,
    model: BlockModel,
    counts: IntArray,
    under: Perturbation,
    with_error: bool = True,
) -> Risk:
    """The expected risk of a fit on ``counts``; ArithmeticError if it cannot be computed."""
    if not one_each(estimator):
        return _assigned_risk(estimator, model, counts, under)
    if not isinstance(estimator, Dense):
        return _experts_risk(estimator, estimator.ridge * counts, model, counts, under)
    if _separates_into_blocks(model):
        # the ridge of dense is scaled by all samples, the ridge of an expert by its own
        penalty = np.full(model.experts, estimator.ridge * float(counts.sum()))
        return _experts_risk(estimator, penalty, model, counts, under)
    return _dense_risk(estimator, model, counts, under, with_error)


def _assigned_risk(
    estimator: Estimator, model: BlockModel, counts: IntArray, under: Perturbation
) -> Risk:
    """The risk of experts that serve several groups: each solves a dense problem of its own."""
    per_group, excess, error = np.zeros(model.experts), 0.0, 0.0
    kinds: set[Exactness] = {"exact"}
    for problem in expert_problems(estimator, model):
        try:
            part = _part_of_risk(estimator.ridge, problem, counts[problem.groups], under)
        except NoClosedForm:  # of erasure, for the dense problem of one expert
            raise _no_erasure_formula(estimator, counts) from None
        per_group[problem.groups] = part.per_group
        used = float(model.group_probabilities[problem.groups].sum())
        if used > 0.0:
            excess += used * (part.excess + problem.unseen)
            error += used * part.error
            kinds.add(part.exactness)
    exactness = max(kinds, key=get_args(Exactness).index)
    if excess == np.inf:
        exactness, error = "exact", 0.0
    return Risk(excess + model.label_noise_variance, excess, per_group, exactness, error)


def _part_of_risk(
    ridge: float, problem: ExpertProblem, counts: IntArray, under: Perturbation
) -> Risk:
    """The risk of one expert on the groups that it serves; without samples it predicts zero."""
    estimator, model, there = Dense(ridge), problem.model, problem.under(under)
    if counts.any():
        return _risk_on_counts(estimator, model, counts, there)
    losses = block_losses(model, there, np.zeros(model.dim), model.coefficients)
    excess = perturbed_excess(losses, estimator, model, there)
    return _total_risk(model, excess, np.zeros(model.experts), "exact")


def _separates_into_blocks(model: BlockModel) -> bool:
    """Whether dense least squares separates into the regressions of the experts."""
    return model.experts == 1 or (model.strict and model.noiseless)


def _experts_risk(
    estimator: Estimator,
    penalty: Any,
    model: BlockModel,
    counts: IntArray,
    under: Perturbation,
) -> Risk:
    """The risk of least squares in every block, with ``penalty`` (K,) on the Gram matrices."""
    moments, uncorrelated, exact, integrated = experts_moments(penalty, model, counts)
    added_by_erasure: Sequence[Any] = UNCORRELATED
    if under.erasure and model.rotations is not None:
        if np.any(correlated_blocks(model, under) & ~uncorrelated):
            raise _no_erasure_formula(estimator, counts)
        # an infinite variance stays infinite, whatever erasure adds
        finite = np.where(np.isinf(moments.variance), 0.0, moments.variance)
        added_by_erasure = erasure_terms(model, under, moments.mean, finite)
    weights = model.group_probabilities
    if isinstance(estimator, MoE):
        weights = under.taken(weights)
    elif under.drag or np.any(under.noise_of(0.0)) or np.any(under.interference_of(0.0)):
        weights = np.ones(model.experts)  # else a block matters only for its own group
    met = weights > 0.0
    exactness: Exactness = "exact" if np.all(exact[met]) else "quadrature"
    if not np.all((exact | integrated)[met]):
        exactness = "asymptotic"
    return _risk_of_moments(estimator, model, under, moments, exactness, added_by_erasure)


def _dense_risk(
    estimator: Dense,
    model: BlockModel,
    counts: IntArray,
    under: Perturbation,
    with_error: bool,
) -> Risk:
    """The risk of one predictor on all coordinates."""
    arranged, ridge = ModelInLayout.of(model, coupled=True), estimator.ridge
    varies, varies_idle = (variances > 0.0 for variances in arranged.noisy)
    if ridge == 0.0 and np.any(varies != varies_idle):
        raise ArithmeticError(
            "without ridge, a coordinate must vary while its block is active and while it is not, "
            "or never"
        )
    if under.erasure and np.any(correlated_blocks(model, under)):
        raise _no_erasure_formula(estimator, counts)
    surplus = arranged.surplus(counts)
    if ridge == 0.0 and abs(surplus) <= 1.0:
        if arranged.has_residual(counts):
            infinite = np.full(model.experts, np.inf)
            return _total_risk(model, infinite, np.zeros(model.experts), "exact")
        if surplus == 0.0:
            # labels have no residual: the same samples twice give the same fit
            counts = 2 * counts
            surplus = float(counts.sum())
    over = ridge > 0.0 or surplus > 0.0
    moments = dense_moments(ridge, arranged, counts, over, with_error=with_error)
    return _risk_of_moments(estimator, model, under, moments, "asymptotic")


def _no_erasure_formula(estimator: Estimator, counts: IntArray) -> NoClosedForm:
    """The error for erasure of correlated coordinates, where the risk has no closed form."""
    return NoClosedForm(
        "the risk with correlated coordinates erased is known for optimal coefficients, and for "
        "experts without ridge that have more samples than coordinates, got "
        f"{estimator!r} fitted on {sum(counts.tolist())} samples; "
        f"call simulate({estimator!r}, model, samples=..., under=...)"
    )


def _risk_of_moments(
    estimator: Estimator,
    model: BlockModel,
    under: Perturbation,
    moments: FittedMoments,
    exactness: Exactness,
    added_by_erasure: Sequence[Any] = UNCORRELATED,
) -> Risk:
    """The risk of fits with these moments.

    The error of a series that ends has the size of the last term that is kept. To this adds what
    the equivalent misses in isotropic problems of the same size, since the last term may vanish
    by accident, or be small beside what is missing.
    """

    def risks(losses: BlockLosses, added: Sequence[Any] = UNCORRELATED) -> FloatArray:
        return perturbed_excess(losses, estimator, model, under, added)

    def losses_of(mean: Any, error: Any, variance: FloatArray) -> BlockLosses:
        return _losses_with_infinities(model, under, mean, error, variance)

    excess = risks(losses_of(*moments[:3]), added_by_erasure)
    error = np.zeros(model.experts)
    if exactness != "exact":
        leading = risks(losses_of(*moments[3:6]), added_by_erasure)
        off = _losses_with_infinities(
            model, under, 0.0, 0.0, moments.error_variance, coefficients=0.0
        )
        finite = np.isfinite(excess)
        correction = np.where(finite, excess, 0.0) - np.where(finite, leading, 0.0)
        error = np.abs(correction) + risks(off)
    return _total_risk(model, excess, error, exactness)


def _losses_with_infinities(
    model: BlockModel,
    under: Perturbation,
    mean: Any,
    mean_error: Any,
    variance: FloatArray,
    **coefficients: Any,
) -> BlockLosses:
    """The `block_losses` of variances that may be infinite; infinite times zero is zero."""
    infinite = np.isinf(variance)
    losses = block_losses(
        model, under, mean, mean_error, np.where(infinite, 0.0, variance), **coefficients
    )
    if not infinite.any():
        return losses
    infinite_losses = block_losses(model, under, 0.0, 0.0, infinite * 1.0, coefficients=0.0)
    return BlockLosses(
        *(np.where(r > 0.0, np.inf, loss) for r, loss in zip(infinite_losses, losses, strict=True))
    )


def _total_risk(
    model: BlockModel, excess: FloatArray, error: FloatArray, exactness: Exactness
) -> Risk:
    """The risk from excess risks and errors given the group, (K,)."""
    p = model.group_probabilities
    drawn = p > 0.0
    omega = model.label_noise_variance
    total = float(p[drawn] @ excess[drawn])
    known = exactness == "exact" or total == np.inf
    return Risk(
        value=total + omega,
        excess=total,
        per_group=excess + omega,
        exactness="exact" if known else exactness,
        error=0.0 if known else float(p[drawn] @ error[drawn]),
    )

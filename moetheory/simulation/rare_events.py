r"""Groups and routing errors that are rarer than the draws, so that a sem cannot be trusted.

A rare group is no rare event where groups are strata (``methods/strata.py``), nor an error of a
gate where inputs that it may confuse are drawn on purpose (``methods/confusable_inputs.py``). A
group is one where a training set draws its own counts. Confusion that sends few of the drawn inputs
astray, erasures of few coordinates, and a gate that errs on few test samples are others.
"""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Iterator, Sequence

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray, block_sums
from moetheory.common.callers import stacklevel
from moetheory.common.errors import RareGroupWarning
from moetheory.kernels import stratum_counts
from moetheory.predictors.error_variances import ErrorCases, error_cases
from moetheory.predictors.optimal import unchecked_optimal_coefficients
from moetheory.predictors.perturbed_risks import UNCHANGED
from moetheory.predictors.routing_bounds import routing_error_bound
from moetheory.problem.estimators import (
    Estimator,
    MoE,
    Simulated,
    experts_of,
    routes_by_input,
)
from moetheory.problem.gates import Soft
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation
from moetheory.problem.sample_counts import Counts
from moetheory.results.estimates import Estimates
from moetheory.simulation.methods.block_energies import SquaredInputModel
from moetheory.simulation.methods.squares_layout import SquaresLayout
from moetheory.simulation.methods.strata import error_deviations, group_shares, roomy_inputs

ENOUGH = 30  # draws of an event, from which a spread can be seen
FEW = 15.0  # degrees of freedom below which intervals of skewed values are too short
SCARCE = 0.1  # the share of the draws below which an event is rare, however few the draws
NEGLIGIBLE = 0.1  # standard errors that what was not drawn may shift a mean
ROUNDING = 1e-12  # relative, of a risk
FEW_MISTAKES = 10.0  # wrong signs that say how often signs are wrong
NEVER = 1e-6  # share of a risk that routing errors may cost without a warning


def warn_of_rare_groups(
    estimates: Estimates, models: Sequence[BlockModel], samples: IntArray, counts: Counts
) -> None:
    """Warn of groups that few training sets have samples of, or few lack, if counts are drawn."""
    if counts == "fixed":
        return
    p, sets = models[0].group_probabilities, int(estimates.replicates.min())
    shares = np.minimum(p / p.sum(), 1.0 - 1e-16)
    absent = sets * np.exp(samples.sum() * np.log1p(-shares))
    for g in np.flatnonzero((p > 0.0) & (sets - absent < min(ENOUGH, sets / 2.0))):
        present = sets - absent[g]
        _warn(f"about {present:.2g} of {sets} training sets have a sample of group {g}")
    # a set without samples of a group predicts nothing for it, and guesses its signs
    lost = np.max([block_sums(_signal_powers(model), model.block_of) for model in models], axis=0)
    lost = np.full_like(lost, 0.5) if estimates.loss == "sign" else lost
    costs = absent / sets * p * lost
    sem, few = float(np.sqrt(np.diagonal(estimates.covariance)).max()), min(ENOUGH, sets * SCARCE)
    for g in np.flatnonzero((absent < few) & (costs > NEGLIGIBLE * sem)):
        _warn(f"about {absent[g]:.2g} of {sets} training sets lack samples of group {g}")


def warn_of_rare_mistakes(
    estimates: Estimates, estimators: Sequence[Estimator], models: int
) -> None:
    """Warn of signs that are wrong, or right, on hardly any of the inputs that were drawn.

    A mistake counts 1, however rare its cause: their number says how sure their rate is.
    """
    found: dict[str, None] = {}
    for place, estimator in enumerate([*estimators] * models):
        wrong = float(estimates.means[place])
        replicates, sem = float(estimates.replicates[place]), _sem(estimates, place)
        for rate, word in ((wrong, "wrong"), (1.0 - wrong, "right")):
            # what learned routers do is a probability, not 0 or 1
            counted = estimates.methods[place] != "identity"
            if counted and rate * replicates < FEW_MISTAKES:
                often = f"about {rate * replicates:.2g} of {replicates:.0f}"
            elif not counted and few_carry(rate, sem, replicates):
                often = "hardly any"
            else:
                continue
            found[f"the sign of {estimator.label} is {word} on {often} inputs"] = None
    for message in found:
        _warn(message)


def warn_of_rare_errors(
    estimates: Estimates,
    estimators: Sequence[Estimator],
    models: Sequence[BlockModel],
    under: Perturbation | None,
) -> None:
    """Warn of errors of routing, by a gate or by confusion, and of erasures hardly drawn."""
    shares = group_shares(models, estimators, under)
    found: dict[str, None] = {}
    for place, (model, estimator) in enumerate(itertools.product(models, estimators)):
        name = estimator.label
        replicates = int(estimates.replicates[place])
        if _few_where_the_risk_is(replicates, estimator, model, under or UNCHANGED, shares):
            found[f"hardly any of the inputs are of the groups that carry the risk of {name}"] = (
                None
            )
        if routes_by_input(estimator) and _gate_errs_unseen(
            estimates, place, estimator, model, under
        ):
            found[f"{name} errs on hardly any of the inputs that were drawn"] = None
        if under is None:
            continue
        if under.erasure and _erasure_unseen(estimates, place, estimator, model, under):
            found[f"hardly any of the erasures that cost {name} were drawn"] = None
        if under.confusion is not None and not routes_by_input(estimator):
            cases = error_cases(estimator, model, under)
            if _confusion_unseen(estimates, place, cases, model.group_probabilities, shares):
                found[
                    "hardly any of the inputs that were drawn are taken for the group that would "
                    f"cost {name} most"
                ] = None
    best_known = under is None and models[0].strict
    for soft, other in _gates_beside_soft(estimators) if best_known else ():
        if _difference_unseen(estimates, soft, other, len(estimators)):
            names = estimators[other].label, estimators[soft].label
            found[f"{names[0]} and {names[1]} differ on hardly any of the inputs drawn"] = None
    for message in found:
        _warn(message)


def warn_of_rare_routing(
    estimates: Estimates,
    estimators: Sequence[Simulated],
    models: Sequence[BlockModel],
    under: Perturbation | None,
    inputs: int,
) -> None:
    """Warn of gates that err on hardly any of the ``inputs`` that test each fit on data."""
    found: dict[str, None] = {}
    for place, (model, estimator) in enumerate(itertools.product(models, estimators)):
        on_data = estimates.methods[place] == "data"
        if (
            on_data
            and routes_by_input(estimator)
            and _gate_errs_unseen(estimates, place, estimator, model, under, inputs)
        ):
            found[f"{estimator.label} errs on hardly any of the inputs that were drawn"] = None
    for message in found:
        _warn(message)


def _few_where_the_risk_is(
    replicates: int,
    estimator: Estimator,
    model: BlockModel,
    under: Perturbation,
    shares: FloatArray,
) -> bool:
    """Whether two inputs for each of many groups leave few for those that carry the risk."""
    if not ENOUGH <= replicates < roomy_inputs(model):
        return False
    counts = stratum_counts(replicates, shares)
    deviations = model.group_probabilities * error_deviations(estimator, model, under)
    parts = deviations / (float(deviations.max()) or 1.0)
    parts = parts**2 / np.maximum(counts, 1)
    spread = float(np.sum(parts**2 / np.maximum(counts - 1, 1)))
    return spread > 0.0 and float(parts.sum()) ** 2 < spread * min(FEW, replicates / 4.0)


def few_carry(mean: float, sem: float, replicates: float) -> bool:
    """Whether few of the values make up a mean of values that are not negative."""
    return sem**2 * min(ENOUGH, replicates * SCARCE) >= max(mean, 0.0) ** 2


def _warn(message: str) -> None:
    """Warn whoever called `simulate`."""
    warnings.warn(
        f"{message}: the standard error cannot be trusted; take the theory if known, or more "
        "replicates",
        RareGroupWarning,
        stacklevel=stacklevel(),
    )


def _signal_powers(model: BlockModel) -> FloatArray:
    """What predicting zero loses of each coordinate while its block is active, (d,)."""
    return np.asarray(model.coefficients**2 * model.signal_variances)


def _routing_costs(model: BlockModel) -> FloatArray:
    r"""A bound on what a coordinate costs if its expert is not chosen and if it is, wrongly, (d,).

    .. math:: \theta^2(\lambda+n) + \theta^2(n+\kappa) \le b^2\lambda + \theta^2\kappa .
    """
    costs = _signal_powers(model)
    if model.interferes or not model.strict:
        theta = unchecked_optimal_coefficients(MoE(), model)
        costs = costs + theta**2 * (model.interference_variances + model.leakage_variances)
    return costs


def _gate_errs_unseen(
    estimates: Estimates,
    place: int,
    estimator: Estimator,
    model: BlockModel,
    under: Perturbation | None,
    inputs: int = 1,
) -> bool:
    """Whether what a gate loses comes from a few of the inputs, and more may be unseen.

    A replicate has so many ``inputs``.

    With "identity" inputs that it may confuse are drawn on purpose; a few carry the loss only where
    there are few, or groups differ by orders of magnitude.
    """
    costs = block_sums(_routing_costs(model), model.block_of)
    sem, mean = _sem(estimates, place), float(estimates.means[place])
    experts = experts_of(estimator, model)
    bound = routing_error_bound(model, costs, experts)
    if under is None and bound <= NEVER * mean:
        return False
    replicates = float(estimates.replicates[place])
    if estimates.methods[place] == "identity":
        if not model.strict:  # what leaks is a gain to some gates: their losses may cancel
            return False
        known = SquaredInputModel(model, SquaresLayout.of(model), under).oracle_risks
        return few_carry(mean - float(model.group_probabilities @ known), sem, replicates)
    drawn = replicates * inputs
    events = drawn * routing_error_bound(model, 0.5, experts)
    return events < min(ENOUGH, drawn * SCARCE) and bound > NEGLIGIBLE * sem


def _gates_beside_soft(estimators: Sequence[Estimator]) -> Iterator[tuple[int, int]]:
    """Places of the soft gate and of each other gate, which loses no less on any input."""
    gates = [
        (i, each.gate)
        for i, each in enumerate(estimators)
        if isinstance(each, MoE) and routes_by_input(each)
        if each.ridge == 0.0 and not each.retrained
    ]
    for i, soft in gates:
        for j, other in gates:
            if soft == Soft() and other != Soft():
                yield i, j


def _difference_unseen(estimates: Estimates, soft: int, other: int, size: int) -> bool:
    """Whether two gates differ on a few of the inputs, for any of the models."""
    if estimates.methods[soft] != "identity" or not estimates.paired(soft, other):
        return False
    return any(
        few_carry(each.mean, each.sem, each.replicates)
        for start in range(0, len(estimates), size)
        for each in [estimates.difference(start + other, start + soft)]
        if abs(each.mean) > ROUNDING * abs(estimates[start + soft].mean)
    )


def _erasure_unseen(
    estimates: Estimates, place: int, estimator: Estimator, model: BlockModel, under: Perturbation
) -> bool:
    """Whether erasures that carry a part of the risk were expected on few of the inputs."""
    whole = under.replace(erasure=0.0)
    more = [
        float(model.group_probabilities @ np.vecdot(found.chances, found.variances))
        for found in (error_cases(estimator, model, each) for each in (under, whole))
    ]
    used = int(np.bincount(experts_of(estimator, model), model.sizes).max())
    if isinstance(estimator, MoE) and estimator.shared:
        used = model.dim
    replicates = float(estimates.replicates[place])
    events = -replicates * math.expm1(used * math.log1p(-under.erasure))
    rare = events < min(ENOUGH, replicates * SCARCE)
    return rare and more[0] - more[1] > NEGLIGIBLE * _sem(estimates, place)


def _confusion_unseen(
    estimates: Estimates, place: int, cases: ErrorCases, p: FloatArray, shares: FloatArray
) -> bool:
    """Whether routing errors that are rare and dear may be missing from the draws.

    They are if a few draws would carry the skewness of the mean, and the dearest errors, of which
    fewer than `ENOUGH` are expected, cost more than the sem that was observed.
    """
    replicates, sem = float(estimates.replicates[place]), _sem(estimates, place)
    drawn = (replicates * shares)[:, np.newaxis] * cases.chances
    weights = np.divide(p, replicates * shares, out=np.zeros_like(p), where=shares > 0.0)
    losses = weights[:, np.newaxis] * cases.variances
    scale = float(losses.max()) or 1.0
    second, third = (float(np.sum(drawn * (losses / scale) ** k)) for k in (2, 3))
    # as many equal squares of normal errors would have this skewness
    alike = second**3 / third**2 if third > 0.0 else math.inf
    order = np.argsort(-losses, axis=None)
    dearest = np.cumsum(drawn.ravel()[order]) < ENOUGH
    cost = float((drawn * losses).ravel()[order][dearest].sum())
    return alike < min(ENOUGH, SCARCE * replicates) and cost > NEGLIGIBLE * sem


def _sem(estimates: Estimates, place: int) -> float:
    """The standard error of an estimate."""
    return math.sqrt(estimates.covariance[place, place])

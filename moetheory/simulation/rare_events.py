r"""Groups and routing errors that are rarer than the draws, so that a sem cannot be trusted.

A rare group is no rare event where groups are strata (``methods/strata.py``). It is one where a
training set draws its own counts, where a confusion matrix sends few of the drawn inputs
astray, and where a gate errs on fewer inputs than were drawn.
"""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Sequence

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray, block_sums
from moetheory.common.errors import RareGroupWarning
from moetheory.predictors.error_variances import ErrorCases, error_cases
from moetheory.problem.estimators import Estimator, routes_by_input
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation
from moetheory.problem.sample_counts import Counts
from moetheory.results.estimates import Estimates
from moetheory.simulation.methods.block_energies import SquaredInputModel, SquaresLayout
from moetheory.simulation.methods.strata import group_shares

ENOUGH = 30  # draws of an event, from which a spread can be seen
SCARCE = 0.1  # the share of the draws below which an event is rare, however few the draws
NEGLIGIBLE = 0.1  # standard errors that what was not drawn may shift a mean
NEVER = 1e-12  # probability of a routing error that needs no warning


def warn_of_rare_groups(
    replicates: int, model: BlockModel, samples: IntArray, counts: Counts
) -> None:
    """Warn of groups that few of the training sets have samples of, where counts are drawn."""
    if counts == "fixed":
        return
    shares = model.group_probabilities / model.group_probabilities.sum()
    expected = -replicates * np.expm1(samples.sum() * np.log1p(-np.minimum(shares, 1.0 - 1e-16)))
    rare = expected < np.minimum(ENOUGH, replicates / 2.0)
    for g in np.flatnonzero((shares > 0.0) & rare):
        _warn(f"about {expected[g]:.2g} of {replicates} training sets have a sample of group {g}")


def warn_of_rare_routing_errors(
    estimates: Estimates,
    estimators: Sequence[Estimator],
    models: Sequence[BlockModel],
    under: Perturbation | None,
) -> None:
    """Warn of routing errors, by a gate or by confusion, that were hardly drawn."""
    confused = under is not None and under.confusion is not None
    shares = group_shares(models, estimators, under) if confused else None
    found: dict[str, None] = {}
    for place, (model, estimator) in enumerate(itertools.product(models, estimators)):
        if routes_by_input(estimator):
            identity = estimates.methods[place] == "identity"
            if identity and _gate_errs_unseen(estimates, place, model):
                found[f"{estimator.label} errs on hardly any of the inputs that were drawn"] = None
        elif under is not None and shares is not None:
            cases = error_cases(estimator, model, under)
            if _confusion_unseen(estimates, place, cases, model.group_probabilities, shares):
                found[
                    "hardly any of the inputs that were drawn are taken for the group that would "
                    f"cost {estimator.label} most"
                ] = None
    for message in found:
        _warn(message)


def _warn(message: str) -> None:
    """Warn whoever called `simulate`."""
    warnings.warn(
        f"{message}: the standard error cannot be trusted", RareGroupWarning, stacklevel=4
    )


def _gate_errs_unseen(estimates: Estimates, place: int, model: BlockModel) -> bool:
    """Whether what a gate loses comes from a few of the inputs, and more may be unseen."""
    known = SquaredInputModel(model, SquaresLayout.of(model)).oracle_risks
    lost = float(estimates.means[place] - model.group_probabilities @ known)
    sem = _sem(estimates, place)
    # the values are not negative: their spread tells how many of them make up the mean
    few = sem**2 * min(ENOUGH, float(estimates.replicates[place]) * SCARCE) >= max(lost, 0.0) ** 2
    return few and _error_bound(model) > NEVER


def _error_bound(model: BlockModel) -> float:
    r"""Bhattacharyya's bound on the misrouting of the Bayes router (strict blocks).

    .. math:: \sum_{i<j}\sqrt{p_ip_j}\,B_iB_j,\qquad
              B_i = \prod_{m\in i}\Big(\frac{2\sqrt{\sigma^2(\lambda+\sigma^2)}}
                                            {\lambda+2\sigma^2}\Big)^{1/2} .

    Pairs of groups whose experts both predict zero are left out: their errors cost nothing.
    """
    noise, signal = model.noise_variance, model.signal_variances
    overlap = np.where(
        signal > 0.0,
        2.0 * np.sqrt(noise) * np.sqrt(noise + signal) / np.maximum(2.0 * noise + signal, 1e-300),
        1.0,
    )
    with np.errstate(divide="ignore"):
        logs = block_sums(np.log(overlap), model.block_of) / 2.0
    parts = np.sqrt(model.group_probabilities) * np.exp(logs)
    speaks = block_sums(np.abs(model.coefficients) * signal, model.block_of) > 0.0

    def pairs(of: FloatArray) -> float:
        return float(of.sum() ** 2 - (of**2).sum()) / 2.0

    return pairs(parts) - pairs(parts[~speaks])


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

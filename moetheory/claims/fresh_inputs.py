"""Experiments on fresh inputs: how many are drawn, and how many it takes where errors are rare."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from moetheory.claims.experiments import Setting
from moetheory.claims.outcomes import Mean
from moetheory.common.arrays import FloatArray
from moetheory.problem.estimators import Estimator
from moetheory.problem.gates import Hard
from moetheory.problem.model import BlockModel
from moetheory.simulation.methods.strata import fewest_inputs, group_shares
from moetheory.theory.gate_risks import routing_matrix

TEST_INPUTS = 500_000
MOST_NUMBERS = 10**9  # that an experiment may draw when replicates is not given
RARE_ERRORS = "routing errors that cost something are rarer than the inputs drawn"
EVENTS = 30  # routing errors of a kind from which on their cost is seen
NEGLIGIBLE = 0.1  # standard errors that what was not drawn may add up to
# second and third moment of what an error of a mean cost of 1 costs: a squared normal error, or
# its mean given the squares of the input, which is no more spread than an exponential variable
SQUARED_ERROR, MEAN_LOSS = (3.0, 15.0), (2.0, 6.0)


def most_inputs(model: BlockModel, default: int = TEST_INPUTS) -> int:
    """The number of fresh inputs that is affordable, ``default`` at most, but two of each group."""
    return max(min(default, MOST_NUMBERS // model.dim), fewest_inputs(model))


def inputs_of(setting: Setting, model: BlockModel, default: int = TEST_INPUTS) -> int:
    """The number of fresh inputs: as asked for, else ``most_inputs``.

    Groups are strata, so that there are two inputs of each at least.
    """
    return max(setting.replicates or most_inputs(model, default), fewest_inputs(model))


def with_routing_errors(
    mean: Mean,
    estimators: tuple[Estimator, ...],
    model: BlockModel,
    cost: float,
    moments: tuple[float, float],
) -> Mean:
    r"""A mean over fresh inputs, with what rare routing errors add to its law.

    What a gate loses hangs on inputs of group g that look like those of a group j. The hard
    gate confuses them with the probability :math:`M_{gj}`, at a cost of at most about
    :math:`c_g + c_j`, :math:`c_g = \sum_{m\in g} b_m^2\lambda_m^2/(\lambda_m+\sigma^2)` the energy
    of a prediction. Pairs that are rarer than the inputs may be missing from the mean and its
    standard error: it takes `EVENTS` of each pair, except the rarest that cost less than
    `NEGLIGIBLE` standard errors together. From pairs that cost C and of which E are expected the
    mean gets a variance :math:`\mu_2C^2/E` and a third moment :math:`\mu_3C^3/E^2`.

    Parameters
    ----------
    mean : Mean
        The mean, with the skewness that it has without routing errors.
    estimators : tuple of Estimator
        Whose simulations share the inputs: groups get the shares that these ask for.
    model : BlockModel
        With strict blocks.
    cost : float
        The cost of routing in theory, of all pairs together.
    moments : (float, float)
        :math:`\mu_2, \mu_3`: `SQUARED_ERROR` or `MEAN_LOSS`.
    """
    if cost <= NEGLIGIBLE * mean.sem or mean.sem == 0.0:
        return mean
    p, matrix, energies = model.group_probabilities, _confusion(model), _energies(model)
    costs = ((p[:, np.newaxis] * matrix) * (energies[:, np.newaxis] + energies)).ravel()
    rates = (group_shares([model], estimators)[:, np.newaxis] * matrix).ravel()
    rarest = np.argsort(rates, kind="stable")
    costs, rates = costs[rarest], rates[rarest]
    matter = np.cumsum(costs) > NEGLIGIBLE * mean.sem
    # a pair that is never confused costs nothing, so that it is not the first that matters
    least = EVENTS / float(rates[np.argmax(matter)]) if matter.any() else 0.0

    seen = rates * mean.replicates >= EVENTS
    events = rates[seen] * mean.replicates
    # in standard errors: in proportion to the costs, no more than all pairs together
    parts = costs[seen] * min(1.0, cost / (float(costs.sum()) or 1.0)) / mean.sem
    variance = moments[0] * float(np.sum(parts**2 / events))
    share = min(variance, 1.0)  # of the variance that was observed
    third = moments[1] * float(np.sum(parts**3 / events**2)) * (share / (variance or 1.0)) ** 1.5
    skewness = mean.skewness * (1.0 - share) ** 1.5 + third
    return mean._replace(skewness=skewness, least=max(mean.least, least))


def _energies(model: BlockModel) -> FloatArray:
    """The energy of each expert's prediction for its own group, (K,)."""
    signal = model.signal_variances
    shrunk = signal / (signal + model.noise_variance)
    parts = model.coefficients**2 * signal * shrunk
    return np.asarray(np.bincount(model.block_of, parts, model.experts))


@lru_cache(maxsize=8)
def _confusion(model: BlockModel) -> FloatArray:
    """The probability that the hard gate sends an input of a group to another expert, (K, K)."""
    found = np.array(routing_matrix(Hard(), model).matrix)
    np.fill_diagonal(found, 0.0)
    return found

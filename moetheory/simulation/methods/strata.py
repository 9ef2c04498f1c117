r"""Groups as strata: how many inputs are drawn of each group, so that none is missed.

A group g gets a share of the inputs in proportion to :math:`p_gs_g` (Neyman), :math:`s_g` the
standard deviation of the squared errors given the group, and two inputs at least. Where signs are
counted, no error is larger than another: the shares are :math:`p_g`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, repeat

import numpy as np

from moetheory import kernels
from moetheory.common.arrays import FloatArray, IntArray
from moetheory.common.cached import cached
from moetheory.predictors.error_variances import error_cases
from moetheory.predictors.perturbed_risks import UNCHANGED, optimal_routed_losses
from moetheory.problem.estimators import Estimator, MoE, routes_by_input
from moetheory.problem.losses import Loss
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation
from moetheory.simulation.methods.route import TEST_SAMPLES


@dataclass(frozen=True, eq=False)
class StratifiedInputs:
    """What routes over test inputs share: the groups of the inputs are strata.

    Attributes
    ----------
    models : tuple of M BlockModel
        Equal but for their noise; they use the same draws.
    estimators : tuple of E Dense or MoE
    under : Perturbation, optional
    loss : {"squared", "sign"}
    """

    models: tuple[BlockModel, ...]
    estimators: tuple[Estimator, ...]
    under: Perturbation | None = None
    loss: Loss = "squared"

    @property
    def default_replicates(self) -> int:
        """Inputs of a run whose length is not given."""
        return max(TEST_SAMPLES, roomy_inputs(self.models[0]))

    @property
    def fewest(self) -> int:
        """Inputs in the smallest chunk, enough of every group."""
        return fewest_inputs(self.models[0])

    @cached
    def shares(self) -> FloatArray:
        """The share of the inputs that each group gets, (K,)."""
        return group_shares(self.models, self.estimators, self.under, self.loss)


def group_shares(
    models: Sequence[BlockModel],
    estimators: Sequence[Estimator],
    under: Perturbation | None = None,
    loss: Loss = "squared",
) -> FloatArray:
    """The share of the inputs that each group gets, (K,); zero for groups of probability zero.

    Estimators and models share their inputs: of each group, the largest share that one of them
    asks for.
    """
    p = models[0].group_probabilities
    if loss == "sign":
        return np.asarray(p / p.sum())
    shares = np.zeros_like(p)
    for model in models:
        for estimator in estimators:
            wanted = p * error_deviations(estimator, model, under or UNCHANGED)
            total = float(wanted.sum())
            gated = routes_by_input(estimator)
            # what a gate errs is not known beforehand: its groups get their probability at least
            if total == 0.0 or gated:
                np.maximum(shares, p, out=shares)
            if total > 0.0:
                np.maximum(shares, wanted / total, out=shares)
    tiny = np.finfo(np.float64).tiny
    shares = np.where(p > 0.0, np.maximum(shares, tiny), 0.0)
    return np.asarray(shares / shares.sum())


def error_deviations(estimator: Estimator, model: BlockModel, under: Perturbation) -> FloatArray:
    r"""The standard deviation of squared errors given the group, in theory, (K,).

    In each case an error e is normal with variance r. With a shift a of :math:`\lvert e\rvert` the
    moments of :math:`v = (\lvert e\rvert+a)^2` are, with :math:`c = \sqrt{2r/\pi}`,

    .. math:: E v = r + 2ac + a^2,\qquad E v^2 = 3r^2 + 8arc + 6a^2r + 4a^3c + a^4 .

    A gate that reads the input counts as one that errs on half of the inputs.
    """
    omega = model.label_noise_variance
    if isinstance(estimator, MoE) and routes_by_input(estimator):
        # shares need not be exact, and the coefficients of experts that are retrained take long
        routed = optimal_routed_losses(replace(estimator, retrained=False), model, under)
        astray = routed.own_blocks + model.group_probabilities @ routed.routed_blocks
        astray += routed.other_blocks.sum()
        return np.asarray(math.sqrt(2.0) * (omega + (routed.correct + astray) / 2.0))
    chances, variances, shifts = error_cases(estimator, model, under)
    # relative to the largest, so that no square overflows or underflows
    unit = float((variances + shifts**2).max() + omega) or 1.0
    r, a = (variances + omega) / unit, shifts / math.sqrt(unit)
    c = np.sqrt(2.0 / math.pi * r)
    mean = np.vecdot(chances, r + 2.0 * a * c + a**2)
    square = 3.0 * r**2 + 8.0 * a * r * c + 6.0 * a**2 * r + 4.0 * a**3 * c + a**4
    spread = np.vecdot(chances, square) - mean**2
    return np.asarray(unit * np.sqrt(np.maximum(spread, 0.0)))


def fewest_inputs(model: BlockModel) -> int:
    """The smallest number of inputs that has enough of every group."""
    return kernels.LEAST * int(np.count_nonzero(model.group_probabilities))


def roomy_inputs(model: BlockModel) -> int:
    """A number of inputs that leaves room for shares."""
    return kernels.SPARE * int(np.count_nonzero(model.group_probabilities))


def sampling_frequencies(counts: IntArray, probabilities: FloatArray) -> FloatArray:
    """How many times as often as it occurs each group is drawn, (K,)."""
    expected = counts.sum() * probabilities
    return np.asarray(counts / np.where(probabilities > 0.0, expected, 1.0))


def even_parts(inputs: int, most: int) -> Iterator[int]:
    """``inputs`` divided into parts of nearly equal size, at most ``most``.

    >>> list(even_parts(10, 4))
    [4, 3, 3]
    """
    number = max(1, math.ceil(inputs / most))
    size, longer = divmod(inputs, number)
    return chain(repeat(size + 1, longer), repeat(size, number - longer))


def strata(counts: IntArray) -> IntArray:
    """The group of each input, in ascending order."""
    return np.repeat(np.arange(len(counts)), counts)


def stratum_means(losses: FloatArray, counts: IntArray) -> FloatArray:
    """The mean of the ``losses`` (R, T) in each group, (R, K), NaN for one without inputs.

    The groups, with ``counts`` (K,) inputs, come one after another.
    """
    drawn = np.flatnonzero(counts)
    starts = np.cumsum(counts)[drawn] - counts[drawn]
    means = np.full((len(losses), len(counts)), np.nan)
    means[:, drawn] = np.add.reduceat(losses, starts, axis=1) / counts[drawn]
    return means

"""Population risks for any covariances of features and noise, without blocks and rotations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from moetheory.common.arrays import FloatArray
from moetheory.common.errors import ArgumentError
from moetheory.common.frozen import Frozen
from moetheory.common.validation import members, number, vector, zero_or_within
from moetheory.formulas import covariances as formulas
from moetheory.problem import eigenbasis, limits
from moetheory.problem.model import checked_blocks
from moetheory.problem.probabilities import normalised
from moetheory.results.risks import Risk


@dataclass(frozen=True, eq=False, repr=False)
class CovarianceRisks(Frozen):
    """The risks of the best linear predictors, one for all groups or one for each.

    Attributes
    ----------
    dense : Risk
        One predictor for all groups.
    full_experts : Risk
        An expert for each group that sees all coordinates.
    block_experts : Risk or None
        An expert for each group that sees the coordinates of its block; None without blocks.
    """

    dense: Risk
    full_experts: Risk
    block_experts: Risk | None


def covariance_risks(
    covariances: Sequence[ArrayLike],
    noise_covariances: Sequence[ArrayLike],
    coefficients: ArrayLike,
    *,
    group_probabilities: ArrayLike | None = None,
    block_of: ArrayLike | None = None,
    label_noise_variance: float = 0.0,
) -> CovarianceRisks:
    r"""The least risks of linear predictors, for any covariances of features and noise.

    In group g the clean features x have the second moment :math:`\Sigma_g`, the noise e has
    :math:`N_g`, uncorrelated with x and the labels :math:`y = x^\top b + \varepsilon`. Predictors
    see :math:`\bar x = x + e`. With :math:`A:B = A(A+B)^+B` the least excess risks are

    .. math:: \text{dense: } b^\top\Big(\sum_gp_g\Sigma_g : \sum_gp_gN_g\Big)b, \qquad
              \text{full experts: } \sum_gp_g\,b^\top(\Sigma_g:N_g)b ,

    and the second is never larger than the first. Experts that see their own block alone may be
    worse than dense: they cannot use signal and noise of other blocks that correlate with theirs.

    Parameters
    ----------
    covariances, noise_covariances : (K, d, d) arrays, or sequences of K matrices
        :math:`\Sigma_g` and :math:`N_g`, symmetric and positive semidefinite; they may be
        singular.
    coefficients : (d,) array
        :math:`b`.
    group_probabilities : (K,) array, optional
        :math:`p`; by default all groups are equally probable.
    block_of : (d,) integer array, optional
        The block, 0 to K-1, of each coordinate, for `CovarianceRisks.block_experts`.
    label_noise_variance : float
        :math:`\omega^2`, in every risk.

    Returns
    -------
    CovarianceRisks
        Exact, with the relative error of linear systems: 1e-16 times the condition of
        :math:`\Sigma_g+N_g`, its diagonal scaled to ones.

    Raises
    ------
    ValueError
        A matrix is not symmetric and positive semidefinite within 1e-10 with its diagonal scaled to
        ones, or of another shape than the first; a number lies outside the range of a `BlockModel`.

    Notes
    -----
    The cost is O(K d³). Neither groups nor noise need be Gaussian. Source: docs/theory.md §10.

    Examples
    --------
    Two groups whose noise is shared: the idle block is a sensor of it, which dense can use.

    >>> signals = [np.diag([1.0, 0.0]), np.diag([0.0, 1.0])]
    >>> noise = 10.0 * np.array([[1.0, 0.99], [0.99, 1.0]])
    >>> risks = covariance_risks(signals, [noise, noise], [1.0, -1.0], block_of=[0, 1])
    >>> risks.dense.excess, risks.full_experts.excess, risks.block_experts.excess
    (0.1666667, 0.1659716, 0.9090909)
    """
    signal = _matrices("covariances", covariances)
    experts, dim = signal.shape[:2]
    noise = _matrices("noise_covariances", noise_covariances, dim)
    if len(noise) != experts:
        raise ArgumentError(
            "noise_covariances",
            f"must hold one matrix for each of the {experts} covariances, got {len(noise)}",
        )
    b = vector("coefficients", coefficients, length=dim)
    zero_or_within("coefficients", b, limits.NUMBERS)
    if group_probabilities is None:
        group_probabilities = np.full(experts, 1.0 / experts)
    p = vector("group_probabilities", group_probabilities, length=experts, minimum=0.0)
    p = normalised("group_probabilities", group_probabilities, p)
    zero_or_within("group_probabilities", p, limits.NUMBERS)
    omega = number("label_noise_variance", label_noise_variance, minimum=0.0)
    zero_or_within("label_noise_variance", omega, limits.SQUARES)

    def risk(excess: tuple[FloatArray, FloatArray]) -> Risk:
        total, per_group = float(excess[0]), excess[1]
        return Risk(value=total + omega, excess=total, per_group=per_group + omega)

    arguments = p, signal, noise, b
    block_experts = None
    if block_of is not None:
        blocks = checked_blocks(block_of, experts)
        if len(blocks) != dim:
            raise ArgumentError("block_of", f"must have shape ({dim},), got {blocks.shape}")
        block_experts = risk(formulas.block_expert_excess(*arguments, blocks))
    return CovarianceRisks(
        dense=risk(formulas.dense_excess(*arguments)),
        full_experts=risk(formulas.full_expert_excess(*arguments)),
        block_experts=block_experts,
    )


def _matrices(name: str, given: Sequence[ArrayLike], dim: int | None = None) -> FloatArray:
    """The covariances as one array (K, d, d); each is checked, and all have one shape."""
    matrices = []
    for g, each in enumerate(members(name, given)):
        matrix = eigenbasis.semidefinite(f"{name}[{g}]", each)
        dim = len(matrix) if dim is None else dim
        if len(matrix) != dim:
            raise ArgumentError(f"{name}[{g}]", f"must have shape {(dim, dim)}, got {matrix.shape}")
        variances = limits.without_rounding(np.diagonal(matrix))
        zero_or_within(f"{name}[{g}] (its diagonal)", variances, limits.NUMBERS)
        matrices.append(matrix)
    if not matrices:
        raise ArgumentError(name, "must hold at least one matrix, got none")
    return np.array(matrices)

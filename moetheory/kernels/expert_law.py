"""Fitted experts by their law: no training set, no matrix."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray, block_sums


class ExpertDraws(NamedTuple):
    """Standard random numbers behind R fits of K experts; free of variances and coefficients.

    Attributes
    ----------
    counts : (R, K) integer array
        Training samples of each expert.
    normals, more_normals : (R, d) arrays
        The second has no rows where no expert has fewer samples than coordinates.
    spread : (R, K) array
        Root of a chi-square with :math:`|n_g - s_g| + 1` degrees of freedom.
    share, first, rest : (R, K) arrays
        Of the experts with :math:`n_g < s_g`: Beta(:math:`n_g/2, (s_g-n_g)/2`), a standard
        normal, the root of a chi-square with :math:`n_g - 1` degrees.
    """

    counts: IntArray
    normals: FloatArray
    more_normals: FloatArray
    spread: FloatArray
    share: FloatArray
    first: FloatArray
    rest: FloatArray


def draw_expert_law(rng: np.random.Generator, counts: IntArray, block_of: IntArray) -> ExpertDraws:
    """The random numbers of `expert_law_fits` for ``counts``, shape (R, K)."""
    sizes = np.bincount(block_of)
    normals = rng.standard_normal((len(counts), len(block_of)))
    spread = np.sqrt(rng.chisquare(np.abs(counts - sizes) + 1))
    short = counts < sizes
    rows = len(counts) if short.any() else 0
    few = np.where(short & (counts > 0), counts, 1)[:rows]
    share = rng.beta(few / 2, np.maximum(sizes - few, 1) / 2)
    first = rng.standard_normal(few.shape)
    rest = np.sqrt(2.0 * rng.standard_gamma((few - 1) / 2))
    more = rng.standard_normal((rows, len(block_of)))
    return ExpertDraws(counts, normals, more, spread, share, first, rest)


def expert_law_fits(
    draws: ExpertDraws,
    block_of: IntArray,
    optimum: FloatArray,
    observed: FloatArray,
    residual: FloatArray,
) -> FloatArray:
    r"""Coefficients of experts fitted by least squares of minimum norm, in law, (R, d).

    With :math:`n_g \ge s_g` samples, for any :math:`C_g`, a multivariate t,

    .. math:: \hat\beta_g = \theta_g + \sqrt{\rho_g}\, C_g^{-1/2} z / \chi_{n_g-s_g+1} .

    With :math:`0 < n_g < s_g` and :math:`C_g = cI`: the samples span a uniformly random
    subspace L of dimension :math:`n_g`; :math:`\hat\beta_g` is :math:`\theta_g` projected on L
    plus a vector of uniform direction in L and length
    :math:`\sqrt{\rho_g/c}\,\chi_{n_g}/\chi_{s_g-n_g+1}`. Without samples zero.

    Parameters
    ----------
    draws : ExpertDraws
    optimum, observed : (d,) arrays
        :math:`\theta` and :math:`\operatorname{diag} C = \lambda + \sigma^2`, positive, and
        equal within a block that has fewer samples than coordinates.
    residual : (K,) array
        :math:`\rho_g`.
    """
    scale = np.sqrt(residual) / draws.spread
    fits = draws.normals / np.sqrt(observed)
    fits *= scale[:, block_of]
    fits += optimum
    if len(draws.more_normals):
        short = (draws.counts < np.bincount(block_of))[:, block_of]
        fits = np.where(short, _short_fits(draws, block_of, optimum, observed, scale), fits)
        fits[(draws.counts == 0)[:, block_of]] = 0.0
    return fits


def _short_fits(
    draws: ExpertDraws,
    block_of: IntArray,
    optimum: FloatArray,
    observed: FloatArray,
    scale: FloatArray,
) -> FloatArray:
    """The fits of fewer samples than coordinates; what other experts get means nothing."""

    def dot(left: FloatArray, right: FloatArray) -> FloatArray:
        return block_sums(left * right, block_of)[..., block_of]

    def unit(vectors: FloatArray) -> FloatArray:
        lengths = np.sqrt(dot(vectors, vectors))
        return vectors / np.where(lengths > 0.0, lengths, 1.0)

    share = np.sqrt(draws.share)[:, block_of]
    # a direction for optima of zero: any will do
    starts = np.arange(len(block_of)) == np.unique(block_of, return_index=True)[1][block_of]
    zero = dot(optimum, optimum) == 0.0
    towards = unit(np.where(zero, starts * 1.0, optimum))
    across = unit(draws.normals - dot(draws.normals, towards) * towards)
    # the projection of the optimum has the direction ``inside``
    inside = share * towards + np.sqrt(1.0 - np.square(share)) * across
    projected = share * dot(optimum, towards) * inside
    beyond = draws.more_normals - dot(draws.more_normals, towards) * towards
    beyond = unit(beyond - dot(beyond, across) * across)
    noise = draws.first[:, block_of] * inside + draws.rest[:, block_of] * beyond
    return projected + scale[:, block_of] / np.sqrt(observed) * noise

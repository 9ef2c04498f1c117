"""Coefficients of fitted experts drawn from their law, without training sets or matrices."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray, block_sums
from moetheory.kernels.wishart import chi


class ExpertDraws(NamedTuple):
    """Standard random numbers behind R fits of K experts; no variance or coefficient enters them.

    Attributes
    ----------
    counts : (R, K) integer array
        Training samples of each expert.
    normals, orthogonal_normals : (R, d) arrays
        Standard normals; the second array has no rows if no expert has fewer samples than
        coordinates.
    chi : (R, K) array
        Root of a chi-square with :math:`|n_g - s_g| + 1` degrees of freedom.
    captured_share : (R, K) array
        Beta(:math:`n_g/2, (s_g-n_g)/2`) for experts with :math:`n_g < s_g`: the share of the
        squared length of a fixed vector that lies in the span of the samples.
    noise_along, noise_across : (R, K) arrays
        For these experts: a standard normal, the root of a chi-square with :math:`n_g - 1`
        degrees of freedom.
    """

    counts: IntArray
    normals: FloatArray
    orthogonal_normals: FloatArray
    chi: FloatArray
    captured_share: FloatArray
    noise_along: FloatArray
    noise_across: FloatArray


def draw_expert_law(rng: np.random.Generator, counts: IntArray, block_of: IntArray) -> ExpertDraws:
    """The random numbers of `expert_law_fits` for training samples ``counts``, shape (R, K)."""
    sizes = np.bincount(block_of)
    normals = rng.standard_normal((len(counts), len(block_of)))
    inverse_scale = chi(rng, np.abs(counts - sizes) + 1)
    underdetermined = counts < sizes
    rows = len(counts) if underdetermined.any() else 0
    few_samples = np.where(underdetermined & (counts > 0), counts, 1)[:rows]
    captured_share = rng.beta(few_samples / 2, np.maximum(sizes - few_samples, 1) / 2)
    noise_along = rng.standard_normal(few_samples.shape)
    noise_across = chi(rng, few_samples - 1)
    more = rng.standard_normal((rows, len(block_of)))
    return ExpertDraws(
        counts, normals, more, inverse_scale, captured_share, noise_along, noise_across
    )


def expert_law_fits(
    draws: ExpertDraws,
    block_of: IntArray,
    optimum: FloatArray,
    observed_variances: FloatArray,
    residual_variances: FloatArray,
) -> FloatArray:
    r"""Coefficients with the law of experts fitted by least squares of minimum norm, (R, d).

    For :math:`n_g \ge s_g` samples and any :math:`C_g` they are a multivariate t,

    .. math:: \hat\beta_g = \theta_g + \sqrt{\rho_g}\, C_g^{-1/2} z / \chi_{n_g-s_g+1} .

    For :math:`0 < n_g < s_g` and :math:`C_g = cI`: the samples span a uniformly random
    subspace L of dimension :math:`n_g`; :math:`\hat\beta_g` is :math:`\theta_g` projected on L
    plus a vector of uniform direction in L and length
    :math:`\sqrt{\rho_g/c}\,\chi_{n_g}/\chi_{s_g-n_g+1}`. An expert without samples has zeros.

    Parameters
    ----------
    draws : ExpertDraws
    block_of : (d,) integer array
    optimum, observed_variances : (d,) arrays
        :math:`\theta` and :math:`\operatorname{diag} C = \lambda + n`, positive, and
        equal within a block that has fewer samples than coordinates.
    residual_variances : (K,) array
        :math:`\rho_g`.
    """
    scale = np.sqrt(residual_variances) / draws.chi
    fits = draws.normals / np.sqrt(observed_variances)
    fits *= scale[:, block_of]
    fits += optimum
    if len(draws.orthogonal_normals):
        underdetermined = (draws.counts < np.bincount(block_of))[:, block_of]
        fits = np.where(
            underdetermined,
            _underdetermined_fits(draws, block_of, optimum, observed_variances, scale),
            fits,
        )
        fits[(draws.counts == 0)[:, block_of]] = 0.0
    return fits


def _underdetermined_fits(
    draws: ExpertDraws,
    block_of: IntArray,
    optimum: FloatArray,
    observed_variances: FloatArray,
    scale: FloatArray,
) -> FloatArray:
    """Fits of experts with fewer samples than coordinates; what others get is meaningless."""

    def dot(left: FloatArray, right: FloatArray) -> FloatArray:
        return block_sums(left * right, block_of)[..., block_of]

    def unit(vectors: FloatArray) -> FloatArray:
        lengths = np.sqrt(dot(vectors, vectors))
        return vectors / np.where(lengths > 0.0, lengths, 1.0)

    captured_share = np.sqrt(draws.captured_share)[:, block_of]
    # an optimum of zero has no direction: any will do
    starts = np.arange(len(block_of)) == np.unique(block_of, return_index=True)[1][block_of]
    zero = dot(optimum, optimum) == 0.0
    towards = unit(np.where(zero, starts * 1.0, optimum))
    across = unit(draws.normals - dot(draws.normals, towards) * towards)
    # the projection of the optimum has the direction ``inside``
    inside = captured_share * towards + np.sqrt(1.0 - np.square(captured_share)) * across
    projected = captured_share * dot(optimum, towards) * inside
    beyond = draws.orthogonal_normals - dot(draws.orthogonal_normals, towards) * towards
    beyond = unit(beyond - dot(beyond, across) * across)
    noise = draws.noise_along[:, block_of] * inside + draws.noise_across[:, block_of] * beyond
    return projected + scale[:, block_of] / np.sqrt(observed_variances) * noise


def isotropic_law_fits(
    rng: np.random.Generator,
    counts: IntArray,
    sizes: IntArray,
    lengths: FloatArray,
    deviations: FloatArray,
) -> FloatArray:
    r"""The fits of `expert_law_fits` in isotropic blocks, in three coordinates each, (R, K, 3).

    The first is the direction of the optimum. What a fit has across it has a uniform direction, so
    that only its length is drawn: :math:`\chi_{s_g-1}` times the deviation for
    :math:`n_g \ge s_g`. For fewer samples the second coordinate completes the plane in which the
    optimum is projected, and the third is the direction of the rest.

    Parameters
    ----------
    counts : (R, K) integer array
        Training samples :math:`n_g`.
    sizes : (K,) integer array
        :math:`s_g`.
    lengths, deviations : (K,) arrays
        :math:`\|\theta_g\|` and :math:`\sqrt{\rho_g/c_g}`.
    """
    scale = deviations / chi(rng, np.abs(counts - sizes) + 1)
    few = counts < sizes
    along = rng.standard_normal(counts.shape) * scale
    across = chi(rng, np.where(few, np.maximum(counts, 1), sizes) - 1) * scale
    fits = np.zeros((*counts.shape, 3))
    fits[..., 0] = lengths + along
    fits[..., 1] = across
    if few.any():
        some = np.clip(counts, 1, np.maximum(sizes - 1, 1))
        share = rng.beta(0.5 * some, 0.5 * np.maximum(sizes - some, 1))
        inside = np.sqrt(share) * lengths + along
        plane = np.stack([np.sqrt(share) * inside, np.sqrt(1.0 - share) * inside, across], axis=-1)
        fits[few] = plane[few]
        fits[counts == 0] = 0.0
    return fits

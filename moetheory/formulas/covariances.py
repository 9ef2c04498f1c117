r"""Optimal linear predictors and their excess risks for any covariances (docs/theory.md §10).

Given group g the clean features have the second moment :math:`\Sigma_g` and the noise :math:`N_g`;
the label is :math:`x^\top b`. Neither needs blocks, and features need not be Gaussian. The
excess risk of a predictor w is

.. math:: (b-w)^\top\Sigma_g(b-w) + w^\top N_gw .

Matrices have the shape (..., K, d, d), coefficients (..., d), group probabilities (..., K); they
broadcast over the leading axes. The best w given the group and all features has the excess risk
:math:`b^\top(\Sigma_g:N_g)b` with the parallel sum :math:`A:B = A(A+B)^+B`.
"""

from __future__ import annotations

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray


def dense_excess(
    group_probabilities: FloatArray, signal: FloatArray, noise: FloatArray, coefficients: FloatArray
) -> tuple[FloatArray, FloatArray]:
    r"""Excess risk of the best predictor for all groups, (...), and given the group, (..., K).

    .. math:: w = (H+\bar N)^+Hb, \qquad H = \sum_gp_g\Sigma_g, \quad \bar N = \sum_gp_gN_g;

    the first is :math:`b^\top(H:\bar N)b`.

    Parameters
    ----------
    group_probabilities : (..., K) array
        :math:`p_g`.
    signal, noise : (..., K, d, d) arrays
        :math:`\Sigma_g` and :math:`N_g`.
    coefficients : (..., d) array
        :math:`b`.
    """
    p = group_probabilities[..., np.newaxis, np.newaxis]
    mean_signal, mean_noise = (p * signal).sum(axis=-3), (p * noise).sum(axis=-3)
    fit, missed = best_fit(mean_signal, mean_noise, coefficients)
    fit, missed = fit[..., np.newaxis, :], missed[..., np.newaxis, :]
    return _with_mean(group_probabilities, excess(signal, noise, fit, missed))


def full_expert_excess(
    group_probabilities: FloatArray, signal: FloatArray, noise: FloatArray, coefficients: FloatArray
) -> tuple[FloatArray, FloatArray]:
    r"""Excess risks of experts that are told the group and see all features.

    Given the group it is :math:`b^\top(\Sigma_g:N_g)b`. Arguments and results as for
    `dense_excess`.
    """
    b = coefficients[..., np.newaxis, :]
    fits = best_fit(signal, noise, b)
    return _with_mean(group_probabilities, excess(signal, noise, *fits))


def block_expert_excess(
    group_probabilities: FloatArray,
    signal: FloatArray,
    noise: FloatArray,
    coefficients: FloatArray,
    block_of: IntArray,
) -> tuple[FloatArray, FloatArray]:
    """Excess risks of experts that are told the group and see the coordinates of its block.

    Arguments and results as for `dense_excess`; ``block_of`` (d,) is the block of each coordinate.
    """
    groups = np.arange(group_probabilities.shape[-1])
    seen = (block_of == groups[:, np.newaxis]).astype(np.float64)
    b = coefficients[..., np.newaxis, :]
    fits = best_fit(signal, noise, b, seen)
    return _with_mean(group_probabilities, excess(signal, noise, *fits))


def best_fit(
    signal: FloatArray, noise: FloatArray, coefficients: FloatArray, seen: FloatArray | None = None
) -> tuple[FloatArray, FloatArray]:
    r"""The best predictor w of :math:`x^\top b` from the features seen, and :math:`b-w`, (..., d).

    With B the coordinates that are seen and O the others,

    .. math:: w_B = (\Sigma+N)_{BB}^+ (\Sigma b)_B, \qquad
              (b-w)_B = (\Sigma+N)_{BB}^+ (N_{BB}b_B - \Sigma_{BO}b_O),

    up to directions without signal and noise. The second does not subtract w from b, which are
    nearly equal where the signal is strong.

    Parameters
    ----------
    signal, noise : (..., d, d) arrays
        :math:`\Sigma` and N.
    coefficients : (..., d) array
        :math:`b`.
    seen : (..., d) array, optional
        1 for a coordinate that is seen, else 0; by default all are seen.
    """
    total, hidden, shown = signal + noise, 0.0 * coefficients, 1.0 if seen is None else seen
    clean, lost = np.matvec(signal, coefficients), np.matvec(noise, coefficients)
    if seen is not None:
        total = total * (seen[..., :, np.newaxis] * seen[..., np.newaxis, :])
        hidden = coefficients * (1.0 - seen)
        lost = np.matvec(noise, coefficients * seen) - np.matvec(signal, hidden)
        clean, lost = clean * seen, lost * seen
    both = _solved(total, np.stack(np.broadcast_arrays(clean, lost), axis=-1))
    # eigenvectors have rounding errors in coordinates that are not seen, whatever their units
    return shown * both[..., 0], shown * both[..., 1] + hidden


def excess(
    signal: FloatArray, noise: FloatArray, fit: FloatArray, missed: FloatArray
) -> FloatArray:
    r"""Excess risk :math:`(b-w)^\top\Sigma(b-w) + w^\top Nw`, shape (...): two squares.

    ``fit`` and ``missed``, (..., d), are w and :math:`b-w`.
    """
    found = _quadratic_form(signal, missed) + _quadratic_form(noise, fit)
    return np.maximum(found, 0.0)  # a semidefinite matrix may have lost that by rounding


def parallel_sum(first: FloatArray, second: FloatArray) -> FloatArray:
    r"""The parallel sum :math:`A:B = A(A+B)^+B` of positive semidefinite matrices, (..., d, d).

    It is computed as :math:`R^\top AR + W^\top BW` with :math:`W = (A+B)^+A` and
    :math:`R = (A+B)^+B`, which are positive semidefinite.

    >>> parallel_sum(np.diag([2.0, 1.0]), np.diag([2.0, 0.0]))
    array([[1., 0.],
           [0., 0.]])
    """
    both = _solved(first + second, np.concatenate((first, second), axis=-1))
    kept, lost = np.split(both, 2, axis=-1)
    return np.matrix_transpose(lost) @ first @ lost + np.matrix_transpose(kept) @ second @ kept


def _solved(matrix: FloatArray, right: FloatArray) -> FloatArray:
    """A solution X of ``matrix @ X = right`` for a positive semidefinite matrix, of any rank.

    Rows and columns are scaled to a diagonal of ones, so that the units of the coordinates do not
    matter. Eigenvalues that rounding explains count as zero.
    """
    deviations = np.sqrt(np.maximum(np.diagonal(matrix, axis1=-2, axis2=-1), 0.0))
    scale = (1.0 / np.where(deviations > 0.0, deviations, 1.0))[..., np.newaxis]
    eigenvalues, basis = np.linalg.eigh(matrix * (scale * np.matrix_transpose(scale)))
    rounding = matrix.shape[-1] * np.finfo(np.float64).eps * eigenvalues[..., -1:]
    inverse = np.divide(1.0, eigenvalues, out=0.0 * eigenvalues, where=eigenvalues > rounding)
    in_basis = np.matrix_transpose(basis) @ (scale * right)
    return np.asarray(scale * (basis @ (inverse[..., np.newaxis] * in_basis)))


def _quadratic_form(matrix: FloatArray, vector: FloatArray) -> FloatArray:
    """The values v'Av."""
    return np.asarray(np.vecdot(vector, np.matvec(matrix, vector)))


def _with_mean(probabilities: FloatArray, per_group: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The mean over groups, and what it is taken of."""
    return np.asarray(np.vecdot(probabilities, per_group)), per_group

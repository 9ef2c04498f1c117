"""True risks of linear predictors, which are quadratic forms in their coefficients."""

from __future__ import annotations

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray, block_sums


def group_risks(
    predictors: FloatArray,
    variances: FloatArray,
    coefficients: FloatArray,
    noise_variances: float | FloatArray,
    label_noise_variance: float,
) -> FloatArray:
    r"""True risk of linear predictors given the group, shape (..., K).

    .. math:: \sum_m \big(S_{gm}(b_m-\hat\beta_{gm})^2 + N_{gm}\hat\beta_{gm}^2\big) + \omega^2 .

    Parameters
    ----------
    predictors : (..., K, d) array, or (..., 1, d) for one that serves all groups
        :math:`\hat\beta_g`, applied to an input of group g; zero where an expert does not look.
    variances : (K, d) array
        S, as `group_variances` gives it.
    noise_variances : float, (d,) array or (K, d) array
        N: one for all, of each coordinate, or as `group_variances` gives it.
    """
    signal_loss = np.vecdot(np.square(coefficients - predictors), variances)
    if np.ndim(noise_variances) == 0:
        noise = noise_variances * np.vecdot(predictors, predictors)
    else:
        noise = np.vecdot(np.square(predictors), noise_variances)
    risks: FloatArray = signal_loss + noise + label_noise_variance
    return risks


def expert_risks(
    fits: FloatArray,
    block_of: IntArray,
    signal_variances: FloatArray,
    coefficients: FloatArray,
    noise_variance: float | FloatArray,
    unseen: FloatArray,
) -> FloatArray:
    r"""True risk of every expert on its own group, shape (..., K).

    .. math:: \sum_{m \in g} \big(\lambda_m (b_m-\hat\beta_m)^2 + n_m\hat\beta_m^2\big)
              + u_g .

    Parameters
    ----------
    fits : (..., d) array
        Coefficients :math:`\hat\beta`, each coordinate by the expert of its block.
    noise_variance : float or (d,) array
        :math:`n`, that of each coordinate while its block is active.
    unseen : (K,) array
        :math:`u_g = \sum_{m \notin g} b_m^2\nu_m + \omega^2`, what no expert g can learn.
    """
    contributions = np.square(coefficients - fits)
    contributions *= signal_variances
    contributions += noise_variance * np.square(fits)
    risks: FloatArray = block_sums(contributions, block_of) + unseen
    return risks

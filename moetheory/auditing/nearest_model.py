"""The BlockModel nearest to data, by second moments."""

from __future__ import annotations

import numpy as np

from moetheory.auditing.ridge_path import LEAST_PENALTY, SampleMoments
from moetheory.common.arrays import IntArray
from moetheory.common.errors import OutOfRangeError
from moetheory.problem import limits
from moetheory.problem.model import BlockModel

ROUNDING = 1e-12  # of a covariance, beside a larger one that it is a part of


def nearest_model(
    group_moments: list[SampleMoments],
    overall: SampleMoments,
    block_of: IntArray,
    intercept: bool,
    noise_variance: float,
) -> BlockModel | OutOfRangeError:
    r"""The block model nearest to data, by risks of experts and second moments of coordinates.

    In the eigenbasis of :math:`C_g`, the second moment of group g on its own block (about its mean
    if there is an intercept): signal variances :math:`\lambda` are its eigenvalues, coefficients b
    are those of the best expert without noise, and leakage :math:`\nu` and interference
    :math:`\kappa` make :math:`p \lambda + (1 - p) (\nu + \kappa)` the second moment of all
    samples. The part of it that is leakage, the same for all coordinates, is what labels read: it
    gives :math:`\mathbb E\,y\,x^\top b` its value over all samples. Then :math:`\omega^2` gives
    the model's experts, told the groups, the risk of the data's experts at every noise variance.
    Where :math:`\omega^2` would be negative it is 0, and less of the energy is leakage.

    Source: docs/theory.md §9. Blocks stand in the model one after the other; ``rotations`` lead
    back to the features of each, in their order. A model whose numbers are out of range is returned
    as the error that says so.
    """
    every = overall.centred(intercept)
    parts = []
    unexplained = 0.0  # the risk of the data's experts without noise
    # of b'x while the blocks are inactive, and with the labels; and what the latter is a part of
    idle_power = idle_covariance = covariance = 0.0
    for g, moments in enumerate(group_moments):
        p = moments.count / overall.count
        own = moments.centred(intercept)
        spectrum, basis = np.linalg.eigh(own.second)
        resolved = spectrum > max(LEAST_PENALTY * float(spectrum[-1]), own.rounding_level)
        along = basis.T @ own.cross
        b = np.where(resolved, along / np.where(resolved, spectrum, 1.0), 0.0)
        spectrum = np.maximum(spectrum, 0.0)
        block = np.flatnonzero(block_of == g)
        all_samples = np.einsum("ij,ik,kj->j", basis, every.second[np.ix_(block, block)], basis)
        off = np.maximum(all_samples - p * spectrum, 0.0)  # (1 - p) times the idle variance
        unexplained += p * max(own.label - float(along @ b), 0.0)
        idle_power += float(off @ b**2)
        idle_covariance += float((basis.T @ every.cross[block] - p * along) @ b)
        covariance += p * float(np.abs(along) @ np.abs(b))
        parts.append((p, spectrum, b, off / (1.0 - p) if p < 1.0 else 0.0 * off, basis))
    probabilities, spectra, coefficients, idle, bases = zip(*parts, strict=True)
    if idle_covariance <= ROUNDING * covariance:  # strict blocks stay strict
        idle_covariance = 0.0
    from_leakage = min(idle_covariance, idle_power, unexplained)
    read = from_leakage / idle_power if idle_power > 0.0 else 1.0  # by labels: leakage
    idle_variances = np.concatenate(idle)
    label_noise = unexplained - from_leakage
    try:
        return BlockModel(
            probabilities,
            np.repeat(np.arange(len(parts)), [len(each) for each in spectra]),
            limits.without_rounding(np.concatenate(spectra)),
            limits.without_rounding(np.concatenate(coefficients)),
            noise_variance,
            leakage_variances=limits.without_rounding(read * idle_variances),
            interference_variances=limits.without_rounding((1.0 - read) * idle_variances),
            label_noise_variance=label_noise if label_noise >= limits.SQUARES[0] else 0.0,
            rotations=bases,
        )
    except OutOfRangeError as error:
        return error

"""The BlockModel nearest to data, by second moments."""

from __future__ import annotations

import numpy as np

from moetheory.auditing.ridge_path import LEAST, SampleMoments
from moetheory.common.arrays import IntArray
from moetheory.problem.model import BlockModel


def nearest_model(
    of_groups: list[SampleMoments],
    overall: SampleMoments,
    block_of: IntArray,
    intercept: bool,
    noise_variance: float,
) -> BlockModel:
    r"""Blocks that are to an expert, and coordinate by coordinate to dense, what the data is.

    In the eigenbasis of :math:`C_g`, the second moment of group g on its own block (about its mean
    if there is an intercept): signal variances :math:`\lambda` are its eigenvalues, coefficients
    those of the best expert without noise, and leakage :math:`\nu` makes
    :math:`p \lambda + (1 - p) \nu` the second moment of all samples. Then :math:`\omega^2` is what
    gives the experts of the model, told the groups, the risk of those of the data at every noise
    variance. Where it would be negative it is 0 and all leakage is smaller by the factor that
    keeps that risk: labels do not depend on what leaks as they do on what experts see.

    Source: docs/theory.md §9. Blocks stand in the model one after the other; ``rotations`` lead
    back to the features of each, in their order.
    """
    second = overall.centred(intercept).second
    parts = []
    unexplained = leaking = 0.0  # parts of the risk of experts without noise
    for g, moments in enumerate(of_groups):
        p = moments.count / overall.count
        own = moments.centred(intercept)
        spectrum, basis = np.linalg.eigh(own.second)
        known = spectrum > max(LEAST * float(spectrum[-1]), own.blur)
        along = basis.T @ own.cross
        b = np.where(known, along / np.where(known, spectrum, 1.0), 0.0)
        spectrum = np.maximum(spectrum, 0.0)
        block = np.flatnonzero(block_of == g)
        all_samples = np.einsum("ij,ik,kj->j", basis, second[np.ix_(block, block)], basis)
        off = np.maximum(all_samples - p * spectrum, 0.0)  # (1 - p) times the leakage
        unexplained += p * max(own.label - float(along @ b), 0.0)
        leaking += float(off @ b**2)
        parts.append((p, spectrum, b, off / (1.0 - p) if p < 1.0 else 0.0 * off, basis))
    probabilities, spectra, coefficients, leakages, bases = zip(*parts, strict=True)
    kept = min(1.0, unexplained / leaking) if leaking > 0.0 else 1.0
    return BlockModel(
        probabilities,
        np.repeat(np.arange(len(parts)), [len(each) for each in spectra]),
        np.concatenate(spectra),
        np.concatenate(coefficients),
        noise_variance,
        leakage_variances=kept * np.concatenate(leakages),
        label_noise_variance=max(unexplained - leaking, 0.0),
        rotations=bases,
    )

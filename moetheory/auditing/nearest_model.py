"""The BlockModel nearest to data, by second moments."""

from __future__ import annotations

import numpy as np

from moetheory.auditing.fitting import Fitted
from moetheory.auditing.moments import SampleMoments
from moetheory.auditing.noise import typical_scale
from moetheory.auditing.structure import CompleteStructure
from moetheory.auditing.task import Task
from moetheory.common.arrays import IntArray
from moetheory.common.errors import OutOfRangeError
from moetheory.problem import limits
from moetheory.problem.model import BlockModel

ROUNDING = 1e-12  # of a covariance or a variance, beside a larger one


def nearest_to(
    task: Task, fitted: Fitted, found: CompleteStructure
) -> BlockModel | OutOfRangeError:
    """The model nearest to an audit's data, with features in units of a typical one."""
    if task.labels.shape[1] > 1:
        return OutOfRangeError("labels", "must be one column for a model")
    if len(set(found.own_blocks.tolist())) < len(found.own_blocks) or found.merged:
        return OutOfRangeError("groups", "must have a block each for a model")
    scale = task.features.scale / typical_scale(task.features)
    moments = [
        each.rescaled(scale[block])
        for each, block in zip(fitted.group_moments, task.blocks, strict=True)
    ]
    every = fitted.moments.rescaled(scale)
    noise = float(np.mean(np.square(scale)))
    return nearest_model(moments, every, found.block_of, task.intercept, noise)


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
        resolved = spectrum > ROUNDING * float(spectrum[-1])
        along = basis.T @ own.cross[:, 0]
        b = np.where(resolved, along / np.where(resolved, spectrum, 1.0), 0.0)
        spectrum = np.maximum(spectrum, 0.0)
        block = np.flatnonzero(block_of == g)
        all_samples = np.einsum("ij,ik,kj->j", basis, every.second[np.ix_(block, block)], basis)
        off = np.maximum(all_samples - p * spectrum, 0.0)  # (1 - p) times the idle variance
        unexplained += p * max(float(own.label[0]) - float(along @ b), 0.0)
        idle_power += float(off @ b**2)
        idle_covariance += float((basis.T @ every.cross[block, 0] - p * along) @ b)
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

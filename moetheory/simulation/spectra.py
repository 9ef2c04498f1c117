"""`simulate_spectrum`: singular values and vectors of a fixed design in random noise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.common.blas_threads import one_blas_thread
from moetheory.common.errors import ArgumentError
from moetheory.common.frozen import Frozen
from moetheory.common.seeding import RNG, entropy_of, stream
from moetheory.common.validation import count
from moetheory.predictors.spiked_design import Design
from moetheory.problem.estimators import Estimator
from moetheory.problem.model import BlockModel
from moetheory.problem.sample_counts import counts_of
from moetheory.simulation.methods.fit_risks import group_noise_variances

REPLICATES = 100
# part of the reproducibility contract: numbers in the matrices of a chunk
CHUNK = 1 << 17
MOST_NUMBERS = 2**28  # in an array: 2 GiB
EQUAL_SPIKES = 1e-9  # relative distance, of rounding, up to which spikes count as equal


@dataclass(frozen=True, eq=False, repr=False)
class SimulatedValues(Frozen):
    """Simulated values of m quantities, ``values`` (R, m), with a row for each replicate."""

    values: FloatArray

    @property
    def mean(self) -> FloatArray:
        """Mean of each quantity, (m,)."""
        return np.asarray(self.values.mean(axis=0))

    @property
    def sem(self) -> FloatArray:
        """Standard error of each mean, (m,)."""
        return np.asarray(self.values.std(axis=0, ddof=1) / math.sqrt(len(self.values)))


@dataclass(frozen=True, eq=False, repr=False)
class SpectrumEstimate(Frozen):
    r"""Monte Carlo estimate of the spectrum of a fixed design in noise, spike by spike.

    Attributes
    ----------
    coordinates, groups : (r,) integer arrays
        Coordinate and group of each spike, in the model's order.
    values, left, right : SimulatedValues
        Squared singular values, and squared overlaps with left and right singular vectors, of
        each spike: ``.mean`` and ``.sem`` (r,), ``.values`` (R, r).
    condition, contraction : SimulatedValues
        :math:`\kappa` and :math:`(\kappa-1)/(\kappa+1)` of each predictor: ``.mean`` and
        ``.sem`` (1,) or (K,), NaN where it has no spikes.
    replicates : int
    entropy : int
    """

    coordinates: IntArray
    groups: IntArray
    values: SimulatedValues
    left: SimulatedValues
    right: SimulatedValues
    condition: SimulatedValues
    contraction: SimulatedValues
    replicates: int
    entropy: int


def simulate_spectrum(
    estimator: Estimator,
    model: BlockModel,
    samples: Any,
    *,
    replicates: int = REPLICATES,
    rng: RNG = None,
) -> SpectrumEstimate:
    r"""Singular values and vectors of a fixed design in noise that is drawn, entry by entry.

    .. math:: \bar X = X + E,\quad E_{ij} \sim N(0, \sigma^2/n),

    or in general :math:`N(0, N_{gj}/n)`, the noise of coordinate j in the group of row i; for
    dense the whole matrix, for expert g its :math:`n_g` rows and :math:`s_g` columns,
    decomposed by a plain singular value decomposition: no formula is used. X has the squared
    singular values :math:`\ell_m = (n_g/n)\lambda_m`; right singular vectors are coordinates, left
    ones are rows of the group, as good as any others of that group.

    Observed singular values are matched with spikes by order within a predictor. Spikes that
    are equal share: each gets their mean squared singular value, and the sum of its squared
    overlaps with their vectors. Spikes that are closer than the fluctuations, of order
    :math:`n^{-1/2}`, are told apart no better than their order is. Noise of several variances may
    change this order, and a loud coordinate without signal may come before a spike.

    Parameters
    ----------
    estimator : Dense or MoE
        Without ridge; of an MoE the experts, routed by `Oracle`.
    model : BlockModel
        With strict blocks; coordinates without signal are noise only.
    samples : int or (K,) integers
        n, divided among the groups in proportion, or :math:`n_g`.
    replicates : int
        Noise matrices to draw, at least 2.
    rng : int, SeedSequence, Generator or None
        As for `simulate`.

    Returns
    -------
    SpectrumEstimate
        ``condition`` and ``contraction`` are those of the single draws, before equal spikes
        share.

    Raises
    ------
    ValueError
        The model has leakage, the estimator a ridge; a group has fewer samples, but some, than
        coordinates with signal; a number is none.
    NoClosedForm
        The gate is not `Oracle`.

    Notes
    -----
    Source: docs/theory.md §8; [SNB] Theorem 4.7.

    Examples
    --------
    >>> from moetheory import Dense, spiked_spectrum
    >>> model = BlockModel([1.0], [0] * 50, [4.0, 2.0] + [0.0] * 48, [1.0] * 50, 1.0)
    >>> found = simulate_spectrum(Dense(), model, 200, rng=0)
    >>> theory = spiked_spectrum(Dense(), model, 200)
    >>> theory.values
    array([5.3125, 3.375 ])
    >>> bool(np.all(np.abs(found.values.mean - theory.values) < 6 * found.values.sem))
    True
    """
    design = Design.of(estimator, model, samples)
    counts = counts_of(samples, model)
    most = MOST_NUMBERS // max(4 * len(design.signal), 1)  # of results, which are all kept
    total = count("replicates", replicates, minimum=2, maximum=most)
    largest = float(np.max(design.rows.astype(np.float64) * design.columns))
    if largest > MOST_NUMBERS:
        raise ArgumentError(
            "samples",
            f"must give matrices of at most {MOST_NUMBERS:.2g} numbers, got one of {largest:.2g}",
        )
    entropy = entropy_of(rng)
    found = np.zeros((4, total, len(design.signal)))
    with one_blas_thread():
        for predictor in np.unique(design.predictor_of).tolist():
            own = np.flatnonzero(design.predictor_of == predictor)
            # in falling order, like singular values
            own = own[np.argsort(-design.signal[own])]
            shape = int(design.rows[predictor]), int(design.columns[predictor])
            deviations = _noise_deviations(design, model, counts, predictor, own)
            chunk = max(1, CHUNK // math.prod(shape))
            for number, start in enumerate(range(0, total, chunk)):
                noise = stream(entropy, number, (predictor,)).standard_normal(
                    (min(chunk, total - start), *shape)
                )
                noise *= deviations
                found[:, start : start + chunk, own] = _decompositions(design.signal[own], noise)
    raw, values, left, right = found
    condition, contraction = design.conditioning(raw)
    return SpectrumEstimate(
        coordinates=design.coordinates,
        groups=design.groups,
        values=SimulatedValues(values),
        left=SimulatedValues(left),
        right=SimulatedValues(right),
        condition=SimulatedValues(condition),
        contraction=SimulatedValues(contraction),
        replicates=total,
        entropy=entropy,
    )


def _noise_deviations(
    design: Design, model: BlockModel, counts: IntArray, predictor: int, own: IntArray
) -> float | FloatArray:
    """Standard deviations of the noise that a predictor observes: one, or one for each entry.

    The spikes ``own`` have the first rows and columns, in their order.
    """
    variances = group_noise_variances(model)
    if isinstance(variances, float):
        return math.sqrt(variances / design.samples)
    dense = len(design.rows) == 1
    spikes, groups = design.coordinates[own], design.groups[own]
    seen = np.flatnonzero(dense | (model.block_of == predictor))
    columns = np.concatenate([spikes, np.setdiff1d(seen, spikes)])
    all_groups = np.arange(model.experts)
    others = np.where(dense | (all_groups == predictor), counts, 0)
    others = others - np.bincount(groups, minlength=model.experts)
    rows = np.concatenate([groups, np.repeat(all_groups, others)])
    by_group = np.broadcast_to(variances, (model.experts, model.dim))
    return np.asarray(np.sqrt(by_group[rows[:, np.newaxis], columns] / design.samples))


def _decompositions(signal: FloatArray, matrices: FloatArray) -> FloatArray:
    """Singular values and overlaps of k spikes in the noise ``matrices`` (R, n, d), (4, R, k).

    The spikes are added to the diagonal of the noise, which is overwritten. Rows of the result are
    squared singular values, their means over equal spikes, left overlaps and right overlaps.
    """
    k = np.arange(len(signal))
    matrices[:, k, k] += np.sqrt(signal)
    left, singular, right = np.linalg.svd(matrices, full_matrices=False)
    raw = np.square(singular[:, k])
    same = np.isclose(signal[:, np.newaxis], signal, rtol=EQUAL_SPIKES, atol=0.0)
    return np.stack(
        [
            raw,
            np.where(same, raw[:, np.newaxis], 0.0).sum(axis=2) / same.sum(axis=1),
            np.where(same, np.square(left[:, : k.size, k]), 0.0).sum(axis=2),
            np.where(same, np.square(right[:, k, : k.size]), 0.0).sum(axis=1),
        ]
    )

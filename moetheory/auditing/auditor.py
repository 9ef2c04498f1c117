"""The audit of a data set, from features and labels to a verdict."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from moetheory.auditing.arguments import (
    checked_labels,
    checked_noise,
    checked_structure,
    held_out_mask,
)
from moetheory.auditing.energies import EnergyGate
from moetheory.auditing.features import Features
from moetheory.auditing.fitting import Fitted, fit
from moetheory.auditing.leads import Crossovers, lead
from moetheory.auditing.measuring import Measured, measure
from moetheory.auditing.modularity import (
    equivalent_leakage,
    group_share,
    share_by_chance,
    share_when_shuffled,
)
from moetheory.auditing.nearest_model import nearest_model
from moetheory.auditing.outcome import Audit
from moetheory.auditing.predictors import NAMES
from moetheory.auditing.structure import complete_structure, require_samples
from moetheory.auditing.task import Task
from moetheory.common.arrays import FloatArray
from moetheory.common.errors import ArgumentError
from moetheory.common.seeding import RNG, entropy_of, stream
from moetheory.common.terminal import Report, reporting
from moetheory.common.validation import count, flag

SHUFFLED_SAMPLES = 2000  # samples whose features are shuffled, for the share of energy by chance
MOST_REPEATS = 1000  # draws of a chunk that are in memory at the same time
TIE = 1e-12  # of the variance of labels: smaller differences of squared errors are rounding
SPLIT, SHUFFLE, GATE, PREDICT, MEASURE, RESAMPLE = range(6)  # streams of random numbers


def audit(
    features: ArrayLike,
    labels: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    block_of: ArrayLike | None = None,
    experts: int | None = None,
    noise_variances: ArrayLike | None = None,
    held_out: ArrayLike = 0.25,
    repeats: int = 4,
    intercept: bool = True,
    center: bool = False,
    rng: RNG = None,
    progress: Report | bool | None = None,
) -> Audit:
    r"""Compare dense and experts on data under feature noise, by theory and by measurement.

    From second moments of the training samples follow the best linear predictors under noise of
    variance :math:`\sigma^2` that is added to the features: of all features (dense),
    :math:`\beta = (C + \sigma^2 I)^{-1} c`, and for each group of the features of its block
    (experts), :math:`\beta_g = (C_{gg} + \sigma^2 I)^{-1} c_g`; and their risks,

    .. math:: R = \frac1n \sum_i e_i^2 + \sigma^2 \|\beta\|^2,

    with :math:`e_i` the error at sample i of a fit without sample i. No law of the features is
    assumed. Then noise is drawn on samples that were held out.

    Parameters
    ----------
    features : (n, d) array
        Real numbers of any type, d at most 2¹⁴; a memory map is read in chunks of rows, never
        copied as a whole.
    labels : (n,) array
        Numbers, or two classes of any kind, which are predicted by squared error.
    groups : (n,) array of integers or names, optional
        The expert of each sample. If not given it is found: the block with the largest energy
        (sum of squares) relative to its mean on the training samples.
    block_of : (d,) array of integers or names, optional
        The expert of each feature. If not given it is found by spectral clustering of the
        correlations between squares of features on the training samples (negative ones count as
        none), and given groups take the blocks of largest energy.
    experts : int, optional
        How many blocks to find; as many as the largest gap in the spectrum shows if not given.
    noise_variances : (L,) array, optional
        Variances of the added noise; 0 and ten values from 1/100 to 10 times the mean square of the
        features if not given.
    held_out : float or (n,) boolean array
        The share of samples to hold out, of every group if groups are given; or which.
    repeats : int
        Draws of noise for each held-out sample, and for each training sample behind a gate; from 1
        to 1000.
    intercept : bool
        Whether predictors have an intercept, each expert its own.
    center : bool
        Measure features from their training means. Energies are squares: leave it False where 0
        is what a feature is at rest (counts, rectified activations), else set it.
    rng : int, SeedSequence, Generator or None
    progress : callable or bool, optional
        Called as ``progress(done, total)`` in rows read, or given noise; True prints a line on
        stderr.

    Returns
    -------
    Audit

    Raises
    ------
    ValueError
        An argument is none of the above; features are not finite (how many, and where first) or
        constant; there are fewer training samples than groups, or an expert has none at all: it
        cannot be fitted, merge its block with another's.

    Notes
    -----
    The gate sends a sample to the expert with the largest :math:`a_j + c_j u_j`, :math:`u_j` the
    noisy energy of block j, with numbers fitted by logistic regression at each noise level. Where
    groups were found by energy the gate without noise is the one that found them. Source:
    docs/theory.md §9.

    Examples
    --------
    Three blocks with a little leakage; which features belong together is found:

    >>> from moetheory import BlockModel
    >>> world = BlockModel.isotropic(24, 3, noise_variance=0.0, signal_energy=24.0)
    >>> world = world.replace(leakage_variances=0.05, label_noise_variance=0.1)
    >>> sample = world.sample(4000, rng=0)
    >>> found = audit(sample.features, sample.labels, rng=0)
    >>> found.block_of.tolist() == world.block_of.tolist()
    True
    >>> bool(abs(found.z("moe")).max() < 4)  # standard errors between risks predicted and measured
    True

    Dense is better without noise, experts with noise; theory predicts the crossover:

    >>> lead = found.crossovers["moe"]
    >>> 0.03 < lead.predicted.begins.low < lead.measured.begins.high < 0.1, lead.agree
    (True, True)

    ``print(found.table())`` and ``print(found.verdict)`` give the details, `plot` draws it, and
    ``found.model`` goes into every other verb.
    """
    entropy = entropy_of(rng)
    repeats = count("repeats", repeats, minimum=1, maximum=MOST_REPEATS)
    intercept, center = flag("intercept", intercept), flag("center", center)
    if experts is not None:
        experts = count("experts", experts, minimum=1)
    with reporting(progress, "audit", unit="rows") as report:
        rows_read = _RowsRead(report)
        x = Features(features, rows_read)
        y = checked_labels(labels, x.samples)
        given = checked_structure(groups, block_of, experts, x.samples, x.dim)
        mask = held_out_mask(held_out, x.samples, given.groups, stream(entropy, SPLIT))
        rows, held = np.flatnonzero(~mask), np.flatnonzero(mask)
        passes = 3 + center + (given.block_of is None)
        rows_read.total = 2 * x.samples + passes * len(rows) + (1 + repeats) * len(held)
        if given.groups is None:
            rows_read.total += min(SHUFFLED_SAMPLES, len(rows))
        x.check()
        if center:
            x.move_to_mean(rows)
        found = complete_structure(given, experts, x, rows)
        require_samples(found, rows)

        own, energies = found.groups[rows], found.energies[rows]
        signal = math.ldexp(float(energies.mean(axis=0).sum()) / x.dim, 2 * x.exponent)
        if signal < np.finfo(float).tiny:
            raise ArgumentError(
                "features",
                f"must not vanish on all training samples, got a mean square of {signal:g}",
            )
        levels = checked_noise(noise_variances, signal, x.exponent)
        noise = np.ldexp(levels, -2 * x.exponent)
        task = Task(x, y.values, found.groups, found.block_of, found.energies, intercept, noise)
        gate = EnergyGate.fitted(energies, task.sizes, own, noise, stream(entropy, GATE))
        if given.groups is None and noise[0] == 0.0:
            gate = gate.with_first_level(EnergyGate.relative(energies.mean(axis=0)))
        fitted = fit(task, rows, gate, repeats, stream(entropy, PREDICT))
        predictors = {name: fitted.predictors[name] for name in NAMES}
        measured = measure(predictors, task, held, repeats, stream(entropy, MEASURE), y.boundary)

        chance = (
            share_when_shuffled(x, rows, found.block_of, SHUFFLED_SAMPLES, stream(entropy, SHUFFLE))
            if given.groups is None
            else share_by_chance(energies, own)
        )
        return Audit(
            columns=_columns(levels, fitted, measured),
            crossovers=_crossovers(
                noise,
                math.ldexp(1.0, 2 * x.exponent),
                fitted,
                measured,
                y.values,
                stream(entropy, RESAMPLE),
            ),
            group_share=group_share(energies, own),
            chance_share=chance,
            leakage=equivalent_leakage(energies, own),
            nearest=nearest_model(
                fitted.group_moments,
                fitted.moments,
                found.block_of,
                intercept,
                math.ldexp(signal, -2 * x.exponent),
            ),
            predictors=predictors,
            signal=signal,
            names=found.names,
            groups=found.groups,
            block_of=found.block_of,
            held_out=mask,
            classes=y.classes,
            centre=x.centre * math.ldexp(1.0, x.exponent),
            feature_unit=math.ldexp(1.0, x.exponent),
            label_unit=math.ldexp(1.0, y.exponent),
            entropy=entropy,
        )


def _columns(noise: FloatArray, fitted: Fitted, measured: Measured) -> dict[str, NDArray[Any]]:
    """The columns of the table: mean losses with their standard errors, and accuracies."""
    columns: dict[str, NDArray[Any]] = {"noise_variance": noise}
    for name in NAMES:
        for what, losses in (("predicted", fitted.losses), ("measured", measured.losses)):
            sem = f"{name}_predicted_sem" if what == "predicted" else f"{name}_sem"
            each = losses[name]
            columns[f"{name}_{what}"] = each.mean(axis=0)
            columns[sem] = each.std(axis=0, ddof=1) / np.sqrt(len(each))
        if measured.hits is not None:
            columns[f"{name}_accuracy"] = measured.hits[name].mean(axis=0)
    return columns


def _crossovers(
    noise: FloatArray,
    unit: float,
    fitted: Fitted,
    measured: Measured,
    labels: FloatArray,
    rng: np.random.Generator,
) -> dict[str, Crossovers]:
    """The crossovers against dense of experts with given groups and of experts behind a gate.

    ``unit`` is that of the noise.
    """
    found = {}
    for name in ("moe", "moe(hard)"):
        predicted, observed = (
            lead(noise, _gains(losses["dense"], losses[name], labels), rng).times(unit)
            for losses in (fitted.losses, measured.losses)
        )
        found[name] = Crossovers(predicted, observed)
    return found


def _gains(dense: FloatArray, experts: FloatArray, labels: FloatArray) -> FloatArray:
    """The squared errors that experts save over dense; 0 where the difference is rounding."""
    gains = dense - experts
    return np.where(np.abs(gains) <= TIE * labels.var(), 0.0, gains)


class _RowsRead:
    """A count of the rows that are read, reported to ``progress``."""

    def __init__(self, progress: Report | None) -> None:
        self.total, self._done, self._progress = 0, 0, progress

    def __call__(self, rows: int) -> None:
        self._done += rows
        if self._progress is not None:
            self._progress(self._done, self.total)

"""The audit of a data set, from features and labels to a verdict."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from moetheory.auditing.arguments import (
    checked_clusters,
    checked_structure,
    held_out_mask,
    straddling,
)
from moetheory.auditing.chance import chance_of
from moetheory.auditing.comparison import columns_of, crossovers_of
from moetheory.auditing.expert_numbers import chosen_structure, numbers_of_experts
from moetheory.auditing.features import Features
from moetheory.auditing.fitting import fit
from moetheory.auditing.labels import Kind as LabelKind
from moetheory.auditing.labels import read_labels
from moetheory.auditing.leads import fine_levels
from moetheory.auditing.measuring import measure
from moetheory.auditing.modularity import equivalent_leakage, group_share
from moetheory.auditing.nearest_model import nearest_to
from moetheory.auditing.noise import (
    NoiseKind,
    checked_levels,
    feature_noise,
    internal_levels,
    own_factor,
)
from moetheory.auditing.notes import notes_on_features, notes_on_samples
from moetheory.auditing.outcome import Audit
from moetheory.auditing.predictors import NAMES, Units
from moetheory.auditing.routers import Chosen, RouterKind, require_router
from moetheory.auditing.routing import add_routed, router_to
from moetheory.auditing.rows_read import RowsRead
from moetheory.auditing.sample_sets import sample_sets
from moetheory.auditing.tabular import table_of
from moetheory.auditing.task import Task
from moetheory.common.arrays import IntArray
from moetheory.common.errors import ArgumentError
from moetheory.common.seeding import RNG, entropy_of, stream
from moetheory.common.terminal import Report, reporting
from moetheory.common.validation import count, flag

MOST_REPEATS = 1000  # draws of noise for each sample
SPLIT, SHUFFLE, ROUTE, PREDICT, MEASURE, RESAMPLE = range(6)  # streams of random numbers


def audit(
    features: Any,
    labels: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    block_of: ArrayLike | None = None,
    experts: int | Iterable[int] | Literal["auto"] | None = None,
    router: RouterKind | Chosen = "energy",
    noise: NoiseKind | ArrayLike = "equal",
    noise_variances: ArrayLike | None = None,
    held_out: ArrayLike = 0.25,
    repeats: int = 4,
    intercept: bool = True,
    center: bool = True,
    classes: bool | None = None,
    clusters: ArrayLike | None = None,
    keep_constant: bool = False,
    rng: RNG = None,
    progress: Report | bool | None = None,
) -> Audit:
    r"""Compare dense and experts on data under feature noise, by theory and by measurement.

    From second moments of the training samples follow the best linear predictors under noise of
    covariance :math:`\tau N` that is added to the features: of all features (dense),
    :math:`\beta = (C + \tau N)^{-1} c`, and the same for the samples of each group alone, of all
    features or of those of its block (experts); and their risks,

    .. math:: R = \frac1n \sum_i e_i^2 + \tau\,\beta^\top N\beta,

    with :math:`e_i` the error at sample i of a fit without sample i. No law of the features is
    assumed. Then noise is drawn on samples that were held out.

    Parameters
    ----------
    features : (n, d) array or table
        Real numbers of any type, d at most 2¹⁴, as an array, a data frame or what becomes an array;
        a memory map is read in chunks of rows, never copied as a whole. Features that never vary
        are left out. Units and offsets change no result without noise.
    labels : (n,) or (n, m) array
        Numbers, or classes of any kind, which are predicted by squared error: of two classes one
        is 1, of more each against the rest.
    groups : (n,) array of integers or names, optional
        The expert of each sample, such as the ids of a router of yours. If not given they are
        found: the block with the largest energy (sum of squares) relative to its mean on the
        training samples; or they are what a ``router`` of yours says of features without noise.
    block_of : (d,) array of integers or names, optional
        The expert of each feature. If not given it is found by spectral clustering of the
        correlations between squares of features on the training samples (negative ones count as
        none), and given groups take the blocks of largest energy.
    experts : int, iterable of int or "auto", optional
        How many blocks to find; as many as hold most of the correlations of squares if not given.
        Of several numbers, or "auto" (1 to 16), the best by the same rule, with a table of
        predicted risks (`Audit.choice`).
    router : {"energy", "logistic", "nearest"} or callable
        What sends a sample to an expert by its noisy features: block energies, multinomial logistic
        regression or the nearest centre, each fitted to the groups of training samples at each
        noise level; or a function of features (n, d) that gives the group of each.
    noise : {"equal", "relative", "own", "dropout"}, (d,) or (d, d) array
        What is added: independent noise of one variance, or of one beside each feature's own; noise
        with the covariance of the features; a feature is dropped, to its mean, with a probability;
        independent noise of given variances, or of a given covariance.
    noise_variances : (L,) array, optional
        Noise levels: variances of equal noise, else factors of what ``noise`` says, or
        probabilities. If not given, 0 and ten values from 1/100 to 10 times the variance of a
        typical feature.
    held_out : float or (n,) boolean array
        The share of samples to hold out, of every group if groups are given; or which.
    repeats : int
        Draws of noise for each held-out sample, and for each training sample behind a router; from
        1 to 1000.
    intercept : bool
        Whether predictors have an intercept, each expert its own.
    center : bool
        Subtract the training means of features. Energies are squares: set it False where features
        are 0 when they are inactive (counts, rectified units).
    classes : bool, optional
        True: numbers are names of classes. False: labels with two values are numbers. If not given,
        text and labels with two values are classes.
    clusters : (n,) array, optional
        What each sample belongs to (a document, a user). Samples of one cluster stay together in
        the split, when samples are left out, and in standard errors. So do identical samples.
    keep_constant : bool
        Whether a feature that never varies is an error; otherwise it is left out.
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
        An argument is none of the above; features are not finite (how many, and where first);
        there are too few training samples.

    Notes
    -----
    Source: docs/theory.md §9.

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
    >>> bool(abs(found.z("moe(block)")).max() < 4)  # between risks predicted and measured
    True

    Dense is better without noise, experts of one block with noise; theory predicts the crossover:

    >>> lead = found.crossovers["moe(block)"]
    >>> 0.03 < lead.predicted.begins.low < lead.measured.begins.high < 0.1, lead.agree
    (True, True)

    ``print(found)`` gives the verdict, ``print(found.table())`` the numbers, `plot` draws them, and
    ``found.model`` goes into every other verb.
    """
    entropy = entropy_of(rng)
    repeats = count("repeats", repeats, minimum=1, maximum=MOST_REPEATS)
    intercept, center = flag("intercept", intercept), flag("center", center)
    keep_constant = flag("keep_constant", keep_constant)
    asked = require_router(router)
    with reporting(progress, "audit", unit="rows") as report:
        rows_read = RowsRead(report)
        table = table_of(features)
        x = Features(table, rows_read)
        y = read_labels(labels, x.samples, _label_kind(classes))
        numbers = numbers_of_experts(experts, x.width)
        given = checked_structure(groups, block_of, numbers.only, x.samples, x.width)
        own_clusters = None if clusters is None else checked_clusters(clusters, x.samples)
        rows_read.expect(x.samples, noise_variances, repeats, len(numbers.asked))
        x.check()
        sets = sample_sets(x, y.values, own_clusters)
        mask = held_out_mask(held_out, x.samples, given.groups, sets.of, stream(entropy, SPLIT))
        if own_clusters is not None and (divided := straddling(own_clusters, mask)):
            raise ArgumentError(
                "held_out", f"must not divide clusters, got {divided} that are on both sides"
            )
        rows, held = np.flatnonzero(~mask), np.flatnonzero(mask)
        rows = rows[np.argsort(sets.of[rows], kind="stable")]
        dropped = x.prepare(rows, center=center, keep_constant=keep_constant)
        unit = math.ldexp(1.0, y.exponent)
        units = Units(x.kept, x.width, x.centre, x.scale, unit, x.level, table.names)

        spoken = feature_noise(noise, x)
        told = checked_levels(noise_variances, spoken)
        levels, at = fine_levels(internal_levels(told, spoken))
        function = units.of_units(asked) if callable(asked) else None
        found, choice = chosen_structure(given, numbers, x, y.values, rows, function, intercept)
        if spoken.kind == "own":
            spoken = replace(spoken, factor=own_factor(x, rows))
        task = Task(x, y.values, found.groups, found.blocks, sets.of, intercept, spoken, levels, at)
        routes = router_to(function or asked, task, found, rows, stream(entropy, ROUTE))
        fitted = fit(task, rows)
        add_routed(fitted, task, rows, routes, repeats, stream(entropy, PREDICT))
        predictors = {name: fitted.predictors[name] for name in NAMES}
        measured = measure(
            predictors,
            task,
            held,
            repeats,
            stream(entropy, MEASURE),
            y.boundary,
            classes=y.classes is not None,
        )
        chance = chance_of(x, rows, found, given, function, stream(entropy, SHUFFLE))
        own_energies = found.energies[rows]
        own_blocks = found.own_blocks[found.groups[rows]]
        resampling = stream(entropy, RESAMPLE)
        rows_read.finish()
        return Audit(
            columns=columns_of(told, task, fitted, measured, rows, held),
            crossovers=crossovers_of(told, task, fitted, measured, rows, held, resampling),
            group_share=group_share(own_energies, own_blocks),
            chance=chance,
            leakage=equivalent_leakage(own_energies, own_blocks),
            nearest=nearest_to(task, fitted, found),
            standardised=predictors,
            units=units,
            signal=float(np.mean(np.square(x.scale))),
            names=found.names,
            groups=found.groups,
            block_of=_of_all_columns(found.block_of, x),
            held_out=mask,
            classes=y.classes,
            noise=spoken.kind,
            astray=measured.astray.mean(axis=0),
            label_power=float(y.values[rows].var(axis=0).sum()),
            source=found.source,
            router=asked if isinstance(asked, str) else "yours",
            notes=(
                *notes_on_features(
                    x,
                    dropped,
                    sets,
                    straddling(sets.of, mask),
                    spoken,
                    center=center,
                    collinear=fitted.collinear,
                ),
                *notes_on_samples(task, found, y.classes, rows, held, own_clusters),
                *([f"{y.note[0].lower()}{y.note[1:]}."] if y.note else []),
            ),
            choice=choice,
            entropy=entropy,
        )


def _label_kind(classes: bool | None) -> LabelKind | None:
    """How labels are read, as `read_labels` takes it."""
    if classes is None:
        return None
    return "classes" if flag("classes", classes) else "regression"


def _of_all_columns(block_of: IntArray, x: Features) -> IntArray:
    """The block of each column, -1 of those that are left out."""
    blocks = np.full(x.width, -1)
    blocks[x.kept] = block_of
    return blocks

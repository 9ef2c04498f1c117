"""The audit of a data set, from features and labels to a verdict."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from moetheory.auditing.arguments import (
    Structure,
    known_labels,
    known_noise,
    known_structure,
    split,
)
from moetheory.auditing.blocks import blocks_of, coactivation
from moetheory.auditing.energies import Gate, block_sums
from moetheory.auditing.features import Features
from moetheory.auditing.leads import lead
from moetheory.auditing.measuring import measure
from moetheory.auditing.nearest import nearest_model
from moetheory.auditing.outcome import Audit, Crossovers
from moetheory.auditing.prediction import Training, fit
from moetheory.simulation.seeding import RNG, entropy_of, stream
from moetheory.validation import FloatArray, IntArray, count, flag

CHANCE_ON = 2000  # samples whose features are shuffled to see what chance makes of them
ORDER = ("dense", "moe", "moe(hard)", "dense(tuned)", "moe(all)")
TIE = 1e-12  # of the variance of labels: a difference of squared errors that is none
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
    progress: Callable[[int, int], None] | None = None,
) -> Audit:
    r"""Hold the theory against data: who wins at which feature noise, foreseen and measured.

    From second moments of the training samples follow the best linear predictors under noise of
    variance :math:`\sigma^2` that is added to the features: of all features (dense),
    :math:`\beta = (C + \sigma^2 I)^{-1} c`, and for each group of the features of its block
    (experts), :math:`\beta_g = (C_{gg} + \sigma^2 I)^{-1} c_g`; and the risk of each,

    .. math:: R = \frac1n \sum_i e_i^2 + \sigma^2 \|\beta\|^2,

    with :math:`e_i` the error at sample i of a fit without it. No law of the features is assumed.
    Then noise is drawn on samples that were held out.

    Parameters
    ----------
    features : (n, d) array
        Of any real type; a memory map is read in chunks of rows and never copied as a whole.
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
        Of the noise to add; 0 and ten values from 1/100 to 10 times the mean square of the
        features if not given.
    held_out : float or (n,) boolean array
        The share of samples to hold out, of every group if groups are given; or which.
    repeats : int
        Draws of noise for each held-out sample, and for each training sample behind a gate.
    intercept : bool
        Whether predictors have one, each expert its own.
    center : bool
        Measure features from their training means. Energies are squares: leave it False where 0
        is what a feature is at rest (counts, rectified activations), else set it.
    rng : int, SeedSequence, Generator or None
    progress : callable, optional
        Called as ``progress(done, total)`` in rows read, or given noise.

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
    Three blocks that leak a little, and nobody says which features belong together:

    >>> from moetheory import BlockModel
    >>> world = BlockModel.isotropic(24, 3, noise_variance=0.0, signal_energy=24.0)
    >>> world = world.replace(leakage_variances=0.05, label_noise_variance=0.1)
    >>> sample = world.sample(4000, rng=0)
    >>> found = audit(sample.features, sample.labels, rng=0)
    >>> found.block_of.tolist() == world.block_of.tolist()
    True
    >>> bool(abs(found.z("moe")).max() < 4)  # standard errors between risks predicted and measured
    True

    Dense is better without noise, experts with it; the theory says from where on:

    >>> lead = found.crossovers["moe"]
    >>> 0.03 < lead.predicted.begins.low < lead.measured.begins.high < 0.1, lead.agree
    (True, True)

    ``print(found.table())`` and ``print(found.verdict)`` say it at length, `plot` draws it, and
    ``found.model`` goes into every other verb.
    """
    entropy = entropy_of(rng)
    repeats = count("repeats", repeats, minimum=1)
    intercept, center = flag("intercept", intercept), flag("center", center)
    if experts is not None:
        experts = count("experts", experts, minimum=1)
    rows_read = _RowsRead(progress)
    x = Features(features, rows_read)
    y = known_labels(labels, x.samples)
    given = known_structure(groups, block_of, experts, x.samples, x.dim)
    mask = split(held_out, x.samples, given.groups, stream(entropy, SPLIT))
    rows, held = np.flatnonzero(~mask), np.flatnonzero(mask)
    passes = 3 + center + (given.block_of is None)
    rows_read.total = 2 * x.samples + passes * len(rows) + (1 + repeats) * len(held)
    if given.groups is None:
        rows_read.total += min(CHANCE_ON, len(rows))
    x.check()
    if center:
        x.move_to_mean(rows)
    found = _completed(given, experts, x, rows)
    _require_samples(found, rows)

    own, energies = found.groups[rows], found.energies[rows]
    signal = float(energies.mean(axis=0).sum()) / x.dim
    if signal < np.finfo(float).tiny:
        raise ValueError(
            f"features must not vanish on all training samples, got a mean square of {signal:g}"
        )
    noise = known_noise(noise_variances, signal)
    sizes = np.bincount(found.block_of)
    gate = Gate.fitted(energies, sizes, own, noise, stream(entropy, GATE))
    if given.groups is None and noise[0] == 0.0:
        gate = gate.without_noise(Gate.relative(energies.mean(axis=0)))
    training = Training(
        x, rows, y.values, found.groups, found.block_of, len(sizes), intercept, noise
    )
    fitted = fit(training, gate, repeats, stream(entropy, PREDICT))
    predictors = {name: fitted.predictors[name] for name in ORDER}
    measured = measure(
        predictors,
        x,
        held,
        y.values,
        found.groups,
        found.block_of,
        noise,
        repeats,
        stream(entropy, MEASURE),
        y.boundary,
    )

    columns: dict[str, NDArray[Any]] = {"noise_variance": noise}
    for name in ORDER:
        for what, losses in (("predicted", fitted.losses), ("measured", measured.losses)):
            sem = f"{name}_predicted_sem" if what == "predicted" else f"{name}_sem"
            each = losses[name]
            columns[f"{name}_{what}"] = each.mean(axis=0)
            columns[sem] = each.std(axis=0, ddof=1) / np.sqrt(len(each))
        if measured.hits is not None:
            columns[f"{name}_accuracy"] = measured.hits[name].mean(axis=0)
    resample = stream(entropy, RESAMPLE)
    crossovers = {
        name: Crossovers(
            *(
                lead(noise, _gains(losses["dense"], losses[name], y.values), resample)
                for losses in (fitted.losses, measured.losses)
            )
        )
        for name in ("moe", "moe(hard)")
    }
    on, off = _energies_on_and_off(energies, own)
    chance = (
        _share_by_chance(x, rows, found.block_of, stream(entropy, SHUFFLE))
        if given.groups is None
        else float(np.bincount(own) / len(own) @ energies.mean(axis=0)) / (signal * x.dim)
    )
    return Audit(
        columns=columns,
        crossovers=crossovers,
        group_share=_share(energies, own),
        chance_share=chance,
        leakage=float(np.sqrt(off / on)),
        model=nearest_model(fitted.of_groups, fitted.moments, found.block_of, intercept, signal),
        predictors=predictors,
        signal=signal,
        names=found.names,
        groups=found.groups,
        block_of=found.block_of,
        held_out=mask,
        classes=y.classes,
        centre=x.centre,
        entropy=entropy,
    )


def _gains(of: FloatArray, over: FloatArray, labels: FloatArray) -> FloatArray:
    """Differences of squared errors, none where only rounding makes them."""
    gains = of - over
    return np.where(np.abs(gains) <= TIE * labels.var(), 0.0, gains)


class _RowsRead:
    """Counts rows for whoever wants to know."""

    def __init__(self, progress: Callable[[int, int], None] | None) -> None:
        self.total, self._done, self._progress = 0, 0, progress

    def __call__(self, rows: int) -> None:
        self._done += rows
        if self._progress is not None:
            self._progress(self._done, self.total)


class _Found(NamedTuple):
    """Experts by name, the group of each sample, the block of each feature, block energies."""

    names: list[Any]
    groups: IntArray
    block_of: IntArray
    energies: FloatArray


def _completed(given: Structure, experts: int | None, x: Features, rows: IntArray) -> _Found:
    """What is not given, found from the training ``rows``."""
    blocks = given.block_of
    if blocks is None:
        chunks = (chunk for _, chunk in x.chunks(rows))
        wanted = len(given.names) or experts
        blocks = blocks_of(coactivation(chunks, x.dim), wanted, samples=len(rows))
    names = given.names or list(range(int(blocks.max()) + 1))
    energies = np.empty((x.samples, len(names)))
    for part, chunk in x.chunks(np.arange(x.samples)):
        energies[part] = block_sums(np.square(chunk), blocks)
    groups = given.groups
    if groups is None:
        groups = Gate.relative(energies[rows].mean(axis=0)).route(energies, 0)
    elif given.block_of is None:
        of_block = _matched(energies[rows], groups[rows])
        blocks = of_block[blocks]
        energies = energies[:, np.argsort(of_block)]
    return _Found(names, groups, blocks, energies)


def _matched(energies: FloatArray, groups: IntArray) -> IntArray:
    """The group of each block, (K,): together they get the largest relative energies."""
    from scipy.optimize import linear_sum_assignment

    experts = energies.shape[1]
    means = energies.mean(axis=0)
    relative = energies / np.where(means > 0.0, means, 1.0)
    members = np.bincount(groups, minlength=experts)
    totals = np.zeros((experts, experts))
    np.add.at(totals, groups, relative)
    by_group = totals / np.maximum(members, 1)[:, np.newaxis]
    return np.asarray(linear_sum_assignment(by_group.T, maximize=True)[1], dtype=np.int64)


def _require_samples(found: _Found, rows: IntArray) -> None:
    experts = len(found.names)
    if len(rows) < experts:
        raise ValueError(
            f"features must have at least as many training samples as there are groups, "
            f"got {len(rows)} for {experts}"
        )
    members = np.bincount(found.groups[rows], minlength=experts)
    if not members.all():
        empty = found.names[int(np.argmin(members))]
        raise ValueError(
            f"groups must give every expert a training sample, got none for {empty} (of "
            f"{experts} experts): merge its block with another's, or hold out fewer samples"
        )


def _share(energies: FloatArray, groups: IntArray) -> float:
    own = energies[np.arange(len(groups)), groups]
    return float(own.sum() / energies.sum())


def _energies_on_and_off(energies: FloatArray, groups: IntArray) -> tuple[float, float]:
    """Mean energies of blocks in their groups, and off them, summed over the blocks."""
    experts = energies.shape[1]
    if experts == 1:
        return float(energies.mean()), 0.0
    members = np.bincount(groups, minlength=experts)
    own = np.bincount(groups, energies[np.arange(len(groups)), groups], experts)
    off = (energies.sum(axis=0) - own) / (len(groups) - members)
    return float((own / members).sum()), float(off.sum())


def _share_by_chance(
    x: Features, rows: IntArray, block_of: IntArray, rng: np.random.Generator
) -> float:
    """The share in the largest of blocks whose features have nothing to do with each other."""
    some = rows[np.sort(rng.permutation(len(rows))[:CHANCE_ON])]
    whole = np.concatenate([chunk for _, chunk in x.chunks(some)])
    rng.permuted(whole, axis=0, out=whole)
    energies = block_sums(np.square(whole), block_of)
    return _share(energies, Gate.relative(energies.mean(axis=0)).route(energies, 0))

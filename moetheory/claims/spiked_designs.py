"""Designs with a few spikes, and experiments that observe them through noise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from moetheory.claims import training_sets as training
from moetheory.claims.declaration import Outcome, Setting, Side
from moetheory.common.seeding import child
from moetheory.problem.estimators import Estimator, MoE
from moetheory.problem.model import BlockModel
from moetheory.simulation import SpectrumEstimate, simulate_spectrum
from moetheory.theory.spiked_spectra import Noise, SpikedSpectrum, spiked_spectrum

Spikes = Sequence[Sequence[float]]  # squared singular values, group by group

MATRICES = 600  # drawn at the smallest size; half as many at twice the size
SIZES, TIMES = np.array([5, 4, 2]), (2, 4, 8)


def samples_of(sizes: Any) -> tuple[int, ...]:
    """4, 1/2 and 2 samples a coordinate in turn: more than coordinates, and fewer."""
    rates = np.array([4.0, 0.5, 2.0])[np.arange(len(sizes)) % 3]
    return tuple(np.ceil(rates * sizes).astype(int).tolist())


def design(sizes: Any, spikes: Spikes, noise_variance: float) -> BlockModel:
    """The model whose rows have these spikes."""
    counts = np.array(samples_of(sizes))
    n, starts = counts.sum(), np.cumsum(sizes) - sizes
    signal = np.zeros(int(np.sum(sizes)))
    for g, values in enumerate(spikes):
        signal[starts[g] : starts[g] + len(values)] = np.array(values) * n / counts[g]
    blocks = np.repeat(np.arange(len(sizes)), sizes)
    return BlockModel(counts / n, blocks, signal, np.ones(len(signal)), noise_variance)


def sized(spikes: Spikes, times: int = TIMES[0]) -> BlockModel:
    """These spikes in rows and columns that are so many times as many."""
    return design(times * SIZES, spikes, 1.0)


def spectrum(estimator: Estimator, model: BlockModel, noise: Noise = "own") -> SpikedSpectrum:
    """What theory says, at the samples that go with the model."""
    return spiked_spectrum(estimator, model, samples_of(model.sizes), noise=noise)


@lru_cache(maxsize=16)
def drawn(
    estimator: Estimator, model: BlockModel, replicates: int, entropy: int
) -> SpectrumEstimate:
    """What simulation says; dense and experts independently."""
    return simulate_spectrum(
        estimator,
        model,
        samples_of(model.sizes),
        replicates=replicates,
        rng=child(entropy, int(isinstance(estimator, MoE))),
    )


def condition(estimator: Estimator, noise: Noise = "own") -> Side:
    """Kappa of dense, or of the expert that has the largest."""
    return lambda model: float(np.nanmax(spectrum(estimator, model, noise).condition))


def smaller_condition(
    smaller: Estimator, larger: Estimator, model: BlockModel, setting: Setting
) -> Outcome:
    """Whether the mean of one kappa is below that of the other, as drawn."""
    replicates = setting.replicates or MATRICES // 2
    left, right = (
        np.nanmax(drawn(each, model, replicates, setting.entropy).condition.values, axis=1)
        for each in (smaller, larger)
    )
    met = setting.control * float(right.mean()) - float(left.mean())
    sems = [float(each.std(ddof=1)) / math.sqrt(replicates) for each in (left, right)]
    factors = (f"{each.label} {spectrum(each, model).worst:.3g}" for each in (smaller, larger))
    return training.one_sided(
        float(left.mean()),
        math.hypot(sems[0], setting.control * sems[1]),
        met,
        replicates,
        setting,
        resolution=0.2,  # less than half of the differences at issue
        scale=float(left.mean()),
        note=f"contraction in the limit: {', '.join(factors)}",
    )


def _parts(found: Any, what: str) -> list[Any]:
    return [found.values] if what == "values" else [found.left, found.right]


def _deviation(
    estimator: Estimator, what: str, model: BlockModel, replicates: int, setting: Setting
) -> tuple[float, float]:
    """Root mean square of the relative deviations from the limits, and its standard error."""
    found = _parts(drawn(estimator, model, replicates, setting.entropy), what)
    limits = np.concatenate(_parts(spectrum(estimator, model), what))
    values = np.concatenate([draws.values for draws in found], axis=1)
    squares = np.square(values / (setting.control * limits) - 1.0).mean(axis=1)
    size = math.sqrt(float(squares.mean()))
    return size, float(squares.std(ddof=1)) / math.sqrt(replicates) / (2.0 * size)


def falling_error(estimator: Estimator, what: str, spikes: Spikes, setting: Setting) -> Outcome:
    """Whether "values" or "overlaps" close in on their limits, at least like n^(-2/5).

    Fluctuations are of order n^(-1/2) and the bias of order n^(-1), so the exponent is -1/2 in
    the limit, and less where the bias still counts. Beside a wrong limit it is near 0.
    """
    most = setting.replicates or MATRICES
    sizes, errors, sems = [], [], []
    for halvings, times in enumerate(TIMES):
        model = sized(spikes, times)
        error, sem = _deviation(estimator, what, model, max(2, most >> halvings), setting)
        sizes.append(sum(samples_of(model.sizes)))
        errors.append(error)
        sems.append(sem)
    found, sem = training.slope(sizes, errors, sems)
    listed = ", ".join(
        f"{100 * error:.2g} ± {100 * each:.1g} % at n = {n}"
        for n, error, each in zip(sizes, errors, sems, strict=True)
    )
    return training.one_sided(
        found,
        sem,
        -0.4 - found,
        most,
        setting,
        resolution=0.4,
        note=f"off by {listed}: n^({found:.2f} ± {sem:.2f})",
    )

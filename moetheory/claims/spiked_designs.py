"""Fixed designs with a few spikes, and experiments that observe them through noise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from moetheory.claims.declaration import Side
from moetheory.claims.experiments import Outcome, Setting
from moetheory.claims.outcomes import WITH_SLACK, Mean, fitted_exponent, inequality_outcome
from moetheory.common.seeding import child
from moetheory.problem.estimators import Estimator, MoE
from moetheory.problem.model import BlockModel
from moetheory.simulation import SpectrumEstimate, simulate_spectrum
from moetheory.theory.spiked_spectra import Noise, SpikedSpectrum, spiked_spectrum

Spikes = Sequence[Sequence[float]]  # squared singular values, group by group

MATRICES = 400  # drawn at the smallest size; half as many at twice the size
BLOCK_SIZES, SCALES = np.array([5, 4, 2]), (2, 4, 8)


def samples_of(sizes: Any) -> tuple[int, ...]:
    """Sample counts of blocks of these sizes: 4, 1/2 and 2 samples a coordinate in turn."""
    rates = np.array([4.0, 0.5, 2.0])[np.arange(len(sizes)) % 3]
    return tuple(np.ceil(rates * sizes).astype(int).tolist())


def design(sizes: Any, spikes: Spikes, noise_variance: float) -> BlockModel:
    """The model whose design has the given spikes (squared singular values) in each block."""
    counts = np.array(samples_of(sizes))
    n, starts = counts.sum(), np.cumsum(sizes) - sizes
    signal = np.zeros(int(np.sum(sizes)))
    for g, values in enumerate(spikes):
        signal[starts[g] : starts[g] + len(values)] = np.array(values) * n / counts[g]
    blocks = np.repeat(np.arange(len(sizes)), sizes)
    return BlockModel(counts / n, blocks, signal, np.ones(len(signal)), noise_variance)


def scaled_design(spikes: Spikes, times: int = SCALES[0]) -> BlockModel:
    """The design with the given spikes and ``times`` as many rows and columns."""
    return design(times * BLOCK_SIZES, spikes, 1.0)


def draw_sizes(rng: np.random.Generator) -> dict[str, Any]:
    """Random sizes of one to three blocks, the values of r, a and q, and whose a and q they are.

    That block, ``own``, is the one of the highest threshold.
    """
    least = 8.0  # a few spikes are fewer than half of the coordinates
    sizes = (least ** rng.uniform(1.0, 2.5, int(rng.integers(1, 4)))).astype(np.int64)
    counts = np.array(samples_of(sizes))
    own = int(np.argmax(sizes * counts))
    return {
        "sizes": sizes,
        "own": own,
        "r": math.sqrt(sizes.sum() / counts.sum()),
        "a": math.sqrt(sizes[own] / sizes.sum()),
        "q": math.sqrt(counts[own] / counts.sum()),
    }


def spectrum(estimator: Estimator, model: BlockModel, noise: Noise = "own") -> SpikedSpectrum:
    """The spectrum in theory, at the sample counts of `samples_of`."""
    return spiked_spectrum(estimator, model, samples_of(model.sizes), noise=noise)


@lru_cache(maxsize=16)
def drawn_spectrum(
    estimator: Estimator, model: BlockModel, replicates: int, entropy: int
) -> SpectrumEstimate:
    """The spectrum in simulation; dense and experts are drawn independently."""
    return simulate_spectrum(
        estimator,
        model,
        samples_of(model.sizes),
        replicates=replicates,
        rng=child(entropy, int(isinstance(estimator, MoE))),
    )


def largest_condition_of(estimator: Estimator, noise: Noise = "own") -> Side:
    """The condition number kappa of dense, or the largest of the experts', as a side of a claim."""
    return lambda model: float(np.nanmax(spectrum(estimator, model, noise).condition))


def smaller_condition(
    smaller: Estimator, larger: Estimator, model: BlockModel, setting: Setting
) -> Outcome:
    """The experiment on two condition numbers: the mean of ``smaller`` is below ``larger``'s."""
    replicates = setting.replicates or MATRICES // 2
    left, right = (
        np.nanmax(drawn_spectrum(each, model, replicates, setting.entropy).condition.values, axis=1)
        for each in (smaller, larger)
    )
    means = Mean.of(left, WITH_SLACK), Mean.of(right, WITH_SLACK)
    margin = means[0]._replace(
        value=setting.control * means[1].value - means[0].value,
        sem=math.hypot(means[0].sem, setting.control * means[1].sem),
    )
    factors = (f"{each.label} {spectrum(each, model).worst:.3g}" for each in (smaller, larger))
    return inequality_outcome(
        means[0].value,
        margin,
        setting,
        resolution=0.2,  # less than half of the differences at issue
        scale=means[0].value,
        note=f"contraction in the limit: {', '.join(factors)}",
    )


def _parts(found: Any, what: str) -> list[Any]:
    """The spikes' observed values, or their left and right overlaps."""
    return [found.values] if what == "values" else [found.left, found.right]


def _deviation(
    estimator: Estimator, what: str, model: BlockModel, replicates: int, setting: Setting
) -> Mean:
    """Root mean square of the relative deviations from the limits."""
    found = _parts(drawn_spectrum(estimator, model, replicates, setting.entropy), what)
    limits = np.concatenate(_parts(spectrum(estimator, model), what))
    values = np.concatenate([draws.values for draws in found], axis=1)
    square = Mean.of(np.square(values / (setting.control * limits) - 1.0).mean(axis=1), WITH_SLACK)
    size = math.sqrt(square.value)
    return square._replace(value=size, sem=square.sem / (2.0 * size))


def falling_error(estimator: Estimator, what: str, spikes: Spikes, setting: Setting) -> Outcome:
    """The experiment on convergence: deviations from the limits fall at least like n^(-2/5).

    ``what`` is "values" or "overlaps".

    Fluctuations are of order n^(-1/2) and the bias of order n^(-1), so the exponent is -1/2 in
    the limit, and less where the bias still counts. Beside a wrong limit it is near 0.
    """
    most = setting.replicates or MATRICES
    models = [scaled_design(spikes, times) for times in SCALES]
    sizes = [sum(samples_of(model.sizes)) for model in models]
    errors = [
        _deviation(estimator, what, model, max(2, most >> halvings), setting)
        for halvings, model in enumerate(models)
    ]
    found = fitted_exponent(sizes, errors)
    listed = ", ".join(
        f"{100 * error.value:.2g} ± {100 * error.sem:.1g} % at n = {n}"
        for n, error in zip(sizes, errors, strict=True)
    )
    return inequality_outcome(
        found.value,
        found._replace(value=-0.4 - found.value, replicates=most),
        setting,
        resolution=0.4,
        note=f"off by {listed}: n^({found.value:.2f} ± {found.sem:.2f})",
    )

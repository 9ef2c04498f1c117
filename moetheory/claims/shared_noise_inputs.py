"""Experiments with noise that blocks share: squared errors of predictors on drawn inputs.

Blocks have equal sizes and one signal variance. Coordinates at the same position of different
blocks have noise of correlation ρ; ``unshared`` is 1 - ρ.
"""

from __future__ import annotations

from functools import lru_cache, partial

import numpy as np

from moetheory.claims.declaration import Side
from moetheory.claims.experiments import Outcome, Setting
from moetheory.claims.fresh_inputs import inputs_of, most_inputs
from moetheory.claims.outcomes import Mean, inequality_outcome, mean_outcome
from moetheory.claims.stages import Experiment, in_stages
from moetheory.common.arrays import FloatArray
from moetheory.problem.model import BlockModel

NAMES = ("dense", "MoE", "full experts")
DENSE, MOE, FULL = range(3)  # FULL: experts that see all coordinates
INPUTS = 1_000_000
ROWS = 1 << 17  # numbers that are drawn at once, few enough that memory is used again
RESOLUTION = 0.02

_most_inputs = partial(most_inputs, default=INPUTS)


def coefficients_by_position(model: BlockModel) -> FloatArray:
    """The coefficients at each position of the K blocks, (s, K)."""
    order = np.argsort(model.block_of, kind="stable")
    return np.asarray(model.coefficients[order].reshape(model.experts, -1).T)


def noise_covariance(model: BlockModel, unshared: float) -> FloatArray:
    r"""The covariance :math:`\sigma^2((1-\rho)I + \rho 11^\top)` of the noise of a position."""
    noise = float(model.noise_variance)
    covariance = np.full((model.experts, model.experts), noise * (1.0 - unshared))
    np.fill_diagonal(covariance, noise)
    return covariance


def measured(which: int, expected: Side, unshared: float) -> Experiment:
    """The experiment on an identity: the mean of squared errors against ``expected``.

    ``unshared`` is here K(1 - ρ), as in `ordered`.
    """

    def experiment(model: BlockModel, setting: Setting) -> Outcome:
        inputs = inputs_of(setting, model)
        errors = _squared_errors(model, unshared / model.experts, inputs, setting.entropy)
        wanted = setting.control * expected(model)
        return mean_outcome(errors[which], wanted, setting, resolution=RESOLUTION)

    return in_stages(experiment, _most_inputs)


def ordered(left: int, right: int, unshared: float) -> Experiment:
    """The experiment on an order: the mean difference of squared errors on the same inputs."""

    def experiment(model: BlockModel, setting: Setting) -> Outcome:
        inputs = inputs_of(setting, model)
        errors = _squared_errors(model, unshared / model.experts, inputs, setting.entropy)
        outcome = inequality_outcome(
            float(errors[left].mean()),
            Mean.of(setting.control * errors[right] - errors[left]),
            setting,
            resolution=RESOLUTION,
            scale=float(errors[right].mean()),
        )
        # the left side may be so much smaller that errors of its size take millions of inputs
        return outcome._replace(relative_to=NAMES[right])

    return in_stages(experiment, _most_inputs)


@lru_cache(maxsize=4)
def _squared_errors(model: BlockModel, unshared: float, inputs: int, entropy: int) -> FloatArray:
    """The squared errors of `DENSE`, `MOE` and `FULL`, (3, inputs), without label noise."""
    rng = np.random.default_rng(entropy)
    rows = max(ROWS // model.dim, 1)
    fits = _fits(model, unshared)
    parts = [
        _drawn_errors(model, unshared, fits, min(rows, inputs - start), rng)
        for start in range(0, inputs, rows)
    ]
    return np.concatenate(parts, axis=1)


def _fits(model: BlockModel, unshared: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The best coefficients: dense and on the own block, (s, K), and of each group, (K, s, K)."""
    b, signal = coefficients_by_position(model), float(model.signal_variances[0])
    noise, mean = float(model.noise_variance), signal / model.experts
    covariance = noise_covariance(model, unshared)
    units = signal * np.eye(model.experts)
    weights = [np.linalg.solve(covariance + np.diag(unit), unit) for unit in units]
    return (
        b * (mean / (mean + noise * unshared)),
        b * (signal / (signal + noise)),
        np.stack([np.outer(b[:, g], weight) for g, weight in enumerate(weights)]),
    )


def _drawn_errors(
    model: BlockModel,
    unshared: float,
    fits: tuple[FloatArray, FloatArray, FloatArray],
    rows: int,
    rng: np.random.Generator,
) -> FloatArray:
    """The squared errors on ``rows`` drawn inputs, (3, rows)."""
    b, signal, noise = (
        coefficients_by_position(model),
        float(model.signal_variances[0]),
        float(model.noise_variance),
    )
    every, group = np.arange(rows), rng.integers(model.experts, size=rows)
    own, common = (rng.standard_normal((rows, len(b), n)) for n in (model.experts, 1))
    features = np.sqrt(noise * unshared) * own + np.sqrt(noise * (1.0 - unshared)) * common
    clean = np.sqrt(signal) * rng.standard_normal((rows, len(b)))
    features[every, :, group] += clean
    dense, alone, full = fits
    predictions = (
        np.tensordot(features, dense, axes=2),
        np.vecdot(features[every, :, group], alone.T[group]),
        np.vecdot(features, full[group]).sum(axis=1),
    )
    labels = np.vecdot(clean, b.T[group])
    return np.asarray(np.square(np.array(predictions) - labels))

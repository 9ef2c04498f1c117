"""The numbers of a problem that a reader of its results asks for."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from moetheory.common.arrays import FloatArray, block_sums
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation

VARYING = math.nan  # in place of a number, where coordinates or groups have several


def setting_of(
    model: BlockModel, samples: ArrayLike | None = None, under: Perturbation | None = None
) -> dict[str, float]:
    """The numbers of a problem; those that are zero by default only where they are not.

    >>> setting_of(BlockModel.isotropic(8, 4, 1.0), samples=40)
    {'dim': 8, 'experts': 4, 'noise_variance': 1.0, 'signal_energy': 1.0, 'samples': 40.0}
    """
    return dict(_numbers(model, samples, under))


def shared(settings: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """What several settings have in common.

    >>> shared([{"dim": 8, "experts": 2}, {"dim": 8, "experts": 4}])
    {'dim': 8}
    """
    return {
        name: value
        for name, value in settings[0].items()
        if all(name in each and _alike(each[name], value) for each in settings)
    }


def _alike(one: float, other: float) -> bool:
    return one == other or (math.isnan(one) and math.isnan(other))


def _numbers(
    model: BlockModel, samples: ArrayLike | None, under: Perturbation | None
) -> Iterator[tuple[str, float]]:
    yield "dim", model.dim
    yield "experts", model.experts
    if np.ptp(model.group_probabilities) > 1e-9:
        yield "group_probabilities", VARYING
    yield "noise_variance", _number(model.noise_variance)
    energies = block_sums(model.signal_variances, model.block_of)
    if np.allclose(energies, energies[0], rtol=1e-9):
        yield "signal_energy", float(energies[0])
    within = block_sums(np.square(model.signal_variances), model.block_of) * model.sizes
    if not np.allclose(within, energies**2, rtol=1e-9):
        yield "signal_variances", VARYING
    for name in ("leakage_variances", "interference_variances", "label_noise_variance"):
        if np.any(getattr(model, name)):
            yield name, _number(getattr(model, name))
    yield "samples", float(np.inf if samples is None else np.sum(samples))
    if under is None:
        return
    for name in ("noise_variance", "interference_variances"):
        if getattr(under, name) is not None:
            yield f"test_{name}", _number(getattr(under, name))
    if under.confusion is not None:
        yield "misrouting", _rate(under.confusion)
    for name in ("drag", "erasure", "radius"):
        if getattr(under, name):
            yield name, float(getattr(under, name))


def _number(values: ArrayLike) -> float:
    """The number that all values are."""
    first = float(np.ravel(values)[0])
    return first if np.all(values == first) else VARYING


def _rate(confusion: FloatArray) -> float:
    """The rate of errors that are spread evenly."""
    rates = 1.0 - np.diagonal(confusion)
    wrong = confusion[~np.eye(len(confusion), dtype=bool)]
    even = np.ptp(rates) < 1e-12 and np.ptp(wrong) < 1e-12
    return float(rates[0]) if even else VARYING

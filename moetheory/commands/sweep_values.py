"""The values of a sweep that names none."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from moetheory.problem.model import BlockModel

MOST_THRESHOLDS = 8  # around which sample sizes are denser


def default_values(over: str, model: BlockModel) -> list[Any]:
    """The default values of the swept quantity, other than the number of experts."""
    if over == "samples":
        return sample_sizes(model)
    if over == "steps":
        return [int(t) for t in np.unique(np.rint(np.geomspace(1, 1000, 25)))]
    noise, values = float(np.mean(model.noise_variance)) or 1.0, np.arange(11) / 10
    match over:
        case "noise_variance":
            values = noise * np.logspace(-2, 2, 17)
        case "test_noise_variance":
            values = noise * np.logspace(-1, 2, 13)
        case "leakage" | "interference" | "overlap":
            values = np.arange(21) / 20
        case "smallest_probability":
            values = np.logspace(-3, 0, 13) / model.experts
        case "signal_to_noise":
            values = np.logspace(-2, 2, 17)
        case "erasure":
            values = np.arange(10) / 10
        case "radius":
            values = _largest_radius(model) * values
    return list(values.tolist())


def _largest_radius(model: BlockModel) -> float:
    """The radius that changes the best label by twice the root of the risk of predicting zero."""
    slope = float(np.linalg.norm(model.coefficients))
    return 2.0 * math.sqrt(model.null_risk) / slope if slope > 0.0 else 1.0


def divisors(number: int) -> list[int]:
    """The divisors of a number above 0, in order.

    >>> divisors(12)
    [1, 2, 3, 4, 6, 12]
    """
    small = [k for k in range(1, math.isqrt(number) + 1) if number % k == 0]
    large = [number // k for k in reversed(small) if k * k < number]
    return small + large


def sample_sizes(model: BlockModel) -> list[int]:
    """The default sizes of training sets, from d/8 to 8d and denser around the thresholds.

    There are four sizes to the octave. The thresholds are n = d for dense and :math:`n_g = s_g`
    for the experts. A risk is infinite up to one sample away from a threshold. The first and the
    last such size and their neighbours are included (for the experts as far as counts follow
    their shares), so that a figure shows the gap where it is.
    """
    d = model.dim
    near = 2.0 ** np.arange(-6, -2)
    sizes = [np.geomspace(d / 8, 8 * d, 25), d * (1 - near), d * (1 + near), d + np.arange(-2, 3)]
    drawn = model.group_probabilities > 0.0
    groups = np.stack([model.sizes[drawn], model.group_probabilities[drawn]], axis=1)
    for s, p in np.unique(groups, axis=0)[:MOST_THRESHOLDS]:
        below, above = math.floor((s - 2) / p), math.ceil((s + 2) / p)
        sizes.append(np.array([below, below + 1, s / p, above - 1, above]))
    rounded = np.unique(np.rint(np.concatenate(sizes)))
    return [int(n) for n in rounded if max(1, d / 8) <= n <= 8 * d]

r"""The range in which results are right: what a model or a perturbation refuses beyond it.

Formulas multiply squares, as in :math:`\sigma^4 \lambda^2 b^2`, and simulations square squared
errors. Within these limits no such product overflows or vanishes, and least squares on features
with noise keeps enough digits. Source: docs/theory.md §1.
"""

from __future__ import annotations

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.common.errors import OutOfRangeError
from moetheory.common.validation import Limits, distinct

# sizes of numbers that are not 0
NUMBERS: Limits = (1e-40, 1e40)  # probabilities, variances, coefficients, ridges
SQUARES: Limits = (1e-80, 1e80)  # of labels: the variance of their noise
LENGTHS: Limits = (1e-20, 1e20)  # of features: their squares are variances
FACTORS: Limits = (1e-12, 1e12)  # of features: the drag
RATIOS: Limits = (1e-15, 1e15)  # of feature noise to the largest signal energy of a group
MOST_COORDINATES = 2**27  # of a model that is made from a few numbers: an array of 1 GiB
SLACK = 1e-9  # of these ratios: the sum of variances is rounded
ROUNDING = 1e-10  # of the largest eigenvalue or coefficient: smaller ones may be rounding


def noise_limits(block_of: IntArray, signal: FloatArray, leakage: FloatArray) -> Limits:
    """The smallest and the largest feature noise, other than 0, of such a model."""
    energy = _signal_energy(block_of, signal, leakage)
    if energy == 0.0:
        return NUMBERS
    return max(NUMBERS[0], RATIOS[0] * energy), min(NUMBERS[1], RATIOS[1] * energy)


def check_noise(
    noise: float | FloatArray,
    interference: FloatArray,
    block_of: IntArray,
    signal: FloatArray,
    leakage: FloatArray,
) -> None:
    """Refuse feature noise that is too small or too large beside the signal."""
    energy = _signal_energy(block_of, signal, leakage)
    if energy == 0.0:
        return
    least, most = RATIOS
    for name, given, low in (
        ("noise_variance", np.atleast_1d(noise), least * energy),
        ("interference_variances", distinct(interference), 0.0),
    ):
        high = most * energy
        bad = (given != 0.0) & ~(((1.0 - SLACK) * low <= given) & (given <= (1.0 + SLACK) * high))
        if bad.any():
            times = f"between {least:g} and {most:g}" if low else f"at most {most:g}"
            range_ = f"between {low:g} and {high:g}" if low else f"at most {high:g}"
            at = int(np.argmax(bad))
            place = "" if given.size == 1 else f" at index {at}"
            raise OutOfRangeError(
                name,
                f"must be 0 or {times} times the largest signal energy of a group, "
                f"{energy:g}: {range_}, got {given[at]:g}{place}",
            )


def _signal_energy(block_of: IntArray, signal: FloatArray, leakage: FloatArray) -> float:
    r"""The largest signal energy of a group: :math:`\max_g \mathbb E(\|x\|^2 \mid g)`."""
    own = np.bincount(block_of, signal)
    if not distinct(leakage).any():
        return float(own.max())
    leaked = np.bincount(block_of, leakage)
    return float((own + (leaked.sum() - leaked)).max())


def without_rounding(values: FloatArray) -> FloatArray:
    """The ``values`` with 0 for those below the range that may be rounding beside the largest."""
    sizes = np.abs(values)
    rounding = (sizes < NUMBERS[0]) & (sizes <= ROUNDING * sizes.max(initial=0.0))
    return np.where(rounding, 0.0, values)

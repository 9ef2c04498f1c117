"""Sample counts: how many training samples each group gets."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Literal, get_args

import numpy as np

from moetheory.common.arrays import IntArray
from moetheory.common.errors import ArgumentError
from moetheory.common.validation import choice, count, read_only, regular_array
from moetheory.problem.model import BlockModel

Counts = Literal["fixed", "multinomial"]
COUNTS: tuple[Counts, ...] = get_args(Counts)
MOST_SAMPLES = 2**63 - 1
MOST_REPLICATES = 10**15  # years of work for what is fastest to draw


def counts_of(samples: Any, model: BlockModel) -> IntArray:
    r"""The counts :math:`n_g`, (K,), of the training samples ``samples``.

    An integer n is divided by largest remainder, :math:`n_g \approx p_g n`, in exact arithmetic
    (equal remainders: the lower group first). Counts are used as given; some groups, but not
    all, may have none.

    Raises
    ------
    ValueError
        A count is negative or not an integer, there are not K of them, or their total is zero
        or more than 2⁶³ - 1.

    Examples
    --------
    >>> model = BlockModel([0.2, 0.5, 0.3], [0, 1, 2], [1.0, 1.0, 1.0], [1.0, 1.0, 1.0], 1.0)
    >>> counts_of(12, model).tolist(), counts_of([5, 0, 7], model).tolist()
    ([2, 6, 4], [5, 0, 7])
    """
    if regular_array("samples", samples).ndim == 0:
        n = count("samples", samples, minimum=1, maximum=MOST_SAMPLES)
        result = _largest_remainder_counts(n, model.group_probabilities.tolist())
    else:
        shape = regular_array("samples", samples).shape
        if shape != (model.experts,):
            raise ArgumentError(
                "samples", f"must be an integer or have shape ({model.experts},), got {shape}"
            )
        # one by one: an array of them would turn True into 1 and 2⁶³ into a float
        given = samples.tolist() if isinstance(samples, np.ndarray) else samples
        result = [
            count(f"samples[{g}]", each, minimum=0, maximum=MOST_SAMPLES)
            for g, each in enumerate(given)
        ]
        total = sum(result)
        if total == 0:
            raise ArgumentError("samples", "must be at least 1 in total, got 0")
        if total > MOST_SAMPLES:
            raise ArgumentError("samples", f"must be at most {MOST_SAMPLES} in total, got {total}")
    counts = np.array(result, dtype=np.int64)
    read_only(counts)
    return counts


def checked_replicates(replicates: Any, minimum: int = 2) -> int:
    """``replicates`` as an integer from ``minimum`` to 10¹⁵.

    >>> checked_replicates(1000)
    1000
    """
    return count("replicates", replicates, minimum=minimum, maximum=MOST_REPLICATES)


def checked_counts(counts: Any) -> Counts:
    """``counts`` itself; ValueError for anything but "fixed" and "multinomial"."""
    return choice("counts", counts, COUNTS)


def _largest_remainder_counts(n: int, probabilities: list[float]) -> list[int]:
    """The shares of n by largest remainder; equal remainders favour the lower group."""
    weights = [Fraction(p) for p in probabilities]
    total = sum(weights)
    quotas = [n * weight / total for weight in weights]
    counts = [int(quota) for quota in quotas]
    remainders = sorted(range(len(quotas)), key=lambda g: counts[g] - quotas[g])
    for g in remainders[: n - sum(counts)]:
        counts[g] += 1
    return counts

"""A strategy for sample counts."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from moetheory.common.errors import ArgumentError
from moetheory.common.validation import count
from moetheory.problem.model import BlockModel, checked_model
from moetheory.problem.sample_counts import MOST_SAMPLES


def sample_counts(
    model: BlockModel | None = None, *, min_samples: int = 1, max_samples: int = 1000
) -> st.SearchStrategy[int | list[int]]:
    """A strategy for numbers of training samples: what ``samples=`` takes.

    Parameters
    ----------
    model : BlockModel, optional
        Also draw K counts, those of the groups of this model; some may be zero. Without it: one
        number, which suits every model.
    min_samples, max_samples : int
        The least and the largest total.

    Notes
    -----
    At some totals the expected risk after fitting is infinite (docs/theory.md §4).

    Examples
    --------
    >>> from hypothesis import find
    >>> model = BlockModel.isotropic(dim=6, experts=3, noise_variance=1.0)
    >>> find(sample_counts(), lambda n: n > 9)
    10
    >>> find(sample_counts(model), lambda n: isinstance(n, list))
    [1, 0, 0]
    """
    groups = None if model is None else checked_model(model).experts
    least = count("min_samples", min_samples, minimum=1, maximum=MOST_SAMPLES)
    most = count("max_samples", max_samples, minimum=1, maximum=MOST_SAMPLES)
    if most < least:
        raise ArgumentError("max_samples", f"must be at least min_samples, {least}, got {most}")

    @st.composite
    def counts(draw: Any) -> int | list[int]:
        total: int = draw(st.integers(least, most))
        if groups is None or not draw(st.booleans()):
            return total
        shares: list[int] = []
        for _ in range(groups - 1):  # the others' samples; what they leave has the first group
            shares.append(draw(st.integers(0, total - sum(shares))))
        return [total - sum(shares), *shares]

    return counts()

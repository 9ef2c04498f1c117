"""How many experts: structures for several numbers of blocks, and the best of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from moetheory.auditing.arguments import Structure
from moetheory.auditing.block_numbers import best_number, blocks_show
from moetheory.auditing.blocks import block_counts, blocks_of
from moetheory.auditing.features import Features
from moetheory.auditing.fitting import moments_of_rows
from moetheory.auditing.ridge_path import RidgePath
from moetheory.auditing.routers import Chosen
from moetheory.auditing.structure import (
    CompleteStructure,
    complete_structure,
    correlations_of,
)
from moetheory.common.arrays import FloatArray, IntArray
from moetheory.common.errors import ArgumentError, ArgumentTypeError, Mention
from moetheory.common.validation import count, shown

AUTOMATIC = range(1, 17)
CLEARLY = 2.0  # standard errors by which more experts must be better


class ExpertNumbers(NamedTuple):
    """The numbers of experts that are asked for: one, several, or none if empty.

    ``automatic`` ones may be none where groups or blocks say how many there are.
    """

    asked: tuple[int, ...]
    automatic: bool = False

    @property
    def only(self) -> int | None:
        """The number, if it is one."""
        return self.asked[0] if len(self.asked) == 1 else None


class Choice(NamedTuple):
    """Numbers of experts that were compared.

    Attributes
    ----------
    experts : tuple of int
    risks : tuple of float
        Predicted, of experts restricted to their block, under noise as large as the features.
    chosen : int
        The number whose blocks hold most of the correlations of squares.
    least_risky : int
        The number with the least predicted risk, or the smallest that is as good within errors.
    """

    experts: tuple[int, ...]
    risks: tuple[float, ...]
    chosen: int
    least_risky: int


def numbers_of_experts(experts: Any, dim: int) -> ExpertNumbers:
    """The numbers of experts that are asked for, from 1 to ``dim``: of several, those up to it."""
    if experts is None:
        return ExpertNumbers(())
    if isinstance(experts, str):
        if experts != "auto":
            raise ArgumentError(
                "experts", f"must be a number, several numbers or 'auto', got {shown(experts)}"
            )
        return ExpertNumbers(tuple(k for k in AUTOMATIC if k <= dim), automatic=True)
    is_scalar = isinstance(experts, np.ndarray) and experts.ndim == 0
    if isinstance(experts, Iterable) and not is_scalar:
        asked = tuple(sorted({count("experts", each, minimum=1) for each in experts}))
        if not asked:
            raise ArgumentError("experts", "must have a number, got none")
        return ExpertNumbers(tuple(k for k in asked if k <= dim) or asked[:1])
    if isinstance(experts, bool):
        raise ArgumentTypeError("experts", f"must be a number, got {experts}")
    return ExpertNumbers((count("experts", experts, minimum=1, maximum=dim),))


def chosen_structure(
    given: Structure,
    numbers: ExpertNumbers,
    x: Features,
    labels: FloatArray,
    rows: IntArray,
    router: Chosen | None,
    intercept: bool,
) -> tuple[CompleteStructure, Choice | None]:
    """The structure, with the best of several numbers of experts.

    It is the one whose blocks hold most of the correlations of squares; these are computed once.
    """
    if len(numbers.asked) > 1 and given.names and not numbers.automatic:
        raise ArgumentError(
            "experts",
            "must be left out where ",
            Mention("groups"),
            " or ",
            Mention("block_of"),
            f" say how many there are, got {len(numbers.asked)} numbers",
        )
    if not given.names:
        _require_room(numbers, x.dim, len(rows))
    correlations = np.empty((0, 0))
    if given.block_of is None:
        correlations = correlations_of((chunk for _, chunk in x.chunks(rows)), x.dim)
    find: Callable[[int | None], IntArray]
    if len(numbers.asked) < 2 or given.names:
        find = partial(blocks_of, correlations, samples=len(rows))
        return complete_structure(given, numbers.only, x, rows, router, find), None
    asked = [k for k in numbers.asked if k <= min(x.dim, len(rows))]
    blocks = block_counts(correlations, asked)
    structures = {
        k: complete_structure(given, k, x, rows, router, partial(_always, found))
        for k, found in blocks.items()
    }
    losses = {k: _losses(found, x, labels, rows, intercept) for k, found in structures.items()}
    best = best_number(correlations, blocks)
    if 1 in blocks and not blocks_show(correlations, len(rows)):
        best = 1
    risks = tuple(float(each.mean()) for each in losses.values())
    return structures[best], Choice(tuple(structures), risks, best, least_risky_number(losses))


def _require_room(numbers: ExpertNumbers, dim: int, samples: int) -> None:
    """Refuse numbers of experts that are all above those of features or of training samples."""
    for limit, what in ((dim, "the features that vary"), (samples, "the training samples")):
        if numbers.asked and min(numbers.asked) > limit:
            raise ArgumentError(
                "experts", f"must be at most {limit}, as many as {what}, got {min(numbers.asked)}"
            )


def _always(blocks: IntArray, _: int | None) -> IntArray:
    return blocks


def least_risky_number(losses: Mapping[int, FloatArray]) -> int:
    """The number with the least mean loss, or the smallest that is as good within errors.

    ``losses`` holds, for each number, the losses (n,) of the same samples. A smaller number is as
    good if its losses are not larger by two standard errors of the paired difference.
    """
    best = min(losses, key=lambda number: float(losses[number].mean()))
    for number in sorted(losses):
        worse = losses[number] - losses[best]
        if worse.mean() <= CLEARLY * worse.std(ddof=1) / math.sqrt(len(worse)):
            return number
    return best


def _losses(
    found: CompleteStructure, x: Features, labels: FloatArray, rows: IntArray, intercept: bool
) -> FloatArray:
    """Predicted losses (n,) of experts restricted to their block, under noise of each variance."""
    losses = np.empty(len(rows))
    for g, block in enumerate(found.blocks):
        own = np.flatnonzero(found.groups[rows] == g)
        moments = moments_of_rows(x, labels, rows[own], block)
        path = RidgePath(moments, np.ones(len(block)), np.ones(1), intercept=intercept)
        for part, chunk in x.chunks(rows[own]):
            truth = labels[rows[own[part]]]
            errors = path.left_out(chunk[:, block], truth, np.arange(len(truth)))[:, 0]
            losses[own[part]] = np.square(errors).sum(axis=1) + path.noise_gains[0]
    return losses

"""Shrinking: the simplest model that still violates a claim."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from moetheory.checking.trials import Tally, Target, Trial
from moetheory.claims.random_models import Point
from moetheory.common.arrays import FloatArray
from moetheory.common.errors import ArgumentError
from moetheory.problem.model import BlockModel

KEPT = 0.1  # of the largest violation that was found: the simplest model violates as much
TRIES = 300  # models of a shrinking
FIELDS = (
    "signal_variances",
    "coefficients",
    "noise_variance",
    "leakage_variances",
    "interference_variances",
    "label_noise_variance",
)
VARIANCES = ("signal_variances", "noise_variance", "leakage_variances", "interference_variances")
Complexity = tuple[float, ...]


def shrunk(target: Target, trial: Trial, tick: Callable[[Trial], object]) -> Trial:
    """The simplest clear violation that can be reached from a trial; ``tick`` gets each step.

    A model is simpler with fewer groups, coordinates and kinds of noise, then with fewer different
    numbers, then with rounder ones. It violates the same claim, by a tenth of the largest
    violation at least, within the space, and breaks no other assumption.
    """
    alone, excluded = target.of(trial.claim), set(target.excluding(trial))
    least, tally, tried = KEPT * trial.violation, Tally(), {trial.point}
    best, size = trial, complexity(trial.point)
    simpler = True
    while simpler:
        simpler = False
        for point in simpler_points(best.point):
            if tally.tried >= TRIES:
                return best
            if point in tried or complexity(point) >= size or not _inside(target, point):
                continue
            tried.add(point)
            found = tally.add(alone, point)
            if found is None or not found.clear or found.violation < least:
                continue
            if trial.finite and not found.finite:
                continue
            if set(target.excluding(found)) <= excluded:
                best, size, simpler = found, complexity(point), True
                tick(best)
                break
    return best


def _inside(target: Target, point: Point) -> bool:
    low, high = target.space.samples
    return point.model in target.space and (point.samples is None or low <= point.samples <= high)


def complexity(point: Point) -> Complexity:
    """How far a model is from simple; compared from the first number on."""
    model, samples = point
    parts = [np.unique(getattr(model, name)) for name in FIELDS]
    noise_kinds = sum(bool(np.any(part)) for part in parts[3:])
    p = np.unique(model.group_probabilities)
    numbers = [*np.concatenate(parts).tolist(), *(p.tolist() if len(p) > 1 else [])]
    counts = [] if samples is None else [float(samples)]
    rough = sum(_roughness(abs(x)) + (x < 0.0) for x in (*numbers, *counts))
    size = sum(abs(math.log2(abs(x))) for x in numbers if x) + sum(counts) / 4096.0
    distinct = sum(map(len, parts)) + len(p)
    return (model.experts, model.dim, noise_kinds, distinct, rough, size)


def _roughness(x: float) -> int:
    """0 for 0 and 1, 1 for powers of two and small integers, 2 for two digits, else 3."""
    if x in (0.0, 1.0):
        return 0
    if math.frexp(x)[0] == 0.5 or (x.is_integer() and x < 100.0):
        return 1
    return 2 if x == float(f"{x:.2g}") else 3


def simpler_points(point: Point) -> Iterator[Point]:
    """Candidates for a simpler model, the boldest first."""
    model, samples = point
    for make in _smaller(model):
        yield from _made(make, samples)
    for name in ("leakage_variances", "interference_variances", "label_noise_variance"):
        if np.any(getattr(model, name)):
            yield from _made(lambda name=name: model.replace(**{name: 0.0}), samples)  # type: ignore[misc]
    if samples is not None:
        for fewer in dict.fromkeys(
            (1, model.experts, 2 ** round(math.log2(samples)), samples // 2, samples - 1)
        ):
            if 0 < fewer < samples or _roughness(float(samples)) > 1:
                yield Point(model, max(fewer, 1))
    for shares in _rounder_shares(model.group_probabilities):
        yield from _made(lambda p=shares: model.replace(group_probabilities=p), samples)  # type: ignore[misc]
    for factor in _units(model):
        scaled = {name: factor * getattr(model, name) for name in VARIANCES}
        yield from _made(lambda new=scaled: model.replace(**new), samples)  # type: ignore[misc]
    for name in FIELDS:
        values = np.atleast_1d(getattr(model, name)).astype(np.float64)
        if np.any(values):
            silent = name == "coefficients"
            for each in _rounder(values, silent=silent):
                new: Any = float(each[0]) if len(each) == 1 else each
                yield from _made(
                    lambda name=name, new=new: model.replace(**{name: new}),  # type: ignore[misc]
                    samples,
                )


def _made(make: Callable[[], BlockModel], samples: int | None) -> Iterator[Point]:
    """A candidate, unless there is no such model."""
    try:
        yield Point(make(), samples)
    except ArgumentError:
        return


def _smaller(model: BlockModel) -> Iterator[Callable[[], BlockModel]]:
    """The model without a group, and without a coordinate."""
    if model.experts > 1:
        for group in range(model.experts):
            yield lambda g=group: _without(model, model.block_of != g, g)  # type: ignore[misc]
    if model.dim > model.experts:
        # one of each block at once, for blocks that must stay equal
        last = np.append(np.diff(model.block_of) != 0, True)
        if np.all(model.sizes > 1):
            yield lambda: _without(model, ~last)
        for m in range(model.dim):
            if model.sizes[model.block_of[m]] > 1:
                yield lambda m=m: _without(model, np.arange(model.dim) != m)  # type: ignore[misc]


def _without(model: BlockModel, kept: Any, group: int | None = None) -> BlockModel:
    p, blocks = model.group_probabilities, model.block_of[kept]
    fields: dict[str, Any] = {}
    if group is not None:
        p = np.delete(p, group)
        blocks = blocks - (blocks > group)
        if len(p) == 1:
            fields["interference_variances"] = 0.0
    for name in FIELDS:
        values = getattr(model, name)
        if np.ndim(values):
            fields.setdefault(name, values[kept])
    return model.replace(group_probabilities=p / p.sum(), block_of=blocks, **fields)


def _units(model: BlockModel) -> Iterator[float]:
    """Factors of all variances of features that make one of them 1."""
    for values in (model.noise_variance, model.signal_variances):
        for each in np.unique(values).tolist():
            if each not in (0.0, 1.0):
                yield 1.0 / each


def _rounder_shares(p: FloatArray) -> Iterator[FloatArray]:
    """Probabilities that are equal, or all but the largest powers of two."""
    yield np.full(len(p), 1.0 / len(p))
    exponents = np.log2(p)
    for factor in (0.25, 0.5, 0.75, 1.0):
        shares = np.exp2(np.round(factor * exponents))
        largest = int(np.argmax(p))
        rest = 1.0 - (shares.sum() - shares[largest])
        if rest > 0.0:
            shares[largest] = rest
            yield shares


def _rounder(values: FloatArray, *, silent: bool) -> Iterator[FloatArray]:
    """Numbers in place of some: all 1, all equal, all powers of two; then one after another.

    ``silent``: whether a number may become 0.
    """
    sizes, signs = np.abs(values), np.sign(values)
    logs = np.log2(np.where(sizes > 0.0, sizes, 1.0))
    middle = np.round(np.median(logs[sizes > 0.0]))
    yield np.ones(len(values))
    yield np.full(len(values), np.exp2(middle))
    yield np.exp2(np.full(len(values), np.round(logs.max())))
    yield (sizes > 0.0).astype(np.float64)
    for factor in (0.25, 0.5, 0.75, 1.0):
        yield signs * np.exp2(np.round(factor * logs))
    if np.any(signs < 0.0):
        yield sizes
    for i, size in enumerate(sizes.tolist()):
        for new in (0.0, 1.0, *sizes.tolist(), *_round_numbers(size)):
            if new != size and (new or silent):
                changed = values.copy()
                changed[i] = new
                yield changed


def _round_numbers(x: float) -> Iterator[float]:
    """Rounder numbers near a positive one."""
    if x:
        yield from (2.0 ** round(math.log2(x) / 2), 2.0 ** round(math.log2(x)))
        yield from (float(each) for each in (math.floor(x), math.ceil(x)) if each)
        yield from (float(f"{x:.1g}"), float(f"{x:.2g}"))

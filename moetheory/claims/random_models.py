"""Random models, structured corners, and models as vectors for a search: parts of a `ModelSpace`.

All numbers of a model but its zeros and signs are powers of two with real exponents; a vector
holds the exponents. A random model has random exponents, a corner has chosen ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from moetheory.claims.assumptions import Assumption
from moetheory.claims.model_space import Kind, ModelSpace
from moetheory.common.arrays import FloatArray
from moetheory.problem.model import BlockModel, unchecked_model

TRIALS = 40  # models of a kind that are drawn to see whether any meets some assumptions
OFTEN = 0.25  # as often as the kind that does most often
TRIES = 100  # draws for each model that is asked for, at most
EXTREME = 0.15  # probability that exponents are at the ends of their range
SILENT = 0.15  # probability that a coordinate has no label
CORNER_SIZES = ((1, 1), (2, 2), (1, 3), (1, 1, 1, 1))


class Point(NamedTuple):
    """A model, and a number of samples for a claim that has one as a free variable."""

    model: BlockModel
    samples: int | None = None


@dataclass(frozen=True)
class Layout:
    """A family of models with the same blocks: a vector of exponents makes one of them.

    Attributes
    ----------
    kind : Kind
    sizes : tuple of int
        Of the blocks.
    signs : tuple of int
        1, -1 or 0 for each coordinate: the sign of its coefficient.
    fitted : bool
        Whether the last exponent is that of a number of samples.
    """

    kind: Kind
    sizes: tuple[int, ...]
    signs: tuple[int, ...]
    fitted: bool = False

    @property
    def parts(self) -> dict[str, slice]:
        """Where the exponents of each field of the model stand in a vector."""
        kind, dim = self.kind, len(self.signs)
        each = 1 if kind.iso_parameter else dim
        lengths = {
            "group_probabilities": 0 if kind.iso_parameter else len(self.sizes),
            "signal_variances": each,
            "coefficients": each,
            "noise_variance": dim if kind.several_noises else 1,
            "leakage_variances": each * kind.leaking,
            "interference_variances": each * kind.interfering,
            "label_noise_variance": int(kind.label_noise),
            "samples": int(self.fitted),
        }
        ends = np.cumsum([0, *lengths.values()]).tolist()
        return {name: slice(a, b) for name, a, b in zip(lengths, ends, ends[1:], strict=False)}

    def bounds(self, space: ModelSpace) -> tuple[FloatArray, FloatArray]:
        """The least and the largest exponents in a space."""
        ranges = {
            "group_probabilities": (space.probability_ratio, 1.0),
            "signal_variances": space.signal_variances,
            "coefficients": space.coefficients,
            "noise_variance": space.noise_variances,
            "leakage_variances": space.signal_variances,
            "interference_variances": space.noise_variances,
            "label_noise_variance": space.noise_variances,
            "samples": space.samples,
        }
        parts = self.parts
        low, high = np.empty((2, parts["samples"].stop))
        for name, part in parts.items():
            low[part], high[part] = np.log2(ranges[name])
        return low, high

    def point(self, vector: FloatArray) -> Point:
        """The model of a vector, and its number of samples if it has one."""
        parts, kind = self.parts, self.kind
        values, dim = np.exp2(vector), len(self.signs)

        def field(name: str) -> FloatArray:
            part = values[parts[name]]
            return np.full(dim, part[0]) if len(part) == 1 else part

        experts = len(self.sizes)
        weights = np.ones(experts) if kind.iso_parameter else values[parts["group_probabilities"]]
        noise = values[parts["noise_variance"]]
        zeros = np.zeros(dim)
        model = unchecked_model(
            {
                "group_probabilities": weights / weights.sum(),
                "block_of": np.repeat(np.arange(experts), self.sizes),
                "signal_variances": field("signal_variances"),
                "coefficients": field("coefficients") * self.signs,
                "noise_variance": float(noise[0]) if np.all(noise == noise[0]) else noise,
                "leakage_variances": field("leakage_variances") if kind.leaking else zeros,
                "interference_variances": (
                    field("interference_variances") if kind.interfering else zeros
                ),
                "label_noise_variance": (
                    float(values[parts["label_noise_variance"]][0]) if kind.label_noise else 0.0
                ),
                "rotations": None,
            }
        )
        return Point(model, round(values[-1]) if self.fitted else None)

    def draw(self, space: ModelSpace, rng: np.random.Generator) -> FloatArray:
        """A random vector: in each field the exponents are equal, or differ, or are extreme."""
        low, high = self.bounds(space)
        vector = rng.uniform(low, high)
        for part in self.parts.values():
            if rng.random() < 0.5:
                vector[part] = vector[part][:1]
            elif rng.random() < EXTREME:
                ends = rng.random(vector[part].shape) < 0.5
                vector[part] = np.where(ends, low[part], high[part])
        return np.asarray(vector)


def random_models(
    rng: np.random.Generator,
    count: int,
    space: ModelSpace | None = None,
    assumptions: Sequence[Assumption] = (),
) -> list[BlockModel]:
    """Random models of a space that meet assumptions.

    Variances and coefficients are log-uniform, some equal and some at the ends of their ranges;
    so are the ratios of probabilities. There are fewer models than ``count`` if hardly any
    meets the assumptions.

    Examples
    --------
    >>> models = random_models(np.random.default_rng(0), 3, ModelSpace(experts=(2, 2)))
    >>> [model.experts for model in models]
    [2, 2, 2]
    """
    space = space or ModelSpace()
    kinds = fitting_kinds(space, tuple(assumptions))
    models: list[BlockModel] = []
    for _ in range(TRIES * count):
        if len(models) == count:
            break
        layout = random_layout(space, kinds, rng)
        model = layout.point(layout.draw(space, rng)).model
        if model in space and all(each.holds(model) for each in assumptions):
            models.append(model)
    return models


def corners(
    space: ModelSpace | None = None, assumptions: Sequence[Assumption] = ()
) -> list[BlockModel]:
    """Models of a space at which bounds tend to break, of those that meet assumptions.

    They have equal blocks, a rare group, one direction that dominates, or extreme noise.

    Examples
    --------
    >>> models = corners(ModelSpace(iso_parameter=True, strict=True, interference=False))
    >>> sorted({model.noise_variance for model in models})[:3]
    [0.00390625, 0.0625, 1.0]
    """
    models = _all_corners(space or ModelSpace())
    return [each for each in models if all(a.holds(each) for a in assumptions)]


@lru_cache(maxsize=8)
def _all_corners(space: ModelSpace) -> tuple[BlockModel, ...]:
    """All corners of a space: every check of a claim looks at the same ones."""
    vectors = corner_vectors(space, space.kinds(), fitted=False)
    found = (layout.point(vector).model for layout, vector in vectors)
    # numbers may be equal by chance
    return tuple(dict.fromkeys(each for each in found if each in space))


@lru_cache(maxsize=64)
def fitting_kinds(space: ModelSpace, assumptions: tuple[Assumption, ...]) -> tuple[Kind, ...]:
    """The kinds of models of a space that meet the assumptions about as often as any; all if none.

    A kind of which hardly any model does, such as equal blocks by chance, would waste a search.
    It takes a thousand models to know, so that it is found once.
    """
    kinds = tuple(space.kinds())
    if not assumptions:
        return kinds
    rng = np.random.default_rng(0)

    def met(kind: Kind) -> int:
        drawn = (random_layout(space, [kind], rng) for _ in range(TRIALS))
        models = (layout.point(layout.draw(space, rng)).model for layout in drawn)
        return sum(all(each.holds(model) for each in assumptions) for model in models)

    times = [met(kind) for kind in kinds]
    return tuple(k for k, n in zip(kinds, times, strict=True) if n >= OFTEN * max(times))


def random_layout(
    space: ModelSpace, kinds: Sequence[Kind], rng: np.random.Generator, *, fitted: bool = False
) -> Layout:
    """A random layout of one of the kinds; small ones are the most likely."""
    kind = kinds[int(rng.integers(len(kinds)))]
    least = space.experts[0]
    if kind.interfering:
        least = max(least, 2)
    experts = _small_integer(rng, least, space.experts[1])
    if kind.iso_parameter or rng.random() < 0.3:
        sizes = (_small_integer(rng, *space.block_sizes),) * experts
    else:
        sizes = tuple(_small_integer(rng, *space.block_sizes) for _ in range(experts))
    signs = rng.choice((-1, 1), sum(sizes))
    if not kind.iso_parameter:
        signs[rng.random(len(signs)) < SILENT] = 0
        signs[0] = 1
    return Layout(kind, sizes, tuple(signs.tolist()), fitted)


def _small_integer(rng: np.random.Generator, low: int, high: int) -> int:
    """A random integer, with probabilities in proportion to 1/x."""
    return int(low * (((high + 1) / low) ** rng.random()))


def corner_vectors(
    space: ModelSpace, kinds: Sequence[Kind], *, fitted: bool
) -> Iterator[tuple[Layout, FloatArray]]:
    """Layouts with vectors of exponents at which bounds tend to break; the simplest first."""
    plain = [k for k in kinds if not (k.several_noises or k.label_noise)] or list(kinds)
    for kind in plain:
        for sizes in _corner_sizes(space, kind):
            layout = Layout(kind, sizes, (1,) * sum(sizes), fitted)
            low, high = layout.bounds(space)
            for changes in _corner_changes(layout):
                vector = np.zeros(len(low))
                for name, values in changes.items():
                    part = layout.parts[name]
                    size = part.stop - part.start
                    vector[part] = np.resize(values, size) if size else vector[part]
                yield layout, np.clip(vector, low, high)


def _corner_sizes(space: ModelSpace, kind: Kind) -> Iterator[tuple[int, ...]]:
    (fewest, most), (least, largest) = space.experts, space.block_sizes
    usual: list[tuple[int, ...]] = [
        sizes
        for sizes in CORNER_SIZES
        if fewest <= len(sizes) <= most and least <= min(sizes) <= max(sizes) <= largest
    ]
    experts = max(fewest, 2) if kind.interfering else fewest
    for sizes in usual or [(least,) * experts]:
        if not kind.iso_parameter or len(set(sizes)) == 1:
            yield sizes


def _corner_changes(layout: Layout) -> Iterator[dict[str, Any]]:
    """Exponents of fields that are not 0, and so numbers that are not 1, in the corners."""
    dim, kind = len(layout.signs), layout.kind
    shares: list[Any] = [0.0] if kind.iso_parameter else [0.0, [-5.0, 0.0], [-2.0, 0.0]]
    signals: list[Any] = [0.0, 2.25, 4.0]
    if not kind.iso_parameter:
        signals += [[3.0, 0.0], [4.0, -4.0, -4.0, -4.0], -4.0]
    more: list[dict[str, Any]] = [{"noise_variance": n} for n in (-8.0, -4.0, 8.0)]
    more += [{"coefficients": [4.0, -4.0]}]
    more += [{"leakage_variances": n} for n in (-4.0, 4.0)] * kind.leaking
    more += [{"interference_variances": 6.0}] * kind.interfering
    if layout.fitted:
        counts = sorted({1, len(layout.sizes), dim + 2, 2 * dim + 4, 8 * dim, 64 * dim})
        more += [{"samples": float(np.log2(n))} for n in counts]
    chosen: list[tuple[Any, Any, dict[str, Any]]] = [
        (p, signal, {}) for p in shares for signal in signals
    ]
    chosen += [(p, signal, other) for other in more for p in shares[:2] for signal in (0.0, 4.0)]
    for p, signal, other in chosen:
        yield {
            "group_probabilities": p,
            "signal_variances": signal,
            "samples": float(np.log2(4 * dim)),
            **other,
        }

"""The axes of a map as options name them, and their values where these name none."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from moetheory.commands.option_types import numbers, shown, unknown_name_message
from moetheory.commands.refusals import BadInputError
from moetheory.commands.sweep_values import default_values, divisors
from moetheory.figures.quantities import RATES
from moetheory.mapping.arguments import INTEGERS, QUANTITIES
from moetheory.problem.model import BlockModel

POINTS = 40  # values of an axis
MOST_POINTS = 1000
DECADE = 10.0  # a span of positive numbers that is divided evenly by ratios

DIMS = (16.0, 1024.0)


class AxisOption(NamedTuple):
    """An axis as it is asked for: a quantity, and its values, or their ends and their number."""

    name: str
    values: list[float] | None = None
    ends: tuple[float, float] | None = None
    points: int = POINTS


def axis(text: str) -> AxisOption:
    """Parse ``NAME``, ``NAME=A:B``, ``NAME=A:B:N`` or ``NAME=V1,V2,...``.

    >>> axis("noise-variance=0.1:10:5")
    AxisOption(name='noise_variance', values=None, ends=(0.1, 10.0), points=5)
    >>> axis("experts=2,4").values
    [2.0, 4.0]
    """
    asked, given, values = text.partition("=")
    name = asked.replace("-", "_")
    if name not in QUANTITIES:
        known = [each.replace("_", "-") for each in QUANTITIES]
        message = unknown_name_message("quantity", asked, known, ", ".join(known))
        raise argparse.ArgumentTypeError(message)
    if not given:
        return AxisOption(name)
    if ":" not in values:
        return AxisOption(name, numbers(values))
    low, high, *points = values.split(":")
    try:
        ends, number = (float(low), float(high)), int(points[0]) if points else POINTS
    except ValueError:
        ends, number, points = (math.nan, math.nan), 0, []
    if not (ends[0] < ends[1] < math.inf and 2 <= number <= MOST_POINTS and len(points) < 2):
        raise argparse.ArgumentTypeError(
            f"must be NAME, NAME=A:B, NAME=A:B:N with A < B and N from 2 to {MOST_POINTS}, "
            f"or NAME=V1,V2,..., got {shown(text)}"
        )
    return AxisOption(name, None, ends, number)


def axis_values(asked: AxisOption, model: BlockModel) -> list[float]:
    """The values of an axis other than experts and dim."""
    if asked.values is not None:
        return asked.values
    ends = asked.ends
    if ends is None and asked.name == "samples":
        ends = (max(1.0, model.dim / 8.0), 8.0 * model.dim)
    elif ends is None:
        usual = default_values(asked.name, model)
        ends = (float(min(usual)), float(max(usual)))
    return spread(asked.name, *ends, asked.points)


def expert_numbers(asked: AxisOption, dim: int, fewest: int) -> list[int]:
    """The numbers of experts that divide dim, from ``fewest`` on; or those that are given."""
    if asked.values is not None:
        return _integers(asked, asked.values)
    low, high = asked.ends or (fewest, dim)
    return [k for k in divisors(dim) if max(low, fewest) <= k <= high]


def dims(asked: AxisOption, experts: int) -> list[int]:
    """Numbers of coordinates that are multiples of that of the experts; or those given."""
    if asked.values is not None:
        return _integers(asked, asked.values)
    low, high = asked.ends or DIMS
    multiples = np.unique(np.rint(np.geomspace(max(low, experts), high, asked.points) / experts))
    return [int(each) * experts for each in multiples if low <= each * experts <= high]


def _integers(asked: AxisOption, values: Sequence[float]) -> list[int]:
    if any(value != int(value) for value in values):
        raise BadInputError(f"{asked.name} must be integers, got {', '.join(map(str, values))}")
    return [int(value) for value in values]


def spread(name: str, low: float, high: float, points: int) -> list[float]:
    """Values from ``low`` to ``high``, at even ratios where they span decades.

    >>> spread("noise_variance", 0.01, 100.0, 3), spread("misrouting", 0.0, 1.0, 3)
    ([0.01, 1.0, 100.0], [0.0, 0.5, 1.0])
    >>> spread("samples", 1.0, 100.0, 5)
    [1.0, 3.0, 10.0, 32.0, 100.0]
    """
    by_ratios = low > 0.0 and high >= DECADE * low and name not in RATES
    values = (np.geomspace if by_ratios else np.linspace)(low, high, points)
    if name in INTEGERS:
        values = np.unique(np.rint(values))
    return [float(value) for value in values.tolist()]

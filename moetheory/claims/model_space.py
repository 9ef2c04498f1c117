"""The space of models that a claim is about: ranges of their sizes and of their numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np

from moetheory.common.errors import ArgumentError, ArgumentTypeError
from moetheory.common.validation import count, flag, number, shown
from moetheory.problem.model import BlockModel

LEAST, MOST = 1e-6, 1e6  # of a number of a model: feature noise is then in range beside any signal
MOST_GROUPS, MOST_SIZE, MOST_SAMPLES = 256, 256, 2**40
SLACK = 1e-9  # relative: numbers at the end of a range are rounded
FLAGS = ("strict", "interference", "label_noise", "iso_parameter")


class Kind(NamedTuple):
    """What a model has: a part of a `ModelSpace`."""

    leaking: bool
    interfering: bool
    label_noise: bool
    several_noises: bool
    iso_parameter: bool


@dataclass(frozen=True)
class ModelSpace:
    r"""A space of models for a search: what they have, and the ranges of their numbers.

    Parameters
    ----------
    strict : bool, optional
        True: strict blocks only. False: leaking ones only. None: both.
    interference : bool, optional
        Whether there is noise on inactive blocks alone; None: both.
    label_noise : bool, optional
        Whether labels have noise of their own; None: both.
    iso_parameter : bool, optional
        True: equal isotropic blocks, equal probabilities, equal coefficients and one noise
        variance only. False: other models only. None: both.
    experts, block_sizes, samples : (int, int)
        The least and the most groups K, coordinates of a block, and training samples n of a claim
        that has them as a free variable.
    signal_variances, coefficients, noise_variances : (float, float)
        Ranges of :math:`\lambda`, of the size of b, and of the noise, within 1e-6 to 1e6. Leakage
        is in the range of signal; interference and label noise are in that of noise. A
        coefficient may be 0, too.
    probability_ratio : float
        The least ratio of the probabilities of two groups.

    Raises
    ------
    ValueError
        A range is empty or beyond its limits, or the space has no model.

    Examples
    --------
    >>> print(ModelSpace(strict=True, interference=False, experts=(2, 3)))
    models with 2 to 3 experts on blocks of 1 to 4 coordinates; strict blocks; no interference;
    signal 0.00391 to 256, coefficients 0.0625 to 16, noise 0.00391 to 256, probabilities that
    differ by a factor of at most 4096
    >>> BlockModel.isotropic(4, 2, noise_variance=1.0) in ModelSpace(iso_parameter=True)
    True
    """

    strict: bool | None = None
    interference: bool | None = None
    label_noise: bool | None = None
    iso_parameter: bool | None = None
    experts: tuple[int, int] = (2, 6)
    block_sizes: tuple[int, int] = (1, 4)
    samples: tuple[int, int] = (1, 1024)
    signal_variances: tuple[float, float] = (2.0**-8, 2.0**8)
    coefficients: tuple[float, float] = (2.0**-4, 2.0**4)
    noise_variances: tuple[float, float] = (2.0**-8, 2.0**8)
    probability_ratio: float = 2.0**-12

    def __post_init__(self) -> None:
        checked: dict[str, Any] = {}
        for name in FLAGS:
            value = getattr(self, name)
            checked[name] = None if value is None else flag(name, value)
        for name, most in (
            ("experts", MOST_GROUPS),
            ("block_sizes", MOST_SIZE),
            ("samples", MOST_SAMPLES),
        ):
            low, high = _pair(name, getattr(self, name))
            low = count(f"{name}[0]", low, minimum=1, maximum=most)
            checked[name] = low, count(f"{name}[1]", high, minimum=low, maximum=most)
        for name in ("signal_variances", "coefficients", "noise_variances"):
            low, high = _pair(name, getattr(self, name))
            low = _within(f"{name}[0]", low, LEAST)
            checked[name] = low, _within(f"{name}[1]", high, low)
        ratio = number("probability_ratio", self.probability_ratio, minimum=LEAST)
        if ratio > 1.0:
            raise ArgumentError("probability_ratio", f"must be at most 1, got {ratio:g}")
        checked["probability_ratio"] = ratio
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        if not self.kinds():
            raise ArgumentError(
                "interference",
                "must not be True for one group, whose block is never inactive",
            )

    def kinds(self) -> list[Kind]:
        """The kinds of models in the space, the simplest first."""
        interference = self.interference
        if self.experts[1] == 1:
            interference = None if interference else False
            if self.interference:
                return []
        kinds = [
            Kind(leaking, interfering, label_noise, several, iso)
            for leaking in _either(None if self.strict is None else not self.strict)
            for interfering in _either(interference)
            for label_noise in _either(self.label_noise)
            for several in (False, True)
            for iso in _either(self.iso_parameter)
            if not (several and (iso or self.experts[1] * self.block_sizes[1] == 1))
        ]
        return sorted(kinds, key=sum)

    def __contains__(self, model: object) -> bool:
        if not isinstance(model, BlockModel):
            return False
        b, noise = np.abs(model.coefficients), np.atleast_1d(model.noise_variance)
        p = model.group_probabilities
        loud, omega = model.interference_variances, np.array([model.label_noise_variance])
        return (
            self.strict in (None, model.strict)
            and self.interference in (None, model.interferes)
            and self.label_noise in (None, bool(omega[0]))
            and self.iso_parameter in (None, _is_iso_parameter(model))
            and self.experts[0] <= model.experts <= self.experts[1]
            and self.block_sizes[0] <= model.sizes.min()
            and model.sizes.max() <= self.block_sizes[1]
            and _inside(model.signal_variances, self.signal_variances)
            and _inside(b[b > 0.0], self.coefficients)
            and _inside(noise, self.noise_variances)
            and _inside(model.leakage_variances, self.signal_variances, zero=True)
            and _inside(loud, self.noise_variances, zero=True)
            and _inside(omega, self.noise_variances, zero=True)
            and p.min() >= (1.0 - SLACK) * self.probability_ratio * p.max()
        )

    def __str__(self) -> str:
        from moetheory.common.text import wrapped

        parts = [
            f"models with {_words(self.experts)} experts "
            f"on blocks of {_words(self.block_sizes)} coordinates"
        ]
        for value, yes, no in (
            (self.strict, "strict blocks", "leaking blocks"),
            (self.interference, "interference", "no interference"),
            (self.label_noise, "label noise", "no label noise"),
            (self.iso_parameter, "the iso-parameter regime", "outside the iso-parameter regime"),
        ):
            if value is not None:
                parts.append(yes if value else no)
        parts.append(
            f"signal {_words(self.signal_variances)}, coefficients {_words(self.coefficients)}, "
            f"noise {_words(self.noise_variances)}, probabilities that differ by a factor of "
            f"at most {1.0 / self.probability_ratio:.4g}"
        )
        return str(wrapped("; ".join(parts), 95))

    def __repr__(self) -> str:
        given = (
            f"{each.name}={getattr(self, each.name)!r}"
            for each in fields(self)
            if getattr(self, each.name) != each.default
        )
        return f"ModelSpace({', '.join(given)})"


def _pair(name: str, value: Any) -> tuple[Any, Any]:
    """A range, checked to be two values."""
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise ArgumentTypeError(
            name, f"must be the least and the largest value, got {shown(value)}"
        )
    return value[0], value[1]


def _within(name: str, value: Any, least: float) -> float:
    """An end of a range, checked to be a number from ``least`` to the largest that is allowed."""
    result = number(name, value, minimum=least)
    if result > MOST:
        raise ArgumentError(name, f"must be at most {MOST:g}, got {result:g}")
    return result


def _either(value: bool | None) -> Iterator[bool]:
    return iter((False, True) if value is None else (value,))


def _inside(values: Any, limits: tuple[float, float], *, zero: bool = False) -> bool:
    """Whether all values are within a range, or 0 where that is allowed."""
    low, high = limits
    inside = (values >= (1.0 - SLACK) * low) & (values <= (1.0 + SLACK) * high)
    return bool(np.all(inside | (values == 0.0) if zero else inside))


def _is_iso_parameter(model: BlockModel) -> bool:
    """Whether blocks are equal and isotropic, groups equally frequent, and there is one noise."""
    p, b = model.group_probabilities, np.abs(model.coefficients)
    return (
        isinstance(model.noise_variance, float)
        and len(set(model.sizes.tolist())) == 1
        and all(np.allclose(each, each[0], rtol=1e-11, atol=0.0) for each in (p, b))
        and not np.ptp(model.signal_variances)
        and not np.ptp(model.leakage_variances)
        and not np.ptp(model.interference_variances)
    )


def _words(limits: tuple[float, float]) -> str:
    low, high = limits
    return f"{low:.3g}" if low == high else f"{low:.3g} to {high:.3g}"

"""Frozen results: their arrays stay read-only, and their repr fits a screen."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from moetheory.common.text import short_repr


class Frozen:
    """A base of frozen dataclasses: their arrays and dictionaries are read-only, also in copies.

    NumPy's own copies and pickles are writable, so that arrays are made read-only anew wherever an
    object begins. The `repr` has at most ten lines of a hundred characters.

    Examples
    --------
    >>> import copy
    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True, eq=False, repr=False)
    ... class Curve(Frozen):
    ...     values: np.ndarray
    >>> curve = copy.deepcopy(Curve(np.arange(1000)))
    >>> curve, curve.values.flags.writeable
    (Curve(values=array([0, 1, ..., 998, 999], shape=(1000,))), False)
    """

    def __post_init__(self) -> None:
        self.__setstate__(vars(self))

    def __getstate__(self) -> dict[str, Any]:
        # a view of a dictionary cannot be pickled
        fields = vars(self).items()
        return {k: dict(v) if isinstance(v, MappingProxyType) else v for k, v in fields}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in list(state.items()):
            freeze(value)
            vars(self)[name] = MappingProxyType(value) if isinstance(value, dict) else value

    def __repr__(self) -> str:
        return short_repr(self)


def freeze(value: object) -> None:
    """Make every array read-only that ``value`` is or holds in mappings, lists and tuples.

    >>> columns = {"x": np.ones(2), "rest": (np.ones(3), "text")}
    >>> freeze(columns)
    >>> columns["x"].flags.writeable, columns["rest"][0].flags.writeable
    (False, False)
    """
    if isinstance(value, np.ndarray):
        value.flags.writeable = False
    elif isinstance(value, Mapping):
        freeze(tuple(value.values()))
    elif isinstance(value, list | tuple):
        for each in value:
            freeze(each)

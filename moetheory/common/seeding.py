"""Seeds: every random stream follows from one integer, the entropy."""

from __future__ import annotations

import operator
import secrets
from typing import Any

import numpy as np

from moetheory.common.errors import ArgumentError, ArgumentTypeError
from moetheory.common.validation import shown

RNG = int | np.integer[Any] | np.random.SeedSequence | np.random.Generator | None


def entropy_of(rng: Any) -> int:
    """The integer that stands for ``rng``; ``entropy_of(entropy_of(rng)) == entropy_of(rng)``.

    An integer is its own entropy, None draws 128 fresh bits, a Generator gives 128 of its bits
    (and moves on), a SeedSequence gives 128 bits unless it was made from an integer alone.

    >>> entropy_of(7), entropy_of(np.random.SeedSequence(7))
    (7, 7)
    """
    require_rng(rng)
    if rng is None:
        return secrets.randbits(128)
    if isinstance(rng, np.random.Generator):
        return int.from_bytes(rng.bytes(16), "little")
    if isinstance(rng, np.random.SeedSequence):
        if isinstance(rng.entropy, int) and not rng.spawn_key and rng.pool_size == 4:
            return rng.entropy
        return int.from_bytes(rng.generate_state(4, np.uint32).tobytes(), "little")
    return operator.index(rng)


def require_rng(rng: object) -> None:
    """Refuse what `entropy_of` cannot use, before the work that will need it."""
    kind: type[ArgumentError] = ArgumentTypeError
    if isinstance(rng, int | np.integer) and not isinstance(rng, bool | np.timedelta64):
        if rng >= 0:
            return
        kind = ArgumentError
    if rng is not None and not isinstance(rng, np.random.Generator | np.random.SeedSequence):
        raise kind(
            "rng",
            "must be None, a non-negative integer, a numpy SeedSequence or a numpy Generator, "
            f"got {shown(rng)}",
        )


def generator_of(rng: object) -> np.random.Generator:
    """The generator that ``rng`` is, or that `numpy.random.default_rng` makes of it.

    >>> int(generator_of(0).integers(100)) == int(np.random.default_rng(0).integers(100))
    True
    """
    if rng is None or isinstance(rng, np.random.SeedSequence | np.random.Generator):
        return np.random.default_rng(rng)
    return np.random.default_rng(entropy_of(rng))


def stream(entropy: int, index: int, salt: tuple[int, ...] = ()) -> np.random.Generator:
    """The generator of chunk ``index``; ``salt`` separates families of simulations."""
    seed = np.random.SeedSequence(entropy, spawn_key=(index, *salt))
    return np.random.Generator(np.random.SFC64(seed))


def child(entropy: int, index: int) -> int:
    """The entropy of the ``index``-th simulation of a larger computation."""
    return entropy_of(np.random.SeedSequence(entropy, spawn_key=(index, 0)))

"""Hypothesis strategies (extra ``hypothesis``): random models to test a bound or a theorem."""

from __future__ import annotations

from typing import Any

import numpy as np

try:
    from hypothesis import assume
    from hypothesis import strategies as st
except ImportError as error:  # pragma: no cover - exercised by an environment without it
    raise ImportError(
        "moetheory.strategies needs Hypothesis: pip install 'moetheory[hypothesis]'"
    ) from error

from moetheory.common.errors import ArgumentError
from moetheory.common.validation import count, flag
from moetheory.problem.limits import noise_limits
from moetheory.problem.model import BlockModel

MOST_EXPONENT = 132  # powers of two within the range of a model
# what noise may have, for models of one noise variance, of more, and for all
_SEVERAL = ("several", "interference", "several and interference")
_NOISES = {True: ("one",), False: _SEVERAL, None: ("one", *_SEVERAL)}


def block_models(
    *,
    max_experts: int = 5,
    max_block: int = 4,
    exponents: int = 10,
    strict: bool | None = None,
    noiseless: bool = False,
    zeros: bool = True,
    uniform: bool | None = None,
) -> st.SearchStrategy[BlockModel]:
    r"""A strategy for block models with unequal blocks and probabilities, and extreme ratios.

    Probabilities come from integer weights and variances are powers of two, so a failing example
    shrinks to a small model that can be read: one block, one coordinate, all numbers 1.

    Parameters
    ----------
    max_experts, max_block : int
        The largest number of blocks, and of coordinates in a block.
    exponents : int
        Variances lie in :math:`2^{-\mathrm{exponents}} \dots 2^{\mathrm{exponents}}`; at most 132.
        Noise variances also lie within the range that a model allows beside its signal.
    strict : bool, optional
        True for strict blocks only, False for leaking ones only, None for both.
    noiseless : bool
        Whether noise variances may be zero.
    zeros : bool
        Whether group probabilities, signal variances and coefficients may be zero.
    uniform : bool, optional
        True for models with one noise variance and no interference only, False for models with
        several noise variances, or interference, or both, None for all.

    Examples
    --------
    >>> from hypothesis import find
    >>> find(block_models(strict=True), lambda model: model.experts == 2).sizes.tolist()
    [1, 1]
    """
    max_experts = count("max_experts", max_experts, minimum=1)
    max_block = count("max_block", max_block, minimum=1)
    exponents = count("exponents", exponents, maximum=MOST_EXPONENT)
    strict = None if strict is None else flag("strict", strict)
    noiseless, zeros = flag("noiseless", noiseless), flag("zeros", zeros)
    uniform = None if uniform is None else flag("uniform", uniform)
    if uniform is False and max_experts * max_block == 1:
        raise ArgumentError(
            "uniform", "must not be False with one coordinate at most, which has one noise variance"
        )

    @st.composite
    def models(draw: Any) -> BlockModel:
        sizes = draw(st.lists(st.integers(1, max_block), min_size=1, max_size=max_experts))
        dim = sum(sizes)
        powers = [2.0**e for e in _integers_from_zero(exponents)]
        variances = st.sampled_from(powers + [0.0] * zeros)
        weight = st.sampled_from([*range(1, 10), 100, 1000] + [0] * zeros)
        weights = draw(
            st.lists(weight, min_size=len(sizes), max_size=len(sizes)).filter(lambda w: sum(w) > 0)
        )
        coefficient = st.sampled_from([1, -1, 2, -2, 3, -3] + [0] * zeros)
        leaking = draw(st.booleans()) if strict is None else not strict
        leakage: Any = np.zeros(dim)
        if leaking:
            leakage = draw(
                st.lists(variances, min_size=dim, max_size=dim).filter(lambda v: sum(v) > 0)
            )
        signal = draw(st.lists(variances, min_size=dim, max_size=dim))
        block_of = np.repeat(np.arange(len(sizes)), sizes)
        least, most = noise_limits(block_of, np.array(signal), np.array(leakage))
        noises = [power for power in powers if least <= power <= most] + [0.0] * noiseless
        noise = st.sampled_from(noises)
        noise_variance: Any = draw(noise)
        interference: Any = 0.0
        several, interfering = dim > 1 and len(noises) > 1, len(sizes) > 1
        kinds = [
            kind
            for kind in _NOISES[uniform]
            if (several or "several" not in kind) and (interfering or "interference" not in kind)
        ]
        assume(kinds)
        kind = draw(st.sampled_from(kinds))
        if "several" in kind:
            noise_variance = draw(
                st.lists(noise, min_size=dim, max_size=dim).filter(lambda v: len(set(v)) > 1)
            )
        if "interference" in kind:
            loudness = st.sampled_from([0.0, *(power for power in powers if power <= most)])
            interference = draw(st.lists(loudness, min_size=dim, max_size=dim).filter(any))
        return BlockModel(
            np.array(weights) / sum(weights),
            block_of,
            signal,
            draw(st.lists(coefficient, min_size=dim, max_size=dim)),
            noise_variance,
            leakage_variances=leakage,
            interference_variances=interference,
            label_noise_variance=draw(st.sampled_from([0.0, *powers])),
        )

    return models()


def _integers_from_zero(largest: int) -> list[int]:
    """The integers 0, 1, -1, 2, -2, …: Hypothesis shrinks towards the first."""
    return sorted(range(-largest, largest + 1), key=lambda e: (abs(e), -e))

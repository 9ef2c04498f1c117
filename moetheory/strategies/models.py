"""Strategies for block models."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from moetheory.common.errors import ArgumentError
from moetheory.common.validation import count, flag
from moetheory.problem.limits import MOST_COORDINATES, noise_limits
from moetheory.problem.model import BlockModel
from moetheory.strategies.powers import powers_of_two
from moetheory.strategies.reports import built

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
    powers = powers_of_two(exponents)
    strict = None if strict is None else flag("strict", strict)
    noiseless, zeros = flag("noiseless", noiseless), flag("zeros", zeros)
    uniform = None if uniform is None else flag("uniform", uniform)
    if uniform is False and max_experts * max_block == 1:
        raise ArgumentError(
            "uniform", "must not be False with one coordinate at most, which has one noise variance"
        )

    # made once: Hypothesis would validate them anew for each model
    block_sizes = st.lists(st.integers(1, max_block), min_size=1, max_size=max_experts)
    variances = st.sampled_from(powers + [0.0] * zeros)
    weight = st.sampled_from([*range(1, 10), 100, 1000] + [0] * zeros)
    coefficient = st.sampled_from([1, -1, 2, -2, 3, -3] + [0] * zeros)
    label_noise = st.sampled_from([0.0, *powers])

    @st.composite
    def models(draw: Any) -> BlockModel:
        sizes = draw(block_sizes)
        dim = sum(sizes)
        weights = draw(st.tuples(*[weight] * len(sizes)).filter(any))
        leaking = draw(st.booleans()) if strict is None else not strict
        leakage: list[float] = []
        if leaking:
            leakage = list(draw(st.tuples(*[variances] * dim).filter(any)))
        signal = [draw(variances) for _ in range(dim)]
        block_of = np.repeat(np.arange(len(sizes)), sizes)
        least, most = noise_limits(block_of, np.array(signal), np.array(leakage or [0.0] * dim))
        noises = [power for power in powers if least <= power <= most] + [0.0] * noiseless
        noise = st.sampled_from(noises)
        noise_variance: Any = draw(noise)
        interference: list[float] = []
        several, interfering = dim > 1 and len(noises) > 1, len(sizes) > 1
        kinds = [
            kind
            for kind in _NOISES[uniform]
            if (several or "several" not in kind) and (interfering or "interference" not in kind)
        ]
        assume(kinds)
        kind = draw(st.sampled_from(kinds))
        if "several" in kind:
            noise_variance = list(draw(st.tuples(*[noise] * dim).filter(lambda v: len(set(v)) > 1)))
        if "interference" in kind:
            loudness = st.sampled_from([0.0, *(power for power in powers if power <= most)])
            interference = list(draw(st.tuples(*[loudness] * dim).filter(any)))
        loads = {"leakage_variances": leakage, "interference_variances": interference}
        return built(
            draw,
            BlockModel,
            group_probabilities=[weight / sum(weights) for weight in weights],
            block_of=block_of.tolist(),
            signal_variances=signal,
            coefficients=[draw(coefficient) for _ in range(dim)],
            noise_variance=noise_variance,
            label_noise_variance=draw(label_noise),
            **{name: variances for name, variances in loads.items() if variances},
        )

    return models()


def iso_parameter_models(
    *,
    max_experts: int = 8,
    max_block: int = 4,
    dim: int | None = None,
    exponents: int = 10,
    noiseless: bool = False,
) -> st.SearchStrategy[BlockModel]:
    r"""A strategy for models of the iso-parameter regime, in which the 1/K law holds.

    K equal isotropic strict blocks share d coordinates, as in `BlockModel.isotropic`: a dense
    model has as many parameters as the K experts together. Drawn are K, the size of a block, the
    signal variance of a coordinate, the coefficient that all coordinates share, and the noise of
    features and labels. Failures shrink to one expert, one coordinate, all numbers 1.

    Parameters
    ----------
    max_experts, max_block : int
        The largest number of experts, and of coordinates in a block.
    dim : int, optional
        d, if it is given: K is then any of its divisors up to ``max_experts``, and a block may
        have any size. For what compares models of equal d.
    exponents : int
        Variances are powers of two from :math:`2^{-\mathrm{exponents}}` to
        :math:`2^{\mathrm{exponents}}`; at most 132. Feature noise also lies within the range that
        a model allows beside its signal.
    noiseless : bool
        Whether the noise of features may be zero.

    Notes
    -----
    Source: docs/theory.md §3.

    Examples
    --------
    >>> from hypothesis import find
    >>> find(iso_parameter_models(dim=6), lambda model: model.experts > 1).sizes.tolist()
    [3, 3]
    """
    max_experts = count("max_experts", max_experts, minimum=1)
    max_block = count("max_block", max_block, minimum=1)
    if dim is not None:
        dim = count("dim", dim, minimum=1, maximum=MOST_COORDINATES)
    powers, noiseless = powers_of_two(exponents), flag("noiseless", noiseless)

    @st.composite
    def models(draw: Any) -> BlockModel:
        if dim is None:
            experts, size = draw(st.integers(1, max_experts)), draw(st.integers(1, max_block))
        else:
            divisors = [each for each in range(1, min(max_experts, dim) + 1) if dim % each == 0]
            experts = draw(st.sampled_from(divisors))
            size = dim // experts
        block_of = np.repeat(np.arange(experts), size)
        signal = np.full(len(block_of), draw(st.sampled_from(powers)))
        least, most = noise_limits(block_of, signal, np.zeros(len(block_of)))
        noises = [power for power in powers if least <= power <= most] + [0.0] * noiseless
        return built(
            draw,
            BlockModel,
            group_probabilities=[1.0 / experts] * experts,
            block_of=block_of.tolist(),
            signal_variances=signal.tolist(),
            coefficients=[draw(st.sampled_from([1.0, 2.0, 0.5, 3.0]))] * len(block_of),
            noise_variance=draw(st.sampled_from(noises)),
            label_noise_variance=draw(st.sampled_from([0.0, *powers])),
        )

    return models()

"""Strategies for gates and estimators."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hypothesis import strategies as st

from moetheory.common.validation import flag
from moetheory.problem.estimators import Dense, Estimator, MoE
from moetheory.problem.gates import MOMENT_KINDS, Gate, Hard, Learned, Oracle, Soft, TopK
from moetheory.problem.model import BlockModel, checked_model
from moetheory.strategies.powers import powers_of_two

TEMPERATURES = powers_of_two(4)


def gates(model: BlockModel | None = None) -> st.SearchStrategy[Gate]:
    """A strategy for gates that are defined for a model; failures shrink to `Oracle`.

    Parameters
    ----------
    model : BlockModel, optional
        Also draw `TopK` up to the number of experts of the model, and `Learned` from numbers of
        samples that suffice for it. Without it: what suits every model.

    Examples
    --------
    >>> from hypothesis import find
    >>> model = BlockModel.isotropic(dim=6, experts=3, noise_variance=1.0)
    >>> find(gates(model), lambda gate: gate.active(3) == 2)
    TopK(k=2)
    """
    experts = 1 if model is None else checked_model(model).experts
    return _gates(experts, _sufficient_samples(model))


def _gates(experts: int, learned_from: list[int]) -> st.SearchStrategy[Gate]:
    """Gates for a number of experts, and numbers of samples that suffice to learn one."""
    learned = st.builds(
        Learned, st.sampled_from([None, *learned_from]), st.sampled_from(MOMENT_KINDS)
    )
    return st.one_of(
        st.just(Oracle()),
        st.just(Hard()),
        st.builds(Soft, st.sampled_from(TEMPERATURES)),
        st.builds(TopK, st.integers(1, experts), st.sampled_from([True, False])),
        learned,
    )


def _sufficient_samples(model: BlockModel | None) -> list[int]:
    """Numbers of samples from which every group has more than coordinates."""
    if model is None or not np.all(model.noise_variance):
        return []  # moments without noise may have no inverse
    possible = model.group_probabilities[model.group_probabilities > 0.0]
    least = math.ceil((model.dim + 2) / possible.min()) + model.experts
    return [least, 10 * least]


def estimators(
    model: BlockModel | None = None, *, oracle: bool = False, exponents: int = 10
) -> st.SearchStrategy[Estimator]:
    r"""A strategy for estimators that are defined for a model; failures shrink to ``Dense()``.

    All of them are simulated at infinitely many samples.

    Parameters
    ----------
    model : BlockModel, optional
        Also draw assignments of its groups to experts, experts that are retrained, and gates as
        `gates` does for the model. Without it: what suits every model.
    oracle : bool
        Whether to draw dense and oracle routing alone, for which `risk` has a closed form at
        infinitely many samples.
    exponents : int
        The ridge is 0 or a power of two from :math:`2^{-\mathrm{exponents}}` to
        :math:`2^{\mathrm{exponents}}`; at most 132.

    Examples
    --------
    >>> from hypothesis import find
    >>> model = BlockModel.isotropic(dim=6, experts=3, noise_variance=1.0)
    >>> find(estimators(model), lambda estimator: estimator.parameters(model).total > 6)
    MoE(gate=Oracle(), ridge=0.0, shared=True)
    """
    groups = 1 if model is None else checked_model(model).experts
    ridges = st.sampled_from([0.0, *powers_of_two(exponents)])
    oracle, sufficient = flag("oracle", oracle), _sufficient_samples(model)
    # experts that are fitted under their own router are not known for all noise and leakage
    retrainable = model is not None and model.strict and not model.interferes and not oracle

    @st.composite
    def assignments(draw: Any) -> tuple[int, ...]:
        experts: list[int] = []
        for _ in range(groups):  # an expert that is there already, or the next
            experts.append(draw(st.integers(0, max(experts, default=-1) + 1)))
        return tuple(experts)

    @st.composite
    def mixtures(draw: Any) -> MoE:
        if retrainable and draw(st.sampled_from([False, False, False, True])):
            once = st.sampled_from([Hard(), TopK(1), Learned()])
            return MoE(draw(once), retrained=True)
        assignment = draw(assignments()) if groups > 1 and draw(st.booleans()) else None
        shared = draw(st.booleans())
        experts = groups if assignment is None else max(assignment) + 1
        one_each = assignment is None and not shared
        gate = Oracle() if oracle else draw(_gates(experts, sufficient * one_each))
        return MoE(gate, draw(ridges), assignment, shared)

    return st.one_of(st.builds(Dense, ridges), mixtures())

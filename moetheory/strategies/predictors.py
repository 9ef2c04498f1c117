"""Strategies for gates and estimators."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from moetheory.common.validation import count, flag
from moetheory.problem.estimators import MOST_EXPERTS, Dense, Estimator, MoE
from moetheory.problem.gates import Gate, Hard, Learned, Oracle, Soft, TopK
from moetheory.problem.model import BlockModel, checked_model
from moetheory.strategies.powers import powers_of_two

TEMPERATURES = powers_of_two(4)
LEARNED_SAMPLES = [None, 10, 100, 1000]


def gates(*, max_experts: int = 1, learned: bool = True) -> st.SearchStrategy[Gate]:
    """A strategy for gates; failures shrink to `Oracle`.

    Parameters
    ----------
    max_experts : int
        The number of experts of the model: `TopK` draws no larger k. 1 suits every model.
    learned : bool
        Whether to draw gates that are estimated from samples.

    Examples
    --------
    >>> from hypothesis import find
    >>> find(gates(max_experts=3), lambda gate: gate.active(3) == 2)
    TopK(k=2)
    """
    most = count("max_experts", max_experts, minimum=1, maximum=MOST_EXPERTS)
    learned = flag("learned", learned)
    plain = st.sampled_from([True, False])
    kinds: list[st.SearchStrategy[Gate]] = [
        st.just(Oracle()),
        st.just(Hard()),
        st.builds(Soft, st.sampled_from(TEMPERATURES)),
        st.builds(TopK, st.integers(1, most), plain),
    ]
    if learned:
        moments = st.sampled_from(["blocks", "full"])
        kinds.append(st.builds(Learned, st.sampled_from(LEARNED_SAMPLES), moments))
    return st.one_of(kinds)


def estimators(
    model: BlockModel | None = None, *, oracle: bool = False, exponents: int = 10
) -> st.SearchStrategy[Estimator]:
    r"""A strategy for estimators that are defined for a model; failures shrink to ``Dense()``.

    All of them are simulated at infinitely many samples.

    Parameters
    ----------
    model : BlockModel, optional
        Also draw assignments of its groups to experts, and `TopK` up to its number of experts.
        Without it: what suits every model.
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
    oracle = flag("oracle", oracle)

    @st.composite
    def assignments(draw: Any) -> tuple[int, ...]:
        experts: list[int] = []
        for _ in range(groups):  # an expert that is there already, or the next
            experts.append(draw(st.integers(0, max(experts, default=-1) + 1)))
        return tuple(experts)

    @st.composite
    def mixtures(draw: Any) -> MoE:
        # Python reads the fields of what is drawn; a mixture is reported as them
        if not oracle and draw(st.sampled_from([False, False, False, True])):
            once = st.sampled_from([Hard(), TopK(1), Learned()])
            return MoE(draw(once), retrained=True)
        assignment = draw(assignments()) if groups > 1 and draw(st.booleans()) else None
        shared = draw(st.booleans())
        experts = groups if assignment is None else max(assignment) + 1
        one_each = assignment is None and not shared
        gate = Oracle() if oracle else draw(gates(max_experts=experts, learned=one_each))
        return MoE(gate, draw(ridges), assignment, shared)

    return st.one_of(st.builds(Dense, ridges), mixtures())

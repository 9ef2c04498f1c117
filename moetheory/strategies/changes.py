"""A strategy for what changes at test time."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from moetheory.problem.estimators import Estimator, MoE, checked_estimator, routes_by_input
from moetheory.problem.gates import Learned
from moetheory.problem.model import BlockModel, checked_model
from moetheory.problem.perturbation import Perturbation, even_confusion
from moetheory.strategies.powers import powers_of_two
from moetheory.strategies.reports import built

RATES = [0.5, 0.25, 0.75, 0.1, 0.9]


def perturbations(
    model: BlockModel | None = None, estimator: Estimator | None = None, *, exponents: int = 10
) -> st.SearchStrategy[Perturbation]:
    r"""A strategy for perturbations that are defined for a model and an estimator.

    With dense and with oracle routing, at infinitely many samples, `risk` has a closed form under
    all of them. Noise is normal: other laws of the same variance have the same risk. Failures
    shrink to ``Perturbation()``, under which nothing changes.

    Parameters
    ----------
    model : BlockModel, optional
        Also draw what hangs on the number of its groups and coordinates: misrouting with drag,
        interference, one noise variance for each coordinate. Without it: what suits every model.
    estimator : Dense or MoE, optional
        The estimator under test; `Dense` and `MoE` with the oracle if not given. With a gate that
        routes by the input neither misrouting nor a worst-case shift is drawn, with `Learned` no
        erasure either.
    exponents : int
        Variances are powers of two from :math:`2^{-\mathrm{exponents}}` to
        :math:`2^{\mathrm{exponents}}` or zero, squared lengths of a shift such powers; at most
        132.

    Notes
    -----
    The risk of *fitted* estimators has no closed form under a worst-case shift:
    ``perturbations(...).filter(lambda under: not under.radius)``. Source: docs/theory.md §7.

    Examples
    --------
    >>> from hypothesis import find
    >>> model = BlockModel.isotropic(dim=4, experts=2, noise_variance=1.0)
    >>> find(perturbations(model), lambda under: under.drag > 0.0)
    Perturbation(confusion=[[0.5, 0.5], [0.5, 0.5]], drag=1.0)
    """
    powers = powers_of_two(exponents)
    lengths = powers_of_two(exponents // 2)
    groups, dim = (1, 1) if model is None else (checked_model(model).experts, model.dim)
    tested = MoE() if estimator is None else checked_estimator(estimator)
    oracle = not routes_by_input(tested)
    learned = isinstance(tested, MoE) and isinstance(tested.gate, Learned)
    kinds = ["", *["erasure"] * (not learned), *["radius"] * oracle]
    variance = st.sampled_from([*powers, 0.0])
    variances = variance | st.lists(variance, min_size=dim, max_size=dim) if dim > 1 else variance
    weights = st.lists(st.integers(0, 9), min_size=groups, max_size=groups).filter(any)

    @st.composite
    def confusions(draw: Any) -> list[list[float]]:
        if draw(st.booleans()):
            rows = [draw(weights) for _ in range(groups)]
            return [[weight / sum(row) for weight in row] for row in rows]
        matrix: list[list[float]] = even_confusion(groups, draw(st.sampled_from(RATES))).tolist()
        return matrix

    @st.composite
    def changes(draw: Any) -> Perturbation:
        given: dict[str, Any] = {}
        if draw(st.booleans()):
            given["noise_variance"] = draw(variances)
        if groups > 1 and draw(st.booleans()):
            given["interference_variances"] = draw(variances)
        if groups > 1 and oracle and draw(st.booleans()):
            given["confusion"] = draw(confusions())
            if draw(st.booleans()):
                given["drag"] = draw(st.sampled_from([1.0, *RATES]))
        # the risk under both at once has no closed form
        beside = draw(st.sampled_from(kinds))
        if beside:
            given[beside] = draw(st.sampled_from(RATES if beside == "erasure" else lengths))
        return built(draw, Perturbation, **given)

    return changes()

r"""A wrong expert is worse than none: beyond some rate of routing errors dense is better.

Statement:
    With strict blocks, confusion matrix M and drag :math:`\eta`,

    .. math:: R_{i\to j} = \sum_{m\in i}\lambda b^2
              + \sum_{m\in j}(\eta^2\lambda+\sigma^2)\theta^2
              \ge \sum_{m\in i}\lambda b^2 \ge \rho_i , \qquad
              R_{\mathrm{dense}}(M) = R_{\mathrm{dense}}
              + \eta^2\sum_ip_i\sum_{j\ne i}M_{ij}\sum_{m\in j}\lambda\hat b^2 .

    These are means over inputs: a single input may be better off with the wrong expert. For
    errors spread evenly one rate, at most 1, separates where MoE and where dense is better.

Guarantee:
    - Exact equality of both risks: proved by certificate, direction by direction, for any confusion
      matrix; evaluated at any model, and simulated with drag.
    - Orderings at error rates 0 and 1: proved by certificate, direction by direction, for drags 0
      and 1. Any other drag adds in proportion, and more to experts: |b̂| <= |θ| (§7).
    - Either side of the crossover: evaluated and simulated at 0.8 and 1.25 of it.

Reference:
    docs/theory.md §7; [SNB] Theorem 4.4, https://arxiv.org/abs/2601.14792
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from moetheory.claims.assumptions import SEVERAL_GROUPS, SOME_LABEL_SIGNAL, STRICT_BLOCKS
from moetheory.claims.certificates import Symbolic
from moetheory.claims.declaration import Claim, Side, Theorem, Under
from moetheory.claims.domains import Values
from moetheory.claims.quantities import (
    PERTURBED,
    crossover_claim,
    dense_excess,
    direction,
    excess_under,
    log_uniform,
    moe_excess,
    uneven_model,
    weight_of,
)
from moetheory.common.arrays import FloatArray
from moetheory.predictors.optimal import coefficient_errors, optimal_coefficients
from moetheory.problem.estimators import Dense, Estimator, MoE
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation, even_confusion
from moetheory.theory.order_changes import crossover

DRAGS = (0.0, 1.0)


def _confusion(experts: int) -> FloatArray:
    """A confusion matrix with different error rates for each group; for K = 2, 1/4 and 1/8."""
    groups = np.arange(experts)
    rate = 0.5 ** (2.0 + groups % 3)
    matrix = np.tile(1.0 + groups, (experts, 1))
    np.fill_diagonal(matrix, 0.0)
    matrix *= (rate / matrix.sum(axis=1))[:, np.newaxis]
    np.fill_diagonal(matrix, 1.0 - rate)
    return np.asarray(matrix)


def _misrouted(drag: float) -> Under:
    """The perturbation with that confusion matrix and a drag."""
    return lambda model: Perturbation(confusion=_confusion(model.experts), drag=drag)


# risks are linear in drag²: two values settle all; 0.5, unlike 1, is not its own square
MISROUTED = {drag: _misrouted(drag) for drag in (0.0, 0.5)}


# --- the risks, one pair of groups after the other ------------------------------------------------


def _block_sums(model: BlockModel, terms: FloatArray) -> FloatArray:
    """The sum of the coordinates' terms in each block, (K,)."""
    return np.bincount(model.block_of, terms, model.experts).astype(np.float64)


def _moe_sum(drag: float) -> Side:
    r"""The MoE's excess risk as a sum over pairs of groups,
    :math:`\sum_ip_i\big(M_{ii}\rho_i + \sum_{j\ne i}M_{ij}R_{i\to j}\big)`."""

    def total(model: BlockModel) -> float:
        matrix = _confusion(model.experts)
        signal, noise = model.signal_variances, model.noise_variance
        theta = optimal_coefficients(MoE(), model)
        errors = coefficient_errors(MoE(), model)
        pairs = np.add.outer(
            _block_sums(model, signal * model.coefficients**2),
            _block_sums(model, (drag**2 * signal + model.idle_noise) * theta**2),
        )
        np.fill_diagonal(pairs, _block_sums(model, signal * errors**2 + noise * theta**2))
        return float(model.group_probabilities @ np.vecdot(matrix, pairs))

    return total


def _dense_sum(drag: float) -> Side:
    r"""Dense's excess risk as a sum over pairs of groups,
    :math:`R + \eta^2\sum_ip_i\sum_{j\ne i}M_{ij}\sum_{m\in j}\lambda\hat b^2`."""

    def total(model: BlockModel) -> float:
        matrix = _confusion(model.experts)
        fit = optimal_coefficients(Dense(), model)
        pulled = _block_sums(model, model.signal_variances * fit**2)
        often = model.group_probabilities @ (matrix - np.diag(np.diagonal(matrix)))
        return dense_excess(model) + drag**2 * float(often @ pulled)

    return total


def _roles_identity(estimator: Estimator, drag: float) -> Symbolic:
    """Squared errors of one direction in all its roles, and its terms in the sums above.

    The direction belongs to group g, of probability p. A share ``wrong`` of the group's inputs goes
    to other experts; a share ``taken`` of all inputs is of other groups and goes to expert g.
    """
    import sympy

    one = direction(leaking=False, interfering=True)
    p, signal, noise, b = one.probability, one.signal, one.noise, one.coefficient
    idle_noise = noise + one.interference
    wrong, taken, t, v, w = sympy.symbols("wrong taken t v w", positive=True)
    eta2 = sympy.Rational(drag) ** 2
    if isinstance(estimator, Dense):
        c = one.dense_fit
        own = p * (signal * (b - c) ** 2 + noise * c**2)
        squared = own + ((1 - p) * idle_noise + taken * eta2 * signal) * c**2
        formula = one.dense + taken * eta2 * signal * one.dense_fit**2
    else:
        c = one.moe_fit
        pulled = (eta2 * signal + idle_noise) * c**2
        own = signal * (b - c) ** 2 + noise * c**2
        squared = p * ((1 - wrong) * own + wrong * signal * b**2) + taken * pulled
        formula = (1 - wrong) * one.moe + wrong * one.null + taken * pulled
    return one.claim(
        squared,
        formula,
        scope="any strict model and confusion",
        # taken is below 1 - p = t/(1+t)
        domain={p: 1 / (1 + t), wrong: 1 / (1 + w), taken: t / (1 + t) / (1 + v)},
        draw=lambda rng: _draw_roles(rng, _confusion),
        model=_labels_of_one_direction,
    )


def _draw_roles(rng: np.random.Generator, confusion: Callable[[int], FloatArray]) -> dict[str, Any]:
    """A direction of a random group, of 2 to 5, and the rates of the confusion matrix for it."""
    experts = int(rng.integers(2, 6))
    group, p = int(rng.integers(experts)), rng.dirichlet(np.ones(experts))
    errors = confusion(experts).copy()
    np.fill_diagonal(errors, 0.0)
    return {
        "p": float(p[group]),
        "wrong": float(errors[group].sum()),
        "taken": float(p @ errors[:, group]),
        "group": group,
        "probabilities": p,
        **log_uniform(rng, "lambda_", "b", "sigma2", "kappa"),
    }


def _labels_of_one_direction(values: Values) -> BlockModel:
    """A model with a direction in each group, one of which has labels."""
    own = np.arange(len(values["probabilities"])) == values["group"]
    return BlockModel(
        values["probabilities"],
        np.arange(len(own)),
        np.where(own, values["lambda_"], 1.0),
        np.where(own, values["b"], 0.0),
        values["sigma2"],
        interference_variances=np.where(own, values["kappa"], 0.0),
    )


def _pair_sum_claim(estimator: Estimator, drag: float) -> Claim:
    """The claim that the excess risk under misrouting is the sum over pairs of groups."""
    dense = isinstance(estimator, Dense)
    right = (_dense_sum if dense else _moe_sum)(drag)
    return Claim(
        name=f"{'dense' if dense else 'MoE'} misled == its sum over pairs, drag {drag:g}",
        relation="==",
        left=excess_under(estimator, MISROUTED[drag]),
        right=right,
        symbolic=lambda: _roles_identity(estimator, drag),
        weights=weight_of(estimator) if drag else None,  # what drag adds is seen beside the rest
        under=MISROUTED[drag],
        resolution=PERTURBED,
        control=1.01,
    )


# --- every input in the wrong hands ---------------------------------------------------------------


def _always_misrouted(drag: float) -> Under:
    """The perturbation that sends every input to a wrong expert."""
    return lambda model: Perturbation(confusion=even_confusion(model.experts, 1.0), drag=drag)


def _always_misrouted_claim(name: str, left: Estimator | None, drag: float) -> Claim:
    """The claim that ``left`` (None: predicting zero) has no larger risk than MoE at error rate 1.

    In the certificate any share of the other groups' inputs goes to the direction's expert.
    """
    under = _always_misrouted(drag)

    def symbolic() -> Symbolic:
        import sympy

        one = direction(leaking=False, interfering=True)
        taken, t, v = sympy.symbols("taken t v", positive=True)
        pulled = int(drag**2) * one.signal
        moe = one.null + taken * (pulled + one.noise + one.interference) * one.moe_fit**2
        dense = one.dense + taken * pulled * one.dense_fit**2
        return one.claim(
            one.null if left is None else dense,
            moe,
            scope="any strict model",
            domain={one.probability: 1 / (1 + t), taken: t / (1 + t) / (1 + v)},
            draw=lambda rng: _draw_roles(rng, lambda experts: even_confusion(experts, 1.0)),
            model=_labels_of_one_direction,
        )

    return Claim(
        name=f"{name} if no input is sent to its own, drag {drag:g}",
        relation="<=",
        left=(lambda model: model.label_power) if left is None else excess_under(left, under),
        right=excess_under(MoE(), under),
        symbolic=symbolic,
        control=0.5,
        label=lambda model: "ε=1",
    )


def _oracle_below_null() -> Symbolic:
    """The risks of the oracle-routed MoE and of predicting zero."""
    one = direction(leaking=False, interfering=True)
    return one.claim(one.moe, one.null)


# --- which is better ------------------------------------------------------------------------------


@lru_cache(maxsize=32)
def _crossover_rate(model: BlockModel, drag: float) -> float:
    """The error rate from which on dense is better; 0 if dense is never worse."""
    return crossover(Dense(), MoE(), model, over="misrouting", drag=drag)


def _crossover_claim(factor: float, drag: float) -> Claim:
    """The claim on which is better at ``factor`` times the error rate of the crossover."""

    def rate(model: BlockModel) -> float:
        return min(factor * _crossover_rate(model, drag), 1.0)

    def under(model: BlockModel) -> Perturbation:
        return Perturbation(confusion=even_confusion(model.experts, rate(model)), drag=drag)

    def points(model: BlockModel) -> Sequence[BlockModel]:
        return [model] if 0.0 < _crossover_rate(model, drag) < math.inf else []

    return crossover_claim(
        factor, under, points, lambda model: f"ε={rate(model):.3g}", f", drag {drag:g}"
    )


THEOREM = Theorem(
    statement=(
        "With strict blocks inputs that are sent to the wrong expert have on average no less loss "
        "than with a prediction of zero, those sent to the right one no more; drag adds to the "
        "former. Dense does not route: on average only drag adds to its loss, and no more than to "
        "the mixture's. With errors spread evenly over the wrong experts both risks are linear in "
        "their rate, and at rate 1 dense is no worse, whatever the drag. So there is one rate, at "
        "most 1, beyond which the mixture is LESS robust than dense."
    ),
    latex=(
        r"R_{i\to j} = \sum_{m\in i}\lambda b^2 + \sum_{m\in j}(\eta^2\lambda+n+\kappa)\theta^2 "
        r"\ge \sum_{m\in i}\lambda b^2 \ge \rho_i,\quad "
        r"R_{\mathrm{dense}}(M) = R_{\mathrm{dense}} + "
        r"\eta^2\sum_ip_i\sum_{j\ne i}M_{ij}\sum_{m\in j}\lambda\hat b^2"
    ),
    guarantee="identities; one crossover for errors that are spread evenly",
    source="[SNB] Theorem 4.4; docs/theory.md §7",
    assumptions=(STRICT_BLOCKS, SEVERAL_GROUPS, SOME_LABEL_SIGNAL),
    claims=(
        *(_pair_sum_claim(estimator, drag) for drag in MISROUTED for estimator in (Dense(), MoE())),
        Claim(
            name="MoE <= null if every input is sent to its own",
            relation="<=",
            left=moe_excess,
            right=lambda model: model.label_power,
            symbolic=_oracle_below_null,
            control=0.5,
        ),
        _always_misrouted_claim("null <= MoE", None, 0.0),
        *(_always_misrouted_claim("dense <= MoE", Dense(), drag) for drag in DRAGS),
        *(_crossover_claim(factor, drag) for factor in (0.8, 1.25) for drag in DRAGS),
    ),
    example=lambda: uneven_model(1.0),
)

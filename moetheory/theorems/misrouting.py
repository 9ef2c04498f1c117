r"""A wrong expert is worse than none: beyond some rate of routing errors dense is better.

Statement:
    With strict blocks, confusion matrix M and drag :math:`\eta`,

    .. math:: R_{i\to j} = \sum_{m\in i}\lambda b^2
              + \sum_{m\in j}(\eta^2\lambda+\sigma^2)\theta^2
              \ge \sum_{m\in i}\lambda b^2 \ge \rho_i , \qquad
              R_{\mathrm{dense}}(M) = R_{\mathrm{dense}}
              + \eta^2\sum_ip_i\sum_{j\ne i}M_{ij}\sum_{m\in j}\lambda\hat b^2 .

    For errors spread evenly one rate, at most 1, separates where MoE and where dense is better.

Guarantee:
    - Exact equality of both risks: proved by certificate for two groups of one coordinate with
      error rates 1/4 and 1/8; evaluated at any model, and simulated with drag.
    - Orderings at error rates 0 and 1: proved by certificate, direction by direction.
    - Either side of the crossover: evaluated and simulated at 0.8 and 1.25 of it.

Reference:
    docs/theory.md §7; [SNB] Theorem 4.4, https://arxiv.org/abs/2601.14792
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from moetheory.claims.assumptions import SEVERAL_GROUPS, SOME_LABEL_SIGNAL, STRICT_BLOCKS
from moetheory.claims.certificates import Symbolic, Values
from moetheory.claims.declaration import Claim, Side, Theorem, Under
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
from moetheory.theory.crossovers import crossover

DRAGS = (0.0, 1.0)


def _confusion(model: BlockModel) -> FloatArray:
    """A confusion matrix with different error rates for each group; for K = 2, 1/4 and 1/8."""
    experts = np.arange(model.experts)
    rate = 0.5 ** (2.0 + experts % 3)
    matrix = np.tile(1.0 + experts, (model.experts, 1))
    np.fill_diagonal(matrix, 0.0)
    matrix *= (rate / matrix.sum(axis=1))[:, np.newaxis]
    np.fill_diagonal(matrix, 1.0 - rate)
    return np.asarray(matrix)


def _misrouted(drag: float) -> Under:
    """The perturbation with that confusion matrix and a drag."""
    return lambda model: Perturbation(confusion=_confusion(model), drag=drag)


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
        matrix = _confusion(model)
        signal, noise = model.signal_variances, model.noise_variance
        theta = optimal_coefficients(MoE(), model)
        errors = coefficient_errors(MoE(), model)
        pairs = np.add.outer(
            _block_sums(model, signal * model.coefficients**2),
            _block_sums(model, (drag**2 * signal + noise) * theta**2),
        )
        np.fill_diagonal(pairs, _block_sums(model, signal * errors**2 + noise * theta**2))
        return float(model.group_probabilities @ np.vecdot(matrix, pairs))

    return total


def _dense_sum(drag: float) -> Side:
    r"""Dense's excess risk as a sum over pairs of groups,
    :math:`R + \eta^2\sum_ip_i\sum_{j\ne i}M_{ij}\sum_{m\in j}\lambda\hat b^2`."""

    def total(model: BlockModel) -> float:
        matrix = _confusion(model)
        fit = optimal_coefficients(Dense(), model)
        pulled = _block_sums(model, model.signal_variances * fit**2)
        often = model.group_probabilities @ (matrix - np.diag(np.diagonal(matrix)))
        return dense_excess(model) + drag**2 * float(often @ pulled)

    return total


def _two_group_identity(estimator: Estimator, drag: float) -> Symbolic:
    """Squared errors of two blocks of one coordinate, added one by one, and the sums above."""
    import sympy

    p, noise = sympy.symbols("p sigma2", positive=True)
    signal, b = sympy.symbols("lambda_1:3", positive=True), sympy.symbols("b1:3", positive=True)
    chances, rates = (p, 1 - p), (sympy.Rational(1, 4), sympy.Rational(1, 8))
    eta2 = sympy.Rational(drag) ** 2
    h = [chance * each for chance, each in zip(chances, signal, strict=True)]
    fit = [b[m] * h[m] / (h[m] + noise) for m in (0, 1)]
    theta = [b[m] * signal[m] / (signal[m] + noise) for m in (0, 1)]

    def error(group: int, taken: int) -> sympy.Expr:
        total = sympy.Integer(0)
        for m in (0, 1):
            c = fit[m] if isinstance(estimator, Dense) else theta[m] * int(m == taken)
            total += signal[m] * (b[m] - c) ** 2 if m == group else 0
            total += eta2 * signal[m] * c**2 if m == taken != group else 0
            total += noise * c**2
        return total

    squared = formula = sympy.Integer(0)
    for i, j in ((0, 1), (1, 0)):
        squared += chances[i] * ((1 - rates[i]) * error(i, i) + rates[i] * error(i, j))
        if isinstance(estimator, Dense):
            formula += b[i] ** 2 * h[i] * noise / (h[i] + noise)
            formula += chances[i] * rates[i] * eta2 * signal[j] * fit[j] ** 2
        else:
            own = b[i] ** 2 * signal[i] * noise / (signal[i] + noise)
            wrong = signal[i] * b[i] ** 2 + (eta2 * signal[j] + noise) * theta[j] ** 2
            formula += chances[i] * ((1 - rates[i]) * own + rates[i] * wrong)

    def draw(rng: np.random.Generator) -> dict[str, float]:
        names = ("lambda_1", "lambda_2", "b1", "b2", "sigma2")
        return {"p": float(rng.uniform(0.01, 0.99)), **log_uniform(rng, *names)}

    return Symbolic(left=squared, right=formula, domain={}, draw=draw, model=_two_directions)


def _two_directions(values: Values) -> BlockModel:
    """A model of two blocks of one coordinate."""
    return BlockModel(
        [values["p"], 1.0 - values["p"]],
        [0, 1],
        [values["lambda_1"], values["lambda_2"]],
        [values["b1"], values["b2"]],
        values["sigma2"],
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
        symbolic=lambda: _two_group_identity(estimator, drag),
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

    In the certificate a direction drags a share q = 1-p of the inputs. With K groups the share
    is q/(K-1), which is between q and 0; the claim holds at 0 too, and both sides are linear.
    """
    under = _always_misrouted(drag)

    def symbolic() -> Symbolic:
        one = direction(leaking=False)
        elsewhere, pulled = 1 - one.probability, int(drag**2) * one.signal
        moe = one.null + elsewhere * (pulled + one.noise) * one.moe_fit**2
        dense = one.dense + elsewhere * pulled * one.dense_fit**2
        return one.claim(one.null if left is None else dense, moe)

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
    one = direction(leaking=False)
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
        "With strict blocks an input that is sent to the wrong expert is never better off than "
        "with a prediction of zero, and one that is sent to the right one never worse; drag makes "
        "it worse. Dense does not route: only drag reaches it, and less of it. Both risks are "
        "linear in the rate of errors, and at rate 1 dense is better, whatever the drag. So there "
        "is one rate, at most 1, beyond which the mixture is LESS robust than dense."
    ),
    latex=(
        r"R_{i\to j} = \sum_{m\in i}\lambda b^2 + \sum_{m\in j}(\eta^2\lambda+\sigma^2)\theta^2 "
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

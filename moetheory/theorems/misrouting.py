"""A wrong expert is worse than none: there is a rate of errors beyond which dense is better."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from moetheory.claims.assumptions import SEVERAL_GROUPS, STRICT_BLOCKS
from moetheory.claims.certificates import Symbolic, Values
from moetheory.claims.declaration import Claim, Side, Theorem, Under
from moetheory.claims.quantities import (
    PERTURBED,
    alone,
    beside,
    dense_excess,
    direction,
    excess_under,
    log_uniform,
    moe_excess,
    uneven,
)
from moetheory.common.arrays import FloatArray
from moetheory.predictors.optimal import coefficient_errors, optimal_coefficients
from moetheory.problem.estimators import Dense, Estimator, MoE
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation, even_confusion
from moetheory.theory.crossovers import crossover

DRAGS = (0.0, 1.0)


def _confusion(model: BlockModel) -> FloatArray:
    """Errors in which no two groups are alike; of two, with rates 1/4 and 1/8."""
    experts = np.arange(model.experts)
    rate = 0.5 ** (2.0 + experts % 3)
    matrix = np.tile(1.0 + experts, (model.experts, 1))
    np.fill_diagonal(matrix, 0.0)
    matrix *= (rate / matrix.sum(axis=1))[:, np.newaxis]
    np.fill_diagonal(matrix, 1.0 - rate)
    return np.asarray(matrix)


def _misled(drag: float) -> Under:
    return lambda model: Perturbation(confusion=_confusion(model), drag=drag)


# risks are linear in the square of the drag: two drags settle all; 0.5 is not its own square
MISLED = {drag: _misled(drag) for drag in (0.0, 0.5)}


# --- the risks, one pair of groups after the other ------------------------------------------------


def _of_block(model: BlockModel, terms: FloatArray) -> FloatArray:
    return np.bincount(model.block_of, terms, model.experts).astype(np.float64)


def _moe_sum(drag: float) -> Side:
    r""":math:`\sum_ip_i\big(M_{ii}\rho_i + \sum_{j\ne i}M_{ij}R_{i\to j}\big)`."""

    def total(model: BlockModel) -> float:
        matrix = _confusion(model)
        signal, noise = model.signal_variances, model.noise_variance
        theta = optimal_coefficients(MoE(), model)
        missed = coefficient_errors(MoE(), model)
        pairs = np.add.outer(
            _of_block(model, signal * model.coefficients**2),
            _of_block(model, (drag**2 * signal + noise) * theta**2),
        )
        np.fill_diagonal(pairs, _of_block(model, signal * missed**2 + noise * theta**2))
        return float(model.group_probabilities @ np.vecdot(matrix, pairs))

    return total


def _dense_sum(drag: float) -> Side:
    r""":math:`R + \eta^2\sum_ip_i\sum_{j\ne i}M_{ij}\sum_{m\in j}\lambda\hat b^2`."""

    def total(model: BlockModel) -> float:
        matrix = _confusion(model)
        fit = optimal_coefficients(Dense(), model)
        pulled = _of_block(model, model.signal_variances * fit**2)
        often = model.group_probabilities @ (matrix - np.diag(np.diagonal(matrix)))
        return dense_excess(model) + drag**2 * float(often @ pulled)

    return total


def _pair(estimator: Estimator, drag: float) -> Symbolic:
    """Two blocks of one coordinate: squared errors one by one, and the sums above."""
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

    squared = said = sympy.Integer(0)
    for i, j in ((0, 1), (1, 0)):
        squared += chances[i] * ((1 - rates[i]) * error(i, i) + rates[i] * error(i, j))
        if isinstance(estimator, Dense):
            said += b[i] ** 2 * h[i] * noise / (h[i] + noise)
            said += chances[i] * rates[i] * eta2 * signal[j] * fit[j] ** 2
        else:
            own = b[i] ** 2 * signal[i] * noise / (signal[i] + noise)
            wrong = signal[i] * b[i] ** 2 + (eta2 * signal[j] + noise) * theta[j] ** 2
            said += chances[i] * ((1 - rates[i]) * own + rates[i] * wrong)

    def draw(rng: np.random.Generator) -> dict[str, float]:
        names = ("lambda_1", "lambda_2", "b1", "b2", "sigma2")
        return {"p": float(rng.uniform(0.01, 0.99)), **log_uniform(rng, *names)}

    return Symbolic(left=squared, right=said, domain={}, draw=draw, model=_two_directions)


def _two_directions(values: Values) -> BlockModel:
    return BlockModel(
        [values["p"], 1.0 - values["p"]],
        [0, 1],
        [values["lambda_1"], values["lambda_2"]],
        [values["b1"], values["b2"]],
        values["sigma2"],
    )


def _identity(estimator: Estimator, drag: float) -> Claim:
    dense = isinstance(estimator, Dense)
    right = (_dense_sum if dense else _moe_sum)(drag)
    return Claim(
        name=f"{'dense' if dense else 'MoE'} misled == its sum over pairs, drag {drag:g}",
        relation="==",
        left=excess_under(estimator, MISLED[drag]),
        right=right,
        symbolic=lambda: _pair(estimator, drag),
        weights=alone(estimator) if drag else None,  # what drag adds is seen beside the rest
        under=MISLED[drag],
        resolution=PERTURBED,
        control=1.01,
    )


# --- every input in the wrong hands ---------------------------------------------------------------


def _always(drag: float) -> Under:
    return lambda model: Perturbation(confusion=even_confusion(model.experts, 1.0), drag=drag)


def _never_right(name: str, left: Estimator | None, drag: float) -> Claim:
    """What is below the mixture's risk at rate 1, where a direction drags a share q of inputs.

    With K groups the share is q/(K-1): between that and nothing, for which it holds too.
    """
    under = _always(drag)

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


def _right() -> Symbolic:
    one = direction(leaking=False)
    return one.claim(one.moe, one.null)


# --- which is better ------------------------------------------------------------------------------


@lru_cache(maxsize=32)
def _end(model: BlockModel, drag: float) -> float:
    """The rate of errors from which on dense is better; 0 if it is never worse."""
    return crossover(Dense(), MoE(), model, over="misrouting", drag=drag)


def _beside(factor: float, drag: float) -> Claim:
    def rate(model: BlockModel) -> float:
        return min(factor * _end(model, drag), 1.0)

    def under(model: BlockModel) -> Perturbation:
        return Perturbation(confusion=even_confusion(model.experts, rate(model)), drag=drag)

    def points(model: BlockModel) -> Sequence[BlockModel]:
        return [model] if 0.0 < _end(model, drag) < math.inf else []

    return beside(factor, under, points, lambda model: f"ε={rate(model):.3g}", f", drag {drag:g}")


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
    assumptions=(STRICT_BLOCKS, SEVERAL_GROUPS),
    claims=(
        *(_identity(estimator, drag) for drag in MISLED for estimator in (Dense(), MoE())),
        Claim(
            name="MoE <= null if every input is sent to its own",
            relation="<=",
            left=moe_excess,
            right=lambda model: model.label_power,
            symbolic=_right,
            control=0.5,
        ),
        _never_right("null <= MoE", None, 0.0),
        *(_never_right("dense <= MoE", Dense(), drag) for drag in DRAGS),
        *(_beside(factor, drag) for factor in (0.8, 1.25) for drag in DRAGS),
    ),
    example=lambda: uneven(1.0),
)

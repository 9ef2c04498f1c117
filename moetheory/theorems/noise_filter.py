r"""Predictors that know the group never lose to dense, for any covariances of signal and noise.

Statement:
    In group g the clean features have the second moment :math:`\Sigma_g` and the noise
    :math:`N_g`. With the parallel sum :math:`A:B = A(A+B)^+B` experts that know the group and see
    all coordinates have the excess risk :math:`\sum_gp_g\,b^\top(\Sigma_g:N_g)b`, dense
    :math:`b^\top(\sum_gp_g\Sigma_g : \sum_gp_gN_g)b`, and

    .. math:: \sum_gp_g\Sigma_g : \sum_gp_gN_g \succeq \sum_gp_g\,\Sigma_g:N_g .

    In a block model with leakage :math:`\nu` and interference :math:`\kappa` the difference is

    .. math:: \sum_m b^2\frac{pq\,(\lambda(n+\kappa)-\nu n)^2}
              {(h+\bar n)(\lambda+n)(\nu+n+\kappa)} \ge 0,

    zero where :math:`\lambda/n = \nu/(n+\kappa)`. Experts that see their own block alone lose
    :math:`\sum_m qb^2\nu^2/(\nu+n+\kappa)` more, and nothing in strict blocks.

Guarantee:
    - Ordering, and exact equality of both differences: proved by certificate, direction by
      direction, for any block model; the ordering is checked by simulation of fresh data.
    - Equality where ratios of signal to noise agree: proved by certificate, checked by simulation.
    - The ordering of operators: proved in docs/theory.md §10, evaluated for random covariances.

Reference:
    docs/theory.md §10; [SNB] Theorem 4.2, https://arxiv.org/abs/2601.14792
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from moetheory.claims.assumptions import ANY_NOISE, SOME_LABEL_SIGNAL
from moetheory.claims.certificates import Symbolic, evaluate
from moetheory.claims.declaration import Claim, Scale, Theorem, accepted_models
from moetheory.claims.domains import Values
from moetheory.claims.full_expert_inputs import full_expert_experiment
from moetheory.claims.quantities import (
    Direction,
    claim_about,
    dense_excess,
    direction,
    draw_direction,
    moe_excess,
    one_direction_model,
    uneven_model,
)
from moetheory.common.arrays import FloatArray
from moetheory.formulas import covariances, population
from moetheory.predictors.optimal import formula_arguments
from moetheory.problem.model import BlockModel

if TYPE_CHECKING:
    import sympy

DECADES = 6  # of the eigenvalues of random covariances


# --- sides ----------------------------------------------------------------------------------------


def _full_expert_risks(model: BlockModel) -> tuple[float, FloatArray]:
    """Excess risk of experts that know the group and see all coordinates; and given the group."""
    arguments = *formula_arguments(model), 0.0
    total, per_group = population.excess_with_groups(
        population.full_expert_contributions, *arguments
    )
    return float(total), per_group


def _full_expert_excess(model: BlockModel) -> float:
    """Excess risk of experts that know the group and see all coordinates."""
    return _full_expert_risks(model)[0]


def _filter_gap(model: BlockModel) -> float:
    """Dense's excess risk minus that of full experts, in positive form."""
    return float(population.full_expert_gap(*formula_arguments(model)))


def _unseen(model: BlockModel) -> float:
    """The reduction of the risk by leaked signal that experts on their own block do not see."""
    leakage = model.leakage_variances
    kept = leakage / population.shrinkage_denominator(leakage, model.idle_noise)
    q = 1.0 - model.group_probabilities[model.block_of]
    return float(np.sum(q * model.coefficients**2 * leakage * kept))


# --- certificates: one direction ------------------------------------------------------------------


def _direction() -> tuple[Direction, sympy.Expr, sympy.Expr]:
    """A direction with leakage and interference, full experts' term, and the idle noise."""
    one = direction(leaking=True, interfering=True)
    idle, b, q = one.noise + one.interference, one.coefficient, 1 - one.probability
    active = one.active * one.noise / (one.signal + one.noise)
    full = b**2 * (active + q * one.leakage * idle / (one.leakage + idle))
    return one, full, idle


def _ordering() -> list[Symbolic]:
    r"""The risks of full experts and dense, in two cases that cover any model.

    The ratio of signal to noise is larger while the block is active, :math:`\lambda/n \ge
    \nu/(n+\kappa)`, or while it is not.
    """
    import sympy

    one, full, idle = _direction()
    u, both = sympy.Symbol("u", positive=True), one.claim(full, one.dense)

    def case(larger: sympy.Symbol, value: sympy.Expr) -> Symbolic:
        def draw(rng: np.random.Generator) -> dict[str, float]:
            values = draw_direction(rng, "nu", "kappa", "u")
            return {**values, str(larger): float(evaluate(value, values))}

        return replace(both, domain={**both.domain, larger: value}, draw=draw)

    return [
        case(one.signal, one.leakage * one.noise / idle + u),
        case(one.leakage, one.signal * idle / one.noise + u),
    ]


def _filtered() -> Symbolic:
    """The difference of dense and full experts, and its positive form."""
    one, full, idle = _direction()
    p, b, q = one.probability, one.coefficient, 1 - one.probability
    contrast = one.signal * idle - one.leakage * one.noise
    mean = one.moment + one.noise + q * one.interference
    both = (one.signal + one.noise) * (one.leakage + idle)
    return one.claim(one.dense - full, b**2 * p * q * contrast**2 / (mean * both))


def _block_loss() -> Symbolic:
    """The difference of MoE and full experts, and its positive form."""
    one, full, idle = _direction()
    b, q = one.coefficient, 1 - one.probability
    return one.claim(one.moe - full, q * b**2 * one.leakage**2 / (one.leakage + idle))


def _equal_ratios() -> Symbolic:
    """The risks of dense and full experts where leakage and idle noise are 1 + u as large."""
    import sympy

    (one, full, _), u = _direction(), sympy.Symbol("u", positive=True)
    alike = {one.leakage: (1 + u) * one.signal, one.interference: u * one.noise}

    def model(values: Values) -> BlockModel:
        nu, kappa = (1.0 + values["u"]) * values["lambda_"], values["u"] * values["sigma2"]
        return one_direction_model({**values, "nu": nu, "kappa": kappa})

    return one.claim(
        one.dense.subs(alike),
        full.subs(alike),
        draw=lambda rng: draw_direction(rng, "u"),
        model=model,
    )


# --- operators ------------------------------------------------------------------------------------


@cache
def _largest_share() -> float:
    """The largest share x' E[S:N] x / x' (E[S]:E[N]) x for random covariances and any x.

    There are 2 to 4 groups and 1 to 8 coordinates.
    """
    rng, largest = np.random.default_rng(0), 0.0
    for groups in (2, 3, 4):
        for dim in range(1, 9):
            p = rng.dirichlet(np.ones(groups))
            signal, noise = (_random_covariances(rng, groups, dim) for _ in range(2))
            mean = np.tensordot(p, covariances.parallel_sum(signal, noise), axes=1)
            total = covariances.parallel_sum(
                np.tensordot(p, signal, axes=1), np.tensordot(p, noise, axes=1)
            )
            eigenvalues, basis = np.linalg.eigh(total)
            root = basis / np.sqrt(eigenvalues)
            largest = max(largest, float(np.linalg.eigvalsh(root.T @ mean @ root)[-1]))
    return largest


def _random_covariances(rng: np.random.Generator, groups: int, dim: int) -> FloatArray:
    """Covariances in random bases with eigenvalues over several decades, (groups, dim, dim)."""
    bases, _ = np.linalg.qr(rng.standard_normal((groups, dim, dim)))
    eigenvalues = 10.0 ** rng.uniform(-DECADES / 2, DECADES / 2, (groups, 1, dim))
    return np.asarray((bases * eigenvalues) @ np.matrix_transpose(bases))


# --- claims ---------------------------------------------------------------------------------------


def _with_risk(model: BlockModel) -> Sequence[BlockModel]:
    """The user's model if full experts err at all: without noise in active blocks they may not."""
    return [model] if _full_expert_excess(model) > 0.0 else []


def _leaking(model: BlockModel) -> Sequence[BlockModel]:
    """The user's model if it leaks."""
    return [] if model.strict else [model]


def _with_equal_ratios(model: BlockModel) -> Sequence[BlockModel]:
    """The model with twice as much signal, and twice as much noise, while a block is inactive."""
    if model.experts == 1:
        return []
    return accepted_models(
        lambda factor: model.replace(
            leakage_variances=factor * model.signal_variances,
            interference_variances=(factor - 1.0) * model.noise_variance,
        ),
        [2.0],
    )


def _example() -> BlockModel:
    """A model with leakage and interference, all of it unequal."""
    ranks = np.arange(1.0, 11.0)
    return uneven_model(
        0.5, leakage_variances=0.4 / ranks, interference_variances=0.3 + np.sin(ranks) ** 2
    )


THEOREM = Theorem(
    statement=(
        "Full experts, which know the group and see all coordinates, never have a larger excess "
        "risk than one linear predictor for all groups, whatever the covariances of signal and "
        "noise are. They gain where groups differ in the ratio of signal to noise. So routing is "
        "a filter of noise. Experts that see their own block alone lose of this gain what the "
        "leaked signal is worth, and with strict blocks nothing."
    ),
    latex=(
        r"\mathbb E[\Sigma_g]:\mathbb E[N_g] \succeq \mathbb E[\Sigma_g:N_g],\quad "
        r"b^2\Big[h:\bar n - p(\lambda:n) - q(\nu:(n+\kappa))\Big] "
        r"= \frac{b^2pq(\lambda(n+\kappa)-\nu n)^2}{(h+\bar n)(\lambda+n)(\nu+n+\kappa)}"
    ),
    guarantee="identities, hence a tight ordering",
    source="docs/theory.md §10",
    assumptions=(SOME_LABEL_SIGNAL, ANY_NOISE),
    claims=(
        Claim(
            name="full experts <= dense",
            relation="<=",
            left=_full_expert_excess,
            right=dense_excess,
            symbolic=_ordering,
            experiment=full_expert_experiment(lambda model: _full_expert_risks(model)[1]),
            points=_with_risk,
            control=0.5,
        ),
        Claim(
            name="dense - full experts == filtered noise",
            relation="==",
            left=lambda model: dense_excess(model) - _full_expert_excess(model),
            right=_filter_gap,
            symbolic=_filtered,
            control=1.01,
            scale=Scale("risk", dense_excess),
        ),
        Claim(
            name="MoE - full experts == sum q b^2 nu^2/(nu+n+kappa)",
            relation="==",
            left=lambda model: moe_excess(model) - _full_expert_excess(model),
            right=_unseen,
            symbolic=_block_loss,
            control=1.01,
            points=_leaking,
            scale=Scale("risk", moe_excess),
        ),
        Claim(
            name="dense == full experts if lambda/n = nu/(n+kappa)",
            relation="==",
            left=dense_excess,
            right=_full_expert_excess,
            symbolic=_equal_ratios,
            weights=lambda model: (1.0, 0.0),
            control=1.01,
            points=_with_equal_ratios,
            simulated=_with_equal_ratios,
        ),
        claim_about(
            _example(),
            name="mean of S:N <= mean S : mean N, random covariances",
            relation="<=",
            left=lambda model: _largest_share(),
            right=lambda model: 1.0,
            control=0.5,
            label=lambda model: "K = 2 to 4, d = 1 to 8",
        ),
    ),
    example=_example,
)

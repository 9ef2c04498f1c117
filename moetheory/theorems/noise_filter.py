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
from functools import cache

import numpy as np

from moetheory.claims.assumptions import ANY_NOISE, SOME_LABEL_SIGNAL
from moetheory.claims.certificates import Symbolic
from moetheory.claims.declaration import Claim, Scale, Theorem, accepted_models
from moetheory.claims.domains import Values
from moetheory.claims.full_expert_inputs import full_expert_experiment
from moetheory.claims.full_experts import (
    below_dense,
    below_dense_by_noise,
    below_moe_by_leakage,
    full_direction,
    leaking,
    leaking_example,
)
from moetheory.claims.quantities import (
    claim_about,
    dense_excess,
    draw_direction,
    moe_excess,
    one_direction_model,
)
from moetheory.common.arrays import FloatArray
from moetheory.formulas import covariances
from moetheory.problem.model import BlockModel
from moetheory.theory.full_experts import (
    filtered_noise,
    full_expert_excess,
    full_expert_risks,
    unseen_signal,
)

DECADES = 6  # of the eigenvalues of random covariances


# --- certificates ---------------------------------------------------------------------------------


def _equal_ratios() -> Symbolic:
    """The risks of dense and full experts where leakage and idle noise are 1 + u as large."""
    import sympy

    (one, full), u = full_direction(), sympy.Symbol("u", positive=True)
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
    return [model] if full_expert_excess(model) > 0.0 else []


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
            left=full_expert_excess,
            right=dense_excess,
            symbolic=lambda: below_dense(*full_direction()),
            experiment=full_expert_experiment(lambda model: full_expert_risks(model)[1]),
            points=_with_risk,
            control=0.5,
        ),
        Claim(
            name="dense - full experts == filtered noise",
            relation="==",
            left=lambda model: dense_excess(model) - full_expert_excess(model),
            right=filtered_noise,
            symbolic=lambda: below_dense_by_noise(*full_direction()),
            control=1.01,
            scale=Scale("risk", dense_excess),
        ),
        Claim(
            name="MoE - full experts == sum q b^2 nu^2/(nu+n+kappa)",
            relation="==",
            left=lambda model: moe_excess(model) - full_expert_excess(model),
            right=unseen_signal,
            symbolic=lambda: below_moe_by_leakage(*full_direction()),
            control=1.01,
            points=leaking,
            scale=Scale("risk", moe_excess),
        ),
        Claim(
            name="dense == full experts if lambda/n = nu/(n+kappa)",
            relation="==",
            left=dense_excess,
            right=full_expert_excess,
            symbolic=_equal_ratios,
            weights=lambda model: (1.0, 0.0),
            control=1.01,
            points=_with_equal_ratios,
            simulated=_with_equal_ratios,
        ),
        claim_about(
            leaking_example(),
            name="mean of S:N <= mean S : mean N, random covariances",
            relation="<=",
            left=lambda model: _largest_share(),
            right=lambda model: 1.0,
            control=0.5,
            label=lambda model: "K = 2 to 4, d = 1 to 8",
        ),
    ),
    example=leaking_example,
)

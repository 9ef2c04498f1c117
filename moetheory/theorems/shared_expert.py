r"""A shared expert beside the routed ones makes them as good as experts that each see everything.

Statement:
    Routed experts see their own block each, one more expert is always on and sees all coordinates,
    and all are fitted jointly: 2d coefficients. Off the block an input meets the coefficients of
    the shared expert, :math:`b\nu/(\nu+n+\kappa)`; on the block both together are
    :math:`b\lambda/(\lambda+n)`. With the parallel sum :math:`x:y = xy/(x+y)`

    .. math:: R_{\mathrm{shared}} = \sum_m b^2\Big[p\,(\lambda:n) + q\,\big(\nu:(n+\kappa)\big)\Big]
              = R_{\mathrm{full}} ,

    the excess risk of full experts, which know the group, see all coordinates and have Kd
    coefficients. So it is never above dense and never above MoE:

    .. math:: R_{\mathrm{MoE}} - R_{\mathrm{shared}} = \sum_m\frac{qb^2\nu^2}{\nu+n+\kappa},\qquad
              R_{\mathrm{dense}} - R_{\mathrm{shared}} = \sum_m b^2
              \frac{pq\,(\lambda(n+\kappa)-\nu n)^2}{(h+\bar n)(\lambda+n)(\nu+n+\kappa)} .

    In strict blocks the shared expert predicts zero.

Guarantee:
    - Exact equality with full experts: proved by certificate, from the normal equations of the
      joint fit, for any block model; checked by simulation of fresh data.
    - Exact equality of both differences, and so both orderings: proved by certificate for any
      block model, checked by simulation of fresh data.
    - Equality with MoE in strict blocks: proved by certificate, evaluated.

Reference:
    docs/theory.md §11; the setting is that of [SNB], https://arxiv.org/abs/2601.14792
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from moetheory.claims.assumptions import ANY_NOISE, SOME_LABEL_SIGNAL
from moetheory.claims.certificates import Symbolic
from moetheory.claims.declaration import Claim, Scale, Theorem
from moetheory.claims.full_experts import (
    below_dense,
    below_dense_by_noise,
    below_moe_by_leakage,
    full_direction,
    leaking,
    leaking_example,
)
from moetheory.claims.quantities import Direction, dense_excess, direction, moe_excess
from moetheory.problem.estimators import Dense, MoE
from moetheory.problem.model import BlockModel
from moetheory.theory.full_experts import (
    filtered_noise,
    full_expert_excess,
    unseen_signal,
)
from moetheory.theory.risks import risk

if TYPE_CHECKING:
    import sympy

SHARED = MoE(shared=True)


def _shared_excess(model: BlockModel) -> float:
    """Excess risk of experts with a shared one beside."""
    return risk(SHARED, model).excess


# --- certificates: one direction ------------------------------------------------------------------


def _jointly_fitted(one: Direction) -> sympy.Expr:
    r"""The term of a shared expert and that of the block, fitted jointly.

    Two features are regressed on: :math:`\bar x`, and :math:`\bar x` while the block is active.
    With their second moments A, and r those with the label, it is :math:`b^2h-r^\top A^{-1}r`.
    """
    import sympy

    b, p, q = one.coefficient, one.probability, 1 - one.probability
    total = one.moment + one.noise + q * one.interference
    active = p * (one.signal + one.noise)
    moments = sympy.Matrix([[total, active], [active, active]])
    with_label = b * sympy.Matrix([one.moment, one.active])
    return one.null - (with_label.T * moments.LUsolve(with_label))[0]


def _as_full() -> Symbolic:
    """The terms of the joint fit and full experts; other claims use the latter for both."""
    one, full = full_direction()
    return one.claim(_jointly_fitted(one), full)


def _below_moe() -> Symbolic:
    """The terms of full experts and MoE."""
    one, full = full_direction()
    return one.claim(full, one.moe)


def _nothing_to_share() -> Symbolic:
    """The terms of the joint fit and MoE in strict blocks."""
    one = direction(leaking=False, interfering=True)
    return one.claim(_jointly_fitted(one), one.moe)


# --- claims ---------------------------------------------------------------------------------------


def _strict(model: BlockModel) -> Sequence[BlockModel]:
    """The user's model without its leakage."""
    return [model.replace(leakage_variances=0.0)]


THEOREM = Theorem(
    statement=(
        "A shared expert, which is always on, sees all coordinates and is fitted jointly with the "
        "routed experts, takes up what leaks into blocks that these do not see. The mixture then "
        "has the risk of full experts, which know the group and see all coordinates, with 2d "
        "coefficients in place of Kd. It is never above dense and never above MoE, whatever leaks "
        "and interferes. In strict blocks the shared expert predicts zero."
    ),
    latex=(
        r"R_{\mathrm{shared}} = \sum_m b^2\Big[p(\lambda:n) + q(\nu:(n+\kappa))\Big]"
        r" = R_{\mathrm{full}} \le \min(R_{\mathrm{dense}}, R_{\mathrm{MoE}})"
    ),
    guarantee="identities, hence tight orderings",
    source="docs/theory.md §11",
    assumptions=(SOME_LABEL_SIGNAL, ANY_NOISE),
    estimators=(Dense(), MoE(), SHARED),
    claims=(
        Claim(
            name="shared == full experts",
            relation="==",
            left=_shared_excess,
            right=full_expert_excess,
            symbolic=_as_full,
            weights=lambda model: (0.0, 0.0, 1.0),
            control=1.01,
        ),
        Claim(
            name="shared <= dense",
            relation="<=",
            left=_shared_excess,
            right=dense_excess,
            symbolic=lambda: below_dense(*full_direction()),
            control=0.5,
        ),
        Claim(
            name="shared <= MoE",
            relation="<=",
            left=_shared_excess,
            right=moe_excess,
            symbolic=_below_moe,
            control=0.5,
        ),
        Claim(
            name="dense - shared == filtered noise",
            relation="==",
            left=lambda model: dense_excess(model) - _shared_excess(model),
            right=filtered_noise,
            symbolic=lambda: below_dense_by_noise(*full_direction()),
            weights=lambda model: (1.0, 0.0, -1.0),
            control=1.01,
            scale=Scale("risk", dense_excess),
        ),
        Claim(
            name="MoE - shared == sum q b^2 nu^2/(nu+n+kappa)",
            relation="==",
            left=lambda model: moe_excess(model) - _shared_excess(model),
            right=unseen_signal,
            symbolic=lambda: below_moe_by_leakage(*full_direction()),
            weights=lambda model: (0.0, 1.0, -1.0),
            control=1.01,
            points=leaking,
            scale=Scale("risk", moe_excess),
        ),
        Claim(
            name="shared == MoE in strict blocks",
            relation="==",
            left=_shared_excess,
            right=moe_excess,
            symbolic=_nothing_to_share,
            control=1.01,
            points=_strict,
        ),
    ),
    example=leaking_example,
)

r"""Oracle-routed experts never have a larger risk than dense, and the gap has a closed form.

Statement:
    With strict blocks, population-optimal linear predictors, oracle routing, feature noise and
    labels that depend on the features,

    .. math:: R_{\mathrm{dense}} - R_{\mathrm{MoE}}
              = \sum_m \frac{p(1-p)\,\sigma^2b^2\lambda^2}{(p\lambda+\sigma^2)(\lambda+\sigma^2)}
              \ge 0 .

    With a single group both sides of the ordering are equal and the gap is zero.

Guarantee:
    - Ordering :math:`R_{\mathrm{MoE}} \le R_{\mathrm{dense}}`: proved by certificate, direction by
      direction; tight, as the gap is known.
    - Exact equality of the gap: proved by certificate, with leakage too (``otherwise``).
    - Both are checked by simulation of fresh data.

Reference:
    docs/theory.md §2; [SNB] Theorem 4.2, https://arxiv.org/abs/2601.14792
"""

from __future__ import annotations

from moetheory.claims.assumptions import SOME_LABEL_SIGNAL, SOME_NOISE, STRICT_BLOCKS
from moetheory.claims.certificates import Symbolic
from moetheory.claims.declaration import Claim, Scale, Theorem
from moetheory.claims.quantities import dense_excess, direction, moe_excess, uneven_model
from moetheory.problem.model import BlockModel
from moetheory.theory.risks import gap


def _difference(model: BlockModel) -> float:
    """Excess risk of dense minus that of the MoE, by subtraction."""
    return dense_excess(model) - moe_excess(model)


def _ordering() -> Symbolic:
    """The risks of MoE and dense for one direction."""
    one = direction(leaking=False)
    return one.claim(one.moe, one.dense)


def _gap_claim(name: str, *, leaking: bool) -> Claim:
    """The claim that the difference of the risks is the closed form of the gap."""

    def symbolic() -> Symbolic:
        one = direction(leaking=leaking)
        return one.claim(one.dense - one.moe, one.gap)

    return Claim(
        name=name,
        relation="==",
        left=_difference,
        right=gap,
        symbolic=symbolic,
        weights=lambda model: (1.0, -1.0),
        control=1.01,
        scale=Scale("risk", lambda model: max(dense_excess(model), moe_excess(model))),
    )


THEOREM = Theorem(
    statement=(
        "With strict blocks and oracle routing, the population-optimal mixture of linear experts "
        "never has a larger excess risk than the population-optimal dense linear predictor. The "
        "gap is zero only if every direction that carries label signal belongs to a group of "
        "probability zero or one."
    ),
    latex=(
        r"R_{\mathrm{dense}} - R_{\mathrm{MoE}} = \sum_m \frac{p(1-p)\,\sigma^2 b^2\lambda^2}"
        r"{(p\lambda+\sigma^2)(\lambda+\sigma^2)} \ge 0"
    ),
    guarantee="identity, hence a tight ordering",
    source="[SNB] Theorem 4.2; docs/theory.md §2",
    assumptions=(STRICT_BLOCKS, SOME_LABEL_SIGNAL, SOME_NOISE),
    claims=(
        Claim(
            name="MoE <= dense",
            relation="<=",
            left=moe_excess,
            right=dense_excess,
            symbolic=_ordering,
            weights=lambda model: (0.0, 1.0),
            control=0.5,
        ),
        _gap_claim("dense - MoE == gap", leaking=False),
    ),
    otherwise=(_gap_claim("dense - MoE == gap with leakage", leaking=True),),
    example=lambda: uneven_model(0.5),
)

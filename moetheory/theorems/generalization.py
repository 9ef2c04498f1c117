r"""Oracle-routed experts never have a larger risk than dense, and the gap has a closed form.

Statement:
    With strict blocks, population-optimal linear predictors, oracle routing, feature noise and
    labels that depend on the features,

    .. math:: R_{\mathrm{dense}} - R_{\mathrm{MoE}}
              = \sum_m \frac{p(1-p)\,(n+\kappa)b^2\lambda^2}{(p\lambda+\bar n)(\lambda+n)} \ge 0,
              \qquad \bar n = n + (1-p)\kappa .

    With one noise variance and no interference :math:`n+\kappa`, n and :math:`\bar n` are
    :math:`\sigma^2`. With a single group both sides of the ordering are equal and the gap is zero.
    This is the special case of strict blocks, in which experts on their own block see all that
    matters; ``noise-filter`` is the theorem for any covariances of signal and noise.

Guarantee:
    - Ordering :math:`R_{\mathrm{MoE}} \le R_{\mathrm{dense}}`: proved by certificate, direction by
      direction; tight, as the gap is known.
    - Exact equality of the gap: proved by certificate, with leakage too (``otherwise``).
    - Both are checked by simulation of fresh data.

Reference:
    docs/theory.md §2; [SNB] Theorem 4.2, https://arxiv.org/abs/2601.14792
"""

from __future__ import annotations

from moetheory.claims.assumptions import ANY_NOISE, SOME_LABEL_SIGNAL, STRICT_BLOCKS
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
    one = direction(leaking=False, interfering=True)
    return one.claim(one.moe, one.dense)


def _gap_claim(name: str, *, leaking: bool) -> Claim:
    """The claim that the difference of the risks is the closed form of the gap."""

    def symbolic() -> Symbolic:
        one = direction(leaking=leaking, interfering=True)
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
        "probability zero or one, or has no noise while its block is inactive. The theorem "
        "noise-filter is the general case."
    ),
    latex=(
        r"R_{\mathrm{dense}} - R_{\mathrm{MoE}} = \sum_m \frac{p(1-p)\,(n+\kappa) b^2\lambda^2}"
        r"{(p\lambda+\bar n)(\lambda+n)} \ge 0"
    ),
    guarantee="identity, hence a tight ordering",
    source="[SNB] Theorem 4.2; docs/theory.md §2",
    assumptions=(STRICT_BLOCKS, SOME_LABEL_SIGNAL, ANY_NOISE),
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

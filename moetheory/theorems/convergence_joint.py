r"""Jointly trained experts contract more slowly than dense, yet their risk is lower all along.

Statement:
    With strict blocks and a common step a, in each direction

    .. math:: |1-a(p\lambda+\sigma^2)| \le |1-ap(\lambda+\sigma^2)|
              \iff a \le \frac{2}{2p\lambda+(1+p)\sigma^2} ,

    and :math:`R_{\mathrm{joint}}(t) \le R_{\mathrm{dense}}(t)` for :math:`a \le 1/H_{\max}`,
    :math:`H_{\max} = \max(p\lambda+\sigma^2)` of dense. With the best step of each, and in
    multiplications, either can be faster.

Guarantee:
    - Ordering of the factors: proved by certificate on both sides of the threshold, which is
      sharp for each direction.
    - Exact equality of the closed-form risk and descent: proved by certificate for any step size
      and number of steps; evaluated and simulated at t = 2 and :math:`a = 1/(2H_{\max})`.
    - Ordering of the risks: proved by certificate for t = 1, 2, 3 and all
      :math:`a \le 1/H_{\max}`, direction by direction; evaluated at t = 5, too.
    - Own best steps and multiplications: one example on either side, dense's best step with a
      certificate for its family.

Reference:
    docs/theory.md §8; [SNB] on convergence, https://arxiv.org/abs/2601.14792
"""

from __future__ import annotations

from moetheory.claims.assumptions import (
    NO_INTERFERENCE,
    ONE_NOISE,
    SEVERAL_GROUPS,
    SOME_LABEL_SIGNAL,
    SOME_NOISE,
    STRICT_BLOCKS,
)
from moetheory.claims.contraction import (
    best_factors,
    best_step_claim,
    contraction_claims,
    reversed_best_factors,
    same_spectra_model,
)
from moetheory.claims.declaration import Claim, Side, Theorem
from moetheory.claims.gradient_descent import DENSE, JOINT, CommonStep, TrainedEstimator
from moetheory.claims.quantities import claim_about, uneven_model
from moetheory.problem.model import BlockModel
from moetheory.theory.descents import steps_to

COMMON_STEP = CommonStep(DENSE)
GOAL = 0.001  # share of the gain that is left when multiplications are counted


def _rare_strong_group_model() -> BlockModel:
    """A rare group with a strong signal: p(lambda + sigma2) varies less than p lambda + sigma2."""
    return BlockModel([0.1, 0.9], [0, 1], [67.0, 1.11], [1.0, 1.0], 10.0)


def _rare_group_model() -> BlockModel:
    """A model with a rare group of the same variance as the other: its expert learns slowly."""
    return BlockModel([0.2, 0.8], [0, 1], [1.0, 1.0], [1.0, 1.0], 1.0)


def _multiplications(learner: TrainedEstimator) -> Side:
    """The number of multiplications to reach the goal, as a side of a claim."""
    return lambda model: steps_to(
        learner.estimator,
        model,
        GOAL,
        relative=True,
        training=learner.training,
        cost="multiplications",
    )


def _multiplications_claim(
    cheaper: TrainedEstimator, costlier: TrainedEstimator, model: BlockModel, what: str
) -> Claim:
    """The claim that ``cheaper`` reaches the goal on ``model`` with no more multiplications."""
    return claim_about(
        model,
        name=f"{cheaper.name} <= {costlier.name}: multiplications to {GOAL:g}, {what}",
        relation="<=",
        left=_multiplications(cheaper),
        right=_multiplications(costlier),
        control=0.5,
    )


WRONG_ALWAYS = best_step_claim(
    JOINT, DENSE, same_spectra_model(), "always", symbolic=reversed_best_factors
)  # easily taken for a theorem

THEOREM = Theorem(
    statement=(
        "With a common step a <= 1/H_max, H_max = max(p lambda + sigma2) of dense, experts that "
        "learn jointly contract no faster than dense in any direction; where p < 1 they contract "
        "MORE SLOWLY exactly for a < 2/(2 p lambda + (1 + p) sigma2). Yet their risk is never "
        "higher after any number of steps: a direction begins with the same gradient, has less "
        "curvature, and lets less noise through. At the best step of each, and in "
        "multiplications, either can be faster."
    ),
    latex=(
        r"|1-a(p\lambda+\sigma^2)| \le |1-ap(\lambda+\sigma^2)| \iff "
        r"a \le \frac{2}{2p\lambda+(1+p)\sigma^2},\qquad "
        r"R_{\mathrm{joint}}(t) \le R_{\mathrm{dense}}(t)"
    ),
    guarantee="sharp threshold in each direction; at own best steps an example on either side",
    source="[SNB] on convergence; docs/theory.md §8",
    assumptions=(
        STRICT_BLOCKS,
        ONE_NOISE,
        NO_INTERFERENCE,
        SOME_LABEL_SIGNAL,
        SOME_NOISE,
        SEVERAL_GROUPS,
    ),
    claims=(
        *contraction_claims(steeper=DENSE, flatter=JOINT),
        *(COMMON_STEP.closed_form_claim(learner, 2) for learner in (DENSE, JOINT)),
        *(COMMON_STEP.ordering_claim(JOINT, DENSE, steps) for steps in (1, 2, 3, 5)),
        best_step_claim(
            DENSE,
            JOINT,
            same_spectra_model(),
            "blocks alike",
            symbolic=best_factors,
            control=WRONG_ALWAYS,
        ),
        best_step_claim(JOINT, DENSE, _rare_strong_group_model(), "a rare loud group"),
        _multiplications_claim(JOINT, DENSE, same_spectra_model(), "blocks alike"),
        _multiplications_claim(DENSE, JOINT, _rare_group_model(), "a rare group"),
    ),
    example=lambda: uneven_model(1.0),
)

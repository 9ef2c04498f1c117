r"""Experts on their own samples contract faster than dense if the common step is small.

Statement:
    With strict blocks and a common step a, in each direction

    .. math:: |1-a(\lambda+\sigma^2)| \le |1-a(p\lambda+\sigma^2)|
              \iff a \le \frac{2}{\lambda+p\lambda+2\sigma^2} .

    For :math:`a \le 1/H_{\max}`, :math:`H_{\max} = \max(\lambda+\sigma^2)` over the directions of
    all experts, the experts' risk is never higher after any number of steps. With the best step
    of each, either can be faster.

Guarantee:
    - Ordering of the factors: proved by certificate on both sides of the threshold, which is
      sharp for each direction.
    - Exact equality of the closed-form risk and descent: proved by certificate for any step size
      and number of steps; evaluated and simulated at t = 2 and :math:`a = 1/(2H_{\max})`.
    - Ordering of the risks: proved by certificate for t = 1, 2, 3 and all
      :math:`a \le 1/H_{\max}`, direction by direction; evaluated at t = 5, too. Beyond the
      threshold: evaluated for one model.
    - Own best steps: one example on either side, dense's with a certificate for its family.

Reference:
    docs/theory.md §8; [SNB] on convergence, https://arxiv.org/abs/2601.14792
"""

from __future__ import annotations

import numpy as np

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
from moetheory.claims.declaration import Theorem
from moetheory.claims.gradient_descent import DENSE, OWN, CommonStep
from moetheory.claims.quantities import claim_about, uneven_model
from moetheory.problem.model import BlockModel

COMMON_STEP = CommonStep(OWN)
BEYOND = 0.93  # share of the step size from which on the experts diverge


def _different_spectra_model() -> BlockModel:
    """A model whose blocks each have a narrower spectrum than all blocks together."""
    return BlockModel([0.5, 0.5], [0, 0, 1, 1], [4.0, 2.0, 1.0, 0.5], np.ones(4), 1.0)


def _single_directions_model() -> BlockModel:
    """A model with one direction in each block: with large steps the experts overshoot."""
    return BlockModel([0.5, 0.5], [0, 1], [1.0, 1.0], [1.0, 1.0], 0.1)


def _large_step(model: BlockModel) -> float:
    """A step size just below the one from which on the experts diverge."""
    return 2.0 * BEYOND / float(np.max(model.signal_variances) + model.noise_variance)


# easily taken for a theorem
WRONG_ALWAYS = best_step_claim(
    OWN, DENSE, same_spectra_model(), "always", symbolic=reversed_best_factors
)

THEOREM = Theorem(
    statement=(
        "With a common step a <= 1/H_max, H_max = max(lambda + sigma2) of the experts, experts on "
        "their own samples contract at least as fast as dense in every direction, and their risk "
        "is never higher after any number of steps. In a direction with signal and p < 1 they "
        "contract faster exactly for a < 2/(lambda + p lambda + 2 sigma2); beyond that they are "
        "SLOWER. With the best step of each, either can be faster: dense is where groups are "
        "equally frequent and blocks have one spectrum that is not flat."
    ),
    latex=(
        r"|1-a(\lambda+\sigma^2)| \le |1-a(p\lambda+\sigma^2)| \iff "
        r"a \le \frac{2}{\lambda+p\lambda+2\sigma^2}"
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
        *contraction_claims(steeper=OWN, flatter=DENSE),
        *(COMMON_STEP.closed_form_claim(learner, 2) for learner in (DENSE, OWN)),
        *(COMMON_STEP.ordering_claim(OWN, DENSE, steps) for steps in (1, 2, 3, 5)),
        claim_about(
            _single_directions_model(),
            name=f"dense <= own: risk after t = 5 steps, {BEYOND:g} of the largest stable",
            relation="<=",
            left=lambda model: DENSE.excess_after_steps(model, _large_step(model), 5),
            right=lambda model: OWN.excess_after_steps(model, _large_step(model), 5),
            control=0.5,
        ),
        best_step_claim(
            DENSE,
            OWN,
            same_spectra_model(),
            "blocks alike",
            symbolic=best_factors,
            control=WRONG_ALWAYS,
        ),
        best_step_claim(OWN, DENSE, _different_spectra_model(), "blocks apart"),
    ),
    example=lambda: uneven_model(1.0),
)

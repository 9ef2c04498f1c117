"""Experts on their own samples learn faster with small steps; each at its best step, who knows."""

from __future__ import annotations

import numpy as np

from moetheory.claims.assumptions import SEVERAL_GROUPS, SOME_LABELS, SOME_NOISE, STRICT_BLOCKS
from moetheory.claims.contraction import alike, best_step, contraction, opposite, same_spectra
from moetheory.claims.declaration import Theorem
from moetheory.claims.gradient_descent import DENSE, OWN, Common
from moetheory.claims.quantities import about, uneven
from moetheory.problem.model import BlockModel

COMMON = Common(OWN)
BEYOND = 0.93  # of the step from which on the experts diverge


def _unlike() -> BlockModel:
    """Blocks of which each has a narrower spectrum than all together."""
    return BlockModel([0.5, 0.5], [0, 0, 1, 1], [4.0, 2.0, 1.0, 0.5], np.ones(4), 1.0)


def _steep() -> BlockModel:
    """One direction in each block: with large steps experts leap from side to side."""
    return BlockModel([0.5, 0.5], [0, 1], [1.0, 1.0], [1.0, 1.0], 0.1)


def _large(model: BlockModel) -> float:
    return 2.0 * BEYOND / float(np.max(model.signal_variances) + model.noise_variance)


# easily taken for a theorem
ALWAYS = best_step(OWN, DENSE, alike(), "always", symbolic=opposite)

THEOREM = Theorem(
    statement=(
        "With a common step a that is at most 1/H_max, experts on their own samples contract "
        "faster than dense in every direction, and their risk is lower after every number of "
        "steps; in a direction it is so exactly for a < 2/(lambda + p lambda + 2 sigma2). Beyond "
        "that they are SLOWER. With the best step of each, either can be faster: dense where "
        "blocks are alike and equally frequent."
    ),
    latex=(
        r"|1-a(\lambda+\sigma^2)| \le |1-a(p\lambda+\sigma^2)| \iff "
        r"a \le \frac{2}{\lambda+p\lambda+2\sigma^2}"
    ),
    guarantee="sharp threshold in each direction; at own best steps an example on either side",
    source="[SNB] on convergence; docs/theory.md §8",
    assumptions=(STRICT_BLOCKS, SOME_LABELS, SOME_NOISE, SEVERAL_GROUPS),
    claims=(
        *contraction(steeper=OWN, flatter=DENSE),
        *(COMMON.identity(learner, 2) for learner in (DENSE, OWN)),
        *(COMMON.never_behind(OWN, DENSE, steps) for steps in (1, 2, 5)),
        about(
            _steep(),
            name=f"dense <= own: risk after t = 5 steps, {BEYOND:g} of the largest stable",
            relation="<=",
            left=lambda model: DENSE.after(model, _large(model), 5),
            right=lambda model: OWN.after(model, _large(model), 5),
            control=0.5,
        ),
        best_step(DENSE, OWN, alike(), "blocks alike", symbolic=same_spectra, control=ALWAYS),
        best_step(OWN, DENSE, _unlike(), "blocks apart"),
    ),
    example=lambda: uneven(1.0),
)

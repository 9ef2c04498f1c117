"""Experts that learn jointly contract more slowly than dense, and are ahead of it all the same."""

from __future__ import annotations

from moetheory.claims.assumptions import SEVERAL_GROUPS, SOME_LABELS, SOME_NOISE, STRICT_BLOCKS
from moetheory.claims.contraction import alike, best_step, contraction, opposite, same_spectra
from moetheory.claims.declaration import Claim, Side, Theorem
from moetheory.claims.gradient_descent import DENSE, JOINT, Common, TrainedEstimator
from moetheory.claims.quantities import about, uneven
from moetheory.problem.model import BlockModel
from moetheory.theory.descents import steps_to

COMMON = Common(DENSE)
GOAL = 0.001  # of what there is to gain, in counts of multiplications


def _balanced() -> BlockModel:
    """A rare group that is loud: p(lambda + sigma2) differs less than p lambda + sigma2."""
    return BlockModel([0.1, 0.9], [0, 1], [67.0, 1.11], [1.0, 1.0], 10.0)


def _rare() -> BlockModel:
    """A rare group that is no louder than the other: its expert hardly moves."""
    return BlockModel([0.2, 0.8], [0, 1], [1.0, 1.0], [1.0, 1.0], 1.0)


def _products(learner: TrainedEstimator) -> Side:
    return lambda model: steps_to(
        learner.estimator,
        model,
        GOAL,
        relative=True,
        training=learner.training,
        cost="multiplications",
    )


def _cheaper(
    cheaper: TrainedEstimator, dearer: TrainedEstimator, model: BlockModel, what: str
) -> Claim:
    return about(
        model,
        name=f"{cheaper.name} <= {dearer.name}: multiplications to {GOAL:g}, {what}",
        relation="<=",
        left=_products(cheaper),
        right=_products(dearer),
        control=0.5,
    )


ALWAYS = best_step(JOINT, DENSE, alike(), "always", symbolic=opposite)  # easily taken for a theorem

THEOREM = Theorem(
    statement=(
        "With a common step a that is at most 1/H_max of dense, experts that learn jointly "
        "contract MORE SLOWLY than dense in every direction, exactly for a < 2/(2 p lambda + "
        "(1 + p) sigma2); yet their risk is lower after every number of steps, since they head "
        "for a lower one. At the best step of each, and in multiplications, either can be "
        "faster."
    ),
    latex=(
        r"|1-a(p\lambda+\sigma^2)| \le |1-ap(\lambda+\sigma^2)| \iff "
        r"a \le \frac{2}{2p\lambda+(1+p)\sigma^2},\qquad "
        r"R_{\mathrm{joint}}(t) \le R_{\mathrm{dense}}(t)"
    ),
    guarantee="sharp threshold in each direction; at own best steps an example on either side",
    source="[SNB] on convergence; docs/theory.md §8",
    assumptions=(STRICT_BLOCKS, SOME_LABELS, SOME_NOISE, SEVERAL_GROUPS),
    claims=(
        *contraction(steeper=DENSE, flatter=JOINT),
        *(COMMON.identity(learner, 2) for learner in (DENSE, JOINT)),
        *(COMMON.never_behind(JOINT, DENSE, steps) for steps in (1, 2, 5)),
        best_step(DENSE, JOINT, alike(), "blocks alike", symbolic=same_spectra, control=ALWAYS),
        best_step(JOINT, DENSE, _balanced(), "a rare loud group"),
        _cheaper(JOINT, DENSE, alike(), "blocks alike"),
        _cheaper(DENSE, JOINT, _rare(), "a rare group"),
    ),
    example=lambda: uneven(1.0),
)

r"""In strict blocks experts of fewer groups are better: no refinement raises the risk.

Statement:
    An assignment says which expert serves each group. The expert sees the blocks of its groups; it
    is used with probability P, the sum of theirs. With oracle routing, strict blocks and the
    parallel sum :math:`x:y = xy/(x+y)` the population optimum has the excess risk

    .. math:: R = \sum_m b^2F_m(P), \qquad F_m(P) = p\lambda : \big(Pn + (P-p)\kappa\big) ,

    P that of the expert which sees coordinate m. So dense (:math:`P = 1`) and MoE
    (:math:`P = p`) are the ends of a ladder of assignments, all with d coefficients. A refinement
    splits experts, from :math:`P'` to :math:`P \le P'`, and

    .. math:: F_m(P') - F_m(P) = \frac{(p\lambda)^2(n+\kappa)(P'-P)}
              {(p\lambda+Pn+(P-p)\kappa)(p\lambda+P'n+(P'-p)\kappa)} \ge 0 .

    The risk falls strictly if a coordinate with labels, :math:`pb^2\lambda > 0`, and noise while
    its block is inactive, :math:`n+\kappa > 0`, loses a group that occurs from its expert. With
    leakage the order may reverse: experts of fewer groups see less of what leaks (``leakage``).

Guarantee:
    - Exact equality of the risk, and its ends: proved by certificate for any P (with leakage too,
      ``otherwise``), checked by simulation of fresh data at dense, MoE and a rung between them.
    - Ordering: proved by certificate for any refinement, direction by direction; evaluated at the
      step of a ladder where it is tightest.
    - Exact equality of the differences: proved by certificate (that with MoE with leakage too),
      checked by simulation in which dense, MoE and the rung have the same inputs.

Reference:
    docs/theory.md §11; the two ends are those of [SNB] Theorem 4.2,
    https://arxiv.org/abs/2601.14792
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from moetheory.claims.assumptions import (
    ANY_NOISE,
    SEVERAL_GROUPS,
    SOME_LABEL_SIGNAL,
    STRICT_BLOCKS,
)
from moetheory.claims.declaration import Claim, Scale, Side, Theorem
from moetheory.claims.ladders import (
    Rung,
    Step,
    end_risk,
    middle,
    rung_risk,
    sharing_cost,
    step_difference,
    step_order,
    tightest_step,
)
from moetheory.claims.quantities import dense_excess, moe_excess
from moetheory.common.arrays import FloatArray
from moetheory.formulas.assignment_costs import sharing_costs, sharing_terms
from moetheory.formulas.expert_sums import ExpertSums
from moetheory.formulas.shrinkage import shrinkage_denominator
from moetheory.predictors.optimal import formula_arguments
from moetheory.problem.estimators import Dense, Estimator, MoE, experts_of
from moetheory.problem.model import BlockModel
from moetheory.theory.risks import risk

# --- quantities of a rung and of a step -----------------------------------------------------------


def _excess(model: BlockModel, estimator: Estimator) -> float:
    """The excess risk of a rung."""
    return risk(estimator, model).excess


def _uses(model: BlockModel, estimator: Estimator) -> tuple[FloatArray, FloatArray]:
    """How often the expert of each group is used for its other groups, and how often not at all."""
    served, p = ExpertSums(experts_of(estimator, model)), model.group_probabilities
    return served.others(p), served.elsewhere(p)


def _met_noise(model: BlockModel, estimator: Estimator) -> FloatArray:
    r"""The noise of a coordinate while its expert is used, :math:`Pn + (P-p)\kappa`, (d,)."""
    idle, block_of = _uses(model, estimator)[0], model.block_of
    used = model.group_probabilities + idle
    noise, interference = model.noise_variance, model.interference_variances
    return np.asarray(used[block_of] * noise + idle[block_of] * interference)


def _closed_form(model: BlockModel, estimator: Estimator) -> float:
    r"""The excess risk of a rung in closed form.

    .. math:: \sum_m b^2\Big[\big(p\lambda+(P-p)\nu\big):\big(Pn+(P-p)\kappa\big) + (1-P)\nu\Big]
    """
    (idle, unused), p = _uses(model, estimator), model.group_probabilities
    leakage, block_of = model.leakage_variances, model.block_of
    signal = p[block_of] * model.signal_variances + idle[block_of] * leakage
    noise = _met_noise(model, estimator)
    parallel = signal * (noise / shrinkage_denominator(signal, noise))
    return float(np.sum(model.coefficients**2 * (parallel + unused[block_of] * leakage)))


def _sharing_cost(model: BlockModel, estimator: Estimator) -> float:
    """What a rung loses to MoE since its groups share experts, in positive form."""
    p, block_of, *arrays = formula_arguments(model)
    others, _ = _uses(model, estimator)
    return float(sharing_costs(others, block_of, sharing_terms(p[block_of], *arrays)))


def _difference(model: BlockModel, finer: Estimator, coarser: Estimator) -> float:
    """The excess risk of the coarser assignment minus that of the finer, by subtraction."""
    return _excess(model, coarser) - _excess(model, finer)


def _step_cost(model: BlockModel, finer: Estimator, coarser: Estimator) -> float:
    """This difference in strict blocks, in positive form."""
    signal = model.group_probabilities[model.block_of] * model.signal_variances
    kept = [
        signal / shrinkage_denominator(signal, _met_noise(model, each)) for each in (finer, coarser)
    ]
    fine, p = experts_of(finer, model), model.group_probabilities
    _, first = np.unique(fine, return_index=True)
    # the coarser expert is a union of finer ones
    merged = ExpertSums(experts_of(coarser, model)[first])
    more = merged.others(ExpertSums(fine).by_expert(p))[fine]
    added = more[model.block_of] * (model.noise_variance + model.interference_variances)
    return float(np.sum(model.coefficients**2 * kept[0] * kept[1] * added))


# --- claims ---------------------------------------------------------------------------------------


def _side(quantity: Callable[..., float], place: Callable[[BlockModel], Rung | Step]) -> Side:
    """A quantity of a rung or step, as a side of a claim; ``place`` finds it on a model's ladder.

    The random points of certificates are rungs and steps.
    """

    def side(point: Any) -> float:
        return quantity(*(place(point) if isinstance(point, BlockModel) else point))

    return side


def _middle_rung(model: BlockModel) -> Rung:
    """The rung in the middle of the model's ladder."""
    return model, middle(model)


def _to_dense(model: BlockModel) -> Step:
    """The step from the middle of the model's ladder to dense."""
    return model, middle(model), Dense()


def _estimators(model: BlockModel) -> tuple[Estimator, ...]:
    """Dense, the middle of the model's ladder, and MoE."""
    return Dense(), middle(model), MoE()


def _label(model: BlockModel) -> str:
    """The number of experts at the middle of the ladder and of groups, as the name of a point."""
    return f"E={experts_of(middle(model), model).max() + 1} of K={model.experts}"


def _between_the_ends(model: BlockModel) -> Sequence[BlockModel]:
    """The user's model if its ladder has a rung that is neither dense nor MoE."""
    return [model] if model.experts > 2 else []


def _middle_claims(*, leaking: bool) -> tuple[Claim, Claim]:
    """The claims on the risk of the middle rung, and on what it loses to MoE."""
    closed_form = "P (h:n) + (1-P) nu" if leaking else "p lambda : (P n + (P-p) kappa)"
    return (
        Claim(
            name=f"E experts == sum b^2 ({closed_form})",
            relation="==",
            left=_side(_excess, _middle_rung),
            right=_side(_closed_form, _middle_rung),
            symbolic=lambda: rung_risk(leaking=leaking),
            weights=lambda model: (0.0, 1.0, 0.0),
            control=1.01,
            label=_label,
        ),
        Claim(
            name="E experts - MoE == cost of sharing",
            relation="==",
            left=_side(lambda *rung: _excess(*rung) - moe_excess(rung[0]), _middle_rung),
            right=_side(_sharing_cost, _middle_rung),
            symbolic=lambda: sharing_cost(leaking=leaking),
            weights=lambda model: (0.0, 1.0, -1.0),
            control=1.01,
            label=_label,
            scale=Scale(
                "risk", _side(lambda *rung: max(_excess(*rung), moe_excess(rung[0])), _middle_rung)
            ),
        ),
    )


def _example() -> BlockModel:
    """A model of five groups in which the noise of each coordinate is another; some interfere."""
    ranks = np.arange(1.0, 12.0)
    return BlockModel(
        [0.1, 0.25, 0.2, 0.3, 0.15],
        np.repeat(range(5), (2, 1, 3, 1, 4)),
        3.0 / np.sqrt(ranks),
        np.cos(ranks),
        0.2 + np.sin(ranks) ** 2,
        interference_variances=np.maximum(np.cos(3.0 * ranks), 0.0),
    )


THEOREM = Theorem(
    statement=(
        "An expert may serve several groups; it sees all their blocks. With strict blocks and "
        "oracle routing no refinement of the assignment of groups to experts raises the excess "
        "risk, from dense (one expert) to MoE (one expert for each group), all with d "
        "coefficients. It lowers the risk if it splits a group that occurs from one with labels "
        "and with noise while its block is inactive: an expert that is used more often hears more "
        "of that noise. With leakage the order may reverse, since experts of fewer groups see "
        "less of what leaks."
    ),
    latex=(
        r"R = \sum_m b^2F_m(P),\quad F_m(P) = p\lambda : \big(Pn+(P-p)\kappa\big),\quad "
        r"F_m(P')-F_m(P) = \frac{(p\lambda)^2(n+\kappa)(P'-P)}{(p\lambda+Pn+(P-p)\kappa)"
        r"(p\lambda+P'n+(P'-p)\kappa)} \ge 0"
    ),
    guarantee="identities, hence a tight ordering",
    source="docs/theory.md §11",
    assumptions=(STRICT_BLOCKS, SEVERAL_GROUPS, SOME_LABEL_SIGNAL, ANY_NOISE),
    estimators=_estimators,
    claims=(
        *_middle_claims(leaking=False),
        Claim(
            name="dense == E experts at P = 1",
            relation="==",
            left=dense_excess,
            right=lambda model: _closed_form(model, Dense()),
            symbolic=lambda: end_risk(dense=True),
            weights=lambda model: (1.0, 0.0, 0.0),
            control=1.01,
        ),
        Claim(
            name="MoE == E experts at P = p",
            relation="==",
            left=moe_excess,
            right=lambda model: _closed_form(model, MoE()),
            symbolic=lambda: end_risk(dense=False),
            weights=lambda model: (0.0, 0.0, 1.0),
            control=1.01,
        ),
        Claim(
            name="finer <= coarser",
            relation="<=",
            left=_side(lambda model, finer, coarser: _excess(model, finer), tightest_step),
            right=_side(lambda model, finer, coarser: _excess(model, coarser), tightest_step),
            symbolic=step_order,
            control=0.5,
        ),
        Claim(
            name="dense - E experts == sum of positive terms",
            relation="==",
            left=_side(_difference, _to_dense),
            right=_side(_step_cost, _to_dense),
            symbolic=step_difference,
            weights=lambda model: (1.0, -1.0, 0.0),
            control=1.01,
            points=_between_the_ends,
            condition="three groups",
            label=_label,
            scale=Scale("risk", _side(lambda *step: dense_excess(step[0]), _to_dense)),
        ),
    ),
    otherwise=_middle_claims(leaking=True),
    example=_example,
)

"""What theory says at a point of a table: a risk, or how often the sign is wrong."""

from __future__ import annotations

from numpy.typing import ArrayLike

from moetheory.common.errors import Call, Mention, NoClosedForm
from moetheory.problem.custom_estimators import Custom, refuse_custom
from moetheory.problem.estimators import Simulated
from moetheory.problem.losses import Loss
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation
from moetheory.results.risks import Misclassification, Risk
from moetheory.theory.misclassifications import unchecked_misclassification
from moetheory.theory.risks import unchecked_risk


def closed_form(
    estimator: Simulated,
    model: BlockModel,
    samples: ArrayLike | None,
    under: Perturbation | None,
    loss: Loss,
) -> Risk | Misclassification:
    """The theoretical risk of arguments that have been checked, or the misclassification.

    >>> from moetheory import Dense
    >>> model = BlockModel.isotropic(8, 4, 1.0, signal_energy=8.0)
    >>> [closed_form(Dense(), model, None, None, loss).value for loss in ("squared", "sign")]
    [0.5, 0.25]
    """
    if isinstance(estimator, Custom):
        refuse_custom(estimator)
    if loss == "squared":
        return unchecked_risk(estimator, model, samples, under)
    if samples is not None:
        raise NoClosedForm(
            "the misclassification of fitted estimators is known by simulation only; give ",
            Mention("replicates"),
            ", or ",
            Call(f'simulate({estimator!r}, model, samples=..., loss="sign")'),
        )
    return unchecked_misclassification(estimator, model, under)


def closed_form_if_known(
    estimator: Simulated,
    model: BlockModel,
    samples: ArrayLike | None,
    under: Perturbation | None,
    loss: Loss,
) -> Risk | Misclassification | None:
    """The `closed_form`; None if there is no formula.

    >>> from moetheory import MoE, Soft
    >>> model = BlockModel.isotropic(8, 4, 1.0)
    >>> closed_form_if_known(MoE(gate=Soft(0.5)), model, None, None, "squared") is None
    True
    """
    try:
        return closed_form(estimator, model, samples, under, loss)
    except NoClosedForm:
        return None

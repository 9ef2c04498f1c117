"""How often the sign of a prediction is wrong, in closed form."""

from __future__ import annotations

from moetheory.common.errors import Call, NoClosedForm
from moetheory.predictors.perturbed_risks import (
    require_defined_perturbation,
    require_normal_predictions,
)
from moetheory.predictors.sign_errors import optimal_sign_errors, require_signs
from moetheory.problem.estimators import (
    Estimator,
    checked_estimator,
    require_simulated_gate,
    routes_by_input,
    simplest,
)
from moetheory.problem.model import BlockModel, checked_model
from moetheory.problem.perturbation import Perturbation
from moetheory.results.risks import Misclassification


def misclassification(
    estimator: Estimator, model: BlockModel, *, under: Perturbation | None = None
) -> Misclassification:
    r"""The probability that the population optimum errs in the sign of the label.

    Given the group, label and prediction are jointly normal, with the correlation r. For a linear
    predictor w, and with S and N the variances of signal and noise in each coordinate,

    .. math:: P(\operatorname{sgn}\hat y \ne \operatorname{sgn}y) = \frac{\arccos r}{\pi}, \qquad
              r = \frac{\sum Sbw}{\sqrt{(\sum Sb^2+\omega^2)\sum (S+N)w^2}} .

    Rare errors keep their relative accuracy. A prediction that is always zero errs with
    probability 1/2.

    Parameters
    ----------
    estimator : Dense or MoE
        With oracle routing; experts may serve several groups, and there may be a shared one.
    model : BlockModel
    under : Perturbation, optional
        What differs at test time: noise variance, interference, confusion and drag.

    Raises
    ------
    ValueError
        The labels of a group do not vary: their sign is undefined. A gate routes by the input and
        the model leaks, or ``under`` has confusion or a radius; the confusion has not as many
        groups as the model.
    NoClosedForm
        A gate routes by the input, or ``under`` has erasure, a radius or noise of another law.
        `simulate` counts such errors with ``loss="sign"``.

    Notes
    -----
    Source: docs/theory.md §12.

    Examples
    --------
    >>> from moetheory import Dense, MoE
    >>> model = BlockModel.isotropic(256, 16, noise_variance=1.0, signal_energy=256.0)
    >>> misclassification(Dense(), model).value, misclassification(MoE(), model).value
    (0.25, 0.0779791)
    >>> louder = Perturbation(noise_variance=4.0)
    >>> misclassification(MoE(), model, under=louder).accuracy
    0.8524164
    """
    estimator, model = checked_estimator(estimator), checked_model(model)
    if under is not None:
        require_defined_perturbation(under, estimator, model)
    return unchecked_misclassification(estimator, model, under)


def unchecked_misclassification(
    estimator: Estimator, model: BlockModel, under: Perturbation | None = None
) -> Misclassification:
    """The `misclassification` of arguments that have been checked."""
    estimator = simplest(estimator, model)
    _require_normal_predictions(estimator, model, under)
    per_group = optimal_sign_errors(estimator, model, under)
    require_signs(per_group, model)
    drawn = model.group_probabilities > 0.0
    value = float(model.group_probabilities[drawn] @ per_group[drawn])
    return Misclassification(value=value, per_group=per_group)


def _require_normal_predictions(
    estimator: Estimator, model: BlockModel, under: Perturbation | None
) -> None:
    """Refuse what makes predictions other than normal, given the group; the error names a call."""
    more = "" if under is None else ", under=..."
    call = Call(f'simulate({estimator!r}, model{more}, loss="sign")')
    if routes_by_input(estimator):
        require_simulated_gate(estimator, model, signs=True)
        raise NoClosedForm(
            "the misclassification is known for dense and for oracle routing only, got ",
            estimator,
            "; ",
            call,
        )
    if under is not None:
        require_normal_predictions(under, "the misclassification", call)

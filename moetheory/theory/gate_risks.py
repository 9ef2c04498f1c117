"""Gates that route by the noisy input: their excess risks and routing matrices."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from moetheory.common.arrays import FloatArray
from moetheory.common.errors import Call, Mention, NoClosedForm
from moetheory.formulas import hard_gate, population, soft_gate, top_k_gate
from moetheory.formulas.block_evidence import ClassLosses
from moetheory.predictors.coordinate_laws import CoordinateLaw
from moetheory.predictors.expert_moments import ExpertMoments
from moetheory.predictors.expert_regressions import Regressions
from moetheory.predictors.gate_forms import GateForms
from moetheory.predictors.group_classes import GroupClasses
from moetheory.predictors.optimal import unchecked_optimal_coefficients
from moetheory.problem.estimators import MoE, one_each, require_simulated_gate
from moetheory.problem.gates import Gate, Hard, Oracle, Soft, TopK, checked_gate, resolved
from moetheory.problem.model import BlockModel, checked_model
from moetheory.problem.perturbation import Perturbation, changes_variances_alone
from moetheory.results.risks import Risk, RoutingMatrix

MOST_KINDS = 16  # of blocks, for the k best of them: more would take minutes


class GateLosses(NamedTuple):
    """What a gate and the fits of the experts add to the risk of knowing group and coefficients.

    Attributes
    ----------
    values, errors : (K,) arrays
        Given the group; and bounds on their absolute errors.
    """

    values: FloatArray
    errors: FloatArray


def gated_risk(
    estimator: MoE, model: BlockModel, samples: Any = None, under: Perturbation | None = None
) -> Risk:
    """The risk of a mixture with a gate that routes by the input, by the formulas of `risk`."""
    losses = gated_losses(estimator, model, samples, under)
    p, law = model.group_probabilities, CoordinateLaw.of(model, under)
    variances = law.signal, law.leakage, model.coefficients, law.noise, law.interference
    known, known_per_group = population.excess_with_groups(
        population.expert_contributions, p, model.block_of, *variances, 0.0
    )
    added, error = (float(p @ np.where(p > 0.0, each, 0.0)) for each in losses)
    excess, omega = float(known) + added, model.label_noise_variance
    return Risk(
        value=excess + omega,
        excess=excess,
        per_group=known_per_group + losses.values + omega,
        exactness="quadrature" if 0.0 < error < math.inf else "exact",
        error=error if error < math.inf else 0.0,
    )


def gated_losses(
    estimator: MoE, model: BlockModel, samples: Any = None, under: Perturbation | None = None
) -> GateLosses:
    """What the gate and the fits of a mixture add to the risk, arguments as for `risk`.

    Raises
    ------
    NoClosedForm
        It is not known; the message names the simulation.
    """
    simulation = _simulation(estimator, samples, under)
    _require_known(estimator, model, samples, under, simulation)
    mean, variance = _coefficients(estimator, model, samples, simulation)
    forms = GateForms.of(model, CoordinateLaw.of(model, under), mean, variance)
    return losses_of_fits(resolved(estimator.gate, model.experts), model, forms, simulation)


def _simulation(estimator: MoE, samples: Any, under: Perturbation | None) -> Call:
    """The call that helps where there is no formula."""
    options = f"{', samples=...' * (samples is not None)}{', under=...' * (under is not None)}"
    return Call(f"simulate({estimator!r}, model{options})")


def _require_known(
    estimator: MoE, model: BlockModel, samples: Any, under: Perturbation | None, simulation: Call
) -> None:
    """Refuse what has no formula, whatever the model."""
    known = "the risk with a gate that routes by the input is known "
    if not one_each(estimator):
        require_simulated_gate(estimator, model)
        what = "for one expert a group, without a shared expert, got "
        raise NoClosedForm(known, what, estimator, "; ", simulation)
    if estimator.ridge > 0.0:
        raise NoClosedForm(known, "without ridge, got ", estimator, "; ", simulation)
    if under is not None and not changes_variances_alone(under):
        what = "for normal noise without erasure at test time, got "
        raise NoClosedForm(known, what, under, "; ", simulation)
    if estimator.retrained and samples is not None:
        what = "for infinitely many samples, where the experts are retrained, got "
        raise NoClosedForm(known, what, Mention("samples", samples), "; ", simulation)


def _coefficients(
    estimator: MoE, model: BlockModel, samples: Any, simulation: Call
) -> tuple[FloatArray, FloatArray]:
    """Means and variances of the coefficients of the experts, (d,)."""
    if samples is None:
        mean = unchecked_optimal_coefficients(estimator, model)
        return mean, np.zeros(model.dim)
    moments = ExpertMoments.of(model, Regressions.of(model, samples))
    if not np.all(moments.exact):
        g = int(np.argmin(moments.exact))
        raise NoClosedForm(
            "the risk after fitting, with a gate that routes by the input, is known for blocks of "
            f"one variance and for more samples than coordinates, not for block {g} with ",
            Mention("samples", samples),
            "; ",
            simulation,
        )
    return moments.mean, moments.variance


def losses_of_fits(gate: Gate, model: BlockModel, forms: GateForms, simulation: Call) -> GateLosses:
    """The losses of experts and test inputs with these ``forms``, routed by ``gate``.

    Raises
    ------
    NoClosedForm
        The gate is neither `Hard`, `TopK` nor `Soft` at temperature 1, or the model has
        interference or leakage that is louder than the signal. It names the ``simulation``.
    """
    one_hot, k = gate == Hard(), gate.active(model.experts)
    if not (one_hot or gate == Soft() or isinstance(gate, TopK)):
        raise NoClosedForm(f"no formula is known for {gate!r}; ", simulation)
    if not one_hot and not model.strict:
        leakage = Mention("leakage_variances")
        raise NoClosedForm("no formula is known for ", gate, " with ", leakage, "; ", simulation)
    classes = GroupClasses.of(model, forms, simulation, one_hot=one_hot)
    try:
        if not classes.blocks:
            whole = not isinstance(gate, TopK) or gate.renormalised
            values = classes.losses_without_evidence(k, renormalised=whole)
            errors = np.zeros(model.experts)
        elif one_hot:
            largest = classes.silent_probabilities.max(initial=0.0)
            routing = hard_gate.hard_routing(classes.blocks, classes.counts, largest)
            values = classes.with_silent_expert(classes.per_group(routing.losses.values), routing)
            errors = classes.errors(routing.losses.errors)
        else:
            found = _weighed_losses(gate, classes, simulation)
            values, errors = classes.per_group(found.values), classes.errors(found.errors)
    except ArithmeticError as error:
        raise NoClosedForm(
            "no formula is known for ", gate, f" here: {error}; ", simulation
        ) from None
    met_by_others = np.any(forms.infinite & classes.reached(one_hot))
    astray = np.where(classes.is_certain, forms.infinite, met_by_others)
    return GateLosses(np.where(astray, np.inf, values), np.where(astray, 0.0, errors))


def _weighed_losses(gate: Gate, classes: GroupClasses, simulation: Call) -> ClassLosses:
    """The losses of a gate that weighs several experts, by class of groups."""
    blocks, counts, silent = classes.blocks, classes.counts, classes.silent_probabilities
    if not isinstance(gate, TopK) or gate.k >= counts.sum() + len(silent):
        asked = bool(np.any(classes.has_no_evidence))
        return soft_gate.soft_losses(blocks, counts, float(silent.sum()), signal_free=asked)
    obstacle = ""
    if len(silent):
        obstacle = "blocks that give no evidence of their group"
    elif len(blocks) > MOST_KINDS:
        obstacle = f"more than {MOST_KINDS} kinds of blocks, got {len(blocks)}"
    if obstacle:
        raise NoClosedForm("no formula is known for ", gate, f" with {obstacle}; ", simulation)
    return top_k_gate.top_k_losses(blocks, counts, gate.k, renormalised=gate.renormalised)


def routing_matrix(gate: Gate, model: BlockModel) -> RoutingMatrix:
    r"""Probability that a gate sends a sample of group g to expert j.

    For `Hard`, with :math:`F, f` the distributions and densities of the scores :math:`\log W` of
    inactive blocks and :math:`F^1_g` the distribution of the score of block g while active:

    .. math:: P(g \to j) = \int f_j\,F^1_g\prod_{l\ne g,j}F_l\,d\zeta .

    Parameters
    ----------
    gate : Oracle, Hard, or an equivalent gate: TopK(1), Learned()
    model : BlockModel

    Returns
    -------
    RoutingMatrix
        ``matrix`` (K, K), with entries of relative accuracy however small they are;
        ``misrouting``, the probability of a wrong expert; ``error``, an absolute error.

    Raises
    ------
    NoClosedForm
        The gate is another one, or the model has interference or leakage that is louder than the
        signal; `simulate_routing` simulates gates that pick one expert.

    Notes
    -----
    A sample that gives no evidence of its group goes to the first of the most probable groups. Rows
    of groups of probability zero are the probabilities for such samples if there were any. Source:
    docs/theory.md §6; [SNB] Theorem 4.1.

    Examples
    --------
    >>> model = BlockModel.isotropic(12, 3, noise_variance=0.1, signal_energy=12.0)
    >>> result = routing_matrix(Hard(), model)
    >>> result.matrix[0], result.misrouting
    (array([0.99537658, 0.00231171, 0.00231171]), 0.0046234)
    >>> routing_matrix(Hard(), model.replace(noise_variance=1e-9)).misrouting
    5.41667e-19
    """
    model = checked_model(model)
    gate = resolved(checked_gate(gate), model.experts)
    shares = model.group_probabilities
    if isinstance(gate, Oracle) or model.experts == 1:
        return RoutingMatrix(np.eye(model.experts), shares, 0.0)
    simulation = Call(f"simulate_routing({gate!r}, model)")
    if gate != Hard():
        raise NoClosedForm(
            f"the routing matrix is known for Oracle() and Hard(), got {gate!r}; gates that pick "
            "one expert can be simulated: ",
            simulation,
        )
    law, best = CoordinateLaw.of(model), unchecked_optimal_coefficients(MoE(), model)
    forms = GateForms.of(model, law, best)
    classes = GroupClasses.of(model, forms, simulation, one_hot=True)
    if not classes.blocks:
        return RoutingMatrix(classes.matrix_without_evidence(model), shares, 0.0)
    routing = hard_gate.hard_routing(
        classes.blocks, classes.counts, classes.silent_probabilities.max(initial=0.0)
    )
    return RoutingMatrix(classes.matrix(routing), shares, routing.error)


def misrouting_bound(model: BlockModel) -> float:
    r"""Union bound on the misrouting probability of the Bayes router for equal isotropic blocks.

    .. math:: (K-1)\,I_{1/(1+r)}(s/2, s/2), \qquad r = \frac{\lambda+n}{\nu+n+\kappa} \ge 1,

    I the regularised incomplete beta function. The bound may exceed 1. Source: docs/theory.md §6.

    Raises
    ------
    NoClosedForm
        Blocks differ in size or variance, or groups in probability, or interference and leakage
        are louder than the signal.

    Examples
    --------
    >>> model = BlockModel.isotropic(12, 3, noise_variance=0.1, signal_energy=12.0)
    >>> misrouting_bound(model) / routing_matrix(Hard(), model).misrouting
    1.2409
    """
    model = checked_model(model)
    signal, beside = model.signal_variances, model.interference_variances + model.leakage_variances
    alike = (model.group_probabilities, model.sizes, signal, model.noise_variance, beside)
    surplus = float(signal[0] - beside[0])
    if surplus < 0.0 or any(np.ptp(each) > 1e-11 * np.max(each) for each in alike):
        raise NoClosedForm(
            "the bound is known for equal blocks of one signal variance, one noise variance and "
            "one interference and leakage, together at most the signal variance, and for equal "
            "group probabilities, "
            f"got {model!r}"
        )
    idle = float(np.ravel(model.idle_noise)[0] + model.leakage_variances[0])
    if idle == 0.0:
        return 0.0 if surplus > 0.0 else float(model.experts - 1)
    return float(
        hard_gate.union_bound(model.experts, model.dim / model.experts, 1 + surplus / idle)
    )

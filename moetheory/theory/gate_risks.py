"""Gates that route by the noisy input: their excess risks and routing matrices."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from moetheory.common.arrays import FloatArray
from moetheory.common.errors import Call, NoClosedForm
from moetheory.formulas import hard_gate, soft_gate
from moetheory.problem.estimators import require_strict
from moetheory.problem.gates import Gate, Hard, Oracle, Soft, checked_gate, resolved
from moetheory.problem.model import BlockModel, checked_model
from moetheory.results.risks import RoutingMatrix
from moetheory.theory.group_classes import GroupClasses


class GateLosses(NamedTuple):
    """The excess over oracle routing given the group, (K,), and its largest relative error."""

    per_group: FloatArray
    error: float


def gate_losses(gate: Gate, model: BlockModel, ridge: float = 0.0) -> GateLosses:
    """The excess risk of routing by ``gate`` over the oracle, for experts without ridge.

    A ``ridge`` is for the call that a refusal names, and for nothing else.

    Raises
    ------
    NoClosedForm
        The gate is not equivalent to `Oracle`, `Hard` or `Soft` at temperature 1, or the model has
        interference that is louder than the signal.
    ValueError
        The model leaks.
    """
    gate = resolved(gate, model.experts)
    if isinstance(gate, Oracle) or model.experts == 1:
        return GateLosses(np.zeros(model.experts), 0.0)
    require_strict(model)
    more = f", ridge={ridge}" if ridge else ""
    simulation = Call(f"simulate(MoE(gate={gate!r}{more}), model)")
    if gate not in (Hard(), Soft()):
        raise NoClosedForm(f"no formula is known for {gate!r}; ", simulation)
    classes = GroupClasses.of(model, simulation)
    if not classes.blocks:
        return GateLosses(classes.losses_without_evidence(one_hot=gate == Hard()), 0.0)
    if gate == Hard():
        hard = hard_gate.hard_routing(
            classes.blocks, classes.counts, classes.silent_probabilities.max(initial=0.0)
        )
        return GateLosses(classes.per_group(hard.excess, hard.signal_free_excess), hard.error)
    arguments = classes.blocks, classes.counts, float(classes.silent_probabilities.sum())
    soft = soft_gate.soft_losses(*arguments)
    signal_free_excess = (
        soft_gate.signal_free_loss(*arguments) if np.any(classes.has_no_evidence) else 0.0
    )
    return GateLosses(classes.per_group(soft.per_class, signal_free_excess), soft.error)


def routing_matrix(gate: Gate, model: BlockModel) -> RoutingMatrix:
    r"""Probability that a gate sends a sample of group g to expert j.

    For `Hard`, with :math:`F, f` the distributions and densities of the scores :math:`\log W` of
    inactive blocks and :math:`F^1_g` the distribution of the score of block g while active:

    .. math:: P(g \to j) = \int f_j\,F^1_g\prod_{l\ne g,j}F_l\,d\zeta .

    Parameters
    ----------
    gate : Oracle, Hard, or an equivalent gate: TopK(1), Learned()
    model : BlockModel
        It must have strict blocks.

    Returns
    -------
    RoutingMatrix
        ``matrix`` (K, K), with entries of relative accuracy however small they are;
        ``misrouting``, the probability of a wrong expert; ``error``, an absolute error.

    Raises
    ------
    NoClosedForm
        The gate is another one, or the model has interference that is louder than the signal;
        `simulate_routing` simulates gates that pick one expert.
    ValueError
        The model leaks.

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
    require_strict(model)
    simulation = Call(f"simulate_routing({gate!r}, model)")
    if gate != Hard():
        raise NoClosedForm(
            f"the routing matrix is known for Oracle() and Hard(), got {gate!r}; gates that pick "
            "one expert can be simulated: ",
            simulation,
        )
    classes = GroupClasses.of(model, simulation)
    if not classes.blocks:
        return RoutingMatrix(classes.matrix_without_evidence(model), shares, 0.0)
    routing = hard_gate.hard_routing(
        classes.blocks, classes.counts, classes.silent_probabilities.max(initial=0.0)
    )
    return RoutingMatrix(classes.matrix(routing), shares, routing.error)


def misrouting_bound(model: BlockModel) -> float:
    r"""Union bound on the misrouting probability of the Bayes router for equal isotropic blocks.

    .. math:: (K-1)\,I_{1/(1+r)}(s/2, s/2), \qquad r = \frac{\lambda+n}{n+\kappa} \ge 1,

    I the regularised incomplete beta function. The bound may exceed 1. Source: docs/theory.md §6.

    Raises
    ------
    NoClosedForm
        Blocks differ in size or variance, or groups in probability, or interference is louder than
        the signal.

    Examples
    --------
    >>> model = BlockModel.isotropic(12, 3, noise_variance=0.1, signal_energy=12.0)
    >>> misrouting_bound(model) / routing_matrix(Hard(), model).misrouting
    1.2409
    """
    model = checked_model(model)
    require_strict(model)
    signal, interference = model.signal_variances, model.interference_variances
    alike = (model.group_probabilities, model.sizes, signal, model.noise_variance, interference)
    surplus = float(signal[0] - interference[0])
    if surplus < 0.0 or any(np.ptp(each) > 1e-11 * np.max(each) for each in alike):
        raise NoClosedForm(
            "the bound is known for equal blocks of one signal variance, one noise variance and "
            "one interference, at most the signal variance, and for equal group probabilities, "
            f"got {model!r}"
        )
    idle_noise = float(np.ravel(model.idle_noise)[0])
    if idle_noise == 0.0:
        return 0.0 if surplus > 0.0 else float(model.experts - 1)
    return float(
        hard_gate.union_bound(model.experts, model.dim / model.experts, 1 + surplus / idle_noise)
    )

"""Gates that route by the noisy input: their excess risks and routing matrices."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray, block_sums
from moetheory.common.errors import Call, NoClosedForm
from moetheory.formulas import hard_gate, soft_gate
from moetheory.formulas.block_evidence import Block
from moetheory.predictors.optimal import unchecked_optimal_coefficients
from moetheory.problem.estimators import MoE, require_strict
from moetheory.problem.gates import Gate, Hard, Oracle, Soft, checked_gate, resolved
from moetheory.problem.model import BlockModel, checked_model
from moetheory.results.risks import RoutingMatrix

LEAST_RATIO, MOST_RATIO = 1e-100, 1e100  # of signal to noise; beyond, squares overflow


class GateLosses(NamedTuple):
    """The excess over oracle routing given the group, (K,), and its largest relative error."""

    per_group: FloatArray
    error: float


def gate_losses(gate: Gate, model: BlockModel) -> GateLosses:
    """The excess risk of routing by ``gate`` over the oracle, for experts without ridge.

    Raises
    ------
    NoClosedForm
        The gate is not equivalent to `Oracle`, `Hard` or `Soft` at temperature 1.
    ValueError
        The model leaks.
    """
    gate = resolved(gate, model.experts)
    if isinstance(gate, Oracle) or model.experts == 1:
        return GateLosses(np.zeros(model.experts), 0.0)
    require_strict(model)
    if gate not in (Hard(), Soft()):
        raise NoClosedForm(
            f"no formula is known for {gate!r}; ", Call(f"simulate(MoE(gate={gate!r}), model)")
        )
    classes = _GroupClasses.of(model)
    if model.noise_variance == 0.0 or not classes.blocks:
        # each sample is sent to its own expert, or has no signal to be predicted
        return GateLosses(classes.per_group(np.zeros(len(classes.blocks)), 0.0), 0.0)
    if gate == Hard():
        hard = hard_gate.hard_routing(
            classes.blocks, classes.counts, classes.signal_free_probabilities.max(initial=0.0)
        )
        return GateLosses(classes.per_group(hard.excess, hard.signal_free_excess), hard.error)
    arguments = classes.blocks, classes.counts, float(classes.signal_free_probabilities.sum())
    soft = soft_gate.soft_losses(*arguments)
    signal_free_excess = (
        soft_gate.signal_free_loss(*arguments) if np.any(classes.class_of < 0) else 0.0
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
        The gate is another one; `simulate_routing` simulates gates that pick one expert.
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
    if gate != Hard():
        raise NoClosedForm(
            f"the routing matrix is known for Oracle() and Hard(), got {gate!r}; gates that pick "
            "one expert can be simulated: ",
            Call(f"simulate_routing({gate!r}, model)"),
        )
    classes = _GroupClasses.of(model)
    if model.noise_variance == 0.0 or not classes.blocks:
        return RoutingMatrix(classes.noiseless_matrix(model), shares, 0.0)
    routing = hard_gate.hard_routing(
        classes.blocks, classes.counts, classes.signal_free_probabilities.max(initial=0.0)
    )
    return RoutingMatrix(classes.matrix(routing), shares, routing.error)


def misrouting_bound(model: BlockModel) -> float:
    r"""Union bound on the misrouting probability of the Bayes router for equal isotropic blocks.

    .. math:: (K-1)\,I_{1/(1+r)}(s/2, s/2), \qquad r = 1 + \lambda/\sigma^2,

    I the regularised incomplete beta function. The bound may exceed 1. Source: docs/theory.md §6.

    Raises
    ------
    NoClosedForm
        Blocks differ in size or variance, or groups in probability.

    Examples
    --------
    >>> model = BlockModel.isotropic(12, 3, noise_variance=0.1, signal_energy=12.0)
    >>> misrouting_bound(model) / routing_matrix(Hard(), model).misrouting
    1.2409
    """
    model = checked_model(model)
    require_strict(model)
    alike = (model.group_probabilities, model.sizes, model.signal_variances)
    if any(np.ptp(each) > 1e-11 * each.max() for each in alike):
        raise NoClosedForm(
            "the bound is known for equal blocks of one signal variance and equal group "
            f"probabilities, got {model!r}"
        )
    noise, signal = model.noise_variance, float(model.signal_variances[0])
    if noise == 0.0:
        return 0.0 if signal > 0.0 else float(model.experts - 1)
    return float(
        hard_gate.union_bound(model.experts, model.dim / model.experts, 1 + signal / noise)
    )


@dataclass(frozen=True, eq=False)
class _GroupClasses:
    """The groups of a model, in classes of groups with the same blocks and probabilities.

    Attributes
    ----------
    blocks : list of C Block
        The distinct blocks with signal of groups that are drawn, one for each class.
    counts : (C,) integer array
        The number of groups in each class.
    class_of : (K,) integer array
        The class of each group; -1 for groups without signal, -2 for groups that are never drawn.
    signal_free_probabilities : array
        Probabilities of the groups that are drawn and have no signal.
    most_probable_signal_free : int
        The most probable group without signal, the first of several; -1 if there is none.
    prediction_energy : (K,) array
        Mean of :math:`\\sum\\theta^2\\bar x^2` over the block of the group for its samples.
    """

    blocks: list[Block]
    counts: IntArray
    class_of: IntArray
    signal_free_probabilities: FloatArray
    most_probable_signal_free: int
    prediction_energy: FloatArray

    @classmethod
    def of(cls, model: BlockModel) -> _GroupClasses:
        """The classes of the groups of ``model``."""
        noise, p = model.noise_variance, model.group_probabilities
        theta2 = np.square(unchecked_optimal_coefficients(MoE(), model))
        prediction_energy = block_sums(theta2 * (model.signal_variances + noise), model.block_of)
        signal = block_sums(model.signal_variances, model.block_of) > 0.0
        class_of = np.where(p > 0.0, -1, -2)
        index_of: dict[tuple[float, bytes], int] = {}
        blocks: list[Block] = []
        order = np.argsort(model.block_of, kind="stable")
        described = np.stack([model.signal_variances[order], theta2[order]])
        ends = np.cumsum(model.sizes)
        for g in np.flatnonzero(signal & (p > 0.0)).tolist():
            arrays = described[:, ends[g] - model.sizes[g] : ends[g]]
            key = (p[g], arrays.tobytes())
            if key not in index_of:
                index_of[key] = len(blocks)
                blocks.append(_block(float(p[g]), arrays[0], arrays[1], noise))
            class_of[g] = index_of[key]
        counts = np.bincount(class_of[class_of >= 0], minlength=len(blocks))
        signal_free = np.flatnonzero(class_of == -1)
        most_probable_signal_free = (
            int(signal_free[np.argmax(p[signal_free])]) if signal_free.size else -1
        )
        return cls(
            blocks, counts, class_of, p[signal_free], most_probable_signal_free, prediction_energy
        )

    def per_group(self, per_class: FloatArray, signal_free_excess: float) -> FloatArray:
        """The excess risk given the group, (K,), from the excess of each class."""
        drawn = self.class_of >= 0
        losses = np.full(len(self.class_of), signal_free_excess)
        losses[drawn] = per_class[self.class_of[drawn]]
        losses[self.class_of == -2] += self.prediction_energy[self.class_of == -2]
        return losses

    def matrix(self, routing: hard_gate.HardRouting) -> FloatArray:
        """The routing matrix, (K, K), from the routing probabilities of the classes."""
        drawn = np.flatnonzero(self.class_of >= 0)
        rest = np.flatnonzero(self.class_of < 0)
        class_index = self.class_of[drawn]
        result = np.zeros((len(self.class_of), len(self.class_of)))
        result[np.ix_(drawn, drawn)] = routing.to_other[np.ix_(class_index, class_index)]
        result[drawn, drawn] = routing.to_own[class_index]
        result[np.ix_(rest, drawn)] = routing.signal_free_to_block[class_index]
        if self.most_probable_signal_free >= 0:
            result[drawn, self.most_probable_signal_free] = routing.to_signal_free[class_index]
            result[rest, self.most_probable_signal_free] = routing.signal_free_to_signal_free
        return result

    def noiseless_matrix(self, model: BlockModel) -> FloatArray:
        """The routing matrix without noise, or without any signal: (K, K) zeros and ones."""
        target = np.arange(len(self.class_of))
        target_of_rest = self.most_probable_signal_free
        if target_of_rest < 0:
            # a sample of a group that is never drawn is zero in all blocks: the block with the
            # fewest coordinates wins, then the largest density at zero
            drawn = np.flatnonzero(self.class_of >= 0)
            blocks = [self.blocks[c] for c in self.class_of[drawn]]
            fewest = [float(block.degrees.sum()) for block in blocks]
            density = np.array([b.log_prior - 0.5 * b.degrees @ np.log(b.ratios) for b in blocks])
            target_of_rest = int(drawn[np.lexsort((-density, np.array(fewest)))[0]])
        target[self.class_of < 0] = target_of_rest
        return np.eye(len(target))[target]


def _block(p: float, lambdas: FloatArray, theta2: FloatArray, noise: float) -> Block:
    """The block of a group of probability p, with equal variances put together."""
    distinct, value_index, degrees = np.unique(lambdas, return_inverse=True, return_counts=True)
    q = np.asarray(noise * np.bincount(value_index, theta2), dtype=np.float64)  # while inactive
    # without noise only the order of the ratios matters
    with np.errstate(over="ignore", under="ignore"):
        ratios = distinct / noise if noise > 0.0 else distinct
    ratios = np.clip(ratios, LEAST_RATIO, MOST_RATIO)
    has_signal, multiplicities = distinct > 0.0, degrees.astype(np.float64)
    return Block(math.log(p), ratios[has_signal], multiplicities[has_signal], q[has_signal])

"""Gates that route by the noisy input: from models to formulas."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray, block_sums
from moetheory.common.errors import NoClosedForm
from moetheory.formulas import hard_gate, soft_gate
from moetheory.formulas.block_evidence import Block
from moetheory.predictors.optimal import optimal_coefficients
from moetheory.problem.estimators import MoE, require_strict
from moetheory.problem.gates import Gate, Hard, Oracle, Soft, checked_gate, resolved
from moetheory.problem.model import BlockModel, checked_model
from moetheory.results.risks import RoutingMatrix

LEAST_RATIO, MOST_RATIO = 1e-100, 1e100  # of signal to noise; beyond, squares are no floats


class GateLosses(NamedTuple):
    """Excess over oracle routing given the group, (K,), and its largest relative error."""

    per_group: FloatArray
    error: float


def gate_losses(gate: Gate, model: BlockModel) -> GateLosses:
    """What routing by ``gate`` loses against the oracle, experts without ridge.

    Raises
    ------
    NoClosedForm
        The gate is neither `Hard` nor `Soft` at temperature 1, nor the same as one of these.
    ValueError
        The model leaks.
    """
    gate = resolved(gate, model.experts)
    if isinstance(gate, Oracle) or model.experts == 1:
        return GateLosses(np.zeros(model.experts), 0.0)
    require_strict(model)
    if gate not in (Hard(), Soft()):
        raise NoClosedForm(
            f"no formula is known for {gate!r}; call simulate(MoE(gate={gate!r}), model)"
        )
    kinds = _Kinds.of(model)
    if model.noise_variance == 0.0 or not kinds.blocks:
        # each sample is sent where it belongs, or has nothing that could be predicted
        return GateLosses(kinds.spread(np.zeros(len(kinds.blocks)), 0.0), 0.0)
    if gate == Hard():
        hard = hard_gate.hard_routing(kinds.blocks, kinds.counts, kinds.constants.max(initial=0.0))
        return GateLosses(kinds.spread(hard.lost, hard.foreign), hard.error)
    arguments = kinds.blocks, kinds.counts, float(kinds.constants.sum())
    soft = soft_gate.soft_losses(*arguments)
    foreign = soft_gate.foreign_loss(*arguments) if np.any(kinds.class_of < 0) else 0.0
    return GateLosses(kinds.spread(soft.per_class, foreign), soft.error)


def routing_matrix(gate: Gate, model: BlockModel) -> RoutingMatrix:
    r"""Probability that a gate sends a sample of group g to expert j.

    `Hard`, with :math:`F, f` the laws of the scores :math:`\log W` while their blocks are
    inactive and :math:`F^1_g` that while block g is active:

    .. math:: P(g \to j) = \int f_j\,F^1_g\prod_{l\ne g,j}F_l\,d\zeta .

    Parameters
    ----------
    gate : Oracle, Hard, or what is the same: TopK(1), Learned()
    model : BlockModel
        With strict blocks.

    Returns
    -------
    RoutingMatrix
        ``matrix`` (K, K), its entries with relative accuracy however small they are;
        ``misrouting``, the sum of those off the diagonal over the groups; ``error``, absolute.

    Raises
    ------
    NoClosedForm
        For other gates; `simulate_routing` knows those that pick one expert.
    ValueError
        The model leaks.

    Notes
    -----
    A sample whose group cannot be told at all goes to the first of the most probable groups.
    Rows of groups of probability zero say where such samples would go. Source: docs/theory.md
    §6; [SNB] Theorem 4.1.

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
            f"one expert can be simulated: simulate_routing({gate!r}, model)"
        )
    kinds = _Kinds.of(model)
    if model.noise_variance == 0.0 or not kinds.blocks:
        return RoutingMatrix(kinds.certain(model), shares, 0.0)
    found = hard_gate.hard_routing(kinds.blocks, kinds.counts, kinds.constants.max(initial=0.0))
    return RoutingMatrix(kinds.matrix(found), shares, found.error)


def misrouting_bound(model: BlockModel) -> float:
    r"""Union bound on the probability that the Bayes router errs: equal isotropic blocks.

    .. math:: (K-1)\,I_{1/(1+r)}(s/2, s/2), \qquad r = 1 + \lambda/\sigma^2,

    I the regularised incomplete beta function; it may exceed 1. Source: docs/theory.md §6.

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
class _Kinds:
    """The groups of a model by what their samples look like.

    Attributes
    ----------
    blocks : list of C Block
        The distinct blocks with signal of groups that are drawn.
    counts : (C,) integer array
    class_of : (K,) integer array
        Which of them; -1 for groups without signal, -2 for groups that are never drawn.
    constants : array
        Probabilities of the groups that are drawn and have no signal, ...
    idle : int
        ... and the first of the most probable of them; -1 if there are none.
    own : (K,) array
        Mean of :math:`\\sum\\theta^2\\bar x^2` over its own block for a sample of the group.
    """

    blocks: list[Block]
    counts: IntArray
    class_of: IntArray
    constants: FloatArray
    idle: int
    own: FloatArray

    @classmethod
    def of(cls, model: BlockModel) -> _Kinds:
        noise, p = model.noise_variance, model.group_probabilities
        theta2 = np.square(optimal_coefficients(MoE(), model))
        own = block_sums(theta2 * (model.signal_variances + noise), model.block_of)
        signal = block_sums(model.signal_variances, model.block_of) > 0.0
        class_of = np.where(p > 0.0, -1, -2)
        found: dict[tuple[float, bytes], int] = {}
        blocks: list[Block] = []
        order = np.argsort(model.block_of, kind="stable")
        described = np.stack([model.signal_variances[order], theta2[order]])
        ends = np.cumsum(model.sizes)
        for g in np.flatnonzero(signal & (p > 0.0)).tolist():
            one = described[:, ends[g] - model.sizes[g] : ends[g]]
            key = (p[g], one.tobytes())
            if key not in found:
                found[key] = len(blocks)
                blocks.append(_block(float(p[g]), one[0], one[1], noise))
            class_of[g] = found[key]
        counts = np.bincount(class_of[class_of >= 0], minlength=len(blocks))
        flat = np.flatnonzero(class_of == -1)
        idle = int(flat[np.argmax(p[flat])]) if flat.size else -1
        return cls(blocks, counts, class_of, p[flat], idle, own)

    def spread(self, per_class: FloatArray, foreign: float) -> FloatArray:
        """Losses given the group, (K,)."""
        drawn = self.class_of >= 0
        losses = np.full(len(self.class_of), foreign)
        losses[drawn] = per_class[self.class_of[drawn]]
        losses[self.class_of == -2] += self.own[self.class_of == -2]
        return losses

    def matrix(self, found: hard_gate.HardRouting) -> FloatArray:
        """Routing probabilities, (K, K)."""
        drawn = np.flatnonzero(self.class_of >= 0)
        rest = np.flatnonzero(self.class_of < 0)
        kind = self.class_of[drawn]
        result = np.zeros((len(self.class_of), len(self.class_of)))
        result[np.ix_(drawn, drawn)] = found.between[np.ix_(kind, kind)]
        result[drawn, drawn] = found.right[kind]
        result[np.ix_(rest, drawn)] = found.stray[kind]
        if self.idle >= 0:
            result[drawn, self.idle] = found.away[kind]
            result[rest, self.idle] = found.idle
        return result

    def certain(self, model: BlockModel) -> FloatArray:
        """Routing without noise, or without any signal: (K, K) zeros and ones."""
        target = np.arange(len(self.class_of))
        silent = self.idle
        if silent < 0:
            # all blocks are silent for a group that is never drawn: the fewest coordinates win,
            # then the largest density at zero
            drawn = np.flatnonzero(self.class_of >= 0)
            blocks = [self.blocks[c] for c in self.class_of[drawn]]
            fewest = [float(block.degrees.sum()) for block in blocks]
            density = np.array([b.log_prior - 0.5 * b.degrees @ np.log(b.ratios) for b in blocks])
            silent = int(drawn[np.lexsort((-density, np.array(fewest)))[0]])
        target[self.class_of < 0] = silent
        return np.eye(len(target))[target]


def _block(p: float, lambdas: FloatArray, theta2: FloatArray, noise: float) -> Block:
    distinct, place, degrees = np.unique(lambdas, return_inverse=True, return_counts=True)
    loads = np.asarray(noise * np.bincount(place, theta2), dtype=np.float64)
    # without noise only the order of the ratios matters
    with np.errstate(over="ignore", under="ignore"):
        ratios = distinct / noise if noise > 0.0 else distinct
    ratios = np.clip(ratios, LEAST_RATIO, MOST_RATIO)
    there, many = distinct > 0.0, degrees.astype(np.float64)
    return Block(math.log(p), ratios[there], many[there], loads[there])

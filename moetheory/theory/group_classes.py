"""The groups of a model, sorted by what their blocks tell a gate."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray, block_sums
from moetheory.common.errors import Call, Mention, NoClosedForm
from moetheory.formulas.block_evidence import Block
from moetheory.formulas.hard_gate import HardRouting
from moetheory.formulas.sums import sum_over_others
from moetheory.predictors.optimal import interference_of, unchecked_optimal_coefficients
from moetheory.problem.estimators import MoE
from moetheory.problem.model import BlockModel

LEAST_RATIO, MOST_RATIO = 1e-100, 1e100  # of signal to noise; beyond, squares overflow
SILENT, NEVER_DRAWN, CERTAIN = -1, -2, -3  # groups that are in no class


@dataclass(frozen=True, eq=False)
class GroupClasses:
    """The groups of a model, in classes of groups with the same blocks and probabilities.

    Attributes
    ----------
    blocks : list of C Block
        The distinct blocks with evidence of groups that are drawn, one for each class.
    counts : (C,) integer array
        The number of groups in each class.
    class_of : (K,) integer array
        The class of each group, or `SILENT`: the block has the same law while it is active and
        while it is not; `NEVER_DRAWN`; `CERTAIN`: a coordinate with signal is zero while the block
        is inactive, so that samples of this group are recognised, and no others are taken for it.
    silent_probabilities : array
        Probabilities of the groups that are silent.
    most_probable_silent : int
        The most probable silent group, the first of several; -1 if there is none.
    prediction_energy, inactive_energy : (K,) array
        Mean of :math:`\\sum\\theta^2\\bar x^2` over the block of the group for its samples, and for
        those of others.
    """

    blocks: list[Block]
    counts: IntArray
    class_of: IntArray
    silent_probabilities: FloatArray
    most_probable_silent: int
    prediction_energy: FloatArray
    inactive_energy: FloatArray

    @classmethod
    def of(cls, model: BlockModel, simulation: Call) -> GroupClasses:
        """The classes of the groups of ``model``; NoClosedForm that names the ``simulation``."""
        p, idle = model.group_probabilities, model.idle_noise
        theta2 = np.square(unchecked_optimal_coefficients(MoE(), model))
        active = model.signal_variances + model.noise_variance
        surplus = model.signal_variances - interference_of(model)
        always_zero = (idle == 0.0) & (surplus > 0.0)
        terms = np.stack([theta2 * active, theta2 * idle, always_zero, surplus != 0.0])
        *energies, certain, evident = block_sums(terms, model.block_of)
        class_of = np.select(
            [p == 0.0, certain > 0.0, evident == 0.0], [NEVER_DRAWN, CERTAIN, SILENT], default=0
        )
        _require_formula(model, class_of, surplus, energies[1], simulation)
        if isinstance(idle, np.ndarray):  # coordinates in units of their noise while inactive
            unit = np.where(idle > 0.0, idle, 1.0)
            surplus, theta2, idle = surplus / unit, theta2 * idle, 1.0
        index_of: dict[tuple[float, bytes], int] = {}
        blocks: list[Block] = []
        order = np.argsort(model.block_of, kind="stable")
        described = np.stack([surplus[order], theta2[order]])
        ends = np.cumsum(model.sizes)
        for g in np.flatnonzero(class_of == 0).tolist():
            arrays = described[:, ends[g] - model.sizes[g] : ends[g]]
            key = (p[g], arrays.tobytes())
            if key not in index_of:
                index_of[key] = len(blocks)
                blocks.append(_block(float(p[g]), arrays[0], arrays[1], idle))
            class_of[g] = index_of[key]
        counts = np.bincount(class_of[class_of >= 0], minlength=len(blocks))
        silent = np.flatnonzero(class_of == SILENT)
        most_probable_silent = int(silent[np.argmax(p[silent])]) if silent.size else -1
        return cls(blocks, counts, class_of, p[silent], most_probable_silent, *energies)

    @property
    def has_no_evidence(self) -> Any:
        """The groups whose samples give evidence of no group that is drawn, (K,)."""
        return (self.class_of == SILENT) | (self.class_of == NEVER_DRAWN)

    def per_group(self, per_class: FloatArray, signal_free_excess: float) -> FloatArray:
        """The excess risk given the group, (K,), from the excess of each class."""
        drawn, never = self.class_of >= 0, self.class_of == NEVER_DRAWN
        losses = np.where(self.class_of == CERTAIN, 0.0, signal_free_excess)
        losses[drawn] = per_class[self.class_of[drawn]]
        losses[never] += self.prediction_energy[never]
        return losses

    def losses_without_evidence(self, *, one_hot: bool) -> FloatArray:
        r"""The excess risk given the group, (K,), of weights w that are the same for all inputs.

        .. math:: (1-w_g)^2\,E[q_g \mid g] + \sum_{j\ne g}w_j^2\,E[q_j \mid g] ,

        for groups that are not certain; w are the probabilities of the silent groups, or 1 for
        the most probable one if ``one_hot``.
        """
        weights = np.zeros(len(self.class_of))
        if one_hot and self.most_probable_silent >= 0:
            weights[self.most_probable_silent] = 1.0
        elif self.most_probable_silent >= 0:
            weights[self.class_of == SILENT] = (
                self.silent_probabilities / self.silent_probabilities.sum()
            )
        others = np.where(weights > 0.0, sum_over_others(weights), 1.0)
        losses = others**2 * self.prediction_energy
        losses += sum_over_others(weights**2 * self.inactive_energy)
        return np.where(self.class_of == CERTAIN, 0.0, losses)

    def matrix(self, routing: HardRouting) -> FloatArray:
        """The routing matrix, (K, K), from the routing probabilities of the classes."""
        drawn = np.flatnonzero(self.class_of >= 0)
        rest = np.flatnonzero(self.has_no_evidence)
        class_index = self.class_of[drawn]
        result = np.diag((self.class_of == CERTAIN).astype(np.float64))
        result[np.ix_(drawn, drawn)] = routing.to_other[np.ix_(class_index, class_index)]
        result[drawn, drawn] = routing.to_own[class_index]
        result[np.ix_(rest, drawn)] = routing.signal_free_to_block[class_index]
        if self.most_probable_silent >= 0:
            result[drawn, self.most_probable_silent] = routing.to_signal_free[class_index]
            result[rest, self.most_probable_silent] = routing.signal_free_to_signal_free
        return result

    def matrix_without_evidence(self, model: BlockModel) -> FloatArray:
        """The routing matrix if all groups are certain or silent: (K, K) zeros and ones."""
        target = np.arange(len(self.class_of))
        target_of_rest = self.most_probable_silent
        if target_of_rest < 0:
            # a sample of a group that is never drawn is zero in all blocks: the block with the
            # fewest coordinates wins, then the largest density at zero
            certain = np.flatnonzero(self.class_of == CERTAIN)
            signals = [model.signal_variances[model.block_of == g] for g in certain]
            logs = [np.log(np.sort(each[each > 0.0])) for each in signals]
            fewest = np.array([len(each) for each in logs])
            density = np.log(model.group_probabilities[certain])
            density -= 0.5 * np.array([each.sum() for each in logs])
            target_of_rest = int(certain[np.lexsort((-density, fewest))[0]])
        target[self.has_no_evidence] = target_of_rest
        return np.eye(len(target))[target]


def _require_formula(
    model: BlockModel,
    class_of: IntArray,
    surplus: FloatArray,
    inactive_energy: FloatArray,
    simulation: Call,
) -> None:
    """Raise NoClosedForm that names the ``simulation`` if the classes have no formula."""
    silent, drawn = class_of == SILENT, class_of == 0
    argument, obstacle = "interference_variances", ""
    if (louder := drawn[model.block_of] & (surplus < 0.0)).any():
        obstacle = f" above the signal variance, as in coordinate {np.argmax(louder)}"
    elif drawn.any() and (hidden := silent & (inactive_energy > 0.0)).any():
        obstacle = f" equal to the signal variances of block {np.argmax(hidden)} and not of all"
    elif not (drawn.any() or silent.any()) and np.any(class_of == NEVER_DRAWN):
        # which of the certain groups is likeliest for inputs that none of them can have?
        certain = (class_of == CERTAIN)[model.block_of] & (model.signal_variances > 0.0)
        if np.any(certain & (model.idle_noise > 0.0)):
            argument = "noise_variance"
            obstacle = " 0 in a part of a block, if a group has probability 0"
    if obstacle:
        raise NoClosedForm(
            "no formula is known for gates with ", Mention(argument), f"{obstacle}; ", simulation
        )


def _block(p: float, surpluses: FloatArray, theta2: FloatArray, idle_noise: float) -> Block:
    """The block of a group of probability p, with equal variances put together.

    The ``surpluses`` are the variances while the block is active less ``idle_noise``.
    """
    distinct, value_index, degrees = np.unique(surpluses, return_inverse=True, return_counts=True)
    q = np.asarray(idle_noise * np.bincount(value_index, theta2), dtype=np.float64)
    with np.errstate(over="ignore", under="ignore"):
        ratios = distinct / idle_noise
    # the least ratio is no evidence at all
    ratios = np.clip(ratios, LEAST_RATIO, MOST_RATIO)
    kept, multiplicities = (distinct > 0.0) | (q > 0.0), degrees.astype(np.float64)
    return Block(math.log(p), ratios[kept], multiplicities[kept], q[kept])

r"""How often a linear prediction has the wrong sign (docs/theory.md §12).

Given the group, the label y and the prediction :math:`\hat y = \bar x^\top f` are jointly normal
with mean zero. Their signs differ with probability :math:`\arccos(r)/\pi`,

.. math:: r = \frac{\sum Sbf}{\sqrt{(\sum Sb^2+\omega^2)\sum (S+N)f^2}} ,

S and N the variances of signal and noise in each coordinate. Rare errors keep their digits if the
angle is taken from its sine too. By Lagrange's identity no difference is needed,

.. math:: \sin^2 = \frac{\sum Sf^2\,\sum S(b-tf)^2 + \sum Sb^2\,\sum Nf^2 + \omega^2\sum (S+N)f^2}
                        {(\sum Sb^2+\omega^2)\sum (S+N)f^2}, \qquad
          t = \frac{\sum Sbf}{\sum Sf^2} .

Arrays have shape (..., K): leading axes are for several predictors, the last for blocks and,
in what is returned, for the group of the input.
"""

from __future__ import annotations

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.formulas.joint_moments import (
    BlockMoments,
    Moments,
    choose,
    not_zero,
    union,
    unions_by_expert,
    unions_of_others,
    unions_within_experts,
)


def sign_errors(
    seen: BlockMoments,
    unseen: BlockMoments,
    label_noise: float,
    expert_of: IntArray,
    drag: float = 0.0,
    confusion: FloatArray | None = None,
) -> FloatArray:
    r"""The probability that prediction and label differ in sign, given the group, (..., K).

    An input of group i that is taken for one of group j is predicted with coefficients c on the
    blocks of the expert of j, and w off them. It is dragged to block j if :math:`j \ne i`: this
    adds :math:`\eta^2\sum_{m\in j}\lambda c^2` to the noise. The result is NaN where labels do not
    vary, 1/2 where predictions do not.

    Parameters
    ----------
    seen, unseen : BlockMoments
        Those of c, and of w.
    label_noise : float
        :math:`\omega^2`.
    expert_of : (K,) integer array
        The expert, 0 to E-1, that serves each group.
    drag : float
        :math:`\eta`.
    confusion : (K, K) array, optional
        The probability that an input of group i is taken for one of group j; None for perfect
        routing.
    """
    of_experts = unions_by_expert(unseen.idle, expert_of)
    on_blocks = union(seen.active, unions_within_experts(seen.idle, expert_of))
    correct = union(on_blocks, unions_of_others(of_experts).at(expert_of))
    if confusion is None:
        return _angle(correct, label_noise) / np.pi
    total = np.diagonal(confusion) * _angle(correct, label_noise)
    own = union(unseen.active, unions_within_experts(unseen.idle, expert_of))
    served = unions_by_expert(seen.idle, expert_of)
    groups, experts = np.arange(len(expert_of)), np.arange(max(expert_of) + 1)
    for j, e in enumerate(expert_of):  # all pairs at once would be K times the memory
        chances = np.where(groups == j, 0.0, confusion[:, j])
        if not chances.any():
            continue
        rest = unions_of_others(choose(experts == e, of_experts.empty(), of_experts))
        wrong = union(union(own, rest.at(expert_of)), served.at([e]))
        met = choose(expert_of == e, correct, wrong)
        if drag:
            met = union(met, _dragged(seen.active.at([j]), drag))
        total = total + chances * _angle(met, label_noise)
    return np.asarray(total / np.pi)


def _angle(moments: Moments, label_noise: float) -> FloatArray:
    """The angle between labels and predictions, from 0 to π."""
    _, truth, cross, fit, _, residual, noise = moments
    label, prediction = truth + label_noise, fit + noise
    divisor = not_zero(prediction)
    with np.errstate(divide="ignore", invalid="ignore"):  # labels that do not vary have no sign
        square = (
            fit / divisor * (residual / label)
            + noise / divisor * (truth / label)
            + label_noise / label
        )
        cosine = cross / np.sqrt(divisor) / np.sqrt(label)
    angle = np.arctan2(np.sqrt(square), cosine)
    return np.where((prediction == 0.0) & (label > 0.0), np.pi / 2, angle)


def _dragged(active: Moments, drag: float) -> Moments:
    """The moments of noise that is ``drag`` times as large as the signal of a block."""
    return active.empty()._replace(unit=active.unit, noise=drag**2 * active.fit)

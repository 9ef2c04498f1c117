"""What each expert learns: a dense problem of its own, of the groups that it serves."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from moetheory.common.arrays import IntArray
from moetheory.formulas.sums import sum_over_others
from moetheory.problem.estimators import Estimator, experts_of
from moetheory.problem.model import BlockModel
from moetheory.problem.model_parts import part
from moetheory.problem.perturbation import Perturbation


class ExpertProblem(NamedTuple):
    r"""The dense problem that one expert solves.

    The expert is fitted on the samples of the groups that it serves, on the union of their blocks.
    What leaks into other blocks it cannot see: that part of the label is noise, equally loud for
    all its groups.

    Attributes
    ----------
    groups, coordinates : integer arrays
        The groups that the expert serves, and the coordinates that it sees, in ascending order.
    model : BlockModel
        The problem: ``groups`` with probabilities :math:`p_g/p_e` and ``coordinates``, with label
        noise :math:`\omega^2 + \sum_{m\notin e}\nu b^2`.
    unseen : float
        This sum, a part of the excess risk.
    """

    groups: IntArray
    coordinates: IntArray
    model: BlockModel
    unseen: float

    def under(self, under: Perturbation) -> Perturbation:
        """The perturbation on these groups and coordinates; it must have no confusion."""
        variances = (
            each[self.coordinates] if isinstance(each, np.ndarray) else each
            for each in (under.noise_variance, under.interference_variances)
        )
        noise, interference = variances
        if len(self.groups) == 1:
            interference = None  # the block is never inactive
        return under.replace(noise_variance=noise, interference_variances=interference)


def expert_problems(estimator: Estimator, model: BlockModel) -> list[ExpertProblem]:
    """The problems of all experts, none of them shared.

    >>> from moetheory import MoE
    >>> model = BlockModel.isotropic(12, 3, noise_variance=1.0)
    >>> [each.groups.tolist() for each in expert_problems(MoE(assignment=(0, 1, 0)), model)]
    [[0, 2], [1]]
    """
    experts = experts_of(estimator, model)
    of_coordinates = experts[model.block_of]
    leaked = np.zeros(len(np.unique(experts)))
    np.add.at(leaked, of_coordinates, model.coefficients**2 * model.leakage_variances)
    omega = model.label_noise_variance
    return [
        ExpertProblem(groups, coordinates, part(model, groups, coordinates, omega + unseen), unseen)
        for groups, coordinates, unseen in zip(
            _members(experts),
            _members(of_coordinates),
            sum_over_others(leaked).tolist(),
            strict=True,
        )
    ]


def expert_problem(groups: NDArray[np.bool_], model: BlockModel) -> ExpertProblem:
    """The problem of one expert that serves ``groups``, a mask (K,).

    >>> model = BlockModel.isotropic(12, 3, noise_variance=1.0)
    >>> expert_problem(np.array([True, False, True]), model).model.group_probabilities
    array([0.5, 0.5])
    """
    seen = groups[model.block_of]
    unseen = float((model.coefficients**2 * model.leakage_variances)[~seen].sum())
    served, coordinates = np.flatnonzero(groups), np.flatnonzero(seen)
    problem = part(model, served, coordinates, model.label_noise_variance + unseen)
    return ExpertProblem(served, coordinates, problem, unseen)


def _members(experts: IntArray) -> list[IntArray]:
    """The indices of each expert, in ascending order."""
    order = np.argsort(experts, kind="stable")
    return np.split(order, np.cumsum(np.bincount(experts))[:-1])

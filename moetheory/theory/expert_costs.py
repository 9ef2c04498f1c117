"""What an expert adds to the excess risk, by the groups that it serves."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.common.errors import NoClosedForm
from moetheory.formulas import population, sums
from moetheory.formulas.assignment_costs import sharing_costs, sharing_terms
from moetheory.formulas.finite import estimation_cost
from moetheory.predictors.expert_problems import expert_problem
from moetheory.predictors.expert_regressions import Regressions
from moetheory.predictors.optimal import formula_arguments
from moetheory.problem.estimators import Dense, MoE
from moetheory.problem.model import BlockModel
from moetheory.results.assignments import Rung
from moetheory.theory.finite_sample_risks import fitted_risk
from moetheory.theory.risks import unchecked_risk

Mask = NDArray[np.bool_]
FEW = 4  # candidates that are compared by their exact values, where estimates are not exact
BEYOND = 1e4  # times the label power: what counts as an infinite risk in an estimate


class ExpertCosts(Protocol):
    """What experts add to the excess risk, up to a constant for each group.

    An expert is given by the groups that it serves, a mask (K,). The empty one costs nothing.
    """

    compared: int  # of the candidates with the least estimates, so many are compared by values

    def estimates(self, experts: Mask) -> FloatArray:
        """Finite estimates of the costs of the experts, masks (J, K), at little expense."""

    def values(self, experts: Mask) -> FloatArray:
        """The costs of the experts, masks (J, K); infinite where no finite one is known."""

    def rung(self, experts: Mask) -> Rung:
        """The assignment to these experts, masks (E, K), and its excess risk."""


class PopulationCosts:
    """The costs of experts with infinitely many samples: what their groups lose by company."""

    compared = 1

    def __init__(self, model: BlockModel) -> None:
        p, block_of, *arrays = formula_arguments(model)
        self.model = model
        self.terms = sharing_terms(p[block_of], *arrays)

    def estimates(self, experts: Mask) -> FloatArray:
        """The costs."""
        others = other_probabilities(experts, self.model.group_probabilities)
        return sharing_costs(others, self.model.block_of, self.terms)

    values = estimates

    def rung(self, experts: Mask) -> Rung:
        """The assignment and its risk by the formula of `risk`."""
        assignment = numbered(experts)
        return Rung(assignment, unchecked_risk(MoE(assignment=assignment), self.model).excess)


class FittedCosts:
    r"""The costs of experts that are fitted: :math:`p_e` times their part of the excess risk.

    Estimates take the groups of an expert to be one with the mean covariance, so that
    `estimation_cost` holds. They are exact for one group without ridge, if its samples suffice.
    """

    compared = FEW

    def __init__(self, model: BlockModel, counts: IntArray) -> None:
        self.model, self.counts = model, counts
        self.company = PopulationCosts(model)
        self.regressions = Regressions.of(model, counts)
        self.inherent, self.leaked = sums.by_block(
            population.expert_contributions, *formula_arguments(model), 0.0
        )
        self.found: dict[tuple[bytes, bool], tuple[float, float]] = {}

    def estimates(self, experts: Mask) -> FloatArray:
        """The costs as if all groups of an expert had one covariance; see the class."""
        p, model = self.model.group_probabilities, self.model
        others, company = other_probabilities(experts, p), self.company.estimates(experts)
        used = experts @ p
        excess = experts @ (p * self.inherent) + others @ self.leaked + company
        excess = excess + used * (~experts @ self.leaked)
        cost = estimation_cost(
            experts @ self.counts,
            experts @ self.regressions.sizes,
            excess + used * model.label_noise_variance,
            np.maximum(experts @ (p * self.regressions.energy) - company, 0.0),
        )
        return np.minimum(excess + cost, BEYOND * model.label_power)

    def values(self, experts: Mask) -> FloatArray:
        """The costs by the formula of `risk`."""
        found = np.array([self._part(groups, with_error=False)[0] for groups in experts])
        return np.where(np.isnan(found), np.inf, found)

    def rung(self, experts: Mask) -> Rung:
        """The assignment, its risk and the error of this; NaN where there is no formula."""
        parts = [self._part(groups, with_error=True) for groups in experts]
        excess, error = np.sum(parts, axis=0).tolist()
        return Rung(numbered(experts), excess, 0.0 if excess == np.inf else error)

    def _part(self, groups: Mask, *, with_error: bool) -> tuple[float, float]:
        """The cost of one expert and its error, computed once."""
        key = groups.tobytes(), with_error
        if key not in self.found:
            self.found[key] = self._computed(groups, with_error=with_error)
        return self.found[key]

    def _computed(self, groups: Mask, *, with_error: bool) -> tuple[float, float]:
        """The cost of one expert and its error, NaN where there is no formula."""
        used = float(self.model.group_probabilities[groups].sum())
        if used == 0.0:
            return 0.0, 0.0
        if not self.counts[groups].any():
            return float(self.estimates(groups[np.newaxis])[0]), 0.0
        problem = expert_problem(groups, self.model)
        try:
            risk = fitted_risk(Dense(), problem.model, self.counts[groups], with_error=with_error)
        except NoClosedForm:
            return np.nan, np.nan
        return used * (risk.excess + problem.unseen), used * risk.error


def other_probabilities(experts: Mask, probabilities: FloatArray) -> FloatArray:
    """The probability of the other groups of the expert of each group, 0 where it has none.

    >>> other_probabilities(np.array([[True, False, True]]), np.array([0.5, 0.3, 0.2]))
    array([[0.2, 0. , 0.5]])
    """
    return sums.sum_over_others(experts * probabilities) * experts


def numbered(experts: Mask) -> tuple[int, ...]:
    """The assignment to experts, masks (E, K), numbered in the order of their first groups.

    >>> numbered(np.array([[False, True, False], [True, False, True]]))
    (0, 1, 0)
    """
    order = np.argsort(experts.argmax(axis=1))
    return tuple(experts[order].argmax(axis=0).tolist())

"""Which groups should share an expert."""

from __future__ import annotations

from typing import Any

import numpy as np

from moetheory.common.errors import ArgumentError
from moetheory.common.validation import count, shown
from moetheory.problem.estimators import MoE
from moetheory.problem.model import BlockModel, checked_model
from moetheory.problem.sample_counts import counts_of
from moetheory.results.assignments import BestAssignment, best_of
from moetheory.theory.assignment_search import AssignmentSearch
from moetheory.theory.expert_costs import ExpertCosts, FittedCosts, PopulationCosts
from moetheory.theory.risks import unchecked_risk

MOST_GROUPS = 256  # of `best_assignment`: more would take minutes


def best_assignment(
    model: BlockModel, experts: int | None = None, *, samples: Any = None
) -> BestAssignment:
    r"""The groups that should share an expert, for the least risk with oracle routing.

    An expert that is used with probability P adds to the excess risk, for each of its groups g,

    .. math:: F_g(P) = \sum_{m\in g} b^2\Big(\big(p\lambda + (P-p)\nu\big) :
              \big(Pn + (P-p)\kappa\big) + (1-P)\nu\Big), \qquad x : y = \frac{xy}{x+y},

    which depends on the other groups of the expert through P alone. In strict blocks it increases
    with P: company costs. With leakage an expert that serves more groups also sees more. With
    ``samples`` an expert with more of them is fitted better: a group with few of them is better
    off sharing.

    Parameters
    ----------
    model : BlockModel
        At most 256 groups.
    experts : int, optional
        The number of experts, from 1 to K. The number with the least risk if not given: without
        ``samples`` and in strict blocks K.
    samples : int or (K,) integers, optional
        Training samples, as for `risk`. Infinitely many if not given.

    Returns
    -------
    BestAssignment
        The ``assignment``, its ``risk``, and the ``ladder``, the best assignment that was found for
        each number of experts.

    Raises
    ------
    ValueError
        There are more experts than groups, or more than 256 groups; the number of experts is not
        given, and with these samples the risk is infinite for each.
    NoClosedForm
        The risk of the best assignment has no formula, as `risk` says. Others are preferred.

    Notes
    -----
    `best_experts` asks another question: how many groups a world should have, with an expert each.

    There are too many assignments to try all. The search merges experts, from one each to one for
    all, and exchanges groups after each merger; then it splits groups off from one expert on. In
    random worlds of 8 groups it finds the optimum in 99 of 100. With samples it compares the few
    candidates by `risk` that are best by an estimate, where the risk may be asymptotic: then the
    assignment is as good as the ``error`` of the risk is small. It takes about a second for 64
    groups of 64 coordinates, and some seconds with samples; the cost is proportional to d and grows
    with the cube of K. Source: docs/theory.md §11.

    Examples
    --------
    With infinitely many samples the rarest groups share an expert. Of 100 samples the rarest group
    has 5 for its 4 coordinates, and does best with those of the most frequent group:

    >>> p, ones = [0.5, 0.3, 0.15, 0.05], [1.0] * 16
    >>> model = BlockModel(p, [0, 1, 2, 3] * 4, ones, ones, noise_variance=1.0)
    >>> best_assignment(model, 3).assignment, best_assignment(model).experts
    ((0, 1, 2, 2), 4)
    >>> found = best_assignment(model, samples=100)
    >>> found.experts, found.assignment, f"{found.risk.value:.2f}"
    (3, (0, 1, 2, 0), '2.57')
    >>> {experts: round(rung.excess, 1) for experts, rung in found.ladder.items()}
    {1: 3.6, 2: 2.9, 3: 2.6, 4: inf}
    """
    model = checked_model(model)
    if model.experts > MOST_GROUPS:
        raise ArgumentError("model", f"must have at most {MOST_GROUPS} groups, got {model.experts}")
    if experts is not None:
        experts = count("experts", experts, minimum=1)
        if experts > model.experts:
            raise ArgumentError(
                "experts",
                f"must be at most {model.experts}, one for each group of the model, got {experts}",
            )
    counts = None if samples is None else counts_of(samples, model)
    costs: ExpertCosts = PopulationCosts(model) if counts is None else FittedCosts(model, counts)
    found = AssignmentSearch(costs, model.group_probabilities).ladder()
    ladder = {len(rung): costs.rung(rung) for rung in found}
    chosen = best_of(ladder) if experts is None else experts
    if experts is None and ladder[chosen].excess == np.inf:
        raise ArgumentError(
            "samples",
            f"must give a finite risk with some number of experts, got {shown(samples)}",
        )
    assignment = ladder[chosen].assignment
    risk = unchecked_risk(MoE(assignment=assignment), model, counts)
    return BestAssignment(assignment, chosen, risk, ladder, counts)

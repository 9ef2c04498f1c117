"""Coefficients of experts that are fitted on the inputs that the hard gate sends to them."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from moetheory.common.arrays import FloatArray
from moetheory.common.errors import Call
from moetheory.common.validation import read_only
from moetheory.formulas.block_evidence import coordinate_laws
from moetheory.formulas.hard_gate import hard_routing
from moetheory.formulas.population import expert_coefficients
from moetheory.formulas.routed_energies import routed_energies
from moetheory.predictors.coordinate_laws import CoordinateLaw
from moetheory.predictors.gate_forms import GateForms
from moetheory.predictors.group_classes import GroupClasses
from moetheory.problem.model import BlockModel


@lru_cache(maxsize=16)  # a simulation asks several times, each takes integrals
def retrained_coefficients(model: BlockModel) -> FloatArray:
    r"""The coefficients of experts j fitted on all inputs that `Hard` sends to j, (d,).

    .. math:: t_m = \frac{\theta_mp_jE_j[\bar x_m^2;\,j\to j]
                    + \theta^0_m\sum_{g\ne j}p_gE_g[\bar x_m^2;\,g\to j]}
                   {\sum_gp_gE_g[\bar x_m^2;\,g\to j]}, \qquad
              \theta^0 = \frac{b\nu}{\nu+n+\kappa} .

    Raises
    ------
    NoClosedForm
        As for `routing_matrix`.

    Notes
    -----
    Source: docs/theory.md §6.
    """
    law = CoordinateLaw.of(model)
    theta = expert_coefficients(law.signal, model.coefficients, law.noise, 0.0)
    if model.experts == 1:
        read_only(theta)
        return theta
    simulation = Call("simulate(MoE(gate=Hard(), retrained=True), model, samples=...)")
    forms = GateForms.of(model, law, theta)
    classes = GroupClasses.of(model, forms, simulation, one_hot=True)
    p, (own, other) = model.group_probabilities, _energies(model, classes)
    mine, others = p[model.block_of] * law.active * own, law.idle * other
    leaked = model.coefficients * law.leakage * other
    seen = np.where(mine > 0.0, mine + others, 1.0)
    found = np.where(mine > 0.0, (theta * mine + leaked) / seen, theta)
    read_only(found)
    return found


def _energies(model: BlockModel, classes: GroupClasses) -> tuple[FloatArray, FloatArray]:
    """The `RoutedEnergies` of each coordinate, (d,); 1 and 0 where only its own group is sent."""
    own, other = np.ones(model.dim), np.zeros(model.dim)
    largest = float(classes.silent_probabilities.max(initial=0.0))
    if classes.blocks:
        silent = float(classes.silent_probabilities.sum())
        energies = routed_energies(classes.blocks, classes.counts, largest, silent)
        for j in np.flatnonzero(classes.class_of >= 0).tolist():
            here = np.flatnonzero((model.block_of == j) & classes.in_evidence)
            which = coordinate_laws(*classes.laws[:, here])[1]
            own[here], other[here] = (each[which] for each in energies[classes.class_of[j]])
    if largest > 0.0:
        # the inputs that are sent to a block without evidence have the energies of all
        matrix = classes.matrix_without_evidence(model)
        if classes.blocks:
            matrix = classes.matrix(hard_routing(classes.blocks, classes.counts, largest))
        chosen = classes.most_probable_silent
        here, sent = model.block_of == chosen, model.group_probabilities * matrix[:, chosen]
        own[here], other[here] = matrix[chosen, chosen], sent.sum() - sent[chosen]
    return own, other

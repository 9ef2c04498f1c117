"""The rate at which the risk of fitted estimators reaches that of the optimum."""

from __future__ import annotations

import numpy as np

from moetheory.common.errors import Call, NoClosedForm
from moetheory.formulas.block_layout import BlockLayout
from moetheory.formulas.finite import dense_rate
from moetheory.predictors.expert_regressions import Regressions
from moetheory.predictors.optimal import interference_of
from moetheory.problem.estimators import Estimator, MoE, checked_oracle
from moetheory.problem.model import BlockModel
from moetheory.problem.sample_counts import Counts, checked_counts


def excess_rate(estimator: Estimator, model: BlockModel, counts: Counts = "fixed") -> float:
    r"""The constant c of :math:`\mathbb E R_n \approx R + c/n` as the samples n grow.

    The estimator is least squares without ridge, and :math:`n_g/n \to p_g`. MoE:
    :math:`\sum_g s_g\rho_g` over the groups that are drawn. Dense:
    :math:`\operatorname{tr}(H^{-1}J)`,
    :math:`J = \sum_g p_g(r_gC_g + C_g\Delta_g\Delta_g^\top C_g)`.

    Parameters
    ----------
    estimator : Dense or MoE
    model : BlockModel
    counts : {"fixed", "multinomial"}
        Whether the samples of each group are fixed or the groups drawn, in which case the second
        term of J counts twice. For MoE both have the same limit, although the expected risk with
        drawn counts is infinite once n can give a group about as many samples as coordinates.

    Raises
    ------
    NoClosedForm
        The estimator has a ridge.

    Notes
    -----
    Source: docs/theory.md §4.

    Examples
    --------
    >>> from moetheory import Dense
    >>> model = BlockModel.isotropic(16, 4, noise_variance=1.0, signal_energy=16.0)
    >>> excess_rate(MoE(), model), excess_rate(Dense(), model)
    (3.2, 8.375)
    """
    estimator = checked_oracle(estimator, model, "the rate")
    drawn = checked_counts(counts)
    if estimator.ridge > 0.0:
        raise NoClosedForm(
            "the rate of ",
            estimator,
            " is known without ridge only; ",
            Call(f"risk({estimator!r}, model, samples=...)"),
        )
    if isinstance(estimator, MoE):
        experts = Regressions.of(model, np.ones(model.experts, dtype=np.int64))
        return float(np.sum((experts.sizes * experts.residual)[model.group_probabilities > 0.0]))
    layout = BlockLayout(model.block_of, model.experts, coupled=True)
    return dense_rate(
        layout,
        model.group_probabilities,
        layout.sort(model.signal_variances),
        layout.sort(model.leakage_variances),
        layout.sort(model.coefficients),
        layout.sort(model.noise_variance),
        layout.sort(interference_of(model)),
        model.label_noise_variance,
        fixed=drawn == "fixed",
    )

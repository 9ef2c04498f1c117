"""The law of the experts' risk over training sets, and a bound that holds for all experts."""

from __future__ import annotations

from typing import Any

import numpy as np

from moetheory.common.errors import Call, NoClosedForm
from moetheory.common.validation import number
from moetheory.predictors.expert_regressions import Regressions
from moetheory.problem.estimators import Dense, Estimator, MoE, checked_oracle
from moetheory.problem.model import BlockModel, checked_model
from moetheory.results.risks import Risk
from moetheory.theory.risk_distributions import ExpertLaw, RiskDistribution

LEAST_DELTA = 1e-300  # its share for each of many experts is still a float with all digits


def risk_distribution(estimator: Estimator, model: BlockModel, samples: Any) -> RiskDistribution:
    r"""The law, over training sets, of the risk of experts fitted by least squares.

    The risk is :math:`\sum_g p_g\,\mathrm{risk}_g`, and the experts are independent. With
    :math:`\nu = n_g - s_g + 1` and any covariance

    .. math:: n_g \ge s_g: \quad \mathrm{risk}_g = \rho_g(1 + \chi^2_{s_g}/\chi^2_\nu);

    for an isotropic block and :math:`1 \le n_g < s_g`

    .. math:: \mathrm{risk}_g = \rho_g
              + E_g\,\mathrm{Beta}\Big(\frac{s_g-n_g}2, \frac{n_g}2\Big)
              + \rho_g\chi^2_{n_g}/\chi^2_{s_g-n_g+1};

    without samples it is :math:`\rho_g + E_g`, without varying coordinates :math:`\rho_g`.

    Parameters
    ----------
    estimator : MoE
        It must have oracle routing and no ridge. `Dense` is accepted for one group, where both
        are the same estimator.
    model : BlockModel
    samples : int or (K,) integers
        Size of the training set, divided by largest remainder, or the samples of each group.

    Returns
    -------
    RiskDistribution

    Raises
    ------
    NoClosedForm
        The estimator is another one, or a block with :math:`1 \le n_g < s_g`, :math:`p_g > 0` is
        anisotropic.
    ValueError
        ``samples`` is not as described.

    Notes
    -----
    Source: docs/theory.md §4. A sum of several terms is inverted from its Laplace transform.

    Examples
    --------
    >>> model = BlockModel.isotropic(64, 8, noise_variance=1.0, signal_energy=64.0)
    >>> law = risk_distribution(MoE(), model, samples=256)
    >>> law.mean, law.std, law.quantile(0.95), law.cdf(0.2)
    (0.1497585, 0.0083007, 0.1645695, 0.9999723)
    >>> len(law.experts), law.experts[0].quantile([0.05, 0.95])
    (8, array([0.1225506, 0.1942065]))
    """
    estimator = checked_oracle(estimator, model, "the law of the risk")
    call = Call(f"simulate({estimator!r}, model, samples=samples)")
    if isinstance(estimator, Dense) and model.experts > 1:
        raise NoClosedForm(
            f"the law of the risk of dense on {model.experts} groups has no closed form; ",
            call,
        )
    if estimator.ridge > 0.0:
        raise NoClosedForm(
            f"the law of the risk has a closed form only for ridge=0, got "
            f"ridge={estimator.ridge:g}; ",
            call,
        )
    laws = _expert_laws(Regressions.of(model, samples), call)
    weighted = []
    for p, law in zip(model.group_probabilities.tolist(), laws, strict=True):
        if p > 0.0:
            if isinstance(law, NoClosedForm):
                raise law
            weighted.append((p, law))
    return RiskDistribution.of(weighted, laws)


def high_probability_bound(model: BlockModel, samples: Any, delta: float) -> Risk:
    r"""A bound that holds for all experts at once with probability at least :math:`1-\delta`.

    With :math:`n_g \ge s_g` and :math:`\nu_g = n_g - s_g + 1`

    .. math:: \mathrm{risk}_g \le \rho_g\Big(1 + \frac{s_g}{\nu_g}
              F^{-1}_{s_g,\nu_g}\Big(1-\frac\delta K\Big)\Big), \quad g = 1, \dots, K,

    and, for other :math:`n_g`, the quantile at :math:`1-\delta/K` of the law of
    `risk_distribution`.

    Parameters
    ----------
    model : BlockModel
    samples : int or (K,) integers
        As for `risk_distribution`.
    delta : float
        The failure probability, from 1e-300 to below 1. It may be that small, as tails are never
        subtracted from one.

    Returns
    -------
    Risk
        ``per_group`` (K,): the bounds on the experts, ``value`` their mean over the groups, a
        bound on the risk. ``inf`` for a group of probability 0 whose law has no closed form, and
        where a bound is beyond the floats.

    Raises
    ------
    NoClosedForm
        `risk_distribution` raises it.
    ValueError
        ``delta`` or ``samples`` is not as described.

    Notes
    -----
    Source: docs/theory.md §4.

    Examples
    --------
    >>> model = BlockModel.isotropic(1000, 10, noise_variance=1.0, signal_energy=1000.0)
    >>> bound = high_probability_bound(model, samples=2000, delta=0.05)
    >>> bound.value / risk_distribution(MoE(), model, samples=2000).lower
    2.66159
    """
    model = checked_model(model)
    delta = number("delta", delta, minimum=LEAST_DELTA, below=1.0)
    regressions = Regressions.of(model, samples)
    laws = _expert_laws(regressions, Call(f"simulate({MoE()!r}, model, samples=samples)"))
    p = model.group_probabilities
    cost, inexact = np.full(model.experts, np.inf), False
    for g, law in enumerate(laws):
        if isinstance(law, NoClosedForm):
            if p[g] > 0.0:
                raise law
            continue
        isolated = RiskDistribution.of([(1.0, law._replace(fixed=0.0))], ())
        inexact |= isolated.error > 0.0
        cost[g] = isolated.beyond(delta / model.experts, upper=True)
        if law.fixed > regressions.residual[g]:
            cost[g] += regressions.energy[g]
    drawn = p > 0.0
    with np.errstate(over="ignore"):
        excess = float(p[drawn] @ (regressions.residual_excess + cost)[drawn])
    value = excess + model.label_noise_variance
    return Risk(
        value=value,
        excess=excess,
        per_group=regressions.residual + cost,
        exactness="quadrature" if inexact else "exact",
        error=1e-8 * value if inexact else 0.0,
    )


def _expert_laws(regressions: Regressions, call: Call) -> tuple[ExpertLaw | NoClosedForm, ...]:
    """The law of each expert's risk, or the error that says why it has no closed form."""
    columns = (
        regressions.counts,
        regressions.sizes,
        regressions.residual,
        regressions.energy,
        np.broadcast_to(regressions.isotropic, regressions.sizes.shape),
    )
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return tuple(_expert_law(g, *row, call=call) for g, row in enumerate(rows))


def _expert_law(
    g: int, n: int, s: int, residual: float, energy: float, isotropic: bool, *, call: Call
) -> ExpertLaw | NoClosedForm:
    """The law of the risk of expert g with n samples of s coordinates; errors name ``call``."""
    if s == 0:
        return ExpertLaw(residual)
    if n == 0:
        return ExpertLaw(residual + energy)
    if n >= s:
        return ExpertLaw(residual, ratio=(residual, float(s), float(n - s + 1)))
    if not isotropic:
        return NoClosedForm(
            f"the law of the risk of expert {g} has no closed form: n_g={n} samples are fewer "
            f"than its s_g={s} coordinates and its block is anisotropic; ",
            call,
        )
    return ExpertLaw(
        residual,
        ratio=(residual, float(n), float(s - n + 1)),
        beta=(energy, (s - n) / 2.0, n / 2.0),
    )

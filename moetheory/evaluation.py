"""What theory gives: from estimators and models to formulas."""

from __future__ import annotations

from moetheory.errors import NoClosedForm
from moetheory.estimators import Dense, Estimator, known
from moetheory.formulas import population
from moetheory.model import BlockModel, known_model
from moetheory.optimum import leakage_of
from moetheory.results import Risk


def risk(estimator: Estimator, model: BlockModel, *, samples: None = None) -> Risk:
    r"""Risk of the population-optimal predictor on fresh noisy inputs.

    With :math:`h = p\lambda + (1-p)\nu` and no ridge, excess risk

    .. math:: \text{dense: } \sum_m \frac{b^2 h\sigma^2}{h+\sigma^2}, \qquad
              \text{MoE: } \sum_m \Big( \frac{p\,b^2\lambda\sigma^2}{\lambda+\sigma^2}
                           + (1-p)\nu b^2 \Big).

    Parameters
    ----------
    estimator : Dense or MoE
    model : BlockModel
    samples : None
        Infinitely many training samples, the only case available yet.

    Returns
    -------
    Risk
        With ``per_group`` (K,); ``exactness`` is "exact".

    Raises
    ------
    NoClosedForm
        ``samples`` is not None.

    Notes
    -----
    Source: docs/theory.md §2; [SNB] Theorem 4.2.

    Examples
    --------
    >>> from moetheory import MoE
    >>> model = BlockModel.isotropic(256, 16, noise_variance=1.0, signal_energy=256.0)
    >>> risk(Dense(), model).value, risk(MoE(), model).value
    (0.5, 0.0588235)
    """
    estimator, model = known(estimator), known_model(model)
    if samples is not None:
        raise NoClosedForm(
            f"the risk of an estimator fitted on samples={samples!r} is not available yet; "
            "samples=None gives the population optimum"
        )
    contributions = (
        population.dense_contributions
        if isinstance(estimator, Dense)
        else population.expert_contributions
    )
    total, per_group = population.excess_with_groups(
        contributions,
        model.group_probabilities,
        model.block_of,
        model.signal_variances,
        leakage_of(model),
        model.coefficients,
        model.noise_variance,
        estimator.ridge,
    )
    excess, omega = float(total), model.label_noise_variance
    return Risk(value=excess + omega, excess=excess, per_group=per_group + omega)


def gap(model: BlockModel) -> float:
    r"""Risk of dense minus risk of the oracle-routed MoE, no ridge, from its positive form.

    Strict blocks: :math:`\sum_m p(1-p)\sigma^2b^2\lambda^2/((p\lambda+\sigma^2)(\lambda+\sigma^2))
    \ge 0`, with full relative accuracy however small it is beside the risks. With leakage it
    can be negative. Source: docs/theory.md §2.

    Examples
    --------
    >>> gap(BlockModel.isotropic(256, 16, noise_variance=1.0, signal_energy=256.0))
    0.4411765
    """
    model = known_model(model)
    return float(
        population.gap(
            model.group_probabilities,
            model.block_of,
            model.signal_variances,
            leakage_of(model),
            model.coefficients,
            model.noise_variance,
        )
    )


def moe_bound(model: BlockModel) -> float:
    r"""The general upper bound on the excess risk of oracle-routed experts without ridge.

    :math:`\sigma^2\sum_g p_g\|b_g\|^2` for strict blocks, plus the unseen
    :math:`\sum_m (1-p)\nu b^2`. In the iso-parameter regime it is :math:`V(d\sigma^2/S)/K`.
    Source: docs/theory.md §3.

    Examples
    --------
    >>> moe_bound(BlockModel.isotropic(256, 16, noise_variance=1.0, signal_energy=256.0))
    0.0625
    """
    model = known_model(model)
    return float(
        population.moe_bound(
            model.group_probabilities,
            model.block_of,
            leakage_of(model),
            model.coefficients,
            model.noise_variance,
        )
    )

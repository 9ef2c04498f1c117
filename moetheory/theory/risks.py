"""Theoretical risks of estimators, the gap between them, and a bound."""

from __future__ import annotations

from typing import Any

from moetheory.common.errors import ArgumentError, Call, Mention, NoClosedForm
from moetheory.common.validation import choice
from moetheory.formulas import population
from moetheory.predictors.optimal import formula_arguments, leakage_of
from moetheory.predictors.perturbed_risks import (
    UNCHANGED,
    optimal_routed_losses,
    require_defined_perturbation,
    require_normal_errors,
    routed_excess,
)
from moetheory.problem.estimators import (
    Dense,
    Estimator,
    MoE,
    checked_estimator,
    one_each,
    routes_by_input,
    simplest,
)
from moetheory.problem.gates import Soft
from moetheory.problem.model import BlockModel, checked_model
from moetheory.problem.perturbation import Perturbation
from moetheory.problem.sample_counts import counts_of
from moetheory.results.risks import Risk
from moetheory.theory.finite_sample_risks import fitted_risk
from moetheory.theory.gate_risks import gated_risk


def risk(
    estimator: Estimator,
    model: BlockModel,
    *,
    samples: Any = None,
    under: Perturbation | None = None,
    require: str | None = None,
) -> Risk:
    r"""Risk on fresh noisy inputs, of the population optimum or expected after fitting.

    Without ``samples``, and with :math:`h = p\lambda + (1-p)\nu`,
    :math:`\bar n = n + (1-p)\kappa` and no ridge, excess risk

    .. math:: \text{dense: } \sum_m \frac{b^2 h\bar n}{h+\bar n}, \qquad
              \text{MoE: } \sum_m \Big( \frac{p\,b^2\lambda n}{\lambda+n}
                           + (1-p)\nu b^2 \Big),

    with the noise variance :math:`n = \sigma^2` and the interference :math:`\kappa` of each
    coordinate.

    With ``samples`` it is the mean over training sets of the risk of minimum-norm least squares (or
    of ridge regression). An expert with more samples than coordinates and residual variance
    :math:`\rho_g` has

    .. math:: \rho_g\,\frac{n_g-1}{n_g-s_g-1}, \qquad \text{infinite at } |n_g - s_g| \le 1 .

    With a gate that routes by the noisy input, `Hard`, `Soft` or `TopK`, it is an integral, also
    after fitting and in other test noise (docs/theory.md §6).

    Parameters
    ----------
    estimator : Dense or MoE
    model : BlockModel
    samples : int or (K,) integers, optional
        Training samples: n, divided into :math:`n_g \approx p_g n` by largest remainder, or
        the counts :math:`n_g`. Infinitely many if not given.
    under : Perturbation, optional
        What differs at test time; the estimator is fitted, or optimal, without perturbation.
    require : {"exact"}, optional
        "exact" refuses an answer that is only asymptotic.

    Returns
    -------
    Risk
        Its ``exactness`` is "exact" for population risks, infinite ones
        and experts without ridge that have no fewer samples than coordinates, or isotropic
        blocks, or no samples; "quadrature", exact up to an integral, for experts with ridge in
        isotropic blocks and for gates that route by the input; else "asymptotic": the
        deterministic equivalent and its 1/n term, with ``error`` an estimate of what is still
        missing. This error grows towards n = d, where its relative size is about 1/|n - d|, and
        is more than half at two samples from it. It also grows where blocks are small and strong,
        so that each n_g is near its s_g: there use `simulate`. Without ridge, dense has no closed
        form where a coordinate varies only
        while its block is active, or only while it is not: as without feature noise, if some
        coordinates leak and others do not.

    Raises
    ------
    ValueError
        A gate routes by the input and ``under`` has confusion or a radius; the confusion has not
        as many groups as the model.
    NoClosedForm
        ``require="exact"`` is given and only an asymptotic formula is known; the equations of the
        equivalent have no solution; a gate routes by the input, and is `Learned` or of another
        temperature, or has a ridge, or fitted experts whose blocks have several variances and as
        few samples as coordinates, or retrained ones and ``samples``, or the blocks are louder
        while they are inactive; or ``under`` is given and has no closed form: erasure or noise
        that is not normal, with a gate that routes by the input; a radius together with
        ``samples``, erasure or noise that is not normal; erasure of correlated coordinates with
        ``samples``, unless experts have more samples than coordinates.

    Notes
    -----
    A step of the equivalent costs O(d + K³) for ``Dense``. Source: docs/theory.md §2, §4, §6,
    §10; [SNB] Theorem 4.2.

    Examples
    --------
    >>> from moetheory import MoE
    >>> model = BlockModel.isotropic(256, 16, noise_variance=1.0, signal_energy=256.0)
    >>> risk(Dense(), model).value, risk(MoE(), model).value
    (0.5, 0.0588235)
    >>> fitted = [risk(estimator, model, samples=512) for estimator in (Dense(), MoE())]
    >>> [f"{each.value:.3f} {each.exactness}" for each in fitted]
    ['1.007 asymptotic', '0.122 exact']

    Routed by the input:

    >>> from moetheory import Hard
    >>> routed = risk(MoE(gate=Hard()), model, samples=512)
    >>> f"{routed.value:.3f} {routed.exactness}"
    '0.122 quadrature'
    """
    estimator, model = checked_estimator(estimator), checked_model(model)
    if require is not None:
        choice("require", require, ("exact",))
    if under is not None:
        require_defined_perturbation(under, estimator, model)
    result = unchecked_risk(estimator, model, samples, under)
    if require == "exact" and result.exactness == "asymptotic":
        more = "" if under is None else f", under={under!r}"
        raise NoClosedForm(
            "only an asymptotic formula is known for ",
            estimator,
            " fitted on ",
            Mention("samples", samples),
            f", with an error of about {result.error:.2g}; leave out ",
            Mention("require", "exact"),
            " or ",
            Call(f"simulate({estimator!r}, model, samples={samples!r}{more})"),
        )
    return result


def unchecked_risk(
    estimator: Estimator,
    model: BlockModel,
    samples: Any = None,
    under: Perturbation | None = None,
    *,
    with_error: bool = True,
) -> Risk:
    """The `risk` of arguments that have been checked; the error of dense fits takes longest."""
    estimator = simplest(estimator, model)
    if isinstance(estimator, MoE) and routes_by_input(estimator):
        if model.experts > 1 or not one_each(estimator):
            return gated_risk(estimator, model, samples, under)
        estimator = MoE(ridge=estimator.ridge)  # one expert leaves no choice
    if samples is None:
        if under is None and one_each(estimator):
            return _optimal_risk(estimator, model)
        return _perturbed_optimal_risk(estimator, model, under or UNCHANGED)
    counts = counts_of(samples, model)
    call = Call(f"simulate({estimator!r}, model, samples=...{', under=...' * (under is not None)})")
    if isinstance(estimator, MoE) and estimator.shared:
        raise NoClosedForm(
            "the risk after fitting on samples is not known with a shared expert, got ",
            estimator,
            "; ",
            call,
        )
    if under is not None and under.radius:
        raise NoClosedForm(
            "the risk under a worst-case shift is known for infinitely many samples only, got ",
            Mention("samples", samples),
            "; ",
            call,
        )
    if under is not None and under.confusion is not None and not one_each(estimator):
        raise NoClosedForm(
            "the risk after fitting, with inputs that meet a wrong expert, is known for one expert "
            "a group, got ",
            estimator,
            "; ",
            call,
        )
    return fitted_risk(estimator, model, counts, under, with_error=with_error)


def _optimal_risk(estimator: Estimator, model: BlockModel) -> Risk:
    """The risk of the population optimum with oracle routing."""
    contributions = (
        population.dense_contributions
        if isinstance(estimator, Dense)
        else population.expert_contributions
    )
    arguments = *formula_arguments(model), estimator.ridge
    excess, per_group = population.excess_with_groups(contributions, *arguments)
    total, omega = float(excess), model.label_noise_variance
    return Risk(value=total + omega, excess=total, per_group=per_group + omega)


def _perturbed_optimal_risk(estimator: Estimator, model: BlockModel, under: Perturbation) -> Risk:
    """The risk of the population optimum under a perturbation."""
    require_normal_errors(under, Call(f"simulate({estimator!r}, model, under=...)"))
    per_group = routed_excess(optimal_routed_losses(estimator, model, under), model, under)
    excess, omega = float(model.group_probabilities @ per_group), model.label_noise_variance
    return Risk(value=excess + omega, excess=excess, per_group=per_group + omega)


def mmse(model: BlockModel) -> Risk:
    r"""The least risk of all predictors, which is the risk of the soft gate.

    The best predictor is :math:`E[y \mid \bar x] = \sum_jw_j\,\bar x_j^\top\theta_j`,
    :math:`w_j = P(g = j \mid \bar x)`. With :math:`q_j = \sum_{m\in j}\theta_m^2\bar x_m^2`
    its risk is

    .. math:: \sum_gp_g\rho_g + E\sum_jw_j(1-w_j)q_j .

    Raises
    ------
    ValueError
        The model leaks: then no weights of the experts are the best predictor.
    NoClosedForm
        As for `risk` of the soft gate.

    Notes
    -----
    The risk is computed by quadrature, also for anisotropic blocks. Source: docs/theory.md §6.

    Examples
    --------
    >>> from moetheory import Hard, MoE
    >>> model = BlockModel.isotropic(64, 8, noise_variance=1.0, signal_energy=16.0)
    >>> risk(MoE(), model).value, mmse(model).value
    (0.3333333, 0.4454384)
    >>> risk(MoE(gate=Hard()), model).value, risk(Dense(), model).value
    (0.5002127, 0.8)
    """
    if not checked_model(model).strict:
        raise ArgumentError(
            "model",
            "must have strict blocks, ",
            Mention("leakage_variances", 0),
            ", for the least risk of all predictors, got leakage: the best predictor then reads "
            "all blocks, and is not the soft gate",
        )
    return unchecked_risk(MoE(gate=Soft()), model)


def gap(model: BlockModel) -> float:
    r"""Risk of dense minus risk of the oracle-routed MoE, without ridge, from its positive form.

    For strict blocks it is
    :math:`\sum_m p(1-p)(n+\kappa)b^2\lambda^2/((p\lambda+\bar n)(\lambda+n)) \ge 0`,
    :math:`\bar n = n+(1-p)\kappa`, with full relative accuracy however small it is beside the
    risks. With leakage the gap can be negative. Source: docs/theory.md §2 and §10.

    Examples
    --------
    >>> gap(BlockModel.isotropic(256, 16, noise_variance=1.0, signal_energy=256.0))
    0.4411765
    """
    return unchecked_gap(checked_model(model))


def unchecked_gap(model: BlockModel) -> float:
    """The `gap` of a model that has been checked."""
    return float(population.gap(*formula_arguments(model)))


def moe_bound(model: BlockModel) -> float:
    r"""The general upper bound on the excess risk of oracle-routed experts without ridge.

    The bound is :math:`\sum_m p\,nb^2 = \sigma^2\sum_g p_g\|b_g\|^2`, plus
    :math:`\sum_m (1-p)\nu b^2` from leakage into blocks that no expert sees. In the iso-parameter
    regime it is :math:`V(d\sigma^2/S)/K`.
    Source: docs/theory.md §3.

    Examples
    --------
    >>> moe_bound(BlockModel.isotropic(256, 16, noise_variance=1.0, signal_energy=256.0))
    0.0625
    """
    model = checked_model(model)
    return float(
        population.moe_bound(
            model.group_probabilities,
            model.block_of,
            leakage_of(model),
            model.coefficients,
            model.noise_variance,
        )
    )

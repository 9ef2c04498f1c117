r"""Experts fitted on n samples have an exact risk law, dense a deterministic equivalent.

Statement:
    With :math:`n_g \ge s_g` samples a group, :math:`s_g` coordinates and
    :math:`\nu_g = n_g-s_g+1`,

    .. math:: R_g \sim \rho_g\Big(1+\frac{s_g}{\nu_g}F(s_g,\nu_g)\Big), \qquad
              \mathbb E R_{\mathrm{MoE}} = \sum_gp_g\rho_g\frac{n_g-1}{n_g-s_g-1} ,

    the mean if all :math:`n_g > s_g+1`. The expected risk of dense is that of its equivalent up to
    a relative O(1/s) at a fixed number of blocks. A rare group
    with few more samples than coordinates can make dense the better one.

Guarantee:
    - Exact equality of the mean: follows from the law by certificate, group by group, for any
      :math:`n_g > s_g+1`; checked by simulation at n = 2s+20. The law: checked by simulation
      (Kolmogorov-Smirnov distance).
    - Upper bound with probability 0.95: evaluated and simulated; a union bound, not tight.
    - Dense: asymptotic, within an error estimate; checked by simulation, as are its rates.
    - Orderings beside the crossover: evaluated and simulated for one model with a rare group.

Reference:
    docs/theory.md §4; [SNB] sample complexity, https://arxiv.org/abs/2601.14792
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from moetheory.claims import assumptions as given
from moetheory.claims import dense_error
from moetheory.claims import training_sets as training
from moetheory.claims.certificates import Symbolic
from moetheory.claims.declaration import Claim, Theorem
from moetheory.claims.domains import Values
from moetheory.claims.experiments import Outcome, Setting
from moetheory.claims.outcomes import (
    WITH_SLACK,
    Mean,
    inequality_outcome,
    law_outcome,
    mean_outcome,
    rate_outcome,
)
from moetheory.claims.quantities import claim_about, log_uniform, uneven_model
from moetheory.predictors.expert_regressions import Regressions
from moetheory.problem.estimators import Dense, MoE
from moetheory.problem.model import BlockModel
from moetheory.theory.expert_distributions import high_probability_bound, risk_distribution
from moetheory.theory.order_changes import crossover
from moetheory.theory.rates import excess_rate
from moetheory.theory.risks import risk

if TYPE_CHECKING:
    import sympy

DELTA = 0.05
ORDER_SETS = 4000  # training sets where two fits are compared
SPARE = 20  # samples of each group beside two a coordinate: the law of the risk has light tails


def _sample_counts(model: BlockModel) -> tuple[int, ...]:
    """Samples of each group, n = 2s + 20."""
    return tuple((2 * model.sizes + SPARE).tolist())


# --- experts: the exact mean, the law, the bound ----------------------------------------------


def _with_counts(point: Any) -> tuple[BlockModel, tuple[int, ...]]:
    """A model and sample counts: those of a random point, or else n = 2s + 20."""
    return point if isinstance(point, tuple) else (point, _sample_counts(point))


def _expected_excess(point: Any) -> float:
    """Expected excess risk of the fitted MoE, as the library computes it."""
    model, counts = _with_counts(point)
    return risk(MoE(), model, samples=counts).excess


def _short_formula(point: Any) -> float:
    """Expected excess risk of the fitted MoE, sum_g p rho (n-1)/(n-s-1)."""
    model, counts = _with_counts(point)
    experts = Regressions.of(model, counts)
    n, s = experts.counts.astype(np.float64), experts.sizes
    expected = experts.residual * (n - 1.0) / (n - s - 1.0)
    return float(model.group_probabilities @ expected) - model.label_noise_variance


def _mean_identity() -> Symbolic:
    r"""One group's mean of the law :math:`\rho(1+\chi^2_s/\chi^2_\nu)` against the short formula.

    The mean of :math:`1/\chi^2_\nu` is integrated in symbols.
    """
    import sympy

    names = "p s n lambda_ b sigma2 t k"
    p, s, n, lambda_, b, sigma2, t, k = sympy.symbols(names, positive=True)
    rho = s * b**2 * lambda_ * sigma2 / (lambda_ + sigma2)
    inverse = _mean_of_inverse_chi_square().subs(sympy.Symbol("nu", positive=True), n - s + 1)
    return Symbolic(
        left=p * rho * (1 + s * inverse),
        right=p * rho * (n - 1) / (n - s - 1),
        scope="any model, n_g > s_g + 1",
        domain={p: 1 / (1 + t), n: s + 1 + k},
        draw=_draw_expert,
        model=_labels_of_one_block,
    )


@cache
def _mean_of_inverse_chi_square() -> sympy.Expr:
    """The mean of 1/X for X chi-squared with nu degrees of freedom, from its density."""
    import sympy

    nu, m, x = sympy.symbols("nu m x", positive=True)
    unnormalised = sympy.integrate(x ** (m - 1) * sympy.exp(-x / 2), (x, 0, sympy.oo))
    # the density is proportional to x^(nu/2-1) e^(-x/2), and m = nu/2 - 1 is positive
    mean = unnormalised / unnormalised.subs(m, m + 1)
    return sympy.gammasimp(mean).subs(m, nu / 2 - 1)


def _draw_expert(rng: np.random.Generator) -> dict[str, float]:
    """A random block and the number of its samples, at least two more than coordinates."""
    size = int(rng.integers(1, 9))
    return {
        "p": float(rng.uniform(0.01, 0.99)),
        "s": size,
        "n": size + 1 + int(rng.integers(1, 30)),
        **log_uniform(rng, "lambda_", "b", "sigma2"),
    }


def _labels_of_one_block(values: Values) -> tuple[BlockModel, tuple[int, ...]]:
    """A model of two isotropic blocks, the first of which alone has labels; sample counts."""
    size, rest = int(values["s"]), 2
    model = BlockModel(
        [values["p"], 1.0 - values["p"]],
        [0] * size + [1] * rest,
        [values["lambda_"]] * size + [1.0] * rest,
        [values["b"]] * size + [0.0] * rest,
        values["sigma2"],
    )
    return model, (int(values["n"]), rest + SPARE)


def _law(model: BlockModel) -> tuple[float, float]:
    r"""Standard deviation and skewness of the fitted MoE's risk.

    They follow from :math:`\mathbb E(\chi^2_s/\chi^2_\nu)^k = \prod_{i<k}(s+2i)/(\nu-2-2i)`.
    """
    experts = Regressions.of(model, _sample_counts(model))
    scales, s = model.group_probabilities * experts.residual, experts.sizes
    nu = experts.counts - s + 1.0
    first = s / (nu - 2.0)
    second = first * (s + 2.0) / (nu - 4.0)
    third = second * (s + 4.0) / (nu - 6.0)
    unit = float(scales.max()) or 1.0  # so that no cube underflows
    variance = float((scales / unit) ** 2 @ (second - first**2))
    cube = float((scales / unit) ** 3 @ (third - 3.0 * first * second + 2.0 * first**3))
    return unit * math.sqrt(variance), cube / variance**1.5 if variance else 0.0


def _drawn_risks(model: BlockModel, setting: Setting) -> np.ndarray:
    """Simulated risks of dense and MoE in each group, (2, R, K)."""
    counts = _sample_counts(model)
    replicates = training.replicates_of(setting, training.SETS, model, sum(counts))
    return training.drawn_risks(model, counts, replicates, setting.entropy)


def _mean_experiment(model: BlockModel, setting: Setting) -> Outcome:
    """The experiment on the mean risk of the fitted MoE."""
    values = (
        _drawn_risks(model, setting)[1] @ model.group_probabilities - model.label_noise_variance
    )
    # the coefficients of noiseless fits are off by rounding
    rounding = 1e-20 * model.label_power
    expected = setting.control * _expected_excess(model)
    return mean_outcome(
        Mean.of(values, _law(model)), expected, setting, resolution=0.02, rounding=rounding
    )


def _law_experiment(model: BlockModel, setting: Setting) -> Outcome:
    """The experiment on the law of the fitted MoE's risk."""
    values = _drawn_risks(model, setting)[1] @ model.group_probabilities
    law = risk_distribution(MoE(), model, _sample_counts(model))
    return law_outcome(values, law, setting, resolution=0.05)


def _probability_beyond(model: BlockModel) -> float:
    """Probability that any expert has a larger risk than its part of the bound."""
    law = risk_distribution(MoE(), model, _sample_counts(model))
    bound = high_probability_bound(model, _sample_counts(model), DELTA)
    within = [
        math.log1p(-float(expert.sf(limit)))
        for expert, limit in zip(law.experts, bound.per_group.tolist(), strict=True)
    ]
    return -math.expm1(math.fsum(within))


def _coverage_experiment(model: BlockModel, setting: Setting) -> Outcome:
    """The experiment on how often an expert's risk is beyond its bound."""
    bound = high_probability_bound(model, _sample_counts(model), DELTA)
    law = risk_distribution(MoE(), model, _sample_counts(model))
    ratio = bound.value / float(law.quantile(1.0 - DELTA))
    beyond = np.any(_drawn_risks(model, setting)[1] > bound.per_group, axis=-1)
    return rate_outcome(
        int(np.count_nonzero(beyond)),
        len(beyond),
        setting.control * _probability_beyond(model),
        setting,
        resolution=0.4,
        note=f"the bound is {ratio:.3g} times the {1 - DELTA:g} quantile of the MoE's risk",
    )


# --- dense: the asymptotic formula ------------------------------------------------------------


def _dense_experiment(model: BlockModel, setting: Setting) -> Outcome:
    """The experiment on dense's mean risk against its equivalent, within the error estimate."""
    theory = risk(Dense(), model, samples=_sample_counts(model))
    values = (
        _drawn_risks(model, setting)[0] @ model.group_probabilities - model.label_noise_variance
    )
    share = theory.error / theory.excess
    return mean_outcome(
        values,
        setting.control * theory.excess,
        setting,
        resolution=0.02,
        allowed=theory.error,
        relative_to="the equivalent",
        note=f"the equivalent allows for an error of {100.0 * share:.2g} %",
    )


# --- a rare group: dense is better with few samples -------------------------------------------


def _rare_group_model() -> BlockModel:
    """A model in which dense is better with few samples: one group is rare."""
    return BlockModel([0.8, 0.2], [0] * 6 + [1] * 6, np.ones(12), np.ones(12), 4.0)


@cache
def _crossover_samples() -> int:
    """The largest number of samples n* at which the MoE is not better than dense."""
    return int(crossover(Dense(), MoE(), _rare_group_model(), over="samples"))


def _order_claim(factor: float, better: int) -> Claim:
    """The claim that at ``factor`` n* the estimator ``better`` of (dense, MoE) has less risk."""
    names = ("dense", "MoE")

    def excess(model: BlockModel, index: int) -> float:
        samples = round(factor * _crossover_samples())
        return risk(training.BOTH[index], model, samples=samples).excess

    def experiment(model: BlockModel, setting: Setting) -> Outcome:
        samples = round(factor * _crossover_samples())
        replicates = training.replicates_of(setting, ORDER_SETS, model, samples)
        risks = training.drawn_risks(model, samples, replicates, setting.entropy)
        values = risks @ model.group_probabilities
        ahead = setting.control * values[1 - better] - values[better]
        return inequality_outcome(
            float(values[better].mean()),
            Mean.of(ahead, WITH_SLACK),
            setting,
            resolution=0.05,
            scale=excess(model, better),
        )

    return claim_about(
        _rare_group_model(),
        name=f"{names[better]} <= {names[1 - better]} at {factor:g} n*",
        relation="<=",
        left=lambda model: excess(model, better),
        right=lambda model: excess(model, 1 - better),
        experiment=experiment,
        control=0.5,
        label=lambda _: f"n*={_crossover_samples()}",
    )


def _family_claim(name: str, family: Callable[[int], tuple[BlockModel, Any]], **more: Any) -> Claim:
    """A claim about a family of growing models, which a report shows by the first."""
    return claim_about(family(1)[0], name=name, label=lambda model: f"d={model.dim}", **more)


EXACT_MEAN = Claim(
    name="E MoE == sum_g p rho (n-1)/(n-s-1)",
    relation="==",
    left=_expected_excess,
    right=_short_formula,
    symbolic=_mean_identity,
    experiment=_mean_experiment,
    control=1.01,
)

THEOREM = Theorem(
    statement=(
        "Fitted by least squares on n_g >= s_g samples of its group, an expert of s_g coordinates "
        "has the risk rho_g (1 + s_g/nu_g F(s_g, nu_g)) in law, nu_g = n_g-s_g+1; this law has a "
        "mean if n_g > s_g+1. The expected risk of dense is that of a deterministic equivalent, "
        "with a relative error O(1/s) at a fixed number of blocks, which does not fall where "
        "blocks stay small. A rare group with few more samples than coordinates can make dense "
        "the better one."
    ),
    latex=(
        r"\mathbb E R_{\mathrm{MoE}} = \sum_g p_g\rho_g\frac{n_g-1}{n_g-s_g-1}\ (n_g > s_g+1),"
        r"\qquad "
        r"R_g \sim \rho_g\Big(1 + \frac{s_g}{\nu_g}F(s_g,\nu_g)\Big)\ (n_g \ge s_g)"
    ),
    guarantee="identity (experts); asymptotic, with an error estimate (dense)",
    source="[SNB] sample complexity; docs/theory.md §4",
    assumptions=(given.SOME_NOISE, given.SOME_LABELS),
    claims=(
        EXACT_MEAN,
        Claim(
            name="law of the MoE's risk", relation="==", experiment=_law_experiment, control=1.05
        ),
        Claim(
            name="P(an expert is beyond its bound) <= 0.05",
            relation="<=",
            left=_probability_beyond,
            right=lambda _: DELTA,
            experiment=_coverage_experiment,
            control=0.5,
        ),
        Claim(
            name="|dense - equivalent| <= its error",
            relation="<=",
            experiment=_dense_experiment,
            control=1.2,
        ),
        _family_claim(
            "growing blocks: error ~ d^a, a <= -3/4",
            dense_error.larger_blocks,
            relation="<=",
            experiment=dense_error.larger_blocks_outcome,
            control=2.0,
        ),
        _family_claim(
            "small blocks: error at 4d >= 3/4 that at d",
            dense_error.more_blocks,
            relation="<=",
            experiment=dense_error.more_blocks_outcome,
            control=0.5,
        ),
        _family_claim(
            "n (E dense - R) -> tr(J/H)",
            dense_error.larger_blocks,
            relation="==",
            left=lambda model: excess_rate(Dense(), model),
            experiment=dense_error.scaled_excess_outcome,
            control=1.25,
        ),
        _order_claim(0.85, better=0),
        _order_claim(1.5, better=1),
    ),
    otherwise=(EXACT_MEAN,),
    example=lambda: uneven_model(0.5, (2, 4, 6), leakage_variances=0.05, label_noise_variance=0.1),
)

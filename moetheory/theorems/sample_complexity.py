"""Fitted on finitely many samples: the experts exactly, dense asymptotically, and who wins."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from moetheory.claims import assumptions as given
from moetheory.claims import dense_error
from moetheory.claims import training_sets as training
from moetheory.claims.certificates import Symbolic, Values
from moetheory.claims.declaration import Claim, Outcome, Setting, Theorem
from moetheory.claims.quantities import about, log_uniform, uneven
from moetheory.predictors.expert_regressions import Regressions
from moetheory.problem.estimators import Dense, MoE
from moetheory.problem.model import BlockModel
from moetheory.theory.crossovers import crossover
from moetheory.theory.expert_distributions import high_probability_bound, risk_distribution
from moetheory.theory.risks import excess_rate, risk

DELTA = 0.05


def _counts(model: BlockModel) -> tuple[int, ...]:
    """Twice the coordinates and 6 samples in each group: the variance of the risk is finite."""
    return tuple((2 * model.sizes + 6).tolist())


# --- experts: the exact mean, the law, the bound ----------------------------------------------


def _expected(model: BlockModel) -> float:
    return risk(MoE(), model, samples=_counts(model)).excess


def _formula(model: BlockModel) -> float:
    experts = Regressions.of(model, _counts(model))
    n, s = experts.counts.astype(np.float64), experts.sizes
    expected = experts.residual * (n - 1.0) / (n - s - 1.0)
    return float(model.group_probabilities @ expected) - model.label_noise_variance


def _mean_of_the_law() -> Symbolic:
    """E(1 + F s/nu) with E F = nu/(nu-2), nu = n-s+1 and n = 2s+6, against the short formula."""
    import sympy

    s, lambda_, b, sigma2 = sympy.symbols("s lambda_ b sigma2", positive=True)
    n = 2 * s + 6
    nu = n - s + 1
    rho = s * b**2 * lambda_ * sigma2 / (lambda_ + sigma2)
    return Symbolic(
        left=rho * (1 + (s / nu) * (nu / (nu - 2))),
        right=rho * (n - 1) / (n - s - 1),
        domain={},
        draw=lambda rng: {
            "s": int(rng.integers(1, 9)),
            **log_uniform(rng, "lambda_", "b", "sigma2"),
        },
        model=_one_expert,
    )


def _one_expert(values: Values) -> BlockModel:
    size = int(values["s"])
    ones = np.ones(size)
    return BlockModel(
        [1.0], np.zeros(size, int), values["lambda_"] * ones, values["b"] * ones, values["sigma2"]
    )


def _drawn(model: BlockModel, setting: Setting) -> np.ndarray:
    counts = _counts(model)
    replicates = training.sets(setting, training.SETS, model, sum(counts))
    return training.drawn(model, counts, replicates, setting.entropy)


def _mean(model: BlockModel, setting: Setting) -> Outcome:
    values = _drawn(model, setting)[1] @ model.group_probabilities - model.label_noise_variance
    # the coefficients of noiseless fits are off by rounding
    rounding = 1e-20 * model.label_power
    return training.mean_outcome(
        values, _expected(model), setting, resolution=0.02, allowed=rounding
    )


def _law(model: BlockModel, setting: Setting) -> Outcome:
    values = _drawn(model, setting)[1] @ model.group_probabilities
    law = risk_distribution(MoE(), model, _counts(model))
    return training.law_outcome(values, law, setting, resolution=0.05)


def _beyond(model: BlockModel) -> float:
    """Probability that any expert has a larger risk than its part of the bound."""
    law = risk_distribution(MoE(), model, _counts(model))
    bound = high_probability_bound(model, _counts(model), DELTA)
    within = [
        math.log1p(-float(expert.sf(limit)))
        for expert, limit in zip(law.experts, bound.per_group.tolist(), strict=True)
    ]
    return -math.expm1(math.fsum(within))


def _coverage(model: BlockModel, setting: Setting) -> Outcome:
    bound = high_probability_bound(model, _counts(model), DELTA)
    law = risk_distribution(MoE(), model, _counts(model))
    ratio = bound.value / float(law.quantile(1.0 - DELTA))
    beyond = np.any(_drawn(model, setting)[1] > bound.per_group, axis=-1)
    return training.mean_outcome(
        beyond.astype(np.float64),
        _beyond(model),
        setting,
        resolution=0.4,
        note=f"the bound is {ratio:.3g} times the {1 - DELTA:g} quantile of the MoE's risk",
    )


# --- dense: the asymptotic formula ------------------------------------------------------------


def _dense(model: BlockModel, setting: Setting) -> Outcome:
    theory = risk(Dense(), model, samples=_counts(model))
    values = _drawn(model, setting)[0] @ model.group_probabilities - model.label_noise_variance
    share = theory.error / theory.excess
    return training.mean_outcome(
        values,
        setting.control * theory.excess,
        setting,
        resolution=0.02,
        allowed=theory.error,
        relative_to="the equivalent",
        note=f"the equivalent allows for an error of {100.0 * share:.2g} %",
    )


# --- a rare group: dense is better with few samples -------------------------------------------


def _rare_group() -> BlockModel:
    return BlockModel([0.8, 0.2], [0] * 6 + [1] * 6, np.ones(12), np.ones(12), 4.0)


@cache
def _boundary() -> int:
    return int(crossover(Dense(), MoE(), _rare_group(), over="samples"))


def _side(factor: float, better: int) -> Claim:
    """At ``factor`` times the boundary, estimator ``better`` of (dense, MoE) has less risk."""
    names = ("dense", "MoE")

    def excess(model: BlockModel, index: int) -> float:
        samples = round(factor * _boundary())
        return risk(training.BOTH[index], model, samples=samples).excess

    def experiment(model: BlockModel, setting: Setting) -> Outcome:
        samples = round(factor * _boundary())
        replicates = training.sets(setting, training.SETS, model, samples)
        risks = training.drawn(model, samples, replicates, setting.entropy)
        values = risks @ model.group_probabilities
        ahead = setting.control * values[1 - better] - values[better]
        sem = float(ahead.std(ddof=1)) / math.sqrt(replicates)
        return training.one_sided(
            float(values[better].mean()),
            sem,
            float(ahead.mean()),
            replicates,
            setting,
            resolution=0.05,
            scale=excess(model, better),
        )

    return about(
        _rare_group(),
        name=f"{names[better]} <= {names[1 - better]} at {factor:g} n*",
        relation="<=",
        left=lambda model: excess(model, better),
        right=lambda model: excess(model, 1 - better),
        experiment=experiment,
        control=0.5,
        label=lambda _: f"n*={_boundary()}",
    )


def _of_a_family(name: str, family: Callable[[int], tuple[BlockModel, Any]], **more: Any) -> Claim:
    """A claim about growing models, shown at the first."""
    return about(family(1)[0], name=name, label=lambda model: f"d={model.dim}", **more)


EXACT_MEAN = Claim(
    name="E MoE == sum_g p rho (n-1)/(n-s-1)",
    relation="==",
    left=_expected,
    right=_formula,
    symbolic=_mean_of_the_law,
    experiment=_mean,
    control=1.01,
)

THEOREM = Theorem(
    statement=(
        "Fitted on n_g samples a group by least squares, an expert of s_g coordinates has the "
        "risk rho_g (1 + s_g/nu F(s_g, nu)) in law, nu = n_g-s_g+1; dense has that of a "
        "deterministic equivalent with a relative error O(1/s) at a fixed number of blocks, "
        "which does not fall where blocks stay small. A rare group with few more samples than "
        "coordinates can make dense the better one."
    ),
    latex=(
        r"\mathbb E R_{\mathrm{MoE}} = \sum_g p_g\rho_g\frac{n_g-1}{n_g-s_g-1},\qquad "
        r"R_g \sim \rho_g\Big(1 + \frac{s_g}{\nu_g}F(s_g,\nu_g)\Big)"
    ),
    guarantee="identity (experts); asymptotic, with an error estimate (dense)",
    source="[SNB] sample complexity; docs/theory.md §4",
    assumptions=(given.SOME_NOISE, given.SOME_LABELS),
    claims=(
        EXACT_MEAN,
        Claim(name="law of the MoE's risk", relation="==", experiment=_law, control=1.05),
        Claim(
            name="P(an expert is beyond its bound) <= 0.05",
            relation="<=",
            left=_beyond,
            right=lambda _: DELTA,
            experiment=_coverage,
            control=0.5,
        ),
        Claim(
            name="|dense - equivalent| <= its error", relation="<=", experiment=_dense, control=1.2
        ),
        _of_a_family(
            "growing blocks: error ~ d^a, a <= -3/4",
            dense_error.repeated,
            relation="<=",
            experiment=dense_error.growing_blocks,
            control=2.0,
        ),
        _of_a_family(
            "small blocks: error at 4d >= 3/4 that at d",
            dense_error.many_small,
            relation="<=",
            experiment=dense_error.small_blocks,
            control=0.5,
        ),
        _of_a_family(
            "n (E dense - R) -> tr(J/H)",
            dense_error.repeated,
            relation="==",
            left=lambda model: excess_rate(Dense(), model),
            experiment=dense_error.rate,
            control=1.25,
        ),
        _side(0.85, better=0),
        _side(1.5, better=1),
    ),
    otherwise=(EXACT_MEAN,),
    example=lambda: uneven(0.5, (2, 4, 6), leakage_variances=0.05, label_noise_variance=0.1),
)

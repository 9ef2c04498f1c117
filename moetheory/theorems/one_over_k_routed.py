r"""The 1/K law holds for routing from the data, within a factor of 2 while blocks are large enough.

Statement:
    K equal isotropic strict blocks of s = d/K coordinates, equal probabilities, coefficients of
    equal norm, :math:`\varrho = 1+\lambda/\sigma^2`. Inputs go to the block with the largest
    energy, which is the Bayes router and has no parameters. With
    :math:`P_1 = P(\chi^2_s > \varrho\chi^2_{s+2})`, :math:`P_2 = P(\chi^2_{s+2} > \varrho\chi^2_s)`
    and, of an expert, :math:`c = \theta^\top E\hat\theta` and :math:`e = E\|\hat\theta\|^2`,

    .. math:: R_{\mathrm{hard}} \le R_{\mathrm{oracle}}
              + (K-1)\sigma^2\big((2c-e)\,\varrho P_1 + e\,P_2\big) ,

    for optimal experts (:math:`c = e = \|\theta\|^2`) and for experts fitted on any number of
    samples (if the numbers differ, c and e are means over the experts). Excess risks;
    :math:`R_{\mathrm{oracle}}` is that of the same experts with oracle routing. While
    :math:`s \ge 2\ln K/\ln\frac{(1+\varrho)^2}{4\varrho}`, this is at most
    :math:`2R_{\mathrm{oracle}}`. The soft gate, which is the best predictor, is below the bound
    too, and so are experts fitted on inputs that the router itself has sorted.

Guarantee:
    - Upper bound: proved by hand; evaluated by quadrature, simulated from raw data.
    - For the hard gate an equality for K = 2, and tight as blocks grow at given noise while e/c
      stays bounded: proved by hand; tightness is evaluated within 5 %, for optimal experts. For the
      soft gate it is not tight: with optimal experts what routing adds tends to pi/4 of what the
      bound adds.
    - Exponential bound on :math:`\varrho P_1+P_2`: proved by certificate for s = 2, 4, 6, 8, by
      hand for others.
    - Factor 2: proved by hand from the exponential bound; evaluated at the smallest blocks that
      the rule allows.

Reference:
    docs/theory.md §6; [SNB] Theorem 4.2 and its iso-parameter corollary, which leaves open how
    router errors enter, https://arxiv.org/abs/2601.14792
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any

import numpy as np

from moetheory.claims import assumptions as given
from moetheory.claims.certificates import Symbolic
from moetheory.claims.declaration import Claim, Theorem, accepted_models
from moetheory.claims.equal_blocks import (
    all_divisors,
    blocks_label,
    noisy,
    size_of,
    surplus_of,
    with_larger_blocks,
)
from moetheory.claims.gate_experiments import HARD_MOE, SOFT_MOE, hard_excess, soft_excess
from moetheory.claims.quantities import claim_about, log_uniform, moe_excess, noise_of
from moetheory.claims.routed_experiments import (
    fitted_experiment,
    optimal_experiment,
    sorted_experiment,
)
from moetheory.common.arrays import FloatArray
from moetheory.formulas import routed_law
from moetheory.predictors.optimal import unchecked_optimal_coefficients
from moetheory.problem.estimators import Estimator, MoE
from moetheory.problem.gates import Hard
from moetheory.problem.model import BlockModel
from moetheory.theory.gate_risks import gated_losses
from moetheory.theory.risks import risk
from moetheory.theory.routed_law import routing_cost_bound

SPARE = 20  # samples of each group beside two a coordinate
TIGHTNESS = 1.05  # largest ratio of the bound to what misrouting costs, for large blocks
LEAST_COST = 1e-200  # of misrouting that is compared
MOST_COORDINATES = 2**16  # of models that are made for a claim


# --- models of the regime ------------------------------------------------------------------------


def _at_the_rule(model: BlockModel) -> Sequence[BlockModel]:
    """The model with the smallest blocks that the rule allows, unless they are too large."""
    size = float(routed_law.least_size(model.experts, surplus_of(model)))
    if size * model.experts > MOST_COORDINATES:
        return []
    return accepted_models(lambda s: with_larger_blocks(model, s), [max(math.ceil(size), 1)])


def _tight(model: BlockModel) -> Sequence[BlockModel]:
    """The smallest enlargement of the blocks at which the bound is tight, if there is one."""
    for power in range(13):
        larger = with_larger_blocks(model, size_of(model) * 2**power)
        cost = _cost(larger)
        if larger.dim > MOST_COORDINATES or cost < LEAST_COST:
            break
        if routing_cost_bound(larger) < TIGHTNESS * cost:
            return [larger]
    return []


def _growing_blocks(model: BlockModel) -> Sequence[BlockModel]:
    """Models with blocks 1, 2, 4 and 8 times as large, as far as errors are representable.

    Also with a signal of four times the noise at least: with less the bound is far from tight.
    """
    sizes = [size_of(model) * factor for factor in (1, 2, 4, 8)]
    quiet = model.replace(noise_variance=min(noise_of(model), model.signal_variances[0] / 4.0))
    models = [
        each
        for start in (model, quiet)
        for each in accepted_models(partial(with_larger_blocks, start), sizes)
    ]
    return [each for each in dict.fromkeys(models) if _wrong_energies(each) > LEAST_COST]


def _louder_noises(model: BlockModel) -> Sequence[BlockModel]:
    """Models with 1, 16 and 256 times the noise: without signal the bound is an equality."""
    noises = [model.noise_variance * factor for factor in (1, 16, 256)]
    return accepted_models(lambda noise: model.replace(noise_variance=noise), noises)


# --- both sides -----------------------------------------------------------------------------------


@lru_cache(maxsize=128)
def _excess(estimator: Estimator, model: BlockModel, samples: int | None = None) -> float:
    """The excess risk of an estimator in theory."""
    return risk(estimator, model, samples=samples).excess


def _samples(model: BlockModel) -> int:
    """Training samples, 2s + 20 for each group."""
    return model.experts * (2 * size_of(model) + SPARE)


def _few(model: BlockModel) -> int:
    """Training samples, a quarter of the coordinates."""
    return model.dim // 4


def _fitted(
    estimator: Estimator, samples_of: Callable[[BlockModel], int]
) -> Callable[[BlockModel], float]:
    """The excess risk of an estimator that is fitted on the samples, as a side of a claim."""
    return lambda model: _excess(estimator, model, samples_of(model))


def _retrained(model: BlockModel) -> float:
    """The excess risk of experts that are fitted on inputs that the gate itself has sorted."""
    return _excess(MoE(gate=Hard(), retrained=True), model)


def _optimum(model: BlockModel) -> FloatArray:
    """The coefficients of the optimal experts, (d,)."""
    return unchecked_optimal_coefficients(MoE(), model)


def _bound(model: BlockModel, samples: int | None = None) -> float:
    """The bound on a gate's excess risk."""
    return _excess(MoE(), model, samples) + routing_cost_bound(model, samples)


def _fitted_bound(model: BlockModel) -> float:
    """The bound with experts that are fitted on the samples."""
    return _bound(model, _samples(model))


def _cost(model: BlockModel) -> float:
    """What misrouting adds to the excess risk of the oracle, not as a difference."""
    return float(gated_losses(HARD_MOE, model).values.mean())


def _without_the_ratio(model: BlockModel) -> float:
    """The bound with P_1 in place of r P_1: a wrong one."""
    energies = routed_law.wrong_energies(size_of(model), surplus_of(model))
    wrong = energies._replace(own=energies.own / (1.0 + surplus_of(model)))
    norm = float(np.sum(_optimum(model) ** 2)) / model.experts
    cost = routed_law.routing_cost(model.experts, noise_of(model), wrong, norm, norm)
    return moe_excess(model) + float(cost)


def _wrong_energies(model: BlockModel) -> float:
    """The sum r P_1 + P_2."""
    energies = routed_law.wrong_energies(size_of(model), surplus_of(model))
    return float(energies.own + energies.other)


def _decaying(bound: Callable[[int, float], Any]) -> Callable[[BlockModel], float]:
    """A bound on this sum that falls exponentially in s."""
    return lambda model: float(bound(size_of(model), surplus_of(model)))


# --- the certificate: the exponential bound -------------------------------------------------------


def _small_blocks() -> list[Symbolic]:
    """The cases s = 2, 4, 6, 8 of the exponential bound, where both probabilities are rational."""
    return [_case(half) for half in (1, 2, 3, 4)]


def _case(half: int) -> Symbolic:
    r"""The case s = 2 ``half``: half an energy is a gamma variable of integer shape.

    With a, b integers, :math:`I_x(a, b) = \sum_{k \ge a}\binom{a+b-1}kx^k(1-x)^{a+b-1-k}`.
    """
    import sympy

    surplus = sympy.Symbol("surplus", positive=True)
    ratio, size = 1 + surplus, 2 * half
    x = 1 / (1 + ratio)

    def beta(a: int, b: int) -> Any:
        n = a + b - 1
        return sum(sympy.binomial(n, k) * x**k * (1 - x) ** (n - k) for k in range(a, n + 1))

    return Symbolic(
        left=ratio * beta(half + 1, half) + beta(half, half + 1),
        right=2 * ratio / (1 + ratio) * (4 * ratio / (1 + ratio) ** 2) ** half,
        scope="s = 2, 4, 6, 8",
        domain={},
        draw=lambda rng: log_uniform(rng, "surplus"),
        model=lambda values: BlockModel.isotropic(
            2 * size, 2, 1.0, signal_energy=size * values["surplus"]
        ),
        covers=lambda model: size_of(model) == size,
    )


def _two_blocks() -> BlockModel:
    """The model of the negative controls: two blocks, where the bound is an equality."""
    return BlockModel.isotropic(8, 2, 1.0, signal_energy=8.0)


def _noisy_fits() -> BlockModel:
    """Two blocks of eight coordinates whose fits are louder than twice the optimum, e > 2c."""
    return BlockModel.isotropic(16, 2, 16.0, signal_energy=16.0)


def _few_samples() -> BlockModel:
    """A model with blocks that are large enough for fits on a quarter as many samples."""
    return BlockModel.isotropic(64, 4, 8.0, signal_energy=16.0)


def _wrong_claim(name: str, right: Callable[[BlockModel], float], **more: Any) -> Claim:
    """A negative control at two blocks."""
    return claim_about(
        _two_blocks(),
        name=name,
        relation="<=",
        left=hard_excess,
        right=right,
        control=0.5,
        label=blocks_label,
        **more,
    )


def _half_of_the_cost(model: BlockModel) -> float:
    """The bound with half of the cost of misrouting: a wrong one for two blocks."""
    return moe_excess(model) + 0.5 * routing_cost_bound(model)


THEOREM = Theorem(
    statement=(
        "With K equal isotropic blocks, equal probabilities and coefficients of equal norm, let "
        "each input go to the expert of the block with the largest energy. The excess risk is at "
        "most that of oracle routing plus a cost of misrouting in closed form, for optimal experts "
        "and for experts fitted on samples; and at most twice that of oracle routing while blocks "
        "have at least 2 ln K / ln((1+r)^2/4r) coordinates, r = 1 + lambda/noise. The soft gate, "
        "which is the best predictor, is below the bound, and so are experts fitted on inputs "
        "that the router has sorted."
    ),
    latex=(
        r"R_{\mathrm{hard}} \le R_{\mathrm{oracle}} + (K-1)\,\sigma^2\big((2c-e)\,\varrho P_1 "
        r"+ e\,P_2\big),\qquad P_1 = P(\chi^2_s > \varrho\chi^2_{s+2}),\quad "
        r"P_2 = P(\chi^2_{s+2} > \varrho\chi^2_s),\qquad "
        r"s \ge \frac{2\ln K}{\ln\frac{(1+\varrho)^2}{4\varrho}} \Rightarrow "
        r"R_{\mathrm{hard}} \le 2R_{\mathrm{oracle}}"
    ),
    guarantee=(
        "upper bound; for the hard gate an equality with K = 2, and tight as blocks grow at given "
        "noise, which for the soft gate it is not; the exponential bound in symbols for s = 2, 4, "
        "6, 8"
    ),
    source="docs/theory.md §6; [SNB] Theorem 4.2 and its iso-parameter corollary",
    assumptions=(
        given.STRICT_BLOCKS,
        given.EQUAL_PROBABILITIES,
        given.EQUAL_SIZES,
        given.EQUAL_VARIANCES,
        given.EQUAL_COEFFICIENT_NORMS,
        given.ONE_NOISE,
        given.NO_INTERFERENCE,
        given.SOME_SIGNAL,
        given.SOME_LABEL_SIGNAL,
        given.SOME_NOISE,
        given.SEVERAL_GROUPS,
    ),
    claims=(
        Claim(
            name="hard <= bound",
            relation="<=",
            left=hard_excess,
            right=_bound,
            experiment=optimal_experiment(_optimum, hard_excess),
            control=_wrong_claim("hard <= bound with P1 in place of r P1", _without_the_ratio),
            points=all_divisors,
            simulated=noisy,
            label=blocks_label,
        ),
        Claim(
            name="fitted hard <= fitted bound",
            relation="<=",
            left=_fitted(HARD_MOE, _samples),
            right=_fitted_bound,
            experiment=fitted_experiment(_samples, _fitted(HARD_MOE, _samples)),
            control=0.5,
            points=all_divisors,
            simulated=noisy,
            label=blocks_label,
        ),
        claim_about(
            _few_samples(),
            name="fitted hard <= fitted bound, n = d/4",
            relation="<=",
            left=_fitted(HARD_MOE, _few),
            right=lambda model: _bound(model, _few(model)),
            experiment=fitted_experiment(_few, _fitted(HARD_MOE, _few)),
            control=0.5,
            label=blocks_label,
        ),
        Claim(
            name="soft <= bound",
            relation="<=",
            left=soft_excess,
            right=_bound,
            control=0.5,
            points=all_divisors,
            simulated=lambda model: (),
            label=blocks_label,
        ),
        Claim(
            name="fitted soft <= fitted bound",
            relation="<=",
            left=_fitted(SOFT_MOE, _samples),
            right=_fitted_bound,
            control=0.5,
            points=all_divisors,
            simulated=lambda model: (),
            label=blocks_label,
        ),
        claim_about(
            _two_blocks(),
            name="hard == bound at K = 2",
            relation="==",
            left=hard_excess,
            right=_bound,
            experiment=optimal_experiment(_optimum, _bound),
            control=_wrong_claim(
                "hard <= oracle + half of the cost at K = 2",
                _half_of_the_cost,
                experiment=optimal_experiment(_optimum, _half_of_the_cost),
            ),
            label=blocks_label,
        ),
        claim_about(
            _noisy_fits(),
            name="fitted hard == fitted bound at K = 2, e > 2c",
            relation="==",
            left=_fitted(HARD_MOE, _samples),
            right=_fitted_bound,
            experiment=fitted_experiment(_samples, _fitted_bound),
            control=0.5,
            label=blocks_label,
        ),
        Claim(
            name="cost in the bound <= 1.05 cost of hard, s large",
            relation="<=",
            left=routing_cost_bound,
            right=lambda model: TIGHTNESS * _cost(model),
            control=0.8,
            points=_tight,
            simulated=lambda model: (),
            condition=f"larger blocks with a tight bound and a cost above {LEAST_COST:g}",
            label=blocks_label,
        ),
        Claim(
            name="r P1 + P2 <= 2r/(1+r) (4r/(1+r)^2)^(s/2)",
            relation="<=",
            left=_wrong_energies,
            right=_decaying(routed_law.chernoff_bound),
            symbolic=_small_blocks,
            control=0.5,
            points=_louder_noises,
            simulated=lambda model: (),
            label=blocks_label,
        ),
        Claim(
            name="r P1 + P2 <= c (4r/(1+r)^2)^(s/2) / sqrt(s)",
            relation="<=",
            left=_wrong_energies,
            right=_decaying(routed_law.beta_bound),
            control=0.5,
            points=_growing_blocks,
            simulated=lambda model: (),
            label=blocks_label,
        ),
        Claim(
            name="hard <= 2 oracle by the rule",
            relation="<=",
            left=hard_excess,
            right=lambda model: 2.0 * moe_excess(model),
            control=0.5,
            points=_at_the_rule,
            simulated=lambda model: (),
            condition=f"blocks that the rule allows with at most {MOST_COORDINATES} coordinates",
            label=blocks_label,
        ),
        Claim(
            name="fitted hard <= 2 fitted oracle by the rule",
            relation="<=",
            left=_fitted(HARD_MOE, _samples),
            right=lambda model: 2.0 * _excess(MoE(), model, _samples(model)),
            control=0.5,
            points=_at_the_rule,
            simulated=lambda model: (),
            condition=f"blocks that the rule allows with at most {MOST_COORDINATES} coordinates",
            label=blocks_label,
        ),
        Claim(
            name="fitted on sorted inputs <= hard",
            relation="<=",
            left=_retrained,
            right=hard_excess,
            experiment=sorted_experiment(_retrained),
            control=0.5,
            points=all_divisors,
            simulated=noisy,
            label=blocks_label,
        ),
    ),
    example=lambda: BlockModel.isotropic(24, 4, 1.0, signal_energy=24.0),
)

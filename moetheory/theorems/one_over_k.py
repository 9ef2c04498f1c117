r"""At equal parameter count the MoE's excess risk falls like 1/K; the dense one stays.

Statement:
    With d coordinates in K equal isotropic strict blocks, equal probabilities, signal energy S,
    label power V and feature noise,

    .. math:: \frac{R_{\mathrm{dense}}}{V} = \frac{d\sigma^2}{S+d\sigma^2}, \qquad
              \frac{R_{\mathrm{MoE}}}{V} = \frac{d\sigma^2}{KS+d\sigma^2}
              \le \frac1K\,\frac{d\sigma^2}{S},

    and :math:`K R_{\mathrm{MoE}}` increases with K.

Guarantee:
    - Exact equalities (both risks): proved by certificate.
    - Upper bound: proved by certificate; tight as :math:`KS/(d\sigma^2)` grows, the ratio being
      :math:`1 + d\sigma^2/(KS)`. Without the regime the bound of §2 holds (``otherwise``).
    - Ordering in K: proved by certificate.
    - All are evaluated at every K that divides d and checked by simulation at some.

Reference:
    docs/theory.md §3; [SNB] Theorem 4.2 and its iso-parameter corollary,
    https://arxiv.org/abs/2601.14792
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from moetheory.claims import assumptions as given
from moetheory.claims.certificates import Symbolic
from moetheory.claims.declaration import Claim, Theorem, accepted_models
from moetheory.claims.domains import Values
from moetheory.claims.quantities import dense_excess, direction, log_uniform, moe_excess, noise_of
from moetheory.formulas import population
from moetheory.problem.model import BlockModel
from moetheory.theory.risks import moe_bound


def _energy(model: BlockModel) -> float:
    """The signal energy S of a sample."""
    return float(model.signal_variances.sum()) / model.experts


def _with_experts(model: BlockModel, experts: int) -> BlockModel:
    """The model of the same regime with K = ``experts``."""
    if experts == model.experts:
        return model
    return BlockModel.isotropic(
        model.dim,
        experts,
        model.noise_variance,
        signal_energy=_energy(model),
        label_power=model.label_power,
        label_noise_variance=model.label_noise_variance,
    )


def _divisors(model: BlockModel) -> list[int]:
    """The divisors of d, in ascending order."""
    import sympy

    return [int(divisor) for divisor in sympy.divisors(model.dim)]


def _given_first(model: BlockModel, experts: Sequence[int]) -> list[BlockModel]:
    """Models of the regime with these numbers of experts, the user's model first."""
    ordered = sorted(experts, key=lambda k: (k != model.experts, k))
    return accepted_models(lambda k: _with_experts(model, k), ordered)


def _all_divisors(model: BlockModel) -> list[BlockModel]:
    """Models with the same d, S, V and noise at every K that divides d."""
    return _given_first(model, _divisors(model))


def _all_but_largest(model: BlockModel) -> list[BlockModel]:
    """Models at every K < d that divides d."""
    return _given_first(model, _divisors(model)[:-1])


def _smallest_own_largest(model: BlockModel) -> list[BlockModel]:
    """Models at K = 1, at the user's K and at K = d."""
    return _given_first(model, sorted({1, model.experts, model.dim}))


def _next_divisor(model: BlockModel) -> BlockModel:
    """The model of the same regime with the next larger K that divides d."""
    return _with_experts(model, min(k for k in _divisors(model) if k > model.experts))


def _k_times_moe(model: BlockModel) -> float:
    """K times the MoE's excess risk."""
    return model.experts * moe_excess(model)


def _arguments(model: BlockModel) -> dict[str, float]:
    """Arguments of the iso-parameter formulas, all but K."""
    return {
        "dim": model.dim,
        "signal_energy": _energy(model),
        "label_power": model.label_power,
        "noise": noise_of(model),
    }


def _dense_law(model: BlockModel) -> float:
    """Dense's excess risk by the formula of the regime."""
    return float(population.iso_parameter_dense(**_arguments(model)))


def _moe_law(model: BlockModel) -> float:
    """The MoE's excess risk by the formula of the regime."""
    return float(population.iso_parameter_moe(experts=model.experts, **_arguments(model)))


def _bound(model: BlockModel) -> float:
    """The 1/K bound."""
    return float(population.one_over_k_bound(experts=model.experts, **_arguments(model)))


def _iso_parameter(claim: str) -> Symbolic:
    """The sums of theory.md §2 with p = 1/K, λ = SK/d, b² = V/S, against the laws of §3."""
    import sympy

    d, K, S, V, sigma2, k, u = sympy.symbols("d K S V sigma2 k u", positive=True)  # noqa: N806
    signal, b2 = S * K / d, V / S
    h = signal / K
    dense_sum = d * b2 * h * sigma2 / (h + sigma2)
    moe_sum = d * b2 * (1 / K) * signal * sigma2 / (signal + sigma2)
    dense_law = V * d * sigma2 / (S + d * sigma2)
    moe_law = V * d * sigma2 / (K * S + d * sigma2)
    bound = V * (d * sigma2 / S) / K
    left, right = {
        "dense": (dense_sum, dense_law),
        "moe": (moe_sum, moe_law),
        "bound": (moe_sum, bound),
        "increase": (K * moe_sum, ((K + u) * moe_sum.subs(K, K + u))),
    }[claim]

    def draw(rng: np.random.Generator) -> dict[str, float]:
        experts, size = int(rng.integers(1, 9)), int(rng.integers(2, 9))
        model = BlockModel.isotropic(experts * size, experts, 1.0)
        integers = {"d": model.dim, "K": experts, "u": _next_divisor(model).experts - experts}
        return {**integers, **log_uniform(rng, "S", "V", "sigma2")}

    def model(values: Values) -> BlockModel:
        return BlockModel.isotropic(
            int(values["d"]),
            int(values["K"]),
            values["sigma2"],
            signal_energy=values["S"],
            label_power=values["V"],
        )

    scope = "any K, d, S, V and noise"
    return Symbolic(left, right, scope, domain={K: 1 + k}, draw=draw, model=model)


def _general_bound() -> Symbolic:
    """The MoE's risk and its bound outside the regime, for one direction."""
    one = direction(leaking=True)
    return one.claim(one.moe, one.bound)


THEOREM = Theorem(
    statement=(
        "In the iso-parameter regime (d coordinates in K equal isotropic blocks of signal energy "
        "S, equal probabilities, label power V) the dense excess risk does not depend on K; the "
        "MoE's is at most V(d noise/S)/K, and K times it increases with K, below V d noise/S."
    ),
    latex=(
        r"\frac{R_{\mathrm{dense}}}{V} = \frac{d\sigma^2}{S+d\sigma^2},\qquad "
        r"\frac{R_{\mathrm{MoE}}}{V} = \frac{d\sigma^2}{KS+d\sigma^2} "
        r"\le \frac{1}{K}\,\frac{d\sigma^2}{S}"
    ),
    guarantee="identities, and an upper bound that is tight as K S/(d noise) grows",
    source="[SNB] Theorem 4.2 and its iso-parameter corollary; docs/theory.md §3",
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
    ),
    claims=(
        Claim(
            name="dense == V d noise/(S + d noise)",
            relation="==",
            left=dense_excess,
            right=_dense_law,
            symbolic=lambda: _iso_parameter("dense"),
            weights=lambda model: (1.0, 0.0),
            control=1.01,
            points=_all_divisors,
            simulated=_smallest_own_largest,
        ),
        Claim(
            name="MoE == V d noise/(K S + d noise)",
            relation="==",
            left=moe_excess,
            right=_moe_law,
            symbolic=lambda: _iso_parameter("moe"),
            weights=lambda model: (0.0, 1.0),
            control=1.01,
            points=_all_divisors,
            simulated=_smallest_own_largest,
        ),
        Claim(
            name="MoE <= V (d noise/S)/K",
            relation="<=",
            left=moe_excess,
            right=_bound,
            symbolic=lambda: _iso_parameter("bound"),
            weights=lambda model: (0.0, 1.0),
            control=0.5,
            points=_all_divisors,
            simulated=_smallest_own_largest,
        ),
        Claim(
            name="K MoE increases with K",
            relation="<=",
            left=_k_times_moe,
            right=lambda model: _k_times_moe(_next_divisor(model)),
            symbolic=lambda: _iso_parameter("increase"),
            weights=lambda model: (0.0, float(model.experts)),
            control=0.5,
            points=_all_but_largest,
            simulated=_smallest_own_largest,
        ),
    ),
    otherwise=(
        Claim(
            name="MoE <= noise sum_g p_g |b_g|^2 + unseen leakage",
            relation="<=",
            left=moe_excess,
            right=moe_bound,
            symbolic=_general_bound,
            weights=lambda model: (0.0, 1.0),
            control=0.5,
        ),
    ),
    example=lambda: BlockModel.isotropic(16, 4, 1.0, signal_energy=16.0),
)

r"""With more noise at test time the MoE stays ahead, unless its directions are too weak.

Statement:
    With strict blocks the risk at test noise :math:`\sigma_o^2` is linear,

    .. math:: R(\sigma_o^2) = R + (\sigma_o^2-\sigma^2)N, \qquad
              N_{\mathrm{dense}} = \sum_m \hat b_m^2, \quad N_{\mathrm{MoE}} = \sum_m p\,\theta_m^2,
              \qquad p\,\theta_m^2 \le \hat b_m^2 \iff \lambda_m \ge \sigma^2/\sqrt p .

    MoE is never worse than dense with less noise, and never with more noise if all directions with
    labels are that strong. Where :math:`N_{\mathrm{MoE}} > N_{\mathrm{dense}}` dense wins beyond a
    crossover.

Guarantee:
    - Exact equality of the lines: proved by certificate, with leakage too; simulated at 4 noise.
    - Ordering of the gains: proved by certificate on both sides of the threshold, which is sharp
      for each direction and sufficient for the sums. Without p: lambda >= 4 noise if p >= 1/16.
    - Ordering of the risks: proved by certificate without test noise; evaluated and simulated at
      100 noise and on both sides of the crossover.

Reference:
    docs/theory.md §7; [SNB] Theorem 4.3, https://arxiv.org/abs/2601.14792
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Literal

import numpy as np

from moetheory.claims import assumptions as given
from moetheory.claims.certificates import Symbolic
from moetheory.claims.declaration import Claim, Theorem, Under
from moetheory.claims.quantities import (
    PERTURBED,
    crossover_claim,
    direction,
    excess_under,
    log_uniform,
    noise_of,
    one_direction_model,
    ordering_claim,
    uneven_model,
    weight_of,
)
from moetheory.common.arrays import FloatArray
from moetheory.predictors.optimal import optimal_coefficients
from moetheory.problem.estimators import Dense, Estimator, MoE
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation
from moetheory.theory.order_changes import crossover
from moetheory.theory.risks import risk

SAFETY = 2.0  # how far strong and weak models are from the threshold


def _test_noise(factor: float) -> Under:
    """The perturbation with ``factor`` times the training noise at test time."""
    return lambda model: Perturbation(noise_variance=factor * model.noise_variance)


NO_NOISE, NOISE_X4, NOISE_X100 = _test_noise(0.0), _test_noise(4.0), _test_noise(100.0)


# --- the noise gains N ----------------------------------------------------------------------------


def _dense_gain(model: BlockModel) -> float:
    """The noise gain N of dense: the risk that a unit of test noise adds."""
    return float(np.sum(optimal_coefficients(Dense(), model) ** 2))


def _moe_gain(model: BlockModel) -> float:
    """The noise gain N of the MoE."""
    p = model.group_probabilities[model.block_of]
    return float(p @ optimal_coefficients(MoE(), model) ** 2)


def _line_claims(estimator: Estimator, *, leaking: bool = False) -> tuple[Claim, Claim]:
    """Two claims that the risk is linear in the test noise: at 0 and at 4 times the noise."""
    which = 0 if isinstance(estimator, Dense) else 1
    name = ("dense", "MoE")[which]
    suffix = " with leakage" if leaking else ""
    noiseless = excess_under(estimator, NO_NOISE)

    def own(model: BlockModel) -> float:
        return risk(estimator, model).excess

    def above(model: BlockModel) -> float:
        return own(model) + 3.0 * passed(model)

    def below(model: BlockModel) -> float:
        return noiseless(model) + passed(model)

    def passed(model: BlockModel) -> float:
        share = 1.0 if which == 0 else model.group_probabilities[model.block_of]
        squares = share * optimal_coefficients(estimator, model) ** 2
        return float(np.sum(model.noise_variance * squares))

    def symbols(start: int, end: int) -> Symbolic:
        # the theorem assumes one noise variance; with leakage, any noise is allowed for
        one = direction(leaking=leaking, interfering=leaking)
        at = {n: one.at_noise(n * one.noise)[which] for n in (0, 4)}
        at[1] = (one.dense, one.moe)[which]
        return one.claim(at[end], at[start] + (end - start) * one.noise * one.noise_gains()[which])

    return (
        Claim(
            name=f"{name} at 4 noise == {name} + 3 noise N{suffix}",
            relation="==",
            left=excess_under(estimator, NOISE_X4),
            right=above,
            symbolic=lambda: symbols(1, 4),
            weights=weight_of(estimator),
            under=NOISE_X4,
            resolution=PERTURBED,
            control=1.01,
        ),
        Claim(
            name=f"{name} == {name} at no test noise + noise N{suffix}",
            relation="==",
            left=own,
            right=below,
            symbolic=lambda: symbols(0, 1),
            control=1.01,
        ),
    )


def _noiseless_order() -> Symbolic:
    """The risks of MoE and dense without test noise."""
    one = direction(leaking=False)
    dense, moe = one.at_noise(0 * one.noise)
    return one.claim(moe, dense)


# --- the sharp threshold, and a condition free of p -----------------------------------------------


def _strengths(model: BlockModel) -> FloatArray:
    r"""The strengths :math:`\sqrt p\lambda` of directions with labels in groups with 0 < p < 1."""
    p = model.group_probabilities[model.block_of]
    counts = (p > 0.0) & (p < 1.0) & (model.coefficients * model.signal_variances != 0.0)
    return np.asarray((np.sqrt(p) * model.signal_variances)[counts])


def _all_strong(model: BlockModel) -> Sequence[BlockModel]:
    """A model whose directions all meet the condition: the user's, or that with less noise."""
    strengths = _strengths(model)
    if not len(strengths):
        return []
    if strengths.min() >= noise_of(model):
        return [model]
    return [model.replace(noise_variance=float(strengths.min()) / SAFETY)]


def _all_weak(model: BlockModel) -> Sequence[BlockModel]:
    """A model none of whose directions meets the condition: the user's, or that with more noise."""
    strengths = _strengths(model)
    if not len(strengths):
        return []
    if strengths.max() <= noise_of(model):
        return [model]
    return [model.replace(noise_variance=SAFETY * float(strengths.max()))]


def _strong_and_frequent(model: BlockModel) -> Sequence[BlockModel]:
    """The model with signal of at least 4 noise, if no group is rarer than 1/16."""
    strengths, p = _strengths(model), model.group_probabilities
    if not len(strengths) or p[p > 0.0].min() < 1 / 16:
        return []
    signal = model.signal_variances[model.coefficients * model.signal_variances != 0.0]
    return [model.replace(noise_variance=float(signal.min()) / 4.0)]


def _threshold_claim(
    name: str,
    relation: Literal["MoE <= dense", "dense <= MoE"],
    domain: Callable[[Any, Any], tuple[Any, Any]],
    points: Callable[[BlockModel], Sequence[BlockModel]],
    control: Claim | None = None,
) -> Claim:
    r"""The claim of an order of the noise gains N on a domain of p and :math:`\lambda/\sigma^2`.

    ``domain(r, u)`` gives :math:`\sqrt p` and :math:`\lambda/\sigma^2` for all r, u > 0. Without
    ``control`` the claim is a wrong one, a control itself.
    """
    flipped = relation == "dense <= MoE"

    def draw(rng: np.random.Generator) -> dict[str, float]:
        root, ratio = domain(*log_uniform(rng, "r", "u").values())
        values = log_uniform(rng, "b", "sigma2")
        return {"p": root**2, "lambda_": ratio * values["sigma2"], **values}

    def symbolic() -> Symbolic:
        import sympy

        one = direction(leaking=False)
        root, ratio = domain(*sympy.symbols("r u", positive=True))
        dense, moe = one.noise_gains()
        left, right = (dense, moe) if flipped else (moe, dense)
        signs = {one.probability: root**2, one.signal: ratio * one.noise}
        return one.claim(left, right, scope="any such directions", domain=signs, draw=draw)

    left, right = (_dense_gain, _moe_gain) if flipped else (_moe_gain, _dense_gain)
    return Claim(
        name=name,
        relation="<=",
        left=left,
        right=right,
        symbolic=symbolic,
        control=1.0 if control is None else control,
        points=points,
        simulated=lambda model: (),
        label=_noise_label,
    )


def _one_direction_only(p: float, signal: float) -> Callable[[BlockModel], Sequence[BlockModel]]:
    """The points of a claim about one direction with noise 1, whatever the user's model is."""
    model = one_direction_model({"p": p, "lambda_": signal, "b": 1.0, "sigma2": 1.0})
    return lambda _: [model]


def _noise_label(model: BlockModel) -> str:
    """The noise variance, as the name of a point."""
    return f"σ²={model.noise_variance:.3g}"


ABOVE = _threshold_claim(
    "N_MoE <= N_dense if lambda >= noise/sqrt(p)",
    "MoE <= dense",
    lambda r, u: (1 / (1 + r), 1 + r + u),
    _all_strong,
    control=_threshold_claim(
        "N_MoE <= N_dense if lambda > 4 noise [wrong: free of p]",
        "MoE <= dense",
        lambda r, u: (1 / (1 + r), 4 + u),
        _one_direction_only(1 / 32, 4.5),
    ),
)
BELOW = _threshold_claim(
    "N_dense <= N_MoE if lambda <= noise/sqrt(p)",
    "dense <= MoE",
    lambda r, u: (1 / (1 + r), (1 + r) / (1 + u)),
    _all_weak,
    control=_threshold_claim(
        "N_dense <= N_MoE if lambda <= noise/p [wrong: p for sqrt(p)]",
        "dense <= MoE",
        lambda r, u: (1 / (1 + r), (1 + r) ** 2 / (1 + u)),
        _one_direction_only(1 / 4, 3.0),
    ),
)
FREQUENT = _threshold_claim(
    "N_MoE <= N_dense if lambda >= 4 noise, p >= 1/16",
    "MoE <= dense",
    lambda r, u: ((1 + r) / (4 + r), 4 + u),
    _strong_and_frequent,
    control=_threshold_claim(
        "N_MoE <= N_dense if lambda >= 2 noise, p >= 1/16 [wrong: 2 for 4]",
        "MoE <= dense",
        lambda r, u: ((1 + r) / (4 + r), 2 + u),
        _one_direction_only(1 / 12, 2.5),
    ),
)


# --- which is better ------------------------------------------------------------------------------


@lru_cache(maxsize=32)
def _crossover_noise(model: BlockModel) -> float:
    """The test noise from which on dense is better; 0 or inf without a crossover."""
    return crossover(Dense(), MoE(), model, over="test_noise_variance")


def _with_crossover(model: BlockModel) -> Sequence[BlockModel]:
    """A model with a crossover: the user's, or that with weak directions; empty if neither has."""
    if 0.0 < _crossover_noise(model) < math.inf:
        return [model]
    return [each for each in _all_weak(model) if 0.0 < _crossover_noise(each) < math.inf]


def _crossover_claim(factor: float) -> Claim:
    """The claim on which is better at ``factor`` times the test noise of the crossover."""
    return crossover_claim(
        factor,
        lambda model: Perturbation(noise_variance=factor * _crossover_noise(model)),
        _with_crossover,
        lambda model: f"σ_o²={factor * _crossover_noise(model):.3g}",
    )


THEOREM = Theorem(
    statement=(
        "With strict blocks a linear predictor that is optimal at one noise level pays a fixed "
        "price N for each unit of noise that the test has more. With less noise at test time the "
        "mixture is never worse than dense. With more it is never worse either, however much, if "
        "every direction with labels has lambda >= noise/sqrt(p). A direction with labels and "
        "lambda < noise/sqrt(p), 0 < p < 1, adds more to N_MoE than to N_dense. Where such ones "
        "outweigh the others, N_MoE > N_dense in total, the mixture is LESS robust: dense is "
        "better beyond a finite crossover. No lower bound on lambda/noise is enough for every p; "
        "lambda >= 4 noise is, if no group is rarer than 1/16."
    ),
    latex=(
        r"R(\sigma_o^2) = R + (\sigma_o^2-\sigma^2)N,\quad "
        r"N_{\mathrm{dense}} = \sum_m \Big(\frac{bh}{h+\sigma^2}\Big)^2,\ "
        r"N_{\mathrm{MoE}} = \sum_m p\,\theta^2,\quad "
        r"p\,\theta_m^2 \le \hat b_m^2 \iff \lambda_m \ge \sigma^2/\sqrt p,\quad "
        r"\sigma_o^{2*} = \sigma^2 + \frac{R_{\mathrm{dense}}-R_{\mathrm{MoE}}}"
        r"{N_{\mathrm{MoE}}-N_{\mathrm{dense}}}"
    ),
    guarantee="identities; the threshold is sharp for each direction, sufficient for the totals",
    source="[SNB] Theorem 4.3; docs/theory.md §7",
    assumptions=(
        given.STRICT_BLOCKS,
        given.ONE_NOISE,
        given.NO_INTERFERENCE,
        given.SEVERAL_GROUPS,
        given.SOME_LABEL_SIGNAL,
        given.SOME_NOISE,
    ),
    claims=(
        *_line_claims(Dense()),
        *_line_claims(MoE()),
        ordering_claim(
            "MoE <= dense at no test noise",
            MoE(),
            Dense(),
            NO_NOISE,
            control=0.5,
            symbolic=_noiseless_order,
        ),
        ABOVE,
        BELOW,
        FREQUENT,
        ordering_claim(
            "MoE <= dense at 100 noise, all directions strong",
            MoE(),
            Dense(),
            NOISE_X100,
            control=0.5,
            points=_all_strong,
            simulated=_all_strong,
            condition="a direction with labels in a group of probability between 0 and 1",
            label=_noise_label,
        ),
        _crossover_claim(0.8),
        _crossover_claim(1.25),
    ),
    otherwise=(*_line_claims(Dense(), leaking=True), *_line_claims(MoE(), leaking=True)),
    example=lambda: uneven_model(1.0),
)

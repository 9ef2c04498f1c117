"""Noise that is louder at test time: the MoE stays ahead, unless its directions are too weak."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Literal

import numpy as np

from moetheory.claims.assumptions import STRICT_BLOCKS
from moetheory.claims.certificates import Symbolic
from moetheory.claims.declaration import Claim, Theorem, Under
from moetheory.claims.quantities import (
    PERTURBED,
    alone,
    beside,
    direction,
    excess_under,
    log_uniform,
    one_direction,
    ordered,
    uneven,
)
from moetheory.common.arrays import FloatArray
from moetheory.predictors.optimal import optimal_coefficients
from moetheory.problem.estimators import Dense, Estimator, MoE
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation
from moetheory.theory.crossovers import crossover
from moetheory.theory.risks import risk

MARGIN = 2.0  # how far strong and weak models are from the threshold


def _times(factor: float) -> Under:
    return lambda model: Perturbation(noise_variance=factor * model.noise_variance)


SILENT, LOUDER, LOUD = _times(0.0), _times(4.0), _times(100.0)


# --- what a unit of test noise costs --------------------------------------------------------------


def _dense_gain(model: BlockModel) -> float:
    return float(np.sum(optimal_coefficients(Dense(), model) ** 2))


def _moe_gain(model: BlockModel) -> float:
    p = model.group_probabilities[model.block_of]
    return float(p @ optimal_coefficients(MoE(), model) ** 2)


def _line(estimator: Estimator, *, leaking: bool = False) -> tuple[Claim, Claim]:
    """The risk as a function of the test noise: what is linear is known from 0, 1 and 4 noise."""
    which = 0 if isinstance(estimator, Dense) else 1
    name, gain = (("dense", _dense_gain), ("MoE", _moe_gain))[which]
    suffix = " with leakage" if leaking else ""
    silent = excess_under(estimator, SILENT)

    def own(model: BlockModel) -> float:
        return risk(estimator, model).excess

    def above(model: BlockModel) -> float:
        return own(model) + 3.0 * model.noise_variance * gain(model)

    def below(model: BlockModel) -> float:
        return silent(model) + model.noise_variance * gain(model)

    def symbols(start: int, end: int) -> Symbolic:
        one = direction(leaking=leaking)
        at = {n: one.at_noise(n * one.noise)[which] for n in (0, 4)}
        at[1] = (one.dense, one.moe)[which]
        return one.claim(at[end], at[start] + (end - start) * one.noise * one.gains()[which])

    return (
        Claim(
            name=f"{name} at 4 noise == {name} + 3 noise N{suffix}",
            relation="==",
            left=excess_under(estimator, LOUDER),
            right=above,
            symbolic=lambda: symbols(1, 4),
            weights=alone(estimator),
            under=LOUDER,
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


def _silent() -> Symbolic:
    one = direction(leaking=False)
    dense, moe = one.at_noise(0 * one.noise)
    return one.claim(moe, dense)


# --- the sharp threshold, and a condition free of p -----------------------------------------------


def _strengths(model: BlockModel) -> FloatArray:
    r""":math:`\sqrt p\lambda` of the directions with signal in a group that is one of several."""
    p = model.group_probabilities[model.block_of]
    counts = (p > 0.0) & (p < 1.0) & (model.coefficients * model.signal_variances != 0.0)
    return np.asarray((np.sqrt(p) * model.signal_variances)[counts])


def _strong(model: BlockModel) -> Sequence[BlockModel]:
    """With directions that all meet the condition: the user's model, or one with less noise."""
    strengths = _strengths(model)
    if not len(strengths):
        return []
    if strengths.min() >= model.noise_variance:
        return [model]
    return [model.replace(noise_variance=float(strengths.min()) / MARGIN)]


def _weak(model: BlockModel) -> Sequence[BlockModel]:
    """With directions none of which meets it."""
    strengths = _strengths(model)
    if not len(strengths):
        return []
    if strengths.max() <= model.noise_variance:
        return [model]
    return [model.replace(noise_variance=MARGIN * float(strengths.max()))]


def _frequent(model: BlockModel) -> Sequence[BlockModel]:
    """With signal of 4 noise or more, if no group is rarer than 1/16."""
    strengths, p = _strengths(model), model.group_probabilities
    if not len(strengths) or p[p > 0.0].min() < 1 / 16:
        return []
    signal = model.signal_variances[model.coefficients * model.signal_variances != 0.0]
    return [model.replace(noise_variance=float(signal.min()) / 4.0)]


def _threshold(
    name: str,
    relation: Literal["MoE <= dense", "dense <= MoE"],
    domain: Callable[[Any, Any], tuple[Any, Any]],
    points: Callable[[BlockModel], Sequence[BlockModel]],
    control: Claim | None = None,
) -> Claim:
    r"""An order of the gains N where :math:`\sqrt p, \lambda/\sigma^2` are such functions of
    r, u > 0; without ``control``, one that is wrong."""
    flipped = relation == "dense <= MoE"

    def draw(rng: np.random.Generator) -> dict[str, float]:
        root, ratio = domain(*log_uniform(rng, "r", "u").values())
        values = log_uniform(rng, "b", "sigma2")
        return {"p": root**2, "lambda_": ratio * values["sigma2"], **values}

    def symbolic() -> Symbolic:
        import sympy

        one = direction(leaking=False)
        root, ratio = domain(*sympy.symbols("r u", positive=True))
        dense, moe = one.gains()
        left, right = (dense, moe) if flipped else (moe, dense)
        signs = {one.probability: root**2, one.signal: ratio * one.noise}
        return one.claim(left, right, domain=signs, draw=draw)

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
        label=_by_noise,
    )


def _only(p: float, signal: float) -> Callable[[BlockModel], Sequence[BlockModel]]:
    """One direction with noise 1, whatever the user's model is."""
    model = one_direction({"p": p, "lambda_": signal, "b": 1.0, "sigma2": 1.0})
    return lambda _: [model]


def _by_noise(model: BlockModel) -> str:
    return f"σ²={model.noise_variance:.3g}"


ABOVE = _threshold(
    "N_MoE <= N_dense if lambda >= noise/sqrt(p)",
    "MoE <= dense",
    lambda r, u: (1 / (1 + r), 1 + r + u),
    _strong,
    control=_threshold(
        "N_MoE <= N_dense if lambda > 4 noise [wrong: free of p]",
        "MoE <= dense",
        lambda r, u: (1 / (1 + r), 4 + u),
        _only(1 / 32, 4.5),
    ),
)
BELOW = _threshold(
    "N_dense <= N_MoE if lambda <= noise/sqrt(p)",
    "dense <= MoE",
    lambda r, u: (1 / (1 + r), (1 + r) / (1 + u)),
    _weak,
    control=_threshold(
        "N_dense <= N_MoE if lambda <= noise/p [wrong: p for sqrt(p)]",
        "dense <= MoE",
        lambda r, u: (1 / (1 + r), (1 + r) ** 2 / (1 + u)),
        _only(1 / 4, 3.0),
    ),
)
FREQUENT = _threshold(
    "N_MoE <= N_dense if lambda >= 4 noise, p >= 1/16",
    "MoE <= dense",
    lambda r, u: ((1 + r) / (4 + r), 4 + u),
    _frequent,
    control=_threshold(
        "N_MoE <= N_dense if lambda >= 2 noise, p >= 1/16 [wrong: 2 for 4]",
        "MoE <= dense",
        lambda r, u: ((1 + r) / (4 + r), 2 + u),
        _only(1 / 12, 2.5),
    ),
)


# --- which is better ------------------------------------------------------------------------------


@lru_cache(maxsize=32)
def _end(model: BlockModel) -> float:
    """The test noise from which on dense is better; 0 or inf if there is none."""
    return crossover(Dense(), MoE(), model, over="test_noise_variance")


def _crossing(model: BlockModel) -> Sequence[BlockModel]:
    """With such an end: the user's model, or the weak one."""
    found = (each for each in (model, *_weak(model)) if 0.0 < _end(each) < math.inf)
    return list(found)[:1]


def _beside(factor: float) -> Claim:
    return beside(
        factor,
        lambda model: Perturbation(noise_variance=factor * _end(model)),
        _crossing,
        lambda model: f"σ_o²={factor * _end(model):.3g}",
    )


THEOREM = Theorem(
    statement=(
        "With strict blocks a linear predictor that is optimal at one noise level pays a fixed "
        "price N for each unit of noise that the test has more. With less noise at test time the "
        "mixture is never worse than dense. With more it stays better, whatever the noise, if "
        "every direction is at least as strong as noise/sqrt(p). A mixture is LESS robust than "
        "dense where directions are weaker: each of them makes N_MoE > N_dense, and where the "
        "totals are so, dense is better beyond a finite crossover. No condition free of p is "
        "enough: signal of 4 noise is, if no group is rarer than 1/16."
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
    assumptions=(STRICT_BLOCKS,),
    claims=(
        *_line(Dense()),
        *_line(MoE()),
        ordered(
            "MoE <= dense at no test noise",
            MoE(),
            Dense(),
            SILENT,
            control=0.5,
            symbolic=_silent,
        ),
        ABOVE,
        BELOW,
        FREQUENT,
        ordered(
            "MoE <= dense at 100 noise, all directions strong",
            MoE(),
            Dense(),
            LOUD,
            control=0.5,
            points=_strong,
            simulated=_strong,
            label=_by_noise,
        ),
        _beside(0.8),
        _beside(1.25),
    ),
    otherwise=(*_line(Dense(), leaking=True), *_line(MoE(), leaking=True)),
    example=lambda: uneven(1.0),
)

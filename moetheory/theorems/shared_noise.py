r"""Noise that blocks share makes dense better than experts: idle blocks are sensors of it.

Statement:
    K equal groups and strict blocks, signal variance :math:`\lambda`, noise of variance
    :math:`\sigma^2` with correlation :math:`\rho` between coordinates at the same position of
    different blocks, coefficients that sum to zero over the blocks at each position. With
    :math:`x:y = xy/(x+y)`

    .. math:: R_{\mathrm{dense}} = \|b\|^2\big(\tfrac\lambda K : \sigma^2(1-\rho)\big), \qquad
              R_{\mathrm{MoE}} = \tfrac1K\|b\|^2(\lambda : \sigma^2), \qquad
              R_{\mathrm{dense}} < R_{\mathrm{MoE}} \iff \rho > 1 - \tfrac1K .

    Experts that see all coordinates have :math:`\frac1K\|b\|^2(\lambda:\tau)`,
    :math:`\tau = \sigma^2(1-\rho)\frac{1+(K-1)\rho}{1+(K-2)\rho}`, never more than dense.

Guarantee:
    - Exact equalities (dense, and full experts): proved by certificate for K = 2 to 4.
    - Orders on either side of the tie, and at it: proved by certificate for any K; so is that
      full experts are never worse than dense.
    - All are evaluated by linear algebra on the covariances and checked by simulation.

Reference:
    docs/theory.md §10; the setting is that of [SNB], https://arxiv.org/abs/2601.14792
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from moetheory.claims import assumptions as given
from moetheory.claims.assumptions import Assumption
from moetheory.claims.certificates import Symbolic
from moetheory.claims.declaration import Claim, Side, Theorem
from moetheory.claims.domains import Values
from moetheory.claims.quantities import log_uniform
from moetheory.claims.shared_noise_inputs import (
    DENSE,
    FULL,
    MOE,
    coefficients_by_position,
    measured,
    noise_covariance,
    ordered,
)
from moetheory.formulas import covariances as formulas
from moetheory.problem.model import BlockModel

BEFORE, TIE, BEYOND = 1.25, 1.0, 0.8  # K(1 - ρ): the share of the noise that is not shared, times K
MOST_GROUPS = 64  # their covariances are built
ROUNDING = 1e-11  # of a sum of coefficients, beside the largest


# --- the model: one problem of K coordinates for each position in the blocks ---------------------


def _sum_to_zero(model: BlockModel) -> bool:
    """Whether the coefficients sum to zero over the blocks at each position."""
    if len(set(model.sizes.tolist())) > 1:
        return False
    b = coefficients_by_position(model)
    return bool(np.all(np.abs(b.sum(axis=1)) <= ROUNDING * np.abs(b).max()))


def _excess(model: BlockModel, unshared: float, which: int) -> float:
    """The excess risk by linear algebra on the covariances, with 1 - ρ = ``unshared``."""
    groups, variance = np.arange(model.experts), float(model.signal_variances[0])
    signal = np.zeros((model.experts,) * 3)
    signal[groups, groups, groups] = variance
    noise = np.broadcast_to(noise_covariance(model, unshared), signal.shape)
    arguments = model.group_probabilities, signal, noise, coefficients_by_position(model)
    if which == DENSE:
        found, _ = formulas.dense_excess(*arguments)
    elif which == MOE:
        found, _ = formulas.block_expert_excess(*arguments, groups)
    else:
        found, _ = formulas.full_expert_excess(*arguments)
    return float(found.sum())


def _side(function: Callable[..., float], unshared: float, *more: int) -> Side:
    """A function as a side of a claim: of a model with K(1 - ρ) = ``unshared``, or of both.

    The random points of a certificate are pairs of a model and 1 - ρ.
    """

    def side(point: Any) -> float:
        model, share = point if isinstance(point, tuple) else (point, unshared / point.experts)
        return function(model, share, *more)

    return side


def _closed_form(model: BlockModel, unshared: float, which: int) -> float:
    """The excess risk by the formula of the theorem."""
    energy = float(np.sum(model.coefficients**2))
    signal, noise = float(model.signal_variances[0]), float(model.noise_variance)
    return float(_risks(model.experts, signal, noise, unshared, energy)[which])


def _risks(groups: Any, signal: Any, noise: Any, unshared: Any, energy: Any) -> tuple[Any, ...]:
    r"""The three excess risks, of numbers or symbols: K, λ, σ², 1 - ρ and :math:`\|b\|^2`."""

    def parallel(x: Any, y: Any) -> Any:
        return x * (y / (x + y))

    own = noise * unshared
    seen = own * (1 + (groups - 1) * (1 - unshared)) / (1 + (groups - 2) * (1 - unshared))
    return (
        energy * parallel(signal / groups, own),
        energy / groups * parallel(signal, noise),
        energy / groups * parallel(signal, seen),
    )


# --- certificates ---------------------------------------------------------------------------------


def _draw(least: int, most: int, share: Callable[..., float]) -> Callable[..., dict[str, Any]]:
    """Random values of K and the other symbols; ``share(rng, K)`` draws 1 - ρ."""

    def draw(rng: np.random.Generator) -> dict[str, Any]:
        groups = int(rng.integers(least, most + 1))
        values = log_uniform(rng, "lambda_", "sigma2")
        b = rng.standard_normal((int(rng.integers(1, 4)), groups))
        b -= b.mean(axis=1, keepdims=True)
        named = {"b": b, "B": float(np.sum(b**2)), "K": groups, "x": share(rng, groups)}
        return {**values, **named, **{f"b{j}": float(b[0, j]) for j in range(groups)}}

    return draw


def _point(values: Values) -> Any:
    """The model and 1 - ρ that the values of symbols stand for."""
    b = np.asarray(values["b"])
    positions, groups = b.shape
    model = BlockModel(
        np.full(groups, 1.0 / groups),
        np.repeat(np.arange(groups), positions),
        np.full(b.size, values["lambda_"]),
        b.T.ravel(),
        values["sigma2"],
    )
    return model, float(values["x"])


def _ordering(left: int, right: int, where: str) -> Symbolic:
    """Two of the three risks for any K, where dense loses, ties or wins, or anywhere."""
    import sympy

    K, signal, noise, x, B = sympy.symbols("K lambda_ sigma2 x B", positive=True)  # noqa: N806
    k, u = sympy.symbols("k u", positive=True)
    risks = _risks(K, signal, noise, x, B)
    at_tie = {x: 1 / K} if where == "tie" else {}
    share, draw = {
        "before": ((1 + u) / (2 + k), lambda rng, n: float(rng.uniform(1.0 / n, 1.0))),
        "tie": (None, lambda rng, n: 1.0 / n),
        "beyond": (1 / ((2 + k) * (1 + u)), lambda rng, n: float(rng.uniform(0.05, 1.0) / n)),
        "any": (
            (2 + k) / ((1 + k) * (1 + u)),
            lambda rng, n: float(rng.uniform(0.05, 0.95) * n / (n - 1)),
        ),
    }[where]
    return Symbolic(
        risks[left].subs(at_tie),
        risks[right].subs(at_tie),
        "any K, signal, noise and coefficients",
        domain={K: 2 + k} | ({} if share is None else {x: share}),
        draw=_draw(2, 6, draw),
        model=_point,
    )


def _identities(which: int) -> list[Symbolic]:
    """A risk from the covariances, and by the formula, for one position and K = 2, 3, 4."""
    import sympy

    signal, noise, x = sympy.symbols("lambda_ sigma2 x", positive=True)

    def case(groups: int) -> Symbolic:
        free = sympy.symbols(f"b0:{groups - 1}", real=True)
        b = sympy.Matrix([*free, -sum(free)])
        shared = noise * (x * sympy.eye(groups) + (1 - x) * sympy.ones(groups))

        def risk(signals: Sequence[Any]) -> Any:
            missed = (sympy.diag(*signals) + shared).LUsolve(shared * b)
            return sum(each * b[i] * missed[i] for i, each in enumerate(signals) if each != 0)

        signals = [[signal / groups] * groups]
        if which == FULL:
            signals = sympy.diag(*[signal] * groups).tolist()
        risks = [risk(each) for each in signals]
        energy = sum(each**2 for each in b)

        def draw(rng: np.random.Generator) -> dict[str, Any]:
            values = _draw(groups, groups, lambda rng, n: float(rng.uniform(0.05, 1.0)))(rng)
            return {**values, "b": values["b"][:1]}

        return Symbolic(
            sum(risks) / len(risks),
            _risks(groups, signal, noise, x, energy)[which],
            "K = 2 to 4",
            domain={},
            draw=draw,
            model=_point,
            covers=lambda model: model.experts <= 4,
        )

    return [case(groups) for groups in (2, 3, 4)]


# --- claims ---------------------------------------------------------------------------------------


def _label(unshared: float) -> Callable[[BlockModel], str]:
    """The correlation ρ, as the name of a point."""
    return lambda model: f"ρ={1.0 - unshared / model.experts:.3g}"


def _identity_claim(name: str, which: int) -> Claim:
    """The claim that a risk has the closed form of the theorem."""
    return Claim(
        name=name,
        relation="==",
        left=_side(_excess, BEYOND, which),
        right=_side(_closed_form, BEYOND, which),
        symbolic=lambda: _identities(which),
        experiment=measured(which, _side(_closed_form, BEYOND, which), BEYOND),
        control=1.05,
        label=_label(BEYOND),
    )


def _ordering_claim(name: str, left: int, right: int, unshared: float, where: str) -> Claim:
    """The claim that ``left`` has no larger risk than ``right`` at K(1 - ρ) = ``unshared``."""
    return Claim(
        name=name,
        relation="<=",
        left=_side(_excess, unshared, left),
        right=_side(_excess, unshared, right),
        symbolic=lambda: _ordering(left, right, where),
        experiment=ordered(left, right, unshared),
        control=0.5,
        label=_label(unshared),
    )


THEOREM = Theorem(
    statement=(
        "If different blocks share noise, idle blocks are sensors of the noise in the active one. "
        "Dense uses them; an expert that sees its own block alone cannot. With K equal groups, "
        "noise of correlation rho between blocks and coefficients that sum to zero over them, "
        "dense is better than the mixture for all rho > 1 - 1/K, whatever signal and noise are. "
        "Full experts, which see all coordinates, are never worse than dense."
    ),
    latex=(
        r"R_{\mathrm{dense}} = \|b\|^2\,\tfrac{\lambda}{K}:\sigma^2(1-\rho),\quad "
        r"R_{\mathrm{MoE}} = \tfrac{1}{K}\|b\|^2\,\lambda:\sigma^2,\quad "
        r"R_{\mathrm{dense}} < R_{\mathrm{MoE}} \iff \rho > 1-\tfrac{1}{K}"
    ),
    guarantee="identities, hence a sharp threshold",
    source="docs/theory.md §10",
    assumptions=(
        given.STRICT_BLOCKS,
        Assumption(f"2 to {MOST_GROUPS} groups", lambda model: 2 <= model.experts <= MOST_GROUPS),
        given.EQUAL_PROBABILITIES,
        given.EQUAL_SIZES,
        given.EQUAL_VARIANCES,
        given.SOME_LABEL_SIGNAL,
        given.SOME_NOISE,
        given.ONE_NOISE,
        given.NO_INTERFERENCE,
        Assumption("coefficients that sum to zero over the blocks", _sum_to_zero),
    ),
    claims=(
        _identity_claim("dense == |b|^2 (lambda/K : noise (1-rho))", DENSE),
        _identity_claim("full experts == |b|^2/K (lambda : tau)", FULL),
        _ordering_claim("MoE <= dense at 1-rho = 1.25/K", MOE, DENSE, BEFORE, "before"),
        Claim(
            name="dense == MoE at 1-rho = 1/K",
            relation="==",
            left=_side(_excess, TIE, DENSE),
            right=_side(_excess, TIE, MOE),
            symbolic=lambda: _ordering(DENSE, MOE, "tie"),
            experiment=measured(DENSE, _side(_closed_form, TIE, MOE), TIE),
            control=1.05,
            label=_label(TIE),
        ),
        _ordering_claim("dense <= MoE at 1-rho = 0.8/K", DENSE, MOE, BEYOND, "beyond"),
        _ordering_claim("full experts <= dense", FULL, DENSE, BEYOND, "any"),
    ),
    example=lambda: BlockModel([0.5, 0.5], [0, 1], [1.0, 1.0], [1.0, -1.0], 10.0),
)

"""A fixed design seen through noise: which predictor meets the better conditioned spikes."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from moetheory.claims import spiked_designs as designs
from moetheory.claims.assumptions import SOME_SIGNAL, STRICT_BLOCKS
from moetheory.claims.certificates import Symbolic, Values
from moetheory.claims.declaration import Assumption, Claim, Side, Theorem
from moetheory.claims.quantities import about, log_uniform
from moetheory.claims.spiked_designs import Spikes
from moetheory.problem.estimators import Dense, Estimator, MoE
from moetheory.problem.model import BlockModel

if TYPE_CHECKING:
    import sympy

ORDINARY = ((60.0, 8.0), (20.0,), (3.5,))
STRETCHED = ((4.0,), (6.0,), (9.0, 2.0))


def _few(model: BlockModel) -> bool:
    ranks = np.bincount(model.block_of, model.signal_variances > 0.0, model.experts)
    return bool(np.all(2 * ranks < model.sizes))


FEW_SPIKES = Assumption("few spikes: most coordinates of every block without signal", _few)


# --- the map ----------------------------------------------------------------------------------


def _value(signal: sympy.Expr, aspect: sympy.Expr, noise: sympy.Expr) -> sympy.Expr:
    return (signal + noise) * (signal + aspect * noise) / signal


def _strongest(rank: int) -> Side:
    return lambda model: float(np.sort(designs.spectrum(Dense(), model).values)[-rank])


def _drawn_sizes(rng: np.random.Generator) -> dict[str, Any]:
    """Block sizes of which the first is the largest, and what follows from them."""
    sizes = np.array([int(rng.integers(4, 60)), 4, 4])
    sizes[1:] = rng.integers(4, sizes[0] + 1, 2)
    counts = designs.samples_of(sizes)
    return {
        "sizes": sizes,
        "r": math.sqrt(sizes.sum() / sum(counts)),
        "a": math.sqrt(sizes[0] / sizes.sum()),
        "q": math.sqrt(counts[0] / sum(counts)),
    }


def _spaced(rng: np.random.Generator, spikes: int) -> dict[str, Any]:
    """A point at which spikes are above dense's threshold, each stronger than the last."""
    values = {**_drawn_sizes(rng), **log_uniform(rng, "sigma2", "v")}
    values["l"] = values["r"] * values["sigma2"] + values["v"]
    return {**values, **log_uniform(rng, *(f"u{i}" for i in range(1, spikes)))}


def _domain() -> tuple[sympy.Symbol, sympy.Symbol, sympy.Symbol, dict[sympy.Symbol, sympy.Expr]]:
    """Aspect r^2, noise, and a signal l that dense detects."""
    import sympy

    r, noise, signal, v = sympy.symbols("r sigma2 l v", positive=True)
    return r, noise, signal, {signal: r * noise + v}


def _increasing() -> Symbolic:
    import sympy

    r, noise, signal, domain = _domain()
    gain = sympy.Symbol("u1", positive=True)
    return Symbolic(
        left=_value(signal, r**2, noise),
        right=_value(signal + gain, r**2, noise),
        domain=domain,
        draw=lambda rng: _spaced(rng, 2),
        model=lambda values: designs.design(
            values["sizes"], [(values["l"], values["l"] + values["u1"])], values["sigma2"]
        ),
    )


def _subset() -> Symbolic:
    """Expert 0 has the middle two of dense's four spikes, the others one each."""
    import sympy

    r, noise, signal, domain = _domain()
    gains = sympy.symbols("u1:4", positive=True)
    values = [_value(signal + sum(gains[:i]), r**2, noise) for i in range(4)]
    return Symbolic(
        left=values[2] / values[1],
        right=values[3] / values[0],
        domain=domain,
        draw=lambda rng: _spaced(rng, 4),
        model=_four_spikes,
    )


def _four_spikes(values: Values) -> BlockModel:
    first, second, third, fourth = np.cumsum([values[name] for name in ("l", "u1", "u2", "u3")])
    spikes = ((second, third), (first,), (fourth,))
    return designs.design(values["sizes"], spikes, values["sigma2"])


# --- the submatrix ----------------------------------------------------------------------------


def _shares() -> tuple[sympy.Symbol, sympy.Symbol, dict[sympy.Symbol, sympy.Expr]]:
    """Roots of the expert's share of coordinates and of samples, below 1."""
    import sympy

    a, q, t, w = sympy.symbols("a q t w", positive=True)
    return a, q, {a: 1 / (1 + t), q: 1 / (1 + w)}


def _one_spike(values: Values) -> BlockModel:
    return designs.design(values["sizes"], [(values["l"],)], values["sigma2"])


def _closer() -> Symbolic:
    """Noise q^2 sigma2, and c_g times it a^2 c sigma2."""
    import sympy

    r, noise, signal, domain = _domain()
    a, q, shares = _shares()
    own = (signal + q**2 * noise) * (signal + a**2 * r**2 * noise) / signal
    return Symbolic(
        left=own / _value(signal, r**2, noise),
        right=sympy.Integer(1),
        domain=domain | shares,
        draw=lambda rng: _spaced(rng, 1),
        model=_one_spike,
    )


def _detected() -> Symbolic:
    r, noise, _, _ = _domain()
    a, q, shares = _shares()
    return Symbolic(
        left=a * q * r * noise,
        right=r * noise,
        domain=shares,
        draw=lambda rng: _spaced(rng, 1),
        model=_one_spike,
    )


def _amplified(model: BlockModel) -> float:
    """The most that a spike is of what dense sees of it, in its expert's submatrix."""
    dense, experts = (designs.spectrum(each, model).values for each in (Dense(), MoE()))
    return float(np.max(experts / dense))


# --- claims about designs of their own --------------------------------------------------------


def _fixed(name: str, model: BlockModel, **more: Any) -> Claim:
    return about(
        model,
        name=name,
        relation="<=",
        label=lambda point: f"n={sum(designs.samples_of(point.sizes))}",
        **more,
    )


def _ordered(name: str, spikes: Spikes, pair: tuple[Estimator, Estimator], **more: Any) -> Claim:
    """The first of dense and experts has the smaller kappa, by theory and as drawn."""
    return _fixed(
        name,
        designs.sized(spikes, designs.TIMES[1]),
        left=designs.condition(pair[0]),
        right=designs.condition(pair[1]),
        experiment=partial(designs.smaller_condition, *pair),
        **more,
    )


def _falls(estimator: Estimator, what: str) -> Claim:
    who = "dense" if isinstance(estimator, Dense) else "experts"
    return _fixed(
        f"{who}: {what}, error ~ n^a, a <= -0.4",
        designs.sized(ORDINARY),
        experiment=lambda _, setting: designs.falling_error(estimator, what, ORDINARY, setting),
        control=1.1,
    )


THEOREM = Theorem(
    statement=(
        "A few spikes of a fixed design, observed in noise, become squared singular values "
        "(l+s)(l+cs)/l in the limit, and are lost below sqrt(c) s; c = d/n and s = sigma^2 for "
        "dense, s_g/n_g and sigma^2 n_g/n for the submatrix of expert g. If every expert observed "
        "its spikes at dense's c and s, none would have a larger kappa. Its submatrix changes "
        "them less and hides fewer, and for that very reason its kappa can be larger."
    ),
    latex=(
        r"\ell\mapsto\frac{(\ell+\sigma^2)(\ell+c\sigma^2)}{\ell},\quad "
        r"|\langle u,\bar u\rangle|^2\to\frac{\ell^2-c\sigma^4}{\ell(\ell+\sigma^2)},\quad "
        r"|\langle v,\bar v\rangle|^2\to\frac{\ell^2-c\sigma^4}{\ell(\ell+c\sigma^2)}"
    ),
    guarantee="limit at a fixed number of spikes, fluctuations n^(-1/2); order of kappa as stated",
    source="[SNB] Theorem 4.7; docs/theory.md §8",
    assumptions=(STRICT_BLOCKS, SOME_SIGNAL, FEW_SPIKES),
    claims=(
        _fixed(
            "a stronger spike is seen as a stronger one",
            designs.sized(STRETCHED),
            left=_strongest(2),
            right=_strongest(1),
            symbolic=_increasing,
            control=0.5,
        ),
        Claim(
            name="worst expert's kappa <= dense's at its c and noise",
            relation="<=",
            left=designs.condition(MoE(), "common"),
            right=designs.condition(Dense()),
            symbolic=_subset,
            control=0.5,
        ),
        Claim(
            name="a spike in its submatrix / as dense sees it <= 1",
            relation="<=",
            left=_amplified,
            right=lambda _: 1.0,
            symbolic=_closer,
            control=0.5,
        ),
        Claim(
            name="largest threshold of the experts <= dense's",
            relation="<=",
            left=lambda model: float(np.max(designs.spectrum(MoE(), model).threshold)),
            right=lambda model: float(designs.spectrum(Dense(), model).threshold[0]),
            symbolic=_detected,
            control=0.5,
        ),
        _ordered(
            "dense's kappa <= that of an expert's submatrix",
            STRETCHED,
            (Dense(), MoE()),
            control=_ordered(
                "the submatrix never has the larger kappa",
                STRETCHED,
                (MoE(), Dense()),
                control=0.5,
            ),
        ),
        _ordered(
            "submatrices' kappa <= dense's, its extremes with different experts",
            ORDINARY,
            (MoE(), Dense()),
            control=0.5,
        ),
        *(_falls(each, what) for each in (Dense(), MoE()) for what in ("values", "overlaps")),
    ),
    example=lambda: designs.sized(ORDINARY),
)

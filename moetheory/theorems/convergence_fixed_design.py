r"""Noise maps the spikes of a fixed design; an expert's submatrix may be worse conditioned.

Statement:
    A squared singular value :math:`\ell > \sqrt c\,\sigma^2` of the design is observed as

    .. math:: \ell\mapsto\frac{(\ell+\sigma^2)(\ell+c\sigma^2)}{\ell},\quad
              |\langle u,\bar u\rangle|^2\to\frac{\ell^2-c\sigma^4}{\ell(\ell+\sigma^2)},\quad
              |\langle v,\bar v\rangle|^2\to\frac{\ell^2-c\sigma^4}{\ell(\ell+c\sigma^2)},

    with c = d/n for dense; expert g has :math:`c = s_g/n_g` and noise :math:`\sigma^2n_g/n`. At
    dense's c and noise no expert has a larger :math:`\kappa`; in its submatrix it can have one.

Guarantee:
    - Limits at a fixed number of spikes, fluctuations of order :math:`n^{-1/2}`: checked by
      simulation (errors fall at least like :math:`n^{-2/5}`).
    - Orderings (the map increases; :math:`\kappa` at dense's c and noise; a submatrix changes its
      spikes less and has a lower threshold): proved by certificate above the threshold.
    - Order of :math:`\kappa` for submatrices: one example on either side, with simulation.

Reference:
    docs/theory.md §8; [SNB] Theorem 4.7, https://arxiv.org/abs/2601.14792
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from moetheory.claims import spiked_designs as designs
from moetheory.claims.assumptions import (
    NO_INTERFERENCE,
    ONE_NOISE,
    SOME_NOISE,
    SOME_SIGNAL,
    STRICT_BLOCKS,
    Assumption,
)
from moetheory.claims.certificates import Symbolic
from moetheory.claims.declaration import Claim, Side, Theorem
from moetheory.claims.domains import Values
from moetheory.claims.quantities import claim_about, log_uniform
from moetheory.claims.spiked_designs import Spikes
from moetheory.problem.estimators import Dense, Estimator, MoE
from moetheory.problem.model import BlockModel

if TYPE_CHECKING:
    import sympy

EXTREMES_APART = ((60.0, 8.0), (20.0,), (3.5,))
EXTREMES_TOGETHER = ((4.0,), (6.0,), (9.0, 2.0))


def _few_spikes(model: BlockModel) -> bool:
    """Whether most coordinates of every block are without signal."""
    ranks = np.bincount(model.block_of, model.signal_variances > 0.0, model.experts)
    return bool(np.all(2 * ranks < model.sizes))


FEW_SPIKES = Assumption("few spikes: most coordinates of every block without signal", _few_spikes)


# --- the map ----------------------------------------------------------------------------------


def _observed_value(signal: sympy.Expr, aspect: sympy.Expr, noise: sympy.Expr) -> sympy.Expr:
    """The squared singular value that a spike is observed as; ``aspect`` is c."""
    return (signal + noise) * (signal + aspect * noise) / signal


def _strongest_observed(rank: int) -> Side:
    """Dense's observed spike of this rank, the strongest being 1, as a side of a claim."""
    return lambda model: float(np.sort(designs.spectrum(Dense(), model).values)[-rank])


def _draw_spikes(rng: np.random.Generator, spikes: int) -> dict[str, Any]:
    """Random values: spikes above dense's threshold, each stronger than the last."""
    values = {**designs.draw_sizes(rng), **log_uniform(rng, "sigma2", "v")}
    values["l"] = values["r"] * values["sigma2"] + values["v"]
    return {**values, **log_uniform(rng, *(f"u{i}" for i in range(1, spikes)))}


def _detected_signal() -> tuple[
    sympy.Symbol, sympy.Symbol, sympy.Symbol, dict[sympy.Symbol, sympy.Expr]
]:
    """Symbols r (c = r^2), sigma2 and l, and the domain in which dense detects the spike l."""
    import sympy

    r, noise, signal, v = sympy.symbols("r sigma2 l v", positive=True)
    return r, noise, signal, {signal: r * noise + v}


def _increasing_map() -> Symbolic:
    """Two spikes as dense observes them: the stronger one stays the stronger."""
    import sympy

    r, noise, signal, domain = _detected_signal()
    increase = sympy.Symbol("u1", positive=True)
    return Symbolic(
        left=_observed_value(signal, r**2, noise),
        right=_observed_value(signal + increase, r**2, noise),
        scope="any two spikes above dense's threshold",
        domain=domain,
        draw=lambda rng: _draw_spikes(rng, 2),
        model=lambda values: designs.design(
            values["sizes"], [(values["l"], values["l"] + values["u1"])], values["sigma2"]
        ),
    )


def _condition_of_subset() -> Symbolic:
    """The kappa of an expert whose extreme spikes are the middle two of four, against dense's."""
    import sympy

    r, noise, signal, domain = _detected_signal()
    increases = sympy.symbols("u1:4", positive=True)
    values = [_observed_value(signal + sum(increases[:i]), r**2, noise) for i in range(4)]
    return Symbolic(
        left=values[2] / values[1],
        right=values[3] / values[0],
        scope="any spikes above dense's threshold",
        domain=domain,
        draw=_draw_worst_expert,
        model=lambda values: designs.design(values["sizes"], values["spikes"], values["sigma2"]),
        covers=_all_detected,
    )


def _all_detected(model: BlockModel) -> bool:
    """Whether dense detects every spike."""
    return bool(np.all(designs.spectrum(Dense(), model).detectable))


def _draw_worst_expert(rng: np.random.Generator) -> dict[str, Any]:
    """Random blocks of one to three spikes; extremes of dense, and of the expert of largest kappa.

    An expert may hold an extreme of dense: then an increase is 0.
    """
    values = {**designs.draw_sizes(rng), **log_uniform(rng, "sigma2")}
    threshold, c = values["r"] * values["sigma2"], values["r"] ** 2
    spikes = [
        np.sort(threshold + 10.0 ** rng.uniform(-2.0, 2.0, int(rng.integers(1, 4))))
        for _ in values["sizes"]
    ]

    def kappa(own: Any) -> Any:
        low, high = (_observed_value(own[end], c, values["sigma2"]) for end in (0, -1))
        return high / low

    worst, every = max(spikes, key=kappa), np.sort(np.concatenate(spikes))
    extremes = np.array([every[0], worst[0], worst[-1], every[-1]])
    increases = dict(zip(("u1", "u2", "u3"), np.diff(extremes).tolist(), strict=True))
    return {**values, "spikes": spikes, "l": float(extremes[0]), **increases}


# --- the submatrix ----------------------------------------------------------------------------


def _shares() -> tuple[sympy.Symbol, sympy.Symbol, dict[sympy.Symbol, sympy.Expr]]:
    """Symbols a and q, below 1: roots of the expert's shares of coordinates and of samples."""
    import sympy

    a, q, t, w = sympy.symbols("a q t w", positive=True)
    return a, q, {a: 1 / (1 + t), q: 1 / (1 + w)}


def _one_spike_model(values: Values) -> BlockModel:
    """The design of one spike, in the block of the highest threshold."""
    spikes = [()] * values["own"] + [(values["l"],)]
    return designs.design(values["sizes"], spikes, values["sigma2"])


def _closer_to_identity() -> Symbolic:
    """A spike in its submatrix, where s = q^2 sigma2 and c_g s = a^2 c sigma2, against dense's."""
    import sympy

    r, noise, signal, domain = _detected_signal()
    a, q, shares = _shares()
    own = (signal + q**2 * noise) * (signal + a**2 * r**2 * noise) / signal
    return Symbolic(
        left=own / _observed_value(signal, r**2, noise),
        right=sympy.Integer(1),
        scope="any spike above dense's threshold",
        domain=domain | shares,
        draw=lambda rng: _draw_spikes(rng, 1),
        model=_one_spike_model,
        covers=_all_detected,
    )


def _lower_threshold() -> Symbolic:
    """The detection threshold of an expert against dense's."""
    r, noise, _, _ = _detected_signal()
    a, q, shares = _shares()
    return Symbolic(
        left=a * q * r * noise,
        right=r * noise,
        scope="any sizes and samples",
        domain=shares,
        draw=lambda rng: _draw_spikes(rng, 1),
        model=_one_spike_model,
    )


def _largest_amplification(model: BlockModel) -> float:
    """The largest ratio of a spike's value in its expert's submatrix to its value for dense."""
    dense, experts = (designs.spectrum(each, model).values for each in (Dense(), MoE()))
    return float(np.max(experts / dense))


# --- claims about designs of their own --------------------------------------------------------


def _claim_about_design(name: str, model: BlockModel, **more: Any) -> Claim:
    """An inequality about a design of the theorem's own; ``more`` are fields of `Claim`."""
    return claim_about(
        model,
        name=name,
        relation="<=",
        label=lambda point: f"n={sum(designs.samples_of(point.sizes))}",
        **more,
    )


def _condition_claim(
    name: str, spikes: Spikes, pair: tuple[Estimator, Estimator], **more: Any
) -> Claim:
    """The claim that the first of ``pair`` has the smaller kappa, in theory and in simulation."""
    return _claim_about_design(
        name,
        designs.scaled_design(spikes, designs.SCALES[1]),
        left=designs.largest_condition_of(pair[0]),
        right=designs.largest_condition_of(pair[1]),
        experiment=partial(designs.smaller_condition, *pair),
        **more,
    )


def _falling_error_claim(estimator: Estimator, what: str) -> Claim:
    """The claim that simulated "values" or "overlaps" approach their limits as n grows."""
    who = "dense" if isinstance(estimator, Dense) else "experts"
    return _claim_about_design(
        f"{who}: {what}, error ~ n^a, a <= -0.4",
        designs.scaled_design(EXTREMES_APART),
        experiment=lambda _, setting: designs.falling_error(
            estimator, what, EXTREMES_APART, setting
        ),
        control=1.1,
    )


THEOREM = Theorem(
    statement=(
        "A few spikes of a fixed design, observed in noise, become squared singular values "
        "(l+s)(l+cs)/l in the limit, and are lost below sqrt(c) s; c = d/n and s = sigma^2 for "
        "dense, s_g/n_g and sigma^2 n_g/n for the submatrix of expert g. If every expert observed "
        "its spikes at dense's c and s, none would have a larger kappa. Its submatrix changes "
        "them less and hides no more of them, and for that very reason its kappa can be larger."
    ),
    latex=(
        r"\ell\mapsto\frac{(\ell+\sigma^2)(\ell+c\sigma^2)}{\ell},\quad "
        r"|\langle u,\bar u\rangle|^2\to\frac{\ell^2-c\sigma^4}{\ell(\ell+\sigma^2)},\quad "
        r"|\langle v,\bar v\rangle|^2\to\frac{\ell^2-c\sigma^4}{\ell(\ell+c\sigma^2)}"
    ),
    guarantee="limit at a fixed number of spikes, fluctuations n^(-1/2); order of kappa as stated",
    source="[SNB] Theorem 4.7; docs/theory.md §8",
    assumptions=(
        STRICT_BLOCKS,
        ONE_NOISE,
        NO_INTERFERENCE,
        SOME_SIGNAL,
        FEW_SPIKES,
        SOME_NOISE,
    ),
    claims=(
        _claim_about_design(
            "a stronger spike is seen as a stronger one",
            designs.scaled_design(EXTREMES_TOGETHER),
            left=_strongest_observed(2),
            right=_strongest_observed(1),
            symbolic=_increasing_map,
            control=0.5,
        ),
        Claim(
            name="worst expert's kappa <= dense's at its c and noise",
            relation="<=",
            left=designs.largest_condition_of(MoE(), "common"),
            right=designs.largest_condition_of(Dense()),
            symbolic=_condition_of_subset,
            control=0.5,
        ),
        Claim(
            name="a spike in its submatrix / as dense sees it <= 1",
            relation="<=",
            left=_largest_amplification,
            right=lambda _: 1.0,
            symbolic=_closer_to_identity,
            control=0.5,
        ),
        Claim(
            name="largest threshold of the experts <= dense's",
            relation="<=",
            left=lambda model: float(np.max(designs.spectrum(MoE(), model).threshold)),
            right=lambda model: float(designs.spectrum(Dense(), model).threshold[0]),
            symbolic=_lower_threshold,
            control=0.5,
        ),
        _condition_claim(
            "dense's kappa <= that of an expert's submatrix",
            EXTREMES_TOGETHER,
            (Dense(), MoE()),
            control=_condition_claim(
                "the submatrix never has the larger kappa",
                EXTREMES_TOGETHER,
                (MoE(), Dense()),
                control=0.5,
            ),
        ),
        _condition_claim(
            "submatrices' kappa <= dense's, its extremes with different experts",
            EXTREMES_APART,
            (MoE(), Dense()),
            control=0.5,
        ),
        *(
            _falling_error_claim(each, what)
            for each in (Dense(), MoE())
            for what in ("values", "overlaps")
        ),
    ),
    example=lambda: designs.scaled_design(EXTREMES_APART),
)

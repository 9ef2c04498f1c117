"""A fixed design seen through noise: which predictor meets the better conditioned spikes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from moetheory.certificates import Symbolic, Values
from moetheory.estimators import Dense, Estimator, MoE
from moetheory.fixeddesign import Noise, SpikedSpectrum, spiked_spectrum
from moetheory.model import BlockModel
from moetheory.simulation import SpectrumEstimate, simulate_spectrum
from moetheory.simulation.seeding import child
from moetheory.theorems import _training as training
from moetheory.theorems._assumptions import SOME_SIGNAL, STRICT_BLOCKS
from moetheory.theorems._declaration import Assumption, Claim, Outcome, Setting, Side, Theorem
from moetheory.theorems._quantities import log_uniform
from moetheory.validation import FloatArray

if TYPE_CHECKING:
    import sympy

MATRICES = 600  # drawn at the smallest size; half as many at twice the size
TIMES = (2, 4, 8)
SIZES = np.array([5, 4, 2])
# squared singular values, group by group
ORDINARY = ((60.0, 8.0), (20.0,), (3.5,))
STRETCHED = ((4.0,), (6.0,), (9.0, 2.0))


def _few(model: BlockModel) -> bool:
    ranks = np.bincount(model.block_of, model.signal_variances > 0.0, model.experts)
    return bool(np.all(2 * ranks < model.sizes))


FEW_SPIKES = Assumption("few spikes: most coordinates of every block without signal", _few)


# --- designs ----------------------------------------------------------------------------------


def _samples(sizes: Any) -> tuple[int, ...]:
    """4, 1/2 and 2 samples a coordinate in turn: more than coordinates, and fewer."""
    rates = np.array([4.0, 0.5, 2.0])[np.arange(len(sizes)) % 3]
    return tuple(np.ceil(rates * sizes).astype(int).tolist())


def _design(sizes: Any, spikes: Sequence[Sequence[float]], noise_variance: float) -> BlockModel:
    """The model whose rows have these squared singular values, group by group."""
    counts = np.array(_samples(sizes))
    n, starts = counts.sum(), np.cumsum(sizes) - sizes
    signal = np.zeros(int(np.sum(sizes)))
    for g, values in enumerate(spikes):
        signal[starts[g] : starts[g] + len(values)] = np.array(values) * n / counts[g]
    blocks = np.repeat(np.arange(len(sizes)), sizes)
    return BlockModel(counts / n, blocks, signal, np.ones(len(signal)), noise_variance)


def _at(spikes: Sequence[Sequence[float]], times: int) -> BlockModel:
    return _design(times * SIZES, spikes, 1.0)


def _spectrum(estimator: Estimator, model: BlockModel, noise: Noise = "own") -> SpikedSpectrum:
    return spiked_spectrum(estimator, model, _samples(model.sizes), noise=noise)


@lru_cache(maxsize=16)
def _drawn(
    estimator: Estimator, model: BlockModel, replicates: int, entropy: int
) -> SpectrumEstimate:
    # dense and experts independently
    rng = child(entropy, int(isinstance(estimator, MoE)))
    return simulate_spectrum(
        estimator, model, _samples(model.sizes), replicates=replicates, rng=rng
    )


# --- the map ----------------------------------------------------------------------------------


def _value(signal: sympy.Expr, aspect: sympy.Expr, noise: sympy.Expr) -> sympy.Expr:
    return (signal + noise) * (signal + aspect * noise) / signal


def _strongest(rank: int) -> Side:
    return lambda model: float(np.sort(_spectrum(Dense(), model).values)[-rank])


def _drawn_sizes(rng: np.random.Generator) -> dict[str, Any]:
    """Block sizes of which the first is the largest, and what follows from them."""
    sizes = np.array([int(rng.integers(4, 60)), 4, 4])
    sizes[1:] = rng.integers(4, sizes[0] + 1, 2)
    counts = _samples(sizes)
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
        model=lambda values: _design(
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
    return _design(values["sizes"], spikes, values["sigma2"])


# --- the submatrix ----------------------------------------------------------------------------


def _shares() -> tuple[sympy.Symbol, sympy.Symbol, dict[sympy.Symbol, sympy.Expr]]:
    """Roots of the expert's share of coordinates and of samples, below 1."""
    import sympy

    a, q, t, w = sympy.symbols("a q t w", positive=True)
    return a, q, {a: 1 / (1 + t), q: 1 / (1 + w)}


def _one_spike(values: Values) -> BlockModel:
    return _design(values["sizes"], [(values["l"],)], values["sigma2"])


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
    dense, experts = (_spectrum(each, model).values for each in (Dense(), MoE()))
    return float(np.max(experts / dense))


# --- which is better conditioned --------------------------------------------------------------


def _condition(estimator: Estimator, noise: Noise = "own") -> Side:
    return lambda model: float(np.nanmax(_spectrum(estimator, model, noise).condition))


def _ordered(
    name: str, spikes: Sequence[Sequence[float]], expert_first: bool, **more: Any
) -> Claim:
    """One of dense and the worst expert has the smaller kappa, by theory and as drawn."""
    pair = (MoE(), Dense()) if expert_first else (Dense(), MoE())

    def experiment(model: BlockModel, setting: Setting) -> Outcome:
        replicates = setting.replicates or MATRICES // 2
        worst = [
            np.nanmax(_drawn(each, model, replicates, setting.entropy).condition.values, axis=1)
            for each in pair
        ]
        left, right = worst[0], setting.control * worst[1]
        sems = [float(each.std(ddof=1)) / math.sqrt(replicates) for each in (left, right)]
        factors = [_spectrum(each, model).worst for each in pair]
        return training.one_sided(
            float(left.mean()),
            math.hypot(*sems),
            float(right.mean() - left.mean()),
            replicates,
            setting,
            resolution=0.2,  # less than half of the differences at issue
            scale=float(left.mean()),
            note="; ".join(
                f"{what} {factors[i]:.3g} in the limit"
                for i, what in enumerate(_names(expert_first))
            ),
        )

    return _fixed(
        name,
        lambda: _at(spikes, TIMES[1]),
        relation="<=",
        left=_condition(pair[0]),
        right=_condition(pair[1]),
        experiment=experiment,
        **more,
    )


def _names(expert_first: bool) -> tuple[str, str]:
    names = "contraction of the worst expert", "of dense"
    return names if expert_first else ("contraction of dense", "of the worst expert")


# --- simulated at growing size ----------------------------------------------------------------


def _parts(spectrum: SpikedSpectrum | SpectrumEstimate, what: str) -> list[Any]:
    return [spectrum.values] if what == "values" else [spectrum.left, spectrum.right]


def _deviation(
    estimator: Estimator, what: str, model: BlockModel, replicates: int, setting: Setting
) -> tuple[float, float]:
    """Root mean square of the relative deviations from the limits, and its standard error."""
    found = _drawn(estimator, model, replicates, setting.entropy)
    limits = np.concatenate(_parts(_spectrum(estimator, model), what))
    values: FloatArray = np.concatenate([p.values for p in _parts(found, what)], axis=1)
    squares = np.square(values / (setting.control * limits) - 1.0).mean(axis=1)
    size = math.sqrt(float(squares.mean()))
    return size, float(squares.std(ddof=1)) / math.sqrt(replicates) / (2.0 * size)


def _falls(estimator: Estimator, what: str) -> Claim:
    """Whether simulation closes in on the limits.

    Fluctuations are of order n^(-1/2) and the bias of order n^(-1), so a is -1/2 in the limit;
    what is below -1/2 is the bias at these sizes. Beside a wrong limit a is near 0.
    """

    def experiment(_: BlockModel, setting: Setting) -> Outcome:
        most = setting.replicates or MATRICES
        sizes, errors, sems = [], [], []
        for halvings, times in enumerate(TIMES):
            model = _at(ORDINARY, times)
            error, sem = _deviation(estimator, what, model, max(2, most >> halvings), setting)
            sizes.append(sum(_samples(model.sizes)))
            errors.append(error)
            sems.append(sem)
        found, sem = training.slope(sizes, errors, sems)
        listed = ", ".join(
            f"{100 * error:.2g} ± {100 * each:.1g} % at n = {n}"
            for n, error, each in zip(sizes, errors, sems, strict=True)
        )
        return training.one_sided(
            found,
            sem,
            -0.4 - found,
            most,
            setting,
            resolution=0.4,
            note=f"off by {listed}: n^({found:.2f} ± {sem:.2f})",
        )

    who = "dense" if isinstance(estimator, Dense) else "experts"
    said = {"values": "singular values", "overlaps": "overlaps"}[what]
    return _fixed(
        f"{who}: {said}, error ~ n^a, a <= -0.4",
        lambda: _at(ORDINARY, TIMES[0]),
        relation="<=",
        experiment=experiment,
        control=1.1,
    )


def _fixed(name: str, model: Callable[[], BlockModel], **more: Any) -> Claim:
    """A claim about a design of its own, whatever the user's."""

    def points(_: BlockModel) -> Sequence[BlockModel]:
        return (model(),)

    return Claim(
        name=name,
        points=points,
        simulated=points,
        label=lambda point: f"n={sum(_samples(point.sizes))}",
        **more,
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
            lambda: _at(STRETCHED, TIMES[0]),
            relation="<=",
            left=_strongest(2),
            right=_strongest(1),
            symbolic=_increasing,
            control=0.5,
        ),
        Claim(
            name="worst expert's kappa <= dense's at its c and noise",
            relation="<=",
            left=_condition(MoE(), "common"),
            right=_condition(Dense()),
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
            left=lambda model: float(np.max(_spectrum(MoE(), model).threshold)),
            right=lambda model: float(_spectrum(Dense(), model).threshold[0]),
            symbolic=_detected,
            control=0.5,
        ),
        _ordered(
            "dense's kappa <= that of an expert's submatrix",
            STRETCHED,
            expert_first=False,
            control=_ordered(
                "the submatrix never has the larger kappa", STRETCHED, True, control=0.5
            ),
        ),
        _ordered(
            "kappa of all submatrices <= dense's, spikes at either end in other hands",
            ORDINARY,
            expert_first=True,
            control=0.5,
        ),
        *(_falls(each, what) for each in (Dense(), MoE()) for what in ("values", "overlaps")),
    ),
    example=lambda: _at(ORDINARY, TIMES[0]),
)

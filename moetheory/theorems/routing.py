"""The Bayes router errs no more often than the union bound says, and ever more rarely in s."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

from moetheory.claims import assumptions as given
from moetheory.claims.certificates import Symbolic
from moetheory.claims.declaration import Claim, Outcome, Setting, Theorem
from moetheory.claims.quantities import log_uniform, louder, misrouting
from moetheory.claims.training_sets import estimate_outcome
from moetheory.problem.gates import Hard
from moetheory.problem.model import BlockModel
from moetheory.results.estimates import Estimate
from moetheory.simulation import simulate_routing
from moetheory.theory.gate_risks import misrouting_bound

INPUTS = 600_000
RARE, OFTEN = 1e-200, 0.05  # errors that are left out, and that are simulated
CLOSE = 1.05  # what the union bound must come within


def _decay(model: BlockModel) -> float:
    r"""The union bound's own bound: with :math:`y = t(1-t)` in the beta integral,

    .. math:: I_x(a,a) \le \frac{(x(1-x))^a}{(1-2x)\,a\,B(a,a)}
              \le \frac{(4x(1-x))^a}{(1-2x)\,2\sqrt{\pi a}} .
    """
    ratio = 1.0 + float(model.signal_variances[0]) / model.noise_variance
    size = model.dim / model.experts
    base = 4.0 * ratio / (1.0 + ratio) ** 2
    front = (ratio + 1.0) / (ratio - 1.0) / math.sqrt(2.0 * math.pi * size)
    return (model.experts - 1.0) * front * float(base ** (size / 2.0))


def _resized(model: BlockModel, factor: int) -> BlockModel:
    """Blocks ``factor`` times as large, variances unchanged."""
    if factor == 1:
        return model
    return BlockModel.isotropic(
        factor * model.dim,
        model.experts,
        model.noise_variance,
        signal_energy=factor * float(model.signal_variances.sum()) / model.experts,
        label_power=model.label_power,
    )


def _growing(model: BlockModel) -> Sequence[BlockModel]:
    return _seen(_resized(model, factor) for factor in (1, 2, 4, 8))


def _noises(model: BlockModel) -> Sequence[BlockModel]:
    factors = (1 / 64, 1 / 8, 8.0, 64.0)
    others = (model.replace(noise_variance=each * model.noise_variance) for each in factors)
    return _seen([model, *_loud(model), *others])


def _seen(models: Iterable[BlockModel]) -> list[BlockModel]:
    """Those whose errors floats represent with all their digits."""
    return [model for model in dict.fromkeys(models) if misrouting(model) > RARE]


def _loud(model: BlockModel) -> Sequence[BlockModel]:
    return [louder(model, OFTEN)]


def _large(model: BlockModel) -> Sequence[BlockModel]:
    """The first enlargement at which the union bound is tight, unless errors vanish before."""
    for power in range(13):
        larger = _resized(model, 2**power)
        if misrouting(larger) < RARE:
            break
        if misrouting_bound(larger) < CLOSE * misrouting(larger):
            return [larger]
    return []


def _measured(model: BlockModel, setting: Setting) -> Outcome:
    estimate: Estimate = simulate_routing(
        Hard(), model, replicates=setting.replicates or INPUTS, rng=setting.entropy
    ).misrouting
    expected = setting.control * misrouting(model)
    return estimate_outcome(estimate, expected, setting, resolution=0.025)


def _three_pairs() -> Symbolic:
    r"""K = 3 blocks of s = 2 coordinates: energies are exponential.

    :math:`P(\text{right}) = E(1-e^{-\varrho X})^2`, X exponential.
    """
    import sympy

    ratio = sympy.Symbol("ratio", positive=True)
    return Symbolic(
        left=2 / (2 + ratio) - 1 / (3 + 2 * ratio),
        right=2 / (2 + ratio),
        domain={},
        draw=lambda rng: log_uniform(rng, "ratio"),
        model=lambda values: BlockModel.isotropic(6, 3, 1.0, signal_energy=2 * values["ratio"]),
    )


def _label(of: str) -> Callable[[BlockModel], str]:
    def label(model: BlockModel) -> str:
        if of == "s":
            return f"s={model.dim // model.experts}"
        return f"σ²={model.noise_variance:.3g}"

    return label


THEOREM = Theorem(
    statement=(
        "With K equal isotropic blocks of s coordinates and equal probabilities the Bayes router "
        "errs with at most K-1 times the probability that the energy of one block of noise "
        "exceeds that of the active one. That falls exponentially in s; both bounds become tight "
        "as s grows."
    ),
    latex=(
        r"P(\text{wrong}) \le (K-1)\,I_{1/(1+\varrho)}(s/2, s/2) \le \frac{K-1}{\sqrt{2\pi s}}\,"
        r"\frac{\varrho+1}{\varrho-1}\Big(\frac{4\varrho}{(1+\varrho)^2}\Big)^{s/2},"
        r"\qquad \varrho = 1+\lambda/\sigma^2"
    ),
    guarantee=(
        "upper bound (in symbols for K = 3, s = 2), tight as blocks grow at given noise, and for "
        "K = 2; not tight as the noise falls at given s"
    ),
    source="[SNB] Theorem 4.1; docs/theory.md §6",
    assumptions=(
        given.STRICT_BLOCKS,
        given.EQUAL_PROBABILITIES,
        given.EQUAL_SIZES,
        given.EQUAL_VARIANCES,
        given.SOME_SIGNAL,
        given.SOME_NOISE,
        given.SEVERAL_GROUPS,
    ),
    claims=(
        Claim(
            name="misrouting <= union bound",
            relation="<=",
            left=misrouting,
            right=misrouting_bound,
            symbolic=_three_pairs,
            experiment=_measured,
            control=0.5,
            points=_noises,
            simulated=_loud,
            label=_label("noise"),
        ),
        Claim(
            name="union bound <= 1.05 misrouting, s large",
            relation="<=",
            left=misrouting_bound,
            right=lambda model: CLOSE * misrouting(model),
            control=0.8,
            points=_large,
            simulated=lambda model: (),
            label=_label("s"),
        ),
        Claim(
            name="misrouting <= c (4r/(1+r)^2)^(s/2) / sqrt(s)",
            relation="<=",
            left=misrouting,
            right=_decay,
            control=0.5,
            points=_growing,
            simulated=lambda model: (),
            label=_label("s"),
        ),
    ),
    example=lambda: BlockModel.isotropic(12, 3, 1.0, signal_energy=24.0),
)

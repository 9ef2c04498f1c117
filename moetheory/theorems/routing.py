r"""The Bayes router's error is at most a union bound, which falls exponentially in block size s.

Statement:
    With K equal isotropic strict blocks of s coordinates, equal probabilities and
    :math:`\varrho = 1+\lambda/\sigma^2`,

    .. math:: P(\text{wrong}) \le (K-1)\,I_{1/(1+\varrho)}(s/2, s/2) \le \frac{K-1}{\sqrt{2\pi s}}\,
              \frac{\varrho+1}{\varrho-1}\Big(\frac{4\varrho}{(1+\varrho)^2}\Big)^{s/2} .

Guarantee:
    - Upper bound (first): proved by certificate for K = 2, 3, 4 and s = 2, 4, 6 (for others it is
      Boole's inequality), evaluated at several noise levels and checked by simulation where errors
      are common. Tight as s grows at given noise, and for K = 2; not tight as the noise falls at
      given s.
    - Tightness within 5 % and the second upper bound: evaluated as blocks grow; no certificate.

Reference:
    docs/theory.md §6; the Bayes router ([SNB] Theorem 4.1 bounds a learned one),
    https://arxiv.org/abs/2601.14792
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from moetheory.claims import assumptions as given
from moetheory.claims.certificates import Symbolic
from moetheory.claims.declaration import Claim, Theorem, accepted_models
from moetheory.claims.experiments import Outcome, Setting
from moetheory.claims.fresh_inputs import inputs_of
from moetheory.claims.outcomes import estimate_outcome
from moetheory.claims.quantities import log_uniform, misrouting, noise_of, with_more_noise
from moetheory.problem.gates import Hard
from moetheory.problem.model import BlockModel
from moetheory.results.estimates import Estimate
from moetheory.simulation import simulate_routing
from moetheory.theory.gate_risks import misrouting_bound

if TYPE_CHECKING:
    import sympy

TEST_INPUTS = 600_000
LEAST_ERROR, SIMULATED_ERROR = 1e-200, 0.05  # errors that are left out, and that are simulated
SMALL_BLOCKS, SMALL_HALVES = (2, 3, 4), (1, 2, 3)  # K and s/2 of the cases that are proved
TIGHTNESS = 1.05  # largest ratio of the union bound to the error, for large blocks


def _exponential_bound(model: BlockModel) -> float:
    r"""The exponential bound on the union bound: with :math:`y = t(1-t)` in the beta integral,

    .. math:: I_x(a,a) \le \frac{(x(1-x))^a}{(1-2x)\,a\,B(a,a)}
              \le \frac{(4x(1-x))^a}{(1-2x)\,2\sqrt{\pi a}} .
    """
    surplus = float(model.signal_variances[0]) / noise_of(model)  # the ratio less 1
    size = model.dim / model.experts
    base = 4.0 * (1.0 + surplus) / (2.0 + surplus) ** 2
    front = (2.0 + surplus) / surplus / math.sqrt(2.0 * math.pi * size)
    return (model.experts - 1.0) * front * float(base ** (size / 2.0))


def _larger_blocks(model: BlockModel, factor: int) -> BlockModel:
    """The model with blocks ``factor`` times as large and unchanged variances."""
    if factor == 1:
        return model
    return BlockModel.isotropic(
        factor * model.dim,
        model.experts,
        model.noise_variance,
        signal_energy=factor * float(model.signal_variances.sum()) / model.experts,
        label_power=model.label_power,
    )


def _growing_blocks(model: BlockModel) -> Sequence[BlockModel]:
    """Models with blocks 1, 2, 4 and 8 times as large."""
    larger = accepted_models(lambda factor: _larger_blocks(model, factor), (1, 2, 4, 8))
    return _representable(larger)


def _several_noises(model: BlockModel) -> Sequence[BlockModel]:
    """Models with less and more noise, the user's first."""
    noises = [model.noise_variance * factor for factor in (1.0, 1 / 64, 1 / 8, 8.0, 64.0)]
    noises.insert(1, _noisy(model)[0].noise_variance)
    return _representable(
        accepted_models(lambda noise: model.replace(noise_variance=noise), noises)
    )


def _representable(models: Iterable[BlockModel]) -> list[BlockModel]:
    """The models whose error probabilities floats represent with all their digits."""
    return [model for model in dict.fromkeys(models) if misrouting(model) > LEAST_ERROR]


def _noisy(model: BlockModel) -> Sequence[BlockModel]:
    """The model with so much noise that errors are common enough to be simulated."""
    return [with_more_noise(model, SIMULATED_ERROR)]


def _tight(model: BlockModel) -> Sequence[BlockModel]:
    """The smallest enlargement at which the union bound is tight, unless errors vanish before."""
    for power in range(13):
        larger = _larger_blocks(model, 2**power)
        if misrouting(larger) < LEAST_ERROR:
            break
        if misrouting_bound(larger) < TIGHTNESS * misrouting(larger):
            return [larger]
    return []


def _misrouting_experiment(model: BlockModel, setting: Setting) -> Outcome:
    """The experiment that holds simulated routing errors against their probability."""
    estimate: Estimate = simulate_routing(
        Hard(), model, replicates=inputs_of(setting, model, TEST_INPUTS), rng=setting.entropy
    ).misrouting
    error = misrouting(model)
    # what is averaged is between 0 and 1: an event of this probability is the most skewed
    return estimate_outcome(
        estimate,
        setting.control * error,
        setting,
        resolution=0.025,
        skewness=1.0 / math.sqrt(error),
    )


def _wrong(blocks: int, half: int, ratio: sympy.Expr) -> sympy.Expr:
    r"""The error probability for K blocks of s = 2 ``half`` coordinates, rational in the ratio.

    Half an energy of noise is a gamma variable of integer shape, so that
    :math:`P(\text{wrong}) = 1 - E\big(1-e^{-\varrho X}\sum_{k<s/2}(\varrho X)^k/k!\big)^{K-1}`
    is a sum of moments :math:`E X^ke^{-cX}` of a gamma variable.
    """
    import sympy

    x = sympy.Symbol("x")
    polynomial = sum((ratio * x) ** k / sympy.factorial(k) for k in range(half))
    total = sympy.Integer(0)
    for i in range(1, blocks):
        sign = -(sympy.Integer(-1) ** i) * sympy.binomial(blocks - 1, i)
        for (k,), factor in sympy.Poly(sympy.expand(polynomial**i), x).terms():
            total += sign * factor * sympy.rf(half, k) / (1 + i * ratio) ** (half + k)
    return total


def _small_cases() -> list[Symbolic]:
    """The error probability and its union bound, K - 1 times that of two blocks."""
    return [_case(blocks, half) for half in SMALL_HALVES for blocks in SMALL_BLOCKS]


def _case(blocks: int, half: int) -> Symbolic:
    """The case of K = ``blocks`` blocks of 2 ``half`` coordinates."""
    import sympy

    surplus = sympy.Symbol("surplus", positive=True)  # the ratio less 1
    size = 2 * half
    return Symbolic(
        left=_wrong(blocks, half, 1 + surplus),
        right=(blocks - 1) * _wrong(2, half, 1 + surplus),
        scope="K = 2, 3, 4 and s = 2, 4, 6",
        domain={},
        draw=lambda rng: log_uniform(rng, "surplus"),
        model=lambda values: BlockModel.isotropic(
            blocks * size, blocks, 1.0, signal_energy=size * values["surplus"]
        ),
        covers=lambda model: (model.experts, model.dim) == (blocks, blocks * size),
    )


def _label_of(quantity: str) -> Callable[[BlockModel], str]:
    """The name of a point: its block size ("s") or its noise variance ("noise")."""

    def label(model: BlockModel) -> str:
        if quantity == "s":
            return f"s={model.dim // model.experts}"
        return f"σ²={model.noise_variance:.3g}"

    return label


THEOREM = Theorem(
    statement=(
        "With K equal isotropic blocks of s coordinates and equal probabilities the Bayes router "
        "errs with at most K-1 times the probability that the energy of one block of noise "
        "exceeds that of the active one. That falls exponentially in s at any signal-to-noise "
        "ratio; the bound becomes tight as s grows."
    ),
    latex=(
        r"P(\text{wrong}) \le (K-1)\,I_{1/(1+\varrho)}(s/2, s/2) \le \frac{K-1}{\sqrt{2\pi s}}\,"
        r"\frac{\varrho+1}{\varrho-1}\Big(\frac{4\varrho}{(1+\varrho)^2}\Big)^{s/2},"
        r"\qquad \varrho = 1+\lambda/\sigma^2"
    ),
    guarantee=(
        "upper bound (in symbols for K to 4, s to 6), tight as blocks grow at given noise, and for "
        "K = 2; not tight as the noise falls at given s"
    ),
    source="docs/theory.md §6; the Bayes router ([SNB] Theorem 4.1 bounds a learned one)",
    assumptions=(
        given.STRICT_BLOCKS,
        given.EQUAL_PROBABILITIES,
        given.EQUAL_SIZES,
        given.EQUAL_VARIANCES,
        given.ONE_NOISE,
        given.NO_INTERFERENCE,
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
            symbolic=_small_cases,
            experiment=_misrouting_experiment,
            control=0.5,
            points=_several_noises,
            simulated=_noisy,
            label=_label_of("noise"),
        ),
        Claim(
            name="union bound <= 1.05 misrouting, s large",
            relation="<=",
            left=misrouting_bound,
            right=lambda model: TIGHTNESS * misrouting(model),
            control=0.8,
            points=_tight,
            simulated=lambda model: (),
            condition=f"larger blocks with a tight bound and errors above {LEAST_ERROR:g}",
            label=_label_of("s"),
        ),
        Claim(
            name="misrouting <= c (4r/(1+r)^2)^(s/2) / sqrt(s)",
            relation="<=",
            left=misrouting,
            right=_exponential_bound,
            control=0.5,
            points=_growing_blocks,
            simulated=lambda model: (),
            condition=f"errors above {LEAST_ERROR:g}",
            label=_label_of("s"),
        ),
    ),
    example=lambda: BlockModel.isotropic(12, 3, 1.0, signal_energy=24.0),
)

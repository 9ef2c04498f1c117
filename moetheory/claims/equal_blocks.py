"""Models of the iso-parameter regime: equal isotropic blocks, as the 1/K law has them."""

from __future__ import annotations

from collections.abc import Sequence

from moetheory.claims.declaration import accepted_models
from moetheory.claims.quantities import noise_of, with_more_noise
from moetheory.problem.model import BlockModel

SIMULATED_ERROR = 0.05  # misrouting with which a model is simulated


def surplus_of(model: BlockModel) -> float:
    """The ratio of signal to noise, r = lambda/noise."""
    return float(model.signal_variances[0]) / noise_of(model)


def size_of(model: BlockModel) -> int:
    """The number of coordinates of a block."""
    return model.dim // model.experts


def with_blocks(model: BlockModel, experts: int, size: int, energy: float) -> BlockModel:
    """The model with other blocks and another signal energy."""
    return BlockModel.isotropic(
        experts * size,
        experts,
        model.noise_variance,
        signal_energy=energy,
        label_power=model.label_power,
        label_noise_variance=model.label_noise_variance,
    )


def with_larger_blocks(model: BlockModel, size: int) -> BlockModel:
    """The model with blocks of another ``size`` and unchanged variances."""
    return with_blocks(model, model.experts, size, size * float(model.signal_variances[0]))


def all_divisors(model: BlockModel) -> Sequence[BlockModel]:
    """The user's model, the noisy one, and the regime at every K above 1 that divides d."""
    import sympy

    energy = size_of(model) * float(model.signal_variances[0])
    experts = [int(k) for k in sympy.divisors(model.dim) if k not in (1, model.experts)]
    others = accepted_models(lambda k: with_blocks(model, k, model.dim // k, energy), experts)
    return list(dict.fromkeys([model, *noisy(model), *others]))


def noisy(model: BlockModel) -> Sequence[BlockModel]:
    """The model with so much noise that errors are common enough to be simulated."""
    return [with_more_noise(model, SIMULATED_ERROR)]


def blocks_label(model: BlockModel) -> str:
    """The name of a point: K, s and the noise variance."""
    return f"K={model.experts} s={size_of(model)} σ²={model.noise_variance:.3g}"

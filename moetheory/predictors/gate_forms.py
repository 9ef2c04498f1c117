"""What each coordinate costs a mixture whose gate reads the input, given its square."""

from __future__ import annotations

from typing import Any, NamedTuple

from moetheory.common.arrays import FloatArray
from moetheory.formulas.population import expert_coefficients
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation


class GateForms(NamedTuple):
    r"""Means of the parts of each coordinate in the forms Q of docs/theory.md §6, at test time.

    With :math:`\theta'` the best coefficients at test time, t those in use, and
    :math:`\theta^0 = b\nu/(\nu+n'+\kappa')` what leaks into an inactive block.

    Attributes
    ----------
    idle, active : (d,) arrays
        The variances :math:`\nu+n'+\kappa'` and :math:`\lambda+n'`.
    missed, met, cross : (d,) arrays
        :math:`\theta'^2`, :math:`E(\theta'-t)^2` and :math:`\theta'(\theta'-Et)`, times ``active``.
    wrong : (d,) array
        :math:`Et^2 - 2\theta^0Et`, times ``idle``.
    """

    idle: FloatArray
    active: FloatArray
    missed: FloatArray
    met: FloatArray
    cross: FloatArray
    wrong: FloatArray

    @classmethod
    def of(cls, there: BlockModel, mean: FloatArray, variance: Any = 0.0) -> GateForms:
        """The forms of coefficients of this ``mean`` and ``variance``, (d,), tried on ``there``."""
        leakage = there.leakage_variances
        idle = there.idle_noise + leakage
        active = there.signal_variances + there.noise_variance
        best = best_given_group(there)
        off = best - mean
        wrong = (mean**2 + variance) * idle - 2.0 * there.coefficients * leakage * mean
        missed, met, cross = active * best**2, active * (off**2 + variance), active * best * off
        return cls(idle, active, missed, met, cross, wrong)


def best_given_group(model: BlockModel) -> FloatArray:
    """The best coefficients of experts whose inputs are all of their own group, (d,)."""
    return expert_coefficients(
        model.signal_variances, model.coefficients, model.noise_variance, 0.0
    )


def model_at_test(model: BlockModel, under: Perturbation | None) -> BlockModel:
    """The model that test inputs come from, with the noise and the interference of ``under``."""
    if under is None or (under.noise_variance is None and under.interference_variances is None):
        return model
    return model.replace(
        noise_variance=under.noise_of(model.noise_variance),
        interference_variances=under.interference_of(model.interference_variances),
    )

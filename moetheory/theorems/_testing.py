"""Experiments on fresh inputs: optimal estimators, tested under a perturbation."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from moetheory.estimates import Estimates
from moetheory.estimators import Dense, Estimator
from moetheory.exposure import UNCHANGED, block_losses
from moetheory.formulas import perturbed
from moetheory.model import BlockModel
from moetheory.optimum import missed_coefficients, optimal_coefficients
from moetheory.simulation import simulate
from moetheory.theorems._declaration import DETECTION, Claim, Outcome, Setting, Side
from moetheory.theorems._quantities import Under, excess_under
from moetheory.theorems._training import BOTH
from moetheory.validation import FloatArray

RESOLUTION = 0.025
FEWEST, MOST_NUMBERS = 10_000, 10**9  # inputs; features that may be drawn by default
DISTORTION = 0.5  # most that skewness may change a tail probability by, to leading order

ALONE = ((1.0, 0.0), (0.0, 1.0))  # weights of dense and MoE

Experiment = Callable[[BlockModel, Setting], Outcome]


def measured(estimator: Estimator, under: Under, expected: Side) -> Experiment:
    """The excess risk of one estimator, as expected."""
    weights = ALONE[0] if isinstance(estimator, Dense) else ALONE[1]
    return _experiment(
        weights, under, lambda model, control: control * expected(model), relative_to="left"
    )


def ordered(
    name: str, left: Estimator, right: Estimator, under: Under, control: float, **more: Any
) -> Claim:
    """One estimator's excess risk is no larger than the other's; simulated on the same inputs."""
    sides = excess_under(left, under), excess_under(right, under)

    def ahead(model: BlockModel, control: float) -> float:
        return control * sides[1](model) - sides[0](model)

    weights = (-1.0, 1.0) if isinstance(left, Dense) else (1.0, -1.0)
    return Claim(
        name=name,
        relation="<=",
        left=sides[0],
        right=sides[1],
        experiment=_experiment(weights, under, ahead, relative_to="risk"),
        control=control,
        **more,
    )


def _experiment(
    weights: tuple[float, float],
    under: Under,
    expected: Callable[[BlockModel, float], float],
    relative_to: str,
) -> Experiment:
    def experiment(model: BlockModel, setting: Setting) -> Outcome:
        law = _Law.of(weights, model, under)
        # both estimators alone need the same draws, so that they can share them
        alike = [law] if all(weights) else [_Law.of(each, model, under) for each in ALONE]
        needed = [each.needed(setting.threshold) for each in alike]
        # what is out of reach is not worth the wait: it ends inconclusive either way
        reachable = [each for each in needed if each * model.dim <= MOST_NUMBERS]
        replicates = setting.replicates or math.ceil(max([FEWEST, *reachable]))
        found = _simulated(model, under, replicates, setting.entropy).combination(weights)
        # groups that were hardly drawn are missed by the observed spread, not by the law
        sem = float(np.fmax(found.sem, law.deviation / math.sqrt(replicates)))
        difference = found.mean - expected(model, setting.control)
        beyond = max(abs(difference) - law.rounding, 0.0)
        power = (setting.threshold + DETECTION) * sem / law.scale if sem > 0.0 else 0.0
        # too few for a normal mean count like too few for the power
        crooked = law.distortion(setting.threshold) / DISTORTION / math.sqrt(replicates)
        return Outcome(
            simulated=found.mean,
            sem=sem,
            z=math.copysign(beyond / sem if sem > 0.0 else math.inf, difference) if beyond else 0.0,
            replicates=replicates,
            power=max(power, RESOLUTION * crooked),
            resolution=RESOLUTION,
            relative_to=relative_to,
        )

    return experiment


@lru_cache(maxsize=8)
def _simulated(model: BlockModel, under: Under, replicates: int, entropy: int) -> Estimates:
    clean = model.replace(label_noise_variance=0.0)
    return simulate(BOTH, clean, under=under(model), replicates=replicates, rng=entropy)


@dataclass(frozen=True)
class _Law:
    """Of a weighted sum of squared errors: given the group and what it is taken for, an error
    is normal with the risk r for variance, so its even moments are 3r² and 15r³."""

    deviation: float  # at least the standard deviation
    skewness: float  # at least E|·|³ / deviation³
    scale: float
    rounding: float

    @classmethod
    def of(cls, weights: tuple[float, float], model: BlockModel, under: Under) -> _Law:
        used = [(w, e) for w, e in zip(weights, BOTH, strict=True) if w]
        cases = [_cases(estimator, model, under) for _, estimator in used]
        chance, risks = cases[0][0], np.stack([each for _, each in cases])
        # relative to the largest, so that no square overflows or underflows
        unit = float(risks.max()) or 1.0
        parts = risks / unit
        # weights are 1, or 1 and -1: squares of normal errors are never negatively correlated, and
        # the third moment of a difference is below the sum of both
        second = 3.0 * np.square(parts).sum(axis=0)
        if len(parts) == 2:
            second -= 2.0 * parts.prod(axis=0)
        third = 15.0 * float((parts**3).sum(axis=0) @ chance)
        signs = np.sign([w for w, _ in used])
        variance = max(float(second @ chance) - float(signs @ parts @ chance) ** 2, 0.0)
        cubed = variance**1.5  # of errors that hardly ever occur it may underflow
        means = risks @ chance
        # a squared error of size r inherits this from the rounding of labels and predictions
        delta = 64.0 * 2.0**-52 * math.sqrt(model.label_power)
        rounding = 2.0 * math.sqrt(float(means.sum())) * delta + delta**2
        return cls(
            deviation=unit * math.sqrt(variance),
            skewness=third / cubed if cubed > 0.0 else math.inf if third else 0.0,
            scale=max(float(means.max()), rounding),
            rounding=rounding,
        )

    def needed(self, threshold: float) -> float:
        """Inputs for the power, and for a mean that is as good as normal."""
        if not self.deviation:
            return 0.0
        power = (threshold + DETECTION) * self.deviation / self.scale / RESOLUTION
        # 5 % more, since the spread that will be observed varies
        return 1.05 * max(power, self.distortion(threshold) / DISTORTION) ** 2

    def distortion(self, threshold: float) -> float:
        """What skewness changes a tail by with one input, to leading order."""
        return threshold**3 * self.skewness / 3.0


def _cases(estimator: Estimator, model: BlockModel, under: Under) -> tuple[FloatArray, FloatArray]:
    """Of each group, and what it is taken for, the probability and the excess risk."""
    change = under(model) or UNCHANGED
    losses = block_losses(
        model, optimal_coefficients(estimator, model), missed_coefficients(estimator, model)
    )
    route = perturbed.dense_routed if isinstance(estimator, Dense) else perturbed.expert_routed
    routed = route(losses, change.noise_of(model.noise_variance), change.drag)
    p = model.group_probabilities
    if change.confusion is None:
        return p, routed.right
    risks = routed.unseen[:, np.newaxis] + routed.wrong
    np.fill_diagonal(risks, routed.right)
    return (p[:, np.newaxis] * change.confusion).ravel(), risks.ravel()

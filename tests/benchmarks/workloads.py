"""The workloads of the engine's benchmark and of the guard of its work."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import moetheory as mt

ESTIMATORS = (mt.Dense(), mt.MoE())


@dataclass(frozen=True)
class Workload:
    """An isotropic model with blocks of unit covariance, and the size of its training sets.

    ``target`` is how many times faster than batched NumPy `simulate` must be, ``aim`` what is
    hoped for.
    """

    name: str
    experts: int
    size: int
    samples: int
    target: float = 1
    aim: float | None = None

    @property
    def dim(self) -> int:
        return self.experts * self.size

    @property
    def rows(self) -> int:
        """Samples of each group."""
        return self.samples // self.experts

    @property
    def model(self) -> mt.BlockModel:
        return model_of(self)

    def __str__(self) -> str:
        return f"{self.name} (K={self.experts} s={self.size} n={self.samples})"


A = Workload("A", 8, 8, 640, target=9)
B = Workload("B", 16, 16, 2560, target=40, aim=60)
C = Workload("C", 4, 4, 10**6, target=20_000)
D = Workload("D", 8, 32, 128, target=2.5, aim=4)
WORKLOADS = (A, B, C, D)


def model_of(work: Workload, problem: ModuleType = mt.problem) -> mt.BlockModel:
    """Block covariances are identities: tr Σ_g = s; ``problem`` may be that of a second copy."""
    model: mt.BlockModel = problem.BlockModel.isotropic(
        work.dim, work.experts, 0.25, signal_energy=work.size
    )
    return model


def simulate(
    work: Workload, replicates: int, seed: int = 0, package: ModuleType = mt, **how: Any
) -> mt.Estimates:
    """Dense and experts together, by ``package`` or a second copy of it."""
    problem = package.problem
    estimates: mt.Estimates = package.simulation.simulate(
        (problem.Dense(), problem.MoE()),
        model_of(work, problem),
        samples=work.samples,
        replicates=replicates,
        rng=seed,
        **how,
    )
    return estimates


def means(estimates: mt.Estimates) -> list[float]:
    return [each.mean for each in estimates]


def scores(work: Workload, means: Sequence[float], sems: Sequence[float]) -> list[float]:
    """z of both estimators against the closed forms, whose own error counts."""
    closed = [mt.risk(each, work.model, samples=work.samples) for each in ESTIMATORS]
    return [
        (mean - risk.value) / math.hypot(sem, risk.error)
        for mean, sem, risk in zip(means, sems, closed, strict=True)
    ]

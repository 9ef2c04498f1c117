"""Hypothesis profiles and the yardstick of the simulation tests.

Profiles: ``ci`` (default, derandomised), ``dev`` and ``thorough``; choose one with
``--hypothesis-profile=thorough``.
"""

import math
import multiprocessing
import os
import statistics
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache

# many small factorisations: threads that share busy cores slow them down; read when NumPy loads
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pytest
from hypothesis import settings

from moetheory import checking
from moetheory.estimates import student_quantile
from moetheory.theorems import _training

settings.register_profile("ci", derandomize=True, deadline=None, max_examples=40)
settings.register_profile("dev", deadline=None, max_examples=30)
settings.register_profile("thorough", deadline=None, max_examples=10_000)
settings.load_profile("ci")

LEVEL = 1e-6  # family-wise, over at most COMPARISONS comparisons of the whole suite
COMPARISONS = 100
DETECTION = statistics.NormalDist().inv_cdf(0.9)


@pytest.fixture(scope="session")
def agrees():
    """``agrees(mean, sem, n, value)``: is a simulated mean what theory says, could it be seen?"""
    made = 0

    def compare(mean: float, sem: float, n: int, value: float) -> bool:
        nonlocal made
        made += 1
        assert made <= COMPARISONS, "raise COMPARISONS: the family-wise level needs the number"
        threshold = student_quantile(LEVEL / (2 * COMPARISONS), n - 1)
        z, power = (mean - value) / sem, (threshold + DETECTION) * sem / abs(value)
        print(f"z {z:+.2f} of {threshold:.2f}, power {100 * power:.2g} %")
        assert power <= 0.01, f"could only have seen an error of {100 * power:.2g} %"
        return abs(z) <= threshold

    return compare


@pytest.fixture(scope="session")
def pool():
    """Two other processes, started once."""
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as executor:
        yield executor


class Held:
    """``held(theorem)``: the verdict of a check with all its power, made once.

    What a check simulates is kept for those of wrong variants: ``held.simulated`` stands in for
    `simulate`, training sets are kept in their own place.
    """

    def __init__(self):
        self.verdicts, self.estimates = {}, {}
        self.plain = checking.simulate

    def __call__(self, theorem):
        if theorem not in self.verdicts:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(checking, "simulate", self.keep)
                self.verdicts[theorem] = checking.check(theorem, rng=1)
        return self.verdicts[theorem]

    def keep(self, estimators, model, *, under, **options):
        estimates = self.plain(estimators, model, under=under, **options)
        self.estimates[estimators, model, repr(under)] = estimates
        return estimates

    def simulated(self, estimators, model, *, under, replicates, **options):
        estimates = self.estimates[estimators, model, repr(under)]
        if estimates[0].replicates >= replicates:
            return estimates
        return self.plain(estimators, model, under=under, replicates=replicates, **options)


@pytest.fixture(scope="session")
def held():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_training, "drawn", lru_cache(32)(_training.drawn.__wrapped__))
        yield Held()


@pytest.fixture(scope="session")
def generic():
    """A factory of models in which nothing is equal; keyword arguments as for BlockModel."""
    from moetheory import BlockModel

    def make(noise_variance: float = 0.4, **changes: object) -> BlockModel:
        ranks = np.arange(1.0, 10.0)
        return BlockModel(
            [0.2, 0.5, 0.3],
            [0, 0, 1, 1, 1, 1, 2, 2, 2],
            3.0 / ranks,
            np.cos(ranks) + 0.2,
            noise_variance,
            **changes,
        )

    return make


@pytest.fixture(scope="session")
def mean_and_sem():
    """Plain mean and standard error of a sample."""

    def of(values: np.ndarray) -> tuple[float, float, int]:
        return values.mean(), values.std(ddof=1) / math.sqrt(len(values)), len(values)

    return of

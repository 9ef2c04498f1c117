"""Experiments on training sets: how many are drawn, and the risks of what is fitted on them."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from moetheory.claims.experiments import Setting
from moetheory.common.arrays import FloatArray
from moetheory.problem.estimators import Dense, Estimator, MoE
from moetheory.problem.model import BlockModel
from moetheory.simulation import fitted_risks
from moetheory.simulation.methods.route import Method

BOTH: tuple[Estimator, ...] = (Dense(), MoE())
SETS = 10_000  # training sets, of models that are small enough
# what an experiment draws and factors at most when replicates is not given
MOST_NUMBERS, MOST_PRODUCTS = 2 * 10**8, 5 * 10**10


def replicates_of(setting: Setting, default: int, model: BlockModel, samples: int) -> int:
    """The number of training sets: as asked for, else ``default`` or what is affordable."""
    numbers = samples * model.dim
    affordable = min(MOST_NUMBERS // numbers, MOST_PRODUCTS // (numbers * model.dim))
    return setting.replicates or max(2, min(default, affordable))


@lru_cache(maxsize=4)
def drawn_risks(
    model: BlockModel,
    counts: tuple[int, ...] | int,
    replicates: int,
    entropy: int,
    estimators: tuple[Estimator, ...] = BOTH,
    method: Method | None = "data",
) -> FloatArray:
    """Risks of estimators fitted on common training sets, for each group, (E, R, K).

    Training sets are drawn sample by sample, not from the law that the claims are about.
    """
    samples = counts if isinstance(counts, int) else list(counts)
    return fitted_risks(
        estimators, model, samples, method=method, replicates=replicates, rng=entropy
    )


def drawn_dense_risks(
    model: BlockModel, counts: tuple[int, ...], replicates: int, entropy: int
) -> FloatArray:
    """Risks of dense alone, (R,), by the fastest method: no claim is about its law."""
    given_group = drawn_risks(model, counts, replicates, entropy, BOTH[:1], None)[0]
    return np.asarray(given_group @ model.group_probabilities)

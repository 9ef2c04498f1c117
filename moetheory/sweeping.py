"""Tabulating risks over one quantity."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from moetheory.estimators import Dense, Estimator, MoE, known
from moetheory.evaluation import moe_bound, risk
from moetheory.model import BlockModel, known_model
from moetheory.results import Estimates, Sweep
from moetheory.simulation import simulate
from moetheory.simulation.seeding import RNG, child, entropy_of
from moetheory.validation import members, regular_array


def sweep(
    model: BlockModel | Callable[[Any], BlockModel],
    over: str,
    values: Sequence[Any] | np.ndarray[Any, Any],
    estimators: Sequence[Estimator] = (Dense(), MoE()),
    *,
    replicates: int | None = None,
    rng: RNG = None,
    progress: Callable[[int, int], None] | None = None,
) -> Sweep:
    """Excess risk of each estimator at each value of a quantity, and its simulation.

    Parameters
    ----------
    model : BlockModel or callable
        A model of which ``over`` is a constructor argument that takes one number, or a factory
        ``value -> model`` for anything else (``over`` then only names the column).
    over : str
    values : (n,) sequence of numbers
    estimators : sequence of Dense or MoE
        With ``MoE()`` among them there is a column ``bound``, the upper bound on its risk.
    replicates : int, optional
        Simulate too, with this many test samples for each value.
    rng : int, SeedSequence, Generator or None
    progress : callable, optional
        Called as ``progress(done, total)`` in replicates.

    Returns
    -------
    Sweep

    Examples
    --------
    >>> result = sweep(lambda k: BlockModel.isotropic(8, k, 1.0, signal_energy=8.0),
    ...                "experts", [1, 2, 4, 8])
    >>> result["dense"].tolist(), result["moe"].tolist()
    ([0.5, 0.5, 0.5, 0.5], [0.5, 0.333333, 0.2, 0.111111])
    """
    grid = regular_array("values", values)
    if grid.ndim != 1 or grid.size == 0 or grid.dtype.kind not in "iuf":
        raise ValueError(f"values must be a non-empty sequence of numbers, got {values!r}")
    estimators = [
        known(estimator) for estimator in members("estimators", estimators, of="estimators")
    ]
    labels = [estimator.label for estimator in estimators]
    if not labels or len(set(labels)) < len(labels):
        raise ValueError(f"estimators must be different and at least one, got {labels}")
    if not isinstance(over, str) or over in {*labels, "bound"}:
        raise ValueError(
            f"over must be a name that is no other column's (bound, {', '.join(labels)}), "
            f"got {over!r}"
        )
    models = [known_model(_at(model, over, value)) for value in grid.tolist()]

    columns: dict[str, Any] = {over: grid.copy()}
    for label, estimator in zip(labels, estimators, strict=True):
        columns[label] = np.array([risk(estimator, each).excess for each in models])
    if MoE() in estimators:
        columns["bound"] = np.array([moe_bound(each) for each in models])
    if replicates is None:
        return Sweep(over, columns, 0, None)

    entropy = entropy_of(rng)
    runs: list[Estimates] = []
    for index, each in enumerate(models):

        def report(done: int, total: int, index: int = index) -> None:
            if progress is not None:
                progress(index * total + done, len(models) * total)

        runs.append(
            simulate(
                estimators,
                each,
                replicates=replicates,
                rng=child(entropy, index),
                progress=report,
            )
        )
    for i, label in enumerate(labels):
        omega = [each.label_noise_variance for each in models]
        columns[f"{label}_simulated"] = np.array([run[i].mean for run in runs]) - omega
        columns[f"{label}_sem"] = np.array([run[i].sem for run in runs])
    return Sweep(over, columns, runs[0].replicates, entropy)


def _at(model: BlockModel | Callable[[Any], BlockModel], over: str, value: Any) -> BlockModel:
    return model.replace(**{over: value}) if isinstance(model, BlockModel) else model(value)

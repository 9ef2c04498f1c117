"""The identity of a run, by which a checkpoint knows whether the run may go on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from moetheory.common.arrays import IntArray
from moetheory.common.version import __version__
from moetheory.problem.custom_estimators import Custom
from moetheory.problem.descent_schedule import Schedule
from moetheory.problem.estimators import Simulated
from moetheory.problem.losses import Loss
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation
from moetheory.problem.sample_counts import Counts
from moetheory.simulation.methods.route import Family


def run_identity(
    estimators: Sequence[Simulated],
    models: Sequence[BlockModel],
    samples: IntArray | None,
    counts: Counts,
    plan: Sequence[Family],
    entropy: int,
    under: Perturbation | None = None,
    schedule: Schedule | None = None,
    loss: Loss = "squared",
) -> dict[str, Any]:
    """All that the bits of a chunk depend on, as JSON can hold it; not the number of chunks."""
    found = {
        "moetheory": __version__,
        "numpy": np.__version__,
        "entropy": entropy,
        "model": [_digest(_fields(model)) for model in models],
        "estimators": [_named(estimator) for estimator in estimators],
        "samples": None if samples is None else samples.tolist(),
        "counts": counts,
        "method": [family.route.method for family in plan],
        "under": None if under is None else [repr(under), _digest(_beyond_repr(under))],
    }
    if loss != "squared":
        found["loss"] = loss
    return found if schedule is None else found | {"schedule": repr(schedule)}


def _named(estimator: Simulated) -> str:
    """An estimator as code; of a function its name and version tell whether it is the same."""
    if isinstance(estimator, Custom):
        return f"Custom(name={estimator.name!r}, version={estimator.version!r})"
    return repr(estimator)


def _fields(model: BlockModel) -> dict[str, Any]:
    """The fields of a model; a model without interference is what it was before there was any."""
    fields = model.fields()
    return (
        fields
        if model.interferes
        else {name: value for name, value in fields.items() if name != "interference_variances"}
    )


def _beyond_repr(under: Perturbation) -> dict[str, Any]:
    """Parts of a perturbation that its repr hides: quantiles tell laws of one name apart."""
    noise = under.noise
    quantiles = None if noise is None else noise.ppf([0.01, 0.2, 0.4, 0.5, 0.7, 0.99])
    found = {"confusion": under.confusion, "noise": quantiles}
    for name in ("noise_variance", "interference_variances"):
        if np.ndim(getattr(under, name)):
            found[name] = getattr(under, name)
    return found


def _digest(fields: Mapping[str, Any]) -> str:
    digest = hashlib.sha256()
    for name, value in fields.items():
        parts = value if isinstance(value, tuple) else () if value is None else (value,)
        digest.update(f"{name} {len(parts)} ".encode())
        for part in parts:
            array = np.asarray(part)
            digest.update(f"{array.dtype.str} {array.shape} ".encode())
            digest.update(array.tobytes())
    return digest.hexdigest()

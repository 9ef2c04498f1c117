"""Results as text for people and as JSON for machines."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from typing import Any

from moetheory.commands.provenance import versions
from moetheory.common.arrays import IntArray
from moetheory.common.text import number, rounded, table
from moetheory.problem import model_json
from moetheory.problem.losses import Loss
from moetheory.problem.model import BlockModel

SCHEMA = 1


def simulation_table(
    results: Mapping[str, Mapping[str, Any]], width: int | None, loss: Loss = "squared"
) -> str:
    """The table of a simulation, one row an estimator; medians where a variance is infinite."""
    name = "risk" if loss == "squared" else "misclassification"
    heavy = any(row["sem"] == math.inf for row in results.values())
    rows = []
    for label, row in results.items():
        low, high = (rounded(end, row["sem"]) for end in row["interval"])
        cells = {
            "estimator": label,
            name: rounded(row["mean"], row["sem"]),
            "sem": f"{row['sem']:.2g}",
            "95 % interval": f"{low} to {high}",
        }
        if heavy:
            low, high = map(number, row["median_interval"])
            cells["median"] = number(row["median"])
            cells["its 95 % interval"] = f"{low} to {high}"
        cells["theory"] = "-" if row["theory"] is None else number(row["theory"])
        if loss == "squared":  # of signs whatever is known is exact
            cells["exactness"] = row["exactness"] or "-"
        cells["z"] = "-" if row["z"] is None else f"{row['z']:+.2f}"
        rows.append(cells | {"method": row["method"], "replicates": str(row["replicates"])})
    return table(list(rows[0]), [list(row.values()) for row in rows], width)


def counts_in_words(counts: IntArray) -> str:
    """The numbers of samples in words.

    >>> import numpy as np
    >>> counts_in_words(np.array([14, 13, 13]))
    '40 samples, 13 to 14 in each group'
    """
    least, most = int(counts.min()), int(counts.max())
    each = f"{least}" if least == most else f"{least} to {most}"
    total = sum(counts.tolist())
    return f"{total} {'sample' if total == 1 else 'samples'}, {each} in each group"


def settings_in_words(given: Mapping[str, Any]) -> str:
    """The given options in words.

    >>> settings_in_words({"misrouting": 0.25, "drag": 1.0, "noise_law": "student-t:5"})
    'misrouting 0.25, drag 1, noise law student-t:5'
    """

    def words(name: str, value: Any) -> str:
        return f"{name.replace('_', ' ')} {value if isinstance(value, str) else number(value)}"

    return ", ".join(words(name, value) for name, value in given.items())


def document(command: str, results: Any, **more: Any) -> str:
    """A JSON document: schema number, versions and the results."""
    content = {"schema": SCHEMA, "command": command, "versions": versions(), **more}
    return json.dumps(_json_value({**content, "results": results}), indent=2, allow_nan=False)


def _json_value(value: Any) -> Any:
    """The value in types of JSON: dataclasses as dictionaries, infinite numbers as strings."""
    if isinstance(value, BlockModel):
        return model_json.document(value.fields())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = (field for field in dataclasses.fields(value) if field.metadata.get("json", True))
        value = {field.name: getattr(value, field.name) for field in fields}
    if isinstance(value, Mapping):
        return {str(name): _json_member(name, item) for name, item in value.items()}
    if isinstance(value, tuple | list):
        return [_json_value(item) for item in value]
    if hasattr(value, "tolist"):
        return _json_value(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def _json_member(name: object, value: Any) -> Any:
    # an entropy may be longer than what other languages read as a number
    return str(value) if name == "entropy" and value is not None else _json_value(value)

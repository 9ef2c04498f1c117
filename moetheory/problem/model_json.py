"""JSON files of models: floats are written as their shortest exact decimals."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from moetheory.common.files import replacing

_FORMAT = "moetheory.BlockModel"
_SCHEMA = 1


def document(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The content of the file: format, schema, and the fields as lists and numbers."""
    plain = {name: _as_lists(value) for name, value in fields.items()}
    return {"format": _FORMAT, "schema": _SCHEMA, **plain}


def write(path: str | os.PathLike[str], fields: Mapping[str, Any]) -> None:
    """Write arrays, numbers and tuples of arrays; the file is replaced only when complete."""
    with replacing(path) as file:
        json.dump(document(fields), file, allow_nan=False)
        file.write("\n")


def read(path: str | os.PathLike[str], names: Collection[str]) -> dict[str, Any]:
    """The fields ``names`` of a file that `write` wrote, as plain lists and numbers."""
    place = os.fspath(path)
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{place} must be a complete JSON file: {error}") from None
    if not isinstance(content, dict):
        raise ValueError(f"{place} must hold a JSON object, got a {type(content).__name__}")
    wanted = {"format", "schema", *names}
    for problem, keys in (
        ("unknown", set(content) - wanted),
        ("missing", wanted - set(content)),
    ):
        if keys:
            shown = (key if key.isidentifier() else repr(key) for key in sorted(keys))
            raise ValueError(
                f"{place} must have just the keys of a {_FORMAT}; {problem}: {', '.join(shown)}"
            )
    kind = (content.pop("format"), content.pop("schema"))
    if kind != (_FORMAT, _SCHEMA):
        raise ValueError(f"{place} must be a {_FORMAT} of schema {_SCHEMA}, got {kind}")
    return content


def _as_lists(value: Any) -> Any:
    """``value`` with arrays and tuples as lists."""
    if isinstance(value, tuple):
        return [_as_lists(part) for part in value]
    return value.tolist() if isinstance(value, np.ndarray) else value

"""JSON files of models: floats are written as their shortest exact decimals."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from moetheory.common.files import open_regular, replacing
from moetheory.common.validation import shown

LONGEST_INTEGER = 4000  # characters, beyond all floats
LARGEST = 2**30  # bytes of a file that is read
_FORMAT = "moetheory.BlockModel"
_SCHEMA = 2
_ABSENT = {1: {"interference_variances": 0.0}}  # of files of older schemas: fields with their value
_SHOWN = 8  # the most keys that a message lists
_DEPTH = 3  # of nested lists: the matrices of rotations
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")  # how a file in UTF-16 begins, or in UTF-32


class _RepeatedKey(Exception):  # noqa: N818 - does not leave this file
    """A JSON object has a key twice."""


def document(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The content of the file: format, schema, and the fields as lists and numbers."""
    plain = {name: _as_lists(value) for name, value in fields.items()}
    return {"format": _FORMAT, "schema": _SCHEMA, **plain}


def write(path: str | os.PathLike[str], fields: Mapping[str, Any]) -> None:
    """Write arrays, numbers and tuples of arrays; the file is replaced only when complete."""
    with replacing(path) as file:
        json.dump(document(fields), file, allow_nan=False)
        file.write("\n")


def read(path: Path, names: Collection[str]) -> dict[str, Any]:
    """The fields ``names`` of a file that `write` wrote, as plain lists and numbers.

    Errors begin with the file, `named`.
    """
    place = named(path)
    content = _parsed(path)
    if not isinstance(content, dict):
        raise ValueError(f"{place} must hold a JSON object, got a {type(content).__name__}")
    schema = content.get("schema")
    absent = _ABSENT.get(schema, {}) if type(schema) is int else {}
    wanted = {"format", "schema", *names} - set(absent)
    for problem, keys in (
        ("unknown", set(content) - wanted),
        ("missing", wanted - set(content)),
    ):
        if keys:
            raise ValueError(
                f"{place} must have just the keys of a {_FORMAT}; {problem}: {_listed(keys)}"
            )
    kind = (content.pop("format"), content.pop("schema"))
    # for Python 1 and True and 1.0 are equal
    if kind[0] != _FORMAT or type(schema) is not int or schema not in (*_ABSENT, _SCHEMA):
        raise ValueError(f"{place} must be a {_FORMAT} of schema 1 to {_SCHEMA}, got {shown(kind)}")
    for name, value in content.items():
        if isinstance(value, list):
            _require_numbers(f"{place}: {name}", value, _DEPTH)
    return {**absent, **content}


def named(path: Path) -> str:
    """The path of a file as quoted text, with which errors begin."""
    return repr(str(path))


def _parsed(path: Path) -> Any:
    """The content of a JSON file; ValueError for anything else."""
    place = named(path)
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > LARGEST:
            raise ValueError(f"{place} must have at most {LARGEST} bytes, got {size}")
        content = file.read(LARGEST)
    if content.startswith(_UTF_16):
        raise ValueError(f"{place} must be a JSON file in UTF-8, got another encoding")
    try:
        text = content.decode("utf-8-sig")
        return json.loads(text, object_pairs_hook=_as_dict, parse_int=_integer)
    except UnicodeDecodeError as error:
        raise ValueError(f"{place} must be a JSON file in UTF-8: {error.reason}") from None
    except _RepeatedKey as error:
        raise ValueError(f"{place} must have each key once, got {error} twice") from None
    except RecursionError:
        raise ValueError(f"{place} must not be nested so deeply") from None
    except ValueError as error:
        raise ValueError(f"{place} must be a complete JSON file: {error}") from None


def _integer(digits: str) -> int:
    """An integer of a JSON file; Python itself refuses to read very long ones."""
    if len(digits) > LONGEST_INTEGER:
        raise ValueError(f"it has an integer of {len(digits)} digits")
    return int(digits)


def _as_dict(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """The dictionary of an object in a JSON file, in which each key must be there once."""
    content = {}
    for key, value in pairs:
        if key in content:
            raise _RepeatedKey(shown(key))
        content[key] = value
    return content


def _require_numbers(what: str, values: list[Any], depth: int) -> None:
    """Refuse anything but numbers in lists of lists, at most ``depth`` levels of them.

    An array would take a boolean for a number, and make text as long as the longest.
    """
    for index, value in enumerate(values):
        if isinstance(value, list) and depth > 1:
            _require_numbers(f"{what}[{index}]", value, depth - 1)
        elif type(value) not in (int, float):
            raise ValueError(f"{what} must hold numbers, got {shown(value)} at index {index}")


def _listed(keys: Iterable[str]) -> str:
    """The keys in order, as names or quoted; of many the first."""
    words = [key if key.isidentifier() and len(key) < 60 else shown(key) for key in sorted(keys)]
    more = f", … ({len(words)} in all)" if len(words) > _SHOWN else ""
    return ", ".join(words[:_SHOWN]) + more


def _as_lists(value: Any) -> Any:
    """``value`` with arrays and tuples as lists."""
    if isinstance(value, tuple):
        return [_as_lists(part) for part in value]
    return value.tolist() if isinstance(value, np.ndarray) else value

"""The paper side by side: each of its theorems, tables and claims, and what is computed of it here.

One file a row; `rows` has them by name, in the order of the paper.
"""

from __future__ import annotations

import importlib
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from moetheory.common.file_index import FileIndex

if TYPE_CHECKING:
    from moetheory.paper.declaration import Row

NAMES = (  # in the order of the paper
    "one-over-k",
    "theorem-4-1",
    "theorem-4-2",
    "theorem-4-3",
    "theorem-4-4",
    "convergence",
    "theorem-4-7",
    "sample-complexity",
    "overlap-table",
    "linear-probes",
    "word-perturbations",
    "moefied-t5",
    "minimind",
    "vision-transformers",
)


@cache
def _load(name: str) -> Row:
    """The row of a file, with its name."""
    module = importlib.import_module(f"{__name__}.{name.replace('-', '_')}")
    row: Row = replace(module.ROW, name=name)
    return row


rows = FileIndex("rows of the paper", "a row of the paper", lambda: NAMES, _load)

__all__ = ["rows"]

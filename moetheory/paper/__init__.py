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

REFERENCE = (
    "Sun, Nittala, Burkholz: Robustness of Mixtures of Experts to Feature Noise "
    "(arXiv:2601.14792, ICML 2026), as it is publicly summarised; it comes without code"
)
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


def _names() -> tuple[str, ...]:
    return NAMES


rows = FileIndex("rows of the paper", "a row of the paper", _names, _load)

__all__ = ["REFERENCE", "rows"]

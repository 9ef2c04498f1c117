"""The catalogue of theorems, one file each.

To add one copy ``_template.py``, or ``_template_experiment.py`` for a claim with an experiment.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from moetheory.common.file_index import FileIndex

if TYPE_CHECKING:
    from moetheory.claims.declaration import Theorem


def _names() -> Iterator[str]:
    """The names of the files, without the templates."""
    modules = (module.name for module in pkgutil.iter_modules(__path__))
    return (name.replace("_", "-") for name in modules if not name.startswith("_"))


@cache
def _load(name: str) -> Theorem:
    """The theorem of a file, with its name."""
    module = importlib.import_module(f"{__name__}.{name.replace('-', '_')}")
    theorem: Theorem = replace(module.THEOREM, name=name)
    theorem.pickled_as(_load, name)
    return theorem


catalogue = FileIndex("catalogue", "a theorem", _names, _load)

"""The catalogue of theorems, one file each.

To add one copy ``_template.py``, or ``_template_experiment.py`` for a claim with an experiment.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from moetheory.common.errors import ArgumentKeyError
from moetheory.common.validation import shown

if TYPE_CHECKING:
    from moetheory.claims.declaration import Theorem


class Catalogue(Mapping[str, "Theorem"]):
    """The theorems by name; a name is a file name with dashes, and listing imports no theorem.

    >>> "one-over-k" in catalogue, catalogue["one-over-k"].name
    (True, 'one-over-k')
    """

    def __iter__(self) -> Iterator[str]:
        modules = (module.name for module in pkgutil.iter_modules(__path__))
        return (name.replace("_", "-") for name in modules if not name.startswith("_"))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __getitem__(self, name: str) -> Theorem:
        given: object = name
        if not isinstance(given, str) or name not in set(self):
            near = difflib.get_close_matches(str(name), list(self), n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(self)}"
            raise ArgumentKeyError("name", f"must be that of a theorem, got {shown(name)}; {hint}")
        return _load(name)

    def __repr__(self) -> str:
        return f"<catalogue: {', '.join(self)}>"


@cache
def _load(name: str) -> Theorem:
    """The theorem of a file, with its name."""
    module = importlib.import_module(f"{__name__}.{name.replace('-', '_')}")
    theorem: Theorem = replace(module.THEOREM, name=name)
    theorem.pickled_as(_load, name)
    return theorem


catalogue = Catalogue()

"""Objects that Hypothesis reports as the calls that make them: code that can be pasted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from hypothesis import strategies as st

T = TypeVar("T")


def built(draw: Callable[[st.SearchStrategy[T]], T], kind: type[T], **arguments: Any) -> T:
    """The object ``kind(**arguments)``, which Hypothesis will report as this call.

    By itself Hypothesis would write out the fields of a dataclass, arrays abridged.
    """
    return draw(st.builds(kind, **{name: st.just(value) for name, value in arguments.items()}))

"""Who called the package."""

from __future__ import annotations

import inspect


def stacklevel() -> int:
    """The ``stacklevel`` with which a function of the package warns whoever called the package.

    >>> stacklevel() > 0
    True
    """
    frame, level = inspect.currentframe(), 0
    while frame is not None and _is_ours(frame.f_globals.get("__name__", "")):
        frame, level = frame.f_back, level + 1
    return max(level, 1)


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] == __name__.partition(".")[0]

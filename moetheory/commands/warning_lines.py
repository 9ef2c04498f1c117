"""Warnings of the library, printed in one line each."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from moetheory.common.errors import CheckpointWarning, HeavyTailWarning, RareGroupWarning
from moetheory.common.terminal import note


@contextmanager
def warnings_in_lines() -> Iterator[list[str]]:
    """Print warnings as they come, each once; the list collects them."""
    messages: list[str] = []

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        if str(message) not in messages:
            messages.append(str(message))
            note(f"moetheory: warning: {message}")

    with warnings.catch_warnings():
        for category in (CheckpointWarning, HeavyTailWarning, RareGroupWarning):
            warnings.simplefilter("always", category)
        warnings.showwarning = show
        yield messages

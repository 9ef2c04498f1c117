"""Files written by commands: paths are checked before the work, errors take one line."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from moetheory.commands.refusals import BadInputError

FIGURES = (".png", ".pdf", ".svg")


def require_writable(*paths: Path | None) -> None:
    """Refuse, before the work, paths that could not be written after it."""
    for path in paths:
        if path is None:
            continue
        folder = path.absolute().parent
        if not folder.is_dir():
            raise BadInputError(f"{path} cannot be written: {path.parent} is not a directory")
        if path.is_dir() or not os.access(folder, os.W_OK):
            why = "it is a directory" if path.is_dir() else f"no permission in {folder}"
            raise BadInputError(f"{path} cannot be written: {why}")


def require_figure(path: Path | None) -> None:
    """Refuse, before the work, the path of a figure that `save` could not write."""
    require_writable(path)
    if path is not None and path.suffix not in FIGURES:
        raise BadInputError(f"--figure must end in {', '.join(FIGURES)}, got {path}")


def save(result: Any, csv: Path | None, figure: Path | None) -> None:
    """Write a table as CSV and draw its figure, each if a path is given."""
    with writing():
        if csv is not None:
            result.to_csv(csv)
        if figure is not None:
            _save_figure(result, figure)


def _save_figure(result: Any, path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    from moetheory.figures.plotting import plot

    plot(result)
    pyplot.savefig(path, dpi=150)
    pyplot.close()


@contextmanager
def writing() -> Iterator[None]:
    """Turn errors of writing into one line."""
    try:
        yield
    except OSError as error:  # a full disk, say
        raise BadInputError(f"cannot write: {error}") from None

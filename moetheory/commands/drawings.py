"""Figures written to files, without a window or any other part of a backend."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moetheory.commands.provenance import figure_metadata
from moetheory.commands.refusals import BadInputError
from moetheory.common.files import replacing_bytes
from moetheory.figures.style import SIZE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FIGURES = (".png", ".pdf", ".svg")
DPI = 150
SALT = "moetheory"  # of the names inside an SVG, which are random without it


def add_figure(parser: argparse.ArgumentParser, text: str) -> None:
    """Add the options of a figure: its file, which ``text`` explains, and its title."""
    parser.add_argument(
        "--figure", type=Path, metavar="FILE", help=f"{text} ({', '.join(FIGURES)})"
    )
    parser.add_argument("--title", metavar="TEXT", help="the title of the figure")


def require_figure(options: argparse.Namespace) -> None:
    """Refuse a title without a figure."""
    if options.title is not None and options.figure is None:
        raise BadInputError("--title needs --figure, the file of the figure")


def save_figure(
    draw: Callable[[Figure], object],
    path: Path,
    command: str,
    size: tuple[float, float] = SIZE,
) -> None:
    """Write what ``draw`` draws on a figure to ``path``, whole or not at all."""
    matplotlib = _matplotlib()
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    draw(figure)
    suffix = path.suffix.lower()
    kind, metadata = suffix.removeprefix("."), figure_metadata(suffix, command)
    # TrueType: publishers refuse what PDF has by default
    formats = {"svg.hashsalt": SALT, "pdf.fonttype": 42}
    with matplotlib.rc_context(formats), replacing_bytes(path) as file:
        figure.savefig(file, format=kind, dpi=DPI, metadata=metadata)


def _matplotlib() -> Any:
    """Matplotlib, which does not import where the environment names a backend that is not there.

    A notebook names its own to the processes that it starts.
    """
    if "matplotlib" in sys.modules:
        return sys.modules["matplotlib"]
    named = os.environ.pop("MPLBACKEND", None)
    try:
        import matplotlib
    finally:
        if named is not None:
            os.environ["MPLBACKEND"] = named
    if named:
        with suppress(ValueError):  # as the import would have done, for whoever draws later
            matplotlib.rcParams["backend"] = named
    return matplotlib

"""Where a file comes from: the command, the versions and the seed, kept inside the file."""

from __future__ import annotations

import argparse
import platform
import shlex
from importlib.metadata import PackageNotFoundError, version

from moetheory.common.escapes import printable
from moetheory.common.version import __version__

LIBRARIES = ("numpy", "scipy", "sympy", "matplotlib")


def versions() -> dict[str, str]:
    """The versions of moetheory, Python and the libraries, none of which is imported for that."""
    found = {"moetheory": __version__, "python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # a library without its metadata, in a frozen program say
            found[name] = "unknown"
    return found


def command_line(options: argparse.Namespace, entropy: int | None) -> str:
    """The command as it was typed, with the seed that replays it.

    >>> options = argparse.Namespace(arguments=("sweep", "--dim", "8"), seed=None)
    >>> command_line(options, 123)
    'moetheory sweep --dim 8 --seed 123'
    """
    seed = [] if entropy is None or options.seed is not None else ["--seed", str(entropy)]
    return printable(shlex.join(["moetheory", *options.arguments, *seed]), lines=False)


def versions_in_words() -> str:
    """The versions in one line."""
    return ", ".join(f"{name} {number}" for name, number in versions().items())


def comment(command: str) -> str:
    """The first line of a CSV file."""
    return f"# {command} ({versions_in_words()})\n"


def figure_metadata(suffix: str, command: str) -> dict[str, str | None]:
    """What a figure says of itself, by the keys of its format, without the time of its making."""
    about = versions_in_words()
    match suffix:
        case ".png":
            return {"Description": command, "Software": about}
        case ".svg":
            return {"Description": command, "Creator": about, "Date": None}
    return {"Subject": command, "Creator": about, "CreationDate": None}

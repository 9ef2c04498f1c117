"""Files written by commands: paths are checked before the work, errors take one line."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from moetheory.commands.drawings import FIGURES, save_figure
from moetheory.commands.provenance import command_line, comment
from moetheory.commands.refusals import BadInputError
from moetheory.common.files import replacing, resolved
from moetheory.common.terminal import note
from moetheory.figures import plot

COMMENT = "its first line, after #, is the command with its seed and versions"


def require_outputs(
    outputs: Mapping[str, Path | None], inputs: Mapping[str, Sequence[str | Path]]
) -> None:
    """Refuse, before the work, outputs that could not be written after it, or over another file.

    Both are paths by the names of their options.
    """
    given = {option: path for option, path in outputs.items() if path is not None}
    for option, path in given.items():
        _require_writable(path)
        if _is_standard_output(path):
            raise BadInputError(
                f"{option} must be another file than the standard output, got {path}"
            )
        if option == "--figure" and path.suffix.lower() not in FIGURES:
            raise BadInputError(f"--figure must end in {', '.join(FIGURES)}, got {path}")
    require_different(given, inputs)


def require_different(
    outputs: Mapping[str, Path | None], inputs: Mapping[str, Sequence[str | Path]]
) -> None:
    """Refuse an output that is an input or another output, also by another name of the file."""
    given = [(option, path) for option, path in outputs.items() if path is not None]
    for number, (option, path) in enumerate(given):
        for other, taken in given[:number]:
            if _are_one_file(path, taken):
                raise BadInputError(
                    f"{option} must be another file than {other}, got {path} and {taken}"
                )
        for other, places in inputs.items():
            for place in places:
                if _are_one_file(path, Path(place)):
                    raise BadInputError(
                        f"{option} must not be the file of {other}, which would be lost, got {path}"
                    )


def _are_one_file(a: Path, b: Path) -> bool:
    """Whether two paths are one file; of a pipe or a device nothing is lost."""
    try:
        if not (a.exists() and b.exists()):
            return resolved(a) == resolved(b)
        return a.samefile(b) and a.is_file()
    except (OSError, ValueError):  # what cannot be looked at is refused where it is opened
        return False


def _is_standard_output(path: Path) -> bool:
    """Whether a file would be replaced that receives what is printed."""
    for number in (1, 2):
        with suppress(OSError):
            if os.path.samestat(path.stat(), os.fstat(number)) and path.is_file():
                return True
    return False


def require_folder(option: str, folder: Path, files: Sequence[str]) -> None:
    """Make the folder of an option, before the work, or refuse one that could not be written."""
    if not folder.is_dir() and (folder.exists() or folder.is_symlink()):
        what = "a file" if folder.exists() else "a link to nothing"
        raise BadInputError(f"{option} must be a folder, got {folder}, which is {what}")
    try:
        folder.mkdir(exist_ok=True)
        with TemporaryFile(dir=folder):  # what permissions say is not all: a superuser has them
            pass
    except OSError as error:
        raise BadInputError(f"{option} cannot be written: {folder}: {error.strerror}") from None
    for path in (folder / name for name in files):
        _require_writable(path)
        if path.exists() and not path.is_file():
            raise BadInputError(f"{path} cannot be written: it is a pipe or a device")


def _require_writable(path: Path) -> None:
    """Refuse a path that could not be written."""
    folder = path.absolute().parent
    if not folder.is_dir():
        raise BadInputError(f"{path} cannot be written: {path.parent} is not a directory")
    if path.is_dir() or not os.access(folder, os.W_OK):
        why = "it is a directory" if path.is_dir() else f"no permission in {folder}"
        raise BadInputError(f"{path} cannot be written: {why}")
    try:
        target = resolved(path)
    except OSError as error:
        raise BadInputError(f"{path} cannot be written: {error.strerror}") from None
    if not target.parent.is_dir():
        raise BadInputError(
            f"{path} cannot be written: it is a link into {target.parent}, which is not a directory"
        )


def save(result: Any, options: argparse.Namespace) -> None:
    """Write a table to ``--csv`` and draw it in ``--figure``, and say so; each if it is given.

    The files say from which command, versions and seed they come.
    """
    command = command_line(options, getattr(result, "entropy", None))
    with writing():
        if options.csv is not None:
            with replacing(options.csv) as file:
                file.write(comment(command))
                result.write_csv(file)
            note(f"table: {options.csv}")
        if options.figure is not None:
            draw(result, options, command)


def draw(result: Any, options: argparse.Namespace, command: str, **labels: Any) -> None:
    """Draw a result, or several, in ``--figure`` with ``--title``, and say so."""
    save_figure(
        lambda figure: plot(result, figure.add_subplot(), title=options.title, **labels),
        options.figure,
        command,
    )
    note(f"figure: {options.figure}")


@contextmanager
def writing() -> Iterator[None]:
    """Turn errors of writing into one line."""
    try:
        yield
    except OSError as error:  # a full disk, say
        raise BadInputError(f"cannot write: {error}") from None

"""The reader of data files, `read_data`, which chooses the format by the ending of the file."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

from moetheory.datafile.arrays import mapped, read_npy, read_npz
from moetheory.datafile.contents import Asked, Data, DataArgumentError, quoted
from moetheory.datafile.parquet_files import read_parquet
from moetheory.datafile.tables import read_csv

READERS = {
    ".csv": read_csv,
    ".tsv": read_csv,
    ".csv.gz": read_csv,
    ".tsv.gz": read_csv,
    ".npz": read_npz,
    ".npy": read_npy,
    ".parquet": read_parquet,
}


def read_data(
    path: str | os.PathLike[str],
    *,
    labels: str,
    groups: str | None = None,
    clusters: str | None = None,
    block_of: str | None = None,
    features: str | None = None,
    ignore: Collection[str] = (),
) -> Data:
    """Read features, labels, groups, clusters and blocks from a file of columns or of arrays.

    ``.csv``, ``.tsv``: a header line; ``labels``, ``groups`` and ``clusters`` name columns, and all
    other columns that are not in ``ignore`` are features. Cells are separated by commas,
    semicolons, tabs or bars, whichever divides the first lines alike, and may be of any length.
    Decimals have points, or commas throughout where semicolons separate cells. Cells may hold nan
    or inf, which are not refused here. Groups are integers if all cells are plain ones, else text:
    007 and 7 are two. ``.csv.gz``, ``.tsv.gz``: one of them, packed by gzip.
    ``.parquet``: columns by name too; null among features is nan, and the index that pandas stores
    beside a frame is no feature. It needs pyarrow: ``pip install 'moetheory[parquet]'``.
    ``.npz``: all but ``ignore`` name arrays; features are the array "features" if no other is
    named, or where there is none the only array left with two dimensions.
    ``.npy``: ``labels``, ``groups`` and ``clusters`` are numbers of columns, negative ones counted
    from the end, or other .npy files; all other columns that are not in ``ignore`` are features.
    They are a view of the memory map where they are neighbours, else a copy in memory.
    ``block_of`` is a .npy file where features are not in an .npz file.

    No file is ever unpickled. Features keep their type.

    Parameters
    ----------
    path : path-like
    labels, groups, clusters, block_of : str
    features : str
        The array of features in an .npz file.
    ignore : collection of str
        Columns that are no features.

    Returns
    -------
    Data

    Raises
    ------
    ValueError
        A named column or array is missing, or a file has not the format of its ending. A wrong
        argument is a `DataArgumentError`.
    OSError
        A file cannot be read.

    Notes
    -----
    Only regular files are read, no pipes and no devices. A line of a .csv file has less than 2²⁸
    characters. What is packed may be packed as NumPy, gzip or pyarrow do it, but not more than 1000
    times if it is longer than 1 GiB. A .npy file is mapped, and has at most 2²⁴ columns.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "words.csv")
    ...     _ = path.write_text("page,is,are,topic\\n17,0.5,1,maths\\n18,0.25,2,music\\n")
    ...     data = read_data(path, labels="topic", ignore=["page"])
    >>> data.names, data.features.tolist(), data.labels.tolist()
    (('is', 'are'), [[0.5, 1.0], [0.25, 2.0]], ['maths', 'music'])
    """
    place = _checked_path(path)
    names: dict[str, Any] = {
        "labels": labels,
        "groups": groups,
        "clusters": clusters,
        "block_of": block_of,
        "features": features,
    }
    for argument, name in names.items():
        if not isinstance(name, str) and (name is not None or argument == "labels"):
            raise DataArgumentError(argument, f"must be a string, got {_shown(name)}")
        if name is not None and not _can_be_a_name(name):
            raise DataArgumentError(argument, f"must be a name, got {quoted(name)}")
    asked = Asked(**names, ignore=_checked_names(ignore))
    kind = next((ending for ending in READERS if place.name.lower().endswith(ending)), None)
    if kind is None:
        *most, last = READERS
        raise DataArgumentError(
            "path", f"must end in {', '.join(most)} or {last}, got {quoted(place)}"
        )
    if kind == ".npz":
        if asked.ignore:
            raise DataArgumentError("ignore", "is for columns, got an .npz file, which has arrays")
    else:
        if features is not None:
            raise DataArgumentError(
                "features", f"is for the arrays of an .npz file, got a {kind} file"
            )
        if block_of is not None and not block_of.lower().endswith(".npy"):
            raise DataArgumentError(
                "block_of",
                f"must be a .npy file where features are in a {kind} file, got {quoted(block_of)}",
            )
    _require_different(names, asked.ignore)
    found = READERS[kind](place, asked)
    if kind == ".npz" or block_of is None:
        return found
    return found._replace(block_of=mapped(Path(block_of)))


def _checked_path(path: Any) -> Path:
    """The path of a file; `DataArgumentError` for anything that is none."""
    try:
        place = os.fspath(path)
    except TypeError:
        place = None
    if not isinstance(place, str) or not _can_be_a_name(place):
        raise DataArgumentError("path", f"must be a path, got {_shown(path)}")
    return Path(place)


def _can_be_a_name(text: str) -> bool:
    """Whether a file may have this name: it has no null character, and can be encoded."""
    try:
        return b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        return False


def _checked_names(ignore: Any) -> tuple[str, ...]:
    """The names of columns; `DataArgumentError` unless all are strings."""
    try:
        names = None if isinstance(ignore, str | bytes) else tuple(ignore)
    except TypeError:
        names = None
    if names is None or not all(isinstance(name, str) for name in names):
        raise DataArgumentError("ignore", f"must be a list of strings, got {_shown(ignore)}")
    return names


def _require_different(names: dict[str, str | None], ignored: Collection[str]) -> None:
    """Refuse one name for two things."""
    given = [(argument, name) for argument, name in names.items() if name is not None]
    for number, (argument, name) in enumerate(given):
        others = [other for other, same in given[:number] if same == name]
        if others:
            raise DataArgumentError(
                argument, f"must be something else than the {others[0]}, got {quoted(name)}"
            )
        if name in ignored and argument != "block_of":
            raise DataArgumentError(
                "ignore", f"must not name the {argument} too, got {quoted(name)}"
            )


def _shown(value: object) -> str:
    """The value as code for a message; a long one is shortened."""
    try:
        shown = repr(value).replace("\n", " ")
    except Exception:  # Python refuses to write very long integers, say
        shown = f"an object of type {type(value).__name__}"
    return shown if len(shown) <= 80 else f"{shown[:80]}…"

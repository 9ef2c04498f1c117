"""The reader of data files, `read_data`, which chooses the format by the ending of the file."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from moetheory.datafile.arrays import mapped, read_npy, read_npz
from moetheory.datafile.contents import Data, quoted
from moetheory.datafile.tables import read_csv


def read_data(
    path: str | os.PathLike[str],
    *,
    labels: str,
    groups: str | None = None,
    block_of: str | None = None,
    ignore: Collection[str] = (),
) -> Data:
    """Read features, labels, groups and blocks from a .csv, .npz or .npy file.

    ``.csv``: a header line; ``labels`` and ``groups`` name columns, and all other columns that are
    not in ``ignore`` are features. Cells may hold nan or inf, which are not refused here.
    ``.npz``: all three name arrays; features are the array "features", or else the only other
    array with two dimensions. ``.npy``: ``labels`` and ``groups`` are numbers of columns, negative
    ones counted from the end, or other .npy files; all other columns that are not in ``ignore``
    are features. They are a view of the memory map, so the columns that are no features must be
    the first or the last.
    ``block_of`` is a .npy file where features are in a .npy or .csv file.

    No file is ever unpickled. Features keep their type.

    Parameters
    ----------
    path : path-like
    labels, groups, block_of : str
    ignore : collection of str
        Columns that are no features.

    Returns
    -------
    Data

    Raises
    ------
    ValueError
        A named column or array is missing, or a file has not the format of its ending.
    OSError
        A file cannot be read.

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
    place = Path(path)
    if labels == groups:
        raise ValueError(f"groups must be something else than the labels, got {groups!r}")
    for name in {labels, groups}.intersection(ignore):
        raise ValueError(f"ignore must not name labels or groups, got {name!r}")
    kind = place.suffix.lower()
    if kind == ".npz":
        if ignore:
            raise ValueError("ignore is for columns of .csv and .npy files, got an .npz file")
        return read_npz(place, labels, groups, block_of)
    if kind not in (".csv", ".npy"):
        raise ValueError(f"{quoted(place)} must end in .csv, .npz or .npy")
    if block_of is not None and not block_of.lower().endswith(".npy"):
        raise ValueError(
            f"block_of must be a .npy file where features are in a {kind} file, got {block_of!r}"
        )
    read = read_csv if kind == ".csv" else read_npy
    found = read(place, labels, groups, ignore)
    return found if block_of is None else found._replace(block_of=mapped(Path(block_of)))

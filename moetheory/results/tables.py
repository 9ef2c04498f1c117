"""Tables of results, and their CSV files."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TextIO

from numpy.typing import NDArray

from moetheory.common import text
from moetheory.common.errors import ArgumentKeyError, ArgumentTypeError
from moetheory.common.files import replacing
from moetheory.common.frozen import Frozen
from moetheory.common.validation import file_path, shown
from moetheory.problem.custom_estimators import Fit
from moetheory.problem.estimators import Simulated, checked_simulated
from moetheory.problem.losses import Loss


class Columns(Frozen):
    """A table with named ``columns``, which are arrays of one length."""

    columns: Mapping[str, NDArray[Any]]

    def __getitem__(self, name: str) -> NDArray[Any]:
        given: object = name
        if not isinstance(given, str) or name not in self.columns:
            raise ArgumentKeyError(
                "name", f"must be one of {', '.join(self.columns)}, got {shown(name)}"
            )
        return self.columns[name]

    def _repr_html_(self) -> str:
        columns = list(self.columns.values())
        return text.html_table(
            list(self.columns),
            len(columns[0]),
            lambda row: [_cell(column[row].item()) for column in columns],
        )

    def write_csv(self, file: TextIO) -> None:
        """Write the columns, floats with all their digits, to an open text file.

        A comma in a name becomes a semicolon.
        """
        if not callable(getattr(file, "write", None)):
            raise ArgumentTypeError("file", f"must be an open text file, got {shown(file)}")
        writer = csv.writer(file, lineterminator="\n")
        # a comma within a name would need quotes, which not every reader of CSV knows
        writer.writerow(name.replace(",", ";") for name in self.columns)
        writer.writerows(zip(*(c.tolist() for c in self.columns.values()), strict=True))

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write the columns to ``path``, which is replaced only once the file is complete."""
        with replacing(file_path("path", path)) as file:
            self.write_csv(file)


class ColumnNames(NamedTuple):
    """The names of the columns that a `Sweep` may have for one estimator."""

    theory: str
    error: str
    simulated: str
    sem: str


def column_names(estimator: Simulated) -> ColumnNames:
    """The names of the columns of ``estimator`` in a `Sweep`.

    >>> from moetheory import MoE
    >>> column_names(MoE())
    ColumnNames(theory='moe', error='moe_error', simulated='moe_simulated', sem='moe_sem')
    """
    label = estimator.label
    return ColumnNames(label, f"{label}_error", f"{label}_simulated", f"{label}_sem")


@dataclass(frozen=True, eq=False, repr=False)
class Sweep(Columns):
    """A table of excess risks, or of misclassifications, over the values of one quantity.

    Attributes
    ----------
    over : str
        The quantity, which names the first column.
    columns : mapping of str to (n,) array
        ``<estimator>``: excess risk in theory, ``inf`` at an interpolation threshold, NaN where
        no formula is known; ``<estimator>_error``: estimate of the error, if any of these
        risks is only asymptotic, and 0 where a risk is exact; ``<estimator>_simulated`` and
        ``<estimator>_sem`` where the risk was simulated; ``bound``: upper bound on the excess
        risk of ``MoE()`` at infinitely many samples, tested as trained. With the loss "sign",
        misclassifications in place of excess risks, and no bound.
    replicates : int
        The training sets or test samples of each simulated number; 0 without simulation.
    entropy : int or None
        The seed that repeats the simulations.
    estimators : tuple of Dense, MoE or Custom
        The estimators, in the order of their columns.
    loss : {"squared", "sign"}
        What the estimators are judged by.
    setting : mapping of str to float
        What is the same at all values: ``dim``, ``experts``, ``noise_variance``,
        ``signal_energy``, ``samples`` (``inf`` for infinitely many), and what is not the default,
        of the model and at test time; NaN where coordinates or groups have several numbers.
    theory_at : callable or None
        ``theory_at(values)`` is the same table in theory alone, at other values. None where theory
        has no formula for them, and in copies and pickles.

    Examples
    --------
    >>> from moetheory import BlockModel, Dense, sweep
    >>> model = BlockModel.isotropic(8, 4, 1.0, signal_energy=8.0)
    >>> result = sweep(model, "noise_variance", [1.0, 3.0], [Dense()])
    >>> result.theory(Dense()).tolist(), result.simulated(Dense())
    ([0.5, 0.75], None)
    """

    over: str
    columns: Mapping[str, NDArray[Any]]
    replicates: int
    entropy: int | None
    estimators: tuple[Simulated, ...] = ()
    loss: Loss = field(default="squared", metadata=text.UNLESS_DEFAULT)
    setting: Mapping[str, float] = field(default_factory=dict, repr=False)
    theory_at: Callable[[Any], Sweep] | None = field(default=None, repr=False)

    def __getstate__(self) -> dict[str, Any]:
        # it holds the user's function, which often cannot be pickled
        return {**super().__getstate__(), "theory_at": None}

    def __len__(self) -> int:
        return len(self.columns[self.over])

    def theory(self, estimator: Simulated | Fit) -> NDArray[Any]:
        """The excess risks, or misclassifications, of ``estimator`` in theory."""
        return self.columns[self._names(estimator).theory]

    def error(self, estimator: Simulated | Fit) -> NDArray[Any] | None:
        """The estimated errors of the theory for ``estimator``; None if no risk is asymptotic."""
        return self.columns.get(self._names(estimator).error)

    def simulated(self, estimator: Simulated | Fit) -> NDArray[Any] | None:
        """What was simulated of ``estimator``; None without simulation."""
        return self.columns.get(self._names(estimator).simulated)

    def sem(self, estimator: Simulated | Fit) -> NDArray[Any] | None:
        """The standard errors of what was simulated of ``estimator``; None without simulation."""
        return self.columns.get(self._names(estimator).sem)

    def _names(self, estimator: Simulated | Fit) -> ColumnNames:
        """The names of the columns of one of the estimators of the sweep."""
        found = checked_simulated(estimator)
        names = column_names(found)
        if names.theory not in self.columns:
            known = ", ".join(map(repr, self.estimators))
            raise ArgumentKeyError("estimator", f"must be one of {known}, got ", found)
        return names


def _cell(value: Any) -> str:
    """A value as text: six digits of a float."""
    return text.number(value) if isinstance(value, float) else str(value)

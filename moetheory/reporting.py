"""Results as text for people and as JSON for machines."""

from __future__ import annotations

import dataclasses
import json
import math
import platform
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from moetheory import modelfile
from moetheory.model import BlockModel
from moetheory.validation import IntArray
from moetheory.verdicts import ClaimVerdict, Comparison, Verdict

SCHEMA = 1


def table(header: Sequence[str], rows: Sequence[Sequence[str]], width: int | None) -> str:
    """Aligned columns, or one ``name: value`` block for each row where ``width`` is too small.

    Text is flush left, numbers (cells that start with a digit, a sign or a dot, inf, nan and
    never) flush right.

    >>> print(table(["name", "value"], [["a", "1.5"], ["bc", "10"]], width=None))
    name  value
    a       1.5
    bc       10
    """
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    if width is not None and sum(widths) + 2 * (len(widths) - 1) > width:
        name_width = max(map(len, header))
        blocks = (
            "\n".join(
                f"{name:<{name_width}}  {cell}".rstrip()
                for name, cell in zip(header, row, strict=True)
                if cell
            )
            for row in rows
        )
        return "\n\n".join(blocks)

    def line(cells: Sequence[str], numeric: Sequence[bool]) -> str:
        padded = (
            cell.rjust(size) if right else cell.ljust(size)
            for cell, size, right in zip(cells, widths, numeric, strict=True)
        )
        return "  ".join(padded).rstrip()

    def is_numeric(cell: str) -> bool:
        return not cell or cell[0] in "+-.0123456789" or cell in ("inf", "nan", "never")

    numeric = [any(column) and all(map(is_numeric, column)) for column in zip(*rows, strict=True)]
    return "\n".join(line(row, numeric) for row in (header, *rows))


def tables(
    header: Sequence[str], rows: Sequence[Sequence[str]], width: int | None, lead: int
) -> str:
    """`table`, cut into the fewest that fit ``width``; each begins with the first ``lead`` columns.

    >>> print(tables(["at", "left", "right"], [["a", "1.5", "10"]], width=10, lead=1))
    at  left
    a    1.5
    <BLANKLINE>
    at  right
    a      10
    """
    others = range(lead, len(header))
    for count in range(1, len(others) + 1):
        size = math.ceil(len(others) / count)
        parts = [
            [*range(lead), *others[start : start + size]] for start in range(0, len(others), size)
        ]
        text = "\n\n".join(
            table([header[i] for i in part], [[row[i] for i in part] for row in rows], None)
            for part in parts
        )
        if width is None or max(map(len, text.splitlines())) <= width:
            return text
    return table(header, rows, width)


def wrapped(text: str, width: int | None) -> str:
    """Lines broken between words where they are longer than ``width``.

    >>> print(wrapped("where experts win\\nand why", width=14))
    where experts
    win
    and why
    """
    if width is None:
        return text
    return "\n".join(textwrap.fill(line, width) for line in text.splitlines())


def check_report(verdicts: Sequence[Verdict], width: int | None) -> str:
    """The table of a check, what was simulated, and the verdict of each theorem."""
    header = (
        "theorem",
        "claim",
        "at",
        "left",
        "right",
        "slack",
        "certificate",
        "simulated ± sem",
        "z",
        "power",
        "verdict",
    )
    rows = [
        (verdict.theorem, *_claim_cells(claim)) for verdict in verdicts for claim in verdict.claims
    ]
    # off its assumptions a theorem may have nothing to say
    lines = [table(header, rows, width), ""] if rows else []
    for verdict in verdicts:
        because = f": {verdict.reason}" if verdict.reason else ""
        lines.append(f"{verdict.theorem}: {verdict.status}{because}, for {verdict.model!r}")
    comparisons = [comparison for verdict in verdicts for comparison in verdict.comparisons]
    if comparisons:
        threshold = min(comparison.threshold for comparison in comparisons)
        asked = max(verdict.power for verdict in verdicts)
        seen = f"an error of {100 * asked:.2g} % or what" if asked else "what"
        lines.append(
            f"{len(comparisons)} simulated comparisons: largest |z| "
            f"{max(verdict.largest_z for verdict in verdicts):.2f} (contradiction beyond "
            f"{threshold:.2f}); each would have seen {seen} its row says"
        )
        notes = {
            claim.name: point.comparison.note
            for verdict in verdicts
            for claim in verdict.claims
            for point in claim.points
            if point.comparison is not None and point.comparison.note
        }
        lines += [f"{name}: {note}" for name, note in notes.items()]
    lines.append(f"replay with --seed {verdicts[0].entropy}")
    return "\n".join(lines)


def simulation_table(results: Mapping[str, Mapping[str, Any]], width: int | None) -> str:
    """One row for each estimator; medians where a standard error says nothing."""
    heavy = any(row["sem"] == math.inf for row in results.values())
    rows = []
    for label, row in results.items():
        low, high = (rounded(end, row["sem"]) for end in row["interval"])
        cells = {
            "estimator": label,
            "risk": rounded(row["mean"], row["sem"]),
            "sem": f"{row['sem']:.2g}",
            "95 % interval": f"{low} to {high}",
        }
        if heavy:
            low, high = map(number, row["median_interval"])
            cells["median"] = number(row["median"])
            cells["its 95 % interval"] = f"{low} to {high}"
        cells["theory"] = "-" if row["theory"] is None else number(row["theory"])
        cells["exactness"] = row["exactness"] or "-"
        cells["z"] = "-" if row["z"] is None else f"{row['z']:+.2f}"
        rows.append(cells | {"method": row["method"], "replicates": str(row["replicates"])})
    return table(list(rows[0]), [list(row.values()) for row in rows], width)


def number(value: float) -> str:
    """Six significant digits."""
    return f"{value:.6g}"


def rounded(value: float, sem: float) -> str:
    """The digits of ``value`` that its standard error leaves: up to the second of ``sem``.

    >>> rounded(0.123456, 0.0123), rounded(1234.5, 20.0), rounded(0.123456789, math.inf)
    ('0.123', '1234', '0.123457')
    """
    if not 0.0 < sem < math.inf:
        return number(value)
    digits = max(1 - math.floor(math.log10(sem)), 0)
    # beyond that a decimal point without an exponent helps nobody
    return f"{value:.{digits}f}" if digits < 8 and abs(value) < 1e9 else number(value)


def with_error(value: float, sem: float) -> str:
    """A number, `rounded`, and its standard error.

    >>> with_error(0.51234, 0.0021)
    '0.5123 ± 0.0021'
    """
    return f"{rounded(value, sem)} ± {sem:.2g}"


def counted(counts: IntArray) -> str:
    """Samples of each group in words.

    >>> import numpy as np
    >>> counted(np.array([14, 13, 13]))
    '40 samples, 13 to 14 in each group'
    """
    least, most = int(counts.min()), int(counts.max())
    each = f"{least}" if least == most else f"{least} to {most}"
    total = sum(counts.tolist())
    return f"{total} {'sample' if total == 1 else 'samples'}, {each} in each group"


def settings(given: Mapping[str, Any]) -> str:
    """Options that are given, in words.

    >>> settings({"misrouting": 0.25, "drag": 1.0, "noise_law": "student-t:5"})
    'misrouting 0.25, drag 1, noise law student-t:5'
    """

    def words(name: str, value: Any) -> str:
        return f"{name.replace('_', ' ')} {value if isinstance(value, str) else number(value)}"

    return ", ".join(words(name, value) for name, value in given.items())


def document(command: str, results: Any, **more: Any) -> str:
    """A JSON document: schema number, versions and the results."""
    import matplotlib
    import numpy
    import scipy
    import sympy

    from moetheory import __version__

    versions = {
        "moetheory": __version__,
        "python": platform.python_version(),
        **{module.__name__: module.__version__ for module in (numpy, scipy, sympy, matplotlib)},
    }
    content = {"schema": SCHEMA, "command": command, "versions": versions, **more}
    return json.dumps(_plain({**content, "results": results}), indent=2, allow_nan=False)


def _claim_cells(claim: ClaimVerdict) -> tuple[str, ...]:
    point = claim.shown
    proof = "" if claim.certificate is None else claim.certificate.status
    if point is None:
        return (claim.name, *[""] * 4, proof, *[""] * 3, claim.status)
    sides = (point.label, *(map(_side, (point.left, point.right, point.slack))))
    comparison = point.comparison
    simulated = ("", "", "")
    if comparison is not None:
        simulated = (
            with_error(comparison.simulated, comparison.sem),
            f"{comparison.z:+.2f}",
            _power(comparison),
        )
    return (claim.name, *sides, proof, *simulated, claim.status)


def _side(value: float | None) -> str:
    return "" if value is None else f"{value:.5g}"


def _power(comparison: Comparison) -> str:
    if not comparison.relative_to:
        return f"{comparison.power:.2g}"
    suffix = "" if comparison.relative_to == "left" else f" of {comparison.relative_to}"
    return f"{100 * comparison.power:.2g} %{suffix}"


def _plain(value: Any) -> Any:
    """Models as in their files, dataclasses as dictionaries, infinite numbers as strings."""
    if isinstance(value, BlockModel):
        return modelfile.document(value.fields())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(name): _member(name, item) for name, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def _member(name: object, value: Any) -> Any:
    # an entropy may be longer than what other languages read as a number
    return str(value) if name == "entropy" and value is not None else _plain(value)

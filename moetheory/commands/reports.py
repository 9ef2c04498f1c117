"""Results as text for people and as JSON for machines."""

from __future__ import annotations

import dataclasses
import json
import math
import platform
from collections.abc import Mapping, Sequence
from typing import Any

from moetheory.checking.verdicts import ClaimVerdict, Verdict
from moetheory.common.arrays import IntArray
from moetheory.common.text import number, rounded, table, with_error
from moetheory.common.version import __version__
from moetheory.problem import model_json
from moetheory.problem.model import BlockModel

SCHEMA = 1


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
    # a theorem whose assumptions are not met may have no claims to show
    lines = [table(header, rows, width), ""] if rows else []
    for verdict in verdicts:
        because = f": {verdict.reason}" if verdict.reason else ""
        lines.append(f"{verdict.theorem}: {verdict.status}{because}, for {verdict.model!r}")
        lines += _not_evaluated(verdict)
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
    """The table of a simulation, one row an estimator; medians where a variance is infinite."""
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


def counts_in_words(counts: IntArray) -> str:
    """The numbers of samples in words.

    >>> import numpy as np
    >>> counts_in_words(np.array([14, 13, 13]))
    '40 samples, 13 to 14 in each group'
    """
    least, most = int(counts.min()), int(counts.max())
    each = f"{least}" if least == most else f"{least} to {most}"
    total = sum(counts.tolist())
    return f"{total} {'sample' if total == 1 else 'samples'}, {each} in each group"


def settings_in_words(given: Mapping[str, Any]) -> str:
    """The given options in words.

    >>> settings_in_words({"misrouting": 0.25, "drag": 1.0, "noise_law": "student-t:5"})
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

    versions = {
        "moetheory": __version__,
        "python": platform.python_version(),
        **{module.__name__: module.__version__ for module in (numpy, scipy, sympy, matplotlib)},
    }
    content = {"schema": SCHEMA, "command": command, "versions": versions, **more}
    return json.dumps(_json_value({**content, "results": results}), indent=2, allow_nan=False)


def _claim_cells(claim: ClaimVerdict) -> tuple[str, ...]:
    point = claim.shown
    proof = "" if claim.certificate is None else claim.certificate.summary
    if point is None:
        return (claim.name, *[""] * 4, proof, *[""] * 3, claim.outcome)
    sides = (point.label, *(map(_side, (point.left, point.right, point.slack))))
    comparison = point.comparison
    simulated = ("", "", "")
    if comparison is not None:
        simulated = (
            with_error(comparison.simulated, comparison.sem),
            f"{comparison.z:+.2f}",
            comparison.seen,
        )
    return (claim.name, *sides, proof, *simulated, claim.outcome)


def _not_evaluated(verdict: Verdict) -> list[str]:
    """The claims that were not evaluated, one line for each reason; not the verdict's reason."""
    names: dict[str, list[str]] = {}
    for claim in verdict.claims:
        if claim.status == "not evaluated" and not verdict.reason.endswith(claim.reason):
            names.setdefault(claim.reason, []).append(claim.name)
    return [f"  not evaluated ({reason}): {'; '.join(each)}" for reason, each in names.items()]


def _side(value: float | None) -> str:
    return "" if value is None else f"{value:.5g}"


def _json_value(value: Any) -> Any:
    """The value in types of JSON: dataclasses as dictionaries, infinite numbers as strings."""
    if isinstance(value, BlockModel):
        return model_json.document(value.fields())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(name): _json_member(name, item) for name, item in value.items()}
    if isinstance(value, tuple | list):
        return [_json_value(item) for item in value]
    if hasattr(value, "tolist"):
        return _json_value(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def _json_member(name: object, value: Any) -> Any:
    # an entropy may be longer than what other languages read as a number
    return str(value) if name == "entropy" and value is not None else _json_value(value)

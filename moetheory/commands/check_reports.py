"""What ``moetheory check`` prints: the claims of each theorem, failures and a summary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from moetheory.checking.claim_rows import broken, claim_lines
from moetheory.checking.verdicts import WIDE_COLUMNS, Verdict
from moetheory.common.text import counted, table

WIDTH = 80  # of what goes into a pipe or a file
CONTROL = {"violated": "caught", "holds": "escaped"}  # what a verdict says of a wrong variant
ORDER = ("holds", "violated", "inconclusive", "assumptions not met", "not evaluated")


def theorem_report(verdict: Verdict, width: int | None) -> str:
    """The verdict of one theorem, and a row for each claim with what speaks for it."""
    size = width or WIDTH
    lines = [line for each in _in_words(verdict) for line in broken(each, size, "", "  ")]
    for claim in verdict.claims:
        lines += claim_lines(claim.cells, size)
    for more in _not_evaluated(verdict):
        lines += broken(more, size, "  ", "    ")
    return "\n".join(lines)


def wide_report(verdicts: Sequence[Verdict], width: int | None) -> str:
    """The table of all numbers behind the verdicts, one row a claim, and the verdicts."""
    rows = [
        (verdict.theorem, *claim.wide_cells) for verdict in verdicts for claim in verdict.claims
    ]
    # a theorem whose assumptions are not met may have no claims to show
    lines = [table(("theorem", *WIDE_COLUMNS), rows, width), ""] if rows else []
    for verdict in verdicts:
        more = (f"  {each}" for each in _not_evaluated(verdict))
        lines += [line for each in (*_in_words(verdict), *more) for line in _fitted(each, width)]
    notes = {  # of experiments
        claim.name: point.comparison.note
        for verdict in verdicts
        for claim in verdict.claims
        for point in claim.points
        if point.comparison is not None and point.comparison.note
    }
    return "\n".join([*lines, *(f"{name}: {note}" for name, note in notes.items())])


def summary(verdicts: Sequence[Verdict], width: int | None, *, control: bool = False) -> str:
    """What failed and why, the number of claims with each verdict, and what was simulated.

    With ``control`` the claims are wrong variants, which a check must find violated.
    """
    wanted = "violated" if control else "holds"
    lines = [
        ": ".join(dict.fromkeys((verdict.theorem, claim.name, _word(claim.status, control))))
        + (f": {claim.reason}" if claim.reason else "")
        for verdict in verdicts
        for claim in verdict.claims
        if claim.status != wanted and claim.applies
    ]
    claims = [claim for verdict in verdicts for claim in verdict.claims]
    counts: Counter[str] = Counter(claim.status for claim in claims)
    found = ", ".join(f"{counts[each]} {_word(each, control)}" for each in ORDER if counts[each])
    what = "wrong variant" if control else "claim"
    evaluated = sum(claim.only_evaluated for claim in claims)
    unproved = f" ({evaluated} at models alone, not proved)" if evaluated and not control else ""
    lines.append(
        f"{counted(len(claims), what)} of {counted(len(verdicts), 'theorem')}: "
        f"{found or 'nothing to check'}{unproved}{_outside(verdicts)}"
    )
    comparisons = [comparison for verdict in verdicts for comparison in verdict.comparisons]
    if comparisons:
        threshold = min(comparison.threshold for comparison in comparisons)
        asked = max(verdict.power for verdict in verdicts)
        seen = f"an error of {100 * asked:.2g} % or what" if asked else "what"
        lines.append(
            f"{counted(len(comparisons), 'simulated comparison')}: largest |z| "
            f"{max(verdict.largest_z for verdict in verdicts):.2f} (contradiction beyond "
            f"{threshold:.2f}); each would have seen {seen} its row says"
        )
    lines.append(f"replay with --seed {verdicts[0].entropy}")
    return "\n".join(each for line in lines for each in broken(line, width or WIDTH))


def _outside(verdicts: Sequence[Verdict]) -> str:
    """The theorems whose assumptions are not met: what is counted holds in their place."""
    names = [each.theorem for each in verdicts if each.status == "assumptions not met"]
    return f"; assumptions not met: {', '.join(names)}" if names else ""


def _word(status: str, control: bool) -> str:
    word = CONTROL.get(status, status) if control else status
    return "hold" if word == "holds" else word


def _in_words(verdict: Verdict) -> tuple[str, str]:
    """The status of a theorem with its reason, and its model."""
    return f"{verdict.theorem}: {verdict.outcome}", f"for {verdict.model.summary}"


def _fitted(line: str, width: int | None) -> list[str]:
    """The lines of a text in the width of a terminal, if there is one."""
    return [line] if width is None else broken(line, width, others="  ")


def _not_evaluated(verdict: Verdict) -> list[str]:
    """The claims that were not evaluated, one line for each reason; not the verdict's reason."""
    names: dict[str, list[str]] = {}
    for claim in verdict.claims:
        if claim.status == "not evaluated" and not verdict.reason.endswith(claim.reason):
            names.setdefault(claim.reason, []).append(claim.name)
    return [f"not evaluated ({reason}): {'; '.join(each)}" for reason, each in names.items()]

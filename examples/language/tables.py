"""The results of the cloze task, in tables and in words.

Risks are divided by the variance p(1 - p) of the labels, so that always predicting p has risk 1,
and averaged over the words. ± is the standard error over the parts held out; - means that there is
no crossover on the grid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from cloze import Case

    from moetheory.auditing.leads import Located

SHORT = {
    "dense": "dense",
    "dense(tuned)": "tuned",
    "moe(block)": "block",
    "moe(block, router)": "gate",
    "moe(all)": "all",
    "moe(all, tuned)": "all,tuned",
    "moe(all, router)": "all,gate",
    "dense + group": "group",
}
RISKS = ("dense", "dense(tuned)", "moe(block)", "moe(all)", "moe(all, tuned)")
EXPERTS = ("moe(block)", "moe(block, router)", "moe(all)", "moe(all, router)")
LEADERS = {
    "moe(block)": "told their groups",
    "moe(block, router)": "behind a gate",
    "moe(all)": "told, all words",
    "moe(all, router)": "gate, all words",
}
HOW = ("predicted", "measured")
Array = NDArray[np.float64]


def average(cases: Sequence[Case], value: Callable[[Case], Array]) -> tuple[Array, Array]:
    """The mean (L,) over words and parts, and its standard error over the parts."""
    values = {part: [] for part in sorted({case.part for case in cases})}
    for case in cases:
        values[case.part].append(value(case))
    means = np.array([np.mean(each, axis=0) for each in values.values()])
    spread = np.sum((means - means.mean(axis=0)) ** 2, axis=0)
    return means.mean(axis=0), np.sqrt(spread / max(len(means) - 1, 1) / len(means))


def scaled(case: Case, risk: Array) -> Array:
    """The risk divided by the variance of the labels."""
    return np.asarray(risk / (case.share * (1.0 - case.share)))


def risk(cases: Sequence[Case], column: str, source: str = "audit") -> tuple[Array, Array]:
    """The average of one risk, under noise or, with ``source="dropout"``, with words missing."""
    return average(cases, lambda case: scaled(case, getattr(case, source)[column]))


def lead(cases: Sequence[Case], name: str, how: str) -> tuple[Array, Array]:
    """The mean risk of dense minus that of predictor ``name``; ``how``: predicted or measured."""
    columns = f"dense_{how}", f"{name}_{how}"
    return average(
        cases, lambda case: scaled(case, case.audit[columns[0]] - case.audit[columns[1]])
    )


def grid(
    title: str, first: str, steps: Array, columns: Iterable[tuple[str, Array, Array | None]]
) -> str:
    """A table with one line for each step: its value, then each column with its standard error."""
    lines = [f"{first:>8}", *(f"{step:8.3g}" for step in steps)]
    for name, values, sems in columns:
        cells = [f"{value:.3f}" for value in values]
        if sems is not None:
            cells = [f"{cell}±{sem:.3f}" for cell, sem in zip(cells, sems, strict=True)]
        width = 2 + max(len(cell) for cell in (name, *cells))
        lines = [f"{line}{cell:>{width}}" for line, cell in zip(lines, (name, *cells), strict=True)]
    return "\n".join(["", title, *lines])


def risks(cases: Sequence[Case]) -> str:
    """A table of predicted and measured risks of predictors that are told what they need."""
    columns = []
    for name in RISKS:
        columns.append((SHORT[name], risk(cases, f"{name}_predicted")[0], None))
        columns.append(("measured", *risk(cases, f"{name}_measured")))
    steps = cases[0].audit.noise_variances
    return grid("Risk under noise: predicted, and measured", "noise", steps, columns)


def leads(cases: Sequence[Case]) -> str:
    """A table of the risk of dense minus that of experts, or of dense that is told the group."""
    columns = []
    for name in (*EXPERTS, "dense + group"):
        columns.append((SHORT[name], lead(cases, name, "predicted")[0], None))
        columns.append(("measured", *lead(cases, name, "measured")))
    steps = cases[0].audit.noise_variances
    return grid("Lead over dense: predicted, and measured", "noise", steps, columns)


def accuracies(cases: Sequence[Case]) -> str:
    """A table of accuracies above that of always naming the larger class."""
    columns = []
    for name, short in SHORT.items():
        mean, sem = average(
            cases, lambda case, n=name: 100.0 * (case.audit[f"{n}_accuracy"] - case.majority)
        )
        columns.append((short, mean, sem))
    title = "Accuracy above always naming the larger class, in points of 100"
    return grid(title, "noise", cases[0].audit.noise_variances, columns)


def dropped(missing: Array, cases: Sequence[Case]) -> str:
    """A table of risks with a share of the words missing, predicted and measured."""
    divided, anew = [], []
    for name in ("dense", *EXPERTS):
        short, measured = SHORT[name], risk(cases, name, "dropout")
        if name.endswith("router)"):
            divided.append((short, *measured))
        else:
            divided.append((short, risk(cases, f"{name}_predicted", "dropout")[0], None))
            divided.append(("measured", *measured))
        anew.append((short, *risk(cases, f"{name}_anew", "dropout")))
    first = "Risk with this share of the words missing: predicted, and measured"
    second = "Measured if rows are normalised after the loss"
    return grid(first, "missing", missing, divided) + "\n" + grid(second, "missing", missing, anew)


def crossovers(cases: Sequence[Case]) -> str:
    """Tables of the noise range in which experts are better, word by word."""
    own_words = overtaking(cases, EXPERTS[:2], "Noise from which experts lead dense, and to which")
    all_words = overtaking(cases, EXPERTS[2:], "Noise from which experts that see all words do")
    said = "gain: accuracy of dense without noise above the larger class, in points"
    return f"{own_words}\n{all_words}\n{said}"


def overtaking(cases: Sequence[Case], names: Sequence[str], title: str) -> str:
    """A table of where the leads of ``names`` begin, and where the last of them ends."""
    lines = ["", f"{title}: median (least to most)"]
    head = "".join(
        f"   {f'{LEADERS[name]}: predicted':>28}{'measured':>20}  agree" for name in names
    )
    lines.append(f"{'word':14}{'share':>6}{'gain':>6}{head}{'lead ends':>16}")
    for target in dict.fromkeys(case.target for case in cases):
        own = [case for case in cases if case.target == target]
        gain = np.mean([case.audit["dense_accuracy"][0] - case.majority for case in own])
        line = f"{target:14}{100 * own[0].share:5.1f}%{100 * gain:6.1f}"
        for name in names:
            pairs = [case.audit.crossovers[name] for case in own]
            line += f"   {spread([pair.predicted.begins for pair in pairs]):>28}"
            line += f"{spread([pair.measured.begins for pair in pairs]):>20}"
            line += f" {sum(pair.agree for pair in pairs):>4}/{len(pairs)}"
        ends = (np.median([getattr(p, of).ends.value for p in pairs]) for of in HOW)
        lines.append(f"{line}{', '.join(shown(end) for end in ends):>16}")
    return "\n".join(lines)


def shown(noise: float) -> str:
    """A noise variance as text; - if it is beyond the grid."""
    return "-" if np.isinf(noise) else f"{noise:.2g}"


def spread(places: Sequence[Located]) -> str:
    """The median, least and largest of some noise variances, as text."""
    values = [place.value for place in places]
    return f"{shown(np.median(values))} ({shown(min(values))} to {shown(max(values))})"


def start(cases: Sequence[Case], name: str, how: str) -> str:
    """The least noise, as text, at which experts are better than dense on average."""
    noise, (ahead, _) = cases[0].audit.noise_variances, lead(cases, name, how)
    after = int(np.argmax(ahead > 0.0))
    if ahead[after] <= 0.0 or after == 0:
        return "-" if ahead[after] <= 0.0 else "0"
    behind, step = ahead[after - 1], noise[after] - noise[after - 1]
    return f"{noise[after - 1] + step * behind / (behind - ahead[after]):.2g}"


def verdict(cases: Sequence[Case]) -> str:
    """A summary in words of how well predictions and measurements agree."""
    names = cases[0].audit.standardised
    z = np.abs(np.array([[case.audit.z(name) for name in names] for case in cases]))
    within = ", ".join(f"{np.mean(z < k):.0%} within {k}" for k in (1, 2, 3))
    inside, chance = (
        np.mean([getattr(case.audit, name) for case in cases])
        for name in ("group_share", "chance_share")
    )
    leakage = np.mean([case.audit.leakage for case in cases])
    lines = [
        "",
        f"{inside:.0%} of the energy lies in the block of a paragraph's group, {chance:.0%} by "
        f"chance; equivalent leakage {leakage:.2f}.",
        f"{z.size} risks predicted: {within} standard errors.",
    ]
    parts = [[case for case in cases if case.part == k] for k in range(cases[-1].part + 1)]
    for name, said in LEADERS.items():
        places = {
            how: (start(cases, name, how), ", ".join(start(part, name, how) for part in parts))
            for how in HOW
        }
        right = sum(case.audit.crossovers[name].agree for case in cases)
        lines.append(
            f"Experts ({said}) lead dense, averaged over the words, from noise "
            + " and ".join(
                f"{all_} as {how} (parts: {each})" for how, (all_, each) in places.items()
            )
            + f"; {right} of {len(cases)} leads agree within their errors."
        )
    return "\n".join(lines)

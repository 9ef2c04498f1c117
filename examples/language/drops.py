"""Accuracies of probes under noise, and how much they drop, in tables and in words.

A drop is 100 (clean - noisy) / clean, in per cent of the clean accuracy. ± is half the 95 %
interval by Student's t over the parts held out.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

SIGMAS = np.array([0.0, 0.2, 0.5, 1.0, 2.0])  # of noise on features of unit mean square
GLOBAL = ("Lasso", "Ridge", "Elastic Net")
CONTROL = "Ridge, equal μ"  # Ridge with the penalty that oracle-routed experts choose
EXPERTS = ("oracle", "gate", "gate, σ known", "all words")
NAMES = 24  # columns for the name of a probe
PUBLISHED = {  # task: data set, and drops at sigma 2 of Lasso, Ridge, Elastic Net, MoE in [SNB]
    "array": ("SST-2", (10.78, 12.27, 10.55, 8.60)),
    "function": ("CoLA", (10.25, 12.39, 12.19, 7.67)),
    "which word": ("MNLI", (11.61, 10.45, 9.31, 7.98)),
    "package": ("AG News", (5.19, 5.98, 3.92, 7.75)),
}
Array = NDArray[np.float64]
Value = Callable[[Sequence["Case"], str, str], Array]  # `accuracy` or `drop`


class Case(NamedTuple):
    """The results for one task, with one part of the paragraphs held out."""

    task: str
    part: int
    classes: int
    held_out: int
    penalties: dict[str, float]
    accuracies: dict[str, Array]  # (L,) for each probe


def accuracy(cases: Sequence[Case], task: str, probe: str) -> Array:
    """The accuracies (parts, L) in per cent."""
    return 100.0 * np.array([case.accuracies[probe] for case in cases if case.task == task])


def drop(cases: Sequence[Case], task: str, probe: str) -> Array:
    """The drops (parts, L) in per cent of the clean accuracies."""
    values = accuracy(cases, task, probe)
    return 100.0 * (1.0 - values / values[:, :1])


def interval(values: Array) -> tuple[Array, Array]:
    """The mean over the parts, the first axis, and half the 95 % interval by Student's t."""
    parts = len(values)
    sem = values.std(axis=0, ddof=1) / np.sqrt(parts)
    return values.mean(axis=0), stdtrit(parts - 1, 0.975) * sem


def name(probe: str) -> str:
    """The name of a probe in tables and figures."""
    return f"experts: {probe}" if probe in EXPERTS else probe


def cells(values: Array, width: int) -> str:
    """The means and intervals of the columns (parts, columns) as text."""
    pairs = zip(*interval(values), strict=True)
    return "".join(f"{f'{mean:z.1f} ±{half:4.1f}':>{width}}" for mean, half in pairs)


def results(cases: Sequence[Case]) -> str:
    """A table for each task: clean accuracies, drops, and accuracies under the most noise."""
    lines = [
        "",
        "Accuracy in per cent, and its drop in per cent of the clean accuracy, at noise σ",
        "(± is half the 95 % interval over the parts)",
    ]
    for task in dict.fromkeys(case.task for case in cases):
        own = [case for case in cases if case.task == task]
        count = sum(case.held_out for case in own)
        lines += ["", f"{task}: {own[0].classes} classes, {count} paragraphs"]
        drops = (f"drop at {sigma:g}" for sigma in SIGMAS[1:])
        head = ["clean", *drops, f"accur. at {SIGMAS[-1]:g}"]
        lines.append(f"{'probe':{NAMES}}" + "".join(f"{each:>12}" for each in head))
        for probe in (*GLOBAL, CONTROL, *EXPERTS):
            values, lost = accuracy(own, task, probe), drop(own, task, probe)
            row = np.column_stack([values[:, 0], lost[:, 1:], values[:, -1]])
            lines.append(f"{name(probe):{NAMES}}{cells(row, 12)}")
    return "\n".join(lines)


def against(cases: Sequence[Case], task: str, experts: str, value: Value) -> Array:
    """The drops or accuracies (parts, 4) at the most noise: experts minus each global probe."""
    own = value(cases, task, experts)[:, -1]
    return np.column_stack([own - value(cases, task, probe)[:, -1] for probe in (*GLOBAL, CONTROL)])


def differences(cases: Sequence[Case], value: Value) -> str:
    """A table of differences at the most noise, taken part by part."""
    title = f"{value.__name__} at {SIGMAS[-1]:g}, experts minus global probe".capitalize()
    better = "negative: experts lose less"
    if value is accuracy:
        better = "positive: experts are right more often"
    lines = [
        "",
        f"{title} ({better})",
        f"{'':28}" + "".join(f"{name:>15}" for name in (*GLOBAL, CONTROL)),
    ]
    for task in dict.fromkeys(case.task for case in cases):
        for experts in EXPERTS:
            lines.append(f"{task:12}{experts:16}{cells(against(cases, task, experts, value), 15)}")
    return "\n".join(lines)


def rank(drops: Sequence[float]) -> int:
    """The rank of the last of some drops: 1 if it is the smallest."""
    return 1 + sum(each < drops[-1] for each in drops[:-1])


def verdict(cases: Sequence[Case]) -> str:
    """A summary in words: in how many tasks experts lose least, and whether [SNB] agree."""
    every = list(dict.fromkeys(case.task for case in cases))
    published = [rank(PUBLISHED[task][1]) for task in every]
    most = [PUBLISHED[task][0] for task, of in zip(every, published, strict=True) if of == 4]
    lines = [
        "",
        f"At σ = {SIGMAS[-1]:g}, {len(every)} tasks (the MoE of [SNB]: smallest drop in "
        f"{published.count(1)}, largest in {published.count(4)}, {', '.join(most)}):",
    ]
    for experts in EXPERTS:
        ranks = [
            rank([drop(cases, task, probe)[:, -1].mean() for probe in (*GLOBAL, experts)])
            for task in every
        ]
        less = ahead(cases, every, experts, drop, -1.0)
        more = ahead(cases, every, experts, accuracy, 1.0)
        same = sum(mine == theirs for mine, theirs in zip(ranks, published, strict=True))
        order = "the order of [SNB]" if same == len(every) else "not the order of [SNB]"
        lines += [
            f"experts ({experts}): smallest drop in {of_all(less[:, :, :3])}, largest in "
            f"{ranks.count(4)}; most accurate in {of_all(more[:, :, :3])};",
            f"  place of the experts as in [SNB] in {same}: {order};",
            f"  against {CONTROL}: drop smaller in {of_all(less[:, :, 3:])}, accuracy higher in "
            f"{of_all(more[:, :, 3:])}.",
        ]
    lines.append("In brackets: beyond the 95 % intervals of all differences.")
    return "\n".join(lines)


def ahead(
    cases: Sequence[Case], every: Sequence[str], experts: str, value: Value, sign: float
) -> Array:
    """By how much experts are better (2, tasks, 4): the mean, and the low end of its interval."""
    pairs = [interval(sign * against(cases, task, experts, value)) for task in every]
    return np.array([[mean for mean, _ in pairs], [mean - half for mean, half in pairs]])


def of_all(margins: Array) -> str:
    """The number of tasks with all margins positive: by the means, and by the low ends."""
    mean, low = np.sum(np.all(margins > 0.0, axis=2), axis=1)
    return f"{mean} ({low})"

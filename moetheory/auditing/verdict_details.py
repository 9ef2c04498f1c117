"""What the verdict of an audit rests on: sources of the gain, crossovers, errors of prediction."""

from __future__ import annotations

import math

import numpy as np

from moetheory.auditing.contenders import contenders
from moetheory.auditing.findings import Findings
from moetheory.auditing.leads import Lead, extent_in_words
from moetheory.auditing.predictors import NAMES
from moetheory.auditing.verdict import headline, level_in_words, risk_in_words, warnings
from moetheory.common.arrays import FloatArray

LARGEST_Z = 3.0  # standard errors within which a risk is as predicted
OFF = 0.05  # relative difference of measured and predicted risks that is worth a word


def conclusions(audit: Findings) -> str:
    """The verdict in full: three lines, warnings, what they rest on."""
    return "\n".join(filter(None, [headline(audit), warnings(audit), details(audit)]))


def details(audit: Findings) -> str:
    """Sources of the gain, all crossovers, the numbers of experts tried, errors of prediction."""
    lines = []
    if len(audit.names) > 1:
        lines += [_sources(audit), *(_lead_line(audit, name) for name in audit.crossovers)]
    if audit.choice is not None:
        lines.append(_numbers(audit))
    lines.append(_errors(audit))
    return "\n".join(lines)


def _sources(audit: Findings) -> str:
    """The risks at the level where the gain is largest, by what each predictor has."""
    level = contenders(audit).told.level
    names = ("dense", "dense(tuned)", "group mean", "dense + group", "moe(all)", "moe(block)")
    dense, tuned, mean, told, everything, own = (risk_in_words(audit, n, level) for n in names)
    return (
        f"Measured at {level_in_words(audit, level)}: dense {dense}, tuned {tuned}; what the group "
        f"alone gives: group mean {mean}, dense + group {told}; what experts told the groups give: "
        f"each on all features {everything} (routing), each on its own block {own} (routing and "
        "filtering)."
    )


def _lead_line(audit: Findings, name: str) -> str:
    predicted, measured, against = audit.crossovers[name]
    grid, subject = audit.noise_variances, NAMES[name].capitalize()
    other = NAMES[against]
    if math.isinf(predicted.begins.value) and math.isinf(measured.begins.value):
        return f"{subject}: no gain over {other}, as predicted."
    if not audit.crossovers[name].agree:
        conclusion = "the prediction was wrong"
    elif predicted.is_sure and measured.is_sure and _same_shape(predicted, measured, grid):
        conclusion = "the prediction was right"
    else:
        conclusion = "they agree, but the errors are too large to say much"
    words = [_in_words(each, grid, audit.level_name, other) for each in (predicted, measured)]
    return f"{subject}: predicted {words[0]}, measured {words[1]}: {conclusion}."


def _in_words(lead: Lead, grid: FloatArray, level_name: str, other: str) -> str:
    if math.isinf(lead.begins.value):
        return f"never better than {other}"
    extent = extent_in_words(lead, grid, level_name)
    return f"better than {other} {extent}{'' if lead.is_sure else ' (this may be chance)'}"


def _same_shape(first: Lead, second: Lead, grid: FloatArray) -> bool:
    """Whether two leads both exist, both begin with the grid or not, both end or not."""
    shapes = [
        (
            math.isfinite(each.begins.value),
            each.begins.value <= grid[0],
            math.isinf(each.ends.value),
        )
        for each in (first, second)
    ]
    return shapes[0] == shapes[1]


def _numbers(audit: Findings) -> str:
    """The numbers of experts that were compared, and their predicted risks."""
    assert audit.choice is not None
    experts, risks, chosen, least_risky = audit.choice
    listed = ", ".join(f"{k}: {risk:.3g}" for k, risk in zip(experts, risks, strict=True))
    return (
        "Predicted risk of experts restricted to their block, under noise as large as the "
        f"features, by their number: {listed}. Chosen, by which features are active together: "
        f"K = {chosen}{'' if least_risky == chosen else f'; least risk: K = {least_risky}'}."
    )


def _errors(audit: Findings) -> str:
    z = np.array([audit.z(name) for name in audit.shown])
    beyond = np.argwhere(np.abs(z) > LARGEST_Z)
    worst = float(np.abs(z).max())
    if not len(beyond):
        levels = "1 noise level" if z.shape[1] == 1 else f"{z.shape[1]} noise levels"
        return (
            f"Every risk was predicted within {worst:.1f} standard errors "
            f"({z.shape[0]} predictors, {levels}){_bias(audit)}."
        )
    number, level = np.unravel_index(int(np.abs(z).argmax()), z.shape)
    missed = [audit.shown[i] for i in sorted(set(beyond[:, 0].tolist()))]
    return (
        f"{z.size - len(beyond)} of {z.size} risks were predicted within {LARGEST_Z:.0f} standard "
        f"errors; not all of {', '.join(missed)}. The largest difference is {worst:.1f} standard "
        f"errors, of {audit.shown[number]} at {level_in_words(audit, int(level))}{_bias(audit)}."
    )


def _bias(audit: Findings) -> str:
    """How far measured risks lie beside the predicted ones on one side, if that is far."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.array(
            [audit[f"{name}_measured"] / audit[f"{name}_predicted"] for name in audit.shown]
        )
    off = float(np.median(ratios[np.isfinite(ratios)])) - 1.0 if np.isfinite(ratios).any() else 0.0
    if abs(off) < OFF:
        return ""
    side = "above" if off > 0.0 else "below"
    return f"; measured risks are typically {100 * abs(off):.0f} % {side} the predicted ones"

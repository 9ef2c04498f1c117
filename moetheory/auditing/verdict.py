"""The verdict of an audit: what is so, who wins, what to do next; then warnings."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from moetheory.auditing.findings import Findings
from moetheory.auditing.leads import Lead, extent_in_words
from moetheory.auditing.modularity import how_modular
from moetheory.auditing.predictors import NAMES, ROUTED
from moetheory.common import text
from moetheory.common.arrays import FloatArray, IntArray

LARGEST_Z = 3.0  # standard errors within which a risk is as predicted
NO_SIGNAL = 0.01  # share of the labels' variance that is no prediction
MOSTLY = 0.9  # share of a gain that is as good as all of it
LITTLE = 0.1  # share of a gain that is as good as nothing
NEARLY = 0.95  # share of a gain with which fewer coefficients are preferred
WORTH = 0.02  # share of the risk that is a gain


class Best(NamedTuple):
    """The mixture with the largest gain over dense, and the level of it."""

    name: str
    level: int
    gain: float  # of dense's risk, a share


def headline(audit: Findings) -> str:
    """The three lines of the verdict: structure, winner, advice."""
    return "\n".join([_structure(audit), _winner(audit), _advice(audit)])


def conclusions(audit: Findings) -> str:
    """The verdict in full: three lines, what they rest on, warnings."""
    return "\n".join(filter(None, [headline(audit), details(audit), warnings(audit)]))


def details(audit: Findings) -> str:
    """Sources of the gain, all crossovers, the numbers of experts tried, errors of prediction."""
    lines = []
    if len(audit.names) > 1:
        lines += [_sources(audit), *(_lead_line(audit, name) for name in audit.crossovers)]
    if audit.choice is not None:
        lines.append(_numbers(audit))
    lines.append(_errors(audit))
    return "\n".join(lines)


def warnings(audit: Findings) -> str:
    """The notes, a line each."""
    return "\n".join(f"Note: {each}" for each in audit.notes)


def best_mixture(audit: Findings) -> Best:
    """The mixture that is told the groups with the largest measured gain over dense.

    Experts restricted to their block, which have fewer coefficients, if they gain nearly as much.
    """
    found = {}
    dense = audit["dense_measured"]
    for name in ROUTED:
        gains = (dense - audit[f"{name}_measured"]) / np.where(dense > 0.0, dense, 1.0)
        level = int(np.argmax(gains))
        found[name] = Best(name, level, float(gains[level]))
    block, everything = found["moe(block)"], found["moe(all)"]
    return block if block.gain >= NEARLY * everything.gain else everything


def identity_share(audit: Findings) -> float:
    """The share of the largest gain that the group's identity alone gives; NaN without a gain.

    It is what a mean for each group, or an intercept in dense, saves beside experts. Where a
    penalty helps dense, the gain is counted from there.
    """
    name, level, _ = best_mixture(audit)
    dense, told = (
        min(float(audit[f"{each}_measured"][level]) for each in names)
        for names in (("dense", "dense(tuned)"), ("group mean", "dense + group"))
    )
    gain = dense - float(audit[f"{name}_measured"][level])
    return min(max((dense - told) / gain, 0.0), 1.0) if gain > 0.0 else math.nan


def _structure(audit: Findings) -> str:
    sizes = _sizes(audit)
    features = f"{sizes.min()} to {sizes.max()}" if sizes.min() < sizes.max() else f"{sizes[0]}"
    total = int(sizes.sum())
    if len(audit.names) == 1:
        return f"Not modular: one block of {total} features, whose expert is dense."
    word = how_modular(audit.group_share, audit.chance).capitalize()
    experts = f"{len(audit.names)} experts, blocks of {features} of {total} features"
    return (
        f"{word}: {100 * audit.group_share:.3g} % of the energy lies in the block of the sample's "
        f"group, {100 * audit.chance.share:.3g} % by chance ({audit.chance.how}); {experts}."
    )


def _sizes(audit: Findings) -> IntArray:
    """The number of features of each block."""
    return np.bincount(audit.block_of[audit.block_of >= 0])


def _winner(audit: Findings) -> str:
    if _no_signal(audit):
        return "Nobody wins: no predictor explains the labels."
    if len(audit.names) == 1:
        return "Dense wins: there is no other expert."
    best = best_mixture(audit)
    if best.gain < WORTH:
        return "Dense wins at every noise, or loses by next to nothing."
    lead = audit.crossovers[best.name]
    verb = "told the groups, win over dense"
    measured = extent_in_words(lead.measured, audit.noise_variances, audit.level_name)
    predicted = extent_in_words(lead.predicted, audit.noise_variances, audit.level_name)
    agreed = "as predicted" if lead.agree else f"but predicted was {predicted}"
    at = f"at {audit.level_name} {audit.noise_variances[best.level]:.3g}"
    risks = (
        f"{_risk(audit, best.name, best.level)} against {_risk(audit, 'dense', best.level)} {at}"
    )
    routed = ROUTED[best.name]
    left = _gain(audit, routed, best.level) / _gain(audit, best.name, best.level)
    router = f"the {audit.router} router" if audit.router != "yours" else "your router"
    kept = f"{100 * max(left, 0.0):.0f} % of this gain is left behind {router}"
    return f"{NAMES[best.name].capitalize()}, {verb} {measured}, {agreed}: {risks}; {kept}."


def _advice(audit: Findings) -> str:
    if _no_signal(audit):
        return (
            "Your features do not predict your labels (R² at most "
            f"{_largest_r2(audit):.2g}): there is nothing to route or to filter."
        )
    best = best_mixture(audit)
    if len(audit.names) == 1:
        return "Not worth trying: no features are active together more than the others."
    if best.gain < WORTH:
        return "Not worth trying: experts save less than 2 % of the risk at every noise."
    told, dense = audit[f"{best.name}_measured"], audit["dense_measured"]
    saved_by_tuning = _gain(audit, "dense(tuned)", best.level)
    if saved_by_tuning >= MOSTLY * _gain(audit, best.name, best.level):
        return "Not worth trying: dense with a tuned penalty is as good, without any structure."
    if identity_share(audit) >= MOSTLY:
        return (
            "Not worth trying: the lead is only the group's identity (group mean "
            f"{_risk(audit, 'group mean', best.level)}, dense + group "
            f"{_risk(audit, 'dense + group', best.level)}): give dense the group, no experts."
        )
    kept = _gain(audit, ROUTED[best.name], best.level) / _gain(audit, best.name, best.level)
    if kept < LITTLE:
        elsewhere = f"{100 * audit.astray[best.level]:.0f} %"
        return (
            f"Worth trying only with a better router: this one sends {elsewhere} of the samples "
            "to another expert than their group's, and the gain is lost."
        )
    better = np.flatnonzero(told < dense)
    where = f"from {audit.level_name} {audit.noise_variances[better[0]]:.3g} on"
    if better[0] == 0:
        where = "at any noise"
    seen = (
        f"each on a block of about {round(float(np.mean(_sizes(audit))))} features"
        if best.name == "moe(block)"
        else "each on all features"
    )
    return f"Worth trying {where}: K = {len(audit.names)} experts, {seen}."


def _no_signal(audit: Findings) -> bool:
    return _largest_r2(audit) < NO_SIGNAL and _best_r2_error(audit) < 1.0


def _largest_r2(audit: Findings) -> float:
    return max(float(audit.explained(name).max()) for name in audit.standardised)


def _best_r2_error(audit: Findings) -> float:
    return float(audit["dense_sem"][0]) / audit.label_power


def _gain(audit: Findings, name: str, level: int) -> float:
    return float(audit["dense_measured"][level] - audit[f"{name}_measured"][level])


def _risk(audit: Findings, name: str, level: int) -> str:
    return text.rounded(audit[f"{name}_measured"][level], audit[f"{name}_sem"][level])


def _sources(audit: Findings) -> str:
    """The gain at the level where it is largest, split into its sources."""
    level = best_mixture(audit).level
    names = ("dense", "dense(tuned)", "group mean", "dense + group", "moe(all)", "moe(block)")
    dense, tuned, mean, told, everything, own = (_risk(audit, name, level) for name in names)
    return (
        f"At {audit.level_name} {audit.noise_variances[level]:.3g}: dense {dense}, tuned {tuned}; "
        f"the group's identity: group mean {mean}, dense + group {told}; experts that see "
        f"everything {everything} (routing), restricted to their block {own} (filtering)."
    )


def _lead_line(audit: Findings, name: str) -> str:
    predicted, measured, against = audit.crossovers[name]
    grid, subject = audit.noise_variances, NAMES[name].capitalize()
    other = NAMES[against]
    if math.isinf(predicted.begins.value) and math.isinf(measured.begins.value):
        return f"{subject}: no gain over {other} predicted, none found."
    if not audit.crossovers[name].agree:
        conclusion = "the theory missed it"
    elif predicted.is_sure and measured.is_sure and _same_shape(predicted, measured, grid):
        conclusion = "the theory called it"
    else:
        conclusion = "within their errors, which are wide"
    words = [_in_words(each, grid, audit.level_name, other) for each in (predicted, measured)]
    return f"{subject}: predicted {words[0]}, measured {words[1]}: {conclusion}."


def _in_words(lead: Lead, grid: FloatArray, level_name: str, other: str) -> str:
    if math.isinf(lead.begins.value):
        return f"never ahead of {other}"
    extent = extent_in_words(lead, grid, level_name)
    return f"ahead of {other} {extent}{'' if lead.is_sure else ', if at all'}"


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
    z = np.array([audit.z(name) for name in audit.standardised])
    beyond = np.argwhere(np.abs(z) > LARGEST_Z)
    worst = float(np.abs(z).max())
    if not len(beyond):
        levels = "1 noise level" if z.shape[1] == 1 else f"{z.shape[1]} noise levels"
        return (
            f"Every risk was predicted within {worst:.1f} standard errors "
            f"({z.shape[0]} predictors, {levels})."
        )
    names = list(audit.standardised)
    number, level = np.unravel_index(int(np.abs(z).argmax()), z.shape)
    missed = sorted({names[i] for i in beyond[:, 0]}, key=names.index)
    return (
        f"{len(beyond)} of {z.size} risks were not predicted within {LARGEST_Z:.0f} standard "
        f"errors, of {', '.join(missed)}; the largest difference is {worst:.1f}, of "
        f"{names[number]} at {audit.level_name} {audit.noise_variances[level]:.3g}."
    )

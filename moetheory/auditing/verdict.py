"""The verdict of an audit in three lines: what is so, who wins, what to do next."""

from __future__ import annotations

import numpy as np

from moetheory.auditing.contenders import (
    WORTH,
    Contender,
    contenders,
    identity_share,
    unseen_lead,
)
from moetheory.auditing.findings import Findings
from moetheory.auditing.leads import extent_in_words
from moetheory.auditing.modularity import how_modular
from moetheory.auditing.predictors import NAMES
from moetheory.common import text
from moetheory.common.arrays import IntArray

NO_SIGNAL = 0.01  # share of the labels' variance that is no prediction
BETTER = 0.99  # share of a risk that is visibly less
MOSTLY = 0.9  # share of a gain that is as good as all of it


def headline(audit: Findings) -> str:
    """The three lines of the verdict: structure, winner, advice."""
    return "\n".join([_structure(audit), _winner(audit), _advice(audit)])


def warnings(audit: Findings) -> str:
    """The notes, a line each."""
    return "\n".join(f"Note: {each}" for each in audit.notes)


def risk_in_words(audit: Findings, name: str, level: int, what: str = "measured") -> str:
    """A risk with the digits that its standard error leaves."""
    sem = "sem" if what == "measured" else f"{what}_sem"
    return text.rounded(audit[f"{name}_{what}"][level], audit[f"{name}_{sem}"][level])


def level_in_words(audit: Findings, level: int) -> str:
    """A noise level with its name."""
    return f"{audit.level_name} {audit.noise_variances[level]:.3g}"


def _structure(audit: Findings) -> str:
    sizes = _sizes(audit)
    total = int(sizes.sum())
    if len(audit.names) == 1:
        return f"Not modular: one block with all {text.counted(total, 'feature')}."
    features = f"{sizes.min()} to {sizes.max()}" if sizes.min() < sizes.max() else f"{sizes[0]}"
    word = how_modular(audit.group_share, audit.chance).capitalize()
    return (
        f"{word}: {100 * audit.group_share:.3g} % of a sample's energy (sum of squares) is in the "
        f"block of its group; by chance it would be {100 * audit.chance.share:.3g} % "
        f"({audit.chance.how}). {len(audit.names)} experts, blocks of {features} of "
        f"{text.counted(total, 'feature')}."
    )


def _sizes(audit: Findings) -> IntArray:
    """The number of features of each block."""
    return np.bincount(audit.block_of[audit.block_of >= 0])


def _winner(audit: Findings) -> str:
    if _no_signal(audit):
        return "Nobody wins: no predictor explains the labels."
    if len(audit.names) == 1:
        return "Nothing to compare: with one block a mixture is the dense predictor."
    told, routed = contenders(audit)
    if max(told.gain, routed.gain) < WORTH:
        unseen = unseen_lead(audit)
        if unseen is None:
            return "Dense wins at every noise, or experts save less than 2 % of its risk."
        extent = extent_in_words(
            audit.crossovers[unseen].predicted, audit.noise_variances, audit.level_name
        )
        return (
            f"Undecided: dense is predicted to lose to {NAMES[unseen]} {extent}, but the held-out "
            "samples do not show it."
        )
    if not (told.wins or routed.wins):
        best = told if told.gain >= WORTH else routed
        means = "told the group of each sample" if best is told else f"with {_router(audit)}"
        return (
            f"Undecided: {NAMES[told.name]}, {means}, may win over dense, but this may be chance: "
            f"{_risks(audit, best)}."
        )
    subject = NAMES[told.name]
    # with the router is how it would be used: the risks of told groups are among the details then
    wins = _wins(audit, told, risks=not routed.wins)
    first = f"{subject.capitalize()}, told the group of each sample, {wins}."
    return f"{first} With {_router(audit)} they {_wins(audit, routed)}."


def _wins(audit: Findings, found: Contender, *, risks: bool = True) -> str:
    """Where a mixture wins, and by how much at most."""
    if found.gain < WORTH:
        return "save less than 2 % of the risk of dense at every noise"
    predicted, measured, _ = audit.crossovers[found.name]
    extent, foreseen = (
        extent_in_words(each, audit.noise_variances, audit.level_name)
        for each in (measured, predicted)
    )
    if not found.is_sure:
        return f"may win over dense {extent}, but this may be chance: {_risks(audit, found)}"
    agreed = predicted.is_sure and audit.crossovers[found.name].agree
    theory = "as predicted" if agreed else f"not as predicted ({foreseen})"
    by = f": {_risks(audit, found)}" if risks else ""
    return f"win over dense {extent}, {theory}{by}"


def _risks(audit: Findings, found: Contender) -> str:
    """Both risks at the level where a mixture gains most, measured and predicted."""
    pairs = [
        " against ".join(risk_in_words(audit, n, found.level, what) for n in (found.name, "dense"))
        for what in ("measured", "predicted")
    ]
    return f"at {level_in_words(audit, found.level)} measured {pairs[0]}, predicted {pairs[1]}"


def _router(audit: Findings) -> str:
    return "your router" if audit.router == "yours" else f"the {audit.router} router"


def _advice(audit: Findings) -> str:
    if _no_signal(audit):
        return (
            "Your features do not predict your labels (R² at most "
            f"{max(_largest_r2(audit), 0.0):.2g}): there is nothing to route or to filter."
        )
    if len(audit.names) == 1:
        return (
            "Not worth trying: no groups of features are active together more than others. To "
            "compare a mixture all the same, ask for a number of experts."
        )
    found = contenders(audit)
    told, routed = found
    no_gain = max(told.gain, routed.gain) < WORTH
    if no_gain and unseen_lead(audit) is None:
        return "Not worth trying: experts save less than 2 % of the risk at every noise."
    if no_gain or not (told.wins or routed.wins):
        return (
            f"Too uncertain to say: {int(audit.held_out.sum())} held-out samples cannot tell the "
            "gain from chance. More samples would."
        )
    level = found.best.level
    if _gain(audit, "dense(tuned)", level) >= MOSTLY * _gain(audit, found.best.name, level):
        return "Not worth trying: dense with a tuned penalty is as good, without any structure."
    if identity_share(audit) >= MOSTLY:
        mean, with_group = (
            risk_in_words(audit, each, level) for each in ("group mean", "dense + group")
        )
        return (
            f"Not worth trying: the lead is only the group's identity (group mean {mean}, dense + "
            f"group {with_group}): give dense the group, no experts."
        )
    if not routed.wins:
        astray = (
            f"this one sends {100 * audit.astray[told.level]:.0f} % of the samples to another "
            f"expert than their group's at {level_in_words(audit, told.level)}"
        )
        if audit.source == "given":
            return (
                "Worth trying if the group of each sample is known in use; otherwise only with a "
                f"better router: {astray}."
            )
        return f"Worth trying only with a better router: {astray}."
    lead = audit.crossovers[routed.name].measured
    where = extent_in_words(lead, audit.noise_variances, audit.level_name, intervals=False)
    return f"Worth trying {where}: K = {len(audit.names)} experts, {_seen(audit, routed)}."


def _seen(audit: Findings, best: Contender) -> str:
    """What each expert sees; where more would be better, how much, and what it costs."""
    if best.name == "moe(all, router)":
        return f"each on all features, with {_router(audit)}"
    size = round(float(np.mean(_sizes(audit))))
    seen = f"each on a block of about {text.counted(size, 'feature')}, with {_router(audit)}"
    everything = audit["moe(all, router)_measured"][best.level]
    if everything <= BETTER * audit[f"{best.name}_measured"][best.level]:
        seen += (
            f" (each on all features: {risk_in_words(audit, 'moe(all, router)', best.level)} there,"
            f" with {len(audit.names)} times as many weights)"
        )
    return seen


def _no_signal(audit: Findings) -> bool:
    """Whether no predictor explains labels, as predicted and as measured: both may be chance."""
    return _largest_r2(audit) < NO_SIGNAL and audit["dense_sem"][0] < audit.label_power


def _largest_r2(audit: Findings) -> float:
    """The largest R² of a predictor at a level, the smaller of predicted and measured."""
    risks = [
        np.maximum(audit[f"{name}_measured"], audit[f"{name}_predicted"])
        for name in audit.standardised
    ]
    return 1.0 - float(np.min(risks)) / audit.label_power


def _gain(audit: Findings, name: str, level: int) -> float:
    return float(audit["dense_measured"][level] - audit[f"{name}_measured"][level])

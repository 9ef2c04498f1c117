"""The verdict of an audit in words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from moetheory.auditing.leads import Lead, Located
from moetheory.auditing.predictors import NAMES
from moetheory.reporting import rounded
from moetheory.validation import FloatArray

if TYPE_CHECKING:
    from moetheory.auditing.outcome import Audit

MODULAR, BARELY = 0.5, 0.1  # of the way from chance to strict blocks
ERRORS = 3.0  # standard errors within which a risk is as predicted


def verdict(audit: Audit) -> str:
    """A few lines: structure, who leads where, what the lead is due to, errors of prediction."""
    lines = [_structure(audit), _energy(audit)]
    if len(audit.names) > 1:
        lines += [*(_lead(audit, name) for name in audit.crossovers), _sources(audit)]
    return "\n".join([*lines, _errors(audit)])


def _structure(audit: Audit) -> str:
    held_out = int(audit.held_out.sum())
    sizes = audit.model.sizes
    features = f"{sizes.min()} to {sizes.max()}" if sizes.min() < sizes.max() else f"{sizes[0]}"
    experts = "1 expert" if len(sizes) == 1 else f"{len(sizes)} experts"
    return (
        f"{experts} with {features} of {len(audit.block_of)} features; "
        f"{len(audit.held_out) - held_out} training and {held_out} held-out samples."
    )


def _energy(audit: Audit) -> str:
    if len(audit.names) == 1:
        return "Not modular: one block, the expert is the dense predictor, no gain."
    if audit.modularity >= MODULAR:
        word = "Modular"
    else:
        word = "Weakly modular" if audit.modularity >= BARELY else "Not modular"
    return (
        f"{word}: {100 * audit.group_share:.3g} % of the energy lies in the block of the sample's "
        f"group ({100 * audit.chance_share:.3g} % by chance); "
        f"equivalent leakage alpha = {audit.leakage:.2g}."
    )


def _lead(audit: Audit, name: str) -> str:
    predicted, measured = audit.crossovers[name]
    grid, who = audit.noise_variances, NAMES[name].capitalize()
    never = [math.isinf(each.begins.value) for each in (predicted, measured)]
    if all(never):
        return f"{who}: no gain over dense predicted, none found."
    if not audit.crossovers[name].agree:
        said = "the theory missed it"
    elif all(each.is_sure for each in (predicted, measured)) and (
        _pattern(predicted, grid) == _pattern(measured, grid)
    ):
        said = "the theory called it"
    else:
        said = "within their errors, which are wide"
    return (
        f"{who}: predicted {_stretch(predicted, grid)}, "
        f"measured {_stretch(measured, grid)}: {said}."
    )


def _stretch(lead: Lead, grid: FloatArray) -> str:
    begins, ends = lead
    if math.isinf(begins.value):
        return "never ahead of dense"
    _, from_the_start, to_the_end = _pattern(lead, grid)
    if from_the_start and to_the_end:
        stretch = "at every noise variance"
    elif to_the_end:
        stretch = f"from noise variance {_located(begins, grid)} on"
    elif from_the_start:
        stretch = f"up to noise variance {_located(ends, grid)}"
    else:
        stretch = f"from noise variance {_located(begins, grid)} to {_located(ends, grid)}"
    return f"ahead of dense {stretch}{'' if lead.is_sure else ', if at all'}"


def _pattern(lead: Lead, grid: FloatArray) -> tuple[bool, bool, bool]:
    """Whether there is a lead, whether it is there from the start, whether it lasts."""
    begins, ends = lead.begins.value, lead.ends.value
    return math.isfinite(begins), begins <= grid[0], math.isinf(ends)


def _located(place: Located, grid: FloatArray) -> str:
    high = f"more than {grid[-1]:.3g}" if math.isinf(place.high) else f"{place.high:.3g}"
    return f"{place.value:.3g} ({place.low:.3g} to {high})"


def _sources(audit: Audit) -> str:
    """What experts gain where they gain most, in steps from dense."""
    gain = audit["dense_measured"] - audit["moe_measured"]
    level = int(np.argmax(gain))
    if gain[level] <= 0.0:
        level = len(gain) - 1
    dense, tuned, every, own = (
        rounded(audit[f"{name}_measured"][level], audit[f"{name}_sem"][level])
        for name in ("dense", "dense(tuned)", "moe(all)", "moe")
    )
    return (
        f"At noise variance {audit.noise_variances[level]:.3g}: dense {dense}, tuned {tuned}; "
        f"experts that see all features {every} (routing alone), their own block {own} (filtering)."
    )


def _errors(audit: Audit) -> str:
    z = np.array([audit.z(name) for name in audit.predictors])
    off = np.abs(z) > ERRORS
    worst = float(np.abs(z).max())
    if not off.any():
        levels = "1 noise level" if z.shape[1] == 1 else f"{z.shape[1]} noise levels"
        return (
            f"Every risk was predicted within {worst:.1f} standard errors "
            f"({z.shape[0]} predictors, {levels})."
        )
    return (
        f"{int(off.sum())} of {z.size} risks were not predicted within {ERRORS:.0f} standard "
        f"errors (the largest difference is {worst:.1f})."
    )

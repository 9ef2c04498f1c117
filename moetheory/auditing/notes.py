"""Warnings of an audit: what its user should know of the data before the verdict."""

from __future__ import annotations

from typing import Any

import numpy as np

from moetheory.auditing.features import Dropped, Features
from moetheory.auditing.noise import FeatureNoise, unlike_units
from moetheory.auditing.sample_sets import SampleSets
from moetheory.auditing.structure import CompleteStructure
from moetheory.auditing.task import Task
from moetheory.common.arrays import IntArray
from moetheory.common.escapes import printable
from moetheory.common.text import counted

FEW_HELD_OUT = 50
FEW_CLUSTERS = 20
RARE_CLASS = 0.05  # share of the samples
MEANS_HOLD = 0.5  # share of the mean square of a typical feature


def notes_on_features(
    x: Features,
    dropped: Dropped,
    sets: SampleSets,
    divided: int,
    noise: FeatureNoise,
    *,
    center: bool,
    collinear: bool,
) -> list[str]:
    """Notes on what was left out, on means and units, and on rows that are repeated."""
    notes = []
    if dropped.any:
        notes.append(f"features that never vary are left out: {x.listed(dropped)}.")
    if x.means_share > MEANS_HOLD:
        told = "it is subtracted" if center else "it counts as energy, for it is not subtracted"
        notes.append(
            f"{100 * x.means_share:.0f} % of the mean square of a typical feature is its squared "
            f"mean: {told}."
        )
    if noise.kind == "equal" and unlike_units(x):
        notes.append(
            "features have very different scales (standard deviations from "
            f"{x.scale.min():.2g} to {x.scale.max():.2g}): the same noise on all of them means "
            "little; noise='relative' (--noise relative) is in proportion to each."
        )
    if collinear:
        notes.append(
            "features are collinear, or nearly, or as many as samples: fits without noise have a "
            "penalty of 1e-8 of each feature's variance."
        )
    if sets.duplicates:
        told = "they stay together in the split"
        if divided:
            told = f"held_out divides {counted(divided, 'set')} of them, whose risks are too small"
        notes.append(f"{counted(sets.duplicates, 'sample')} repeat another one: {told}.")
    return notes


def notes_on_samples(
    task: Task,
    found: CompleteStructure,
    classes: tuple[Any, ...] | None,
    rows: IntArray,
    held: IntArray,
    clusters: IntArray | None,
) -> list[str]:
    """Notes on groups, classes and clusters."""
    notes = []
    if found.source == "found" and task.experts > 1:
        notes.append(
            "the groups were computed from features without noise. In use nobody tells them, and "
            "a router sees the noise: compare the columns with a router."
        )
    elif found.source == "router":
        notes.append(
            "the groups are what your router says of features without noise. In use it sees the "
            "noise: compare the columns with a router."
        )
    if found.merged:
        listed = ", ".join(printable(str(each), lines=False) for each in found.merged[:5])
        more = ", …" * (len(found.merged) > 5)
        notes.append(
            f"{counted(len(found.merged), 'group')} without 2 training samples joined with the "
            f"most frequent one ({listed}{more})."
        )
    members = np.bincount(task.groups[rows], minlength=task.experts)
    scarce = int(np.count_nonzero(members <= task.features.dim))
    if scarce and task.experts > 1:
        notes.append(
            f"{scarce} of {task.experts} groups have no more training samples than features: "
            "their experts that see everything are fits of least norm; tuned ones have a penalty."
        )
    if len(held) < FEW_HELD_OUT:
        notes.append(f"only {len(held)} samples are held out: measured risks are rough.")
    if classes is not None:
        shares = task.labels[rows].mean(axis=0)
        if len(classes) == 2:
            low, high = task.labels[rows].min(), task.labels[rows].max()
            high_share = float((shares[0] - low) / ((high - low) or 1.0))
            shares = np.array([1.0 - high_share, high_share])
        rare = int(np.argmin(shares))
        if shares[rare] < RARE_CLASS:
            notes.append(
                f"the class {classes[rare]} has {100 * shares[rare]:.2g} % of the training "
                "samples: standard errors are too small where few of it are held out."
            )
    if clusters is not None:
        count = len(np.unique(clusters))
        few = ", which is few: standard errors are rough" if count < FEW_CLUSTERS else ""
        notes.append(f"{count} clusters stay together{few}.")
    return notes

"""Rules that tell the groups of samples from their features, fitted to given groups.

Group ids may have been computed from the features: clusters, or the experts that a router chose.
A rule that tells most of them stands for that computation, so that it can be repeated on other
features.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray

_CLEARLY = 4.0  # standard errors beyond guessing

Rule = Callable[[FloatArray], IntArray]  # the groups (n,) of features (n, d)


class ToldGroups(NamedTuple):
    """A rule, what it goes by, and the share of the groups of other samples that it tells."""

    rule: Rule
    by: str
    share: float


def telling_rule(
    features: FloatArray, groups: IntArray, experts: int, rng: np.random.Generator
) -> ToldGroups | None:
    """The rule that tells the groups best, fitted to all samples; None if guessing is as good.

    Rules are compared on half of the samples, fitted to the other half. Guessing is to say the
    most frequent group always. Features (n, d) are standardised, so that all count the same.
    """
    order = rng.permutation(len(features))
    fitting, trying = order[: len(order) // 2], order[len(order) // 2 :]
    if not len(fitting):
        return None
    half, others = features[fitting], features[trying]
    shares = {
        by: float(np.mean(fit(half, groups[fitting], experts)(others) == groups[trying]))
        for by, fit in _RULES.items()
    }
    by = max(shares, key=lambda name: shares[name])
    guessed = float(np.bincount(groups[trying]).max()) / len(trying)
    error = math.sqrt(guessed * (1.0 - guessed) / len(trying))
    if shares[by] <= guessed + _CLEARLY * error:
        return None
    return ToldGroups(_RULES[by](features, groups, experts), by, shares[by])


def nearest_centre(features: FloatArray, groups: IntArray, experts: int) -> Rule:
    r"""The rule :math:`\arg\min_g |x - c_g|`, with :math:`c_g` the mean of group g."""
    members = np.bincount(groups, minlength=experts)
    centres = _one_hot(groups, experts).T @ features / np.maximum(members, 1)[:, np.newaxis]
    offsets = np.where(members > 0, -0.5 * np.square(centres).sum(axis=1), -np.inf)
    return lambda x: np.asarray((offsets + x @ centres.T).argmax(axis=1))


def nearest_sizes(features: FloatArray, groups: IntArray, experts: int) -> Rule:
    r"""The rule `nearest_centre` of the sizes :math:`|x_m|`: of ids that signs do not change."""
    rule = nearest_centre(np.abs(features), groups, experts)
    return lambda x: rule(np.abs(x))


def likeliest_energies(features: FloatArray, groups: IntArray, experts: int) -> Rule:
    r"""The rule :math:`\arg\max_g \ln p_g - \frac12\sum_m (\ln v_{gm} + x_m^2/v_{gm})`.

    The posterior of independent :math:`N(0, v_{gm})`, with the mean squares of features in the
    groups as :math:`v_{gm}` (and one sample of variance 1 more, so that none is zero). Where a
    group is a loud block it goes by energies of blocks, whichever the blocks are.
    """
    members = np.bincount(groups, minlength=experts) + 1.0
    energies = _one_hot(groups, experts).T @ np.square(features)
    variances = (energies + 1.0) / members[:, np.newaxis]
    offsets = np.log(members) - 0.5 * np.log(variances).sum(axis=1)
    return lambda x: np.asarray((offsets - 0.5 * np.square(x) @ (1.0 / variances).T).argmax(axis=1))


def _one_hot(groups: IntArray, experts: int) -> FloatArray:
    return np.asarray(groups[:, np.newaxis] == np.arange(experts), dtype=np.float64)


_RULES = {
    "nearest centre": nearest_centre,
    "energies of features": likeliest_energies,
    "nearest sizes": nearest_sizes,
}

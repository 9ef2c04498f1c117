"""The mixtures that a verdict speaks of: told the groups, and with a router."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from moetheory.auditing.findings import Findings
from moetheory.auditing.predictors import ROUTED

WORTH = 0.02  # share of dense's risk that is a gain
NEARLY = 0.95  # share of a gain with which fewer coefficients are preferred


class Contender(NamedTuple):
    """A mixture, and the noise level at which it gains most over dense.

    Attributes
    ----------
    name : str
    level : int
        The index of the noise level.
    gain : float
        What the mixture saves there, as a share of dense's measured risk; 0 if it never leads.
    is_sure : bool
        Whether the measured lead is more than chance.
    """

    name: str
    level: int
    gain: float
    is_sure: bool

    @property
    def wins(self) -> bool:
        """Whether the mixture saves what is worth having, by more than chance."""
        return self.gain >= WORTH and self.is_sure


class Contenders(NamedTuple):
    """The best mixture where the groups are told, and where a router tells them."""

    told: Contender
    routed: Contender

    @property
    def best(self) -> Contender:
        """The one that counts: with the router if it wins, for that is how it would be used."""
        return self.routed if self.routed.wins else self.told


def contenders(audit: Findings) -> Contenders:
    """The mixture that a verdict speaks of, told the groups and with a router.

    In use a router tells the groups, so the mixture is the one that gains most with it, if any
    does; otherwise the one that gains most when it is told them.
    """
    routed = _best(audit, ROUTED.values())
    if routed.wins:
        told = next(name for name, behind in ROUTED.items() if behind == routed.name)
        return Contenders(_contender(audit, told), routed)
    best = _best(audit, ROUTED)
    return Contenders(best, _contender(audit, ROUTED[best.name]))


def unseen_lead(audit: Findings) -> str | None:
    """A mixture that is predicted to win, and whose measured lead does not contradict that.

    Where hardly any samples are held out nothing is measured for sure.
    """
    for name in (*ROUTED.values(), *ROUTED):
        predicted, *_ = found = audit.crossovers[name]
        gains = 1.0 - audit[f"{name}_predicted"] / audit["dense_predicted"]
        if predicted.is_sure and found.agree and float(gains.max()) >= WORTH:
            return name
    return None


def identity_share(audit: Findings) -> float:
    """The share of the largest gain that the group's identity alone gives; NaN without a gain.

    It is what a mean for each group, or an intercept in dense, saves beside experts. Where a
    penalty helps dense, the gain is counted from there.
    """
    name, level, *_ = contenders(audit).best
    dense, told = (
        min(float(audit[f"{each}_measured"][level]) for each in names)
        for names in (("dense", "dense(tuned)"), ("group mean", "dense + group"))
    )
    gain = dense - float(audit[f"{name}_measured"][level])
    return min(max((dense - told) / gain, 0.0), 1.0) if gain > 0.0 else math.nan


def _best(audit: Findings, names: Iterable[str]) -> Contender:
    """Experts on their block if they gain nearly as much as those that see everything."""
    block, everything = (_contender(audit, name) for name in names)
    if block.wins != everything.wins:
        return block if block.wins else everything
    return block if block.gain >= NEARLY * everything.gain else everything


def _contender(audit: Findings, name: str) -> Contender:
    """A mixture at the level of its lead where it gains most, if that is worth having."""
    lead, levels = audit.crossovers[name].measured, audit.noise_variances
    dense = audit["dense_measured"]
    gains = (dense - audit[f"{name}_measured"]) / np.where(dense > 0.0, dense, 1.0)
    within = (lead.begins.value <= levels) & (levels <= lead.ends.value)
    level = int(np.argmax(np.where(within, gains, -np.inf)))
    if within.any() and gains[level] >= WORTH:
        return Contender(name, level, float(gains[level]), lead.is_sure)
    # beside the clearest lead another one may gain more, for which nothing says that it is sure
    level = int(np.argmax(gains))
    return Contender(name, level, max(float(gains[level]), 0.0), is_sure=False)

r"""The laws of the scores of blocks at the nodes of panels (docs/theory.md §6, The k best)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from moetheory.common.arrays import FloatArray
from moetheory.formulas import chisquares
from moetheory.formulas.block_evidence import Block
from moetheory.formulas.score_panels import Law, Panels

DROP = 45.0  # e^-45 is below the rounding of what it is added to


class ScoreDensities(NamedTuple):
    r"""Densities at nodes, times the slopes there, and distribution functions; (P, n) arrays.

    With the forms Q of `Block`, :math:`D = Q^\mathrm{missed} - Q^\mathrm{met}` and :math:`D' =
    Q^\mathrm{cross} - Q^\mathrm{met}`.

    Attributes
    ----------
    idle, wrong, active, missed, cross : (P, n) arrays
        The densities of the score, the second times the mean of Q^wrong, the fourth and fifth
        those of D and D' given the score.
    idle_below, active_below, missed_below : (P, n) arrays
        The probability of a lower score, and the mean of D there.
    """

    idle: FloatArray
    wrong: FloatArray
    active: FloatArray
    missed: FloatArray
    cross: FloatArray
    idle_below: FloatArray
    active_below: FloatArray
    missed_below: FloatArray

    @classmethod
    def of(cls, block: Block, a: float, panels: Panels) -> ScoreDensities:
        """The laws of a block with score a + z, a in the units of the ``panels``."""
        z = (panels.starts - a)[:, np.newaxis] + panels.offsets
        idle, active = block.inactive_weights, block.active_weights
        pdf, cdf = chisquares.log_pdf, chisquares.log_cdf

        def at(function: Callable[..., chisquares.Logs], *arguments: FloatArray) -> FloatArray:
            """The law at the nodes."""
            return np.exp(function(z, *arguments, block.degrees).values)

        def mean(
            function: Callable[..., chisquares.Logs], weights: FloatArray, loads: FloatArray
        ) -> FloatArray:
            """The law with loads of both signs."""
            found = np.zeros_like(z)
            for sign in (1.0, -1.0):
                part = np.maximum(sign * loads, 0.0)
                if part.any():
                    found += sign * np.exp(function(z, weights, block.degrees, part).values)
            return found

        missed, cross = block.missed - block.met, block.cross - block.met
        idle_density, wrong, active_density, missed_density, cross_density = (
            each * panels.slopes
            for each in (
                at(pdf, idle),
                mean(pdf, idle, block.wrong),
                at(pdf, active),
                mean(pdf, active, missed),
                mean(pdf, active, cross),
            )
        )
        return cls(
            idle_density,
            wrong,
            active_density,
            missed_density,
            cross_density,
            at(cdf, idle),
            at(cdf, active),
            mean(cdf, active, missed),
        )


def relative_laws(blocks: Sequence[Block]) -> list[Law]:
    """The laws of the scores, less the largest a; with equal priors tiny offsets keep digits."""
    top = max(blocks, key=lambda block: block.a)
    return [
        Law(
            (block.log_prior - top.log_prior) + (block.offset - top.offset),
            np.stack([block.inactive_weights, block.active_weights]),
            block.degrees,
        )
        for block in blocks
    ]


def highest_score(laws: Sequence[Law]) -> float:
    r"""The score beyond which no integrand is worth anything.

    A score x of an idle block matters with the probability that the active one is lower, so that
    the density is to be taken with the degrees of both. Of the active block, beside any other,
    :math:`e^{-x}` times the density matters, as its weight is close to 1.
    """
    weights = [np.maximum(law.weights[0], 1.0 / (2.0 + 1.0 / law.weights[1])) for law in laws]
    most = max(float(each.max()) for each in weights)
    tops = []
    for law, each in zip(laws, weights, strict=True):
        more = max(float(other.degrees.sum()) for other in laws if other.a <= law.a)
        both = np.append(each, most), np.append(law.degrees, more)
        tops.append(law.a + chisquares.exponent_point(DROP, *both, upper=True))
    return max(tops)

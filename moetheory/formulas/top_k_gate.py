r"""Losses of a gate with the k most probable experts (docs/theory.md §6, The k best).

Let T be the blocks with the k largest scores :math:`\log W`, and
:math:`v_j = W_j/\sum_S W` for :math:`j \in T`, zero for all others; S is T for *renormalised*
weights, and all blocks for *plain* ones. By :math:`1/(\sum_S W)^2 = \int_0^\infty
te^{-t\sum_S W}dt` every mean of a product of two weights is an integral over t and the
k-th largest score :math:`\zeta` of a product over blocks: each other block is above
:math:`\zeta` or below it, and k-1 of them are above.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.formulas.block_evidence import Block, ClassLosses
from moetheory.formulas.chosen_polynomials import (
    AT,
    CHOSEN,
    HALF_SQUARE,
    ONE,
    SUM,
    power,
    products_of_others,
)
from moetheory.formulas.score_densities import ScoreDensities, highest_score, relative_laws
from moetheory.formulas.score_panels import gauss_rule, score_panels

NODES, FEWER = 12, 8  # of the rule in a panel; those of a second one, to compare with
SHARES = 1.0, 0.5, 0.25, 0.125  # of the length of a panel
CLOSE = 1e-7  # relative change by fewer nodes that needs no shorter panels
GAIN = 1.25  # power of this change as error: that of n nodes falls like a power 2n
STEP = 0.32  # in log t: the trapezoid rule errs by 2|Γ(2+2πi/STEP)| < 2e-11 of any Σ^-2
LAST = 60.0  # t times a chosen W beyond which exp(-tW) is nothing
FIRST = 16.0  # below the score of the k-th, as integrands fall at least like t² there
MOST_NUMBERS = 1 << 27  # in all polynomials
ROUNDING = 3e-11  # relative, with the error of STEP


def top_k_losses(
    blocks: Sequence[Block], counts: IntArray, k: int, *, renormalised: bool = True
) -> ClassLosses:
    r"""The mean loss of an input of a group of each class, and of a signal-free one.

    With :math:`v_g^2 = 1_{g\in T} - 2v_g(1-v_g) - (1-v_g)^2` for the chosen, the loss of
    `Block` is

    .. math:: Q^\mathrm{met}_g + 1_{g\notin T}D_g
              + 1_{g\in T}\big[(1-v_g)^2D_g + 2v_g(1-v_g)D'_g\big]
              + \sum_{j\ne g}v_j^2Q^\mathrm{wrong}_j ,

    :math:`D = Q^\mathrm{missed} - Q^\mathrm{met}` and :math:`D' = Q^\mathrm{cross} -
    Q^\mathrm{met}`. If Q^met is zero all terms are positive, and rare errors keep their digits.

    Parameters
    ----------
    blocks, counts : sequence of C Block, (C,) integer array
        The distinct blocks, one for each class, all with evidence, and how many blocks are in
        the class. There must be no drawn groups without evidence.
    k : int
        From 1 to the number of blocks.
    renormalised : bool
        Whether the weights of the k blocks are scaled to sum to 1.

    Raises
    ------
    ArithmeticError
        The scores spread too far, or the classes are too many for a quadrature.

    Examples
    --------
    >>> r, c = np.full(2, 3.0), np.full(2, 0.5)
    >>> block = Block.of(1 / 3, r, 1.0, 1.0 + r, c * (1.0 + r), 0.0, 0.0, c)
    >>> [float(top_k_losses([block], np.array([3]), k).values[0]) for k in (1, 2, 3)]
    [0.885679, 0.607723, 0.5809]
    >>> float(top_k_losses([block], np.array([3]), 2, renormalised=False).values[0])
    0.590393
    """
    for share in SHARES:
        fine, coarse = (
            _Quadrature(blocks, counts, k, renormalised, nodes, share).parts()
            for nodes in (NODES, FEWER)
        )
        sizes = np.abs(fine).sum(axis=1)
        changes = np.abs(fine - coarse).sum(axis=1) / np.where(sizes > 0.0, sizes, 1.0)
        if np.all(changes <= CLOSE):
            break
    return ClassLosses(fine.sum(axis=1), (changes**GAIN + ROUNDING) * sizes)


class _Quadrature:
    """The integrals over t and the k-th largest score, with a number of ``nodes`` in each panel.

    Other arguments as for `top_k_losses`. Scores are relative to the largest a.
    """

    def __init__(
        self,
        blocks: Sequence[Block],
        counts: IntArray,
        k: int,
        renormalised: bool,
        nodes: int,
        share: float,
    ) -> None:
        self.blocks, self.counts, self.k, self.renormalised = blocks, counts, k, renormalised
        laws = relative_laws(blocks)
        a = np.array([law.a for law in laws])
        order = np.argsort(-a)
        least = a.min()  # the k-th largest score is at least the k-th largest a
        if renormalised:
            least = a[order[np.searchsorted(np.cumsum(counts[order]), k)]]
        top = highest_score(laws)
        self.rule = gauss_rule(nodes)
        total = float(counts.sum())
        quantile = (total - k + 1.0) / total  # what is about there is the k-th largest score
        self.panels = score_panels(laws, float(least), top, self.rule, share, quantile)
        first, last = -top - max(FIRST - 0.25 * top, 0.0), math.log(LAST) - least
        self.log_t = np.append(-math.inf, np.arange(first, last + STEP, STEP))
        numbers = self.panels.offsets.size * len(self.log_t) * len(blocks) * k
        if share * numbers > MOST_NUMBERS:
            raise ArithmeticError(
                f"the scores spread so far that the {k} largest of them need a quadrature of "
                f"{numbers:.1g} numbers"
            )
        self.densities = [
            ScoreDensities.of(block, law.a, self.panels)
            for block, law in zip(blocks, laws, strict=True)
        ]

    def moments(self, p: int) -> FloatArray:
        r"""At the nodes of panel p, densities times functions of :math:`y = tW`, (C, 7, n, T').

        .. math:: e^{-y},\ ye^{-y},\ \tfrac12y^2e^{-y},\ Q^\mathrm{wrong}y^2e^{-y}

        while idle, :math:`e^{-y}, De^{-y}, D'ye^{-y}` while active; for log t = -inf and the T'-1
        smallest others, beyond which they vanish.
        """
        panels = self.panels
        last = math.log(LAST) - (panels.starts[p] + panels.lefts[p])
        log_t = self.log_t[: np.searchsorted(self.log_t, last) + 1]
        y = np.exp(log_t + (panels.starts[p] + panels.offsets[p])[:, np.newaxis])
        one = np.exp(-y)
        first = one * y
        second = first * y
        result = np.empty((len(self.blocks), 7, *y.shape))
        for densities, row in zip(self.densities, result, strict=True):
            idle, wrong, active, missed, cross = (each[p][:, np.newaxis] for each in densities[:5])
            np.multiply(idle, one, out=row[0])
            np.multiply(idle, first, out=row[1])
            np.multiply(0.5 * idle, second, out=row[2])
            np.multiply(wrong, second, out=row[3])
            np.multiply(active, one, out=row[4])
            np.multiply(missed, one, out=row[5])
            np.multiply(cross, first, out=row[6])
        return result

    def below(self) -> list[FloatArray]:
        """Integrals of rows 0, 1, 2 and 4 of `moments` over all panels to the left of each."""
        total = np.zeros((len(self.blocks), 4, len(self.log_t)))
        found = []
        for p in range(len(self.panels.starts)):
            moments = self.moments(p)[:, [0, 1, 2, 4]]
            found.append(total[:, :, : moments.shape[-1]].copy())
            total[:, :, : moments.shape[-1]] += self.rule.weights @ moments
        return found

    def parts(self) -> FloatArray:
        """The terms of the loss of `top_k_losses`, in their order, (C + 1, 5)."""
        result = np.zeros((len(self.blocks) + 1, 5))
        result[:-1, 0] = [each.met.sum() for each in self.blocks]
        to_left = [] if self.renormalised else self.below()
        to_right = np.zeros((len(self.blocks), 7, len(self.log_t)))
        for p in reversed(range(len(self.panels.starts))):
            moments = self.moments(p)
            right = to_right[:, :, : moments.shape[-1]]
            above = self.rule.above @ moments + right[:, :, np.newaxis]
            right += self.rule.weights @ moments
            if self.renormalised:
                below = np.zeros((len(self.blocks), 4, len(moments[0, 0]), 1))
                below[:, 0, :, 0] = [each.idle_below[p] for each in self.densities]
                below[:, 3, :, 0] = [each.active_below[p] for each in self.densities]
            else:
                below = self.rule.below @ moments[:, [0, 1, 2, 4]] + to_left[p][:, :, np.newaxis]
            self.add(result, p, below, above, self.rule.weights[:, np.newaxis] * moments)
        return result

    def add(
        self, result: FloatArray, p: int, below: FloatArray, above: FloatArray, at: FloatArray
    ) -> None:
        """Add to the ``result`` of `parts` what has the k-th largest score in panel p."""
        degree = self.k - 1
        full, less = (
            [
                power(below[c, :3], above[c, :4], at[c, :4], int(count) - left_out, degree)
                for c, count in enumerate(self.counts)
            ]
            for left_out in (0, 1)
        )
        *others, everything = products_of_others(full, less)
        result[-1, 4] += STEP * everything[AT + CHOSEN, -1, :, 1:].sum()
        for c, rest in enumerate(others):
            squares = at[c, 5] * rest[HALF_SQUARE, -1]
            products = at[c, 6] * rest[SUM, -1]
            wrong = at[c, 4] * rest[CHOSEN, -1] + below[c, 3] * rest[AT + CHOSEN, -1]
            if degree:
                squares += above[c, 5] * rest[AT + HALF_SQUARE, -2]
                products += above[c, 6] * rest[AT + SUM, -2]
                wrong += above[c, 4] * rest[AT + CHOSEN, -2]
            for column, values in ((2, 2.0 * squares), (3, 2.0 * products), (4, wrong)):
                result[c, column] += STEP * values[:, 1:].sum()
            result[c, 1] += self.densities[c].missed_below[p] @ rest[AT + ONE, -1, :, 0]

r"""Blocks of features, found from the correlations of their squares (docs/theory.md §9).

Given its group, an observed feature :math:`\bar x_m` is :math:`N(0, v_m)` and independent of the
others, with :math:`v_m = \nu_m + \sigma^2 + (\lambda_m-\nu_m)\,a_m`, where :math:`a_m` is 1 while
the block of m is active, with probability :math:`p_m`, and else 0. So for :math:`m \ne l`

.. math:: \operatorname{Cov}(\bar x_m^2, \bar x_l^2) = \operatorname{Cov}(v_m, v_l)
          = (\lambda_m-\nu_m)(\lambda_l-\nu_l) \begin{cases}
            p(1-p) & \text{in one block}, \\ -p_m p_l & \text{in two}, \end{cases}

without the noise, which only adds to

.. math:: \operatorname{Var}(\bar x_m^2) = 2p_m(\lambda_m+\sigma^2)^2
          + 2(1-p_m)(\nu_m+\sigma^2)^2 + p_m(1-p_m)(\lambda_m-\nu_m)^2 .

Features that are correlated given the group (a block that is not in its eigenbasis) add
:math:`2\,\mathbb E\,(\Sigma_g)_{ml}^2`. Positive correlations of squares thus stay inside blocks,
as long as no feature has a larger variance while its block is inactive.

The signs are those of any function of the squares that increases: a feature's mean of it given the
group only depends on whether its block is active. One with a limit keeps single huge values, of
heavy tails, from making up the correlations.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike

from moetheory.auditing.block_numbers import best_number, blocks_show
from moetheory.auditing.spectral_blocks import SpectralBlocks
from moetheory.common.arrays import FloatArray, IntArray
from moetheory.common.errors import ArgumentError, ArgumentTypeError, Column, Mention
from moetheory.common.validation import by_precision, count, iterated, real_array, regular_array

_LARGEST_EXPONENT = 1000  # of the powers of two by which features are scaled
_MOST_BLOCKS = 64  # looked for if their number is not given
LARGEST_SIZE = 4.0  # standard deviations, where features are cut off before their squares


def coactivation(chunks: Iterable[FloatArray], dim: int) -> FloatArray:
    r"""Correlations of the squares of features, in one pass over the rows.

    .. math:: r_{ml} = \operatorname{Corr}(\bar x_m^2, \bar x_l^2) .

    Parameters
    ----------
    chunks : iterable of (rows, d) arrays
        All rows in pieces of any size; each is read once, in order, and left as it is.
    dim : int
        d, the number of features.

    Returns
    -------
    (d, d) array
        Symmetric. A feature whose square is constant has correlation 0 with all, and with itself.

    Raises
    ------
    ValueError
        A chunk is not of shape (rows, d) or not finite; there are no rows.

    Notes
    -----
    Chunks are centred and merged as by Chan, Golub and LeVeque (1979): no digits cancel, whatever
    the means. Features are scaled by powers of two, exactly, so that of any size none overflows.
    One matrix product, :math:`n d^2` in all.

    Squares are what the theory speaks of, and for Gaussian features they tell most. Of heavy-tailed
    ones, hand over ``np.clip(x, -4, 4)`` of standardised x; of sparse ones, :math:`|x|` tells more:
    hand over :math:`\sqrt{|x|}`.

    Source: docs/theory.md §9.

    Examples
    --------
    >>> rows = np.array([[3.0, 1.0, 0.0], [-3.0, 2.0, 1.0], [0.0, 1.0, 2.0], [1.0, 0.0, -2.0]])
    >>> coactivation([rows[:3], rows[3:]], 3).round(4)
    array([[ 1.    ,  0.6448, -0.9768],
           [ 0.6448,  1.    , -0.5134],
           [-0.9768, -0.5134,  1.    ]])
    """
    dim = count("dim", dim, minimum=1)
    rows = 0
    means, comoments = np.zeros(dim), np.zeros((dim, dim))
    smallest, largest = np.full(dim, np.inf), np.zeros(dim)
    exponents = np.full(dim, -_LARGEST_EXPONENT)
    for chunk in iterated("chunks", chunks, of="matrices"):
        given = regular_array("chunks", chunk)
        if given.dtype.kind not in "biuf":
            raise ArgumentTypeError("chunks", f"must hold real numbers, got {given.dtype} values")
        given = given.astype(np.float64, copy=False)
        if given.ndim != 2 or given.shape[1] != dim:
            raise ArgumentError("chunks", f"must have shape (rows, {dim}), got {given.shape}")
        if not len(given):
            continue
        squares = np.abs(given)
        smallest = np.minimum(smallest, squares.min(axis=0))
        largest = np.maximum(largest, squares.max(axis=0))
        if not np.isfinite(largest).all():
            worst = int(np.argmin(np.isfinite(largest)))
            raise ArgumentError(
                "chunks", f"must be finite, got {largest[worst]} in ", Column(worst)
            )
        before, exponents = exponents, _exponents(largest)
        if np.any(before != exponents):
            shrink = np.ldexp(1.0, 2 * (before - exponents))
            means *= shrink
            comoments *= np.multiply.outer(shrink, shrink)
        squares *= np.ldexp(1.0, -exponents)
        squares *= squares
        centre = squares.mean(axis=0)
        squares -= centre
        share = len(squares) / (rows + len(squares))
        step = centre - means
        comoments += squares.T @ squares
        comoments += (rows * share) * np.multiply.outer(step, step)
        means += share * step
        rows += len(squares)
    if not rows:
        raise ArgumentError("chunks", "must hold at least one row, got none")
    # the rounded mean of equal numbers may differ from them
    varying = largest > smallest
    deviations = np.sqrt(np.where(varying, comoments.diagonal(), 1.0))
    inverse = varying / deviations
    return comoments * np.multiply.outer(inverse, inverse)


def blocks_of(
    correlations: ArrayLike, experts: int | None = None, *, samples: int | None = None
) -> IntArray:
    r"""Blocks of features by spectral clustering of the correlations of their squares.

    Between blocks correlations are negative, so negative ones are clipped to 0. What is left,
    with row sums :math:`D_m = \sum_{l \ne m} \max(r_{ml}, 0)`, is normalised,

    .. math:: A_{ml} = \max(r_{ml}, 0) / \sqrt{D_m D_l}, \qquad A_{mm} = 0 .

    Its largest eigenvalue is 1, K times if nothing positive is left between blocks, and in the
    K leading eigenvectors the features of a block point in one direction, orthogonal to that of
    any other. Column-pivoted QR picks a feature for each direction; every feature joins the one
    to whose direction, made orthogonal, it is closest (Damle, Minden and Ying 2019). There is no
    starting point and nothing random.

    **How many**, if not given: between blocks correlations are negative. So the blocks taken are
    those that hold the largest sum of correlations,

    .. math:: K = \arg\max_K \sum_{m \ne l \text{ in one block}} r_{ml} ,

    of K from 1 to 64 and d/2. Merging two blocks adds negative correlations to the sum, splitting
    one takes positive ones from it. A size that all features share (long and short rows) makes all
    correlations positive, and there is one block. There is also one unless an eigenvalue of r
    exceeds

    .. math:: \frac{(\sqrt{n-1}+\sqrt d)^2}{n} + \frac{3.3}{n} (\sqrt{n-1}+\sqrt d)
              \Bigl(\frac{1}{\sqrt{n-1}} + \frac{1}{\sqrt d}\Bigr)^{1/3} ,

    which the largest one of independent features exceeds with probability 0.001 (Johnstone 2001).

    Parameters
    ----------
    correlations : (d, d) array
        r, symmetric, from `coactivation`.
    experts : int, optional
        K, the number of blocks, at most d; none is empty.
    samples : int, optional
        n, the number of rows behind the correlations. Needed if ``experts`` is not given.

    Returns
    -------
    (d,) integer array
        The block of each feature, 0 to K-1, numbered by their first feature; all 0 if no blocks
        are found. Features without any positive correlation join the largest block (unless K
        cannot be filled without them).

    Raises
    ------
    ValueError
        ``correlations`` is not a square, symmetric, finite matrix; ``experts`` exceeds d; neither
        ``experts`` nor ``samples`` is given.

    Notes
    -----
    Blocks can only be seen if the eigenvalues they add to r stand out from its noise: for equal
    ones of s features, where :math:`\ell = s\,p\,(\lambda-\nu)^2/\operatorname{Var}(\bar x_m^2)`
    is well above :math:`\sqrt{d/n}`. Measured: at that, hardly anything is found; at twice that
    1 to 7 % of the features are misplaced (up to 16 % in one data set) and the number of blocks is
    mostly right, else off by one; at four times at most 1 %, and the number is right. A feature
    much weaker than the rest of its block needs more, and a block both rare and small may be
    missed where K is not given.

    Squares need fourth moments. Of heavy-tailed features single values make up the correlations,
    and independent ones may come out as several blocks. `audit` cuts standardised features off
    at four standard deviations first (see `coactivation`); this costs nothing where there are
    blocks. Tails like Cauchy's, whose standard deviation is a single value's, need more.

    Source: docs/theory.md §9.

    Examples
    --------
    >>> from moetheory import BlockModel
    >>> model = BlockModel([0.3, 0.7], [0, 1, 1, 0, 1, 0], [2, 1, 3, 1, 1, 2], np.ones(6), 0.1)
    >>> features = model.sample(2000, rng=0).features
    >>> blocks_of(coactivation([features], 6), samples=2000).tolist()
    [0, 1, 1, 0, 1, 0]
    """
    matrix = _checked_symmetric("correlations", correlations)
    if experts is not None:
        experts = count("experts", experts, minimum=1, maximum=len(matrix))
        return SpectralBlocks.of(matrix, experts).blocks(experts)
    if samples is None:
        raise ArgumentError(
            "samples", "must be given, how many rows there were, if ", Mention("experts"), " is not"
        )
    if not blocks_show(matrix, count("samples", samples, minimum=2)):
        return np.zeros(len(matrix), dtype=np.int64)
    most = max(1, min(_MOST_BLOCKS, len(matrix) // 2))
    spectral = SpectralBlocks.of(matrix, most)
    found = {number: spectral.blocks(number) for number in range(1, most + 1)}
    return found[best_number(matrix, found)]


def block_counts(correlations: ArrayLike, counts: Iterable[int]) -> dict[int, IntArray]:
    r"""Blocks of features for several numbers of blocks, from one eigendecomposition.

    Parameters
    ----------
    correlations : (d, d) array
        r, symmetric, from `coactivation`.
    counts : iterable of int
        The numbers of blocks K, each at most d.

    Returns
    -------
    dict of int to (d,) integer array
        For each K, in the order given, what `blocks_of` returns for it.

    Raises
    ------
    ValueError
        ``correlations`` is not a square, symmetric, finite matrix; there are no counts, or one is
        not from 1 to d.

    Notes
    -----
    The K leading eigenvectors of A are the first K of any larger number, so the eigenvectors for
    the largest K serve all; what is left to do for each is a QR of K rows.

    Source: docs/theory.md §9.

    Examples
    --------
    >>> from moetheory import BlockModel
    >>> model = BlockModel([0.3, 0.7], [0, 1, 1, 0, 1, 0], [2, 1, 3, 1, 1, 2], np.ones(6), 0.1)
    >>> features = model.sample(2000, rng=0).features
    >>> found = block_counts(coactivation([features], 6), [1, 2])
    >>> {number: blocks.tolist() for number, blocks in found.items()}
    {1: [0, 0, 0, 0, 0, 0], 2: [0, 1, 1, 0, 1, 0]}
    """
    matrix = _checked_symmetric("correlations", correlations)
    wanted = [
        count("counts", each, minimum=1, maximum=len(matrix))
        for each in iterated("counts", counts, of="integers")
    ]
    if not wanted:
        raise ArgumentError("counts", "must hold at least one number of blocks, got none")
    found = SpectralBlocks.of(matrix, max(wanted))
    return {experts: found.blocks(experts) for experts in wanted}


def _exponents(sizes: FloatArray) -> IntArray:
    """The exponents of the powers of two just above ``sizes``, clipped; the lowest for zero."""
    exponents: IntArray = np.where(sizes > 0.0, np.frexp(sizes)[1], -_LARGEST_EXPONENT)
    return np.clip(exponents, -_LARGEST_EXPONENT, _LARGEST_EXPONENT)


def _checked_symmetric(name: str, value: ArrayLike) -> FloatArray:
    matrix = real_array(name, value)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or matrix.size == 0:
        raise ArgumentError(name, f"must be a square matrix, got shape {matrix.shape}")
    asymmetry = float(np.abs(matrix - matrix.T).max())
    if asymmetry > by_precision(value, 1e-10, 1e-5) * np.abs(matrix).max():
        raise ArgumentError(
            name,
            f"must be symmetric, got entries that differ from the transpose by {asymmetry:.3g}",
        )
    return matrix

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
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.common.errors import ArgumentError, ArgumentTypeError, Column, Mention
from moetheory.common.validation import by_precision, count, iterated, real_array, regular_array

_LARGEST_EXPONENT = 1000  # of the powers of two by which features are scaled
_MOST_BLOCKS = 64  # looked for if their number is not given
_TRACY_WIDOM = 3.3  # exceeded with probability 1e-3


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

    Squares are what the theory speaks of, and for Gaussian features they tell most. Of sparse or
    heavy-tailed ones, :math:`|x|` tells more: hand over :math:`\sqrt{|x|}`.

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

    **How many**, if not given: the probabilities of groups sum to 1, so K blocks add to the
    covariances of independent features a matrix of rank K - 1. Therefore K is at most 1 + the
    number of eigenvalues of r above

    .. math:: \frac{(\sqrt{n-1}+\sqrt d)^2}{n} + \frac{3.3}{n} (\sqrt{n-1}+\sqrt d)
              \Bigl(\frac{1}{\sqrt{n-1}} + \frac{1}{\sqrt d}\Bigr)^{1/3} ,

    which the largest one of independent features exceeds with probability 0.001 (Johnstone 2001),
    and at most the number of eigenvalues of A above :math:`\min(2\sqrt{(\pi-1)/d}, 1/2)`, the
    edge of those that clipped noise leaves; a size that all features share (long and short rows)
    raises no second one above it. From 2 up to this bound, and to 64 and d/2, the K is taken
    where the eigenvalues of A fall most from the K-th to the next.

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
    is well above :math:`\sqrt{d/n}`. Measured: at that, hardly anything is found; at twice that 3
    to 30 % of the features are misplaced and the number of blocks is often too low; at four times
    at most 2 %, and the number is right. A feature much weaker than the rest of its block needs
    more, and a block both rare and small may be missed where K is not given.

    Squares need fourth moments, and heavy tails slow all this down. Features mostly zero even
    inside their block, or with tails like Cauchy's, do not reveal their blocks by their squares,
    and independent ones may come out as two to four blocks: see `coactivation`.

    Source: docs/theory.md §9.

    Examples
    --------
    >>> from moetheory import BlockModel
    >>> model = BlockModel([0.3, 0.7], [0, 1, 1, 0, 1, 0], [2, 1, 3, 1, 1, 2], np.ones(6), 0.1)
    >>> features = model.sample(2000, rng=0).features
    >>> blocks_of(coactivation([features], 6), samples=2000).tolist()
    [0, 1, 1, 0, 1, 0]
    """
    from scipy.linalg import eigh

    matrix = _checked_symmetric("correlations", correlations)
    dim = len(matrix)
    if experts is not None:
        most = count("experts", experts, minimum=1, maximum=dim)
    elif samples is not None:
        most = max(1, min(_MOST_BLOCKS, dim // 2))
    else:
        raise ArgumentError(
            "samples", "must be given, how many rows there were, if ", Mention("experts"), " is not"
        )
    affinity, isolated = _affinity(matrix)
    # one more than the most blocks, for the fall after the last one
    values, vectors = eigh(affinity, subset_by_index=[max(dim - 1 - most, 0), dim - 1])
    values, vectors = values[::-1], vectors[:, ::-1]
    if experts is None:
        most = _number_of_blocks(matrix, values, count("samples", samples, minimum=2), most)
    return _in_order_of_first_features(_assigned(vectors[:, :most], isolated))


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


def _affinity(correlations: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
    """The matrix A, and the mask of features without a positive correlation to another."""
    positive = np.maximum(correlations, 0.0)
    np.fill_diagonal(positive, 0.0)
    degrees = positive.sum(axis=0)
    isolated = degrees == 0.0
    inverse = 1.0 / np.sqrt(np.where(isolated, 1.0, degrees))
    return positive * np.multiply.outer(inverse, inverse), isolated


def _number_of_blocks(correlations: FloatArray, values: FloatArray, samples: int, most: int) -> int:
    """The number of blocks K from the eigenvalues of r and the falling ``values`` of A."""
    from scipy.linalg import eigvalsh

    dim = len(correlations)
    largest = eigvalsh(correlations, subset_by_index=[dim - most, dim - 1])
    sides = np.array([samples - 1.0, dim])
    width = np.sqrt(sides).sum()
    edge = width * (width + _TRACY_WIDOM * np.cbrt((1.0 / np.sqrt(sides)).sum())) / samples
    noise = min(2.0 * np.sqrt((np.pi - 1.0) / dim), 0.5)
    bound = min(1 + int(np.sum(largest > edge)), int(np.sum(values > noise)), most)
    return 2 + int(np.argmax(-np.diff(values[1 : bound + 1]))) if bound > 1 else 1


def _assigned(vectors: FloatArray, isolated: NDArray[np.bool_]) -> IntArray:
    """The block of each feature: the pivot nearest in direction, by the rows of ``vectors``."""
    from scipy.linalg import polar, qr

    experts = vectors.shape[1]
    # rows are not normalised, so that pivots are features with large correlations
    pivots = qr(vectors.T, mode="r", pivoting=True)[1][:experts]
    directions = polar(vectors[pivots])[0]
    blocks: IntArray = np.argmax(vectors @ directions.T, axis=1)
    blocks[isolated] = np.bincount(blocks[~isolated], minlength=experts).argmax()
    blocks[pivots] = np.arange(experts)
    return blocks


def _in_order_of_first_features(blocks: IntArray) -> IntArray:
    """The blocks, renumbered in the order of their first features."""
    _, first, inverse = np.unique(blocks, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse]

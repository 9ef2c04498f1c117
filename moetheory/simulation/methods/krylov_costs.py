r"""What a training set of dense costs by Krylov vectors and by rows: the constants are measured.

Costs are in units of one standard normal number, 5 to 10 ns. They choose the method; results do
not depend on them otherwise. tests/benchmarks/krylov.py measures them.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray, block_sums
from moetheory.problem.model import BlockModel

VECTOR_PRODUCT = 0.03  # a multiplication and an addition in a product of matrix and vector
MATRIX_PRODUCT = 0.004  # the same in the product of a matrix with its transpose, done by half
SOLUTION = 0.0035  # the cube of the number of linear equations
VECTOR_ENTRY = 2.3  # an entry of a vector: a normal number, and what is done with it
ROW_ENTRY = 1.3  # an entry of a row, of which a quarter are not drawn
BLOCK = 40.0  # a block of clean features, in each product
STEP = 7000.0  # the calls of a step, shared by a batch


class Spread(NamedTuple):
    """Between which numbers the squared singular values of the noisy features lie, about.

    In units of the noise. Those that are zero with fewer samples than coordinates do not count.

    Attributes
    ----------
    least : float
    most : (m,) array
        The upper end without the largest singular value, the two largest ..., and before these
        that with all.
    """

    least: float
    most: FloatArray


def expected_spread(model: BlockModel, samples: IntArray) -> Spread:
    r"""The spread of the singular values, for ``samples`` (K,) of the groups, in expectation.

    With more samples than coordinates: :math:`n(1\pm\sqrt c)^2`, :math:`c = d/n`, times the least
    and the largest of the second moments :math:`1 + (n_g/n)\lambda_m/n_m`; the least is 1 where a
    group has hardly more samples than coordinates. With fewer: the
    same of the samples, whose squared lengths are :math:`d + \sum_{m\in g}\lambda_m/n_m` on
    average; c is n over the number of coordinates that would carry as much if all were alike.
    """
    total, dim, sizes = int(samples.sum()), model.dim, model.sizes
    ratios = model.signal_variances / model.noise_variance
    moments = 1.0 + (samples / total)[model.block_of] * ratios
    if total >= dim:
        share = dim / total
        scarce = (samples < 1.5 * sizes)[model.block_of]
        least, most = float(np.where(scarce, 1.0, moments).min()), np.sort(moments)[::-1]
        size = float(total)
    else:
        share = total * float(np.vecdot(moments, moments)) / float(moments.sum()) ** 2
        lengths = dim + block_sums(ratios, model.block_of)[samples > 0]
        least, most, size = float(lengths.min()), lengths.max(keepdims=True), 1.0
    edge = math.sqrt(min(share, 1.0))
    return Spread(size * least * (1.0 - edge) ** 2, size * most * (1.0 + edge) ** 2)


def expected_steps(spread: Spread, penalty: float, digits: float, most: int) -> int:
    r"""Steps after which an error has shrunk by :math:`10^{-\mathrm{digits}}`, ``most`` at most.

    A step gains a factor :math:`(\sqrt\kappa-1)/(\sqrt\kappa+1)`, :math:`\kappa` the ratio of the
    ends of the spread, both with the ``penalty``. Or a step each takes the largest singular values
    away, and the others have a smaller ratio: the least of these sums counts.
    """
    least, largest = spread.least + penalty, spread.most + penalty
    if not least > 0.0:
        return most
    roots = np.sqrt(np.maximum(largest / least, 1.0 + 1e-6))
    gains = np.log((roots + 1.0) / (roots - 1.0))
    steps = np.arange(len(roots)) + digits * math.log(10.0) / gains
    return min(most, math.ceil(float(steps.min())) + 2)


def krylov_cost(
    steps: int, rows: int, columns: int, numbers: int, blocks: int, batch: int
) -> float:
    """The cost of ``steps`` with vectors of these lengths, for one training set of a ``batch``.

    ``numbers`` of ``blocks`` are the clean features; without blocks they have two diagonals.
    """
    width = rows + columns + steps
    vectors = width * steps * (VECTOR_ENTRY + VECTOR_PRODUCT * steps)
    clean = 2 * steps * (blocks * BLOCK + numbers * VECTOR_PRODUCT)
    return numbers + steps * STEP / batch + vectors + clean


def rows_cost(rows: int, columns: int, fits: int) -> float:
    """The cost of drawing ``rows``, multiplying them with themselves, and solving."""
    least = min(rows, columns)
    product = rows * columns * least * MATRIX_PRODUCT
    return rows * columns * ROW_ENTRY + product + fits * least**3 * SOLUTION

"""Least squares of Gaussian features that are drawn only where the solution looks at them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.kernels.clean_rows import CleanRows
from moetheory.kernels.wishart import chi
from moetheory.kernels.workspace import Workspace

WINDOW = 4  # steps over which the rate of convergence is measured
SAFETY = 2.0  # by which the estimated rest of the series is multiplied
SLACK = 10.0  # goals that a gradient may promise at the least singular value
LEAST_RATE = 1e-3  # no faster convergence is relied upon
CANCELLED = 1e-2  # of the square of a vector: if less is left, it is orthogonalised once more
LEAST_LENGTH = 1e-300  # a vector of zeros is divided by it
CACHE = 1 << 16  # numbers in vectors that are read twice while they are in the cache
CHECKS = 8  # steps after which those that are done may leave: to copy vectors costs half a step


class KrylovFits(NamedTuple):
    """Fits of R training sets.

    Attributes
    ----------
    fits : (P, R, columns) array
        Coefficients for each penalty.
    beyond : (P, R) array
        Length of what each fit has in the other coordinates; its direction there is uniform.
    steps : (R,) integer array
        Steps that each training set took.
    """

    fits: FloatArray
    beyond: FloatArray
    steps: IntArray


class _Vectors:
    """Orthonormal vectors of each training set, of explicit coordinates and of new ones.

    Of the other coordinates only those exist that a vector has: each new vector adds one,
    perpendicular to all vectors before it.
    """

    def __init__(
        self, name: str, sets: int, width: int, others: int, capacity: int, work: Workspace
    ) -> None:
        self.name, self.width, self.others, self.work = name, width, others, work
        self.count = self.grown = 0
        room = width + (capacity if others else 0)
        self.array = work.array(name, (sets, capacity, room))
        self.array[..., width:] = 0.0

    def fresh(self, rng: np.random.Generator) -> FloatArray:
        """A standard normal vector over all coordinates, the other ones rotated."""
        sets, at = len(self.array), self.width + self.grown
        new = self.others > self.grown
        vector = self.work.array(f"new {self.name}", (sets, at + new))
        rng.standard_normal(out=vector)
        if new:
            vector[:, at] = chi(rng, self.others - self.grown, sets)
            self.grown += 1
        return vector

    def append(self, vector: FloatArray) -> FloatArray:
        """Add the part of ``vector`` that is orthogonal to all, normalised; return its length."""
        room = vector.shape[1]
        if self.count == self.array.shape[1]:
            self._enlarge()
        before = np.vecdot(vector, vector)
        some = max(1, CACHE // max(1, self.count * room))
        for start in range(0, len(vector), some):
            here = slice(start, start + some)
            known = self.array[here, : self.count, :room]
            vector[here] -= np.vecmat(np.matvec(known, vector[here]), known)
        squares = np.vecdot(vector, vector)
        # where little is left, rounding has brought back some of what was taken away
        for i in np.flatnonzero(squares < CANCELLED * before):
            known = self.array[i, : self.count, :room]
            vector[i] -= (known @ vector[i]) @ known
            squares[i] = vector[i] @ vector[i]
        length: FloatArray = np.sqrt(squares)
        unit = np.maximum(length, LEAST_LENGTH)[:, np.newaxis]
        np.divide(vector, unit, out=self.array[:, self.count, :room])
        self.count += 1
        return length

    @property
    def last(self) -> FloatArray:
        """The newest vector, (R, ≥ p)."""
        newest: FloatArray = self.array[:, self.count - 1]
        return newest

    def combined(self, sets: IntArray, weights: FloatArray) -> FloatArray:
        """Sums of the vectors of some training sets with ``weights`` (..., R, k)."""
        known = self.array[sets, : self.count, : self.width + self.grown]
        sums: FloatArray = np.vecmat(weights, known)
        return sums

    def keep(self, sets: IntArray) -> None:
        """Forget the vectors of all other training sets."""
        self.array = self.array[sets]

    def _enlarge(self) -> None:
        sets, capacity, room = self.array.shape
        more = capacity if self.others else 0
        larger = np.zeros((sets, 2 * capacity, room + more))
        larger[:, :capacity, :room] = self.array
        self.array = larger


class _Solution:
    r"""The least squares of the bidiagonal matrix, by rotations; fields are (P, R), a step each.

    With :math:`\rho_j` on the diagonal of the upper bidiagonal factor, :math:`\theta_{j+1}` above
    it and :math:`\phi_j` on the right: :math:`x = \sum_j(\phi_j/\rho_j)w_j` with
    :math:`w_{j+1} = v_{j+1} - (\theta_{j+1}/\rho_j)w_j`, and so :math:`\|w_{j+1}\|^2 =
    1 + (\theta_{j+1}/\rho_j)^2\|w_j\|^2`.
    """

    def __init__(self, start: FloatArray, penalties: FloatArray) -> None:
        self.penalties = penalties[:, np.newaxis] if penalties.any() else None
        self.residual = np.broadcast_to(start, (len(penalties), len(start)))
        self.squared_length = np.ones(self.residual.shape)
        self.cosine = self.sine = self.squared_length
        self.diagonal: list[FloatArray] = []
        self.above: list[FloatArray] = []
        self.right: list[FloatArray] = []
        self.squared_moves: list[FloatArray] = []

    def advance(self, alpha: FloatArray, beta: FloatArray) -> None:
        """Take the column with ``alpha`` on the diagonal of the matrix and ``beta`` below it."""
        corner = self.cosine * alpha
        if self.diagonal:
            above = self.sine * alpha
            self.above.append(above)
            self.squared_length = 1.0 + np.square(above / self.diagonal[-1]) * self.squared_length
        residual = self.residual
        if self.penalties is not None:
            damped = np.sqrt(np.square(corner) + self.penalties)
            residual = residual * (corner / damped)
            corner = damped
        diagonal = np.hypot(corner, beta)
        self.cosine, self.sine = corner / diagonal, beta / diagonal
        right = self.cosine * residual
        # Paige and Saunders have the other sign here and in the next corner
        self.residual = -self.sine * residual
        self.diagonal.append(diagonal)
        self.right.append(right)
        self.squared_moves.append(np.square(right / diagonal) * self.squared_length)

    def within(self, goal: float, floor: float, alpha: FloatArray) -> Any:
        r"""Whether the solution moves by less than ``goal`` from here on, (R,).

        Moves shrink geometrically, by a factor r that the last ones tell: what follows is
        :math:`\|\Delta_k\|\,r/(1-r)`, and that is multiplied by ``SAFETY``. Where singular values
        differ by much, moves may rest before they go on: so the gradient, about
        :math:`\alpha_k\bar\phi_{k+1}c_k`, must not promise more than ``SLACK`` goals either, if
        no squared singular value is below ``floor``.
        """
        span, last = min(WINDOW, len(self.squared_moves) - 1), self.squared_moves[-1]
        if span < 2 or last.min() > (goal / LEAST_RATE) ** 2:
            return np.zeros(last.shape[1], dtype=bool)
        last, first = np.sqrt(last), np.sqrt(self.squared_moves[-1 - span])
        falling = last < first
        rate = (last / np.where(falling, first, 1.0)) ** (1.0 / span)
        rate = np.maximum(rate, LEAST_RATE)
        small = falling & (SAFETY * last * rate <= goal * (1.0 - rate))
        gradient = np.abs(self.residual) * self.cosine * alpha
        least = floor if self.penalties is None else floor + self.penalties
        small &= gradient <= SLACK * goal * least
        return np.all(small | (last == 0.0), axis=0)

    def weights(self, steps: IntArray) -> FloatArray:
        """Weights of the vectors in the solution after ``steps`` (R,), (P, R, k)."""
        right = [np.where(j < steps, each, 0.0) for j, each in enumerate(self.right)]
        weights = np.empty((*right[0].shape, len(right)))
        following = np.zeros_like(right[0])
        for j in reversed(range(len(right))):
            known = self.above[j] * following if j < len(self.above) else 0.0
            following = np.where(j < steps, (right[j] - known) / self.diagonal[j], 0.0)
            weights[..., j] = following
        return weights

    def keep(self, sets: IntArray) -> None:
        """Forget all other training sets."""
        for name in ("residual", "squared_length", "cosine", "sine"):
            setattr(self, name, getattr(self, name)[:, sets])
        for column in (self.diagonal, self.above, self.right, self.squared_moves):
            column[:] = [each[:, sets] for each in column]


def krylov_fits(
    rng: np.random.Generator,
    clean: CleanRows,
    targets: FloatArray,
    other_targets: FloatArray | None,
    other_rows: int,
    columns: int,
    other_columns: int,
    penalties: FloatArray,
    goal: float,
    capacity: int,
    work: Workspace,
    together: bool = False,
) -> KrylovFits:
    r"""The minimiser of :math:`\|M\beta - t\|^2 + \alpha\|\beta\|^2` for :math:`M = (T;0) + E`.

    E is standard normal. Golub and Kahan's recurrence takes it to a bidiagonal matrix,

    .. math:: \beta_{k+1}u_{k+1} = Mv_k - \alpha_ku_k, \qquad
              \alpha_{k+1}v_{k+1} = M^\top u_{k+1} - \beta_{k+1}v_k,

    and sees it only in products with orthonormal vectors. All that is known of :math:`Ev_k` before
    it is taken lies in the span of :math:`u_1, \dots, u_k`, where the recurrence tells the
    product; the rest is a fresh Gaussian. So the new vector is the part of
    :math:`Tv_k + z` orthogonal to them, z standard normal, and the same on the other side: nothing
    else of E is ever drawn. Coordinates in which T is zero need no names: of the rows and columns
    of E that are left, a product adds one, a root of chi-square. The least squares of the
    bidiagonal matrix give the solution of LSQR after each step, for all penalties.

    A training set is done when what is left of the solution is shorter than ``goal``, as its last
    moves and its gradient tell, and after min(rows, columns) steps, which are exact.

    Parameters
    ----------
    rng : Generator
    clean : CleanRows
        T, (R, q, p).
    targets : (R, q) array
        t in the rows of T.
    other_targets : (R,) array, optional
        The length of t in the other rows; zero if not given.
    other_rows : int
        Rows in which T is zero, beside its own.
    columns, other_columns : int
        Coordinates of which each fit is told, at least p, and those of which only its length is.
    penalties : (P,) array
        :math:`\alpha \ge 0`.
    goal : float
        Length, at most, of what may be missing of a solution.
    capacity : int
        Steps for which memory is taken at the start.
    together : bool
        No training set leaves before all are done: then one gets the same random numbers whatever
        T and t are.

    Source: docs/theory.md §5; Paige and Saunders 1982 (LSQR), Golub and Kahan 1965.
    """
    sets = len(targets)
    limit = min(clean.rows + other_rows, columns + other_columns)
    capacity = min(capacity, limit)
    # the squared singular values of noise alone; clean features make them larger, in general
    floor = (np.sqrt(clean.rows + other_rows) - np.sqrt(columns + other_columns)) ** 2
    left = _Vectors("left", sets, clean.rows, other_rows, capacity + 1, work)
    right = _Vectors("right", sets, columns, other_columns, capacity, work)
    fits = np.zeros((len(penalties), sets, columns))
    beyond, steps = np.zeros(fits.shape[:2]), np.zeros(sets, dtype=np.int64)
    start = targets
    if other_targets is not None and other_rows:
        start = np.concatenate([targets, other_targets[:, np.newaxis]], axis=1)
        left.grown = 1
    beta = left.append(start.copy())
    solution = _Solution(beta, penalties)
    running = np.arange(sets)
    for step in range(1, limit + 1):
        vector = right.fresh(rng)
        clean.add_transposed(left.last, vector)
        alpha = right.append(vector)
        if step < clean.rows + other_rows:
            vector = left.fresh(rng)
            clean.add_product(right.last, vector)
            beta = left.append(vector)
        else:
            beta = np.zeros_like(alpha)
        solution.advance(alpha, beta)
        here = steps[running]
        arrived = (here == 0) & solution.within(goal, floor, alpha)
        if step == limit:
            arrived |= here == 0
        here[arrived] = step
        steps[running] = here
        done = here > 0
        some = not together and step % CHECKS == 0 and 2 * np.count_nonzero(done) >= len(done)
        if some or done.all():
            leaving = np.flatnonzero(done)
            weights = solution.weights(here)[:, leaving]
            found = right.combined(leaving, weights)
            fits[:, running[leaving]] = found[..., :columns]
            rest = found[..., columns:]
            beyond[:, running[leaving]] = np.sqrt(np.vecdot(rest, rest))
            staying = np.flatnonzero(~done)
            if not len(staying):
                break
            running, clean = running[staying], clean.select(staying)
            for each in (left, right, solution):
                each.keep(staying)
    return KrylovFits(fits, beyond, steps)

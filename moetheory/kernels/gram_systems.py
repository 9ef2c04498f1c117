"""Linear systems whose matrices are products of rows with themselves, in many training sets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from moetheory.common.arrays import FloatArray
from moetheory.kernels import blas_routines
from moetheory.kernels.workspace import Workspace

# condition of a Gram matrix beyond which coefficients would lose more than half of their digits
ILL_CONDITIONED = 1e8
# equations from which one set after another is faster than all in one call, as measured by section
# solvers of tests/benchmarks/engine.py
ONE_BY_ONE = 64


class Solutions(NamedTuple):
    """Solutions of P systems in each of R training sets.

    Attributes
    ----------
    solved : (P, R, n) array
    doubtful : (P, R) array of bool
        Whether a system is so ill conditioned that its solution is worth nothing.
    """

    solved: FloatArray
    doubtful: NDArray[np.bool_]


def gram(parts: Sequence[FloatArray], work: Workspace) -> FloatArray:
    r"""The sum of :math:`A_i^\top A_i` over ``parts`` (R, q_i, n), in "system" of ``work``."""
    shape = (len(parts[0]), parts[0].shape[2], parts[0].shape[2])
    system = np.matmul(parts[0].mT, parts[0], out=work.array("system", shape))
    for part in parts[1:]:
        system += np.matmul(part.mT, part, out=work.array("product", shape))
    return system


def gram_solutions(
    parts: Sequence[FloatArray], right: FloatArray, penalties: FloatArray, work: Workspace
) -> Solutions:
    r"""Solutions of :math:`(\sum_i A_i^\top A_i + \alpha I)x = b`.

    A second right-hand side, the probe, tells how far the inverse stretches a vector, in units
    in which the diagonal is 1. The probe is random: of a probe of ones, two rows that are nearly
    the same would see nothing.

    Parameters
    ----------
    parts : (R, q_i, n) arrays
        :math:`A_i`.
    right : (R, n) array
        b.
    penalties : (P, R) array
        :math:`\alpha \ge 0`.
    work : Workspace
        Its arrays "system" and "product" are overwritten.
    """
    solve = _one_by_one if right.shape[1] >= ONE_BY_ONE else _all_at_once
    probe_normals = np.random.Generator(np.random.SFC64(0)).standard_normal(right.shape[1:])
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is ill conditioned
        solved, stretched = solve(parts, right, penalties, probe_normals, work)
        stretch = np.linalg.norm(stretched, axis=-1) * np.sqrt(right.shape[1])
    return Solutions(solved, ~(stretch < ILL_CONDITIONED))


def _all_at_once(
    parts: Sequence[FloatArray],
    right: FloatArray,
    penalties: FloatArray,
    probe_normals: FloatArray,
    work: Workspace,
) -> tuple[FloatArray, FloatArray]:
    """Solutions, and those of the probe in units of the diagonal, by LU in one call of NumPy."""
    system = gram(parts, work)
    diagonal = np.arange(right.shape[1])
    bare = system[:, diagonal, diagonal]
    solved = np.empty((len(penalties), *right.shape))
    stretched = np.empty_like(solved)
    for number, penalty in enumerate(penalties):
        energies = _energies(bare, penalty[:, np.newaxis])
        system[:, diagonal, diagonal] = energies
        units = np.sqrt(energies)
        try:
            both = np.linalg.solve(system, np.stack([right, units * probe_normals], axis=-1))
            solved[number], stretched[number] = both[..., 0], both[..., 1] * units
        except np.linalg.LinAlgError:  # one is exactly singular: none is solved
            solved[number], stretched[number] = 0.0, np.inf
    return solved, stretched


def _one_by_one(
    parts: Sequence[FloatArray],
    right: FloatArray,
    penalties: FloatArray,
    probe_normals: FloatArray,
    work: Workspace,
) -> tuple[FloatArray, FloatArray]:
    """What `_all_at_once` gives, by Cholesky, system after system, each of which stays in cache."""
    size, last = right.shape[1], len(penalties) - 1
    system, both = work.array("system", (size, size)), np.empty((2, size))
    diagonal = system.reshape(-1)[:: size + 1]
    solved = np.empty((len(penalties), *right.shape))
    stretched = np.empty_like(solved)
    with blas_routines.one_thread():
        for i, target in enumerate(right):
            system.fill(0.0)
            for part in parts:
                blas_routines.add_gram(part[i], system)
            bare = diagonal.copy()
            for number, penalty in enumerate(penalties[:, i]):
                diagonal[:] = energies = _energies(bare, penalty)
                units = np.sqrt(energies)
                both[0], both[1] = target, units * probe_normals
                overwritten = system if number == last else system.copy()
                if blas_routines.solve_positive(overwritten, both):
                    solved[number, i], stretched[number, i] = both[0], both[1] * units
                else:
                    solved[number, i], stretched[number, i] = 0.0, np.inf
    return solved, stretched


def _energies(bare: FloatArray, penalty: FloatArray) -> FloatArray:
    """Diagonal entries with their penalty; 1 where they are 0.

    A coordinate that is zero in all rows gets coefficient zero.
    """
    energies = bare + penalty
    energies[energies == 0.0] = 1.0
    return energies

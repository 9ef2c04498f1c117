"""Work of `simulate` counted, so that a regression fails without a clock.

    python tests/benchmarks/work_guard.py

Dense and experts together, for the workloads A to D that engine.py times. Counted are numbers from
random generators, flops of products and solves by the shapes of their operands (those of NumPy and
of kernels/blas_routines.py), and Krylov steps, all per training set. A count above its budget by
more than 5 % is an error; one that is below by more asks for a smaller budget. Counts are the same
in every run, but for steps of an iteration, of which rounding may take one more or less.

Products of a matrix with its own transpose count half, as syrk does them. Not counted is what is
done number by number, and what SciPy does by itself. engine.py shows what all of it takes.

Where more work is meant, or less is done, commit the line that is printed. Other seeds change a
count by 1 % at most.
"""

from __future__ import annotations

import math
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields
from types import ModuleType
from typing import Any
from unittest import mock

import numpy as np
from numpy_calls import Function, is_gram, second_copy, watching
from workloads import WORKLOADS, Workload, simulate

import moetheory as mt

MARGIN = 0.05


@dataclass(frozen=True)
class Work:
    """Of one training set: random numbers, flops of products and of solves, Krylov steps."""

    random: float
    products: float
    solves: float
    steps: float = 0.0


BUDGETS = {
    "A": Work(3_092, 141_949, 0, 20.2),
    "B": Work(11_909, 560_645, 0, 21.0),
    "C": Work(460, 9_013, 3_755, 0.0),
    "D": Work(26_100, 4_264_730, 764_587, 0.0),
}
# training sets: about ten batches, as many steps as the slowest of a batch are taken by all of it
REPLICATES = {"A": 1024, "B": 512, "C": 1024, "D": 256}


# --- flops ---------------------------------------------------------------------------------------


def product_flops(
    name: str, operands: tuple[Any, ...], kwargs: dict[str, Any], result: Any
) -> float:
    """Additions and multiplications of a product."""
    if name == "einsum":
        return einsum_flops(operands)
    if name == "add_gram":
        rows, size = np.shape(operands[0])
        return float(rows * size**2)
    if name != "tensordot" and kwargs.keys() & {"axis", "axes"}:
        raise NotImplementedError(f"flops of np.{name} along other axes than the last")
    left, right = np.asarray(operands[0]), np.asarray(operands[1])
    entries = np.size(result)
    if name in ("vdot", "tensordot"):
        summed = math.sqrt(left.size * right.size / max(entries, 1))
        return 2.0 * entries * summed
    flops = 2.0 * entries * left.shape[-1] if left.ndim else float(entries)
    return flops / 2.0 if name == "matmul" and is_gram((left, right)) else flops


def einsum_flops(operands: tuple[Any, ...]) -> float:
    """As many operations as operands for each combination of all indices."""
    letters = operands[0].replace(" ", "").partition("->")[0].split(",")
    sizes: dict[str, int] = {}
    for spelt, operand in zip(letters, operands[1:], strict=True):
        before, dots, after = spelt.partition("...")
        shape = np.shape(operand)
        rest = len(shape) - len(before) - len(after)
        named = [*before, *(f"...{i - rest}" for i in range(rest)), *after]
        assert dots or rest == 0
        for letter, size in zip(named, shape, strict=True):
            sizes[letter] = max(size, sizes.get(letter, 1))
    return float(len(letters) * math.prod(sizes.values()))


def solve_flops(name: str, operands: tuple[Any, ...], kwargs: dict[str, Any]) -> float:
    """Operations of a factorisation, in its leading order (Golub and Van Loan, 4th ed.)."""
    matrix = np.asarray(operands[0])
    rows, columns = matrix.shape[-2:]
    sets = math.prod(matrix.shape[:-2])
    many, few = max(rows, columns), min(rows, columns)
    if name == "solve":
        right = np.asarray(operands[1])
        stack, sides = (right.shape[:-2], right.shape[-1]) if right.ndim > 1 else ((), 1)
        sets = math.prod(np.broadcast_shapes(matrix.shape[:-2], stack))
        return float(sets * (2.0 / 3.0 * rows**3 + 2.0 * rows**2 * sides))
    if name == "solve_positive":
        return rows**3 / 3.0 + 2.0 * rows**2 * len(operands[1])
    if name == "qr":
        bases = kwargs.get("mode", operands[1] if len(operands) > 1 else "reduced") != "r"
        return float(sets * (1 + bases) * 2.0 * few**2 * (many - few / 3.0))
    values_alone = 2.0 * many * few**2 + 2.0 * few**3
    all_of_it = 6.0 * many * few**2 + 20.0 * few**3
    without = name == "svdvals" or kwargs.get("compute_uv", True) is False
    each = {
        "inv": 2.0 * rows**3,
        "cholesky": rows**3 / 3.0,
        "det": 2.0 / 3.0 * rows**3,
        "slogdet": 2.0 / 3.0 * rows**3,
        "eigh": 9.0 * rows**3,
        "eigvalsh": 4.0 / 3.0 * rows**3,
        "svd": values_alone if without else all_of_it,
        "svdvals": values_alone,
        "pinv": all_of_it,
        "lstsq": all_of_it,
    }
    return float(sets * each[name])


# --- counting ------------------------------------------------------------------------------------


class Counts:
    """Numbers and flops of the calls that it watches."""

    def __init__(self) -> None:
        self.totals: defaultdict[str, float] = defaultdict(float)

    def __call__(
        self, kind: str, name: str, function: Function, args: tuple[Any, ...], kwargs: Any
    ) -> Any:
        result = function(*args, **kwargs)
        if kind == "random":
            self.totals[kind] += np.size(args[1] if name == "shuffle" else result)
        elif kind == "products":
            self.totals[kind] += product_flops(name, args, kwargs, result)
        else:
            self.totals[kind] += solve_flops(name, args, kwargs)
        return result


@contextmanager
def counting_steps(package: ModuleType, counts: Counts) -> Iterator[None]:
    """Add up the Krylov steps of all training sets: the one place that knows where they are."""
    plain = package.kernels.krylov_fits

    def counted(*args: Any, **kwargs: Any) -> Any:
        found = plain(*args, **kwargs)
        counts.totals["steps"] += int(found.steps.sum())
        return found

    with mock.patch.object(package.kernels, "krylov_fits", counted):
        yield


def work_of(work: Workload, package: ModuleType, replicates: int | None = None, **how: Any) -> Work:
    """What a training set takes in a second copy; ``how`` are more arguments of `simulate`."""
    counts, replicates = Counts(), replicates or REPLICATES[work.name]
    simulate(work, 2, package=package, **how)  # what is computed once is computed now
    with counting_steps(package, counts), watching(counts):
        simulate(work, replicates, package=package, **how)
    return Work(*(counts.totals[each.name] / replicates for each in fields(Work)))


# --- budgets -------------------------------------------------------------------------------------


def compare(found: Work, budget: Work) -> tuple[list[str], list[str]]:
    """What is above its budget, and what is far below, by name."""
    pairs = [
        (each.name, count, most)
        for each, count, most in zip(fields(Work), astuple(found), astuple(budget), strict=True)
    ]
    above = [name for name, count, most in pairs if count > most * (1.0 + MARGIN)]
    below = [name for name, count, most in pairs if count < most * (1.0 - MARGIN)]
    return above, below


def line(work: Workload, found: Work) -> str:
    """The line of `BUDGETS` that allows what was found."""
    random, products, solves = (math.ceil(each) for each in astuple(found)[:3])
    return f'    "{work.name}": Work({random:_}, {products:_}, {solves:_}, {found.steps:.1f}),'


def report(work: Workload, found: Work) -> bool:
    """Print what was found beside its budget; whether nothing is above."""
    budget = BUDGETS[work.name]
    above, below = compare(found, budget)
    cells = "".join(
        f"{count:>14,.1f} of {most:<14,.1f}"
        for count, most in zip(astuple(found), astuple(budget), strict=True)
    )
    print(f"{work!s:26}{cells}")
    if above:
        print(f"  ABOVE THE BUDGET: {', '.join(above)}. If that is meant:\n{line(work, found)}")
    elif below:
        print(f"  below the budget: {', '.join(below)}. Lower it:\n{line(work, found)}")
    return not above


def main() -> None:
    print(f"{'per training set':26}" + "".join(f"{each.name:^32}" for each in fields(Work)))
    with second_copy(mt.__name__) as package:
        within = [report(work, work_of(work, package)) for work in WORKLOADS]
    if not all(within):
        sys.exit("more work than its budget allows")


if __name__ == "__main__":
    main()

"""Section shares of engine.py: where the time of a replicate goes.

NumPy's calls are timed while a second copy of the package runs. The same work is then done at the
machine's measured rates: normals into a reused buffer; other variates, products and solves at the
recorded shapes on reused buffers, alone, at the best of a few batch sizes.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np
from numpy_calls import KINDS, Function, is_gram, second_copy, watching
from timing import enough, repeated, seconds
from workloads import WORKLOADS, Workload, simulate

import moetheory as mt

Key = tuple[str, str, str]


@dataclass
class Call:
    """A call by name and shapes: how often it was made, and a way to time it by itself."""

    alone: list[Callable[[], object]]
    shares: list[float]
    times: int = 0
    normals: int = 0

    def best(self, normal: float, aim: float) -> float:
        """Least seconds for all of these calls; ``normal`` is what a normal number costs.

        ``aim``: seconds for which one call is repeated.
        """
        if self.normals:
            return self.times * self.normals * normal
        return self.times * min(
            repeated(run, aim) / share for run, share in zip(self.alone, self.shares, strict=True)
        )


@dataclass
class Record:
    """Seconds in the watched calls by kind, and the calls."""

    took: dict[str, float] = field(default_factory=lambda: dict.fromkeys(KINDS, 0.0))
    calls: dict[Key, Call] = field(default_factory=dict)

    def __call__(
        self, kind: str, name: str, function: Function, args: tuple[Any, ...], kwargs: Any
    ) -> Any:
        start = time.perf_counter()
        result = function(*args, **kwargs)
        self.took[kind] += time.perf_counter() - start
        operands = args[1:] if kind == "random" else args
        key = (kind, name, shapes((*operands, result)) + str(is_gram(operands)))
        if key not in self.calls:
            self.calls[key] = call_of(kind, name, function, operands, kwargs, result)
        self.calls[key].times += 1
        return result


def shapes(operands: Sequence[object]) -> str:
    return str([np.shape(each) if isinstance(each, np.ndarray) else each for each in operands])


def call_of(
    kind: str,
    name: str,
    function: Function,
    operands: Sequence[Any],
    kwargs: Mapping[str, Any],
    result: Any,
) -> Call:
    """The call on contiguous operands that nothing else uses, in a few variants.

    Variates are drawn with the same parameters. Products write into a buffer that is used again;
    products and solves are also made for a quarter and a sixteenth of the leading axis, and that
    of a matrix with its transpose both as such and with two operands.
    """
    given = [
        np.array(each, order="C") if isinstance(each, np.ndarray) else each for each in operands
    ]
    others = {key: value for key, value in kwargs.items() if key != "out"}
    if kind == "random":
        if "out" in kwargs:
            others["out"] = np.empty_like(result)
        method = getattr(np.random.Generator(np.random.SFC64(1)), name)
        normals = int(np.size(result)) if name == "standard_normal" else 0
        return Call([partial(method, *given, **others)], [1.0], normals=normals)
    if name == "solve_positive":  # the factor has taken the place of the system
        size = len(given[0])
        return Call([lambda: function(np.eye(size) + 1.0, given[1])], [1.0])
    call = Call([], [])
    stacked = name in ("matmul", "solve", "inv", "cholesky") and np.ndim(result) > 2
    for part in (1, 4, 16):
        sets = len(given[0]) // part
        if part > 1 and (not stacked or sets == 0):
            break
        pieces, into = given, dict(others)
        if stacked:
            pieces = [x[:sets] if np.ndim(x) == np.ndim(result) else x for x in given]
        if isinstance(function, np.ufunc):
            into["out"] = np.empty_like(result[:sets] if stacked else result)
        share = sets / len(given[0]) if stacked else 1.0
        call.alone.append(partial(function, *pieces, **into))
        call.shares.append(share)
        if is_gram(operands):
            call.alone.append(partial(function, pieces[1].mT, pieces[1], **into))
            call.shares.append(share)
    return call


def normal_rate() -> float:
    """Seconds of a standard normal from SFC64 into a buffer of 256 kB."""
    rng, buffer = np.random.Generator(np.random.SFC64(0)), np.empty(2**15)
    return repeated(lambda: rng.standard_normal(out=buffer)) / buffer.size


def product_rate(dim: int = 512) -> float:
    """Flops per second of a product of square matrices."""
    left, right = np.random.default_rng(0).standard_normal((2, dim, dim))
    into = np.empty((dim, dim))
    return 2 * dim**3 / repeated(lambda: np.matmul(left, right, out=into))


def shares_of(work: Workload, copy: ModuleType, quick: bool) -> None:
    run = partial(simulate, work, package=copy)
    replicates = enough(run, 0.2 if quick else 0.7)
    normal = normal_rate()
    plain, records = [], []
    for _ in range(3):
        plain.append(seconds(partial(run, replicates)))
        record = Record()
        with watching(record):
            run(replicates)
        records.append(record)
    total = statistics.median(plain)
    took = {kind: statistics.median(r.took[kind] for r in records) for kind in KINDS}
    calls = records[-1].calls
    least = dict.fromkeys(KINDS, 0.0)
    for (kind, _, _), call in calls.items():
        least[kind] += call.best(normal, 0.003 if quick else 0.02)
    count = sum(call.times * call.normals for call in calls.values())
    unit = 1e6 / replicates
    print(
        f"  {work!s:26}{total * unit:>9.1f}"
        + "".join(f"{took[kind] / total:>10.0%}" for kind in KINDS)
        + f"{1 - sum(took.values()) / total:>7.0%}{count / replicates:>9.0f}{normal * 1e9:>6.1f}"
        + "".join(f"{least[kind] * unit:>10.1f}" for kind in KINDS)
        + f"{sum(least.values()) * unit:>9.1f}{total / sum(least.values()):>7.2f}"
    )


def shares(quick: bool) -> None:
    print("shares of the time of a replicate; its microseconds at the machine's rates")
    print(f"  a product of 512² matrices: {product_rate() / 1e9:.0f} GFlop/s; normals: ns for one")
    print(
        f"  {'workload':26}{'µs':>9}{'random':>10}{'products':>10}{'solves':>10}{'rest':>7}"
        f"{'normals':>9}{'ns':>6}{'random':>10}{'products':>10}{'solves':>10}{'sum':>9}{'times':>7}"
    )
    with second_copy(mt.__name__) as copy:
        for work in WORKLOADS:
            shares_of(work, copy, quick)

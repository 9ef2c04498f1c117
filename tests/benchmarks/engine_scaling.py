"""Section scaling of engine.py: one worker process against two, and what the machine offers."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor
from functools import partial

import numpy as np
from timing import against, enough, interleaved, seconds, spread
from workloads import A, B, means, simulate


def busy(repeats: int) -> None:
    """Random numbers and products that stay in a core's own cache."""
    rng, numbers = np.random.Generator(np.random.SFC64(0)), np.empty((64, 128))
    for _ in range(repeats):
        rng.standard_normal(out=numbers)
        numbers.T @ numbers


def shared(pool: Executor, pieces: int, repeats: int) -> None:
    list(pool.map(busy, [repeats // pieces] * pieces))


def scaling(quick: bool) -> None:
    aim, rounds = (0.6, 3) if quick else (3.3, 7)
    print("scaling: two worker processes against one, seconds, times faster (target 1.6)")
    spawn = multiprocessing.get_context("spawn")  # JAX has threads, which a fork would not copy
    with ProcessPoolExecutor(1, spawn) as one, ProcessPoolExecutor(2, spawn) as two:
        for pool in (one, two):
            shared(pool, 8, 8)
        repeats = max(8, int(0.3 / seconds(partial(busy, 200)) * 200) // 8 * 8)
        for work in (A, B):
            replicates = enough(partial(simulate, work, executor=one), aim, start=64)
            runs: dict[str, Callable[[], object]] = {
                "one": partial(simulate, work, replicates, executor=one),
                "two": partial(simulate, work, replicates, executor=two),
                "busy one": partial(shared, one, 8, repeats),
                "busy two": partial(shared, two, 8, repeats),
            }
            serial = seconds(partial(simulate, work, replicates))
            times = interleaved(runs, rounds)
            same = means(simulate(work, replicates, executor=two)) == means(
                simulate(work, replicates)
            )
            print(
                f"  {work!s:26}{replicates:>7} replicates: one {spread(times['one'])}, "
                f"two {spread(times['two'])}, no executor {serial:.2f}; "
                f"same numbers: {'yes' if same else 'NO'}"
            )
            ratio = spread(against(times["one"], times["two"]))
            machine = spread(against(times["busy one"], times["busy two"]))
            print(f"  {'':26}ratio {ratio}; normals and products alone {machine}")

"""Many workers: efficiency on Dask, what a chunk costs beside its work, and whether plans hold.

    python tests/benchmarks/scale_out.py [--only SECTION ...] [--quick]

efficiency  `simulate` and `sweep` in one process against a Dask cluster of two processes with one
            thread each, interleaved: serial time / (2 × time with two). Beside it what two plain
            processes gain on normals and products alone, in the same rounds, and the share of the
            two workers' time in which they were at work on chunks, by their own clocks: what is
            lost to handing out, to waiting and to the end. Another load on the machine spoils the
            first and the second alike, the third less. The bits must be those of one process.
constants   Of a chunk: seconds, bytes of its result, seconds to unpickle and merge it; seconds that
            an executor takes to hand out a task and collect it; seconds of a checkpoint for each
            chunk in it, written, read and merged. Then what they say about 1000 workers.
plans       Seconds that `simulation_plan` and `sweep_plan` foresee, against measured ones. A plan
            has a processor for each worker: beside the ratio for two processes stands the ratio
            times what two plain processes reach of that on the machine.

The figures that were measured are in README.md beside this file.
"""

import os

os.environ.update(
    dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
)

import argparse
import math
import pickle
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

import moetheory as mt
from moetheory.simulation.methods.tally import Tally
from moetheory.simulation.questions import Question
from moetheory.simulation.runs.batches import LONGEST, Batches
from moetheory.simulation.runs.chunks import Run
from moetheory.simulation.runs.execution import carry_out

BOTH = (mt.Dense(), mt.MoE())
WORKERS = 1000
REPLICATES = 10**9  # of the simulation on paper


def iso(experts: int, size: int, noise_variance: float = 0.25) -> mt.BlockModel:
    return mt.BlockModel.isotropic(
        experts * size, experts, noise_variance, signal_energy=float(size)
    )


A, B = (iso(8, 8), 640), (iso(16, 16), 2560)
Work = Callable[..., Any]


def simulated(work: tuple[mt.BlockModel, int], replicates: int, **how: Any) -> list[Any]:
    model, samples = work
    found = mt.simulate(BOTH, model, samples=samples, replicates=replicates, rng=0, **how)
    return [found.means.tobytes(), found.covariance.tobytes()]


def of_experts(replicates: int, **how: Any) -> list[Any]:
    found = mt.simulate(mt.MoE(), iso(4, 4), samples=10**6, replicates=replicates, rng=0, **how)
    return [found.mean, found.sem]


def swept(replicates: int, **how: Any) -> list[Any]:
    values = np.geomspace(0.05, 5.0, 16)
    found = mt.sweep(
        iso(8, 16), "noise_variance", values, BOTH, samples=512, replicates=replicates, rng=0, **how
    )
    return [column.tobytes() for column in found.columns.values()]


WORKS: dict[str, Work] = {
    "simulate, A": partial(simulated, A),
    "simulate, B": partial(simulated, B),
    "simulate, experts by their law": of_experts,
    "sweep, 16 noises, d = 128, n = 512": swept,
}


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def enough(work: Work, aim: float) -> int:
    """Replicates that take one process about ``aim`` seconds."""
    replicates = 20
    while (took := seconds(partial(work, replicates))) < min(2.0, aim / 4):
        replicates = math.ceil(replicates * min(8.0, aim / max(took, 1e-3)))
    return math.ceil(replicates * aim / took)


def spread(values: list[float], digits: int = 2) -> str:
    middle, low, high = statistics.median(values), min(values), max(values)
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


# --- efficiency ----------------------------------------------------------------------------------


def busy(repeats: int) -> None:
    """Random numbers and products that stay in a core's own cache."""
    rng, numbers = np.random.Generator(np.random.SFC64(0)), np.empty((64, 128))
    for _ in range(repeats):
        rng.standard_normal(out=numbers)
        numbers.T @ numbers


def shared(pool: Executor, repeats: int) -> None:
    list(pool.map(busy, [repeats // 8] * 8))


@contextmanager
def dask(workers: int = 2) -> Iterator[Executor]:
    import dask as library
    from dask.distributed import Client, LocalCluster

    # as docs/scaling.md advises
    keep_memory = {"MALLOC_TRIM_THRESHOLD_": 2**30, "MALLOC_MMAP_THRESHOLD_": 2**25}
    library.config.set(
        {f"distributed.nanny.pre-spawn-environ.{name}": size for name, size in keep_memory.items()}
    )
    with (
        LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        yield client.get_executor(pure=False)


@contextmanager
def clocks() -> Iterator[list[float]]:
    """The seconds of all batches that are computed in the block, by the workers' clocks."""
    found: list[float] = []
    learn = Batches.learn

    def noted(self: Batches, batch: Any, took: float) -> None:
        found.append(took)
        learn(self, batch, took)

    with mock.patch.object(Batches, "learn", noted):
        yield found


def efficiency(quick: bool) -> None:
    aim, rounds = (6.0, 2) if quick else (60.0, 3)
    print(f"efficiency: two Dask workers on work of about {aim:g} s (target 0.85)")
    with dask() as executor, ProcessPoolExecutor(2) as plain:
        shared(plain, 8)
        repeats = max(8, int(3.0 / seconds(partial(busy, 2000)) * 2000))
        for name, work in WORKS.items():
            replicates = enough(work, aim)
            work(max(20, replicates // 20), executor=executor)  # imports
            own, two, machine, at_work, same = [], [], [], [], True
            for _ in range(rounds):
                alone = seconds(partial(busy, repeats))
                machine.append(alone / 2.0 / seconds(partial(shared, plain, repeats)))
                start = time.perf_counter()
                here = work(replicates)
                own.append(time.perf_counter() - start)
                start = time.perf_counter()
                with clocks() as batches:
                    same &= work(replicates, executor=executor) == here
                two.append(time.perf_counter() - start)
                at_work.append(sum(batches) / 2.0 / two[-1])
                alone = seconds(partial(busy, repeats))
                machine.append(alone / 2.0 / seconds(partial(shared, plain, repeats)))
            found = [a / 2.0 / b for a, b in zip(own, two, strict=True)]
            print(
                f"  {name:38} {statistics.median(own):6.1f} s in one process: efficiency "
                f"{spread(found)}; the machine {spread(machine)}; workers at work "
                f"{spread(at_work)}, {len(batches)} tasks; same bits: {'yes' if same else 'NO'}",
                flush=True,
            )


# --- constants -----------------------------------------------------------------------------------


def runs_of(work: tuple[mt.BlockModel, int]) -> dict[str, Run]:
    model, samples = work
    campaign = Question.of(BOTH, model, samples=samples, replicates=REPLICATES, rng=0).campaign
    return {
        f"{family.name} ({family.route.method})": run
        for family, run in zip(campaign.plan, campaign.runs, strict=True)
    }


def best(work: Callable[[], object], repeats: int = 5) -> float:
    """Seconds of the processor, the least of a few: other work on the machine hides most of it."""

    def once() -> float:
        start = time.process_time()
        work()
        return time.process_time() - start

    return min(once() for _ in range(repeats))


def nothing(item: int) -> tuple[list[Tally], float]:
    return [], 0.0


def handed_out(executor: Executor, tasks: int) -> float:
    """Seconds a task that does nothing takes, from hand to hand."""
    list(carry_out(nothing, range(20), executor, 16))
    return seconds(lambda: list(carry_out(nothing, range(tasks), executor, 16))) / tasks


def constants(quick: bool) -> None:
    print("constants: workload B, K = 16, s = 16, n = 2560")
    chunk, size, merge = {}, {}, {}
    for name, run in runs_of(B).items():
        run(5)
        chunk[name] = best(partial(run, 6), 3)
        size[name] = run.route.chunk_size
        tally = run(7)
        sent = pickle.dumps(([tally], 0.1))
        several = [run(i) for i in range(8, 10)]

        def received(sent: bytes = sent, tally: Tally = several[0]) -> None:
            for _ in range(200):
                (other,), _took = pickle.loads(sent)
                tally.merge(other)

        merge[name] = best(received) / 200
        number = REPLICATES / size[name]
        print(
            f"  {name:22} chunk of {size[name]:>6}: {chunk[name]:.3f} s; result {len(sent)} bytes; "
            f"unpickled and merged in {merge[name] * 1e6:.0f} µs; {number:.2g} chunks for 1e9, "
            f"{number * chunk[name] / 86400:.3g} days of one core"
        )
    tasks = 200 if quick else 1000
    with ProcessPoolExecutor(2) as plain:
        print(f"  a task of a process pool: {handed_out(plain, tasks) * 1e3:.2f} ms")
    with dask() as executor:
        a_task = handed_out(executor, tasks)
        print(f"  a task of Dask, scheduler and client in this process: {a_task * 1e3:.2f} ms")
    slowest = max(chunk, key=lambda name: chunk[name] / size[name])
    number, each = REPLICATES / size[slowest], chunk[slowest]
    batch = max(1, int(LONGEST / each))
    print(
        f"  {WORKERS} workers, {slowest}: {number * each / WORKERS / 3600:.3g} h of work; merging "
        f"{number * merge[slowest] / 3600:.3g} h, handing out "
        f"{number / batch * a_task / 3600:.3g} h; Dask feeds {each * batch / a_task:.0f} workers, "
        f"merging {each / merge[slowest]:.0f}"
    )
    saved(quick)


def saved(quick: bool) -> None:
    """What checkpoints cost for each chunk."""
    from moetheory.simulation.runs.checkpoint_file import read, write

    run = next(iter(runs_of(A).values()))
    tally = run(3)
    with tempfile.TemporaryDirectory() as folder:
        for number in (1000, 10_000) if quick else (1000, 10_000, 100_000):
            chunks = {"experts": dict.fromkeys(range(number), tally)}
            whole = Path(folder) / "whole.npz"
            wrote = best(partial(write, whole, {"a": 1}, chunks), 3)
            took = best(partial(read, whole), 3)
            parts = [Path(folder) / f"part-{i}.npz" for i in range(10)]
            for i, part in enumerate(parts):
                own = {"experts": dict.fromkeys(range(i, number, 10), tally)}
                write(part, {"a": 1}, own)
            merged = best(partial(mt.merge_checkpoints, parts, Path(folder) / f"m{number}.npz"), 1)
            print(
                f"  a checkpoint of {number} chunks: {whole.stat().st_size / number:.0f} bytes, "
                f"{wrote / number * 1e6:.0f} µs to write, {took / number * 1e6:.0f} µs to read, "
                f"{merged / number * 1e6:.0f} µs to merge from ten parts, for each chunk"
            )


# --- plans ---------------------------------------------------------------------------------------


def plans(quick: bool) -> None:
    aim, rounds = (2.0, 2) if quick else (8.0, 5)
    print("plans: measured seconds / foreseen ones (target: within a factor 1.5)")
    planned: dict[str, Callable[[int], Any]] = {
        "simulate, A": lambda n: mt.simulation_plan(BOTH, A[0], samples=A[1], replicates=n, rng=0),
        "simulate, B": lambda n: mt.simulation_plan(BOTH, B[0], samples=B[1], replicates=n, rng=0),
        "simulate, experts by their law": lambda n: mt.simulation_plan(
            mt.MoE(), iso(4, 4), samples=10**6, replicates=n, rng=0
        ),
        "sweep, 16 noises, d = 128, n = 512": lambda n: mt.sweep_plan(
            iso(8, 16),
            "noise_variance",
            np.geomspace(0.05, 5.0, 16),
            BOTH,
            samples=512,
            replicates=n,
            rng=0,
        ),
    }
    with ProcessPoolExecutor(2) as plain:
        shared(plain, 8)
        repeats = max(8, int(1.0 / seconds(partial(busy, 2000)) * 2000))
        for name, plan_of in planned.items():
            work = WORKS[name]
            replicates = enough(work, aim)
            one, two, corrected, took, machine = [], [], [], [], []
            for _ in range(rounds):
                start = time.perf_counter()
                plan = plan_of(replicates)
                took.append(time.perf_counter() - start)
                one.append(seconds(partial(work, replicates)) / plan.seconds)
                two.append(seconds(partial(work, replicates, executor=2)) / plan.seconds_with(2))
                alone = seconds(partial(busy, repeats))
                machine.append(alone / 2.0 / seconds(partial(shared, plain, repeats)))
                corrected.append(two[-1] * machine[-1])
            print(
                f"  {name:38} one process {spread(one)}, two of our own {spread(two)}, "
                f"{spread(corrected)} times the machine's efficiency {spread(machine)}; planned in "
                f"{spread(took, 1)} s",
                flush=True,
            )


SECTIONS = {"efficiency": efficiency, "constants": constants, "plans": plans}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument("--quick", action="store_true", help="fewer and shorter runs")
    options = parser.parse_args()
    for name in options.only:
        start = time.perf_counter()
        SECTIONS[name](options.quick)
        print(f"  [{name}: {time.perf_counter() - start:.0f} s]\n", flush=True)


if __name__ == "__main__":
    main()

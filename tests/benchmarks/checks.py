"""The time of `moetheory check`: all theorems, the first rows, and one theorem on a wide model.

    python tests/benchmarks/checks.py [--rounds 3] [--beside FOLDER] [--wide]

Seconds of the clock and of all processes together, by the number of workers; with ``--beside`` the
same of another checkout, interleaved. ``--wide``: each theorem at d = 1000, K = 200.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import moetheory as mt

HERE = Path(mt.__file__).parent.parent
WIDE = ("--dim", "1000", "--experts", "200")


def timed(folder: Path, *arguments: str) -> tuple[float, float, float, str]:
    """Seconds to the first verdict, to the end, and of the processors; the last line but one."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start, first, lines = time.perf_counter(), 0.0, []
    with subprocess.Popen(
        [sys.executable, "-m", "moetheory", "check", "--seed", "1", *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder), "OPENBLAS_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        for line in process.stdout:
            lines.append(line)
            if not first and line.startswith("for BlockModel"):
                first = time.perf_counter() - start
    end, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    verdict = next((each for each in lines if " theorem" in each and "claim" in each), "")
    return first, end, spent, verdict.strip()


def main() -> None:
    """Print a row for each way of checking: medians, with the ratios beside another checkout."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--beside", type=Path)
    parser.add_argument("--wide", action="store_true")
    options = parser.parse_args()
    cores = str(len(os.sched_getaffinity(0)))
    ways, counts = {"all theorems": ()}, ("1", cores)
    if options.wide:
        counts = (cores,)
        ways = {name: (name, *WIDE) for name in mt.catalogue}
    print(f"{'':28} workers   first s     all s   processors s")
    for title, arguments in ways.items():
        runs = [(each, HERE, ("--workers", each)) for each in dict.fromkeys(counts)]
        if options.beside is not None:
            runs.append(("before", options.beside, ()))
        found: dict[str, list[tuple[float, float, float, str]]] = {}
        for _ in range(options.rounds):
            for name, folder, more in runs:
                found.setdefault(name, []).append(timed(folder, *arguments, *more))
        for name, each in found.items():
            first, end, spent = (statistics.median(run[i] for run in each) for i in range(3))
            print(f"{title:28} {name:>7} {first:9.1f} {end:9.1f} {spent:14.1f}  {each[0][3]}")
        if "before" in found:
            for name in dict.fromkeys(counts):
                ratios = [
                    old[1] / new[1] for old, new in zip(found["before"], found[name], strict=True)
                ]
                spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
                print(f"  before / {name}: {statistics.median(ratios):.2f} ({spread})")


if __name__ == "__main__":
    main()

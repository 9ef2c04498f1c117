"""Sections samples and memory of engine.py: neither grows with what it should not grow with."""

from __future__ import annotations

import math
import statistics
import subprocess
import sys
from functools import partial

from timing import against, enough, interleaved, spread
from workloads import WORKLOADS, Workload, simulate

LARGE = Workload("E", 16, 64, 20480)
MIB = 2**20


def samples(quick: bool) -> None:
    many, few = Workload("", 4, 4, 10**9), Workload("", 4, 4, 10**4)
    replicates = enough(partial(simulate, few), 0.1 if quick else 0.5)
    times = interleaved(
        {str(work.samples): partial(simulate, work, replicates) for work in (many, few)},
        3 if quick else 9,
    )
    ratios = against(times[str(many.samples)], times[str(few.samples)])
    print(f"samples: n = 1e9 against n = 1e4, K=4 s=4: {spread(ratios)} times (about 1)")


# ru_maxrss starts at the peak of the parent on Linux, where VmHWM does not
PEAK = """
import pathlib, re, resource, sys
status = pathlib.Path("/proc/self/status")
if status.exists():
    print(1024 * int(re.search(r"VmHWM:\\s*(\\d+) kB", status.read_text())[1]))
else:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(peak if sys.platform == "darwin" else 1024 * peak)
"""
CHILD = """
import sys, time
import moetheory as mt
experts, size, samples, memory = map(int, sys.argv[1:5])
model = mt.BlockModel.isotropic(experts * size, experts, 0.25, signal_energy=size)

def run(replicates):
    start = time.perf_counter()
    mt.simulate([mt.Dense(), mt.MoE()], model, samples=samples, replicates=replicates, rng=0,
                memory=memory)
    return time.perf_counter() - start

try:
    run(2)
except ValueError as error:
    if not str(error).startswith("memory must be at least"):
        raise
    print("nan")
    sys.exit()
replicates, took, aim = 2, run(2), float(sys.argv[5])
while took < aim / 2:
    replicates = int(replicates * min(8.0, max(1.5, aim / took)))
    took = run(replicates)
"""


def peak(code: str, *arguments: float) -> float:
    """Bytes at most resident in a process that runs ``code``."""
    command = [sys.executable, "-c", code + PEAK, *map(str, arguments)]
    found = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    return float(found.stdout)


def memory(quick: bool) -> None:
    print("memory: peak beyond the import, MiB (target: budget + 100)")
    bare = statistics.median(peak("import moetheory") for _ in range(3))
    budgets = (32, 256)
    print(f"  {'workload':26}" + "".join(f"{f'at {budget}':>10}" for budget in budgets))
    for work in (*WORKLOADS, LARGE):
        arguments = (work.experts, work.size, work.samples)
        row = ""
        for budget in budgets:
            beyond = peak(CHILD, *arguments, budget * MIB, 0.2 if quick else 1.0) - bare
            if math.isnan(beyond):
                row += f"{'refused':>10}"
            else:
                row += f"{beyond / MIB:>9.0f}{' ' if beyond / MIB <= budget + 100 else '!'}"
        print(f"  {work!s:26}{row}")

"""Cost of simulating fitted estimators: against plain code, over processes, and where it goes.

    python tests/benchmarks/engine.py [--only SECTION ...] [--quick]

Every section simulates dense and experts together, fitted without ridge, for an isotropic model
whose blocks have unit covariance, σ² = 0.25, with one BLAS thread. A ratio is the median over
interleaved runs in this process, after a warm-up; the smallest and the largest stand beside it.
Another load on the machine spoils all of them, `scaling` first: its last figures say what the
machine had to offer.

speed     `simulate` against what one would write instead (baselines.py): (a) a loop with
          np.linalg.lstsq, (b) batched NumPy at the best of a few batch sizes, (b') the same
          drawing clean features on the active block alone, (c) a loop with scikit-learn where
          installed. Each is first held against the closed forms, at C with n = 10⁴: that is
          their z; that of `simulate` is of the timed runs. Times are per replicate. For workloads
          A, B and D `simulate`, (b) and (b') do equally many replicates; the loops do fewer, which
          is fair to them because each replicate costs them the same. At C a baseline does one or
          two, `simulate` as many as it needs to run long enough.
scaling   One worker process against two, as `executor=`, and what two processes that only draw
          normals and multiply matrices gain on the machine.
shares    Time in random numbers, products and solves, by timing the calls: a second copy of the
          package, in which `a @ b` is spelt np.matmul(a, b), runs while NumPy's functions and the
          Generator's methods are wrapped with a clock. Shares are of the time of the same
          simulation without clocks; the rest is everything else. Then the same work at the
          machine's measured rates: normals into a reused buffer; other variates, products and
          solves at the recorded shapes on reused buffers, alone, at the best of a few batch sizes.
samples   n = 10⁹ against n = 10⁴.
memory    Peak resident memory of a process that simulates, less that of one that only imports the
          package, against the budget; "refused" where `simulate` says that it needs more.

The figures that were measured are in README.md beside this file.
"""

import os

os.environ.update(
    dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
)

import argparse
import ast
import contextlib
import importlib
import importlib.machinery
import math
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from types import CodeType, ModuleType
from typing import Any
from unittest import mock

import numpy as np
from baselines import FloatArray, Workload, batched, linear_regression, loop, lstsq

import moetheory as mt

A = Workload("A", 8, 8, 640, speedup=5)
B = Workload("B", 16, 16, 2560, speedup=8)
C = Workload("C", 4, 4, 10**6, speedup=5000)
D = Workload("D", 8, 32, 128, speedup=1.8)
LARGE = Workload("E", 16, 64, 20480)
WORKLOADS = (A, B, C, D)
ESTIMATORS = (mt.Dense(), mt.MoE())
MIB = 2**20


def simulate(work: Workload, replicates: int, seed: int = 0, **how: Any) -> mt.Estimates:
    return mt.simulate(
        ESTIMATORS, work.model, samples=work.samples, replicates=replicates, rng=seed, **how
    )


def means(estimates: mt.Estimates) -> list[float]:
    return [each.mean for each in estimates]


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def enough(run: Callable[[int], object], aim: float, start: int = 2) -> int:
    """Replicates of which a warm run takes about ``aim`` seconds."""
    replicates = start
    run(replicates)
    while (took := seconds(partial(run, replicates))) < aim / 2:
        replicates = math.ceil(replicates * min(8.0, aim / max(took, 1e-9)))
    return max(start, round(replicates * aim / took))


def interleaved(runs: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of every run in every round, after a round that does not count."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(-1, rounds):
        for name, run in runs.items():
            took = seconds(run)
            if number >= 0:
                times[name].append(took)
    return times


def spread(ratios: Sequence[float]) -> str:
    """Median, with the smallest and the largest."""
    middle, low, high = statistics.median(ratios), min(ratios), max(ratios)
    digits = 2 if middle < 100 else 0
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def against(times: Sequence[float], others: Sequence[float]) -> list[float]:
    return [a / b for a, b in zip(times, others, strict=True)]


# --- speed ---------------------------------------------------------------------------------------


def scores(work: Workload, means: Sequence[float], sems: Sequence[float]) -> list[float]:
    """z of both estimators against the closed forms, whose own error counts."""
    closed = [mt.risk(each, work.model, samples=work.samples) for each in ESTIMATORS]
    return [
        (mean - risk.value) / math.hypot(sem, risk.error)
        for mean, sem, risk in zip(means, sems, closed, strict=True)
    ]


def verify(name: str, work: Workload, found: FloatArray) -> list[float]:
    """z-scores of a baseline's risks; a wrong baseline ends the benchmark."""
    sems = found.std(axis=1, ddof=1) / math.sqrt(found.shape[1])
    z = scores(work, found.mean(axis=1).tolist(), sems.tolist())
    if max(map(abs, z)) > 6:
        raise SystemExit(f"baseline ({name}) is wrong at {work}: z = {z}")
    return z


Baseline = Callable[[Workload, int, int], FloatArray]


def baselines_for(work: Workload, trial: int) -> dict[str, tuple[Baseline, str]]:
    """The baselines by name, each with its batch, the best of a few for the batched ones."""
    found: dict[str, tuple[Baseline, str]] = {"a": (partial(loop, fit=lstsq), "1")}
    for name, active_only in (("b", False), ("b'", True)):
        choices = {
            k: partial(batched, numbers=2**k, active_only=active_only) for k in (15, 16, 17, 19)
        }
        times = interleaved({str(k): partial(f, work, trial, 0) for k, f in choices.items()}, 3)
        best = min(choices, key=lambda k: min(times[str(k)]))
        sets = 2**best / (work.samples * work.dim)
        found[name] = (choices[best], f"{max(1, int(sets))}" if sets >= 0.5 else f"{sets:.4f}")
    if (fit := linear_regression()) is not None:
        found["c"] = (partial(loop, fit=fit), "1")
    return found


def speed_of(work: Workload, quick: bool) -> None:
    aim, rounds = (0.2, 3) if quick else (0.9, 7)
    many = work.samples >= 10**5
    equal = 2 if many else enough(lambda r: batched(work, r, 0, numbers=2**17), aim)
    ours = enough(partial(simulate, work), aim / 2) if many else equal
    baselines = baselines_for(work, 1 if many else max(4, equal // 8))
    # pieces of a training set are checked where a replicate takes less than a second
    checked = Workload(work.name, work.experts, work.size, 10**4) if many else work
    z = {
        name: verify(name, checked, baseline(checked, 40 if quick else 100, 1))
        for name, (baseline, _) in baselines.items()
    }
    few = {name: 1 if many else max(2, equal // 8) for name in ("a", "c")}
    counts = {"simulate": ours} | {name: few.get(name, equal) for name in baselines}
    estimates: list[mt.Estimates] = []
    runs: dict[str, Callable[[], object]] = {
        "simulate": lambda: estimates.append(simulate(work, ours, len(estimates)))
    }
    for name, (baseline, _) in baselines.items():
        runs[name] = partial(baseline, work, counts[name], 2)
    times = interleaved(runs, rounds)
    each = {name: [t / counts[name] for t in took] for name, took in times.items()}
    centres = np.mean([means(several) for several in estimates], axis=0)
    squares = np.sum([[e.sem**2 for e in several] for several in estimates], axis=0)
    z["simulate"] = scores(work, centres.tolist(), (np.sqrt(squares) / len(estimates)).tolist())
    for name in runs:
        batch = baselines[name][1] if name in baselines else ""
        ratio = target = ""
        if name in baselines:
            ratio = spread(against(each[name], each["simulate"]))
        if name == "b":
            target = f"{work.speedup:g}"
        print(
            f"  {str(work) if name == 'simulate' else '':26}{name:>9}{counts[name]:>9}{batch:>8}"
            f"{statistics.median(each[name]) * 1e6:>12.1f}   {ratio:28}{target:>6}"
            f"{z[name][0]:>+9.1f}{z[name][1]:>+6.1f}"
        )


def speed(quick: bool) -> None:
    print("speed: microseconds per replicate and how many times those of simulate")
    print(
        f"  {'workload':26}{'':>9}{'repl.':>9}{'batch':>8}{'µs':>12}   {'ratio (min to max)':28}"
        f"{'target':>6}{'z dense':>9}{'moe':>6}"
    )
    for work in WORKLOADS:
        speed_of(work, quick)


# --- scaling -------------------------------------------------------------------------------------


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
    with ProcessPoolExecutor(1) as one, ProcessPoolExecutor(2) as two:
        for pool in (one, two):
            shared(pool, 8, 8)
        repeats = max(8, int(0.3 / seconds(partial(busy, 200)) * 200) // 8 * 8)
        for work in (A, B):
            replicates = enough(partial(simulate, work, executor=one), aim, start=64)
            runs = {
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


# --- shares --------------------------------------------------------------------------------------

DRAWS = (
    *("standard_normal", "normal", "chisquare", "standard_gamma", "gamma", "beta", "binomial"),
    *("multinomial", "random", "uniform", "integers", "permutation", "standard_exponential"),
)
PRODUCTS = ("matmul", "dot", "vdot", "inner", "vecdot", "matvec", "vecmat", "einsum", "tensordot")
SOLVES = ("solve", "inv", "cholesky", "qr", "lstsq", "svd", "eigh", "eigvalsh", "pinv", "det")
KINDS = ("random", "products", "solves")

Function = Callable[..., Any]
Key = tuple[str, str, str]


@dataclass
class Call:
    """A call by name and shapes: how often it was made, and a way to time it by itself."""

    alone: list[Callable[[], object]]
    shares: list[float]
    times: int = 0
    normals: int = 0

    def best(self, normal: float) -> float:
        """Least seconds for all of these calls; ``normal`` is what a normal number costs."""
        if self.normals:
            return self.times * self.normals * normal
        return self.times * min(
            repeated(run) / share for run, share in zip(self.alone, self.shares, strict=True)
        )


@dataclass
class Record:
    """Seconds in the wrapped functions by kind, and their calls."""

    took: dict[str, float] = field(default_factory=lambda: dict.fromkeys(KINDS, 0.0))
    calls: dict[Key, Call] = field(default_factory=dict)
    inside: bool = False

    def wrap(self, kind: str, name: str, function: Function) -> Function:
        def timed(*args: Any, **kwargs: Any) -> Any:
            if self.inside:
                return function(*args, **kwargs)
            self.inside = True
            start = time.perf_counter()
            try:
                result = function(*args, **kwargs)
            finally:
                self.took[kind] += time.perf_counter() - start
                self.inside = False
            operands = args[1:] if kind == "random" else args
            key = (kind, name, shapes((*operands, result)) + str(transposed(operands)))
            if key not in self.calls:
                self.calls[key] = call_of(kind, name, function, operands, kwargs, result)
            self.calls[key].times += 1
            return result

        return timed


def shapes(operands: Sequence[object]) -> str:
    return str([np.shape(each) if isinstance(each, np.ndarray) else each for each in operands])


def transposed(operands: Sequence[object]) -> bool:
    """Whether the operands are a matrix and its own transpose, in either order."""
    if len(operands) < 2:
        return False
    left, right = operands[:2]
    return (
        isinstance(left, np.ndarray)
        and isinstance(right, np.ndarray)
        and min(left.ndim, right.ndim) >= 2
        and left.ctypes.data == right.ctypes.data
        and left.shape[-2:] == right.mT.shape[-2:]
        and left.strides[-2:] == right.mT.strides[-2:]
    )


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
        if transposed(operands):
            call.alone.append(partial(function, pieces[1].mT, pieces[1], **into))
            call.shares.append(share)
    return call


def repeated(run: Callable[[], object], aim: float = 0.02) -> float:
    """Seconds of one run among many, the least of three."""
    times = max(1, int(aim / max(seconds(run), seconds(run), 1e-7)))

    def many() -> None:
        for _ in range(times):
            run()

    return min(seconds(many) for _ in range(3)) / times


class Spelt(ast.NodeTransformer):
    """``a @ b`` as np.matmul(a, b), which can be wrapped."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        if not isinstance(node.op, ast.MatMult):
            return node
        matmul = ast.parse("__import__('numpy').matmul", mode="eval").body
        return ast.copy_location(ast.Call(matmul, [node.left, node.right], []), node)


def second_copy() -> ModuleType:
    """The package imported again with its products spelt out; the first copy stays."""

    def get_code(loader: importlib.machinery.SourceFileLoader, name: str) -> CodeType:
        path = loader.get_filename(name)
        tree = Spelt().visit(ast.parse(loader.get_data(path)))
        code: CodeType = compile(ast.fix_missing_locations(tree), path, "exec")
        return code

    def own() -> list[str]:
        return [name for name in sys.modules if name.split(".")[0] == mt.__name__]

    first = {name: sys.modules.pop(name) for name in own()}
    try:
        with mock.patch.object(importlib.machinery.SourceFileLoader, "get_code", get_code):
            return importlib.import_module(mt.__name__)
    finally:
        for name in own():
            del sys.modules[name]
        sys.modules.update(first)


@contextlib.contextmanager
def recording() -> Iterator[Record]:
    """Wrap what NumPy offers for random numbers, products and solves."""
    record, generator = Record(), np.random.Generator
    methods = {name: record.wrap("random", name, getattr(generator, name)) for name in DRAWS}
    with contextlib.ExitStack() as stack:
        stack.enter_context(
            mock.patch.object(np.random, "Generator", type("Timed", (generator,), methods))
        )
        for kind, home, names in (("products", np, PRODUCTS), ("solves", np.linalg, SOLVES)):
            for name in names:
                timed = record.wrap(kind, name, getattr(home, name))
                stack.enter_context(mock.patch.object(home, name, timed))
        yield record


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
    replicates, rounds = enough(partial(simulate, work), 0.2 if quick else 0.7), 3
    model = work.model
    twin = copy.BlockModel(
        model.group_probabilities,
        model.block_of,
        model.signal_variances,
        model.coefficients,
        model.noise_variance,
    )

    def spelt() -> object:
        return copy.simulate(
            (copy.Dense(), copy.MoE()),
            twin,
            samples=work.samples,
            replicates=replicates,
            rng=0,
        )

    normal = normal_rate()
    plain, records = [], []
    for _ in range(rounds):
        plain.append(seconds(spelt))
        with recording() as record:
            spelt()
        records.append(record)
    total = statistics.median(plain)
    took = {kind: statistics.median(r.took[kind] for r in records) for kind in KINDS}
    calls = records[-1].calls
    least = dict.fromkeys(KINDS, 0.0)
    for (kind, _, _), call in calls.items():
        least[kind] += call.best(normal)
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
    copy = second_copy()
    print("shares of the time of a replicate; its microseconds at the machine's rates")
    print(f"  a product of 512² matrices: {product_rate() / 1e9:.0f} GFlop/s; normals: ns for one")
    print(
        f"  {'workload':26}{'µs':>9}{'random':>10}{'products':>10}{'solves':>10}{'rest':>7}"
        f"{'normals':>9}{'ns':>6}{'random':>10}{'products':>10}{'solves':>10}{'sum':>9}{'times':>7}"
    )
    for work in WORKLOADS:
        shares_of(work, copy, quick)


# --- samples -------------------------------------------------------------------------------------


def samples(quick: bool) -> None:
    many, few = Workload("", 4, 4, 10**9), Workload("", 4, 4, 10**4)
    replicates = enough(partial(simulate, few), 0.1 if quick else 0.5)
    times = interleaved(
        {str(work.samples): partial(simulate, work, replicates) for work in (many, few)},
        3 if quick else 9,
    )
    ratios = against(times[str(many.samples)], times[str(few.samples)])
    print(f"samples: n = 1e9 against n = 1e4, K=4 s=4: {spread(ratios)} times (about 1)")


# --- memory --------------------------------------------------------------------------------------

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


SECTIONS: dict[str, Callable[[bool], None]] = {
    "speed": speed,
    "scaling": scaling,
    "shares": shares,
    "samples": samples,
    "memory": memory,
}


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

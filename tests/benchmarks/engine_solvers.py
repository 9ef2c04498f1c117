"""Section solvers of engine.py: from which size systems are solved one after another."""

from __future__ import annotations

from functools import partial
from importlib import import_module

import numpy as np
from timing import against, interleaved, repeated, spread

from moetheory.kernels import Workspace

NUMBERS = 1 << 19  # numbers in the rows of all training sets


def solvers(quick: bool) -> None:
    print("solvers: time all at once over time one by one, median of 11 rounds\n")
    systems = import_module("moetheory.kernels.gram_systems")
    print(f"  one by one from {systems.ONE_BY_ONE} equations")
    print(f"  {'equations':>10}{'one part, one fit':>26}{'two parts':>26}{'three fits':>26}")
    rng, work = np.random.default_rng(0), Workspace()
    for size in (8, 16, 32, 40, 48, 56, 64, 80, 96, 128, 256):
        cells = []
        for parts, fits in ((1, 1), (2, 1), (1, 3)):
            rows = [2 * size // parts] * parts
            sets = max(2, NUMBERS // (2 * size**2))
            given = [rng.standard_normal((sets, each, size)) for each in rows]
            right, penalties = rng.standard_normal((sets, size)), np.ones((fits, sets))
            probe = rng.standard_normal(size)
            runs = {
                solve.__name__: partial(solve, given, right, penalties, probe, work)
                for solve in (systems._all_at_once, systems._one_by_one)
            }
            times = max(1, round((0.01 if quick else 0.05) / repeated(runs["_one_by_one"], 0.0)))
            often = {name: partial(_often, run, times) for name, run in runs.items()}
            took = interleaved(often, 11)
            cells.append(spread(against(took["_all_at_once"], took["_one_by_one"])))
        print(f"  {size:>10}" + "".join(f"{cell:>26}" for cell in cells), flush=True)


def _often(run: partial[object], times: int) -> None:
    for _ in range(times):
        run()

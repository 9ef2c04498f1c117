"""False "violated" and missed negative controls on random models, one random theorem each.

    python tests/benchmarks/verdicts.py [--models 2000] [--processes 2]

At default settings; both counts must be zero.
"""

import argparse
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np
from random_models import random_model

import moetheory as mt


def outcome(names: list[str], seed: int) -> tuple[int, str, str, str, str]:
    """The seed, the theorem, its status, that of its negative control, and what was wrong."""
    rng = np.random.default_rng(seed)
    model, name = random_model(rng), str(rng.choice(names))
    verdict = mt.check(name, model, rng=seed)
    control = mt.check(mt.catalogue[name].negative_control, model, rng=seed)
    wrong = ""
    if verdict.status == "violated":
        wrong = f"false: {verdict.reason}"
    elif verdict.status == "holds" and control.status != "violated":
        wrong = f"missed: {control.reason}"
    return seed, name, verdict.status, control.status, wrong


def main() -> None:
    """Print what went wrong, and a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=2000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--theorems", nargs="*", default=list(mt.catalogue))
    options = parser.parse_args()
    counts: Counter[tuple[str, str]] = Counter()
    wrong = 0
    seeds = range(options.first, options.first + options.models)
    with ProcessPoolExecutor(options.processes) as pool:
        outcomes = pool.map(partial(outcome, options.theorems), seeds, chunksize=4)
        for done, (seed, name, status, control, what) in enumerate(outcomes, 1):
            counts[name, f"{status} / {control}"] += 1
            if done % 100 == 0:
                print(f"{done} models, {wrong} wrong", file=sys.stderr, flush=True)
            if what:
                wrong += 1
                print(f"seed {seed}, {name}: {what}", flush=True)
    for (name, statuses), number in sorted(counts.items()):
        print(f"{name:<28} {statuses:<44} {number:>5}")
    print(f"{wrong} of {options.models} wrong")


if __name__ == "__main__":
    main()

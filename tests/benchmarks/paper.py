"""The time of `moetheory paper`, whole and row by row, and rows that a seed does not bear out.

    python tests/benchmarks/paper.py [--seeds 20]

The whole command is to take less than 60 s on two cores. At other seeds every fact should hold.
"""

import argparse
import subprocess
import sys
import time

from moetheory.paper import rows
from moetheory.paper.declaration import NOT_SHOWN


def main() -> None:
    """Print the seconds of the command and of each row, and what other seeds contradict."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    options = parser.parse_args()
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "moetheory", "paper", "--json"],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    print(f"moetheory paper: {time.perf_counter() - start:.1f} s (target: 60)")
    for name, row in rows.items():
        start = time.perf_counter()
        outcomes = [row.evaluate(rng=seed).outcome for seed in range(options.seeds)]
        seconds = (time.perf_counter() - start) / options.seeds
        print(
            f"{name:20} {seconds:5.2f} s, {outcomes.count(NOT_SHOWN)} of {options.seeds} not shown"
        )


if __name__ == "__main__":
    main()

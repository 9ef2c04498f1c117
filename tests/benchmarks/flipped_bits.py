"""Checkpoints with one flipped bit: each must be refused, or give the bits that it gave before.

    python tests/benchmarks/flipped_bits.py [--flips 30000]

Real runs leave checkpoints of several sizes: means alone, all values of a simulated risk (as for a
median), several estimators, many chunks. In a copy of one of them a random bit is flipped, every
fourth time one of the first or the last 1000 bytes, where headers and the directory are. Then the
same run is to go on from it. Whatever is read must have all bits of what was written.
"""

import argparse
import pickle
import tempfile
import warnings
from collections import Counter
from pathlib import Path

import numpy as np

import moetheory as mt
from moetheory.simulation.runs.checkpoint_file import read

MODEL = mt.BlockModel.isotropic(16, 4, noise_variance=1.0, signal_energy=16.0)
BOTH = [mt.Dense(), mt.MoE()]
RUNS = {
    "two estimators": lambda path: mt.simulate(
        BOTH, MODEL, samples=40, replicates=400, rng=0, checkpoint=path
    ),
    "a median": lambda path: mt.simulate(
        mt.Dense(), MODEL, samples=16, replicates=5000, rng=0, checkpoint=path
    ),
    "inputs": lambda path: mt.simulate(
        [*BOTH, mt.MoE(gate=mt.Hard())], MODEL, replicates=50_000, rng=0, checkpoint=path
    ),
    "many chunks": lambda path: mt.simulate(
        BOTH, MODEL, samples=40, replicates=400_000, rng=0, checkpoint=path
    ),
    "a large one": lambda path: mt.simulate(
        mt.Dense(), MODEL, samples=16, replicates=60_000, rng=0, checkpoint=path
    ),
}


def content(path: Path) -> bytes:
    """All bits of a checkpoint: the identity of the run, and every tally."""
    identity, chunks = read(path)
    return pickle.dumps(
        (
            sorted(identity.items(), key=str),
            [
                (family, index, [np.asarray(each).tobytes() for each in vars(tally).values()])
                for family, tallies in chunks.items()
                for index, tally in tallies.items()
            ],
        )
    )


def flipped(whole: bytes, rng: np.random.Generator) -> bytes:
    """The file with a random bit changed."""
    ends = rng.random() < 0.25
    place = int(rng.integers(-1000, 1000) if ends else rng.integers(len(whole))) % len(whole)
    changed = bytearray(whole)
    changed[place] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--flips", type=int, default=30_000)
    options = parser.parse_args()
    rng, total = np.random.default_rng(0), Counter[str]()
    with tempfile.TemporaryDirectory() as folder:
        for name, run in RUNS.items():
            path, ends = Path(folder) / "run.npz", Counter[str]()
            path.unlink(missing_ok=True)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", mt.HeavyTailWarning)
                run(path)
            whole, expected = path.read_bytes(), content(path)
            for _ in range(options.flips // len(RUNS)):
                path.write_bytes(flipped(whole, rng))
                try:
                    ends["equal" if content(path) == expected else "silently wrong"] += 1
                except ValueError:
                    ends["refused"] += 1
            print(f"{name}, {len(whole)} bytes: {dict(ends)}")
            total += ends
    print(f"all: {dict(total)}")


if __name__ == "__main__":
    main()

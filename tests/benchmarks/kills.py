"""Runs that are killed again and again: each must end with the bits of one that was not.

    python tests/benchmarks/kills.py [--kills 200]

A child saves its checkpoint with every chunk, and is killed by SIGKILL after a random time of up
to 0.3 seconds. The next one goes on, until one comes to the end; then a new run begins.
"""

import argparse
import os
import pickle
import random
import signal
import tempfile
import time
from pathlib import Path

import numpy as np

import moetheory as mt
from moetheory.simulation.runs import checkpoint

MODEL = mt.BlockModel.isotropic(16, 4, noise_variance=1.0, signal_energy=16.0)
BOTH = [mt.Dense(), mt.MoE()]


def bits(path: Path | None, entropy: int) -> bytes:
    """All numbers of a simulation of dense and experts."""
    found = mt.simulate(BOTH, MODEL, samples=40, replicates=60_000, rng=entropy, checkpoint=path)
    numbers = (found.means, found.covariance, found.per_group, found.replicates)
    return pickle.dumps([np.asarray(each).tobytes() for each in numbers])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    options = parser.parse_args()
    checkpoint.PAUSE, checkpoint.SHARE = 0.0, 1e9  # saves with every chunk
    random.seed(0)
    kills, runs, right, left = 0, 0, 0, 0
    with tempfile.TemporaryDirectory() as folder:
        path, result = Path(folder) / "run.npz", Path(folder) / "result"
        while kills < options.kills:
            expected = bits(None, runs)
            while True:
                child = os.fork()
                if child == 0:
                    result.write_bytes(bits(path, runs))
                    os._exit(0)
                time.sleep(random.uniform(0.0, 0.3))
                os.kill(child, signal.SIGKILL)
                if os.waitpid(child, 0)[1] == 0:
                    break
                kills += 1
            runs, right = runs + 1, right + (result.read_bytes() == expected)
            result.unlink()
            path.unlink()
            left += len(list(Path(folder).iterdir()))
    print(f"{kills} kills, {runs} runs, {right} right; {left} other files left behind")


if __name__ == "__main__":
    main()

"""Children forked while other threads simulate: none may hang.

    python tests/benchmarks/forks.py [--children 100] [--threads 3] [--seconds 20]

Threads of this process simulate one after another, with models made anew, so that all that is
computed once is computed often. Meanwhile children are forked, each of which simulates what the
parent simulated before, and says whether it found the same bits. A child that does not end in time
hangs: where, its Python frames tell, which are printed.
"""

import argparse
import faulthandler
import os
import signal
import threading
import time

import numpy as np

import moetheory as mt


def answers(entropy: int) -> bytes:
    """The bits of a few simulations by different routes."""
    model = mt.BlockModel.isotropic(16, 4, noise_variance=1.0, signal_energy=16.0)
    estimators = [mt.Dense(), mt.MoE()]
    return b"".join(
        np.asarray(each).tobytes()
        for each in (
            mt.simulate(estimators, model, replicates=500, rng=entropy).means,
            mt.simulate(mt.MoE(gate=mt.Hard()), model, replicates=500, rng=entropy).mean,
            mt.simulate(estimators, model, samples=40, replicates=200, rng=entropy).means,
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--children", type=int, default=100)
    parser.add_argument("--threads", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=20.0, help="a child may take")
    options = parser.parse_args()
    expected, over = answers(0), threading.Event()

    def simulate_on() -> None:
        while not over.is_set():
            answers(1)

    threads = [threading.Thread(target=simulate_on, daemon=True) for _ in range(options.threads)]
    for each in threads:
        each.start()
    ends = {"right": 0, "wrong": 0, "hung": 0}
    for _ in range(options.children):
        child = os.fork()
        if child == 0:
            faulthandler.dump_traceback_later(options.seconds - 1.0)
            os._exit(0 if answers(0) == expected else 1)
        ends[end_of(child, options.seconds)] += 1
        time.sleep(0.003)  # not always at the same place of the threads
    over.set()
    print(", ".join(f"{number} {how}" for how, number in ends.items()), "of", options.children)


def end_of(child: int, seconds: float) -> str:
    """How a child ended; one that hangs is killed."""
    last = time.monotonic() + seconds
    while time.monotonic() < last:
        process, status = os.waitpid(child, os.WNOHANG)
        if process:
            return "right" if status == 0 else "wrong"
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "hung"


if __name__ == "__main__":
    main()

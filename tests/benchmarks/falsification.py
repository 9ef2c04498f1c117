"""Searches for counterexamples: how soon false claims break, and that true ones do not.

``--seeds 20`` (default 5) for each false claim; ``--models 100000`` for each true one, ``--only``
for some of them by name.
"""

import argparse
import sys
import time
import warnings
from pathlib import Path

import numpy as np

import moetheory as mt

sys.path.insert(0, str(Path(__file__).parents[1]))
from false_claims import dense_gain, moe_gain, strong

STRICT = mt.ModelSpace(strict=True, interference=False)
# quadratures take 10 ms and more: small blocks are the fastest
SMALL = mt.ModelSpace(strict=True, interference=False, experts=(2, 3), block_sizes=(1, 2))


FALSE = {
    "noise shift without p": (mt.claim(moe_gain, dense_gain, assume=strong), None),
    "hard <= dense": ("risk(MoE(gate=Hard())) <= risk(Dense())", STRICT),
    "MoE <= dense at every n": ("risk(MoE(), samples=n) <= risk(Dense(), samples=n)", STRICT),
    "experts contract faster": ("contraction_factor(MoE()) <= contraction_factor(Dense())", STRICT),
    "MoE <= dense with leakage": ("risk(MoE()) <= risk(Dense())", mt.ModelSpace(strict=False)),
}
TRUE = {
    "generalization": ("generalization", None),
    "one-over-k": ("one-over-k", None),
    "noise-filter": ("noise-filter", None),
    "soft <= dense": ("risk(MoE(gate=Soft())) <= risk(Dense())", SMALL),
}


def main():
    """Print a line for each claim."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--models", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--only", nargs="*", default=[*FALSE, *TRUE])
    options = parser.parse_args()
    warnings.simplefilter("error", RuntimeWarning)
    for name in options.only:
        if name in FALSE:
            claim, space = FALSE[name]
            wall, work, found, models = [], [], 0, []
            for seed in range(options.seeds):
                start, before = time.monotonic(), time.process_time()
                result = mt.falsify(claim, space=space, rng=seed)
                wall.append(time.monotonic() - start)
                work.append(time.process_time() - before)
                found += result.found
                models.append(result.models_tried)
            print(
                f"{name}: {found} of {options.seeds} seeds, {max(models)} models at most, "
                f"{np.median(work):.1f} s of the processor (at most {max(work):.1f}), "
                f"{max(wall):.1f} s of the clock at most",
                flush=True,
            )
        else:
            claim, space = TRUE[name]
            start, before = time.monotonic(), time.process_time()
            result = mt.falsify(
                claim, space=space, budget=options.models, rng=0, executor=options.workers
            )
            slack = "-" if result.smallest_slack is None else f"{result.smallest_slack:.3g}"
            print(
                f"{name}: {result.status} in {result.models_applied} models, smallest slack "
                f"{slack}, {time.process_time() - before:.0f} s of this process, "
                f"{time.monotonic() - start:.0f} s of the clock",
                flush=True,
            )


if __name__ == "__main__":
    main()

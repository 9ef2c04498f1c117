"""Fitted experts behind gates: raw data, the identity and the formulas, at power 1 %.

    python tests/benchmarks/fitted_gates.py

A line has the z-score of "data" against "identity" and of both against `risk` where it is known,
and the error that each could have seen: four standard errors, in percent of the risk.
"""

import math
import sys
from pathlib import Path

import numpy as np

import moetheory as mt

sys.path.insert(0, str(Path(__file__).parents[1]))
from general_noise import LEAKING, STRICT

SETS = 100_000
NOISIER = mt.Perturbation(noise_variance=1.5, interference_variances=0.4)
QUIET = STRICT.replace(
    noise_variance=np.minimum(STRICT.noise_variance, 3.0), label_noise_variance=0.5
)
SIX = mt.BlockModel.isotropic(18, 3, noise_variance=1.0, signal_energy=12.0)
UNEQUAL = mt.BlockModel(
    [0.2, 0.5, 0.3],
    np.repeat([0, 1, 2], [2, 4, 3]),
    np.repeat([3.0, 1.0, 2.0], [2, 4, 3]),
    np.cos(np.arange(1.0, 10.0)) + 0.2,
    0.6,
    interference_variances=np.repeat([0.3, 0.0, 0.5], [2, 4, 3]),
    label_noise_variance=0.3,
)
MODELS = {
    "unequal": (UNEQUAL, (12, 20, 15)),
    "several variances": (QUIET, (12, 25, 18)),
    "leaking": (LEAKING, (12, 25, 18)),
    "fewer samples than coordinates": (SIX, (2, 1, 24)),
    "an expert without samples": (SIX, (20, 0, 2)),
}
ESTIMATORS = [
    mt.MoE(mt.Hard()),
    mt.MoE(mt.Soft()),
    mt.MoE(mt.Soft(0.4)),
    mt.MoE(mt.TopK(2)),
    mt.MoE(mt.Learned(60)),
    mt.MoE(mt.Hard(), ridge=0.3),
]


def line(what: str, a: mt.Estimate, b: float, sem: float = 0.0) -> str:
    spread = math.hypot(a.sem, sem)
    return f"{what} z {(a.mean - b) / spread:+.2f}, sees {400.0 * spread / b:.2f} %"


for name, (model, samples) in MODELS.items():
    for under in (None, NOISIER):
        options = {"samples": samples, "under": under}
        data = mt.simulate(ESTIMATORS, model, method="data", replicates=SETS, rng=1, **options)
        fast = mt.simulate(ESTIMATORS, model, replicates=SETS // 2, rng=2, **options)
        print(f"{name}, {'as in training' if under is None else 'other noise'}")
        for estimator, long, short in zip(ESTIMATORS, data, fast, strict=True):
            parts = [line("data against identity", long, short.mean, short.sem)]
            try:
                theory = mt.risk(estimator, model, **options).value
                parts += [line("data", long, theory), line("identity", short, theory)]
            except mt.NoClosedForm:
                pass
            print(f"  {estimator.label}: {'; '.join(parts)}", flush=True)

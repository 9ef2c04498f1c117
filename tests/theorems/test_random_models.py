"""A true theorem is violated by no model, however unpleasant; tests/benchmarks has 2000."""

import runpy
from pathlib import Path

import numpy as np
import pytest

import moetheory as mt

HERE = Path(__file__).parents[1] / "benchmarks" / "random_models.py"
random_model = runpy.run_path(str(HERE))["random_model"]
SLOW = ["gating-order", "sample-complexity"]  # quadrature, and training sets
QUICK = [name for name in mt.catalogue if name not in SLOW]


@pytest.mark.parametrize("seed", range(200))
def test_no_theorem_is_violated(seed):
    model = random_model(np.random.default_rng(seed))
    name = SLOW[seed // 20 % 2] if seed % 20 == 0 else QUICK[seed % len(QUICK)]
    verdict = mt.check(name, model, rng=seed, replicates=50)
    assert verdict.status != "violated", (name, verdict.reason)

"""Cost of an audit of 16 000 x 1 536 features against its matrix products; its calibration.

    python tests/benchmarks/audit.py

One BLAS thread; medians of interleaved ratios. The figures that were measured are in README.md
beside this file. The features are a memory map of float32 in a temporary folder (100 MB).
"""

import tempfile
import tracemalloc
from pathlib import Path

import gates  # first, and sorted so: it holds BLAS to one thread before NumPy loads
import numpy as np

import moetheory as mt
from moetheory.common.blas_threads import controls

SAMPLES, DIM, EXPERTS, LEVELS, REPEATS, HELD_OUT = 16_000, 1536, 8, 11, 4, 0.25
ROWS = 4000  # of a product
PREDICTORS = 9


def write(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Leaking blocks, chunk by chunk; the labels, and the block of each feature."""
    rng = np.random.default_rng(0)
    block_of = np.arange(DIM) * EXPERTS // DIM
    slopes = rng.standard_normal(DIM) * np.sqrt(EXPERTS / DIM)
    file = np.lib.format.open_memmap(path, "w+", np.float32, (SAMPLES, DIM))
    labels = np.empty(SAMPLES)
    for start in range(0, SAMPLES, ROWS):
        rows = slice(start, min(start + ROWS, SAMPLES))
        groups = rng.integers(EXPERTS, size=rows.stop - start)
        scales = np.where(groups[:, np.newaxis] == block_of, 1.0, 0.2)
        drawn = rng.standard_normal(scales.shape) * scales
        file[rows] = drawn
        labels[rows] = drawn @ slopes + 0.3 * rng.standard_normal(len(groups))
    file.flush()
    return labels, block_of


class Products:
    """The products and decompositions of an audit, on numbers that are there already."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self._chunk = rng.standard_normal((ROWS, DIM))
        self._basis = rng.standard_normal((DIM, DIM))
        # one expert for each sample, of each predictor
        self._coefficients = rng.standard_normal((DIM, PREDICTORS))
        self._second = self._chunk.T @ self._chunk / ROWS

    def moments(self) -> None:
        self._run(1.0 - HELD_OUT, lambda: self._chunk.T @ self._chunk)

    def decompose(self) -> None:
        """Those of dense, of dense with the group, and of the experts that see everything."""
        for _ in range(2 + EXPERTS):
            np.linalg.eigh(self._second)

    def leave_out(self) -> None:
        self._run(3 * (1.0 - HELD_OUT), lambda: self._chunk @ self._basis)

    def predict(self) -> None:
        self._run(HELD_OUT * LEVELS * REPEATS, lambda: self._chunk @ self._coefficients)

    def all(self, blocks_too: bool) -> None:
        for product in (self.moments, self.decompose, self.leave_out, self.predict):
            product()
        if blocks_too:
            self.moments()
            np.linalg.eigh(self._second)

    def _run(self, shares: float, product: object) -> None:
        assert callable(product)
        for _ in range(round(shares * SAMPLES / ROWS)):
            product()


def calibrate(audits: int = 100) -> None:
    """How often risks are not measured where they were predicted, on data of a BlockModel."""
    model = mt.BlockModel.power_law(48, 4, 0.0, decay=0.5, signal_energy=48.0)
    model = model.replace(
        group_probabilities=[0.1, 0.2, 0.3, 0.4],
        leakage_variances=0.05 * model.signal_variances,
        label_noise_variance=0.1,
    )
    for name, told in (("given", True), ("found", False)):
        worst = []
        for seed in range(audits):
            sample = model.sample(8000, rng=seed)
            known = (
                {"groups": sample.groups, "block_of": model.block_of} if told else {"experts": 4}
            )
            found = mt.audit(sample.features, sample.labels, rng=seed, **known)
            worst.append(max(float(np.abs(found.z(each)).max()) for each in found.standardised))
        print(
            f"blocks and groups {name}: {np.sum(np.array(worst) > 3.0)} of {audits} audits of 8000 "
            f"samples with any of 99 risks beyond 3 standard errors, the largest {max(worst):.2f}",
            flush=True,
        )


def main() -> None:
    found = controls()
    # the baseline does not see to it itself
    assert found is None or found[0]() == 1, "BLAS must have one thread"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "features.npy"
        labels, block_of = write(path)
        features = np.load(path, mmap_mode="r")
        products = Products()
        for name, blocks, wanted in (
            ("given blocks, groups by energy", block_of, None),
            ("blocks found", None, EXPERTS),
        ):
            gates.compare(
                f"audit of {SAMPLES} x {DIM}, {name}, against its products",
                lambda b=blocks, k=wanted: mt.audit(
                    features, labels, block_of=b, experts=k, repeats=REPEATS, rng=0
                ),
                lambda b=blocks: products.all(b is None),
            )
        alone = min(gates.seconds(products.moments) for _ in range(5))
        print(f"of them second moments alone: {alone:.2g} s", flush=True)
        tracemalloc.start()
        mt.audit(features, labels, experts=EXPERTS, repeats=REPEATS, rng=0)
        peak = tracemalloc.get_traced_memory()[1] / 2**20
        tracemalloc.stop()
        print(f"peak beyond the memory map: {peak:.0f} MiB (features are 94)", flush=True)
    calibrate()


if __name__ == "__main__":
    main()

"""Cost of perturbations, each against the same without one.

    python tests/benchmarks/perturbation.py

One BLAS thread; medians of interleaved ratios. The figures that were measured are in README.md
beside this file.
"""

from gates import compare  # first: it holds BLAS to one thread before NumPy loads

import moetheory as mt

BOTH = (mt.Dense(), mt.MoE())


def equal(dim: int, experts: int) -> mt.BlockModel:
    return mt.BlockModel.isotropic(dim, experts, 1.0, signal_energy=float(dim))


def closed_forms() -> None:
    model = equal(10**6, 64)
    changes = {
        "louder noise": mt.Perturbation(noise_variance=2.0),
        "misrouting with drag": mt.Perturbation(confusion=mt.even_confusion(64, 0.1), drag=1.0),
        "a shift": mt.Perturbation(radius=1.0),
    }
    for estimator in BOTH:
        for name, under in changes.items():
            compare(
                f"{estimator.label}, d = 1e6, K = 64, {name}",
                lambda e=estimator, u=under: mt.risk(e, model, under=u),
                lambda e=estimator: mt.risk(e, model),
            )
        under = changes["misrouting with drag"]
        compare(
            f"{estimator.label} fitted, d = 1e6, K = 64, misrouting with drag",
            lambda e=estimator, u=under: mt.risk(e, model, samples=2 * 10**6, under=u),
            lambda e=estimator: mt.risk(e, model, samples=2 * 10**6),
        )


def simulations() -> None:
    model = equal(256, 16)
    misled = mt.Perturbation(2.0, mt.even_confusion(16, 0.1), drag=1.0)
    for name, under in {
        "noise, misrouting and drag": misled,
        "these and erasure": misled.replace(erasure=0.1),
        "these and a shift": misled.replace(radius=1.0),
    }.items():
        for what, options in {
            "20 000 inputs": {"replicates": 20_000},
            "both fitted, n = 1024, 100 sets": {"samples": 1024, "replicates": 100},
        }.items():
            compare(
                f"simulate, d = 256, K = 16, {what}, {name}",
                lambda o=options, u=under: mt.simulate(BOTH, model, rng=0, under=u, **o),
                lambda o=options: mt.simulate(BOTH, model, rng=0, **o),
            )


if __name__ == "__main__":
    closed_forms()
    simulations()

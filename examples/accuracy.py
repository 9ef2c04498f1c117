"""Accuracy against overlap: a published table of ten accuracies, from two numbers and K.

Two classes are the signs of the label. Overlap adds noise to the features of every block. With a
noise of r + c α² in units of the signal, K equal blocks of either estimator have accuracies in
closed form; r and c are fitted to those of a dense and a sparse network in [SNB].

Run it with ``python examples/accuracy.py [FIGURE]``; it takes a few seconds. Without a path it
draws nothing.
"""

import sys

import numpy as np
from scipy.optimize import least_squares

import moetheory as mt

ESTIMATORS = {"dense": mt.Dense(), "experts": mt.MoE()}
OVERLAPS = np.array([0.0, 0.1, 0.3, 0.5, 1.0])
REPORTED = {
    "dense": np.array([0.6059, 0.6054, 0.5987, 0.5921, 0.5659]),
    "experts": np.array([0.7025, 0.7036, 0.6991, 0.6894, 0.6571]),
}


def world(overlap: float, experts: int, r: float, c: float) -> mt.BlockModel:
    """A model of equal blocks of signal variance 1, with the noise variance r + c α²."""
    return mt.BlockModel.isotropic(experts, experts, noise_variance=r + c * overlap**2)


def accuracies(experts: int, r: float, c: float) -> dict[str, np.ndarray]:
    """The accuracies of both estimators at the overlaps of the table."""
    models = [world(overlap, experts, r, c) for overlap in OVERLAPS]
    return {
        name: np.array([mt.misclassification(each, model).accuracy for model in models])
        for name, each in ESTIMATORS.items()
    }


def fitted(experts: int) -> tuple[float, float, float]:
    """The r and c that are closest to the table, and their root mean square error in points."""

    def points(numbers: np.ndarray) -> np.ndarray:
        found = accuracies(experts, *numbers)
        return 100.0 * np.concatenate([found[name] - REPORTED[name] for name in REPORTED])

    found = least_squares(points, [1.0, 1.0], bounds=(0.0, np.inf))
    r, c = map(float, found.x)
    return r, c, float(np.sqrt(np.mean(found.fun**2)))


def table(experts: int, r: float, c: float) -> None:
    """Print the accuracies that are reported beside those of the closed form."""
    found = accuracies(experts, r, c)
    print(f"\naccuracy in per cent, K = {experts}, noise {r:.2f} + {c:.2f} α² times the signal")
    print(f"{'':8}{'dense':>20}{'experts':>20}")
    print("overlap" + f"{'reported':>11}{'theory':>10}" * 2)
    for i, overlap in enumerate(OVERLAPS):
        cells = (f"{100 * REPORTED[n][i]:10.2f}{100 * found[n][i]:10.2f}" for n in ESTIMATORS)
        print(f"{overlap:7.1f} " + "".join(cells))


def draw(path: str, experts: int, r: float, c: float) -> None:
    """Draw accuracies against overlap: closed form, simulation and table."""
    from matplotlib import pyplot

    swept = mt.sweep(
        lambda overlap: world(overlap, experts, r, c),
        "overlap",
        np.linspace(0.0, 1.0, 11),
        list(ESTIMATORS.values()),
        loss="sign",
        replicates=100_000,
        rng=0,
    )
    fig, ax = pyplot.subplots(figsize=(6.5, 4.5), layout="constrained")
    mt.plot(swept, ax)
    for reported in REPORTED.values():
        ax.plot(
            OVERLAPS, reported, "kx", ms=8.0, mew=1.6, label="reported, Sun et al. 2026", zorder=4
        )
    ax.set_xlabel(rf"overlap $\alpha$ (noise {r:.2f} + {c:.2f} $\alpha^2$ times the signal)")
    handles, labels = ax.get_legend_handles_labels()
    each = dict(zip(labels, handles, strict=True))  # both networks are reported
    ax.legend(each.values(), each.keys(), frameon=False, ncols=2, loc="center")
    fig.savefig(path, dpi=120)
    print(f"figure in {path}")


def main(figure: str = "") -> None:
    """Fit the two numbers for several K, print the table of the best, and draw it if asked to."""
    fits = {experts: fitted(experts) for experts in (3, 4, 5, 6, 8)}
    print("  K  noise at α = 0  slope over α²  root mean square error in points")
    for experts, (r, c, error) in fits.items():
        print(f"{experts:3}{r:16.2f}{c:15.2f}{error:15.2f}")
    best = min(fits, key=lambda experts: fits[experts][2])
    r, c, _ = fits[best]
    table(best, r, c)
    if figure:
        draw(figure, best, r, c)


if __name__ == "__main__":
    main(*sys.argv[1:])

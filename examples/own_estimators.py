"""Does sparsity beat structure? Lasso and Elastic Net against the ladder of experts.

Only every fourth coordinate of each block carries signal. Lasso and Elastic Net look for such
coordinates, but know no groups; experts know the groups, and fit all coordinates of their block.
Each is a function of a few lines, fitted on the same training sets as dense and the experts, with
risks in closed form. An estimator of yours takes their place: with scikit-learn, `lasso` would be
``return Lasso(alpha=0.1, fit_intercept=False).fit(features, labels).coef_``.

Run it with ``python examples/own_estimators.py``; it takes a few seconds.
"""

from functools import partial

import numpy as np

import moetheory as mt

GROUPS, SAMPLES = 8, 200
PENALTIES = (0.01, 0.03, 0.1, 0.3)
LADDER = (2, 4)  # numbers of experts between dense and one for each group
STEPS = 200  # of proximal gradient descent: more change no digit that is printed


def world() -> mt.BlockModel:
    """A model of 8 blocks of 8 coordinates, two of which carry signal in each."""
    equal = mt.BlockModel.isotropic(
        8 * GROUPS, GROUPS, noise_variance=0.3, signal_energy=8.0, label_noise_variance=0.1
    )
    return equal.replace(coefficients=np.tile([1.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0], GROUPS))


def elastic_net(
    features: np.ndarray,
    labels: np.ndarray,
    groups: np.ndarray,
    rng: np.random.Generator,
    *,
    penalty: float,
    share: float = 1.0,
) -> np.ndarray:
    """Coefficients that minimise |Xb - y|²/2n + penalty (share |b|₁ + (1 - share) |b|²/2).

    By accelerated proximal gradient descent (Beck and Teboulle 2009). With a share of 1 it is the
    Lasso, and names and scales are those of scikit-learn.
    """
    gram, target = features.T @ features / len(labels), features.T @ labels / len(labels)
    ridge = penalty * (1.0 - share)
    step = 1.0 / (np.linalg.eigvalsh(gram)[-1] + ridge)
    found, ahead, speed = np.zeros_like(target), np.zeros_like(target), 1.0
    for _ in range(STEPS):
        moved = ahead - step * (gram @ ahead + ridge * ahead - target)
        shrunk = np.sign(moved) * np.maximum(np.abs(moved) - step * penalty * share, 0.0)
        faster = (1.0 + np.sqrt(1.0 + 4.0 * speed**2)) / 2.0
        ahead = shrunk + (speed - 1.0) / faster * (shrunk - found)
        found, speed = shrunk, faster
    return found


def expert_lasso(
    features: np.ndarray,
    labels: np.ndarray,
    groups: np.ndarray,
    rng: np.random.Generator,
    *,
    penalty: float,
) -> np.ndarray:
    """A Lasso for each group, on all coordinates: experts that find their blocks by themselves."""
    own = [groups == g for g in range(GROUPS)]
    return np.array(
        [elastic_net(features[on], labels[on], groups[on], rng, penalty=penalty) for on in own]
    )


def candidates(model: mt.BlockModel) -> list[mt.Dense | mt.MoE | mt.Custom]:
    """Dense, ridge, Lasso and Elastic Net with several penalties, and the ladder of experts."""
    found: list[mt.Dense | mt.MoE | mt.Custom] = [mt.Dense()]
    found.append(mt.Dense(ridge=round(mt.optimal_ridge(mt.Dense(), model, SAMPLES).ridge, 2)))
    for penalty in PENALTIES:
        found.append(mt.Custom(partial(elastic_net, penalty=penalty), name=f"lasso {penalty}"))
    for penalty in PENALTIES:
        half = partial(elastic_net, penalty=penalty, share=0.5)
        found.append(mt.Custom(half, name=f"elastic net {penalty}"))
    found += [mt.best_assignment(model, k, samples=SAMPLES).estimator for k in LADDER]
    found.append(mt.MoE())
    found.append(mt.Custom(partial(expert_lasso, penalty=0.1), name="a lasso for each group"))
    return found


def main() -> None:
    """Print the excess risk of each, and how far it is from the experts on the same data."""
    model = world()
    estimators = candidates(model)
    estimates = mt.simulate(estimators, model, samples=SAMPLES, method="data", replicates=40, rng=0)
    experts = estimators.index(mt.MoE())
    print(f"{'n = ' + str(SAMPLES):30} excess risk   minus that of the experts")
    for i, estimator in enumerate(estimators):
        excess = estimates[i].mean - model.label_noise_variance
        lead = estimates.difference(i, experts)
        print(f"{estimator.label:30} {excess:11.4f}   {lead.mean:+.4f} ± {lead.sem:.4f}")
    best = min(range(len(estimators)), key=lambda i: estimates[i].mean)
    print(f"best: {estimators[best].label}")


if __name__ == "__main__":
    main()

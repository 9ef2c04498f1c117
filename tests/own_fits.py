"""Estimators of one's own that tests share; processes can import them."""

import numpy as np

import moetheory as mt

MODEL = mt.BlockModel(
    [0.2, 0.5, 0.3],
    [0, 0, 1, 1, 1, 2],
    [1.0, 2.0, 3.0, 1.0, 0.5, 2.0],
    [1.0, -1.0, 2.0, 1.0, 1.0, 0.5],
    0.7,
    leakage_variances=0.3,
    interference_variances=0.2,
    label_noise_variance=0.4,
)


def least_squares(features, labels, groups, rng):
    """Dense without ridge."""
    return np.linalg.lstsq(features, labels)[0]


def shaken(features, labels, groups, rng):
    """Least squares with random errors, also in labels and features that are its own copies."""
    labels += rng.standard_normal(len(labels))
    features *= 0.5
    return np.linalg.lstsq(features, labels)[0] + 0.1 * rng.standard_normal(features.shape[1])


def shaken_function(features, labels, groups, rng):
    """The predictions of `shaken`."""
    coefficients = shaken(features, labels, groups, rng)
    return lambda inputs, groups: inputs @ coefficients


def often_unlucky(features, labels, groups, rng):
    """Least squares, and an error for about every seventh training set."""
    if rng.random() > 0.85:
        raise ArithmeticError("unlucky")
    return least_squares(features, labels, groups, rng)


def by_block(model):
    """Least squares of each group on the coordinates of its block, with zeros elsewhere."""

    def fit(features, labels, groups, rng):
        found = np.zeros((model.experts, model.dim))
        for g in range(model.experts):
            own = model.block_of == g
            found[g, own] = np.linalg.lstsq(features[groups == g][:, own], labels[groups == g])[0]
        return found

    return fit


def by_group(features, labels, groups, rng):
    """Ridge regression of each group on all coordinates, towards that of all groups."""
    total = np.linalg.solve(features.T @ features + np.eye(features.shape[1]), features.T @ labels)
    found = []
    for g in range(groups.max() + 1):
        x, rest = features[groups == g], labels[groups == g] - features[groups == g] @ total
        found.append(total + np.linalg.solve(x.T @ x + 3.0 * np.eye(x.shape[1]), x.T @ rest))
    return np.array(found)


def by_group_function(features, labels, groups, rng):
    """The predictions of `by_group`."""
    rows = by_group(features, labels, groups, rng)
    return lambda inputs, groups: np.vecdot(inputs, rows[groups])


class ShrunkMean:
    """A small object in the style of scikit-learn: ridge regression with an intercept."""

    def __init__(self, alpha):
        self.alpha = alpha

    def fit(self, features, labels):
        self.centre, self.level = features.mean(axis=0), labels.mean()
        x = features - self.centre
        gram = x.T @ x + self.alpha * np.eye(x.shape[1])
        self.coefficients = np.linalg.solve(gram, x.T @ (labels - self.level))
        return self

    def predict(self, features):
        return self.level + (features - self.centre) @ self.coefficients

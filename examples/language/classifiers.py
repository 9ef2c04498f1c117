"""Linear probes: one logistic regression for all paragraphs, or one for each group of them.

This file and `probes` need scikit-learn, the extra ``probes`` of the package.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

PENALTIES = np.geomspace(10.0, 1e-3, 13)  # tried from the largest on
TOLERANCE = 1e-3  # of the coefficients, relative to the largest, from one pass to the next
COARSE = 1e-2  # to choose a penalty; finer ones may take thousands of passes if it is small
WORSE = 1.02  # smaller penalties are not tried once the cross-entropy is 2 % above its least
L1_SHARES = {"Lasso": 1.0, "Ridge": 0.0, "Elastic Net": 0.5}
UNSEEN = 0.5  # paragraphs without words that each class counts in addition, in every fit
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Probe:
    """K experts, or one for all paragraphs, that score C classes from d features."""

    coefficients: Array  # (K, C, d), zero where an expert does not see a feature
    intercepts: Array  # (K, C)
    penalty: float

    def classify(self, rows: Array, experts: NDArray[np.int64]) -> NDArray[np.int64]:
        """The class of each row, (n,), by the expert that the row is routed to."""
        count, _, dim = self.coefficients.shape
        scores = rows @ self.coefficients.reshape(-1, dim).T + self.intercepts.ravel()
        chosen = experts if count > 1 else np.zeros_like(experts)
        of_expert = scores.reshape(len(rows), count, -1)[np.arange(len(rows)), chosen]
        return np.asarray(of_expert.argmax(axis=1))


def fit(
    rows: Array,
    labels: NDArray[np.int64],
    experts: NDArray[np.int64],
    sees: NDArray[np.bool_],
    l1_share: float,
    validating: NDArray[np.bool_],
    penalties: Array = PENALTIES,
) -> Probe:
    r"""The probe whose experts minimise their mean cross-entropy plus a penalty.

    The penalty is :math:`\mu (a \|\beta\|_1 + \frac{1-a}{2} \|\beta\|_2^2)` with
    :math:`a` = ``l1_share``. One :math:`\mu` for all experts has the least cross-entropy on the
    ``validating`` rows, after a fit on the others; the probe is then fitted on all rows.

    Parameters
    ----------
    rows, labels, experts : (n, d), (n,) and (n,) arrays
        Features, classes and the expert of each training paragraph.
    sees : (K, d) array
        Which features each expert sees.
    l1_share : float
        a, from 0 (Ridge) to 1 (Lasso).
    validating : (n,) array
        Which rows choose the penalty.
    penalties : (M,) array
        The penalties to choose from, from the largest on.
    """
    classes = int(labels.max()) + 1
    groups = [experts == expert for expert in range(len(sees))]
    tried = [
        path(
            rows[own & ~validating][:, seen],
            labels[own & ~validating],
            classes,
            l1_share,
            penalties,
            COARSE,
        )
        for own, seen in zip(groups, sees, strict=True)
    ]
    new = [rows[own & validating][:, seen] for own, seen in zip(groups, sees, strict=True)]
    truths = [labels[own & validating] for own in groups]
    losses: list[float] = []
    for fits in zip(*tried, strict=True):
        loss = sum(map(cross_entropy, new, truths, fits))
        if losses and loss > WORSE * min(losses):
            break
        losses.append(loss)
    penalty = penalties[np.argmin(losses)]
    coefficients = np.zeros((len(sees), classes, rows.shape[1]))
    intercepts = np.zeros((len(sees), classes))
    for expert, (own, seen) in enumerate(zip(groups, sees, strict=True)):
        (last,) = path(rows[own][:, seen], labels[own], classes, l1_share, np.array([penalty]))
        coefficients[expert][:, seen], intercepts[expert] = last
    return Probe(coefficients, intercepts, float(penalty))


def cross_entropy(rows: Array, labels: NDArray[np.int64], fitted: tuple[Array, Array]) -> float:
    """The sum over rows of -ln(probability of the true class)."""
    beta, intercept = fitted
    logs = log_softmax(rows @ beta.T + intercept, axis=1)
    return -float(logs[np.arange(len(labels)), labels].sum())


def path(
    rows: Array,
    labels: NDArray[np.int64],
    classes: int,
    l1_share: float,
    penalties: Array,
    tolerance: float = TOLERANCE,
) -> Iterator[tuple[Array, Array]]:
    """The coefficients (C, d) and intercepts (C,) for each penalty, each a start for the next.

    A few paragraphs may lack a class: each class counts half a paragraph without words more.
    """
    from sklearn.linear_model import LogisticRegression

    x = np.concatenate([rows, np.zeros((classes, rows.shape[1]))])
    y = np.concatenate([labels, np.arange(classes)])
    weights = np.concatenate([np.ones(len(rows)), np.full(classes, UNSEEN)])
    regression = LogisticRegression(
        l1_ratio=l1_share,
        solver="saga" if l1_share > 0.0 else "lbfgs",
        tol=tolerance if l1_share > 0.0 else 1e-5,
        max_iter=5000,
        warm_start=True,
        random_state=0,
    )
    for penalty in penalties:
        regression.set_params(C=1.0 / (penalty * weights.sum()))
        regression.fit(x, y, sample_weight=weights)
        beta, intercept = regression.coef_, regression.intercept_
        if classes == 2:  # of the second class relative to the first
            beta, intercept = np.vstack([0.0 * beta, beta]), np.array([0.0, intercept[0]])
        yield beta.copy(), intercept.copy()

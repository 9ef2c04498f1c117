"""Predictions of linear predictors on drawn inputs: their errors, and how often signs are wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.kernels.sampling import Inputs

Router = Callable[[FloatArray], FloatArray]
Route = bool | IntArray | Router


def prediction_errors(
    inputs: Inputs,
    block_of: IntArray,
    predictors: FloatArray,
    routes: Sequence[Route],
    shared: Sequence[FloatArray | None] | None = None,
) -> FloatArray:
    r"""Errors :math:`y - f(\bar x)`, shape (E, rows); absolute errors after a worst-case shift.

    Parameters
    ----------
    inputs : Inputs
    block_of : (d,) integer array
    predictors : (E, d) array
        Coefficients of E linear predictors.
    routes : E booleans, (K,) integer arrays or functions
        Whether a predictor looks only at the block that the oracle names. An array is the expert
        that serves each group: the predictor looks at all blocks that the expert of the named
        block serves. A function weighs the parts of the prediction that come from the blocks:
        (rows, d) features → (K, rows).
    shared : E arrays (d,) or None, optional
        Coefficients w of a shared expert. A predictor with coefficients c has w where it does
        not look, :math:`\bar x^\top w + \sum_jv_j\bar x_j^\top(c-w)_j` for weights v.
    """
    found = list(_predictions(inputs, block_of, predictors, routes, shared))
    errors = [inputs.labels - prediction for prediction, _ in found]
    if inputs.radius:
        errors = [
            np.abs(error) + inputs.radius * length
            for error, (_, length) in zip(errors, found, strict=True)
        ]
    return np.stack(errors)


def sign_mistakes(
    inputs: Inputs,
    block_of: IntArray,
    predictors: FloatArray,
    routes: Sequence[Route],
    shared: Sequence[FloatArray | None] | None = None,
) -> FloatArray:
    r"""1 where the sign of a prediction is not that of the label, else 0, (E, rows).

    It is 1/2 for a prediction of zero. A worst-case shift of length δ makes it 1 where
    :math:`\operatorname{sgn}(y)f(\bar x) < \delta\|c\|`. Parameters as for `prediction_errors`.
    """
    signs = np.sign(inputs.labels)
    margins = [
        signs * prediction - inputs.radius * length
        for prediction, length in _predictions(inputs, block_of, predictors, routes, shared)
    ]
    return np.asarray((1.0 - np.sign(np.stack(margins))) / 2.0)


def block_shares(weights: FloatArray, block_of: IntArray) -> FloatArray:
    """The weights of the blocks, (K, rows), for each coordinate, (rows, d)."""
    shares: FloatArray = np.take(np.ascontiguousarray(weights.T), block_of, axis=1)
    return shares


def _predictions(
    inputs: Inputs,
    block_of: IntArray,
    predictors: FloatArray,
    routes: Sequence[Route],
    shared: Sequence[FloatArray | None] | None,
) -> Iterator[tuple[FloatArray, Any]]:
    """Each predictor's predictions (rows,), and the length of its coefficients at a radius."""
    features, entries, radius = inputs.features, inputs.routed, inputs.radius
    shown = features.reshape(-1)[entries.flat] if any(r is True for r in routes) else features[:0]
    for weights, route, rest in zip(
        predictors, routes, shared or [None] * len(routes), strict=True
    ):
        gain: Any = 0.0
        if callable(route):
            shares = block_shares(route(features), block_of)
            prediction = np.vecdot(features * shares, weights if rest is None else weights - rest)
            if rest is not None:
                prediction += np.vecdot(features, rest)
        elif isinstance(route, np.ndarray):
            own = route[block_of] == route[entries.blocks][:, np.newaxis]
            met = np.where(own, weights, 0.0 if rest is None else rest)
            prediction, gain = np.vecdot(features, met), np.vecdot(met, met)
        elif route:
            prediction = entries.sums(shown * weights[entries.columns])
            gain = entries.sums(np.square(weights)[entries.columns]) if radius else 0.0
        else:
            prediction, gain = np.vecdot(features, weights), np.square(weights).sum()
        yield prediction, np.sqrt(gain)

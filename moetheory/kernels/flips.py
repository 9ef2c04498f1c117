"""Squared errors on drawn inputs, averaged over the signs of all coordinates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.kernels.predictions import Route, block_shares
from moetheory.kernels.sampling import Inputs
from moetheory.kernels.workspace import Workspace


def mean_squares_over_flips(
    inputs: Inputs,
    block_of: IntArray,
    predictors: FloatArray,
    routes: Sequence[Route],
    shared: Sequence[FloatArray | None],
    work: Workspace | None = None,
) -> FloatArray:
    r"""The mean of :math:`(y - f(\bar x))^2` over the :math:`2^d` flips of an input, (E, rows).

    A flip changes the signs of the clean and of the noisy feature of some coordinates, and the
    routing does not depend on them. With the parts :math:`e_m = b_mx_m - c_m\bar x_m` of an error,
    c the coefficients that the input meets, the mean is :math:`\sum_me_m^2`.

    Parameters
    ----------
    inputs : Inputs
        With the parts of the labels; without label noise, and without a shift.
    block_of, predictors, routes, shared
        As for `prediction_errors`.
    work : Workspace, optional
        Its array "errors" is overwritten.
    """
    features, parts, seen = inputs.features, inputs.label_parts, inputs.routed
    assert parts is not None
    errors = (work or Workspace()).array("errors", features.shape)
    means = np.empty((len(predictors), len(features)))
    for mean, weights, route, rest in zip(means, predictors, routes, shared, strict=True):
        if route is True and rest is None:
            np.copyto(errors, parts)
            shown = features.reshape(-1)[seen.flat] * weights[seen.columns]
            errors.reshape(-1)[seen.flat] -= shown
        else:
            met = _met(features, seen.blocks, block_of, weights, route, rest)
            np.multiply(features, met, out=errors)
            errors -= parts
        mean[:] = np.vecdot(errors, errors)
    return means


def _met(
    features: FloatArray,
    blocks: IntArray,
    block_of: IntArray,
    weights: FloatArray,
    route: Route,
    rest: FloatArray | None,
) -> FloatArray:
    """The coefficients that inputs of ``blocks`` meet, (rows, d), or (d,) where all meet them."""
    elsewhere = 0.0 if rest is None else rest
    if callable(route):
        met = block_shares(route(features), block_of)
        met *= weights - elsewhere
        met += elsewhere
        return met
    if route is False:
        return weights
    # without an assignment each block has its own expert
    expert_of = route if isinstance(route, np.ndarray) else np.arange(block_of.max() + 1)
    own = expert_of[block_of] == expert_of[blocks][:, np.newaxis]
    return np.where(own, weights, elsewhere)

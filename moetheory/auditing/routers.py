"""Routers: what sends a sample to an expert, by its features as they are, noise included."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from moetheory.auditing.arguments import are_whole
from moetheory.auditing.noise import FeatureNoise
from moetheory.common.array_likes import TEXT_KINDS, plain_array
from moetheory.common.arrays import FloatArray, IntArray
from moetheory.common.errors import ArgumentError, ArgumentTypeError
from moetheory.common.frozen import Frozen
from moetheory.common.validation import shown

RouterKind = Literal["energy", "logistic", "nearest"]
KINDS: tuple[RouterKind, ...] = get_args(RouterKind)
MOST_SAMPLES = 10_000  # that a router is fitted to
WEIGHT_DECAY = 1e-6  # without it the weights diverge where scores separate the groups
MOST_STEPS = 200

Chosen = Callable[[FloatArray], ArrayLike]


class Router(Protocol):
    """What routes features (n, d), in units of their own, at one of the noise levels."""

    def route(self, features: FloatArray, level: int) -> IntArray:
        """The expert of each sample, (n,)."""


@dataclass(frozen=True, eq=False, repr=False)
class EnergyRouter(Frozen):
    r"""A router to the expert with the largest :math:`a_j + c_j u_j`, at each noise level.

    :math:`u_j` is the energy of block j, the sum of the squares of its features, each beside its
    variance with the noise. Under Gaussian isotropic blocks the posterior of the groups has this
    form (docs/theory.md §6).

    Attributes
    ----------
    offsets, slopes : (L, K) arrays
    members : (K, d) array
        1 where a feature is of the expert's block, else 0.
    weights : (L, d) array
    """

    offsets: FloatArray
    slopes: FloatArray
    members: FloatArray
    weights: FloatArray

    def route(self, features: FloatArray, level: int) -> IntArray:
        """The expert of each sample, (n,)."""
        energies = np.square(features) @ (self.members * self.weights[level]).T
        return np.asarray((self.offsets[level] + self.slopes[level] * energies).argmax(axis=1))

    def with_rule(self, means: FloatArray) -> EnergyRouter:
        """The router that at the first level takes the largest energy beside its mean (K,)."""
        offsets, slopes, weights = self.offsets.copy(), self.slopes.copy(), self.weights.copy()
        offsets[0], slopes[0], weights[0] = 0.0, 1.0 / means, 1.0
        return EnergyRouter(offsets, slopes, self.members, weights)


@dataclass(frozen=True, eq=False, repr=False)
class LinearRouter(Frozen):
    """A router to the expert with the largest score, linear in the features, at each noise level.

    Attributes
    ----------
    offsets : (L, K) array
    slopes : (L, K, d) array
    """

    offsets: FloatArray
    slopes: FloatArray

    def route(self, features: FloatArray, level: int) -> IntArray:
        """The expert of each sample, (n,)."""
        scores = features @ self.slopes[level].T
        scores += self.offsets[level]
        return np.asarray(scores.argmax(axis=1))


@dataclass(frozen=True, eq=False)
class CallableRouter:
    """A user's function of the features, noise included.

    Attributes
    ----------
    function : callable
        (n, d) features in units of their own → (n,) names of groups.
    names : list
        Of the groups.
    experts : (len(names),) integer array
        Of the groups.
    """

    function: Chosen
    names: list[Any]
    experts: IntArray

    def route(self, features: FloatArray, level: int) -> IntArray:
        """The expert of each sample, (n,)."""
        codes = group_codes(self.function(features), len(features), self.names)
        return np.asarray(self.experts[codes])


def group_names(found: ArrayLike, samples: int) -> NDArray[Any]:
    """The groups that a user's router gave, (n,): integers or names."""
    given = plain_array("router", found)
    if given.shape != (samples,):
        raise ArgumentError(
            "router", f"must give a group for each of {samples} samples, got shape {given.shape}"
        )
    if given.dtype.kind == "f":
        if np.isnan(given).any():
            raise ArgumentError("router", f"must give groups, got {int(np.isnan(given).sum())} NaN")
        if are_whole(given):
            given = given.astype(np.int64)
    if given.dtype.kind not in "biu" + TEXT_KINDS:
        raise ArgumentTypeError("router", f"must give integers or names, got {given.dtype} values")
    return given


def group_codes(found: ArrayLike, samples: int, names: list[Any]) -> IntArray:
    """The groups that a user's router gave, as indices of ``names``."""
    given = group_names(found, samples)
    known = np.asarray(names)
    order = np.argsort(known)
    place = np.minimum(np.searchsorted(known[order], given), len(known) - 1)
    codes = order[place]
    unknown = np.flatnonzero(known[codes] != given)
    if unknown.size:
        raise ArgumentError(
            "router",
            f"must give groups among {', '.join(map(str, names[:5]))}{', …' * (len(names) > 5)}, "
            f"got {given[unknown[0]]} for sample {unknown[0]}",
        )
    return np.asarray(codes, dtype=np.int64)


def some_samples(rows: IntArray, rng: np.random.Generator) -> IntArray:
    """As many of the ``rows`` as a router is fitted to, at most."""
    return rows if len(rows) <= MOST_SAMPLES else rng.permutation(rows)[:MOST_SAMPLES]


def require_router(router: Any) -> RouterKind | Chosen:
    """The router that is asked for: a name or a function."""
    if callable(router):
        return router  # type: ignore[no-any-return]
    if not isinstance(router, str):
        raise ArgumentTypeError(
            "router", f"must be one of {', '.join(KINDS)} or a function, got {shown(router)}"
        )
    if router not in KINDS:
        raise ArgumentError(
            "router", f"must be one of {', '.join(KINDS)} or a function, got {shown(router)}"
        )
    return router


def fitted_router(
    kind: RouterKind,
    features: FloatArray,
    groups: IntArray,
    blocks: Sequence[IntArray],
    noise: FeatureNoise,
    levels: FloatArray,
    rng: np.random.Generator,
    report: Callable[[int], object] | None = None,
) -> EnergyRouter | LinearRouter:
    """The router of a kind, fitted at each level to some training samples with noise.

    ``features`` (n, d) and ``groups`` (n,) are those of the samples, ``blocks`` the features of
    each expert. ``report`` is called with their number after each level.
    """
    found: list[tuple[FloatArray, ...]] = []
    experts = len(blocks)
    members = np.zeros((experts, features.shape[1]))
    for row, block in zip(members, blocks, strict=True):
        row[block] = 1.0
    draw = noise.draw(rng, len(features))  # of all levels
    for level in levels.tolist():
        noisy = noise.applied(features, draw, level)
        if kind == "energy":
            weights = 1.0 / (1.0 + level * noise.variances)
            energies = np.square(noisy) @ (members * weights).T
            found.append((*_energy_weights(energies, groups), weights))
        elif kind == "nearest":
            found.append(_nearest(noisy, groups, experts, 1.0 / (1.0 + level * noise.variances)))
        else:
            found.append(_logistic(noisy, groups, experts))
        if report is not None:
            report(len(features))
    parts = [np.array(each) for each in zip(*found, strict=True)]
    if kind == "energy":
        return EnergyRouter(parts[0], parts[1], members, parts[2])
    return LinearRouter(parts[0], parts[1])


def _nearest(
    features: FloatArray, groups: IntArray, experts: int, weights: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Scores that are largest at the nearest centre, in units of the noisy deviations."""
    members = np.bincount(groups, minlength=experts)
    one_hot = (groups[:, np.newaxis] == np.arange(experts)).astype(np.float64)
    centres = (one_hot.T @ features) / np.maximum(members, 1)[:, np.newaxis]
    slopes = centres * weights
    offsets = -0.5 * np.vecdot(centres, slopes)
    return np.where(members > 0, offsets, -np.inf), slopes


def _energy_weights(energies: FloatArray, groups: IntArray) -> tuple[FloatArray, FloatArray]:
    """Offsets and slopes of a logistic regression with one slope for each expert's energy."""
    scale = energies.mean(axis=0)
    scale = np.where(scale > 0.0, scale, 1.0)
    scaled, experts = energies / scale, energies.shape[1]

    def scores(weights: FloatArray) -> FloatArray:
        return np.asarray(weights[:experts] + weights[experts:] * scaled)

    def gradient(residuals: FloatArray) -> FloatArray:
        return np.concatenate([residuals.mean(axis=0), (residuals * scaled).mean(axis=0)])

    start = np.repeat([0.0, 1.0], experts)
    weights = _least_cross_entropy(scores, gradient, start, groups, experts)
    return weights[:experts], weights[experts:] / scale


def _logistic(
    features: FloatArray, groups: IntArray, experts: int
) -> tuple[FloatArray, FloatArray]:
    """Offsets and slopes of the multinomial logistic regression on all features."""
    count, dim = features.shape

    def scores(weights: FloatArray) -> FloatArray:
        matrix = weights.reshape(experts, dim + 1)
        return np.asarray(features @ matrix[:, 1:].T + matrix[:, 0])

    def gradient(residuals: FloatArray) -> FloatArray:
        slopes = residuals.T @ features / count
        return np.column_stack([residuals.mean(axis=0), slopes]).ravel()

    start = np.zeros(experts * (dim + 1))
    weights = _least_cross_entropy(scores, gradient, start, groups, experts, decay=1.0 / count)
    matrix = weights.reshape(experts, dim + 1)
    return matrix[:, 0], matrix[:, 1:]


def _least_cross_entropy(
    scores: Callable[[FloatArray], FloatArray],
    gradient: Callable[[FloatArray], FloatArray],
    start: FloatArray,
    groups: IntArray,
    experts: int,
    decay: float = WEIGHT_DECAY,
) -> FloatArray:
    from scipy.optimize import minimize
    from scipy.special import log_softmax

    rows = np.arange(len(groups))
    one_hot = (groups[:, np.newaxis] == np.arange(experts)).astype(np.float64)

    def loss(weights: FloatArray) -> tuple[float, FloatArray]:
        logs = log_softmax(scores(weights), axis=1)
        value = -float(logs[rows, groups].mean()) + 0.5 * decay * float(weights @ weights)
        return value, gradient(np.exp(logs) - one_hot) + decay * weights

    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": MOST_STEPS})
    return np.asarray(found.x)

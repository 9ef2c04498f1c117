"""Predictors of every kind fitted to training samples, and predictions of their risks."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from moetheory.auditing.energies import EnergyGate
from moetheory.auditing.predictors import Predictor
from moetheory.auditing.ridge_path import RidgePath, SampleMoments
from moetheory.auditing.task import Task
from moetheory.common.arrays import FloatArray, IntArray

TUNING = 24  # penalties tried beside the noise variances
WEAKEST, STRONGEST = 1e-4, 10.0  # penalties, of the mean and of the sum of the eigenvalues


@dataclass(frozen=True, eq=False)
class Fitted:
    """Fitted predictors by name, and their predicted losses (n, L) at the training samples.

    ``moments`` are the moments of all samples, ``group_moments`` those of each group on its own
    block.
    """

    predictors: dict[str, Predictor]
    losses: dict[str, FloatArray]
    moments: SampleMoments
    group_moments: list[SampleMoments]


def fit(
    task: Task, rows: IntArray, gate: EnergyGate, repeats: int, rng: np.random.Generator
) -> Fitted:
    r"""Fit every predictor to the training ``rows``, and predict its risk on unseen samples.

    A predictor with coefficients :math:`\beta` has the risk
    :math:`\mathbb E (y - a - x^\top\beta)^2 + \sigma^2 \|\beta\|^2` under noise on its features:
    the first term by leaving each sample out, the second exactly. Where the gate sends a sample
    depends on the noise: behind the gate, noise is drawn ``repeats`` times for each sample.
    """
    features, labels, noise = task.features, task.labels, task.noise_variances
    experts, dim = task.experts, features.dim
    levels, overall = len(noise), float(labels[rows].mean())
    groups = task.groups[rows]
    blocks = [np.flatnonzero(task.block_of == g) for g in range(experts)]
    errors = {name: np.empty((len(rows), levels)) for name in ("moe", "moe(all)")}
    intercepts = {name: np.empty((levels, experts)) for name in errors}
    coefficients = {name: np.zeros((levels, experts, dim)) for name in errors}
    group_moments, moments = [], None

    # one group after the other, so that only its own second moment is held
    for g, block in enumerate(blocks):
        own = np.flatnonzero(groups == g)
        found = _moments(task, rows[own])
        group_moments.append(found.of_block(block))
        paths = {
            "moe": (RidgePath(group_moments[g], task.intercept, noise), block),
            "moe(all)": (RidgePath(found, task.intercept, noise), np.arange(dim)),
        }
        for name, (path, seen) in paths.items():
            intercepts[name][:, g] = path.intercepts
            coefficients[name][:, g, seen] = path.coefficients
        for part, chunk in features.chunks(rows[own]):
            truth = labels[rows[own[part]]]
            for name, (path, seen) in paths.items():
                left_out = path.left_out(chunk[:, seen], truth)
                # alone in its group: without the sample only the mean of all labels is left
                from_overall = (truth - overall)[:, np.newaxis]
                errors[name][own[part]] = np.where(np.isnan(left_out), from_overall, left_out)
        if moments is None:
            moments = found
        else:
            moments += found
    assert moments is not None

    predictors = {name: Predictor(intercepts[name], coefficients[name]) for name in errors}
    losses = {}
    for name, predictor in predictors.items():
        losses[name] = errors[name] ** 2 + noise * predictor.squared_norms()[:, groups].T
    dense = _DenseFits(task, rows, moments)
    routed = _RoutedExperts(
        task, rows, predictors["moe"], gate, errors["moe"], losses["moe"], repeats, rng
    )
    for part, chunk in features.chunks(rows):
        dense.leave_out(part, chunk)
        routed.draw_noise(part, chunk)
    dense_predictors, dense_losses = dense.predictors_and_losses()
    return Fitted(
        {**dense_predictors, **predictors, "moe(hard)": routed.predictor},
        {**dense_losses, **losses, "moe(hard)": routed.losses},
        moments,
        group_moments,
    )


def _moments(task: Task, rows: IntArray) -> SampleMoments:
    chunks = task.features.chunks(rows)
    parts = (SampleMoments.of(chunk, task.labels[rows[part]]) for part, chunk in chunks)
    total = next(parts)
    for each in parts:
        total += each
    return total


class _DenseFits:
    """The dense predictors: with the noise variance as penalty, or with a tuned penalty."""

    def __init__(self, task: Task, rows: IntArray, moments: SampleMoments) -> None:
        self._labels, self._noise = task.labels[rows], task.noise_variances
        mean = float(np.trace(moments.scatter)) / moments.count / len(moments.mean)
        candidates = mean * np.geomspace(WEAKEST, STRONGEST * len(moments.mean), TUNING)
        penalties = np.concatenate([self._noise, candidates])
        self._path = RidgePath(moments, task.intercept, penalties)
        self._errors = np.empty((len(rows), len(penalties)))

    def leave_out(self, part: slice, chunk: FloatArray) -> None:
        self._errors[part] = self._path.left_out(chunk, self._labels[part])

    def predictors_and_losses(self) -> tuple[dict[str, Predictor], dict[str, FloatArray]]:
        """The predictors and their predicted losses, by name."""
        noise, path = self._noise, self._path
        norms = np.square(path.coefficients).sum(axis=1)
        squares = np.square(self._errors)
        risks = squares.mean(axis=0) + np.outer(noise, norms)
        # the index of each predictor's penalty at each noise level
        penalties = {"dense": np.arange(len(noise)), "dense(tuned)": risks.argmin(axis=1)}
        predictors, losses = {}, {}
        for name, which in penalties.items():
            predictors[name] = Predictor(
                path.intercepts[which, np.newaxis], path.coefficients[which, np.newaxis]
            )
            losses[name] = squares[:, which] + noise * norms[which]
        return predictors, losses


class _RoutedExperts:
    r"""The experts behind a gate, and their predicted losses at the training samples.

    The noise on a block matters in two ways. Along the expert's coefficients it changes the
    prediction and the energy. Across them it changes the energy alone: a rotation puts the rest
    of the sample on one axis, and s - 2 axes hold noise alone. The loss of a sample is the loss
    at its own expert, which needs no draws, plus the mean change by misrouting: where the gate
    makes no error, nothing is random.
    """

    def __init__(
        self,
        task: Task,
        rows: IntArray,
        experts: Predictor,
        gate: EnergyGate,
        left_out: FloatArray,
        losses: FloatArray,
        repeats: int,
        rng: np.random.Generator,
    ) -> None:
        self.predictor = dataclasses.replace(experts, gate=gate)
        self.losses = losses.copy()
        self._task, self._rows, self._gate, self._left_out = task, rows, gate, left_out
        self._repeats, self._rng = repeats, rng
        self._norms = np.sqrt(experts.squared_norms())

    def draw_noise(self, part: slice, chunk: FloatArray) -> None:
        """Add the change of the losses by misrouting under drawn noise, for a chunk of samples."""
        task, rows, sizes = self._task, self._rows[part], self._task.sizes
        shape = len(chunk), task.experts
        labels = task.labels[rows, np.newaxis]
        groups = task.groups[rows, np.newaxis]
        energies = task.energies[rows]
        responses = self.predictor.respond(chunk)
        normals = self._rng.standard_normal((self._repeats, 2, *shape))
        normals[:, 1] *= sizes > 1
        rest = self._rng.chisquare(np.maximum(sizes - 2, 1), (self._repeats, *shape))
        rest *= sizes > 2
        for level, noise in enumerate(task.noise_variances):
            sigma, norms = np.sqrt(noise), self._norms[level]
            along = responses[:, level]
            outputs = along + self.predictor.intercepts[level]
            left_out = labels - self._left_out[part, level, np.newaxis]
            np.put_along_axis(outputs, groups, left_out, axis=1)
            # a constant expert has no direction: the axis of the sample is as good as any
            is_constant = norms == 0.0
            along = np.where(
                is_constant, np.sqrt(energies), along / np.where(is_constant, 1.0, norms)
            )
            across = np.sqrt(np.maximum(energies - along**2, 0.0))
            for (noise_along, noise_across), rest_energy in zip(normals, rest, strict=True):
                noisy = (along + sigma * noise_along) ** 2 + (across + sigma * noise_across) ** 2
                chosen = self._gate.route(noisy + noise * rest_energy, level)[:, np.newaxis]
                errors = outputs + sigma * norms * noise_along - labels
                routed, at_own = (
                    np.take_along_axis(errors, expert, axis=1)[:, 0] for expert in (chosen, groups)
                )
                self.losses[part, level] += (routed**2 - at_own**2) / self._repeats

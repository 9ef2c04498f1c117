"""From training samples alone: predictors of every kind, and their risks foreseen."""

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
WEAKEST, STRONGEST = 1e-4, 10.0  # of them: of the mean and of the sum of the eigenvalues


@dataclass(frozen=True, eq=False)
class Fitted:
    """Predictors by name; squared errors foreseen (n, L) of each on the training samples.

    ``moments`` are those of all samples together, ``of_groups`` those of each group, of its own
    block alone.
    """

    predictors: dict[str, Predictor]
    losses: dict[str, FloatArray]
    moments: SampleMoments
    of_groups: list[SampleMoments]


def fit(
    task: Task, rows: IntArray, gate: EnergyGate, repeats: int, rng: np.random.Generator
) -> Fitted:
    r"""Every predictor from training ``rows``, and what its risk will be on unseen samples.

    A predictor with coefficients :math:`\beta` has the risk
    :math:`\mathbb E (y - a - x^\top\beta)^2 + \sigma^2 \|\beta\|^2` under noise on its features:
    the first term by leaving each sample out, the second exactly. What the gate sends where
    depends on the noise: there noise is drawn, ``repeats`` times for each sample.
    """
    features, labels, noise = task.features, task.labels, task.noise_variances
    experts, dim = task.experts, features.dim
    levels, overall = len(noise), float(labels[rows].mean())
    groups = task.groups[rows]
    blocks = [np.flatnonzero(task.block_of == g) for g in range(experts)]
    errors = {name: np.empty((len(rows), levels)) for name in ("moe", "moe(all)")}
    intercepts = {name: np.empty((levels, experts)) for name in errors}
    coefficients = {name: np.zeros((levels, experts, dim)) for name in errors}
    of_groups, moments = [], None

    # one group after the other, so that only its own second moment is held
    for g, block in enumerate(blocks):
        own = np.flatnonzero(groups == g)
        found = _moments(task, rows[own])
        of_groups.append(found.of_block(block))
        paths = {
            "moe": (RidgePath(of_groups[g], task.intercept, noise), block),
            "moe(all)": (RidgePath(found, task.intercept, noise), np.arange(dim)),
        }
        for name, (path, seen) in paths.items():
            intercepts[name][:, g] = path.intercepts
            coefficients[name][:, g, seen] = path.coefficients
        for part, chunk in features.chunks(rows[own]):
            truth = labels[rows[own[part]]]
            for name, (path, seen) in paths.items():
                left_out = path.left_out(chunk[:, seen], truth)
                # nobody else of its group: all that is known is the mean of all
                alone = (truth - overall)[:, np.newaxis]
                errors[name][own[part]] = np.where(np.isnan(left_out), alone, left_out)
        if moments is None:
            moments = found
        else:
            moments += found
    assert moments is not None

    predictors = {name: Predictor(intercepts[name], coefficients[name]) for name in errors}
    losses = {}
    for name, predictor in predictors.items():
        losses[name] = errors[name] ** 2 + noise * predictor.squared_norms()[:, groups].T
    dense = _Dense(task, rows, moments)
    routed = _Routed(
        task, rows, predictors["moe"], gate, errors["moe"], losses["moe"], repeats, rng
    )
    for part, chunk in features.chunks(rows):
        dense.leave_out(part, chunk)
        routed.expose(part, chunk)
    of_dense, losses_of_dense = dense.finished()
    return Fitted(
        {**of_dense, **predictors, "moe(hard)": routed.predictor},
        {**losses_of_dense, **losses, "moe(hard)": routed.losses},
        moments,
        of_groups,
    )


def _moments(task: Task, rows: IntArray) -> SampleMoments:
    chunks = task.features.chunks(rows)
    parts = (SampleMoments.of(chunk, task.labels[rows[part]]) for part, chunk in chunks)
    total = next(parts)
    for each in parts:
        total += each
    return total


class _Dense:
    """One predictor for all: penalised by the noise, and by what leaving samples out says."""

    def __init__(self, task: Task, rows: IntArray, moments: SampleMoments) -> None:
        self._labels, self._noise = task.labels[rows], task.noise_variances
        mean = float(np.trace(moments.scatter)) / moments.count / len(moments.mean)
        tried = mean * np.geomspace(WEAKEST, STRONGEST * len(moments.mean), TUNING)
        penalties = np.concatenate([self._noise, tried])
        self._path = RidgePath(moments, task.intercept, penalties)
        self._errors = np.empty((len(rows), len(penalties)))

    def leave_out(self, part: slice, chunk: FloatArray) -> None:
        self._errors[part] = self._path.left_out(chunk, self._labels[part])

    def finished(self) -> tuple[dict[str, Predictor], dict[str, FloatArray]]:
        """Predictors, and squared errors foreseen, by name."""
        noise, path = self._noise, self._path
        norms = np.square(path.coefficients).sum(axis=1)
        squares = np.square(self._errors)
        risks = squares.mean(axis=0) + np.outer(noise, norms)
        # which of the penalties each has at each noise level
        penalties = {"dense": np.arange(len(noise)), "dense(tuned)": risks.argmin(axis=1)}
        predictors, losses = {}, {}
        for name, which in penalties.items():
            predictors[name] = Predictor(
                path.intercepts[which, np.newaxis], path.coefficients[which, np.newaxis]
            )
            losses[name] = squares[:, which] + noise * norms[which]
        return predictors, losses


class _Routed:
    r"""Experts behind a gate that sees the noisy energies of clean training samples.

    Of the noise on a block only this matters: what it adds along the expert's coefficients, to
    the energy and to the prediction, and what it adds to the energy across, where the block can
    be turned so that one axis holds all of the sample that is left and s - 2 hold noise alone.
    What a sample loses by not going to its own expert is added to what it loses there, which is
    known without drawing: where the gate does not err nothing is left to chance.
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

    def expose(self, part: slice, chunk: FloatArray) -> None:
        """Draw noise on the samples of a chunk, the same at all levels but for its size."""
        task, rows, sizes = self._task, self._rows[part], self._task.sizes
        shape = len(chunk), task.experts
        truth = task.labels[rows, np.newaxis]
        own = task.groups[rows, np.newaxis]
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
            left_out = truth - self._left_out[part, level, np.newaxis]
            np.put_along_axis(outputs, own, left_out, axis=1)
            # an expert that always says the same: any axis will do, so that of the sample
            still = norms == 0.0
            along = np.where(still, np.sqrt(energies), along / np.where(still, 1.0, norms))
            across = np.sqrt(np.maximum(energies - along**2, 0.0))
            for (first, second), others in zip(normals, rest, strict=True):
                seen = (along + sigma * first) ** 2 + (across + sigma * second) ** 2
                sent = self._gate.route(seen + noise * others, level)[:, np.newaxis]
                errors = outputs + sigma * norms * first - truth
                there, home = (
                    np.take_along_axis(errors, expert, axis=1)[:, 0] for expert in (sent, own)
                )
                self.losses[part, level] += (there**2 - home**2) / self._repeats

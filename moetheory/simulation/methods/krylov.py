"""method="krylov": fits of dense from the vectors of LSQR, without rows or matrices."""

from __future__ import annotations

import math

import numpy as np

from moetheory import kernels
from moetheory.common.arrays import FloatArray, IntArray
from moetheory.common.cached import cached
from moetheory.formulas.population import dense_contributions, expert_coefficients
from moetheory.kernels import Workspace
from moetheory.predictors.perturbed_risks import UNCHANGED
from moetheory.problem.model import BlockModel
from moetheory.simulation.methods.base import TrainingRoute, identical_streams, ridges
from moetheory.simulation.methods.fit_risks import dense_fit_risks
from moetheory.simulation.methods.krylov_costs import (
    expected_spread,
    expected_steps,
    krylov_cost,
    rows_cost,
)
from moetheory.simulation.methods.krylov_layouts import (
    KrylovLayout,
    RotatedLayout,
    TriangularLayout,
)
from moetheory.simulation.methods.rotated_blocks import rotatable

# part of the reproducibility contract: numbers in the vectors of a batch, batches in a chunk, and
# the relative error of a risk
KRYLOV_BATCH = 1 << 20
KRYLOV_BATCHES = 8
TOLERANCE = 1e-10
MOST_DIGITS = 13.0  # of the coefficients: what is beyond may be lost in rounding


class KrylovRoute(TrainingRoute):
    """A replicate fits dense by LSQR on features that are drawn as it looks at them."""

    method = "krylov"
    large = 3  # the vectors, and once more twice of them where there were more steps than expected

    def obstacle(self) -> str | None:
        """Why the features cannot be drawn that way; None where they can."""
        model = self.models[0]
        if not model.strict:
            return "leakage"
        if any(each.interferes for each in self.models):
            return "interference"
        if not all(np.all(each.noise_variance) for each in self.models):
            return "coordinates without noise"
        if any(np.ndim(each.noise_variance) for each in self.models):
            # the vectors have other lengths where the noise is scaled to one variance
            if np.any(ridges(self.estimators) > 0.0):
                return "ridge > 0 and a noise variance for each coordinate"
            if self.total < model.dim:
                return "fewer samples than coordinates and a noise variance for each"
        if int(np.minimum(self.most_samples, model.sizes).sum()) > self.total:
            return "drawn counts and fewer samples than coordinates"
        return None

    @property
    def cheaper(self) -> bool:
        """Whether the vectors are expected to cost less than rows, and to have enough digits."""
        model, layout = self.models[0], self.layouts[0]
        if max(self._digits) > MOST_DIGITS:
            return False
        vectors = krylov_cost(
            self.steps, layout.rows, layout.columns, layout.numbers, layout.blocks, self.batch
        )
        rows = min(self.total, 2 * model.dim)
        columns = model.dim if self.total >= model.dim else min(2 * self.total, model.dim)
        return len(self.models) * vectors < rows_cost(rows, columns, self.fits)

    @cached
    def layouts(self) -> list[KrylovLayout]:
        """The coordinates in which each model is fitted."""
        if all(rotatable(each, self.under, self.loss) for each in self.models):
            return [RotatedLayout(each, self.most_samples, self.fits) for each in self.models]
        return [TriangularLayout(each, self.most_samples) for each in self.models]

    @cached
    def steps(self) -> int:
        """The steps that a fit is expected to take."""
        penalty = float(ridges(self.estimators).min()) * self.total
        found = []
        for model, digits in zip(self.models, self._digits, strict=True):
            spread = expected_spread(model, self.samples)
            scaled = penalty / float(np.min(model.noise_variance))
            found.append(expected_steps(spread, scaled, digits, min(self.total, model.dim)))
        return max(found)

    @cached
    def _digits(self) -> list[float]:
        """The digits to which the coefficients of each model are needed."""
        found = []
        for model, goal in zip(self.models, self._goals, strict=True):
            energies = np.square(self._taught(model)) * model.noise_variance
            length = math.sqrt(float(energies.sum()))
            found.append(math.log10(length / goal) if length > goal else 0.0)
        return found

    @cached
    def _goals(self) -> list[float]:
        r"""How much may be missing of the coefficients of each model, in units of its noise.

        A risk is :math:`R = R_* + \|x-x_*\|_M^2`, :math:`R_*` that of the best coefficients. If
        :math:`\|e\|_M \le \frac12\epsilon\sqrt{R_*}`, then without e it changes by at most
        :math:`2\|x-x_*\|_M\|e\|_M + \|e\|_M^2 \le \epsilon R`. M is diagonal. Where
        :math:`R_* = 0`, as only groups that are never met have labels, a hundredth of the risk of
        what the samples teach is taken instead.
        """
        under = self.under or UNCHANGED
        goals = []
        for model in self.models:
            noise = under.noise_of(model.noise_variance)
            idle = under.interference_of(0.0)
            p = model.group_probabilities[model.block_of]
            active, inactive = dense_contributions(
                p, model.signal_variances, 0.0, model.coefficients, noise, idle, 0.0
            )
            best = float(p @ active + (1.0 - p) @ inactive) + model.label_noise_variance
            moments = p * model.signal_variances + noise + (1.0 - p) * idle
            if best == 0.0:
                best = 0.01 * float(moments @ np.square(self._taught(model)))
            largest = float(np.max(moments / model.noise_variance))
            # without any risk all labels are zero, and so are the coefficients
            goals.append(0.5 * TOLERANCE * math.sqrt(best / largest) if best > 0.0 else 1.0)
        return goals

    def _taught(self, model: BlockModel) -> FloatArray:
        """The coefficients that infinitely many samples in these proportions would teach, (d,)."""
        signal = (self.samples / self.total)[model.block_of] * model.signal_variances
        return expert_coefficients(signal, model.coefficients, model.noise_variance)

    @property
    def _capacity(self) -> int:
        """Vectors for which there is room at first; the expected steps are rarely exceeded."""
        return min(self.steps + 4, self.total, self.models[0].dim)

    @property
    def numbers(self) -> int:
        """Numbers in the vectors of one replicate, and in its clean features."""
        layout, capacity = self.layouts[0], self._capacity
        return capacity * (layout.rows + layout.columns + 2 * capacity) + layout.numbers

    @property
    def batch(self) -> int:
        """Replicates that are computed together; their vectors should stay in the cache."""
        return max(1, KRYLOV_BATCH // self.numbers)

    @property
    def chunk_size(self) -> int:
        """Replicates in a chunk: a function of what the expected steps depend on."""
        return KRYLOV_BATCHES * self.batch

    @property
    def cost(self) -> int:
        """Work of a replicate, about the random numbers it draws."""
        layout = self.layouts[0]
        return self.steps * (layout.rows + layout.columns) + layout.numbers

    def group_risks(self, rng: np.random.Generator, replicates: int, work: Workspace) -> FloatArray:
        """Risks given the group; models draw the same numbers, ridges share all vectors."""
        counts = self.draw_counts(rng, replicates)
        several = len(self.models) > 1
        # models need different numbers of steps: a stream that is left there serves nothing else
        streams = identical_streams(rng.spawn(1)[0], len(self.models)) if several else [rng]
        risks = [
            self._model_risks(number, stream, counts, work) for number, stream in enumerate(streams)
        ]
        return np.concatenate(risks)

    def _model_risks(
        self, number: int, rng: np.random.Generator, counts: IntArray, work: Workspace
    ) -> FloatArray:
        """Risks given the group of all ridges, (P, R, K), for one model."""
        model, layout = self.models[number], self.layouts[number]
        clean, labels = layout.draw(rng, counts)
        others = self.total - clean.rows
        beyond = None
        if model.label_noise_variance > 0.0:
            deviation = math.sqrt(model.label_noise_variance)
            labels = labels + deviation * rng.standard_normal(labels.shape)
            if others:
                beyond = deviation * kernels.chi(rng, others, len(labels))
        found = kernels.krylov_fits(
            rng,
            clean,
            labels,
            beyond,
            others,
            layout.columns,
            model.dim - layout.columns,
            self.total * ridges(self.estimators) / np.min(model.noise_variance),
            self._goals[number],
            self._capacity,
            work,
            together=len(self.models) > 1,
        )
        predictors = layout.predictors(rng, found)
        return dense_fit_risks(layout.model, predictors, self.under, self.loss)

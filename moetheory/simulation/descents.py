"""`simulate_descent`: risks along gradient descent on training sets."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import Required, Self, Unpack, overload

from numpy.typing import ArrayLike

from moetheory.common.arrays import IntArray
from moetheory.common.errors import Call
from moetheory.common.seeding import RNG
from moetheory.problem.descent_schedule import (
    Schedule,
    StepSize,
    TrainingMode,
    checked_schedule,
    step_costs,
)
from moetheory.problem.estimators import Estimator, checked_oracle
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation
from moetheory.problem.sample_counts import Counts
from moetheory.problem.settings import setting_of
from moetheory.results.descents import DescentEstimate
from moetheory.simulation.arguments import (
    ProblemKeywords,
    checked_descent_samples,
    checked_estimators,
    checked_under,
)
from moetheory.simulation.methods.route import Method
from moetheory.simulation.plans import descent_families
from moetheory.simulation.rare_events import warn_of_rare_groups
from moetheory.simulation.runs.assembly import by_model
from moetheory.simulation.runs.campaign import Campaign, run_campaign
from moetheory.simulation.runs.fingerprint import run_identity
from moetheory.simulation.runs.options import MEMORY, ExecutionKeywords, ExecutionOptions, Progress


class DescentKeywords(ProblemKeywords, total=False):
    """The keyword arguments of `simulate_descent`."""

    samples: Required[ArrayLike]
    step_size: StepSize
    training: TrainingMode


@dataclass(frozen=True, eq=False)
class DescentQuestion:
    """What one call of `simulate_descent` asks, checked, with its campaign."""

    estimators: tuple[Estimator, ...]
    samples: IntArray
    schedule: Schedule
    campaign: Campaign

    @classmethod
    def of(
        cls,
        estimator: Estimator | Sequence[Estimator],
        model: BlockModel,
        steps: ArrayLike,
        *,
        samples: ArrayLike,
        step_size: StepSize = "optimal",
        training: TrainingMode = "own",
        under: Perturbation | None = None,
        counts: Counts = "fixed",
        method: Method | None = None,
        **execution: Unpack[ExecutionKeywords],
    ) -> Self:
        """The question of these arguments of `simulate_descent`, which are checked."""
        check = partial(checked_oracle, model=model, what="gradient descent on training sets")
        estimators = tuple(checked_estimators(estimator, check))
        schedule = checked_schedule(steps, step_size, training, estimators, model)
        options = ExecutionOptions(**execution)
        under = checked_under(
            under,
            estimators,
            model,
            samples,
            Call("simulate_descent under one of them at a time"),
        )
        sizes = checked_descent_samples(samples, counts, method, model)
        plan = descent_families(estimators, model, sizes, counts, method, under, schedule)
        fits = len(estimators) * len(schedule.steps)
        campaign = Campaign.of(
            plan,
            options,
            # the covariance of all fits, and the products of one family while tallies are merged
            fits**2 + 4 * max(len(family.members) for family in plan) ** 2,
            lambda seed: run_identity(
                estimators, [model], sizes, counts, plan, seed, under, schedule
            ),
            [False] * fits,
        )
        return cls(estimators, sizes, schedule, campaign)


@overload
def simulate_descent(
    estimator: Estimator,
    model: BlockModel,
    steps: ArrayLike,
    **options: Unpack[DescentKeywords],
) -> DescentEstimate: ...
@overload
def simulate_descent(
    estimator: Sequence[Estimator],
    model: BlockModel,
    steps: ArrayLike,
    **options: Unpack[DescentKeywords],
) -> list[DescentEstimate]: ...
def simulate_descent(
    estimator: Estimator | Sequence[Estimator],
    model: BlockModel,
    steps: ArrayLike,
    *,
    samples: ArrayLike,
    step_size: StepSize = "optimal",
    training: TrainingMode = "own",
    under: Perturbation | None = None,
    counts: Counts = "fixed",
    method: Method | None = None,
    replicates: int | None = None,
    target_sem: float | None = None,
    rng: RNG = None,
    executor: Executor | int | None = None,
    memory: int = MEMORY,
    progress: Progress | bool | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    part: tuple[int, int] | None = None,
) -> DescentEstimate | list[DescentEstimate]:
    r"""Monte Carlo estimate of the risks along gradient descent on training sets.

    A replicate is one training set, on which dense descends from zero with a constant step a,

    .. math:: \beta \leftarrow \beta - a\Big(\tfrac1n\bar X^\top(\bar X\beta - y)
              + \mu\beta\Big),

    expert g on the :math:`n_g` samples of its group and the coordinates of its block. No step is
    carried out: with eigenvalues :math:`l_i` and eigenvectors :math:`v_i` of
    :math:`\bar X^\top\bar X/n`, found once in each training set, all numbers of steps have

    .. math:: \beta_t = \sum_i v_i\, \frac{1-(1-a(l_i+\mu))^t}{l_i+\mu}\,
              v_i^\top \bar X^\top y/n ,

    where directions with :math:`l_i = 0` are never learned. As t grows it becomes what
    `simulate` fits. Each risk is the true one of these coefficients.

    Parameters
    ----------
    estimator : Dense, MoE or a sequence of them
        With `Oracle` routing.
    model : BlockModel
    steps : int or (T,) integer array
        Numbers of steps, of any size up to 2⁵³ and in any order; 0 is the null predictor.
    samples : int or (K,) integer array
        As for `simulate`.
    step_size : "optimal", float or (K,) array
        "optimal": in each training set the step that is best there,
        :math:`2/(l_{\max}+l_{\min}+2\mu)`, of the eigenvalues that are not zero; each expert has
        its own with ``training="own"``. A number is the step of all; K numbers are one for each
        expert, for ``training="own"`` and without `Dense`.
    training : {"own", "joint"}
        "own": each expert on the mean loss of its samples. "joint": all experts on one, the mean
        over all n samples, which is a step :math:`an_g/n` of expert g on its own.
    under, counts, rng, executor, memory, progress, checkpoint, part
        As for `simulate`; checkpoints of parts are put together by `merge_checkpoints`.
    method : {"statistics", "data"}, optional
        "statistics", which None means: rows that have the normal equations of the training set
        in law; dense and experts have draws of their own. "data": every sample, and the same for
        all estimators.
    replicates : int, optional
        Training sets, at least 2; 1000 unless told.
    target_sem : float, optional
        As for `simulate`, for all steps together.

    Returns
    -------
    DescentEstimate
        For one estimator.
    list of DescentEstimate
        For several.

    Raises
    ------
    ValueError
        An argument is none of the above, or as `simulate` refuses it; ``step_size`` is too long:
        on a training set that was drawn it diverges, which is found out while these are drawn.
    NoClosedForm
        A gate that routes by the input; ``under`` with a radius and errors that are not normal.
    OSError
        ``checkpoint`` cannot be written, which is found out before the work.
    ExecutorError
        The executor broke or was shut down.

    Notes
    -----
    After a finite number of steps of given size all moments of a risk are finite. Steps of optimal
    size are long where all of few samples are small: of n samples with d coordinates only moments
    below :math:`nd/2` are sure to be finite, and with four numbers or fewer a standard error is
    worth little. So it is after many steps with about as many samples as coordinates, where risks
    are as heavy-tailed as those of least squares.

    The step that is best in the end is nearly twice what the largest eigenvalue can take: its
    direction is overshot, back and forth, before the others are learned. What stopping early can
    gain is seen with shorter steps.

    Numbers of steps are compared on the same training sets: ``estimates.difference(i, j)`` of
    what is returned is paired. Draws, chunks and seeds are as for `simulate`: the same bits for
    any memory, executor and number of workers.

    Source: docs/theory.md §8 (descent), §5 (how training sets are drawn).

    Examples
    --------
    Fewer samples than coordinates, for dense and for every expert, and noisy labels: the risk
    falls and rises again, far beyond that of the null predictor.

    >>> from moetheory import Dense, MoE
    >>> model = BlockModel.isotropic(32, 4, noise_variance=1.0, signal_energy=32.0,
    ...                              label_noise_variance=0.5)
    >>> steps = [0, 1, 2, 4, 8, 16, 32, 10**9]
    >>> dense, moe = simulate_descent([Dense(), MoE()], model, steps, samples=24,
    ...                               step_size=0.02, replicates=300, rng=0)
    >>> float(dense.mean[0]), dense.best.steps, moe.best.steps
    (1.5, 8, 4)
    >>> bool(dense.mean[-1] > 3.0 > 2.0 * dense.best.risk.mean), bool(moe.mean[-1] > 3.0)
    (True, True)
    """
    question = DescentQuestion.of(
        estimator,
        model,
        steps,
        samples=samples,
        step_size=step_size,
        training=training,
        under=under,
        counts=counts,
        method=method,
        replicates=replicates,
        target_sem=target_sem,
        rng=rng,
        executor=executor,
        memory=memory,
        progress=progress,
        checkpoint=checkpoint,
        part=part,
    )
    together = run_campaign("simulate_descent", question.campaign)
    warn_of_rare_groups(together, [model], question.samples, counts)
    fitted, schedule = question.estimators, question.schedule
    paths = [
        DescentEstimate(
            steps=schedule.steps,
            step_costs=step_costs(each, model, schedule.training, question.samples),
            estimates=estimates,
            setting=setting_of(model, question.samples, under),
        )
        for each, estimates in zip(fitted, by_model(together, len(fitted)), strict=True)
    ]
    return paths if isinstance(estimator, Sequence) else paths[0]

"""Tables of risks over one quantity."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from moetheory.common.seeding import RNG
from moetheory.common.terminal import Report, reporting
from moetheory.problem.custom_estimators import Fit
from moetheory.problem.descent_schedule import StepSize, TrainingMode
from moetheory.problem.estimators import Dense, MoE, Simulated
from moetheory.problem.losses import Loss
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation
from moetheory.results.tables import Sweep
from moetheory.simulation.runs.options import MEMORY
from moetheory.sweeping.arguments import SweepArguments
from moetheory.sweeping.descent_steps import sweep_over_steps
from moetheory.sweeping.tabulation import tabulated


def sweep(
    model: BlockModel | Callable[[Any], BlockModel],
    over: str,
    values: Sequence[Any] | np.ndarray[Any, Any],
    estimators: Sequence[Simulated | Fit] = (Dense(), MoE()),
    *,
    samples: ArrayLike | None = None,
    under: Perturbation | None = None,
    drag: float = 0.0,
    loss: Loss = "squared",
    step_size: StepSize = "optimal",
    training: TrainingMode = "own",
    replicates: int | None = None,
    rng: RNG = None,
    executor: Executor | int | None = None,
    memory: int = MEMORY,
    progress: Report | bool | None = None,
) -> Sweep:
    r"""Tabulate the excess risk of each estimator over a quantity, by theory and simulation.

    With ``loss="sign"`` the table holds the misclassification: how often the sign of a prediction
    is not that of the label.

    Parameters
    ----------
    model : BlockModel or callable
        The model, or a factory ``value -> model``.
    over : str
        "samples", the size of the training sets; "steps" of gradient descent, with risks in closed
        form, or with ``samples`` simulated; "leakage" or "interference", the amplitude
        :math:`\alpha` that makes the leakage variances, or the interference variances,
        :math:`\alpha^2` times the signal variances; "overlap", the amplitude :math:`\alpha` with
        which every coordinate has :math:`\alpha^2` times its signal variance as noise beside that
        of the model; "smallest_probability", at most 1/K, to which the smallest :math:`p_g` is set
        while the others keep their proportions; "signal_to_noise",
        :math:`\sum_mp_{g(m)}\lambda_m / \sum_mp_{g(m)}n_m`, to which all noise variances are scaled
        (:math:`\lambda/\sigma^2` of isotropic blocks); a constructor argument of the model that
        takes one number; or what a `Perturbation` has at test time:
        "test_noise_variance", :math:`\sigma_o^2`; "misrouting", the rate :math:`\epsilon` of
        `even_confusion`; "erasure", :math:`\tau`; "radius", :math:`\delta_{\max}`. With a factory
        only "samples" is more than the name of the column, which may be anything but "steps".
    values : (n,) sequence of numbers
    estimators : sequence of Dense, MoE or functions
        Functions, or `Custom`, are fitted on ``samples`` and simulated; all are then simulated by
        ``method="data"``, and the theory of a function is NaN.
        With ``MoE()`` among them, infinitely many samples and no perturbation, there is a column
        ``bound``, the upper bound on its risk.
    samples : int or (K,) integers, optional
        Fit the estimators on so many samples at each value, as `risk` does; not together with
        ``over="samples"``. Infinitely many if not given.
    under : Perturbation, optional
        What differs at test time, at each value; the values replace its swept quantity.
    drag : float
        :math:`\eta` of inputs that are misrouted, with ``over="misrouting"``; the drag of
        ``under`` if not given.
    loss : {"squared", "sign"}
        "sign" tabulates `misclassification`, not over "steps". It is known by simulation only
        where estimators are fitted on ``samples``.
    step_size, training : optional
        With ``over="steps"``, as for `descent`.
    replicates : int, optional
        Simulate too: with this many training sets for each value, or test samples where there
        are infinitely many training samples. Risks without a formula are then NaN in theory
        (a gate that learns; erasure with a gate that reads the input), but simulated.
    rng : int, SeedSequence, Generator or None
    executor, memory : optional
        What carries out the simulations, and the bytes that it may use, as for `simulate`. The
        chunks of all values are handed out together: no worker waits between two values.
    progress : callable or bool, optional
        Called as ``progress(done, total)`` in replicates. True: a line on stderr.

    Returns
    -------
    Sweep
        Where a risk is infinite its simulation is reported, but estimates nothing; where the
        variance is infinite the sem is ``inf``. Only asymptotic risks have a column of errors:
        the errors of quadrature are far below what simulations could show.

    Raises
    ------
    ValueError
        An argument is none of the above, or at one of the values an estimator is not defined:
        a gate that routes by the input where inputs are misrouted or shifted, `TopK`
        with more experts than there are, an assignment of another number of groups, misrouting
        with one expert; or there ``memory`` is too small. The message says at which.
    NoClosedForm
        From `risk` or `misclassification`, without ``replicates``.
    ExecutorError
        The executor broke or was shut down.

    Examples
    --------
    >>> result = sweep(lambda k: BlockModel.isotropic(8, k, 1.0, signal_energy=8.0),
    ...                "experts", [1, 2, 4, 8])
    >>> result["dense"].tolist(), result["moe"].tolist()
    ([0.5, 0.5, 0.5, 0.5], [0.5, 0.333333, 0.2, 0.111111])

    Two experts with four coordinates each: infinite where they have as many samples.

    >>> model = BlockModel.isotropic(8, 2, 1.0, signal_energy=8.0)
    >>> sweep(model, "samples", [4, 8, 16, 32], [MoE()])["moe"].tolist()
    [1.333333, inf, 0.777778, 0.454545]

    Hard routing loses to dense where the noise hides the groups:

    >>> from moetheory import Hard
    >>> result = sweep(model, "noise_variance", [0.1, 1, 10], [Dense(), MoE(gate=Hard())])
    >>> result["dense"].tolist(), result["moe(hard)"].tolist()
    ([0.0909, 0.5, 0.9091], [0.0485, 0.4253, 0.9602])

    Fitted on 40 samples, in a test that may be louder:

    >>> pair = [Dense(), MoE(gate=Hard())]
    >>> result = sweep(model, "test_noise_variance", [1, 4], pair, samples=40)
    >>> result["dense"].tolist(), result["moe(hard)"].tolist()
    ([0.6326, 1.5715], [0.5175, 1.6746])

    Both lose in proportion to the coordinates that are dropped, experts in proportion to the
    inputs that go to a wrong one:

    >>> result = sweep(model, "erasure", [0, 0.25, 0.5])
    >>> result["dense"].tolist(), result["moe"].tolist()
    ([0.5, 0.625, 0.75], [0.333333, 0.5, 0.666667])
    >>> sweep(model, "misrouting", [0, 0.1, 0.2])["moe"].tolist()
    [0.333333, 0.422222, 0.511111]

    Gradient descent with a common step:

    >>> result = sweep(model, "steps", [0, 1, 2, 4], step_size=0.2)
    >>> result["dense"].tolist(), result["moe"].tolist()
    ([1.0, 0.68, 0.5648, 0.5084], [1.0, 0.44, 0.3504, 0.3338])

    How often the sign is wrong where blocks overlap:

    >>> result = sweep(model, "overlap", [0.0, 0.5, 1.0], loss="sign")
    >>> result["dense"].tolist(), result["moe"].tolist()
    ([0.25, 0.2820, 0.3333], [0.1959, 0.2272, 0.2820])
    """
    with reporting(progress, "sweep") as report:
        asked = SweepArguments.of(
            model,
            over,
            values,
            estimators,
            samples=samples,
            under=under,
            drag=drag,
            loss=loss,
            step_size=step_size,
            training=training,
            replicates=replicates,
            rng=rng,
            executor=executor,
            memory=memory,
            progress=report,
        )
        return sweep_over_steps(asked) if over == "steps" else tabulated(asked)

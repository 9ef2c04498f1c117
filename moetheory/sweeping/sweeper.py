"""Tables of risks over one quantity."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from moetheory.common.errors import (
    ArgumentError,
    ArgumentTypeError,
    HeavyTailWarning,
    Mention,
    NoClosedForm,
)
from moetheory.common.seeding import RNG, child, entropy_of, require_rng
from moetheory.common.terminal import Report, reporting
from moetheory.common.validation import (
    members,
    number,
    regular_array,
    shown,
    text,
    whole,
)
from moetheory.problem.descent_schedule import StepSize, TrainingMode, checked_training
from moetheory.problem.estimators import Dense, Estimator, MoE, checked_estimator
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation
from moetheory.problem.sample_counts import checked_replicates
from moetheory.results.estimates import Estimates
from moetheory.results.risks import Risk
from moetheory.results.tables import Sweep, column_names
from moetheory.simulation import simulate
from moetheory.sweeping.descent_steps import sweep_over_steps
from moetheory.sweeping.points import SweepPoint, named, points_of, require_defined
from moetheory.theory.risks import moe_bound, unchecked_risk


def sweep(
    model: BlockModel | Callable[[Any], BlockModel],
    over: str,
    values: Sequence[Any] | np.ndarray[Any, Any],
    estimators: Sequence[Estimator] = (Dense(), MoE()),
    *,
    samples: ArrayLike | None = None,
    under: Perturbation | None = None,
    drag: float = 0.0,
    step_size: StepSize = "optimal",
    training: TrainingMode = "own",
    replicates: int | None = None,
    rng: RNG = None,
    progress: Report | bool | None = None,
) -> Sweep:
    r"""Tabulate the excess risk of each estimator over a quantity, by theory and simulation.

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
        of the model; a constructor argument of the model that takes one number; or what a
        `Perturbation` has at test time:
        "test_noise_variance", :math:`\sigma_o^2`; "misrouting", the rate :math:`\epsilon` of
        `even_confusion`; "erasure", :math:`\tau`; "radius", :math:`\delta_{\max}`. With a factory
        only "samples" is more than the name of the column, which may be anything but "steps".
    values : (n,) sequence of numbers
    estimators : sequence of Dense or MoE
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
    step_size, training : optional
        With ``over="steps"``, as for `descent`.
    replicates : int, optional
        Simulate too: with this many training sets for each value, or test samples where there
        are infinitely many training samples. Risks without a formula are then NaN in theory
        (gates other than `Hard` and `Soft`, all such gates under a perturbation), but simulated.
    rng : int, SeedSequence, Generator or None
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
        a gate that routes by the input where the model leaks or inputs are misrouted, `TopK`
        with more experts than there are, misrouting with one expert; the message says at which.
    NoClosedForm
        From `risk`, without ``replicates``.

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
    """
    if not (isinstance(model, BlockModel) or callable(model)):
        raise ArgumentTypeError(
            "model", f"must be a BlockModel or a function of a value, got {shown(model)}"
        )
    grid = _grid(text("over", over), values)
    estimators = [
        checked_estimator(estimator, f"estimators[{i}]")
        for i, estimator in enumerate(members("estimators", estimators, of="estimators"))
    ]
    labels = [estimator.label for estimator in estimators]
    if not labels or len(set(labels)) < len(labels):
        raise ArgumentError("estimators", f"must be different and at least one, got {labels}")
    _require_free_name(over, estimators)
    drag = number("drag", drag)
    require_rng(rng)
    if drag and not (over == "misrouting" and isinstance(model, BlockModel)):
        raise ArgumentError(
            "drag",
            "is for ",
            Mention("over", "misrouting"),
            f" of a BlockModel only, got {drag:g} with ",
            Mention("over", over),
            "; elsewhere it is a part of ",
            Mention("under"),
        )
    checked_training(training)
    with reporting(progress, "sweep") as report:
        if over != "steps":
            _require_defaults(over, step_size=(step_size, "optimal"), training=(training, "own"))
            points = points_of(model, over, grid, samples, under, drag)
            return _tabulated(over, grid, points, estimators, replicates, rng, report)
        return sweep_over_steps(
            model,
            grid,
            estimators,
            step_size=step_size,
            training=training,
            samples=samples,
            under=under,
            replicates=replicates,
            rng=rng,
            progress=report,
        )


def _require_defaults(over: str, **settings: tuple[Any, str]) -> None:
    """Refuse settings of gradient descent, each with its default, where nothing descends."""
    for name, (value, default) in settings.items():
        if not (isinstance(value, str) and value == default):
            raise ArgumentError(
                name,
                "is for ",
                Mention("over", "steps"),
                f" only, got {shown(value)} with ",
                Mention("over", over),
            )


def _tabulated(
    over: str,
    grid: np.ndarray[Any, Any],
    points: Sequence[SweepPoint],
    estimators: Sequence[Estimator],
    replicates: int | None,
    rng: RNG,
    report: Report | None,
) -> Sweep:
    """The table of `sweep` at points other than steps of gradient descent."""
    if replicates is not None:
        replicates = checked_replicates(replicates)
    require_defined(estimators, points)

    columns: dict[str, Any] = {over: grid}
    for estimator in estimators:
        names = column_names(estimator)
        risks = [
            _theoretical_risk(estimator, point, simulated=replicates is not None)
            for point in points
        ]
        columns[names.theory] = np.array([np.nan if r is None else r.excess for r in risks])
        if any(each is not None and each.exactness == "asymptotic" for each in risks):
            columns[names.error] = np.array([np.nan if r is None else r.error for r in risks])
    unperturbed = all(each.samples is None and each.under is None for each in points)
    if MoE() in estimators and unperturbed:
        columns["bound"] = np.array([moe_bound(each.model) for each in points])
    if replicates is None:
        return Sweep(over, columns, 0, None, tuple(estimators))

    entropy = entropy_of(rng)
    runs = _simulations(estimators, points, replicates, entropy, report)
    omega = [each.model.label_noise_variance for each in points]
    for i, estimator in enumerate(estimators):
        names = column_names(estimator)
        columns[names.simulated] = np.array([run[i].mean for run in runs]) - omega
        columns[names.sem] = np.array([run[i].sem for run in runs])
    return Sweep(over, columns, int(runs[0].replicates[0]), entropy, tuple(estimators))


def risk_if_known(
    estimator: Estimator,
    model: BlockModel,
    samples: ArrayLike | None,
    under: Perturbation | None,
) -> Risk | None:
    """The theoretical risk of arguments that have been checked; None if there is no formula.

    >>> from moetheory import TopK
    >>> model = BlockModel.isotropic(8, 4, 1.0)
    >>> risk_if_known(MoE(gate=TopK(2)), model, None, None) is None
    True
    """
    try:
        return unchecked_risk(estimator, model, samples, under)
    except NoClosedForm:
        return None


def _require_free_name(over: str, estimators: Sequence[Estimator]) -> None:
    """Refuse a name of the swept quantity that another column may have."""
    if over in {"bound"}.union(*map(column_names, estimators)):
        labels = ", ".join(estimator.label for estimator in estimators)
        raise ArgumentError(
            "over", f"must be a name that is no other column's (bound, {labels}), got {over!r}"
        )


def _grid(over: str, values: Any) -> np.ndarray[Any, Any]:
    """The values as a new array; integers if they are numbers of samples."""
    grid = regular_array("values", values)
    if grid.ndim != 1 or grid.size == 0 or grid.dtype.kind not in "iuf":
        raise ArgumentError(
            "values", f"must be a non-empty sequence of numbers, got {shown(values)}"
        )
    if not np.all(np.isfinite(grid)):
        raise ArgumentError("values", f"must be finite, got {grid[~np.isfinite(grid)][0]}")
    if over != "samples":
        return grid.copy()
    return np.array([whole("values", value, minimum=1) for value in grid.tolist()], dtype=np.int64)


def _theoretical_risk(estimator: Estimator, point: SweepPoint, *, simulated: bool) -> Risk | None:
    """The theoretical risk at a point; None if there is no formula but a simulation."""
    evaluate = risk_if_known if simulated else unchecked_risk
    with named(point.name):
        return evaluate(estimator, point.model, point.samples, point.under)


def _simulations(
    estimators: Sequence[Estimator],
    points: Sequence[SweepPoint],
    replicates: int,
    entropy: int,
    progress: Report | None,
) -> list[Estimates]:
    """The simulations at every point, each with a seed of its own."""

    def run(index: int, point: SweepPoint) -> Estimates:
        def report(done: int, total: int) -> None:
            if progress is not None:
                progress(index * total + done, len(points) * total)

        with named(point.name), warnings.catch_warnings():
            # near a threshold the columns of theory or sem are inf: a warning adds nothing
            warnings.simplefilter("ignore", HeavyTailWarning)
            return simulate(
                estimators,
                point.model,
                samples=point.samples,
                under=point.under,
                replicates=replicates,
                rng=child(entropy, index),
                progress=report,
            )

    return [run(index, point) for index, point in enumerate(points)]

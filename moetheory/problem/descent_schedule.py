"""The schedule of gradient descent: reported steps, step size, training mode, cost of a step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.common.errors import ArgumentError, Mention
from moetheory.common.validation import choice, number, read_only, regular_array, vector, whole
from moetheory.problem.estimators import Dense, Estimator
from moetheory.problem.model import BlockModel

TrainingMode = Literal["own", "joint"]
Cost = Literal["iterations", "samples", "multiplications"]
StepSize = Literal["optimal"] | ArrayLike  # as users give it; below, as it is once checked
CheckedStepSize = Literal["optimal"] | float | FloatArray
COSTS: tuple[Cost, ...] = get_args(Cost)
TRAINING_MODES: tuple[TrainingMode, ...] = get_args(TrainingMode)
MOST_STEPS = 2**53  # beyond, floats skip integers
SMALLEST_STEP = 1e-290  # its inverse is a float, also where a joint loss shortens it


@dataclass(frozen=True, eq=False)
class Schedule:
    """The reported steps, the step size, and the loss that is minimised.

    Attributes
    ----------
    steps : (T,) integer array
    step_size : "optimal", float or (K,) array
        An array holds the step size of each expert.
    training : {"own", "joint"}
    """

    steps: IntArray
    step_size: CheckedStepSize
    training: TrainingMode

    def __repr__(self) -> str:
        # all digits, as checkpoints tell schedules apart by this text
        size = self.step_size
        said = size.tolist() if isinstance(size, np.ndarray) else size
        return f"Schedule({self.steps.tolist()}, step_size={said!r}, training={self.training!r})"


def checked_schedule(
    steps: ArrayLike,
    step_size: StepSize,
    training: TrainingMode,
    estimators: tuple[Estimator, ...],
    model: BlockModel,
) -> Schedule:
    """The schedule of these arguments; ValueError if estimators or model do not allow them."""
    size = checked_step_size(step_size, training, estimators, model)
    return Schedule(checked_steps(steps), size, training)


def checked_training(training: Any) -> TrainingMode:
    """``training`` itself; ValueError for anything but "own" and "joint"."""
    return choice("training", training, TRAINING_MODES)


def checked_steps(steps: ArrayLike, name: str = "steps") -> IntArray:
    """``steps``, one or several numbers of iterations, as a new read-only array (T,).

    >>> checked_steps(10), checked_steps([0, 1e9])
    (array([10]), array([         0, 1000000000]))
    """
    array = regular_array(name, steps)
    # integers beyond 64 bits are objects
    if array.ndim > 1 or array.size == 0 or array.dtype.kind not in "iufO":
        raise ArgumentError(name, f"must be an integer or a sequence of them, got {steps!r}")
    counts = [whole(name, each, maximum=MOST_STEPS) for each in array.ravel().tolist()]
    result = np.array(counts, dtype=np.int64)
    read_only(result)
    return result


def checked_step_size(
    step_size: StepSize,
    training: TrainingMode,
    estimators: tuple[Estimator, ...],
    model: BlockModel,
) -> CheckedStepSize:
    """``step_size`` itself: "optimal", a positive float, or an array (K,) for experts alone."""
    checked_training(training)
    if isinstance(step_size, str):
        if step_size != "optimal":
            raise ArgumentError("step_size", f'must be "optimal" or a number, got {step_size!r}')
        return "optimal"
    if regular_array("step_size", step_size).ndim == 0:
        return _checked_number("step_size", step_size)
    if training == "joint":
        raise ArgumentError(
            "step_size",
            "must be one number with ",
            Mention("training", "joint"),
            f", one loss of all experts, got {step_size!r}",
        )
    sizes = vector("step_size", step_size, length=model.experts)
    for g, each in enumerate(sizes.tolist()):
        _checked_number(f"step_size[{g}]", each)
    if any(isinstance(each, Dense) for each in estimators):
        raise ArgumentError(
            "step_size", f"must be one number for Dense(...), got shape {sizes.shape}"
        )
    return sizes


def _checked_number(name: str, value: Any) -> float:
    """``value`` as a positive float that is not too small to be inverted."""
    return number(name, number(name, value, above=0.0), minimum=SMALLEST_STEP)


def checked_cost(cost: Any) -> Cost:
    """``cost`` itself; ValueError for anything that is not one of `COSTS`."""
    return choice("cost", cost, COSTS)


def step_costs(
    estimator: Estimator, model: BlockModel, training: TrainingMode, samples: Any = None
) -> dict[Cost, float]:
    r"""The costs of one iteration: 1 iteration, the samples seen, the multiplications.

    A predictor multiplies once for each of its coordinates and each sample it sees. With
    ``samples`` :math:`n_g` it sees its training set: dense and all experts together see n samples,
    with :math:`nd` or :math:`\sum_g n_gs_g` multiplications. Without ``samples`` the unit is a
    batch. Dense sees one; each expert that learns on its own samples sees one; experts that learn
    jointly share one, of which expert g sees :math:`p_g`.

    >>> from moetheory import MoE
    >>> model = BlockModel.isotropic(12, 3, noise_variance=1.0)
    >>> [list(step_costs(each, model, mode).values())
    ...  for each, mode in ((Dense(), "own"), (MoE(), "own"), (MoE(), "joint"))]
    [[1.0, 1.0, 12.0], [1.0, 3.0, 12.0], [1.0, 1.0, 4.0]]
    """
    if isinstance(estimator, Dense):
        seen = np.array([1.0 if samples is None else np.sum(samples)])
        sizes = np.array([model.dim])
    else:
        p = model.group_probabilities
        batches = np.greater(p, 0.0) * 1.0 if training == "own" else p
        seen, sizes = np.asarray(batches if samples is None else samples), model.sizes
    return {
        "iterations": 1.0,
        "samples": float(seen.sum()),
        "multiplications": float(seen @ sizes),
    }

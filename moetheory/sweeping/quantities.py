"""The quantities of sweeps and maps: what each value changes in a model, or at test time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from moetheory.common.arrays import FloatArray, block_sums
from moetheory.common.errors import ArgumentError
from moetheory.common.validation import number
from moetheory.formulas.sums import sum_over_others
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation, even_confusion
from moetheory.theory.order_changes import AMPLITUDES

NUMBERS = (  # of a model
    "noise_variance",
    "leakage_variances",
    "interference_variances",
    "label_noise_variance",
)
PERTURBED = ("test_noise_variance", "misrouting", "erasure", "radius")
SCALED = ("smallest_probability", "signal_to_noise")  # what they scale is the model's
# in the order in which several are changed
OF_A_MODEL = ("smallest_probability", *NUMBERS, "signal_to_noise", *AMPLITUDES)
MOST_AMPLITUDE = 1e150  # it will be squared


def changed_fields(
    model: BlockModel, fields: Mapping[str, Any], over: str, value: Any
) -> dict[str, Any]:
    r"""What a value of one of the quantities `OF_A_MODEL` changes of the ``fields`` of a model.

    Parameters
    ----------
    model : BlockModel
        The model before any change.
    fields : mapping of str to arrays
        Its constructor arguments; arrays may have leading axes.
    over : str
    value : float or (N, 1) array
        Several values are changes of several models at once.

    Examples
    --------
    >>> model = BlockModel([0.25, 0.75], [0, 0, 1], [2.0, 4.0, 6.0], [1.0, 1.0, 1.0], 1.0)
    >>> changed_fields(model, model.fields(), "smallest_probability", 0.1)
    {'group_probabilities': array([0.1, 0.9])}
    >>> changed_fields(model, model.fields(), "signal_to_noise", np.array([[1.0], [4.8]]))
    {'noise_variance': array([[4.8],
           [1. ]])}
    """
    if over == "smallest_probability":
        return {"group_probabilities": _with_smallest(fields["group_probabilities"], value)}
    if over == "signal_to_noise":
        scale = signal_to_noise(model, fields["group_probabilities"]) / value
        return {"noise_variance": fields["noise_variance"] * scale}
    if over in AMPLITUDES:
        variances = np.square(value) * fields["signal_variances"]
        if over == "overlap":
            return {"noise_variance": fields["noise_variance"] + variances}
        return {f"{over}_variances": variances}
    return {over: value}


def _with_smallest(probabilities: FloatArray, value: Any) -> FloatArray:
    """The probabilities with ``value`` for the smallest one, the others in proportion."""
    least = int(np.argmin(probabilities))
    rest = sum_over_others(probabilities)[least]  # it keeps the digits that 1 - p may lose
    changed = probabilities * ((1.0 - np.asarray(value)) / rest)
    changed[..., least] = np.asarray(value)[..., 0] if np.ndim(value) else value
    return np.asarray(changed)


def signal_to_noise(model: BlockModel, probabilities: FloatArray) -> Any:
    r"""The signal-to-noise ratio of active coordinates; (N, 1) for probabilities (N, K).

    .. math:: \frac{\sum_m p_{g(m)}\lambda_m}{\sum_m p_{g(m)}n_m},

    for isotropic blocks :math:`\lambda/\sigma^2`.
    """
    noise = np.broadcast_to(model.noise_variance, model.dim)
    signals, noises = (
        probabilities @ block_sums(each, model.block_of) for each in (model.signal_variances, noise)
    )
    ratio = signals / noises
    return ratio[..., np.newaxis] if np.ndim(ratio) else float(ratio)


def with_quantity(model: BlockModel, over: str, value: float) -> BlockModel:
    """The model with a value of one of the quantities `OF_A_MODEL`, which is checked."""
    if over in AMPLITUDES:
        value = number(over, value, minimum=0.0, below=MOST_AMPLITUDE)
    elif over in ("signal_to_noise", "smallest_probability"):
        value = number(over, value, above=0.0)
        _require_meaning(model, over, value)
    return model.replace(**changed_fields(model, model.fields(), over, value))


def _require_meaning(model: BlockModel, over: str, value: float) -> None:
    """Refuse a ratio or a probability that the model cannot have."""
    if over == "smallest_probability":
        if model.experts == 1:
            raise ArgumentError(over, "needs two groups or more, got a model of one group")
        # 1/3 as a float may be a little above or below a third
        if value > (1.0 + 1e-12) / model.experts:
            raise ArgumentError(
                over, f"must be at most 1/K = {1.0 / model.experts:g}, got {value:g}"
            )
    elif not (np.any(model.noise_variance) and model.signal_variances.any()):
        lacking = "feature noise" if model.signal_variances.any() else "signal"
        raise ArgumentError(over, f"needs a model with {lacking}: its noise variances are scaled")


def perturbed_by(
    under: Perturbation, over: str, value: Any, experts: int, drag: float = 0.0
) -> Perturbation:
    """The perturbation ``under`` with ``value`` for one of the quantities `PERTURBED`."""
    if over == "test_noise_variance":
        return under.replace(noise_variance=value)
    if over == "misrouting":
        return under.replace(confusion=even_confusion(experts, value), drag=drag or under.drag)
    return under.replace(**{over: value})

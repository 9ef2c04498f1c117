"""Models, perturbations and mixtures from options."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from moetheory.commands.option_types import law
from moetheory.commands.refusals import BadInputError, dashed, refusals
from moetheory.common.errors import ArgumentError
from moetheory.problem.estimators import MoE
from moetheory.problem.gates import Hard, Oracle
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation, even_confusion

MODEL_OPTIONS: dict[str, Any] = {
    "dim": 256,
    "experts": None,
    "noise_variance": 1.0,
    "signal_energy": None,
    "label_power": 1.0,
    "decay": 0.0,
    "leakage_variances": 0.0,
    "interference_variances": 0.0,
    "label_noise_variance": 0.0,
}


def given_model(options: argparse.Namespace) -> BlockModel | None:
    """The model of the options; None if they name none."""
    given = [name for name in MODEL_OPTIONS if getattr(options, name) is not None]
    if options.model is None:
        return required_model(options) if given else None
    if given:
        clash = ", ".join(map(dashed, given))
        raise BadInputError(f"--model cannot be combined with {clash}")
    try:
        with refusals(options, path="model"):
            try:
                return BlockModel.from_json(options.model)
            except ArgumentError as error:
                if error.place:  # what is refused is in the file, and no option
                    raise BadInputError(error) from None
                raise
    except OSError as error:
        raise BadInputError(f"{options.model!r} cannot be read: {error.strerror}") from None


def required_model(options: argparse.Namespace) -> BlockModel:
    """The model of the options; the iso-parameter model if they name none."""
    if options.model is not None:
        model = given_model(options)
        assert model is not None
    else:
        with refusals(options):
            model = isotropic(options)
    require_counts(options, model.experts)
    return model


def isotropic(options: argparse.Namespace, **changes: Any) -> BlockModel:
    """The iso-parameter model of the options, with ``changes`` instead of theirs."""
    values = {
        name: default if getattr(options, name) is None else getattr(options, name)
        for name, default in MODEL_OPTIONS.items()
    }
    values.update(changes)
    if values["experts"] is None:
        values["experts"] = max(k for k in range(1, 17) if values["dim"] % k == 0)
    if values["signal_energy"] is None:
        values["signal_energy"] = values["dim"]
    return BlockModel.power_law(**values)


def require_counts(options: argparse.Namespace, experts: int) -> None:
    """Refuse numbers of samples of groups that are not as many as the groups."""
    given = getattr(options, "samples", None)
    if isinstance(given, list) and len(given) != experts:
        raise BadInputError(
            f"--samples must be one number, or {experts} separated by commas, one for each group; "
            f"got {len(given)}"
        )


def descent_options(options: argparse.Namespace) -> dict[str, Any]:
    """The options of gradient descent that are given."""
    given = {name: getattr(options, name) for name in ("step_size", "training")}
    return {name: value for name, value in given.items() if value is not None}


def perturbation(
    options: argparse.Namespace, given: Mapping[str, Any], experts: int
) -> Perturbation | None:
    """The perturbation of the options ``given`` by `test_time_options`; None if there are none."""
    if not given:
        return None
    with refusals(
        options,
        noise_variance="test_noise_variance",
        interference_variances="test_interference_variances",
        rate="misrouting",
        experts="the number of experts with --misrouting",
    ):
        result = Perturbation(
            given.get("test_noise_variance"),
            even_confusion(experts, given["misrouting"]) if "misrouting" in given else None,
            given.get("drag", 0.0),
            noise=law(given["noise_law"]) if "noise_law" in given else None,
            erasure=given.get("erasure", 0.0),
            radius=given.get("radius", 0.0),
            interference_variances=given.get("test_interference_variances"),
        )
        if experts == 1 and result.interference_variances:
            raise ArgumentError(
                "interference_variances",
                "must be 0 for one group, whose block is never inactive, "
                f"got {result.interference_variances:g}",
            )
        return result


def more_mixtures(options: argparse.Namespace, ridge: float = 0.0) -> list[MoE]:
    """The mixtures of ``--gate``, ``--retrained``, ``--assignment`` and ``--shared``, each once."""
    mixtures = _with_gates(options, ridge)
    for experts in dict.fromkeys(options.assignment):
        mixture = MoE(ridge=ridge, assignment=experts)
        if mixture.label in [each.label for each in mixtures]:  # which long assignments may share
            raise BadInputError(
                f"--assignment must be given once for each label, got {mixture.label} twice"
            )
        mixtures.append(mixture)
    return mixtures + [MoE(ridge=ridge, shared=True)] * options.shared


def _with_gates(options: argparse.Namespace, ridge: float) -> list[MoE]:
    """The mixtures of ``--gate`` and ``--retrained``, each once, without the oracle's."""
    gates = dict.fromkeys(gate for gate in options.gate if not isinstance(gate, Oracle))
    labels = [gate.label for gate in gates]
    for label in labels:
        if labels.count(label) > 1:  # temperatures that differ in their seventh digit
            raise BadInputError(f"--gate must name different gates, got {label} twice")
    if options.retrained and ridge:
        raise BadInputError("--retrained cannot be combined with --ridge")
    retrained = [MoE(Hard(), retrained=True)] * options.retrained
    return [MoE(gate, ridge) for gate in gates] + retrained

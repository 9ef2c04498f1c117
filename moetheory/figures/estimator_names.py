"""Names of estimators in legends, in words."""

from __future__ import annotations

from collections.abc import Sequence

from moetheory.figures.labels import literal
from moetheory.problem.custom_estimators import Custom
from moetheory.problem.estimators import MoE, Simulated, one_each, routes_by_input
from moetheory.problem.gates import Gate, Learned, Oracle, Soft


def name_in_legend(estimator: Simulated, among: Sequence[Simulated]) -> str:
    """The name of an estimator that is drawn ``among`` others; its label if words are not enough.

    >>> from moetheory import Hard
    >>> drawn = [MoE(assignment=(0, 0, 1)), MoE(shared=True), MoE(Hard(), shared=True)]
    >>> [name_in_legend(each, drawn) for each in drawn]
    ['2 experts', 'with a shared expert', 'hard gate with a shared expert']
    >>> name_in_legend(drawn[0], [MoE(assignment=(0, 1, 1)), *drawn])
    'moe(assignment=001)'
    """
    if estimator == MoE():
        if any(map(routes_by_input, among)):
            return "oracle gate"
        return (
            "mixture of experts"
            if all(isinstance(each, Custom) or one_each(each) for each in among)
            else "one expert each"
        )
    words = _in_words(estimator)
    clash = any(_in_words(other) == words for other in among if other != estimator)
    return literal(estimator.label) if clash else words


def _in_words(estimator: Simulated) -> str:
    """An estimator in words: its gate, its experts, and the settings that are not the default."""
    if isinstance(estimator, Custom) or (one_each(estimator) and not routes_by_input(estimator)):
        return literal(estimator.label)
    assert isinstance(estimator, MoE)
    kind, settings = _gate_in_words(estimator.gate)
    if estimator.assignment is not None:
        experts = len(set(estimator.assignment))
        kind += [f"{experts} expert{'s' * (experts > 1)}"]
    subject = ", ".join(kind)
    if estimator.shared:
        subject = f"{subject} with a shared expert".lstrip()
    settings += [f"ridge {str(estimator.ridge).removesuffix('.0')}"] * (estimator.ridge > 0.0)
    settings += ["retrained experts"] * estimator.retrained
    return ", ".join([subject, *settings])


def _gate_in_words(gate: Gate) -> tuple[list[str], list[str]]:
    """The name of a gate, none for the oracle, and its settings that are not the default."""
    match gate:
        case Oracle():
            return [], []
        case Soft():
            name, settings = "soft", [f"temperature {gate.temperature:g}"] * (gate != Soft())
        case Learned():
            name, settings = "learned", [f"{gate.samples} samples"] * (gate.samples is not None)
            settings += [f"{gate.moments} moments"] * (gate.moments != "blocks")
        case _:
            name, settings = gate.label, []
    return [f"{name} gate"], settings

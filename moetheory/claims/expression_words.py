"""The words of one-line claims: what each is, and which arguments it takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from moetheory.claims.assumptions import ONE_NOISE, Assumption
from moetheory.problem.estimators import Dense, MoE
from moetheory.problem.gates import Hard, Oracle, Soft, TopK
from moetheory.problem.perturbation import Perturbation, even_confusion
from moetheory.theory.descents import contraction_factor
from moetheory.theory.misclassifications import misclassification
from moetheory.theory.risks import gap, mmse, moe_bound, risk

What = Literal[
    "number", "result", "estimator", "gate", "perturbation", "confusion", "distribution", "flag"
]


@dataclass(frozen=True)
class Word:
    """A word that is called: ``risk(MoE(), samples=n)``.

    Attributes
    ----------
    what : str
        What the call is. A "result" is a number with an error, and has ``attributes``.
    call : callable
        The function of the library.
    arguments : tuple of str
        What the positional arguments are; all of them are needed.
    keywords : dict
        What each keyword argument is.
    names : tuple of str
        The keywords that may stand in place of positional arguments, in order.
    attributes : tuple of str
        The first is the value of the call itself.
    """

    what: What
    call: Callable[..., Any]
    arguments: tuple[What, ...] = ()
    keywords: dict[str, What] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()

    @property
    def of_model(self) -> bool:
        """Whether the call takes the model as its last positional argument."""
        return self.what in ("result", "distribution")


def _no_value(*_: Any, **__: Any) -> Any:  # pragma: no cover - refused when parsed
    raise NotImplementedError


CALLS = {
    "risk": Word(
        "result",
        risk,
        ("estimator",),
        {"samples": "number", "under": "perturbation"},
        attributes=("value", "excess"),
    ),
    "mmse": Word("result", mmse, attributes=("value", "excess")),
    "misclassification": Word(
        "result",
        misclassification,
        ("estimator",),
        {"under": "perturbation"},
        attributes=("value", "accuracy"),
    ),
    "contraction_factor": Word(
        "result", contraction_factor, ("estimator",), attributes=("value", "rate")
    ),
    "gap": Word("result", gap, attributes=("value",)),
    "moe_bound": Word("result", moe_bound, attributes=("value",)),
    "risk_distribution": Word("distribution", _no_value, ("estimator",), {"samples": "number"}),
    "Dense": Word("estimator", Dense, (), {"ridge": "number"}),
    "MoE": Word(
        "estimator", MoE, (), {"gate": "gate", "ridge": "number", "shared": "flag"}, ("gate",)
    ),
    "Oracle": Word("gate", Oracle),
    "Hard": Word("gate", Hard),
    "Soft": Word("gate", Soft, (), {"temperature": "number"}, ("temperature",)),
    "TopK": Word("gate", TopK, (), {"k": "number"}, ("k",)),
    "Perturbation": Word(
        "perturbation",
        Perturbation,
        (),
        {
            "noise_variance": "number",
            "confusion": "confusion",
            "drag": "number",
            "erasure": "number",
            "interference_variances": "number",
            "radius": "number",
        },
        ("noise_variance",),
    ),
    "even_confusion": Word("confusion", even_confusion, ("number", "number")),
}
FUNCTIONS = {"min": 0, "max": 0, "sqrt": 1, "log": 1, "exp": 1, "abs": 1}  # arguments; 0: any
SAMPLES = ("n", "samples")  # the free variable
ATTRIBUTES = {  # of a model
    "K": "experts",
    "experts": "experts",
    "d": "dim",
    "dim": "dim",
    "sigma2": "noise_variance",
    "noise_variance": "noise_variance",
    "V": "label_power",
    "label_power": "label_power",
    "null_risk": "null_risk",
    "label_noise_variance": "label_noise_variance",
}
ASSUMED: dict[str, Assumption] = {"noise_variance": ONE_NOISE}  # by an attribute
NAMES = (*CALLS, *FUNCTIONS, *SAMPLES, *ATTRIBUTES)

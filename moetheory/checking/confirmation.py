"""Confirmation of a violation: with 50 digits, by stated errors, or at models close by."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from moetheory.checking.decisions import UNAVAILABLE
from moetheory.claims.declaration import Claim
from moetheory.claims.exact_values import DIGITS, KNOWN, exact_sides
from moetheory.claims.expression_values import ROUNDING, Ball, Side
from moetheory.problem.model import BlockModel

MARGINS = {"exact": 1.0, "quadrature": 2.0, "asymptotic": 3.0}  # times the stated error
EXACT_MARGIN = 1e-30  # of a violation with 50 digits, relative
NEARBY, STEP, STEADY = 6, 1e-12, 0.1  # models, their relative distance, the change allowed


class Confirmation(NamedTuple):
    """Whether a violation is real, and what says so."""

    real: bool
    text: str


def bound_sides(claim: Claim, samples: int | None) -> tuple[Any, Any]:
    """The sides of a claim at a number of samples, those of the library as `Side`."""
    sides = (KNOWN.get(side, side) for side in (claim.left, claim.right))
    left, right = (side.at(samples) if isinstance(side, Side) else side for side in sides)
    return left, right


def confirmed(claim: Claim, model: BlockModel, samples: int | None) -> Confirmation:
    """Whether the sides differ by more than all errors, with 50 digits where there are formulas.

    The sides are known to violate the claim as floats.
    """
    left, right = bound_sides(claim, samples)
    if isinstance(left, Side) and isinstance(right, Side):
        exact = exact_sides(left, right, model)
        if exact is not None:
            return _with_digits(claim, *exact)
    return beyond_errors(claim, model, samples)


def _with_digits(claim: Claim, left: Any, right: Any) -> Confirmation:
    """Whether two numbers of 50 digits violate the claim."""
    import mpmath

    with mpmath.workdps(DIGITS):
        infinite = mpmath.isinf(left) or mpmath.isinf(right)
        least = 0 if infinite else EXACT_MARGIN * max(abs(left), abs(right))
        apart = abs(left - right) if claim.relation == "==" else left - right
        if apart > least:
            return Confirmation(True, f"confirmed with {DIGITS} digits")
        numbers = ", ".join(mpmath.nstr(each, 20) for each in (left, right))
    return Confirmation(False, f"not confirmed: with {DIGITS} digits the sides are {numbers}")


def beyond_errors(claim: Claim, model: BlockModel, samples: int | None) -> Confirmation:
    """Whether the sides differ by more than their errors."""
    left, right = (_ball(side, model) for side in bound_sides(claim, samples))
    if left is None or right is None:
        return _steady(claim, model)
    worst = max(left.exactness, right.exactness, key=list(MARGINS).index)
    error, apart = MARGINS[worst] * (left.error + right.error), abs(left.value - right.value)
    what = {
        "exact": "beyond the rounding of closed forms",
        "quadrature": "beyond the error bounds of the quadrature",
        "asymptotic": f"beyond {MARGINS['asymptotic']:g} times the error of asymptotic formulas",
    }[worst]
    if apart > error:
        return Confirmation(True, f"{what} ({error:.2g})")
    return Confirmation(
        False, f"not confirmed: the sides differ by {apart:.2g}, not {what} ({error:.2g})"
    )


def _ball(side: Any, model: BlockModel) -> Ball | None:
    """A side with its error; None for a function that does not tell its error."""
    if isinstance(side, Side):
        return side.with_error(model)
    value = side(model)
    if not hasattr(value, "error"):
        return None
    error = float(value.error) + ROUNDING * abs(float(value))
    if math.isinf(float(value)):
        error = 0.0
    return Ball(float(value), error, getattr(value, "exactness", "exact"))


def _steady(claim: Claim, model: BlockModel) -> Confirmation:
    """Whether the sides differ as much at models so close that only rounding differs."""
    here, there = _difference(claim, model), []
    for each in _nearby(model):
        try:
            there.append(_difference(claim, each))
        except UNAVAILABLE:
            continue
    text = f"at {len(there)} models within {STEP:g} of it the sides differ"
    if there and all(d == here or abs(d - here) <= STEADY * abs(here) for d in there):
        return Confirmation(True, f"beyond rounding: {text} as much")
    return Confirmation(False, f"not confirmed: {text} otherwise, so that it may be rounding")


def _difference(claim: Claim, model: BlockModel) -> float:
    left, right = claim.sides(model)
    assert left is not None
    assert right is not None
    return left - right


def _nearby(model: BlockModel) -> Iterator[BlockModel]:
    """Models whose numbers differ from those of a model by about 1e-12."""
    rng = np.random.default_rng(0)

    def move(values: Any) -> Any:
        return values * (1.0 + STEP * rng.uniform(-1.0, 1.0, np.shape(values)))

    for _ in range(NEARBY):
        p = move(model.group_probabilities)
        yield model.replace(
            group_probabilities=p / p.sum(),
            signal_variances=move(model.signal_variances),
            coefficients=move(model.coefficients),
            noise_variance=move(model.noise_variance),
            leakage_variances=move(model.leakage_variances),
            interference_variances=move(model.interference_variances),
            label_noise_variance=float(move(model.label_noise_variance)),
        )

"""The value of a side of a one-line claim: as a float, with its error, or with 50 digits.

One walk over the parsed line serves all three; they differ in their numbers alone.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Protocol

from moetheory.claims.expression_words import ATTRIBUTES, CALLS, FUNCTIONS, SAMPLES
from moetheory.common.errors import (
    ArgumentError,
    ArgumentTypeError,
    Mention,
    NoClosedForm,
    OutOfRangeError,
)
from moetheory.problem.model import BlockModel

ROUNDING = 1e-11  # of a closed form, relative
OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}


class Numbers(Protocol):
    """The numbers that a line is evaluated in."""

    def constant(self, value: float) -> Any:
        """A number that is written in the line, or read from the model."""

    def function(self, name: str, values: list[Any]) -> Any:
        """min, max, sqrt, log, exp or abs."""

    def result(self, word: str, attribute: str, arguments: list[Any], more: dict[str, Any]) -> Any:
        """A function of the model."""


@dataclass(frozen=True)
class Side:
    """A side of a one-line claim, a function of a model.

    Attributes
    ----------
    text : str
        A line that `moetheory.claims.expressions` has read.
    samples : int, optional
        The free variable n.
    """

    text: str
    samples: int | None = None

    @property
    def __name__(self) -> str:
        return self.text

    @property
    def is_free(self) -> bool:
        """Whether the line has the free variable n."""
        return any(isinstance(n, ast.Name) and n.id in SAMPLES for n in ast.walk(_tree(self.text)))

    def at(self, samples: int | None) -> Side:
        """The side at a number of samples."""
        return replace(self, samples=samples) if self.is_free else self

    def __call__(self, model: BlockModel) -> float:
        """The value; NaN where it is not defined, such as 0/0.

        Raises
        ------
        NoClosedForm
            The library has no value for this model.
        OutOfRangeError
            A number lies beyond the range of the library.
        """
        try:
            value = self.evaluated(model, _Floats(model))
        except (ArithmeticError, ValueError) as error:
            if isinstance(error, ArgumentError):
                raise
            return math.nan
        return math.nan if isinstance(value, complex) else float(value)

    def with_error(self, model: BlockModel) -> Ball:
        """The value and a bound, or an estimate, of its error."""
        value = self.evaluated(model, _Balls(model))
        return value if isinstance(value, Ball) else Ball(float(value))

    def evaluated(self, model: BlockModel, numbers: Numbers) -> Any:
        """The value in other numbers."""
        return _Walk(model, self.samples, numbers).value(_tree(self.text))


@lru_cache(maxsize=256)
def _tree(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


@dataclass(frozen=True)
class _Walk:
    """A walk over a parsed line."""

    model: BlockModel
    samples: int | None
    numbers: Numbers

    def value(self, node: ast.expr) -> Any:
        """The value of a part of the line."""
        match node:
            case ast.Constant(value=bool() as value):
                return value
            case ast.Constant(value=int() | float() as value):
                return self.numbers.constant(value)
            case ast.Name(id=name):
                return self.numbers.constant(self._named(name))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self.value(operand)
            case ast.UnaryOp(operand=operand):
                return self.value(operand)
            case ast.BinOp(left=left, op=op, right=right):
                return OPERATORS[type(op)](self.value(left), self.value(right))
            case ast.Attribute(value=ast.Call(func=ast.Name(id=name)) as call, attr=attribute):
                return self._result(name, attribute, call)
            case ast.Call(func=ast.Name(id=name), args=args) if name in FUNCTIONS:
                return self.numbers.function(name, [self.value(each) for each in args])
            case ast.Call(func=ast.Name(id=name)) if CALLS[name].of_model:
                return self._result(name, CALLS[name].attributes[0], node)
        return self._built(node)

    def _named(self, name: str) -> float:
        if name in SAMPLES:
            if self.samples is None:
                raise ArgumentError(
                    "claim", f"is about any number of samples {name}, and none was given"
                )
            return self.samples
        value = getattr(self.model, ATTRIBUTES[name])
        if not isinstance(value, int | float):
            raise NoClosedForm(
                Mention(name), " is a number for a model with one noise variance alone"
            )
        return value

    def _result(self, word: str, attribute: str, call: ast.Call) -> Any:
        arguments = [self._built(each) for each in call.args]
        more = {str(each.arg): self._built(each.value) for each in call.keywords}
        if "samples" in more:
            more["samples"] = _whole(more["samples"])
        return self.numbers.result(word, attribute, arguments, more)

    def _built(self, node: ast.expr) -> Any:
        """An argument of the library: an estimator, a gate, a number as a float."""
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            word = CALLS.get(node.func.id)
            if word is not None and not word.of_model:
                arguments = [self._built(each) for each in node.args]
                more = {str(each.arg): self._built(each.value) for each in node.keywords}
                if word.what in ("gate", "confusion"):  # their counts are integers
                    arguments = [_count(each) for each in arguments]
                    more = {name: _count(each) for name, each in more.items()}
                return known(word.call, *arguments, **more)
        return replace(self, numbers=_Floats(self.model)).value(node)


def known(call: Callable[..., Any], *arguments: Any, **more: Any) -> Any:
    """What a function of the library returns; what it refuses, such as leakage, is not known."""
    try:
        return call(*arguments, **more)
    except OutOfRangeError:
        raise
    except ArgumentTypeError as error:
        raise ArgumentError("claim", f"cannot be evaluated: {error}") from error
    except ArgumentError as error:
        raise NoClosedForm(str(error)) from error


def _count(value: Any) -> Any:
    """A number that is whole as an integer."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _whole(samples: float) -> int:
    """A number of samples, which must be one: at other n the claim says nothing."""
    if samples != round(samples) or samples < 1.0:
        raise OutOfRangeError("samples", f"must be an integer of at least 1, got {samples:g}")
    return round(samples)


# --- floats ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Floats:
    model: BlockModel

    def constant(self, value: float) -> float:
        return float(value)

    def function(self, name: str, values: list[Any]) -> float:
        return float(_FLOATS[name](*values))

    def result(
        self, word: str, attribute: str, arguments: list[Any], more: dict[str, Any]
    ) -> float:
        found = known(CALLS[word].call, *arguments, self.model, **more)
        return found if isinstance(found, float) else float(getattr(found, attribute))


_FLOATS: dict[str, Callable[..., float]] = {
    "min": min,
    "max": max,
    "sqrt": math.sqrt,
    "log": math.log,
    "exp": math.exp,
    "abs": abs,
}


# --- numbers with errors --------------------------------------------------------------------------


@dataclass(frozen=True)
class Ball:
    """A number that is known up to an error, and what the error is: rounding, or a formula's."""

    value: float
    error: float = 0.0
    exactness: str = "exact"

    @property
    def ends(self) -> tuple[float, float]:
        """The least and the largest number that it may be."""
        return self.value - self.error, self.value + self.error

    def with_value(self, other: Any, value: float, error: float) -> Ball:
        """A ball that comes of this one and another: as inexact as the worse of both."""
        order = ("exact", "quadrature", "asymptotic")
        kinds = (self.exactness, getattr(other, "exactness", "exact"))
        return Ball(value, error, max(kinds, key=order.index))

    def __neg__(self) -> Ball:
        return replace(self, value=-self.value)

    def __add__(self, other: Ball) -> Ball:
        return self.with_value(other, self.value + other.value, self.error + other.error)

    def __sub__(self, other: Ball) -> Ball:
        return self + -other

    def __mul__(self, other: Ball) -> Ball:
        return self._combined(other, operator.mul)

    def __truediv__(self, other: Ball) -> Ball:
        low, high = other.ends
        if low <= 0.0 <= high:
            return self.with_value(other, math.nan, math.inf)
        return self._combined(other, operator.truediv)

    def __pow__(self, other: Ball) -> Ball:
        if self.ends[0] <= 0.0 and not (other.error == 0.0 and other.value >= 0.0):
            return self.with_value(other, math.nan, math.inf)
        return self._combined(other, operator.pow)

    def _combined(self, other: Ball, operation: Callable[[float, float], Any]) -> Ball:
        """An operation that is monotone in each argument: its ends are at theirs."""
        value = operation(self.value, other.value)
        ends = (operation(a, b) for a in self.ends for b in other.ends)
        return self.with_value(other, value, max(abs(end - value) for end in ends))


@dataclass(frozen=True)
class _Balls:
    model: BlockModel

    def constant(self, value: float) -> Ball:
        return Ball(float(value))

    def function(self, name: str, values: list[Ball]) -> Ball:
        value = _FLOATS[name](*(each.value for each in values))
        like = values[0]
        for each in values[1:]:
            like = like.with_value(each, 0.0, max(like.error, each.error))
        if name in ("min", "max", "abs"):
            return replace(like, value=value)
        low, high = (_FLOATS[name](end) for end in values[0].ends)
        return replace(like, value=value, error=max(value - low, high - value))

    def result(self, word: str, attribute: str, arguments: list[Any], more: dict[str, Any]) -> Ball:
        found = known(CALLS[word].call, *arguments, self.model, **more)
        value = found if isinstance(found, float) else float(getattr(found, attribute))
        error = float(getattr(found, "error", 0.0))
        if math.isinf(value):
            return Ball(value)
        return Ball(value, error + ROUNDING * abs(value), getattr(found, "exactness", "exact"))

"""Errors and warnings of moetheory.

A message is kept in parts, so that the command line can name options in place of arguments:
text, and objects that a reader may know by another name. Those are an argument (`Mention`), a call
that would help (`Call`), a column (`Column`), an estimator, a perturbation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from moetheory.common.escapes import printable

LONGEST = 1000  # characters of a message; what was given may be of any length


class _NotGiven(Enum):  # an Enum survives a pickle as it is
    VALUE = 0


@dataclass(frozen=True)
class Mention:
    """An argument that a message names, with its value if given: ``samples`` or ``samples=3``.

    >>> print(Mention("samples"), Mention("samples", 3), Mention("counts", "fixed"))
    samples samples=3 counts="fixed"
    """

    argument: str
    value: Any = _NotGiven.VALUE

    @property
    def has_value(self) -> bool:
        """Whether the message tells the value too."""
        return self.value is not _NotGiven.VALUE

    def __str__(self) -> str:
        value = f'"{self.value}"' if isinstance(self.value, str) else repr(self.value)
        return f"{self.argument}={value}" if self.has_value else self.argument


@dataclass(frozen=True)
class Call:
    """A call that would help, as code.

    >>> print(Call("simulate(MoE(), model)"))
    call simulate(MoE(), model)
    """

    code: str

    def __str__(self) -> str:
        return f"call {self.code}"


@dataclass(frozen=True)
class Column:
    """A column of a matrix of features, by its number from 0.

    >>> print(Column(3))
    column 3
    """

    number: int

    def __str__(self) -> str:
        return f"column {self.number}"


def as_text(part: object) -> str:
    """A part of a message as the library spells it: text, a part's own words, or code.

    >>> as_text("in "), as_text(Column(3)), as_text(1.5)
    ('in ', 'column 3', '1.5')
    """
    if isinstance(part, str | Mention | Call | Column):
        return str(part)
    return " ".join(repr(part).split())  # a message is one line


def _fit(message: str) -> str:
    """The message in one line of a length that can be read, without commands to a terminal."""
    half = LONGEST // 2
    if len(message) > LONGEST:
        message = f"{message[:half]} … {message[-half:]}"
    return printable(message, lines=False)


class _MessageInParts(Exception):  # noqa: N818 - a base, never raised itself
    """An error whose arguments are the parts of its message."""

    place = ""  # where it happened: "at experts=2: " before a message of a sweep

    def __str__(self) -> str:
        return self.spelled(as_text)

    def spelled(self, spell: Callable[[object], str]) -> str:
        """The message, its parts spelled by ``spell``, fit to be printed."""
        return _fit(self.place + "".join(map(spell, self.args)))


class ArgumentError(_MessageInParts, ValueError):
    """An error: an argument is not what it must be.

    Parameters
    ----------
    argument : str or Mention
        The name of the argument, perhaps with an index, "samples[1]", or with its value.
    problem : parts of a message
        What the argument must be and what it was, without its name.

    Attributes
    ----------
    argument : str
        The name of the argument, without an index.

    Examples
    --------
    >>> error = ArgumentError("noise_variance", "must be at least 0, got -1")
    >>> error.argument, str(error)
    ('noise_variance', 'noise_variance must be at least 0, got -1')
    """

    def __init__(self, argument: str | Mention, *problem: object) -> None:
        super().__init__(argument, *problem)

    @property
    def argument(self) -> str:
        """The name of the argument."""
        named: str | Mention = self.args[0]
        return named.argument if isinstance(named, Mention) else named.partition("[")[0]

    def spelled(self, spell: Callable[[object], str]) -> str:
        """The message, its parts spelled by ``spell``; an index stays behind its argument."""
        named, *problem = self.args
        index = ""
        if not isinstance(named, Mention):
            index = named.removeprefix(self.argument)
            named = Mention(self.argument)
        return _fit(f"{self.place}{spell(named)}{index} {''.join(map(spell, problem))}")


class ArgumentTypeError(ArgumentError, TypeError):
    """An error: an argument is of a type that cannot be used."""


class ArgumentKeyError(ArgumentError, KeyError):
    """An error: an argument is a name that is not among the known ones."""


class ArgumentIndexError(ArgumentError, IndexError):
    """An error: an argument is a number beyond the end of what it counts."""


class OutOfRangeError(ArgumentError):
    """An error: a number lies outside the range in which results are right."""


class NoClosedForm(_MessageInParts, NotImplementedError):  # noqa: N818 - the name is a statement
    """An error: the quantity has no closed form here; the message names another call."""


class ExecutorError(RuntimeError):
    """An error: an executor is broken, was shut down, or dropped submitted work."""


class CheckpointWarning(UserWarning):
    """A warning: a checkpoint could not be saved, the run goes on without."""


class HeavyTailWarning(UserWarning):
    """A warning: the variance of a simulated risk is infinite, so it has no standard error."""


class RareGroupWarning(UserWarning):
    """A warning: what carries a risk is rarer than what was drawn, so do not trust its sem."""

"""Refusals of the library in one line, with options in place of arguments."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from moetheory.commands.options import test_time_options
from moetheory.common.errors import ArgumentError, Call, Column, Mention, NoClosedForm, as_text
from moetheory.datafile.contents import DataArgumentError
from moetheory.problem.estimators import Dense, MoE
from moetheory.problem.perturbation import Perturbation

ARGUMENTS = {  # whose options have other names, or that need more words
    "confusion": "misrouting",
    "executor": "workers",
    "k": "k of --gate top-k",
    "model": "the model",
    "rng": "seed",
}


VARIANCES = ("noise_variance", "_variances")  # of a model, which may come from a file


class BadInputError(Exception):
    """An input that cannot be used; the message is one line."""


@contextmanager
def refusals(
    options: argparse.Namespace,
    errors: type[Exception] | tuple[type[Exception], ...] = ValueError,
    *,
    columns: Sequence[str] | None = None,
    **called: str,
) -> Iterator[None]:
    """Turn ``errors`` into `BadInputError`, with options in place of arguments.

    ``called`` names the option of an argument, or gives words for it; ``columns`` are the names of
    the columns of a file.
    """
    try:
        yield
    except errors as error:
        message = in_options(error, options, {**ARGUMENTS, **called}, columns)
        raise BadInputError(message) from None


def in_options(
    error: Exception,
    options: argparse.Namespace,
    called: Mapping[str, str] = ARGUMENTS,
    columns: Sequence[str] | None = None,
) -> str:
    """The message of the library with options, and their values as they are typed.

    Estimators have the names that they have in tables.

    >>> options = argparse.Namespace(counts="multinomial", samples=None)
    >>> error = ArgumentError("counts", "needs ", Mention("samples"), ", the size")
    >>> in_options(error, options)
    '--counts needs --samples, the size'
    """

    def spell(part: object) -> str:
        match part:
            case Mention():
                return _mention_in_words(part, options, called)
            case Column(number) if columns is not None:
                return f"column {columns[number]!r}"
            case Call(code) if code.startswith("simulate("):
                return "run moetheory simulate with the same options"
            case Dense() | MoE():
                return part.label
            case Perturbation():
                return _perturbation_in_words(options) or repr(part)
        return as_text(part)

    if isinstance(error, ArgumentError | NoClosedForm):
        return by_option(error.spelled(spell))
    if isinstance(error, DataArgumentError):
        return f"{spell(Mention(error.argument))} {error.args[1]}"
    return str(error)


def by_option(message: str) -> str:
    """The message with an option alone where it follows the argument in brackets.

    >>> by_option("noise='relative' (--noise relative) is in proportion")
    '--noise relative is in proportion'
    """
    return re.sub(r"\b\w+=\S+ \((--[^()]+)\)", r"\1", message)


def dashed(name: str) -> str:
    """The option for the argument ``name``, with dashes."""
    return f"--{name.replace('_', '-')}"


def _mention_in_words(part: Mention, options: argparse.Namespace, called: Mapping[str, str]) -> str:
    """The option of an argument with its value, the words for it, or the argument itself."""
    name = called.get(part.argument, part.argument)
    if name == "under" and (words := _perturbation_in_words(options)):
        return words
    of_file = getattr(options, "model", None) is not None and name.endswith(VARIANCES)
    if not hasattr(options, name) or (of_file and getattr(options, name) is None):
        return name if name in called.values() else str(part)
    value = part.value if part.has_value else ()
    if isinstance(value, list | tuple):  # as they are typed after an option
        value = ",".join(map(str, value))
    elif isinstance(value, float):
        value = f"{value:g}"
    return f"{dashed(name)} {value}".rstrip()


def _perturbation_in_words(options: argparse.Namespace) -> str | None:
    """The options of the test time as they are given, or the quantity swept; None if neither."""
    given = test_time_options(options)
    shown = (f"{dashed(n)} {v if isinstance(v, str) else f'{v:g}'}" for n, v in given.items())
    swept = f"--over {options.over}" if hasattr(options, "over") else None
    return " ".join(shown) or swept

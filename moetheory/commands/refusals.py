"""Refusals of the library in one line, with options in place of arguments."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from moetheory.commands.options import test_time_options
from moetheory.problem.estimators import Dense, Estimator, MoE
from moetheory.problem.gates import Oracle

ARGUMENTS = {  # whose options have other names, or that need more words
    "confusion": "misrouting",
    "k": "k of --gate top-k",
    "rng": "seed",
}
_BRACKETS = r"\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)"  # and two levels of them inside
_ALONE = r"(?<![\w./-])"  # not within a word or a path
_VALUE = r""""[^"]*"|'[^']*'|\[[^]]*\]|[-+.\w]*\w"""
_PIECES = re.compile(
    r"""(?<![\w=])(?P<quoted>"[^"]*"?|'[^']*')"""
    rf"|{_ALONE}(?:under=)?(?P<call>[A-Za-z]\w*{_BRACKETS})"
    r"|, got (?P<missing>\w+)=None\b"
    r"|\bleave (?P<left_out>\w+)=None\b"
    rf"|{_ALONE}(?P<name>[a-z]\w*)=(?P<value>{_VALUE})"
    r"|(?<=\bgot )\[(?P<numbers>[-+.,\w ]+)\]"
    r"|^(?P<first>\w+)(?=[ [])"
    rf"|{_ALONE}(?P<argument>[a-z]+(?:_[a-z]+)+)(?![\w./([-])"
    # another argument may be a word of the sentence
    r"|(?:(?<=\bneeds )|(?<=\bdivide )|(?<=\bgive ))(?P<other>\w+)(?=[, ])"
)


class BadInputError(Exception):
    """An input that cannot be used; the message is one line."""


@contextmanager
def refusals(
    options: argparse.Namespace,
    errors: type[Exception] | tuple[type[Exception], ...] = ValueError,
    **called: str,
) -> Iterator[None]:
    """Turn ``errors`` into `BadInputError`, with options in place of arguments.

    ``called`` names the option of an argument, or gives words for it.
    """
    try:
        yield
    except errors as error:
        message = in_options(str(error), options, {**ARGUMENTS, **called})
        raise BadInputError(message) from None


def in_options(message: str, options: argparse.Namespace, called: Mapping[str, str]) -> str:
    """The message of the library with options, and their values as they are typed.

    Estimators have the names that they have in tables. What stays: the value of a sweep before
    the message, quotations, calls of functions, and a message that begins with an object, whose
    own arguments it names.

    >>> options = argparse.Namespace(method="law", samples=None)
    >>> in_options("method='law' needs samples, the size, got samples=None", options, {})
    '--method law needs --samples, the size'
    """

    def in_words(piece: re.Match[str]) -> str:
        kind = piece.lastgroup or ""
        if kind == "quoted":
            return piece[0]
        if kind == "call":
            return _object_in_words(piece["call"], options) or piece[0]
        if kind == "numbers":
            return _as_typed(piece["numbers"])
        name = piece["name" if kind == "value" else kind]
        option = _option(called.get(name, name), options, called)
        if option is None:
            return piece[0]
        match kind:
            case "missing":
                return ""
            case "left_out":
                return f"leave out {option}"
            case "value":
                return f"{option} {_as_typed(piece['value'])}"
        return option

    place = "".join(re.findall(r"\Aat \S+: ", message))
    text = message.removeprefix(place)
    if re.match(rf"[A-Z]\w*{_BRACKETS}", text):
        return message
    return place + _PIECES.sub(in_words, text)


def dashed(name: str) -> str:
    """The option of this name."""
    return f"--{name.replace('_', '-')}"


def _option(name: str, options: argparse.Namespace, called: Mapping[str, str]) -> str | None:
    """The option ``name``, or the words for it; None if there are none."""
    if name == "under":
        return _perturbation_in_words(options)
    if hasattr(options, name):
        return dashed(name)
    return name if name in called.values() else None


def _object_in_words(call: str, options: argparse.Namespace) -> str | None:
    """The estimator or the perturbation with this representation; None for anything else."""
    if call.startswith("Perturbation("):
        return _perturbation_in_words(options)
    if not call.startswith(("Dense(", "MoE(")):
        return None
    names = {"Dense(...)": "dense", "MoE(gate=Oracle())": "moe"}
    ridge = getattr(options, "ridge", 0.0)
    gates = (Oracle(), *getattr(options, "gate", ()))
    estimators: list[Estimator] = [Dense(ridge), *(MoE(gate, ridge) for gate in gates)]
    for estimator in estimators:
        names[repr(estimator)] = estimator.label
    return names.get(call)


def _perturbation_in_words(options: argparse.Namespace) -> str | None:
    """The options of the test time as they are given, or the quantity swept; None if neither."""
    given = test_time_options(options)
    shown = (f"{dashed(n)} {v if isinstance(v, str) else f'{v:g}'}" for n, v in given.items())
    swept = f"--over {options.over}" if hasattr(options, "over") else None
    return " ".join(shown) or swept


def _as_typed(value: str) -> str:
    return value.strip("'\"[]").replace(", ", ",")

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
_BRACKETS = r"\([^()]*\)"
for _ in range(2):  # levels of brackets inside
    _BRACKETS = rf"\((?:[^()]|{_BRACKETS})*\)"
_ALONE = r"(?<![\w./-])"  # not within a word or a path
_CALL = rf"[A-Za-z]\w*{_BRACKETS}"
_VALUE = rf""""[^"]*"|'[^']*'|\[[^]]*\]|{_CALL}|[-+.\w]*\w"""
_PIECES = re.compile(
    rf"""
    (?<![\w=]) (?P<quoted> "[^"]*"? | '[^']*' )
    | {_ALONE} (?P<call> (?: call[ ] )? {_CALL} )
    | (?P<before> ,[ ]got[ ] | \bleave[ ] )? {_ALONE} (?P<name> [a-z]\w* ) = (?P<value> {_VALUE} )
    | (?<= \bgot[ ] ) (?P<numbers> \[ [-+.,\w ]+ \] )
    | (?P<argument>
        ^ \w+ (?= [ [] )
        | {_ALONE} [a-z]+ (?: _[a-z]+ )+ (?! [\w./([-] )
        # any other argument may be a word of the sentence
        | (?: (?<= \bneeds[ ] ) | (?<= \bdivide[ ] ) | (?<= \bgive[ ] ) ) \w+ (?= [, ] )
    )
    """,
    re.VERBOSE,
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
        match piece.lastgroup:
            case "quoted":
                return piece[0]
            case "call":
                return _object_in_words(piece["call"], options) or piece[0]
            case "numbers":
                return _as_typed(piece["numbers"])
        argument = piece["argument"] or piece["name"]
        option = _option(called.get(argument, argument), options, called)
        if option is None:
            return piece[0]
        before, value = piece["before"] or "", piece["value"]
        if before and value == "None":
            return f"leave out {option}" if before == "leave " else ""
        if value is None or value.startswith("Perturbation("):
            return before + option
        return f"{before}{option} {_as_typed(value)}"

    place = "".join(re.findall(r"\Aat \S+: ", message))  # of a sweep
    text = message.removeprefix(place)
    if re.match(rf"[A-Z]\w*{_BRACKETS}", text):
        return message
    return place + _PIECES.sub(in_words, text)


def dashed(name: str) -> str:
    """The option for the argument ``name``, with dashes."""
    return f"--{name.replace('_', '-')}"


def _option(name: str, options: argparse.Namespace, called: Mapping[str, str]) -> str | None:
    """The option ``name``, or the words for it; None if there are none."""
    if name == "under":
        return _perturbation_in_words(options)
    if hasattr(options, name):
        return dashed(name)
    return name if name in called.values() else None


def _object_in_words(call: str, options: argparse.Namespace) -> str | None:
    """The estimator, the perturbation or the command that this is; None for anything else."""
    if call.startswith("call simulate("):
        return "run moetheory simulate with the same options"
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
    """The value of an argument as a user types it after an option."""
    return value.strip("'\"[]").replace(", ", ",")

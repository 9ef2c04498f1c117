"""The types of options: what their text must be, and what it becomes."""

from __future__ import annotations

import argparse
import difflib
import math
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

from moetheory.problem.gates import Gate, Hard, Learned, MomentKind, Oracle, Soft, TopK

LONG = 60  # characters of a value that a message does not quote whole
Number = TypeVar("Number", int, float)

GATES = "hard, soft[:T], top-k[:plain], learned[:N[:full]], oracle"  # as --gate takes them
NOISE_LAWS = "normal, uniform, laplace, student-t:DF"  # as --noise-law takes them


def shown(text: str) -> str:
    """The text of an option as a message quotes it: a long one is cut.

    >>> shown("9" * 100)
    "'99999999999999999999...' (100 characters)"
    """
    return repr(text) if len(text) <= LONG else f"{text[:20] + '...'!r} ({len(text)} characters)"


def integer(text: str) -> int:
    """Parse an integer."""
    try:
        return int(text)
    except ValueError:  # also of too many digits
        raise argparse.ArgumentTypeError(f"must be an integer, got {shown(text)}") from None


def real(text: str) -> float:
    """Parse a number; whether it may be infinite, or nan, the library decides."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a number, got {shown(text)}") from None


def numbers(text: str) -> list[float]:
    """Parse numbers separated by commas."""
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = []
    if not values or not all(map(math.isfinite, values)):
        raise argparse.ArgumentTypeError(f"must be numbers separated by commas, got {shown(text)}")
    return values


def samples(text: str) -> int | list[int]:
    """Parse a number of samples, or one for each group."""
    try:
        counts = [int(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"must be an integer, or one for each group separated by commas, got {shown(text)}"
        ) from None
    return counts[0] if len(counts) == 1 else counts


def positive(text: str) -> float:
    """Parse a finite number above zero."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0.0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"must be a number above 0, got {shown(text)}")
    return value


def part(text: str) -> tuple[int, int]:
    """Parse ``I/M`` with I from 0."""
    found = re.fullmatch(r"(\d+)/(\d+)", text)
    if found is None or not int(found[1]) < int(found[2]):
        raise argparse.ArgumentTypeError(f"must be I/M with I from 0 to M - 1, got {shown(text)}")
    return int(found[1]), int(found[2])


def gates(text: str) -> list[Gate]:
    """Parse gates separated by commas, each in a form of `GATES`.

    >>> gates("top-2:plain")
    [TopK(k=2, renormalised=False)]
    >>> gates("hard,soft:0.5,top-2,learned:1000:full")
    [Hard(), Soft(temperature=0.5), TopK(k=2), Learned(samples=1000, moments='full')]
    """
    try:
        return [_parsed_gate(each.strip()) for each in text.split(",")]
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _parsed_gate(text: str) -> Gate:
    try:
        match text.replace("top-", "top-:", 1).split(":"):
            case ["hard"]:
                return Hard()
            case ["oracle"]:
                return Oracle()
            case ["soft", *temperature] if len(temperature) < 2:
                return Soft(*(_parsed_number(float, "temperature", each) for each in temperature))
            case ["top-", k] if k.isalpha():  # as the help writes it
                raise ValueError("k must be a number, as in top-2")
            case ["top-", k]:
                return TopK(_parsed_number(int, "k", k))
            case ["top-", k, "plain"]:
                return TopK(_parsed_number(int, "k", k), renormalised=False)
            case ["learned"]:
                return Learned()
            case ["learned", samples, *moments] if len(moments) < 2:
                return Learned(
                    _parsed_number(int, "samples", samples), *cast(list[MomentKind], moments)
                )
            case ["retrained", *_]:
                raise ValueError("this is no gate but an option, --retrained")
    except ValueError as error:
        raise ValueError(f"{text!r}: {error}") from None
    raise ValueError(
        unknown_name_message("gate", text, ("hard", "soft", "top-2", "learned", "oracle"), GATES)
    )


def assignment(text: str) -> tuple[int, ...]:
    """Parse the experts of the groups, separated by commas.

    >>> assignment("0,0,1")
    (0, 0, 1)
    """
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"must be integers separated by commas, got {shown(text)}"
        ) from None


def noise_law(text: str) -> str:
    """Check that ``text`` names a noise law, and return it."""
    try:
        law(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def law(text: str) -> Any:
    """The scipy.stats distribution of a ``text`` in a form of `NOISE_LAWS`; None if normal.

    >>> float(law("student-t:5").var())
    1.6666667
    """
    from scipy import stats

    match text.split(":"):
        case ["normal"]:
            return None
        case ["uniform"]:
            return stats.uniform()
        case ["laplace"]:
            return stats.laplace()
        case ["student-t", freedom]:
            df = _parsed_number(float, "DF", freedom)
            if not 2.0 < df < math.inf:
                raise ValueError(f"{text!r}: DF must be above 2 for a finite variance, got {df:g}")
            return stats.t(df)
    names = ("normal", "uniform", "laplace", "student-t:5")
    raise ValueError(unknown_name_message("noise law", text, names, NOISE_LAWS))


def unknown_name_message(what: str, text: str, names: Sequence[str], grammar: str) -> str:
    """The error message for a text that is none of ``names``, or has wrong settings."""
    name = text.partition(":")[0]
    near = difflib.get_close_matches(name.lower(), names, 1)
    hint = f"; did you mean {near[0]!r}?" if near and near[0] != name else f": there are {grammar}"
    return f"no {what} {shown(text)}{hint}"


def _parsed_number(kind: type[Number], name: str, text: str) -> Number:
    try:
        return kind(text)
    except ValueError:
        what = {"int": "an integer", "float": "a number"}[kind.__name__]
        raise ValueError(f"{name} must be {what}, got {text!r}") from None


def at_least(minimum: int, most: int | None = None) -> Callable[[str], int]:
    """The type of options that are integers of at least ``minimum`` and at most ``most``."""

    def within(text: str) -> int:
        value = integer(text)
        got = text if len(text) <= LONG else shown(text)
        if value < minimum:
            raise argparse.ArgumentTypeError(f"must be at least {minimum}, got {got}")
        if most is not None and value > most:
            raise argparse.ArgumentTypeError(f"must be at most {most}, got {got}")
        return value

    return within
